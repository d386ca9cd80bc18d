//! Rows that go into the partitions of a table by what they say.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc};

use arrow::array::{Array, AsArray};
use cleanzone_catalog::{Catalog, MemoryCatalog, TableName};
use cleanzone_error::{ErrorName, Fault as _};
use cleanzone_events::ObjectCreated;
use cleanzone_lake::{
    Context, Error, Lake, Layout, PartitionBy, Progress, Report, Settings, Status, Transform, convert_file,
};
use cleanzone_storage::{Call, Error as StorageError, Fault, Location, MemoryStore, ObjectStore as _};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

struct World {
    store: MemoryStore,
    catalog: Arc<MemoryCatalog>,
    settings: Settings,
}

fn by(name: &str, column: &str, transform: Transform) -> PartitionBy {
    let hive_type = transform.hive_type().unwrap_or("string").to_owned();
    PartitionBy { name: name.into(), column: column.into(), transform, hive_type }
}

impl World {
    fn new(partition_by: Vec<PartitionBy>) -> Self {
        let settings = Settings {
            clean_bucket: "clean".into(),
            layout: Layout { threads: 1, ..Layout::default() },
            read: cleanzone_tabular::Options { threads: 1, ..Default::default() },
            partition_by,
            ..Settings::default()
        };
        Self { store: MemoryStore::new(["landing", "clean"]), catalog: Arc::new(MemoryCatalog::default()), settings }
    }

    async fn convert(&self, key: &str, body: &str, sequencer: u32) -> Result<Report, Error> {
        let meta = self.store.insert(&Location::new("landing", key), body.to_owned());
        let event = ObjectCreated {
            bucket: "landing".into(),
            key: key.into(),
            etag: Some(meta.etag),
            sequencer: Some(format!("{sequencer:016X}").parse().unwrap()),
            ..ObjectCreated::default()
        };
        self.again(&event).await
    }

    async fn again(&self, event: &ObjectCreated) -> Result<Report, Error> {
        let lake = Lake::new(Arc::new(self.store.clone()), self.catalog.clone(), self.settings.clone());
        lake.convert(event, None).await
    }

    /// The Parquet files: the folder below the table, and the values of a column.
    fn files(&self, column: &str) -> BTreeMap<String, Vec<String>> {
        let keys = self.store.keys("clean");
        let files = keys.iter().filter(|key| key.ends_with(".parquet"));
        files
            .map(|key| {
                let folder = key.strip_prefix("db/t/").unwrap().rsplit_once('/').map_or("", |(folder, _)| folder);
                let body = self.store.content(&Location::new("clean", key)).unwrap();
                (folder.to_owned(), column_of(body, column))
            })
            .collect()
    }

    async fn partitions(&self) -> Vec<(Vec<String>, String)> {
        let page = self.catalog.partitions(&TableName::new("db", "t"), None).await.unwrap();
        let mut found: Vec<_> =
            page.partitions.into_iter().map(|p| (p.partition.values, p.partition.location)).collect();
        found.sort();
        found
    }
}

fn column_of(body: bytes::Bytes, column: &str) -> Vec<String> {
    let mut values = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(body).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let array = arrow::compute::cast(batch.column_by_name(column).unwrap(), &arrow::datatypes::DataType::Utf8);
        let array = array.unwrap();
        let texts = array.as_string::<i32>();
        values.extend((0..texts.len()).map(|row| texts.value(row).to_owned()));
    }
    values
}

const ORDERS: &str =
    "id,country,ordered\n1,DE,2026-01-31\n2,\"F/R\",2026-02-01\n3,DE,2026-02-28\n4,,2025-02-01\n5,DE,2026-01-01\n";

