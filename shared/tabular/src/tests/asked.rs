//! What a dataset may ask of the reader beyond types.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use super::*;
use crate::{Case, Cleanse, DuplicateAction, Duplicates, Misfit, Origin, Role};

/// Plans by the names of columns; others are as they are.
#[derive(Debug, Default)]
struct Asked(Vec<ColumnPlan>);

impl Planner for Asked {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        let plan = |name: &String| {
            let asked = self.0.iter().find(|plan| plan.name == *name);
            asked.cloned().unwrap_or_else(|| ColumnPlan { name: name.clone(), ..ColumnPlan::default() })
        };
        Ok(header.names.iter().map(plan).collect())
    }
}

fn column(name: &str) -> ColumnPlan {
    ColumnPlan { name: name.to_owned(), ..ColumnPlan::default() }
}

fn declared(name: &str, data_type: DataType, misfit: Misfit) -> ColumnPlan {
    ColumnPlan { declared: Some(data_type), misfit, ..column(name) }
}

fn with_role(name: &str, role: Role) -> ColumnPlan {
    ColumnPlan { role, ..column(name) }
}

fn cleansed(name: &str, cleanse: &Cleanse) -> ColumnPlan {
    ColumnPlan { cleanse: Some(Arc::new(cleanse.clone())), ..column(name) }
}

fn names(report: &Report) -> Vec<&str> {
    report.columns.iter().map(|c| c.name.as_str()).collect()
}

fn origins(report: &Report) -> Vec<Origin> {
    report.columns.iter().map(|c| c.origin).collect()
}

fn duplicates(by: &[&str], action: DuplicateAction) -> Duplicates {
    Duplicates { by: by.iter().map(|name| (*name).to_owned()).collect(), action }
}

#[test]
fn a_planner_learns_whether_the_names_stand_in_the_file() {
    struct Asking(Mutex<Vec<Header>>);
    impl Planner for Asking {
        fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
            self.0.lock().unwrap().push(header.clone());
            Ok(header.names.iter().map(|name| column(name)).collect())
        }
    }
    let asking = Asking(Mutex::default());
    let mut headerless = options();
    headerless.dialect.header_rows = Some(0);
    run("a,b\n1,2\n", &asking, &options()).unwrap();
    run("a,b\n1,2\n", &asking, &headerless).unwrap();
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    assert_eq!(
        *asking.0.lock().unwrap(),
        [
            Header { names: names(["a", "b"]), given: true },
            Header { names: names(["column_1", "column_2"]), given: false },
        ]
    );
}

#[test]
fn a_dropped_column_is_named_and_nothing_else() {
    let asked = Asked(vec![with_role("b", Role::Drop)]);
    let (report, sink) = run("a,b,c\n1,x,2\n3,,4\n", &asked, &options()).unwrap();
    assert_eq!((names(&report), &report.dropped[..]), (vec!["a", "c"], &["b".to_owned()][..]));
    assert_eq!(sink.rows(), [["1", "2"], ["3", "4"]]);
    let all = Asked(["a", "b", "c"].map(|name| with_role(name, Role::Drop)).to_vec());
    let (report, sink) = run("a,b,c\n1,x,2\n3,,4\n", &all, &options()).unwrap();
    assert_eq!((report.rows, sink.batches[0].num_columns()), (2, 0));
}

#[test]
fn bytes_that_are_no_text_are_found_in_dropped_columns_too() {
    let text = b"a,b\n1,x\n2,\xff\n3,y\n\xff,z\n4,\0\n";
    let asked = Asked(vec![with_role("b", Role::Drop)]);
    for block_bytes in [1, 7, 1 << 20] {
        let options = Options { block_bytes, sample_bytes: 1, max_rejected_ratio: 1.0, ..options() };
        let (_, sink) = run(text, &asked, &options).unwrap();
        assert_eq!(sink.rows(), [["1"], ["3"]]);
        assert_eq!(sink.rejected.iter().map(|r| r.0).collect::<Vec<_>>(), [3, 5, 6]);
    }
}

