//! The Glue Data Catalog, and how a file's columns become part of a table without ever breaking it.
//!
//! [`Catalog`] is the few calls that a catalog must answer ([`GlueCatalog`]; [`MemoryCatalog`] for tests).
//! [`expect`](expect()) says how a file is to be read so that it fits its table; [`Committer::commit`] is the one loop
//! over the calls: read, [`merge`](merge()), write under the version that was read, and start again where another
//! writer was faster. So a hundred functions that add different columns to one table at once end with all of them.
//! [`Committer::record_statistics`] puts numbers of rows, files and bytes beside them in the same way, where
//! [`Bookkeeping`] says that they are complete.
//!
//! What a table promises, and a commit keeps:
//! - a column, once it has a type, keeps name, type and place; new columns are appended. One exception: a type that is
//!   declared wider takes its place where every engine reads the files that exist under it as well;
//! - a column that has had no value yet is *provisional*: it is listed as `string`, marked with the column parameter
//!   [`PROVISIONAL`], and no file holds it. The first file that has a value decides its type;
//! - whatever others have put into the table (owner, comments, parameters) stays;
//! - a partition lists the columns that its files may hold, and so never contradicts the table.

mod bookkeeping;
mod catalog;
#[cfg(feature = "glue")]
mod column_statistics;
mod commit;
#[cfg(feature = "glue")]
mod definition;
mod error;
mod expect;
#[cfg(feature = "glue")]
mod glue;
mod hive_type;
mod mark;
mod memory;
mod merge;
mod partition;
mod projection;
mod spark;
mod statistics;
mod table;
mod widening;

pub use bookkeeping::Bookkeeping;
pub use catalog::{Catalog, Page, Written};
pub use commit::{Commit, Committed, Committer, Jitter};
pub use error::{Error, Mismatch};
pub use expect::{Reading, Wanted, expect};
#[cfg(feature = "glue")]
pub use glue::GlueCatalog;
pub use hive_type::{data_type, hive_type};
pub use mark::{MARKED, Mark, Position};
pub use memory::{Call, MemoryCatalog, Trouble};
pub use merge::{Evolution, FileColumn, FileSchema, PartitionKey, Plan, Widened, merge};
pub use partition::{Partition, RegisteredPartition};
pub use projection::{is_projected, parameters_after};
pub use statistics::{ColumnStatistics, Kind, Numbers, Statistics};
pub use table::{Column, Format, NOTATION, Origin, PLAIN, PROVISIONAL, Table, TableName};
pub use widening::text_limit;

/// What every operation here returns.
pub type Result<T> = std::result::Result<T, Error>;