#[tokio::test]
async fn rows_go_into_folders_and_the_catalog_knows_them() {
    let world = World::new(vec![by("country", "country", Transform::Identity), by("year", "ordered", Transform::Year)]);
    let report = world.convert("db/t/region=eu/a.csv", ORDERS, 1).await.unwrap();
    let null = "__HIVE_DEFAULT_PARTITION__";
    let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        world.files("id"),
        BTreeMap::from([
            ("region=eu/country=DE/year=2026".to_owned(), ids(&["1", "3", "5"])),
            ("region=eu/country=F%2FR/year=2026".to_owned(), ids(&["2"])),
            (format!("region=eu/country={null}/year=2025"), ids(&["4"])),
        ])
    );
    let table = world.catalog.table(&TableName::new("db", "t")).await.unwrap().unwrap();
    let names = |columns: &[cleanzone_catalog::Column]| columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&table.partition_keys), ["region", "country", "year"]);
    assert_eq!(names(&table.columns), ["id", "ordered"]);
    let expected =
        [("DE", "DE", "2026"), ("F/R", "F%2FR", "2026"), (null, null, "2025")].map(|(value, folder, year)| {
            let location = format!("s3://clean/db/t/region=eu/country={folder}/year={year}/");
            (vec!["eu".to_owned(), value.to_owned(), year.to_owned()], location)
        });
    assert_eq!(world.partitions().await, expected);
    assert_eq!(report.partitions_values.len(), 3);
    assert_eq!(report.partitions_values[&expected[1].1], expected[1].0);
    assert_eq!((report.paths.len(), report.content.rows, report.content.columns.len()), (3, 5, 2));
}

#[tokio::test]
async fn a_new_version_may_have_other_partitions_and_a_redelivery_changes_nothing() {
    let world = World::new(vec![by("month", "ordered", Transform::Month)]);
    world.convert("db/t/a.csv", ORDERS, 1).await.unwrap();
    let folders: Vec<_> = world.files("id").into_keys().collect();
    assert_eq!(folders, ["month=1", "month=2"]);
    let meta = world.store.insert(&Location::new("landing", "db/t/a.csv"), "id,country,ordered\n9,DE,2026-03-01\n");
    let event = ObjectCreated {
        bucket: "landing".into(),
        key: "db/t/a.csv".into(),
        etag: Some(meta.etag),
        sequencer: Some("00F2".parse().unwrap()),
        ..ObjectCreated::default()
    };
    assert_eq!(world.again(&event).await.unwrap().status, Status::Converted);
    assert_eq!(world.files("id"), BTreeMap::from([("month=3".to_owned(), vec!["9".to_owned()])]));
    let published = world.store.calls(Call::Publish);
    assert_eq!(world.again(&event).await.unwrap().status, Status::Unchanged);
    assert_eq!((world.store.calls(Call::Publish), world.store.pending_uploads()), (published, 0));
}

#[tokio::test]
async fn added_columns_tell_where_rows_come_from_and_when_they_came() {
    let mut world = World::new(vec![by("landed", "ingested_at", Transform::Day)]);
    world.settings.context = Context { ingested_at: Some("at".into()), source_key: Some("id".into()) };
    world.convert("db/t/a b.csv", "id,country\n1,DE\n2,FR\n", 1).await.unwrap();
    let at = world.store.head(&Location::new("landing", "db/t/a b.csv")).await.unwrap().unwrap().last_modified;
    let seconds = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // The file's own column of the name gets another one.
    assert_eq!(world.files("id").into_values().next().unwrap(), ["s3://landing/db/t/a b.csv"; 2]);
    assert_eq!(world.files("id_1").into_values().next().unwrap(), ["1", "2"]);
    let (folder, stored) = world.files("at").into_iter().next().unwrap();
    assert_eq!(stored[0], stored[1]);
    assert!(folder.starts_with("landed=20") && stored[0].starts_with(&folder["landed=".len()..]), "{folder} {seconds}");
    let table = world.catalog.table(&TableName::new("db", "t")).await.unwrap().unwrap();
    let columns: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), c.hive_type.as_str())).collect();
    assert_eq!(columns, [("id_1", "bigint"), ("country", "string"), ("at", "timestamp"), ("id", "string")]);
}

#[tokio::test]
async fn thousands_of_partitions_pass_through_a_small_buffer() {
    let mut world = World::new(vec![by("k", "k", Transform::Identity)]);
    world.settings.layout.partition_buffer_bytes = 10_000;
    world.settings.read.block_bytes = 20_000;
    let body: String = (0..12_000).fold("id,k\n".to_owned(), |text, n| text + &format!("{n},key {}\n", n * 7 % 3000));
    let report = world.convert("db/t/a.csv", &body, 1).await.unwrap();
    assert_eq!((report.paths.len(), report.content.rows), (3000, 12_000));
    let files = world.files("id");
    assert_eq!((files.len(), files.values().map(Vec::len).sum::<usize>()), (3000, 12_000));
    assert_eq!(files["k=key 7"], ["1", "3001", "6001", "9001"]);
    assert_eq!(world.store.pending_uploads(), 0);
}

