//! What tables keep, and what people are told, when rules and tables change between files.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use cleanzone_catalog::{Catalog, Column, Table, TableName};
use cleanzone_error::{ErrorName, Fault as _};
use cleanzone_lake::{Error, Report, Statistics, WarningKind};
use cleanzone_storage::{Location, MemoryStore};
use proptest::prelude::*;

use crate::world::{World, values};

mod world;

/// The rules of the one dataset.
fn rules(text: &str) -> String {
    format!("[[dataset]]\nmatch = \"db/t/**\"\ndatabase = \"db\"\ntable = \"t\"\n{text}\n")
}

async fn convert(world: &World, key: &str, body: &str) -> Result<Report, Error> {
    world.lake().convert(&world.land(key, body.to_owned(), 1), None).await
}

async fn table(world: &World) -> Table {
    world.catalog.table(&TableName::new("db", "t")).await.unwrap().unwrap()
}

fn rejected(world: &World, report: &Report) -> String {
    let key = report.rejected_path.as_ref().unwrap().strip_prefix("s3://clean/").unwrap().to_owned();
    String::from_utf8(world.store.content(&Location::new("clean", key)).unwrap().to_vec()).unwrap()
}

fn warned(report: &Report, kind: WarningKind) -> Vec<(Option<String>, String)> {
    let of_kind = report.warnings.iter().filter(|warning| warning.kind == kind);
    of_kind.map(|warning| (warning.column.clone(), warning.message.clone())).collect()
}

const COUNTRIES: &str = "id,country,day\n1,DE,2026-01-31\n2,secret,2026-01-31\n3,,2019-01-01\n4,DE,2026-02-01\n";

#[tokio::test]
async fn rows_that_projection_hides_are_told_of() {
    let world = World::new();
    world.rule(&rules(
        "partition_by = [\"country\", \"year(day) as year\"]\n[dataset.projection]\ncountry = { values = [\"DE\", \"FR\"] }\nyear = { range = \"2020,2035\" }\n[dataset.columns]\nday = { type = \"date\" }",
    ));
    let report = convert(&world, "db/t/a.csv", COUNTRIES).await.unwrap();
    assert_eq!((report.content.rows, report.content.rejected), (4, 0));
    let found = warned(&report, WarningKind::ProjectionMiss);
    assert_eq!(found.iter().map(|(key, _)| key.as_deref().unwrap()).collect::<Vec<_>>(), ["country", "year"]);
    assert!(found[0].1.starts_with("2 rows in 2 partitions") && found[1].1.starts_with("1 rows in 1 partitions"));
    assert!(report.warnings.iter().all(|warning| !warning.message.contains("secret")));
    let clean = convert(&world, "db/t/b.csv", "id,country,day\n5,FR,2027-01-31\n").await.unwrap();
    assert!(clean.warnings.is_empty(), "{:?}", clean.warnings);
}

#[tokio::test]
async fn rows_that_projection_hides_are_rejected_where_the_rules_say_so() {
    for more in ["", "duplicates = { action = \"flag\" }\n", "duplicates = \"drop\"\n"] {
        let world = World::new();
        world.rule(&rules(&format!(
            "max_rejected_ratio = 0.9\n{more}partition_by = [\"country\", \"year(day) as year\"]\n[dataset.projection]\ncountry = {{ values = [\"DE\"], on_miss = \"reject\" }}\nyear = {{ range = \"2020,2035\", on_miss = \"reject\" }}\n[dataset.columns]\nday = {{ type = \"date\" }}",
        )));
        let body = format!("{COUNTRIES}4,DE,2026-02-01\n4,DE,2019-02-01\n");
        let report = convert(&world, "db/t/a.csv", &body).await.unwrap();
        let drops = more.contains("drop");
        let (rows, bad) = if drops { (2, 4) } else { (3, 3) };
        assert_eq!((report.content.records, report.content.rows, report.content.rejected), (6, rows, bad), "{more}");
        assert_eq!(report.content.rejected_by_reason["refused"], 3);
        assert_eq!(report.content.duplicates, u64::from(!more.is_empty()));
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        let rows = world.rows("db/t/");
        assert_eq!(values(&rows, "id"), if drops { vec!["1", "4"] } else { vec!["1", "4", "4"] });
        if more.contains("flag") {
            assert_eq!(values(&rows, "is_duplicate"), ["false", "false", "true"]);
        }
        let text = rejected(&world, &report);
        assert!(text.contains("partition key country") && text.contains("\"2,secret,2026-01-31\""), "{text}");
        assert!(text.contains("partition key year"), "{text}");
    }
}

