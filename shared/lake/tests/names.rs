//! A column stands for one thing in every file, and a table for one sender.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use cleanzone_error::{ErrorName, Fault as _};
use cleanzone_lake::{Report, WarningKind};
use proptest::prelude::*;
use world::{World, values};

async fn convert(world: &World, key: &str, text: &str) -> Result<Report, (ErrorName, String)> {
    let event = world.land(key, text.to_owned(), 1);
    world.lake().convert(&event, None).await.map_err(|error| (error.name(), error.to_string()))
}

const SIBLING: &str =
    "[[dataset]]\nmatch = \"db/t/*\"\n[dataset.columns]\na = { type = \"bigint\", on_misfit = \"sibling\" }\n";

#[tokio::test]
async fn misfits_and_a_column_of_the_same_name_never_share_a_column() {
    let world = World::new();
    world.rule(SIBLING);
    convert(&world, "db/t/1.csv", "a,b\n1,x\n").await.unwrap();
    convert(&world, "db/t/2.csv", "a,b\nmisfit,x\n").await.unwrap();
    let report = convert(&world, "db/t/3.csv", "a,a_string\n3,own\n").await.unwrap();
    let met: Vec<_> = report.warnings.iter().map(|w| (w.kind, w.column.as_deref())).collect();
    assert_eq!(met, [(WarningKind::NamesMet, Some("a_string_"))]);
    // The same name again, without a warning.
    assert!(convert(&world, "db/t/4.csv", "a_string,a\nown,other misfit\n").await.unwrap().warnings.is_empty());
    let rows = world.rows("db/t/");
    let of = |column: &str| {
        let mut found: Vec<_> = rows.iter().filter_map(|row| row.get(column)).filter(|v| !v.is_empty()).collect();
        found.sort();
        found.into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        (of("a_string"), of("a_string_")),
        (vec!["misfit".into(), "other misfit".into()], vec!["own".to_owned(); 2])
    );

    // The other way about: the column of files came first.
    let world = World::new();
    world.rule(SIBLING);
    convert(&world, "db/t/1.csv", "a,a_string\n1,own\n").await.unwrap();
    convert(&world, "db/t/2.csv", "a\nmisfit\n").await.unwrap();
    let names: Vec<_> = world.columns("db", "t").await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "a_string", "a_string_"]);
    assert_eq!(values(&world.rows("db/t/1"), "a_string"), ["own"]);
}

#[tokio::test]
async fn a_headerless_file_takes_only_the_columns_of_files() {
    let world = World::new();
    let rules = |more: &str| format!("[[dataset]]\nmatch = \"db/t/*\"\n{more}\n");
    world.rule(&rules("context = [\"source_key\"]"));
    convert(&world, "db/t/1.csv", "ship,ship_date,bill\n5,2026-01-01,x\n").await.unwrap();
    world.rule(&rules("format.header = false"));
    convert(&world, "db/t/2.csv", "6,2026-01-02,y\n").await.unwrap();
    let rows = world.rows("db/t/2");
    assert_eq!((values(&rows, "ship"), values(&rows, "bill")), (vec!["6".to_owned()], vec!["y".to_owned()]));
    assert_eq!(values(&rows, "ship_date"), ["2026-01-02"]);
    for text in ["6,2026-01-02\n", "6,2026-01-02,y,z\n"] {
        let (name, message) = convert(&world, "db/t/3.csv", text).await.unwrap_err();
        assert_eq!(name, ErrorName::SchemaConflict);
        assert!(message.contains("format.columns"), "{message}");
    }
    // A column of a file with a header may have stood anywhere.
    world.rule(&rules(""));
    convert(&world, "db/t/4.csv", "ship,more,ship_date,bill\n7,m,2026-01-03,z\n").await.unwrap();
    world.rule(&rules("format.header = false"));
    let (name, _) = convert(&world, "db/t/5.csv", "8,m,2026-01-04,z\n").await.unwrap_err();
    assert_eq!(name, ErrorName::SchemaConflict);
}

#[tokio::test]
async fn a_context_column_that_left_the_rules_stays_what_it_was() {
    let world = World::new();
    let rules = |more: &str| format!("[[dataset]]\nmatch = \"db/t/*\"\n{more}\n");
    world.rule(&rules("context = [\"source_key\"]"));
    convert(&world, "db/t/1.csv", "a\n1\n").await.unwrap();
    world.rule(&rules(""));
    convert(&world, "db/t/2.csv", "a,source_key\n2,mine\n").await.unwrap();
    assert_eq!(values(&world.rows("db/t/2"), "source_key_"), ["mine"]);
    // Rules cannot take over a column of files.
    world.rule(&rules("context = { source_key = \"a\" }"));
    let (name, message) = convert(&world, "db/t/3.csv", "b\n3\n").await.unwrap_err();
    assert_eq!(name, ErrorName::SchemaConflict);
    assert!(message.contains("is to be a context column, and is a column of files"), "{message}");
}