#[tokio::test]
async fn a_failure_in_the_middle_leaves_nothing() {
    let world = World::new(vec![by("k", "k", Transform::Identity)]);
    let body: String = (0..100).fold("id,k\n".to_owned(), |text, n| text + &format!("{n},{n}\n"));
    for call in [Call::Upload, Call::Write, Call::Finish] {
        for _ in 0..40 {
            world.store.inject(call, Fault::Pass);
        }
        let error = StorageError::Throttled(Location::new("clean", "x"), "slow down".into());
        world.store.inject(call, Fault::Before(error));
        let error = world.convert("db/t/a.csv", &body, 1).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::Throttled);
        assert_eq!(world.store.keys("clean"), Vec::<String>::new());
        // An upload whose end failed has freed itself, which the store cannot see.
        assert_eq!(world.store.pending_uploads(), usize::from(call == Call::Finish), "{call:?}");
    }
    assert_eq!(world.convert("db/t/a.csv", &body, 1).await.unwrap().paths.len(), 100);
}

#[tokio::test]
async fn a_key_without_a_declared_type_is_the_text_that_stands_in_the_file() {
    let world = World::new(vec![by("v", "v", Transform::Identity)]);
    world.convert("db/t/a.csv", "id,v\n1,2.50\n2,007\n", 1).await.unwrap();
    world.convert("db/t/b.csv", "id,v\n3,x\n", 1).await.unwrap();
    let values: Vec<_> = world.partitions().await.into_iter().map(|(values, _)| values).collect();
    assert_eq!(values, [["007"], ["2.50"], ["x"]]);
}

#[tokio::test]
async fn what_cannot_be_parted_is_refused_before_anything_is_written() {
    let long = format!("id,k\n1,{}\n", "x".repeat(1500));
    for (key, body, keys, name) in [
        ("db/t/a.csv", "id,v\n1,2.5\n", vec![by("y", "v", Transform::Year)], ErrorName::SchemaConflict),
        ("db/t/a.csv", "id\n1\n", vec![by("k", "k", Transform::Identity)], ErrorName::SchemaConflict),
        ("db/t/a.csv", "k\n1\n", vec![by("k", "k", Transform::Identity)], ErrorName::SchemaConflict),
        ("db/t/k=1/a.csv", "id,k\n1,2\n", vec![by("k", "k", Transform::Identity)], ErrorName::SchemaConflict),
        ("db/t/a.csv", &long, vec![by("k", "k", Transform::Identity)], ErrorName::LimitExceeded),
    ] {
        let world = World::new(keys);
        let error = world.convert(key, body, 1).await.unwrap_err();
        assert_eq!(error.name(), name, "{error}");
        assert!(!error.to_string().contains("xxx"), "{error}");
        assert_eq!((world.store.keys("clean").len(), world.store.pending_uploads()), (0, 0));
    }
}

#[test]
fn a_local_file_becomes_a_folder_of_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("orders.csv"), folder.path().join("out"));
    std::fs::write(&input, ORDERS).unwrap();
    let settings =
        Settings { partition_by: vec![by("country", "country", Transform::Identity)], ..Settings::default() };
    let report = convert_file(&input, &output, &settings, &Progress::default()).unwrap();
    assert_eq!(report.content.rows, 5);
    let file = std::fs::read(output.join("country=DE/orders.parquet")).unwrap();
    assert!((file.len() as u64) < report.bytes_out);
    assert_eq!(column_of(file.into(), "id"), ["1", "3", "5"]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");

    // A second time would mix two conversions.
    let error = convert_file(&input, &output, &settings, &Progress::default()).unwrap_err();
    assert_eq!(error.name(), ErrorName::Io);
    std::fs::write(&input, "id,country\n1,DE\n2,FR,too many\n3\n").unwrap();
    let other = folder.path().join("other");
    assert!(convert_file(&input, &other, &settings, &Progress::default()).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