#[test]
fn a_rescued_column_has_no_place_but_the_last() {
    let asked = Asked(vec![with_role("b", Role::Rescue), with_role("c", Role::Rescue)]);
    let text = "a,b,c\n1,x,\"\"\n2,,\n3,\"q\"\"\", y \n4,z\n5,1,2\n";
    let some = Options { max_rejected_ratio: 0.2, ..options() };
    let (report, sink) = run(text, &asked, &some).unwrap();
    assert_eq!((names(&report), origins(&report)), (vec!["a", RESCUED], vec![Origin::File, Origin::Rescued]));
    assert_eq!(
        sink.rows(),
        [
            ["1", "{\"b\":\"x\"}"],
            ["2", "∅"],
            ["3", "{\"b\":\"q\\\"\",\"c\":\" y \"}"],
            ["5", "{\"b\":\"1\",\"c\":\"2\"}"]
        ]
    );
    // Flawed rows still go their own way, and are what is counted.
    assert_eq!((report.rejected, report.rescued), (1, 0));
    let rescue = Options { bad_rows: BadRows::Rescue, ..options() };
    let (report, sink) = run("a,b,c\n1,x,y\n2,z,w,more\n", &asked, &rescue).unwrap();
    assert_eq!(sink.rows()[1], ["2", "{\"extra\":[\"more\"],\"b\":\"z\",\"c\":\"w\"}"]);
    assert_eq!((report.rejected, report.rescued), (0, 1));
    let fail = Options { bad_rows: BadRows::Fail, ..options() };
    assert_eq!(run(text, &asked, &fail).err().unwrap().name(), ErrorName::MalformedCsv);
}

#[test]
fn a_misfit_can_be_null_and_is_counted() {
    let asked = Asked(vec![declared("a", DataType::Int8, Misfit::Null), declared("b", TIMESTAMP, Misfit::Null)]);
    let text = "a,b\n1,2026-01-01\n128,soon\n,\nNA,\nx,2026-01-02\n";
    let (report, sink) = run(text, &asked, &options()).unwrap();
    assert_eq!((report.rejected, report.nulled), (0, 3));
    assert_eq!(report.columns.iter().map(|c| (c.nulls, c.nulled)).collect::<Vec<_>>(), [(4, 2), (3, 1)]);
    assert_eq!(sink.rows()[1], ["∅", "∅"]);
    assert_eq!(sink.rows()[4], ["∅", "2026-01-02T00:00:00"]);
    // In a row that is kept although it is flawed, nothing is lost.
    let rescue = Options { bad_rows: BadRows::Rescue, ..options() };
    let (report, sink) = run("a,b\nx,2026-01-01,more\ny,2026-01-01\n", &asked, &rescue).unwrap();
    assert_eq!(sink.rows()[0][2], "{\"extra\":[\"more\"],\"a\":\"x\"}");
    assert_eq!((report.nulled, &*sink.rows()[1][2]), (1, "∅"));
}

#[test]
fn misfits_go_to_a_column_of_their_own_type() {
    let sibling = |name| declared(name, DataType::Int32, Misfit::Sibling);
    let asked = Asked(["a", "b", "c", "d", "e"].map(sibling).to_vec());
    let text = "a,b,c,d,e,b_string\n1,1,1,1,1,x\n2.5,\"two\",2026-01-02,,5000000000,x\n3,\"\",2026-01-03,NA,,x\n";
    let (report, sink) = run(text, &asked, &options()).unwrap();
    assert_eq!(names(&report)[6..], ["a_double", "b_string_", "c_date", "e_bigint"]);
    assert_eq!(types(&report)[6..], [DataType::Float64, DataType::Utf8, DataType::Date32, DataType::Int64]);
    assert!(origins(&report)[6..].iter().all(|origin| *origin == Origin::Sibling));
    assert_eq!(report.columns[7].source_name, "b");
    assert_eq!(sink.rows()[0][6..], ["∅", "∅", "∅", "∅"]);
    assert_eq!(sink.rows()[1][..6], ["∅", "∅", "∅", "∅", "∅", "x"]);
    assert_eq!(sink.rows()[1][6..], ["2.5", "two", "2026-01-02", "5000000000"]);
    assert_eq!(sink.rows()[2][6..], ["∅", "", "2026-01-03", "∅"]);
    assert_eq!((report.rejected, report.nulled), (0, 0));
    // A text is all that is asked for here.
    let strings = Options { all_strings: true, ..options() };
    let (report, _) = run("a,b\n1,1\n2.5,2\n", &asked, &strings).unwrap();
    assert_eq!(names(&report), ["a", "b", "a_string"]);
}

