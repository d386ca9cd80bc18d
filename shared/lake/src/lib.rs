//! One source object becomes files, a catalog commit and a report.
//!
//! [`Lake::convert`] is the whole story: the key names the table ([`Naming`]); the source is read once, in bounded
//! memory, under the table's types; the files are uploaded out of sight, the catalog learns of new columns and
//! partitions, and only then do the files appear, exactly once, whatever is retried, repeated or reordered.
//! What cannot be converted is kept in a [`Quarantine`]. [`convert_file`] does the same from one local file to another.

mod bridge;
mod convert;
mod error;
mod lake;
mod local;
mod naming;
mod planner;
mod publish;
mod quarantine;
mod record;
mod remote;
mod report;
mod rulebook;
mod rules;
mod settings;
mod sink;

pub use error::Error;
pub use lake::Lake;
pub use local::{Progress, convert_file, inspect_file};
pub use naming::{Naming, column_names, sanitise};
pub use quarantine::Quarantine;
pub use report::{ColumnReport, Content, Report, SourceReport, Status};
pub use rulebook::{Current, Rulebook};
pub use settings::{Compression, Layout, Mode, Settings};
