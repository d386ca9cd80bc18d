use std::fmt;

use async_trait::async_trait;

use crate::{
    Bookkeeping, ColumnStatistics, Numbers, Partition, RegisteredPartition, Result, Statistics, Table, TableName,
};

/// Partitions that are held in memory at once.
pub(crate) const GROUP: usize = 1000;

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

    /// Gives partitions, any number, the columns of `table` and the parameters that they have here, and leaves
    /// everything else in them alone. [`Written::Stale`] where some are gone or could not be written just now.
    async fn update_partitions(
        &self,
        name: &TableName,
        table: &Table,
        partitions: &[RegisteredPartition],
    ) -> Result<Written>;

    /// Replaces the statistics of these columns: the table's, or those of the partition with these values. Those that
    /// do not fit the type that `table` says, or have no range where they need one, are passed over.
    /// [`Written::Stale`] where some could not be written just now, [`Written::Missing`] where table or partition is
    /// gone.
    async fn set_column_statistics(
        &self,
        name: &TableName,
        table: &Table,
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
    ) -> Result<Written>;

    /// What is known about these columns, in no order; those that nothing is known about are missing.
    async fn column_statistics(
        &self,
        name: &TableName,
        partition: Option<&[String]>,
        columns: &[&str],
    ) -> Result<Vec<ColumnStatistics>>;

    /// Puts numbers into the parameters of a table and of those of these partitions that exist, and leaves everything
    /// else in them alone. Nothing is written where they stand there already. [`Written::Stale`] where another writer
    /// changed the table meanwhile: set them again, which also brings partitions back up to date. [`Written::Missing`]
    /// also where the table is not, or no more, counted under this id: then these partitions have no numbers
    /// afterwards.
    async fn set_statistics(&self, name: &TableName, id: &str, statistics: &Statistics) -> Result<Written> {
        let Some(mut table) = self.table(name).await? else { return Ok(Written::Missing) };
        let is_counted = Bookkeeping::of(&table).is_some_and(|held| held.id == id);
        let mut partitions_written = false;
        // The location is no part of what is asked.
        let wanted: Vec<Partition> = statistics
            .partitions
            .keys()
            .map(|values| Partition { values: values.clone(), location: String::new() })
            .collect();
        for group in wanted.chunks(GROUP) {
            let mut found = self.find_partitions(name, group).await?;
            found.retain_mut(|held| {
                let numbers = statistics.partitions.get(&held.partition.values);
                let changed = if is_counted {
                    numbers.is_some_and(|numbers| numbers.put(&mut held.parameters))
                } else {
                    Numbers::remove(&mut held.parameters)
                };
                changed || held.is_outdated(&table)
            });
            if found.is_empty() {
                continue;
            }
            partitions_written = true;
            let written = self.update_partitions(name, &table, &found).await?;
            if written != Written::Done {
                return Ok(written);
            }
        }
        if !is_counted {
            return Ok(Written::Missing);
        }
        if let Some(numbers) = statistics.table
            && numbers.put(&mut table.parameters)
        {
            // Last: it succeeds only where no column came while partitions were given those of a moment ago.
            return self.update_table(name, &table).await;
        }
        let stale = partitions_written && self.table(name).await?.is_none_or(|now| now.version != table.version);
        Ok(if stale { Written::Stale } else { Written::Done })
    }
}
