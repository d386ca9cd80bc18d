//! A lake on a store and a catalog in memory.

#![allow(dead_code, reason = "each test binary uses some of it")]

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::{Array, AsArray, RecordBatch};
use bytes::Bytes;
use cleanzone_catalog::{Catalog, MemoryCatalog, TableName};
use cleanzone_events::ObjectCreated;
use cleanzone_lake::{Lake, Layout, Report, Rulebook, Settings};
use cleanzone_storage::{Location, MemoryStore};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Where the rules are, if there are any.
const RULES: &str = "s3://rules/lake.toml";

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) catalog: Arc<MemoryCatalog>,
    pub(crate) settings: Settings,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(MemoryStore::new(["landing", "clean", "rules"]))
    }

    pub(crate) fn with(store: MemoryStore) -> Self {
        let settings = Settings {
            clean_bucket: "clean".into(),
            layout: Layout { threads: 1, ..Layout::default() },
            read: cleanzone_tabular::Options { threads: 1, ..Default::default() },
            ..Settings::default()
        };
        Self { store, catalog: Arc::new(MemoryCatalog::default()), settings }
    }

    /// Makes this the `lake.toml`.
    pub(crate) fn rule(&self, text: &str) {
        self.store.insert(&Location::new("rules", "lake.toml"), text.to_owned());
    }

    /// How many records the file of rejected rows has.
    pub(crate) fn rejected_rows(&self, report: &Report) -> u64 {
        let Some(path) = &report.rejected_path else { return 0 };
        let key = path.strip_prefix("s3://clean/").unwrap();
        let body = self.store.content(&Location::new("clean", key)).unwrap();
        csv::Reader::from_reader(&*body).records().map(Result::unwrap).count() as u64
    }

    pub(crate) fn lake(&self) -> Lake {
        let store = Arc::new(self.store.clone());
        let rules = Rulebook::new(RULES, store.clone(), Some("clean"), true).unwrap();
        Lake::new(store, self.catalog.clone(), self.settings.clone()).following(rules)
    }

    /// Puts an object there and returns the event that S3 would send.
    pub(crate) fn land(&self, key: &str, body: impl Into<Bytes>, sequencer: u32) -> ObjectCreated {
        let meta = self.store.insert(&Location::new("landing", key), body);
        ObjectCreated {
            bucket: "landing".into(),
            key: key.into(),
            version_id: meta.version,
            etag: Some(meta.etag),
            size: Some(meta.size),
            sequencer: Some(format!("{sequencer:016X}").parse().unwrap()),
            event_time: None,
        }
    }

    /// Every row of a table, as text by column, from all its visible Parquet objects.
    pub(crate) fn rows(&self, table: &str) -> Vec<BTreeMap<String, String>> {
        let mut rows = Vec::new();
        for (key, body) in self.store.snapshot("clean") {
            if !key.starts_with(table) || !key.ends_with(".parquet") {
                continue;
            }
            for batch in ParquetRecordBatchReaderBuilder::try_new(body).unwrap().build().unwrap() {
                rows.extend(texts(&batch.unwrap()));
            }
        }
        rows
    }

    pub(crate) async fn columns(&self, database: &str, table: &str) -> Vec<(String, String)> {
        let table = self.catalog.table(&TableName::new(database, table)).await.unwrap().unwrap();
        table.columns.into_iter().map(|c| (c.name, c.hive_type)).collect()
    }

    /// Nothing of a failed conversion may stay.
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(self.store.keys("clean"), Vec::<String>::new());
        assert_eq!(self.store.pending_uploads(), 0);
    }
}

fn texts(batch: &RecordBatch) -> Vec<BTreeMap<String, String>> {
    let columns: Vec<_> =
        batch.columns().iter().map(|c| arrow::compute::cast(c, &arrow::datatypes::DataType::Utf8).unwrap()).collect();
    (0..batch.num_rows())
        .map(|row| {
            let cells = batch.schema_ref().fields().iter().zip(&columns).filter(|(_, c)| c.is_valid(row));
            cells.map(|(f, c)| (f.name().clone(), c.as_string::<i32>().value(row).to_owned())).collect()
        })
        .collect()
}

pub(crate) fn values(rows: &[BTreeMap<String, String>], column: &str) -> Vec<String> {
    let mut values: Vec<_> = rows.iter().filter_map(|r| r.get(column).cloned()).collect();
    values.sort();
    values
}

pub(crate) fn names(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect()
}