#[tokio::test]
async fn a_file_in_a_folder_that_projection_hides_is_told_of_or_refused() {
    let world = World::new();
    let of = |miss: &str| rules(&format!("[dataset.projection]\nyear = {{ range = \"2020,2035\"{miss} }}"));
    world.rule(&of(""));
    let report = convert(&world, "db/t/year=1999/a.csv", "id\n1\n2\n").await.unwrap();
    let found = warned(&report, WarningKind::ProjectionMiss);
    assert!(found.len() == 1 && found[0].1.starts_with("2 rows in 1 partitions"), "{found:?}");
    world.rule(&of(", on_miss = \"reject\""));
    let error = convert(&world, "db/t/year=1998/a.csv", "id\n1\n").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    assert!(error.to_string().contains("year=…") && !error.to_string().contains("1998"), "{error}");
}

#[tokio::test]
async fn projection_that_others_have_set_is_heeded() {
    let world = World::new();
    convert(&world, "db/t/year=2026/a.csv", "id\n1\n").await.unwrap();
    let mut theirs = table(&world).await;
    theirs.parameters.insert("projection.enabled".into(), "true".into());
    world.catalog.put(&TableName::new("db", "t"), theirs.clone());
    let error = convert(&world, "db/t/year=2026/b.csv", "id\n1\n").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    assert!(error.to_string().contains("none for its partition key year"), "{error}");

    theirs.parameters.insert("projection.year.type".into(), "INTEGER".into());
    theirs.parameters.insert("projection.year.range".into(), "2020,2030".into());
    world.catalog.put(&TableName::new("db", "t"), theirs.clone());
    let report = convert(&world, "db/t/year=2031/b.csv", "id\n1\n").await.unwrap();
    assert_eq!(warned(&report, WarningKind::ProjectionMiss).len(), 1);
    theirs.parameters.insert("storage.location.template".into(), "s3://clean/db/t/${year}/".into());
    world.catalog.put(&TableName::new("db", "t"), theirs.clone());
    let error = convert(&world, "db/t/year=2026/c.csv", "id\n1\n").await.unwrap_err();
    assert!(error.to_string().contains("storage.location.template"), "{error}");
}

#[tokio::test]
async fn a_folder_of_the_key_is_typed_by_the_rule_of_its_name() {
    let world = World::new();
    world.rule(&rules(
        "[dataset.columns]\nyear = { type = \"int\" }\nday = { type = \"date\" }\nok = { type = \"boolean\" }",
    ));
    convert(&world, "db/t/year=2026/day=2026-01-31/ok=true/a.csv", "id\n1\n").await.unwrap();
    let held = table(&world).await;
    let keys: Vec<_> = held.partition_keys.iter().map(|key| (&*key.name, &*key.hive_type)).collect();
    assert_eq!(keys, [("year", "int"), ("day", "date"), ("ok", "boolean")]);
    assert_eq!(held.columns.iter().map(|column| &*column.name).collect::<Vec<_>>(), ["id"]);
    convert(&world, "db/t/year=2027/day=2026-02-01/ok=false/b.csv", "id\n2\n").await.unwrap();

    for key in
        ["year=secret/day=2026-01-31/ok=true", "year=2026/day=secret/ok=true", "year=2026/day=2026-01-31/ok=secret"]
    {
        let error = convert(&world, &format!("db/t/{key}/c.csv"), "id\n1\n").await.unwrap_err();
        assert_eq!(error.name(), ErrorName::SchemaConflict);
        let name = key.split('/').find_map(|folder| folder.strip_suffix("=secret")).unwrap();
        assert!(error.to_string().contains(&format!("partition key {name} is no")), "{error}");
    }
    let world = World::new();
    world.rule(&rules("[dataset.columns]\nshare = { type = \"double\" }"));
    let error = convert(&world, "db/t/share=0.5/a.csv", "id\n1\n").await.unwrap_err();
    assert!(error.to_string().contains("partition key share is to be double"), "{error}");
}

#[tokio::test]
async fn a_folder_beside_a_rule_for_the_same_key_is_refused() {
    let world = World::new();
    world.rule(&rules("partition_by = [\"year(ts) as year\"]\n[dataset.columns]\nts = { type = \"timestamp\" }"));
    let error = convert(&world, "db/t/year=2026/a.csv", "ts\n2025-01-01 00:00:00\n").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    assert!(error.to_string().contains("year is a folder of the object key, year=…"), "{error}");
}

