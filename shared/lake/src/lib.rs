//! One source object becomes files, a catalog commit and a report.
//!
//! [`Lake::convert`] is the whole story: the key names the table ([`Naming`]); the source is read once, in bounded
//! memory, under the table's types; the files are uploaded out of sight, the catalog learns of new columns and
//! partitions, and only then do the files appear, exactly once, whatever is retried, repeated or reordered.
//! Where [`Settings::partition_by`] says so, each row goes into the partition that its values name, in bounded memory
//! however many there are. What cannot be converted is kept in a [`Quarantine`]. [`convert_file`] does the same from one local file to another.
//!
//! A function that makes something else of an object has the same ground under it: [`on_thread`], [`ObjectSource`] and
//! [`BlockingUpload`].

mod absent;
mod bridge;
mod column_statistics;
mod columns;
mod context;
mod convert;
mod document;
mod error;
mod lake;
mod local;
mod marks;
mod naming;
mod overwrite;
mod partition;
mod partition_codes;
mod partition_rows;
mod places;
mod planner;
mod projection;
mod publish;
mod quarantine;
mod record;
mod remote;
mod report;
mod rulebook;
mod rules;
mod settings;
mod sink;
mod spill;
mod statistics;
mod warning;

pub use bridge::{BlockingUpload, Bridge, on_thread};
pub use error::Error;
pub use lake::Lake;
pub use local::{LocalReport, Progress, convert_file, inspect_file, read_file};
pub use marks::{Claim, DailyMarks};
pub use naming::{Naming, column_names, sanitise};
pub use quarantine::Quarantine;
pub use record::short_hash;
pub use remote::{ObjectSource, abort_all};
pub use report::{ColumnReport, Content, Report, SourceReport, Status};
pub use rulebook::{Current, Rulebook};
pub use rules::{DEIDENTIFIED, ORIGIN, is_deidentified};
pub use settings::{Compression, Context, Evolution, Layout, Mode, PartitionBy, Settings, Statistics, Transform};
pub use statistics::{Counts, Figures};
pub use warning::{Warning, WarningKind};