#[tokio::test]
async fn a_rename_onto_a_column_of_the_file_is_refused() {
    let world = World::new();
    world.rule("[[dataset]]\nmatch = \"db/t/*\"\n[dataset.columns]\nmail = { rename = \"email\" }\n");
    convert(&world, "db/t/1.csv", "id,mail\n1,x\n").await.unwrap();
    let (name, message) = convert(&world, "db/t/2.csv", "id,email,mail\n2,y,z\n").await.unwrap_err();
    assert_eq!(name, ErrorName::SchemaConflict);
    assert!(message.contains("\"mail\" is renamed to email"), "{message}");
    // A sender who follows suit writes on in the same column.
    convert(&world, "db/t/3.csv", "id,email\n3,w\n").await.unwrap();
    assert_eq!(values(&world.rows("db/t/3"), "email"), ["w"]);
}

#[tokio::test]
async fn different_senders_never_share_a_table() {
    let world = World::new();
    world.rule("[[dataset]]\nmatch = \"crm/*/*.csv\"\ndatabase = \"crm\"\ntable = \"{1}_daily\"\n");
    for (folder, table) in
        [("日本", "日本_daily"), ("中国", "中国_daily"), ("Ärzte", "ärzte_daily"), ("Arzte", "arzte_daily")]
    {
        let report = convert(&world, &format!("crm/{folder}/1.csv"), "a\n1\n").await.unwrap();
        assert_eq!(report.table, table);
        convert(&world, &format!("crm/{folder}/2.csv"), "a\n2\n").await.unwrap();
    }
    convert(&world, "crm/ACME Inc/1.csv", "a\n1\n").await.unwrap();
    for folder in ["ACME-Inc", "acme inc", "acme_inc"] {
        let (name, message) = convert(&world, &format!("crm/{folder}/1.csv"), "a\n1\n").await.unwrap_err();
        assert_eq!(name, ErrorName::SchemaConflict);
        assert!(message.contains("is the table of \"ACME Inc\""), "{message}");
    }
    let (name, _) = convert(&world, "crm/---/1.csv", "a\n1\n").await.unwrap_err();
    assert_eq!(name, ErrorName::InvalidObjectKey);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever files and rules come, a value ends in a column of its own header, or of its misfits, and in no other.
    #[test]
    fn no_history_mixes_columns(
        steps in prop::collection::vec((
            prop::sample::subsequence(vec!["a", "a_string", "a_date", "b", "b_string", "_rescued", "source_key"], 1..5).prop_shuffle(),
            prop::sample::select(vec!["", "context = [\"source_key\"]", "bad_rows = \"rescue\""]),
            any::<bool>(),
            prop::sample::select(vec!["n", "t", "d"]),
        ), 1..7),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            for (i, (columns, more, sibling, kind)) in steps.iter().enumerate() {
                let misfit = if *sibling { "sibling" } else { "null" };
                world.rule(&format!(
                    "[[dataset]]\nmatch = \"db/t/*\"\n{more}\n[dataset.columns]\n\
                     a = {{ type = \"bigint\", on_misfit = \"{misfit}\" }}\n\
                     b = {{ type = \"bigint\", on_misfit = \"{misfit}\" }}\n"
                ));
                let value = |column: &str| match (column, *kind) {
                    ("a" | "b", "n") => format!("{i}"),
                    ("a" | "b", "d") => format!("2026-01-{:02}", i + 1),
                    _ => format!("of {column}"),
                };
                let row: Vec<_> = columns.iter().map(|column| value(column)).collect();
                let text = format!("{}\n{}\n", columns.join(","), row.join(","));
                if let Err((name, message)) = convert(&world, &format!("db/t/{i}.csv"), &text).await {
                    assert!(name == ErrorName::SchemaConflict, "{message}");
                }
            }
            let mut held: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
            for (name, value) in world.rows("db/t/").iter().flatten() {
                let of = match value.strip_prefix("of ") {
                    Some(of) => of.to_owned(),
                    None if value.starts_with("s3://") => "the address".to_owned(),
                    None => continue,
                };
                let known = held.entry(name.clone()).or_insert_with(|| of.clone());
                assert_eq!(*known, of, "column {name}");
            }
        });
    }
}