#[tokio::test]
async fn longer_texts_than_the_table_takes_do_not_fit() {
    let columns = vec![Column::new("id", "bigint"), Column::new("zip", "varchar(5)"), Column::new("state", "char(2)")];
    let body = "id,zip,state\n1,12345,NY\n2,123456,NY\n3,äöüßé,ab  \n4,日本日本日,abc\n";
    for (rule, rows, bad) in [("", 2, 2), ("on_misfit = \"null\", ", 3, 1)] {
        let world = World::new();
        world.catalog.put(&TableName::new("db", "t"), Table::new("s3://clean/db/t/", columns.clone(), vec![]));
        world
            .rule(&rules(&format!("max_rejected_ratio = 0.5\n[dataset.columns]\nzip = {{ {rule}comment = \"zip\" }}")));
        let report = convert(&world, "db/t/a.csv", body).await.unwrap();
        assert_eq!((report.content.rows, report.content.rejected), (rows, bad), "{rule}");
        assert_eq!(report.content.nulled, u64::from(!rule.is_empty()));
        let text = rejected(&world, &report);
        assert!(text.contains("\"\"state\"\" is char(2), found a longer text"), "{text}");
        assert_eq!(text.contains("\"\"zip\"\" is varchar(5), found a longer text"), rule.is_empty(), "{text}");
        assert_eq!(values(&world.rows("db/t/"), "zip"), ["12345", "äöüßé"]);
    }
}

#[tokio::test]
async fn texts_can_be_declared_with_a_length() {
    let world = World::new();
    let of = |length: u32| {
        rules(&format!("max_rejected_ratio = 0.5\n[dataset.columns]\nzip = {{ type = \"varchar({length})\" }}"))
    };
    world.rule(&of(3));
    let report = convert(&world, "db/t/a.csv", "id,zip\n1,abc\n2,abcd\n").await.unwrap();
    assert_eq!((report.content.rows, report.content.rejected), (1, 1));
    assert_eq!(table(&world).await.column("zip").unwrap().hive_type, "varchar(3)");
    world.rule(&of(4));
    let report = convert(&world, "db/t/b.csv", "id,zip\n1,abcd\n2,abcde\n").await.unwrap();
    assert_eq!((report.content.rows, report.content.rejected), (1, 1));
    assert_eq!(table(&world).await.column("zip").unwrap().hive_type, "varchar(4)");
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_table_of_spark_shows_spark_what_is_new() {
    const SCHEMA: &str = "spark.sql.sources.schema";
    let world = World::new();
    let name = TableName::new("db", "t");
    let mut sparks = Table::new("s3://clean/db/t/", vec![Column::new("orderid", "bigint")], vec![]);
    let schema = r#"{"type":"struct","fields":[{"name":"orderId","type":"long","nullable":true,"metadata":{}}]}"#;
    sparks.parameters.insert(SCHEMA.into(), schema.into());
    world.catalog.put(&name, sparks.clone());
    convert(&world, "db/t/a.csv", "orderid,note,empty\n1,x,\n").await.unwrap();
    convert(&world, "db/t/b.csv", "orderid,note,empty\n1,x,2.5\n").await.unwrap();
    let schema: serde_json::Value = serde_json::from_str(&table(&world).await.parameters[SCHEMA]).unwrap();
    let fields = schema["fields"].as_array().unwrap().iter();
    let fields: Vec<_> =
        fields.map(|field| (field["name"].as_str().unwrap(), field["type"].as_str().unwrap())).collect();
    assert_eq!(fields, [("orderId", "long"), ("note", "string"), ("empty", "double")]);

    sparks.parameters.insert(SCHEMA.into(), "{".into());
    world.catalog.put(&name, sparks);
    convert(&world, "db/t/c.csv", "orderid\n1\n").await.unwrap();
    let error = convert(&world, "db/t/d.csv", "orderid,note\n1,x\n").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    assert!(error.to_string().contains("made by Spark"), "{error}");
}

#[tokio::test]
async fn a_number_that_is_widened_is_told_of() {
    let world = World::new();
    world.rule(&rules("[dataset.columns]\nn = { type = \"smallint\" }"));
    convert(&world, "db/t/a.csv", "n\n1\n").await.unwrap();
    world.rule(&rules("[dataset.columns]\nn = { type = \"int\" }"));
    let report = convert(&world, "db/t/b.csv", "n\n2\n").await.unwrap();
    let found = warned(&report, WarningKind::WidenedByPath);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.as_deref(), Some("n"));
    assert!(found[0].1.contains("was smallint and is int"), "{found:?}");
}