#[test]
fn a_late_misfit_costs_a_second_pass() {
    let asked = Asked(vec![declared("a", DataType::Int64, Misfit::Sibling)]);
    let mut text = "a,b\n".to_owned();
    text.extend((0..5000).map(|i| format!("{i},x\n")));
    text += "1.5,x\n2026-01-01,x\n";
    for threads in [1, 3] {
        let options = Options { block_bytes: 4096, sample_bytes: 4096, threads, ..options() };
        let (report, sink) = run(&text, &asked, &options).unwrap();
        assert_eq!((names(&report), report.passes), (vec!["a", "b", "a_string"], 2));
        assert_eq!(sink.rows()[5000..], [["∅", "x", "1.5"], ["∅", "x", "2026-01-01"]]);
    }
}

#[test]
fn records_are_numbered_as_they_stand_in_the_file() {
    let numbered = Options { row_number: Some("B".to_owned()), max_rejected_ratio: 1.0, ..options() };
    let text = b"a,b\n1,x\n2\n\n3,\"two\nlines\"\n4,x,y\n5,\xff\n6,z\n";
    let (report, sink) = run(text, &Asked::default(), &numbered).unwrap();
    assert_eq!(names(&report), ["a", "b_", "B"]);
    assert_eq!(report.columns[2].origin, Origin::RowNumber);
    let numbers: Vec<_> = sink.rows().into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(numbers, ["1", "3", "6"]);
}

#[test]
fn duplicates_are_dropped_and_told() {
    let text = "a,b\n1,x\n01,x\n1.0,x\n,NA\n2\n1,\"x\"\n,NA\n3,y\n";
    let asked = Asked(vec![declared("a", DataType::Float64, Misfit::Null)]);
    let drop =
        Options { duplicates: Some(duplicates(&[], DuplicateAction::Drop)), max_rejected_ratio: 0.2, ..options() };
    let (report, sink) = run(text, &asked, &drop).unwrap();
    assert_eq!(sink.rows(), [["1.0", "x"], ["∅", "x"], ["∅", "NA"], ["3.0", "y"]]);
    let rejected: Vec<_> = sink.rejected.iter().map(|(l, o, r, raw)| (*l, *o, r.as_str(), raw.as_str())).collect();
    let again = "duplicate of an earlier row";
    assert_eq!(
        rejected,
        [
            (4, 13, again, "1.0,x"),
            (6, 23, "too few fields: 1 field of 2", "2"),
            (7, 25, again, "1,\"x\""),
            (8, 31, again, ",NA"),
        ]
    );
    assert_eq!((report.records, report.duplicates, report.nulled), (8, 3, 1));
    assert_eq!(report.rejected_by_reason["duplicate"], 3);
    // None of them is flawed.
    let fail = Options { bad_rows: BadRows::Fail, max_rejected_ratio: 0.0, ..drop };
    let (report, _) = run("a,b\n1,x\n1,x\n1,x\n", &asked, &fail).unwrap();
    assert_eq!((report.rows, report.rejected), (1, 2));
}

