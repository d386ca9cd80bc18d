use std::fmt;

use async_trait::async_trait;

use crate::{Partition, RegisteredPartition, Result, Table, TableName};

/// How a write that others may race with has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// As asked.
    Done,
    /// Another writer was faster: read again, then decide again. Part of a batch may have been written.
    Stale,
    /// What it should be written into (the database of a table, the table of a partition) does not exist.
    Missing,
}

/// Some of a table's partitions.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The partitions, in no order.
    pub partitions: Vec<RegisteredPartition>,
    /// What to ask for next; `None` at the end.
    pub next: Option<String>,
}

/// A place that knows which tables there are.
///
/// Every call can fail with [`Error::Call`](crate::Error::Call).
#[async_trait]
pub trait Catalog: Send + Sync + fmt::Debug {
    /// A table; `None` where it, or its database, does not exist.
    async fn table(&self, name: &TableName) -> Result<Option<Table>>;

    /// Creates a database. Afterwards it exists, or another writer is about to have created it.
    async fn create_database(&self, database: &str) -> Result<()>;

    /// Creates a table. [`Written::Stale`] where there is one, [`Written::Missing`] where there is no database.
    async fn create_table(&self, name: &TableName, table: &Table) -> Result<Written>;

    /// Replaces the columns and parameters of a table as [`table`](Self::table) has returned it, and leaves
    /// everything else in it alone. [`Written::Stale`] where the table is at another version by now.
    async fn update_table(&self, name: &TableName, table: &Table) -> Result<Written>;

    /// Those of these partitions (by their values, any number) that exist.
    async fn find_partitions(&self, name: &TableName, partitions: &[Partition]) -> Result<Vec<RegisteredPartition>>;

    /// All partitions, a page at a time: `None` first, then what the last page says.
    async fn partitions(&self, name: &TableName, after: Option<String>) -> Result<Page>;

    /// Creates partitions, any number, with the columns of `table`. [`Written::Stale`] where some exist already (and
    /// are left alone) or could not be written just now.
    async fn create_partitions(&self, name: &TableName, table: &Table, partitions: &[Partition]) -> Result<Written>;

    /// Gives partitions, any number, the columns of `table`, and leaves everything else in them alone.
    /// [`Written::Stale`] where some are gone or could not be written just now.
    async fn update_partitions(
        &self,
        name: &TableName,
        table: &Table,
        partitions: &[RegisteredPartition],
    ) -> Result<Written>;
}