#[tokio::test]
async fn rejected_rows_hold_nothing_of_columns_that_are_left_out() {
    let world = World::new();
    world.rule(&rules(
        "max_rejected_ratio = 0.9\n[dataset.format]\ndelimiter = \"||\"\n[dataset.columns]\nn = { type = \"bigint\" }\nssn = { drop = true }\nnote = { drop = true }",
    ));
    let body = "n||ssn||name||note\n1||secret||Ann||secret\nx||secret||\"B||o\"||\"sec\nret\"\n2||secret||secret\n3||secret||Cy||secret||secret\ny||\"sec\"\"ret\"||D||\n4||\"secret||E||secret\n";
    let report = convert(&world, "db/t/a.csv", body).await.unwrap();
    let text = rejected(&world, &report);
    assert!(!text.contains("sec") && !text.contains("ret\""), "{text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let raw: Vec<_> = reader.records().map(|record| record.unwrap()[3].to_owned()).collect();
    assert_eq!(report.content.rejected, raw.len() as u64);
    assert!(raw.contains(&"x||||\"B||o\"||".to_owned()) && raw.contains(&"y||||D||".to_owned()), "{raw:?}");
    assert_eq!(raw.iter().filter(|raw| raw.is_empty()).count(), raw.len() - 2);
    assert!(text.contains("the row is not kept"), "{text}");
}

/// What is done to a table.
#[derive(Clone, Debug)]
enum Deed {
    /// A file, by its number, with so many rows, or none; under statistics, and in a mode.
    File { file: u8, year: u8, rows: u8, statistics: &'static str, mode: &'static str },
    /// The rules project the years, or not.
    Project(bool),
    /// Somebody drops the table, and its files with it or not.
    Drop { files: bool },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let statistics = prop_oneof![3 => Just("counts"), 3 => Just("columns"), 1 => Just("off")];
    let mode = prop_oneof![6 => Just("replace"), 2 => Just("append"), 1 => Just("overwrite_partitions")];
    let file = (0..4u8, 0..2u8, 0..4u8, statistics, mode).prop_map(|(file, year, rows, statistics, mode)| Deed::File {
        file,
        year,
        rows,
        statistics,
        mode,
    });
    prop::collection::vec(
        prop_oneof![12 => file, 2 => any::<bool>().prop_map(Deed::Project), 1 => any::<bool>().prop_map(|files| Deed::Drop { files })],
        1..14,
    )
}

/// Rows, files and bytes below a folder.
fn held(world: &World, folder: &str) -> (u64, u64, u64) {
    let files: Vec<_> = world.store.snapshot("clean").into_iter().filter(|(key, _)| key.starts_with(folder)).collect();
    let bytes = files.iter().map(|(_, body)| body.len() as u64).sum();
    (world.rows(folder).len() as u64, files.len() as u64, bytes)
}

fn told(parameters: &BTreeMap<String, String>) -> Option<(u64, u64, u64)> {
    let of = |name: &str| parameters.get(name).map(|number| number.parse::<u64>().unwrap());
    let (rows, files, bytes) = (of("numRows"), of("numFiles"), of("totalSize"));
    assert_eq!((rows, files, bytes), (of("recordCount"), of("objectCount"), of("sizeKey")));
    Some((rows?, files?, bytes?))
}

async fn history(deeds: Vec<Deed>) {
    let world = World::new();
    let name = TableName::new("db", "t");
    let (mut projects, mut all_counted, mut way, mut sequence) = (false, false, "", 0);
    let mut was_dropped = false;
    for deed in deeds {
        let (file, year, rows, statistics, mode) = match deed {
            Deed::File { file, year, rows, statistics, mode } => (file, year, rows, statistics, mode),
            Deed::Project(on) => {
                projects = on;
                continue;
            }
            Deed::Drop { files } => {
                world.catalog.drop_table(&name);
                was_dropped = true;
                for key in world.store.keys("clean").into_iter().filter(|key| files && key.starts_with("db/t/")) {
                    world.store.remove(&Location::new("clean", key));
                }
                continue;
            }
        };
        sequence += 1;
        let projection = if projects { "[dataset.projection]\nyear = { range = \"2020,2030\" }" } else { "" };
        world.rule(&rules(&format!("statistics = \"{statistics}\"\nmode = \"{mode}\"\n{projection}")));
        let before = world.catalog.table(&name).await.unwrap();
        let was_empty = held(&world, "db/t/").1 == 0;
        let body = if rows == 0 {
            String::new()
        } else {
            (0..rows).fold("n\n".to_owned(), |text, n| text + &format!("{n}\n"))
        };
        let key = format!("db/t/year=202{year}/{file}.csv");
        let event = world.land(&key, body, sequence);
        world.lake().convert(&event, None).await.unwrap();
        let Some(table) = world.catalog.table(&name).await.unwrap() else { continue };
        all_counted =
            if before.is_none() { was_empty && statistics != "off" } else { all_counted && statistics != "off" };

        if before.is_none() {
            way = mode;
        }
        all_counted &= (way == "overwrite_partitions") == (mode == "overwrite_partitions");

        let told_of_table = told(&table.parameters);
        // Records of partitions outlive a table that is dropped; numbers that are missing then are wrong in nothing.
        if was_dropped && mode == "overwrite_partitions" {
            all_counted &= told_of_table.is_some();
        }
        assert_eq!(told_of_table.is_some(), all_counted, "{deed:?}");
        if let Some(told) = told_of_table {
            assert_eq!(told, held(&world, "db/t/"), "{deed:?}");
        }
        for held_partition in world.catalog.partitions(&name, None).await.unwrap().partitions {
            let folder = held_partition.partition.location.strip_prefix("s3://clean/").unwrap().to_owned();
            let told = told(&held_partition.parameters);
            if let Some(told) = told {
                assert_eq!(told, held(&world, &folder), "{deed:?}");
            }
            assert!(told.is_none() || told_of_table.is_some(), "{deed:?}");
        }
        // A file without columns commits nothing, and the rules wait for the next one.
        if rows > 0 {
            assert_eq!(table.parameters.contains_key("projection.year.range"), projects, "{deed:?}");
            assert_eq!(table.parameters["projection.enabled"], projects.to_string(), "{deed:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_switched_on_and_off_numbers_and_projection_are_true_or_not_there(deeds in deeds()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(history(deeds));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_file_that_is_not_counted_ends_the_count_whoever_is_at_work() {
    for round in 0..40 {
        let mut world = World::with(MemoryStore::new(["landing", "clean", "rules"]).with_pauses(round));
        world.settings.statistics = Statistics::Counts;
        let event = world.land("db/t/year=0/first.csv", "n\n1\n", 1);
        world.lake().convert(&event, None).await.unwrap();
        let counted: Vec<_> =
            (0..6).map(|n| world.land(&format!("db/t/year={}/{n}.csv", n % 3), "n\n1\n", 1)).collect();
        let uncounted = world.land("db/t/year=1/uncounted.csv", "n\n1\n", 1);
        let mut all: Vec<_> = counted.into_iter().map(|event| (world.lake(), event)).collect();
        world.settings.statistics = Statistics::Off;
        all.insert(usize::try_from(round).unwrap() % 7, (world.lake(), uncounted));
        let all = all
            .into_iter()
            .map(|(lake, event)| tokio::spawn(async move { lake.convert(&event, None).await.map(drop) }));
        for task in all.collect::<Vec<_>>() {
            task.await.unwrap().unwrap();
        }
        assert_eq!(told(&table(&world).await.parameters), None, "{round}");
        let partitions = world.catalog.partitions(&TableName::new("db", "t"), None).await.unwrap().partitions;
        assert!(partitions.len() == 3 && partitions.iter().all(|held| told(&held.parameters).is_none()), "{round}");
    }
}

#[tokio::test]
async fn statistics_that_are_switched_on_late_or_off_say_nothing() {
    let world = World::new();
    world.rule(&rules("statistics = \"off\""));
    convert(&world, "db/t/a.csv", "n\n1\n2\n3\n").await.unwrap();
    world.rule(&rules("statistics = \"columns\""));
    let report = convert(&world, "db/t/b.csv", "n\n4\n").await.unwrap();
    assert_eq!((report.holds, told(&table(&world).await.parameters)), (None, None));

    let world = World::new();
    world.rule(&rules("statistics = \"counts\""));
    for (key, rows) in [("db/t/year=1/a.csv", 1), ("db/t/year=2/a.csv", 2)] {
        convert(&world, key, "n\n1\n").await.unwrap();
        assert_eq!(told(&table(&world).await.parameters).unwrap().0, rows);
    }
    world.rule(&rules("statistics = \"off\""));
    convert(&world, "db/t/year=1/b.csv", "n\n1\n").await.unwrap();
    let parameters = table(&world).await.parameters;
    assert!(!parameters.contains_key("cleanzone.statistics") && told(&parameters).is_none(), "{parameters:?}");
    let partitions = world.catalog.partitions(&TableName::new("db", "t"), None).await.unwrap().partitions;
    assert!(partitions.len() == 2 && partitions.iter().all(|held| told(&held.parameters).is_none()));
}
