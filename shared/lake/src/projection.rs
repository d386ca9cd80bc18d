//! Rows in partitions that no query finds: those whose values Athena's partition projection does not list.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{SystemTime, UNIX_EPOCH},
};

use cleanzone_catalog::{PartitionKey, Table, is_projected, parameters_after};
use cleanzone_rules::{Dataset, OnMiss, Projection};

use crate::{
    Error,
    naming::HIVE_NULL,
    sink::WrittenFile,
    warning::{Warning, WarningKind},
};

/// What Athena finds of the partitions of a table, once a file has been committed to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Projections {
    keys: BTreeMap<String, (Projection, OnMiss)>,
    /// Seconds since 1970.
    now: i64,
}

impl Projections {
    /// As the rules want it, and as the table has it where they say nothing.
    pub(crate) fn new(table: Option<&Table>, keys: &[PartitionKey], dataset: &Dataset) -> Self {
        if table.is_none_or(|table| !is_projected(&table.parameters)) && dataset.projection.is_empty() {
            return Self::default();
        }
        let parameters = parameters_after(table, keys, &dataset.projection_properties());
        if !is_projected(&parameters) {
            return Self::default();
        }
        let of = |key: &PartitionKey| {
            let on_miss = dataset.projection.get(&key.name).map(|projected| projected.on_miss).unwrap_or_default();
            Some((key.name.clone(), (Projection::of_table(&key.name, &parameters)?, on_miss)))
        };
        Self { keys: keys.iter().filter_map(of).collect(), now: now() }
    }

    /// Whether no query finds what has this value, as a folder says it.
    pub(crate) fn misses(&self, key: &str, value: &str) -> bool {
        let value = Some(value).filter(|value| *value != HIVE_NULL);
        self.keys.get(key).is_some_and(|(projection, _)| !projection.finds(value, self.now))
    }

    /// Whether such rows are rejected.
    pub(crate) fn rejects(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|(_, on_miss)| *on_miss == OnMiss::Reject)
    }

    /// Refuses a file in a folder that no query finds, where such rows are to be rejected.
    pub(crate) fn check_folders(&self, folders: &[(String, String)]) -> Result<(), Error> {
        match folders.iter().find(|(key, value)| self.rejects(key) && self.misses(key, value)) {
            None => Ok(()),
            Some((key, _)) => Err(Error::Schema(format!(
                "the folder {key}=… of the object key {}, and `on_miss` is \"reject\"; put the file into another \
                 folder, or extend the projection in lake.toml",
                outside(key)
            ))),
        }
    }

    /// How many rows and partitions nobody finds, by key. `folders` are those of the source's key, `derived` the names
    /// of the keys that the files' own values are of.
    pub(crate) fn warnings(
        &self,
        folders: &[(String, String)],
        derived: &[&str],
        files: &[WrittenFile],
    ) -> Vec<Warning> {
        let count = |key: &str, is_missed: &dyn Fn(&WrittenFile) -> bool| {
            let missed = || files.iter().filter(|file| is_missed(file));
            let rows: u64 = missed().map(|file| file.rows).sum();
            let partitions: BTreeSet<_> = missed().map(|file| &file.partition.path).collect();
            (rows > 0).then(|| warning(key, rows, partitions.len()))
        };
        let folders = folders.iter().map(|(key, value)| {
            let is_missed = self.misses(key, value);
            count(key, &|_| is_missed)
        });
        let derived = derived.iter().enumerate().map(|(place, key)| {
            count(key, &|file| file.partition.values.get(place).is_some_and(|value| self.misses(key, value)))
        });
        folders.chain(derived).flatten().collect()
    }
}

/// What is wrong with a value of a key.
pub(crate) fn outside(key: &str) -> String {
    format!("is outside the projection of the partition key {key}, so that no query of Athena finds it")
}

fn warning(key: &str, rows: u64, partitions: usize) -> Warning {
    let message = format!(
        "{rows} rows in {partitions} partitions have values outside the projection of this partition key (null always \
         is), so that no query of Athena finds them; extend `range` or `values` in [dataset.projection], or reject such \
         rows by `on_miss = \"reject\"`"
    );
    Warning::of_column(WarningKind::ProjectionMiss, key, message)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
