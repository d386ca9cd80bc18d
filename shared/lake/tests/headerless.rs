//! The fields of files without a header keep their columns, whatever rules and files come, or the file is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::collections::BTreeMap;

use cleanzone_error::{ErrorName, Fault as _};
use cleanzone_lake::Report;
use proptest::prelude::*;
use world::{World, values};

async fn convert(world: &World, key: &str, text: &str) -> Result<Report, (ErrorName, String)> {
    let event = world.land(key, text.to_owned(), 1);
    world.lake().convert(&event, None).await.map_err(|error| (error.name(), error.to_string()))
}

async fn is_refused(world: &World, key: &str, text: &str) {
    let (name, message) = convert(world, key, text).await.unwrap_err();
    assert_eq!(name, ErrorName::SchemaConflict);
    assert!(message.contains("format.columns"), "{message}");
}

fn rules(more: &str) -> String {
    format!("[[dataset]]\nmatch = \"db/t/*\"\n{more}\n")
}

const HEADERLESS: &str = "format.header = false\n[dataset.columns]\n";

#[tokio::test]
async fn rules_by_number_hold_on_the_second_day() {
    let world = World::new();
    world.rule(&rules(&format!(
        "{HEADERLESS}column_1 = {{ rename = \"id\", map = {{ x = \"1\" }} }}\ncolumn_2.drop = true"
    )));
    for day in 1..4 {
        let report = convert(&world, &format!("db/t/{day}.csv"), "x,2,3\n5,6,7\n").await.unwrap();
        assert_eq!(report.warnings, []);
        let rows = world.rows(&format!("db/t/{day}"));
        assert_eq!((values(&rows, "id"), values(&rows, "column_3")), (strings(&["1", "5"]), strings(&["3", "7"])));
    }
    // More fields, and fewer.
    convert(&world, "db/t/4.csv", "4,5,6,7\n").await.unwrap();
    assert_eq!(values(&world.rows("db/t/4"), "column_4"), ["7"]);
    convert(&world, "db/t/5.csv", "4,5\n").await.unwrap();
    let names: Vec<_> = world.columns("db", "t").await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["id", "column_3", "column_4"]);
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn a_column_keeps_its_name_when_the_rename_is_gone() {
    let world = World::new();
    world.rule(&rules(&format!("{HEADERLESS}column_1.rename = \"id\"")));
    convert(&world, "db/t/1.csv", "1,2\n").await.unwrap();
    world.rule(&rules(HEADERLESS));
    convert(&world, "db/t/2.csv", "3,4\n").await.unwrap();
    assert_eq!(values(&world.rows("db/t/"), "id"), ["1", "3"]);
}

#[tokio::test]
async fn a_declared_column_that_no_file_has_is_no_field() {
    let world = World::new();
    world.rule(&rules(&format!("{HEADERLESS}zip.type = \"string\"")));
    convert(&world, "db/t/1.csv", "1,2\n").await.unwrap();
    convert(&world, "db/t/2.csv", "4,5,6\n").await.unwrap();
    let rows = world.rows("db/t/");
    assert_eq!((values(&rows, "zip"), values(&rows, "column_3")), (vec![], strings(&["6"])));

    let world = World::new();
    world.rule(&rules("columns.zip.type = \"string\""));
    convert(&world, "db/t/1.csv", "a,b\n1,2\n").await.unwrap();
    world.rule(&rules(&format!("{HEADERLESS}zip.type = \"string\"")));
    is_refused(&world, "db/t/2.csv", "4,5,6\n").await;
}

#[tokio::test]
async fn a_column_that_was_left_out_shifts_no_other() {
    let world = World::new();
    world.rule(&rules("columns.b.drop = true"));
    convert(&world, "db/t/1.csv", "a,b,c\n1,2,3\n").await.unwrap();
    world.rule(&rules(&format!("{HEADERLESS}b.drop = true")));
    for text in ["4,5\n", "4,5,6\n"] {
        is_refused(&world, "db/t/2.csv", text).await;
    }
}

#[tokio::test]
async fn listed_names_prove_nothing_once_they_are_gone() {
    let world = World::new();
    for (day, listed) in [(1, ["a", "b"]), (2, ["b", "a"])] {
        world.rule(&rules(&format!("format.columns = {listed:?}")));
        let row = listed.map(|name| format!("of {name}")).join(",");
        convert(&world, &format!("db/t/{day}.csv"), &format!("{row}\n")).await.unwrap();
    }
    assert_eq!(values(&world.rows("db/t/"), "a"), ["of a", "of a"]);
    world.rule(&rules(HEADERLESS));
    is_refused(&world, "db/t/3.csv", "of b,of a\n").await;
}

#[tokio::test]
async fn what_rules_say_of_a_listed_column_reaches_the_table() {
    let world = World::new();
    world.rule(&rules("format.columns = [\"a\", \"b\"]\ncolumns.b = { type = \"varchar(9)\" }"));
    convert(&world, "db/t/1.csv", "1,two\n").await.unwrap();
    assert_eq!(world.columns("db", "t").await[1].1, "varchar(9)");
}

