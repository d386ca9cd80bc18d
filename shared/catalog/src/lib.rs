//! The Glue Data Catalog, and how a file's columns become part of a table without ever breaking it.
//!
//! [`Catalog`] is the few calls that a catalog must answer; [`commit`] is the one loop over them: read, [`merge`],
//! write under the version that was read, and start again where another writer was faster.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;

mod error;

pub use error::Error;

/// What every operation here returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, as Athena accepts it.
    pub name: String,
    /// The Hive type as it stands in Glue, such as `bigint` or `decimal(10,2)`.
    pub hive_type: String,
    /// The comment.
    pub comment: Option<String>,
    /// Column parameters.
    pub parameters: BTreeMap<String, String>,
}

/// The name of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The database.
    pub database: String,
    /// The table in it.
    pub table: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// A table as the catalog holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its columns, without the partition keys, in order.
    pub columns: Vec<Column>,
    /// Its partition keys, in order.
    pub partition_keys: Vec<Column>,
    /// Where its files are, with a trailing slash.
    pub location: String,
    /// Table parameters.
    pub parameters: BTreeMap<String, String>,
    /// The version that an update must name.
    pub version: Option<String>,
}

/// A partition of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// One value a partition key, in the keys' order.
    pub values: Vec<String>,
    /// Where its files are, with a trailing slash.
    pub location: String,
}

/// A place that knows which tables there are.
#[async_trait]
pub trait Catalog: Send + Sync + fmt::Debug {
    /// A table; `None` where it, or its database, does not exist.
    async fn table(&self, name: &TableName) -> Result<Option<Table>>;
}