#[test]
fn duplicates_are_flagged_by_some_columns() {
    let flag = |by: &[&str]| Options {
        duplicates: Some(duplicates(by, DuplicateAction::Flag("again".to_owned()))),
        bad_rows: BadRows::Rescue,
        ..options()
    };
    let asked = Asked(vec![
        declared("id", DataType::Int64, Misfit::Reject),
        cleansed("city", &Cleanse { case: Some(Case::Lower), ..Cleanse::default() }),
    ]);
    let text = "id,city,n\n1,Rome,1\n1,ROME,2\nx,Rome,3\ny,Rome,4\nx,rome,5\n,Rome,6\n,Rome,7\n";
    let (report, sink) = run(text, &asked, &flag(&["city", "id"])).unwrap();
    assert_eq!((names(&report)[4], report.columns[4].origin), ("again", Origin::Duplicate));
    let flags: Vec<_> = sink.rows().into_iter().map(|row| row[4].clone()).collect();
    assert_eq!(flags, ["false", "true", "false", "false", "true", "false", "true"]);
    assert_eq!((report.rows, report.duplicates, report.rejected, report.rescued), (7, 3, 0, 3));
    let missing = run(text, &asked, &flag(&["town"])).err().unwrap();
    assert_eq!(missing.name(), ErrorName::SchemaConflict);
    let twice = Options { row_number: Some("Again".to_owned()), ..flag(&[]) };
    assert_eq!(run(text, &asked, &twice).err().unwrap().name(), ErrorName::InvalidSettings);
}

#[test]
fn duplicates_are_looked_for_among_so_many_rows() {
    let limits = Limits { distinct_rows: 2, ..Limits::default() };
    let drop = Options { duplicates: Some(duplicates(&[], DuplicateAction::Drop)), limits, ..options() };
    assert!(run("a\n1\n2\n2\n1\n", &Asked::default(), &drop).is_ok());
    assert_eq!(run("a\n1\n2\n3\n", &Asked::default(), &drop).err().unwrap().name(), ErrorName::LimitExceeded);
}

#[test]
fn what_is_longer_after_cleansing_has_room() {
    let map = HashMap::from([("x".to_owned(), Some("long ".repeat(100))), (String::new(), Some("none".to_owned()))]);
    let asked = Asked(vec![cleansed("b", &Cleanse { map, ..Cleanse::default() })]);
    let text = "a,b\n".to_owned() + &"1,x\n2,\n3,\"\"\n".repeat(100);
    let (_, sink) = run(&text, &asked, &options()).unwrap();
    assert_eq!(sink.rows()[..3], [["1", &*"long ".repeat(100)], ["2", "none"], ["3", "none"]]);
    assert_eq!(sink.rows().len(), 300);
}

/// What is asked of five columns, so that each way that a value can go is gone.
fn plenty() -> Asked {
    let tidy = Cleanse {
        trim: true,
        map: HashMap::from([("-".to_owned(), None), ("x".to_owned(), Some("7".to_owned()))]),
        case: Some(Case::Lower),
        empty_is_null: true,
    };
    Asked(vec![
        declared("a", DataType::Int8, Misfit::Sibling),
        ColumnPlan { cleanse: Some(Arc::new(tidy.clone())), ..declared("b", DataType::Date32, Misfit::Sibling) },
        cleansed("c", &tidy),
        declared("d", DataType::Decimal128(4, 2), Misfit::Null),
        with_role("e", Role::Rescue),
        with_role("f", Role::Drop),
        declared("g", DataType::Boolean, Misfit::Reject),
    ])
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,2}", 2 => Just(String::new()), 1 => Just("300".to_owned()), 1 => "[0-9]\\.5", 1 => "2026-01-1[0-9]",
        1 => Just("\"\"".to_owned()), 1 => Just("NA".to_owned()), 1 => " ?[xX-]", 1 => "\"[a-b] \"",
    ]
}