#[tokio::test]
async fn two_columns_of_a_taken_name_are_told_apart_every_day() {
    for (more, header) in [("", "_rescued,_RESCUED"), ("context = [\"source_key\"]\n", "source_key,Source Key")] {
        let world = World::new();
        world.rule(&rules(&format!("{more}format.header = true")));
        for day in 1..4 {
            convert(&world, &format!("db/t/{day}.csv"), &format!("{header},x\nfirst,second,1\n")).await.unwrap();
        }
        let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in world.rows("db/t/").into_iter().flatten().filter(|(_, value)| value.ends_with(['t', 'd']))
        {
            held.entry(name).or_default().push(value);
        }
        let held: Vec<_> = held.into_values().collect();
        assert_eq!(held, [vec!["first"; 3], vec!["second"; 3]]);
    }
}

#[tokio::test]
async fn captures_that_only_together_name_a_table_are_told_apart() {
    let world = World::new();
    world.rule("[[dataset]]\nmatch = \"crm/*/*/*.csv\"\ndatabase = \"crm\"\ntable = \"{1}_{2}\"\n");
    convert(&world, "crm/a_b/c/1.csv", "a\n1\n").await.unwrap();
    assert_eq!(convert(&world, "crm/a/b_c/1.csv", "a\n1\n").await.unwrap_err().0, ErrorName::SchemaConflict);
}

#[tokio::test]
async fn of_two_senders_at_once_one_has_the_table() {
    for _ in 0..20 {
        let world = World::new();
        world.rule("[[dataset]]\nmatch = \"crm/*/*.csv\"\ndatabase = \"crm\"\ntable = \"{1}_daily\"\n");
        let (a, b) =
            tokio::join!(convert(&world, "crm/A B/1.csv", "a\n1\n"), convert(&world, "crm/A-B/1.csv", "a\n1\n"));
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    }
}

/// No column holds the values, `of <something>`, of two things.
fn assert_unmixed(world: &World) {
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in world.rows("db/t/").into_iter().flatten() {
        if value.starts_with("of ") {
            let known = held.entry(name.clone()).or_insert_with(|| value.clone());
            assert_eq!(*known, value, "column {name}");
        }
    }
}

/// Rules that come and go: some for fields by number, some for columns by name.
fn some_rules() -> impl Strategy<Value = (&'static str, Vec<&'static str>)> {
    let added = prop::sample::select(vec!["", "context = [\"source_key\"]\n", "bad_rows = \"rescue\"\n"]);
    let columns = prop::sample::subsequence(
        vec![
            "column_1.rename = \"id\"",
            "column_2.drop = true",
            "column_3 = { type = \"bigint\", on_misfit = \"sibling\" }",
            "zip.type = \"string\"",
            "a = { type = \"bigint\", on_misfit = \"sibling\" }",
            "b.rename = \"bb\"",
            "c.drop = true",
        ],
        0..4,
    );
    (added, columns)
}

/// One day's rules, and whether its file has a header, and what fields.
type Day = ((&'static str, Vec<&'static str>), bool, Vec<String>);

fn history(steps: &[Day]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::new();
        for (day, ((added, columns), has_header, fields)) in steps.iter().enumerate() {
            world.rule(&rules(&format!(
                "{added}format.header = {has_header}\n[dataset.columns]\n{}",
                columns.join("\n")
            )));
            let row: Vec<_> = fields.iter().map(|field| format!("of {field}")).collect();
            let header = if *has_header { fields.join(",") + "\n" } else { String::new() };
            let text = format!("{header}{}\n", row.join(","));
            if let Err((name, message)) = convert(&world, &format!("db/t/{day}.csv"), &text).await {
                // The table may be typed, and rules that take what does not fit gone.
                let expected = [ErrorName::SchemaConflict, ErrorName::TooManyRejectedRows];
                assert!(expected.contains(&name), "{name:?} {message}");
            }
        }
        assert_unmixed(&world);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Fields that only have numbers: one column never gets two of them.
    #[test]
    fn no_history_of_headerless_files_mixes_fields(
        steps in prop::collection::vec((some_rules(), 1usize..6), 1..7),
    ) {
        let steps: Vec<_> = steps
            .into_iter()
            .map(|(rules, fields)| (rules, false, (1..=fields).map(|field| format!("field {field}")).collect()))
            .collect();
        history(&steps);
    }

    /// Once a file with a header has made the table, others that lack it, with more columns or fewer, mix nothing.
    #[test]
    fn no_history_of_files_with_and_without_a_header_mixes_columns(
        steps in prop::collection::vec(
            (some_rules(), any::<bool>(), prop::sample::select(vec!["a,b,c", "a,x,b,c", "a,b", "a,b,c,x", "x,a,a_string,b,c"])),
            1..7,
        ),
    ) {
        let steps: Vec<_> = steps
            .into_iter()
            .enumerate()
            .map(|(day, (rules, has_header, fields))| {
                let fields = if day == 0 { "a,b,c" } else { fields };
                (rules, has_header || day == 0, fields.split(',').map(str::to_owned).collect())
            })
            .collect();
        history(&steps);
    }
}
