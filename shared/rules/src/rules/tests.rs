use proptest::prelude::*;

use super::*;
use crate::glob::Glob;
use crate::{BadRows, Case, Compression, DuplicateAction, HiveType, Mark, Method, Mode, Projection, Transform};

fn rules(text: &str) -> Rules {
    Rules::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn dataset(body: &str) -> Dataset {
    rules(&format!("[[dataset]]\nmatch = \"**\"\n{body}")).find("b", "k").dataset
}

/// The problems of a dataset whose body begins in line 3.
fn problems(body: &str) -> Vec<String> {
    let error = Rules::parse(format!("[[dataset]]\nmatch = \"**\"\n{body}")).expect_err(body);
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_first_dataset_that_matches_wins() {
    let rules = rules(
        r#"
        [[dataset]]
        match = "crm/*/users/*"
        bucket = "partner-*"
        database = "crm"
        table = "{1}_daily"

        [[dataset]]
        match = ["crm/**", "erp/{a,b}/**"]
        database = "raw"
        "#,
    );
    let applied = rules.find("partner-x", "crm/ACME Inc/users/1.csv");
    assert_eq!(applied.dataset.database.as_deref(), Some("crm"));
    assert_eq!(applied.dataset.table.as_deref(), Some("acme_inc_daily"));
    assert_eq!(applied.rule, Some(Rule { index: 0, line: 2 }));
    let applied = rules.find("other", "crm/acme/users/1.csv");
    assert_eq!((applied.rule.map(|rule| rule.line), applied.dataset.table), (Some(8), None));
    assert_eq!(rules.find("other", "erp/b/x").rule.map(|rule| rule.index), Some(1));
    assert_eq!(rules.find("other", "erp/c/x"), Applied::default());
}

#[test]
fn every_setting_is_understood() {
    let found = dataset(
        r#"
        mode = "overwrite_partitions"
        bad_rows = "rescue"
        compression = "zstd"
        compression_level = 9
        row_group_bytes = "16 MB"
        max_file_bytes = 1000
        partition_by = ["Land", "year(order_date)", "day(ingested_at) as landed"]
        context = { ingested_at = "landed_at" }
        duplicates = { action = "flag", by = ["ID"] }
        [dataset.projection]
        country = { values = ["DE", "FR"] }
        order_date_year = { range = "2020,2035" }
        landed = { range = "2020-01-01,NOW", format = "yyyy-MM-dd" }
        [dataset.format]
        delimiter = "tab"
        quote = "none"
        header = 2
        encoding = "utf-8-sig"
        [dataset.cleanse]
        trim = true
        case = "lower"
        [dataset.columns.Land]
        rename = "Country"
        case = "keep"
        map = { D = "DE", "n/a" = false }
        [dataset.columns.order_date]
        date_format = "%d.%m.%Y"
        [dataset.columns.price]
        type = "decimal(12, 2)"
        on_misfit = "sibling"
        [dataset.columns.email]
        pii = { method = "token", type = "email", shape = true }
        [dataset.pii]
        scope = "crm"
        custom = { badge = "B-[0-9]{6}" }
        "#,
    );
    assert_eq!((found.mode, found.bad_rows), (Some(Mode::OverwritePartitions), Some(BadRows::Rescue)));
    assert_eq!(found.compression, Some(Compression::Zstd(Some(9))));
    assert_eq!((found.row_group_bytes, found.max_file_bytes), (Some(16_000_000), Some(1000)));
    let partitions: Vec<String> = found.partition_by.iter().map(ToString::to_string).collect();
    assert_eq!(partitions, ["country", "year(order_date) as order_date_year", "day(ingested_at) as landed"]);
    assert_eq!(found.partition_by[0].transform, Transform::Identity);
    assert_eq!(found.context.ingested_at.as_deref(), Some("landed_at"));
    let duplicates = found.duplicates.as_ref().unwrap();
    assert_eq!(duplicates.action, DuplicateAction::Flag("is_duplicate".to_owned()));
    assert_eq!(duplicates.by, ["id"]);
    let properties = found.projection_properties();
    assert_eq!(properties["projection.enabled"], "true");
    assert_eq!(properties["projection.order_date_year.range"], "2020,2035");
    assert_eq!(properties["projection.landed.format"], "yyyy-MM-dd");
    let format = &found.format;
    assert_eq!((format.delimiter.as_deref(), format.quote), (Some("\t"), Some(Mark::None)));
    assert_eq!((format.header_rows, format.encoding.as_deref()), (Some(2), Some("utf-8-sig")));
    let land = found.column("LAND").unwrap();
    assert_eq!((land.rename.as_deref(), land.cleanse.trim, land.cleanse.case), (Some("country"), true, None));
    assert_eq!(land.map["n/a"], None);
    assert_eq!(found.column("Order Date").unwrap().data_type, Some(HiveType::Date));
    assert_eq!(found.column("price").unwrap().cleanse.case, Some(Case::Lower));
    let pii = found.column("email").unwrap().pii.as_ref().unwrap();
    assert_eq!((&pii.method, pii.scope.as_deref()), (&Method::Token { shape: true }, Some("crm")));
    assert!(found.declares_pii() && found.column("missing").is_none());
}

#[test]
fn a_column_has_its_own_notation_or_that_of_the_dataset() {
    let found = rules(
        r#"
        [defaults]
        format = { decimal = ",", thousands = "." }

        [[dataset]]
        match = "**"
        format.thousands = " "
        [dataset.columns]
        price = { type = "double" }
        weight = { decimal = ".", thousands = "" }
        name = { type = "string" }
        born = { date_format = ["%d.%m.%y", "%Y-%m-%d"] }
        at = { date_format = ["%d.%m.%Y", "%d.%m.%Y %H:%M"], truncate = true }
        "#,
    )
    .find("b", "k")
    .dataset;
    assert_eq!((found.format.decimal, found.format.thousands), (Some(','), Some(Mark::Is(' '))));
    let column = |name: &str| found.column(name).unwrap();
    let notation = |name: &str| (column(name).decimal, column(name).thousands);
    assert_eq!(notation("price"), (Some(','), Some(Mark::Is(' '))));
    assert_eq!(notation("weight"), (Some('.'), Some(Mark::None)));
    assert_eq!([notation("name"), notation("born")], [(None, None); 2]);
    assert_eq!((column("born").data_type, column("born").date_formats.len()), (Some(HiveType::Date), 2));
    assert_eq!((column("at").data_type, column("at").truncate), (Some(HiveType::Timestamp), true));
}

#[test]
fn a_dataset_has_a_delimiter_or_widths() {
    let rules = rules(
        r#"
        [defaults.format]
        delimiter = ";"
        [[dataset]]
        match = "a"
        format.widths = [10, 20, 8]
        [[dataset]]
        match = "b"
        format.quote = "none"
        "#,
    );
    let of = |key: &str| rules.find("", key).dataset.format.clone();
    assert_eq!((of("a").delimiter, of("a").widths), (None, Some(vec![10, 20, 8])));
    assert_eq!((of("b").delimiter.as_deref(), of("b").widths), (Some(";"), None));
}

#[test]
fn what_a_dataset_does_not_say_the_defaults_do() {
    let rules = rules(
        r#"
        [defaults]
        mode = "append"
        compression = "zstd"
        compression_level = 9
        duplicates = "drop"
        [defaults.format]
        delimiter = ";"
        header = false
        [defaults.projection]
        year = { range = "1,2" }

        [[dataset]]
        match = "a"
        compression = "snappy"
        duplicates = "keep"
        format = { quote = "'", columns = ["x"] }
        projection = { year = { range = "3,4" }, day = { type = "injected" } }
        "#,
    );
    let found = rules.find("b", "a").dataset;
    assert_eq!((found.mode, found.compression), (Some(Mode::Append), Some(Compression::Snappy)));
    assert_eq!((found.duplicates, found.format.delimiter.as_deref()), (None, Some(";")));
    assert_eq!((found.format.quote, found.format.header_rows), (Some(Mark::Is('\'')), Some(0)));
    assert_eq!(found.projection.len(), 2);
    assert!(matches!(found.projection["year"].projection, Projection::Integer { range: (3, 4), .. }));
    let other = rules.find("b", "other");
    assert_eq!((other.rule, other.dataset.compression), (None, Some(Compression::Zstd(Some(9)))));
}

#[test]
fn every_problem_is_told_with_its_place() {
    let found = problems(
        "partitoin_by = [\"a\"]\nmode = \"overwrite\"\n[dataset.format]\nheader = \"yes\"\n\
         [dataset.columns.a]\ntyp = \"int\"\npii = { method = \"tokn\" }\nmap = { x = 5 }\n",
    );
    assert_eq!(
        found,
        [
            "3:1: unknown field `partitoin_by`, did you mean `partition_by`?",
            "4:8: unknown value `overwrite`, did you mean `overwrite_partitions`?",
            "6:10: expected true, false or a number of rows",
            "8:1: unknown field `typ`, did you mean `type`?",
            "9:18: unknown value `tokn`, did you mean `token`?",
            "10:13: expected a text, or false for null",
        ]
    );
}

#[test]
fn a_message_tells_of_some_problems_and_counts_the_others() {
    let columns: Vec<String> = (0..500).map(|i| format!("columns.c{i}.typ = 1\n")).collect();
    let columns = columns.concat();
    let text = format!("[[dataset]]\nmatch = \"a\"\n{columns}[[dataset]]\nmatch = \"b\"\nmoed = 1\n");
    let error = Rules::parse(&text).unwrap_err();
    assert_eq!(error.problems.len(), 101);
    assert_eq!(error.problems.last().map(|problem| problem.line), Some(505));
    assert!(error.to_string().ends_with("; and 81 more") && error.to_string().len() < 4000, "{error}");
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let error = Rules::parse("[[dataset]]\nmatch = crm\nmode = \"append\"\nmode = \"append\"\n").unwrap_err();
    let places: Vec<_> = error.problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert!(places.contains(&(2, 9)) && places.contains(&(4, 1)), "{error}");
    assert_eq!(cleanzone_error::Fault::name(&error).as_str(), "InvalidSettings");
}

#[test]
fn a_file_in_another_encoding_is_refused_where_it_shows() {
    let file = "# Größe\n[[dataset]]\nmatch = \"**\"\ncolumns.\"Prénom\".pii = \"token\"\n";
    assert!(Rules::parse(format!("\u{feff}{file}")).is_ok());
    let latin: Vec<u8> = file.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| file.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let little = [vec![0xff, 0xfe], utf_16(u16::to_le_bytes)].concat();
    let surrogate = [b"match = \"\xed\xa0\x80\"".as_slice(), b"\n"].concat();
    for (bytes, says) in [
        (latin, "1:5: the byte 0xF6 is no UTF-8"),
        (little, "1:1: the file is UTF-16"),
        (utf_16(u16::to_le_bytes), "1:1: the file is UTF-16"),
        (utf_16(u16::to_be_bytes), "1:1: the file is UTF-16"),
        (surrogate, "1:10: the byte 0xED is no UTF-8"),
        (b"[[dataset]]\nmatch = \"\xe2\x82".to_vec(), "2:10: the file ends within a character"),
        (b"[[dataset]]\nmatch = \"a\0b\"".to_vec(), "2:11: "),
        (br#"dataset = [{ match = "\uD800" }]"#.to_vec(), "1:"),
    ] {
        let error = Rules::parse(&bytes).expect_err(says).to_string();
        assert!(error.starts_with(says), "{says}: {error}");
    }
}

#[test]
fn the_outer_shape_is_held_to() {
    for (text, says) in [
        ("datset = []", "1:1: unknown field `datset`, did you mean `dataset`?"),
        ("[dataset]\nmatch = \"a\"", "1:2: datasets are written `[[dataset]]`"),
        ("dataset = [1]", "1:12: expected a table"),
        ("[defaults]\ntable = \"x\"", "2:1: `table` is for a `[[dataset]]`"),
        ("[defaults]\nmode = 1", "2:8: expected a text"),
        ("defaults = 1", "1:12: found integer `1`, expected a table"),
        ("[[dataset]]\nmode = \"append\"", "1:1: a dataset needs `match`"),
        ("[[dataset]]\nmatch = []", "2:9: a dataset needs `match`"),
        ("[[dataset]]\nmatch = [\"a\", \"\"]", "2:15: in the glob ``: an empty glob"),
        ("[[dataset]]\nmatch = \"s3://b/k\"", "2:9: `match` is over the key alone"),
        ("[[dataset]]\nmatch = \"/k\"", "2:9: object keys do not begin"),
        ("[[dataset]]\nmatch = \"a[\"", "2:9: in the glob `a[`"),
        ("[[dataset]]\nmatch = \"a\"\nbucket = \"b/c\"", "3:10: in the glob `b/c`"),
        ("[[dataset]]\nmatch = \"a/*\"\ntable = \"{3}\"", "3:9: there is no `{3}`: `a/*` has only one wildcard"),
        ("[[dataset]]\nmatch = \"a\"\ntable = \"{x}\"", "3:9: in `{x}`: `{x}` is no capture"),
        ("[[dataset]]\nmatch = \"a\"\n[[dataset]]\nmatch = \"a\"", "4:1: the dataset in line 1 matches"),
    ] {
        let error = Rules::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(says), "{text}: {error}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (body, says) in [
        ("max_rejected_ratio = 1.5", "3:22: `max_rejected_ratio` is a share, from 0 to 1"),
        ("compression_level = 3", "3:1: only zstd has levels"),
        ("compression = \"zstd\"\ncompression_level = 23", "4:21: the levels of zstd"),
        ("row_group_bytes = \"16 XB\"", "3:19: `16 XB` is no size"),
        ("row_group_bytes = 0", "3:19: `row_group_bytes` has to be more than 0"),
        ("partition_by = [\"yaer(d)\"]", "3:17: unknown transform `yaer`, did you mean `year`?"),
        ("partition_by = [\"year(d)\", \"year(e) as d_year\"]", "3:28: there are two partition keys `d_year`"),
        ("partition_by = [\"a\", \"a as b\"]", "3:22: the column `a` becomes two"),
        ("partition_by = [\"day(d) as d\"]", "3:17: the column `d` stays in the file"),
        ("partition_by = [\"a\"]\ncolumns.A.drop = true", "3:17: the column `a` is dropped"),
        ("partition_by = [\"a\"]\ncolumns.a.pii = \"drop\"", "3:17: the column `a` is dropped"),
        ("partition_by = [\"a\"]\ncolumns.a.type = \"double\"", "3:17: a double is no partition key"),
        ("partition_by = [\"year(a)\"]\ncolumns.a.type = \"int\"", "3:17: `a` is declared int"),
        ("partition_by = [\"hour(a)\"]\ncolumns.a.type = \"date\"", "3:17: `a` is declared a date"),
        ("partition_by = [\"a\"]\nprojection.b = { type = \"injected\" }", "4:1: Athena projects all"),
        ("projection.a = {}", "3:12: a projection needs"),
        ("context = { ingested_at = \"-\" }", "3:27: `-` is no name of a column"),
        ("context = [\"ingested\"]", "3:12: unknown value `ingested`, did you mean `ingested_at`?"),
        ("context = { source_key = \"a\", source_row = \"a\" }", "3:44: there is another column `a`"),
        ("partition_by = [\"a\"]\ncontext = { source_key = \"a\" }", "4:26: there is another column `a`"),
        ("partition_by = [\"a\", \"a\"]", "3:22: the column `a` becomes two"),
        ("partition_by = [\"a\", \"year(b) as a\"]", "3:22: there are two partition keys `a`"),
        ("duplicates = { action = \"drop\", column = \"a\" }", "3:33: only `action = \"flag\"`"),
        ("duplicates = { action = \"drop\", by = [] }", "3:38: it names no column"),
        ("format.delimiter = \"\"", "3:20: an empty text separates nothing"),
        ("format = { delimiter = \";\", widths = [3] }", "3:29: columns have either widths or a `delimiter`"),
        ("format.widths = []", "3:17: it names no column"),
        ("format.widths = [3, 0]", "3:17: each column has at least one character"),
        ("format.quote = \"ab\"", "3:16: expected one ASCII character"),
        ("format = { delimiter = \";\", comment = \";\" }", "3:39: it is the `delimiter` too"),
        ("format = { header = true, columns = [\"a\"] }", "3:27: these names are for a file without"),
        ("format = { columns = [\"a\", \"A\"] }", "3:28: the column `A` is named twice"),
        ("format.encoding = \"utf-9\"", "3:19: unknown character set `utf-9`"),
        ("columns.a.type = \"decimal\"", "3:18: `decimal` alone is a decimal(10,0)"),
        ("columns.a.type = \"array<int>\"", "3:18: no field of delimited text becomes `array<int>`"),
        (
            "partition_by = [\"a\", \"b\"]\nformat.columns = [\"A\", \"c\"]\ncolumns.c.rename = \"b\"",
            "3:16: all columns that `format.columns` lists",
        ),
        (
            "partition_by = [\"month(d)\"]\nprojection.d_month.values = [\"1\", \"02\"]",
            "4:29: the key is int, and no folder",
        ),
        ("partition_by = [\"month(d)\"]\nprojection.d_month.values = [\"13\"]", "4:29: the key is int, and no folder"),
        (
            "partition_by = [\"month(d)\"]\nprojection.d_month = { range = \"1,12\", digits = 2 }",
            "4:49: folders of numbers have no zeros",
        ),
        (
            "partition_by = [\"hour(d)\"]\nprojection.d_hour.range = \"24,48\"",
            "4:27: the values of the key are 0 to 23",
        ),
        ("partition_by = [\"day(d)\"]\nprojection.d_day.range = \"1,31\"", "4:26: whole numbers cannot be values"),
        (
            "partition_by = [\"day(d)\"]\nprojection.d_day = { range = \"20200101,NOW\", format = \"yyyyMMdd\" }",
            "4:55: folders of the key are called as `yyyy-MM-dd`",
        ),
        (
            "partition_by = [\"a\"]\ncolumns.a.type = \"date\"\nprojection.a.values = [\"30.11.2026\"]",
            "5:23: the key is date, and no folder",
        ),
        (
            "partition_by = [\"a\"]\ncolumns.a.type = \"boolean\"\nprojection.a.range = \"0,1\"",
            "5:22: whole numbers cannot be values of the key, which is boolean; list its `values`",
        ),
        ("columns.a.type = \"text\"", "3:18: unknown type `text`, did you mean `string`?"),
        ("columns.a.date_format = \"%Q\"", "3:25: unknown `%Q`"),
        ("columns.a.date_format = []", "3:25: it names no format"),
        ("columns.a.date_format = [\"%Y%m%d\", \"%d\"]", "3:36: `%d` gives no date"),
        ("columns.a.date_format = [\"epoch\", \"epoch\"]", "3:35: the format `epoch` stands in the list twice"),
        ("format.decimal = \";\"", "3:18: unknown value `;`, expected `.` or `,`"),
        ("format = { decimal = \",\", thousands = \",\" }", "3:22: `,` is the `thousands` mark too"),
        ("format.thousands = \".\"\ncolumns.a.decimal = \".\"", "4:21: `.` is the `thousands` mark too"),
        ("format.decimal = \",\"\ncolumns.a.thousands = \",\"", "4:23: `,` is the `decimal` mark too"),
        ("columns.a = { type = \"date\", decimal = \",\" }", "3:30: only numbers have a `decimal`"),
        ("columns.a = { date_format = \"epoch\", thousands = \"\" }", "3:38: only numbers have a `thousands`"),
        ("columns.a = { type = \"date\", truncate = true }", "3:30: only timestamps have digits"),
        ("columns.a = { drop = true, truncate = false }", "3:28: the column is dropped, so `truncate`"),
        ("columns.a = { type = \"int\", date_format = \"epoch\" }", "3:29: only dates and timestamps have a format"),
        ("columns.a = { type = \"string\", on_misfit = \"null\" }", "3:32: every text fits"),
        ("columns.a = { drop = true, rename = \"b\" }", "3:28: the column is dropped, so `rename`"),
        ("columns.a.map = { x = true }", "3:23: expected a text, or false for null"),
        ("[dataset.columns]\nA = {}\na = {}", "5:1: it is the same column as `A`"),
        ("columns.a.rename = \"b\"\ncolumns.c.rename = \"B\"", "4:20: there is another column `b`"),
        ("columns.a.rename = \"b\"\ncolumns.b.trim = true", "3:20: there is another column `b`"),
        ("columns.a = { type = \"int\", pii = \"token\" }", "3:29: `token` makes a text"),
        ("columns.a.pii = { method = \"mask\", shape = true }", "3:36: `mask` has no option `shape`"),
        ("columns.a.pii = { method = \"mask\", char = \"ab\" }", "3:36: expected one character"),
        ("columns.a.pii = { method = \"fpe\", alphabet = \"aa\" }", "3:35: expected `digits`"),
        ("columns.a.pii = \"generalize\"", "3:17: `generalize` needs `to`"),
        ("columns.a.pii = { method = \"generalize\", to = { bucket = 0 } }", "3:42: a bucket has to be wider"),
        ("columns.a.pii = { type = \"email\" }", "3:17: missing field `method`"),
        ("pii.threshold = -1", "3:17: `threshold` is a share"),
        ("pii.sample_rows = 0", "3:19: leave it out"),
        ("pii.custom.b = \"(\"", "3:16: it is no regular expression: unclosed group"),
    ] {
        let found = problems(body);
        assert!(found.len() == 1 && found[0].starts_with(says), "{body}: {found:?}");
    }
}

#[test]
fn what_is_wrong_in_the_defaults_is_told_once() {
    let error = Rules::parse("[defaults]\ncompression_level = 3\n[[dataset]]\nmatch = \"a\"\n").unwrap_err();
    assert_eq!(error.problems.len(), 1, "{error}");
}

#[test]
fn the_example_is_valid_and_uses_every_setting_of_a_dataset() {
    let text = include_str!("../../../../examples/lake.toml");
    let rules = rules(text);
    assert!(rules.len() > 1);
    let schema = crate::schema();
    for field in schema["$defs"]["Dataset"]["properties"].as_object().unwrap().keys() {
        let named = [format!("\n{field} = "), format!("[dataset.{field}"), format!("[defaults.{field}")];
        assert!(named.iter().any(|name| text.contains(name)), "{field}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(\\[\\[dataset\\]\\]\n)?(match|mode|format\\.quote|columns\\.a\\.map) = .{0,20}|.{0,40}") {
        if let Err(error) = Rules::parse(&text) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.problems.iter().all(|problem| problem.line > 0 && problem.column > 0));
        }
    }

    #[test]
    fn the_first_dataset_of_all_that_match_is_found(
        datasets in prop::collection::vec((prop::collection::vec(glob(), 1..3), prop::option::of("[ab*]{1,3}")), 0..12),
        bucket in "[abc]{0,3}",
        keys in prop::collection::vec(prop_oneof![key(), ".{0,10}"], 1..8),
    ) {
        let write = |(i, (globs, bucket)): (usize, &(Vec<String>, Option<String>))| {
            let bucket = bucket.as_ref().map_or_else(String::new, |bucket| format!("bucket = {bucket:?}\n"));
            format!("[[dataset]]\nmatch = {globs:?}\ntable = \"t{i}\"\n{bucket}")
        };
        let text = datasets.iter().enumerate().map(write).collect::<Vec<_>>().concat();
        // Two datasets may come out the same, and some globs are none.
        if let Ok(rules) = Rules::parse(&text) {
            for key in &keys {
                let first = plainly(&datasets, &bucket, key);
                let applied = rules.find(&bucket, key);
                prop_assert_eq!(applied.rule.map(|rule| rule.index), first, "{}", text);
                prop_assert_eq!(applied.dataset.table, first.map(|i| format!("t{i}")));
            }
        }
    }
}

/// A folder, a file, or a part of one: few, so that globs meet keys.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "ab", "crm", "crm_1", "日本", "é", "x.csv", "-"])
}

fn key() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..5).prop_map(|words| words.join("/"))
}

fn glob() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => word().prop_map(str::to_owned),
        1 => Just("*".to_owned()),
        1 => Just("**".to_owned()),
        1 => Just("?".to_owned()),
        1 => Just("[a-c]*".to_owned()),
        1 => Just("\\*".to_owned()),
        1 => (word(), word()).prop_map(|(one, two)| format!("{{{one},{two}*}}")),
        1 => (word(), word()).prop_map(|(one, two)| format!("{one}*{two}")),
    ];
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.join("/"))
}

/// The first dataset that matches, by a look at each one.
fn plainly(datasets: &[(Vec<String>, Option<String>)], bucket: &str, key: &str) -> Option<usize> {
    let matches = |glob: &String, text: &str| Glob::new(glob).unwrap().is_match(text);
    datasets.iter().position(|(globs, wanted)| {
        wanted.as_ref().is_none_or(|glob| matches(glob, bucket)) && globs.iter().any(|glob| matches(glob, key))
    })
}