fn record() -> impl Strategy<Value = String> {
    let whole = (vec(cell(), 6), prop_oneof![9 => Just("true"), 1 => Just("no")]);
    prop_oneof![
        12 => whole.prop_map(|(cells, last)| cells.join(",") + "," + last),
        1 => vec(cell(), 8..9).prop_map(|cells| cells.join(",")),
        1 => Just("1,\"p\"q".to_owned()),
    ]
}

fn action(drop: bool) -> DuplicateAction {
    if drop { DuplicateAction::Drop } else { DuplicateAction::Flag("again".to_owned()) }
}

proptest! {
    #[test]
    fn all_that_is_asked_is_the_same_in_pieces(
        rows in vec(record(), 1..25), again in vec(0usize..25, 0..10), seed: u64,
        block_bytes in 1usize..200, threads in 1usize..4, drop: bool, by_some: bool, rescue: bool,
    ) {
        let mut rows = rows;
        let repeated: Vec<_> = again.iter().filter_map(|&i| rows.get(i).cloned()).collect();
        rows.extend(repeated);
        let text = |rows: &[String]| "a,b,c,d,e,f,g\n".to_owned() + &rows.join("\n") + "\n";
        let by: &[&str] = if by_some { &["c", "a"] } else { &[] };
        let bad_rows = if rescue { BadRows::Rescue } else { BadRows::Quarantine };
        let whole = Options {
            bad_rows, max_rejected_ratio: 1.0, row_number: Some("number".to_owned()), duplicates: Some(duplicates(by, action(drop))),
            ..options()
        };
        let pieces = Options { block_bytes, threads, sample_bytes: 1, ..whole.clone() };
        let (Ok((report, sink)), Ok((other, parts))) =
            (run(text(&rows), &plenty(), &whole), run(text(&rows), &plenty(), &pieces))
        else {
            // Where all is rejected, nothing is read.
            prop_assert!(run(text(&rows), &plenty(), &pieces).is_err());
            return Ok(());
        };
        prop_assert_eq!(&report.columns, &other.columns);
        prop_assert_eq!(sink.rows(), parts.rows());
        prop_assert_eq!(&sink.rejected, &parts.rejected);
        prop_assert_eq!(
            (report.nulled, report.duplicates, report.rescued), (other.nulled, other.duplicates, other.rescued)
        );

        // Each record has its own number, and its own line.
        let place = names(&report).iter().position(|name| *name == "number").unwrap();
        let numbers: Vec<u64> = sink.rows().iter().map(|row| row[place].parse().unwrap()).collect();
        prop_assert!(numbers.is_sorted());
        let all: BTreeSet<_> = numbers.into_iter().chain(sink.rejected.iter().map(|row| row.0 - 1)).collect();
        prop_assert_eq!(all, (1..=report.records).collect::<BTreeSet<_>>());
        prop_assert_eq!(report.records, rows.len() as u64);

        // Which columns there are depends on what there is, not on its order.
        let mut turned = rows.clone();
        turned.sort_by_key(|row| {
            row.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
        });
        let (turned, _) = run(text(&turned), &plenty(), &pieces).unwrap();
        prop_assert_eq!(names(&turned), names(&report));
        prop_assert_eq!(types(&turned), types(&report));
        if !drop {
            prop_assert_eq!(turned.columns, report.columns);
        }
    }

    #[test]
    fn duplicates_are_the_rows_that_read_alike(rows in vec(vec("[0-2]|x|", 3), 1..40), by_some: bool, block_bytes in 1usize..100) {
        let text = "a,b,c\n".to_owned() + &rows.iter().map(|row| row.join(",") + "\n").collect::<String>();
        let asked = Asked(vec![declared("a", DataType::Int8, Misfit::Sibling)]);
        let plain = Options { max_rejected_ratio: 1.0, block_bytes, sample_bytes: 1, ..options() };
        let (report, sink) = run(&text, &asked, &plain).unwrap();
        let compared: Vec<_> = (0..report.columns.len())
            .filter(|&i| !by_some || report.columns[i].source_name == "a" || report.columns[i].name == "c").collect();
        let mut seen = BTreeSet::new();
        let is_new: Vec<_> = sink.rows().into_iter().map(|row| {
            seen.insert(compared.iter().map(|&i| row[i].clone()).collect::<Vec<_>>())
        }).collect();
        let expected: Vec<_> = sink.rows().into_iter().zip(&is_new).filter(|(_, new)| **new).map(|(row, _)| row).collect();
        let by: &[&str] = if by_some { &["c", "a"] } else { &[] };
        let drop = Options { duplicates: Some(duplicates(by, action(true))), ..plain.clone() };
        let (report, sink) = run(&text, &asked, &drop).unwrap();
        prop_assert_eq!(sink.rows(), expected);
        prop_assert_eq!(report.duplicates, report.rejected);
        let flag = Options { duplicates: Some(duplicates(by, action(false))), ..plain };
        let (_, sink) = run(&text, &asked, &flag).unwrap();
        let flags: Vec<_> = sink.rows().into_iter().map(|row| row.last().unwrap() == "false").collect();
        prop_assert_eq!(flags, is_new);
    }

    #[test]
    fn cleansing_reads_as_a_file_that_is_clean(
        rows in vec(vec((" ?([0-9]{1,2}|[0-9]\\.5|x|true|NO|Nein|NA|2026-01-0[1-9]|Ä|-)? ?", any::<bool>()), 3), 1..20),
        trim: bool, empty_is_null: bool, case in 0usize..3, mapped: bool, block_bytes in 1usize..100, threads in 1usize..3,
    ) {
        let map: HashMap<_, _> = [("x", Some("15")), ("-", None), ("NO", Some("nein")), ("", Some("Ö")), (" x", Some(""))]
            .into_iter().filter(|_| mapped).map(|(from, to)| (from.to_owned(), to.map(str::to_owned))).collect();
        let case = [None, Some(Case::Lower), Some(Case::Upper)][case];
        // Said once more, step by step.
        let clean = |(text, quoted): &(String, bool)| {
            let text = if trim { text.trim().to_owned() } else { text.clone() };
            let Some(text) = map.get(&text).cloned().unwrap_or(Some(text)) else { return String::new() };
            let means_null = !quoted && ["NULL", "NA", "N/A", "NaN", "\\N"].contains(&&*text);
            let text = match case.filter(|_| !means_null) {
                None => text,
                Some(Case::Lower) => text.to_lowercase(),
                Some(Case::Upper) => text.to_uppercase(),
            };
            let null = text.is_empty() && (empty_is_null || !quoted);
            if null { String::new() } else if *quoted { format!("\"{text}\"") } else { text }
        };
        let raw = |(text, quoted): &(String, bool)| if *quoted { format!("\"{text}\"") } else { text.clone() };
        // The number makes sure that no record is blank.
        let write = |cell: &dyn Fn(&(String, bool)) -> String| {
            let line = |(i, row): (usize, &Vec<(String, bool)>)| format!("{i},{}\n", row.iter().map(cell).collect::<Vec<_>>().join(","));
            "n,a,b,c\n".to_owned() + &rows.iter().enumerate().map(line).collect::<String>()
        };
        let cleanse = Cleanse { trim, map: map.clone(), case, empty_is_null };
        let sibling = |plan: ColumnPlan| ColumnPlan { declared: Some(DataType::Date32), misfit: Misfit::Sibling, ..plan };
        let asked = Asked(vec![sibling(cleansed("a", &cleanse)), cleansed("b", &cleanse), cleansed("c", &cleanse)]);
        let plain = Asked(vec![sibling(column("a"))]);
        let options = Options { block_bytes, threads, sample_bytes: 1, ..options() };
        let (report, sink) = run(write(&raw), &asked, &options).unwrap();
        let (expected, clean) = run(write(&clean), &plain, &options).unwrap();
        prop_assert_eq!(report.columns, expected.columns);
        prop_assert_eq!(sink.rows(), clean.rows());
    }
}
