use std::io::{self, Read};

use super::*;
use crate::{ColumnPlan, DialectOverrides, Header, InputOptions};

struct Text(Vec<u8>);

impl Source for Text {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.0.clone())))
    }
}

struct AsTheyAre;

impl Planner for AsTheyAre {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        Ok(header.names.iter().map(|name| ColumnPlan { name: name.clone(), ..ColumnPlan::default() }).collect())
    }
}

fn inspect_text(text: &str, options: &Options) -> Inspection {
    inspect(&mut Text(text.as_bytes().to_vec()), &AsTheyAre, options).unwrap()
}

fn flags(inspection: &Inspection) -> Vec<&str> {
    inspection.hints.iter().map(|hint| hint.flag.as_str()).collect()
}

const ORDERS: &str = "id;name;price;paid;ok;at\n\
    1;Ada Lovelace;1.5;2026-11-20;true;2026-11-20 12:30:00\n\
    22;Grace Hopper;20.25;2025-01-31;false;2026-11-21 00:00:00\n\
    333;Ada Lovelace;;2024-02-29;true;2026-11-22 23:59:59\n\
    4;short\n";

#[test]
fn columns_are_told_by_type_and_shape() {
    let inspection = inspect_text(ORDERS, &Options::default());
    let column = |name: &str| inspection.columns.iter().find(|column| column.name == name).unwrap();
    let all: Vec<_> = inspection.columns.iter().map(|c| c.data_type.as_str()).collect();
    assert_eq!(all, ["bigint", "string", "double", "date", "boolean", "timestamp"]);
    let of = |name: &str| (column(name).min.as_deref(), column(name).max.as_deref(), column(name).distinct);
    assert_eq!(of("id"), (Some("1"), Some("333"), 3));
    assert_eq!(of("name"), (None, None, 2));
    assert_eq!(column("name").shape.as_deref(), Some("Aaa Aaaaa…"));
    assert_eq!(of("price"), (Some("1.5"), Some("20.25"), 2));
    assert_eq!(column("price").nulls, 1);
    assert_eq!(of("paid"), (Some("2024-02-29"), Some("2026-11-20"), 3));
    assert_eq!(of("ok"), (Some("false"), Some("true"), 2));
    assert_eq!(of("at"), (Some("2026-11-20T12:30:00"), Some("2026-11-22T23:59:59"), 3));
}

#[test]
fn what_is_rejected_is_counted_by_reason() {
    let inspection = inspect_text(ORDERS, &Options::default());
    assert_eq!((inspection.records, inspection.rows, inspection.rejected), (4, 3, 1));
    assert_eq!(inspection.rejected_by_reason, BTreeMap::from([("too few fields".to_owned(), 1)]));
    let flags = flags(&inspection);
    assert!(flags.contains(&"--pad-short-rows") && flags.contains(&"--bad-rows rescue"), "{flags:?}");
}

#[test]
fn hints_name_what_would_be_different() {
    let no_header = inspect_text("1,2\n3,4\n5,6\n", &Options::default());
    assert!(flags(&no_header).contains(&"--header-rows 1"), "{:?}", no_header.hints);
    let only_text = inspect_text("a,b\nx,y\nz,w\n", &Options::default());
    assert_eq!(flags(&only_text), ["--header-rows 0"]);
    let doubtful = inspect_text("1,a;b;c\n2,d;e;f\n", &Options::default());
    assert!(flags(&doubtful).contains(&"--delimiter ','"), "{:?}", doubtful.tried);
    let given = Options {
        dialect: DialectOverrides { header_rows: Some(1), ..DialectOverrides::default() },
        all_strings: true,
        ..Options::default()
    };
    assert_eq!(flags(&inspect_text("a,b\n1,y\n2,w\n", &given)), [""; 0]);
}

#[test]
fn no_text_of_the_file_is_told() {
    let secret = "Zanzibar";
    let text = format!("id,word\n1,{secret}\n2,{secret} and {secret}\n3,\"{secret}\"x\n");
    let told = serde_json::to_string(&inspect_text(&text, &Options::default())).unwrap();
    assert!(!told.contains(secret), "{told}");
    assert!(told.contains("\"type\":\"string\""), "{told}");
}

#[test]
fn a_guessed_character_set_is_said_to_be_one() {
    let text = b"name,n\nJos\xE9,1\nM\xFCller,2\n".to_vec();
    let inspection = inspect(&mut Text(text.clone()), &AsTheyAre, &Options::default()).unwrap();
    assert_eq!(inspection.input.charset, "windows-1252");
    assert!(flags(&inspection).contains(&"--encoding NAME"));
    let input = InputOptions { charset: Some("latin1".to_owned()), ..InputOptions::default() };
    let told = inspect(&mut Text(text), &AsTheyAre, &Options { input, ..Options::default() }).unwrap();
    assert!(!flags(&told).contains(&"--encoding NAME"));
}

#[test]
fn an_empty_file_has_nothing() {
    let inspection = inspect_text("", &Options::default());
    assert_eq!((inspection.records, inspection.columns.len()), (0, 0));
}

#[test]
fn a_layout_is_told() {
    let found = inspect_text("ID  NAME  SUM\n1   Ida   1.5\n2   Li   12.5\n13  Ewa   0.5\n", &Options::default());
    assert_eq!(found.dialect.layout, Some(Layout::Blanks));
    assert_eq!((found.dialect.delimiter.as_str(), found.tried[0].columns), ("", 3));
    let dialect = DialectOverrides { widths: Some(vec![2, 3]), ..DialectOverrides::default() };
    let found = inspect_text("ab123\ncd456\n", &Options { dialect, ..Options::default() });
    assert_eq!(serde_json::json!(found.dialect)["layout"], serde_json::json!({ "widths": [2, 3] }));
    let found = inspect_text("a,b\n1,2\n", &Options::default());
    assert!(serde_json::json!(found.dialect).get("layout").is_none());
}
