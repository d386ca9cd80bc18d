#![allow(clippy::format_collect, clippy::format_push_string, reason = "texts of tests are short")]

//! Columns that are set apart by where they stand.

use super::*;
use crate::Layout;

fn given(widths: &[u32]) -> Options {
    let dialect = DialectOverrides { widths: Some(widths.to_vec()), ..DialectOverrides::default() };
    Options { dialect, ..detecting() }
}

fn names(report: &Report) -> Vec<&str> {
    report.columns.iter().map(|column| column.name.as_str()).collect()
}

#[test]
fn numbers_below_each_other_are_columns() {
    let text: String = (1700..1760).map(|year| format!("{year} {:3}\n", year * 7 % 160)).collect();
    let (report, sink) = run(text, &Plans::default(), &detecting()).unwrap();
    assert_eq!(report.dialect.layout, Some(Layout::Blanks));
    assert_eq!(types(&report), [DataType::Int64, DataType::Int64]);
    assert_eq!((report.rows, report.lines.header, sink.rows()[59].clone()), (60, 0, vec!["1759".into(), "153".into()]));
}

#[test]
fn a_header_in_a_comment_names_them() {
    let text = "# seen by hand\n# x y\n 0.1    7.5\n 0.2   17.5\n# the end\n-0.3    7.6\n";
    let (report, sink) = run(text, &Plans::default(), &detecting()).unwrap();
    assert_eq!(report.columns.len(), 2);
    assert!(names(&report)[0].ends_with('x') && names(&report)[1] == "y", "{:?}", names(&report));
    assert_eq!(sink.rows(), [["0.1", "7.5"], ["0.2", "17.5"], ["-0.3", "7.6"]]);
    assert_eq!(
        sink.rejected.iter().map(|(line, .., raw)| (*line, raw.as_str())).collect::<Vec<_>>(),
        [(1, "# seen by hand"), (5, "# the end")]
    );
}

#[test]
fn a_line_that_does_not_fit_is_rejected_rather_than_cut() {
    let mut text = "ID   NAME         AMOUNT\n".to_owned();
    for i in 0..4000 {
        text += &format!("{:<4} {:<12} {:>6}\n", i, ["Ida Sample", "Li", ""][i % 3], i % 977);
    }
    // In the second column, what a cut would give to the third.
    text += "4000 Bartholomew the Elder 12\n4001 Li                7\n";
    let (report, sink) = run(text, &Plans::default(), &detecting()).unwrap();
    assert_eq!(report.dialect.layout, Some(Layout::Widths(vec![5, 12, 7])));
    assert_eq!((report.rows, report.rejected), (4001, 1));
    let (line, _, reason, raw) = &sink.rejected[0];
    assert_eq!((*line, reason.as_str()), (4002, "too few fields: 1 field of 3"));
    assert_eq!(raw, "4000 Bartholomew the Elder 12");
    assert_eq!(sink.rows()[4000], ["4001", "Li", "7"]);
    assert_eq!(sink.rows()[2], ["2", "∅", "2"]);
}

#[test]
fn rejected_rows_show_no_separator() {
    // The sample ends before the last lines.
    let mut text: String = (0..8000).map(|i| format!("{i:4} {:5}\n", i * 7)).collect();
    text += "  1    2    3\n  1\u{1f}2\n  1\n";
    let (report, sink) = run(text, &Plans::default(), &detecting()).unwrap();
    assert_eq!((report.rows, report.rejected), (8000, 3));
    let raw: Vec<_> = sink.rejected.iter().map(|(line, .., raw)| (*line, raw.as_str())).collect();
    assert_eq!(raw, [(8001, "1\t2\t3"), (8002, "  1\t2\t\t"), (8003, "1")]);
}

#[test]
fn given_widths_are_characters() {
    let text = "name      zip  town\nJosé      0123 Sète\nÅsa-Linnéa4567 São Paulo do Sul\nЯна       89\n";
    let (report, sink) = run(text, &Plans::default(), &given(&[10, 5, 4])).unwrap();
    assert_eq!(report.dialect.layout, Some(Layout::Widths(vec![10, 5, 4])));
    assert_eq!(names(&report), ["name", "zip", "town"]);
    assert_eq!(sink.rows(), [["José", "0123", "Sète"], ["Åsa-Linnéa", "4567", "São Paulo do Sul"], ["Яна", "89", "∅"]]);
}

#[test]
fn given_widths_cut_without_blanks_and_lines_of_any_end() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["AB0012024", "CD1232025", "EF0002026", ""].join(end);
        let mut options = given(&[2, 3, 4]);
        options.dialect.header_rows = Some(0);
        let (report, sink) = run(text, &Plans::default(), &options).unwrap();
        assert_eq!(sink.rows(), [["AB", "001", "2024"], ["CD", "123", "2025"], ["EF", "000", "2026"]]);
        assert_eq!(report.lines.total(), 3);
    }
}

#[test]
fn widths_and_a_delimiter_contradict_each_other() {
    let mut options = given(&[2, 3]);
    options.dialect.delimiter = Some(b";".to_vec());
    let error = run("ab123\ncd456\n", &Plans::default(), &options).err().unwrap();
    assert_eq!(error.name(), ErrorName::InvalidSettings);
    for widths in [&[][..], &[3, 0]] {
        assert_eq!(run("ab123\n", &Plans::default(), &given(widths)).err().unwrap().name(), ErrorName::InvalidSettings);
    }
}

#[test]
fn a_delimiter_that_is_given_is_the_one() {
    let text = "1700   5\n1701  11\n1702  16\n1703 101\n";
    let mut options = detecting();
    options.dialect.delimiter = Some(Vec::new());
    options.dialect.header_rows = Some(0);
    let (report, sink) = run(text, &Plans::default(), &options).unwrap();
    assert_eq!(report.dialect.layout, None);
    assert_eq!(sink.rows()[0], ["1700   5"]);
}

#[test]
fn later_readings_cut_alike() {
    // Beyond the sample, text in a column of numbers.
    let mut text = "n    v\n".to_owned();
    for i in 0..3000 {
        text += &format!("{i:<4} {:4}\n", i % 100);
    }
    text += "3000    x\n";
    let options = Options { sample_bytes: 1000, block_bytes: 1000, ..detecting() };
    let (report, sink) = run(text, &Plans::default(), &options).unwrap();
    assert_eq!((report.rows, report.passes), (3001, 2));
    assert_eq!(types(&report), [DataType::Int64, DataType::Utf8]);
    assert_eq!(sink.rows()[3000], ["3000", "x"]);
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-zé]{1,9}( [A-Za-z]{1,5})?", "-?[1-9][0-9]{0,5}", Just(String::new())]
}

proptest! {
    #[test]
    fn a_table_that_is_laid_out_is_read_back(
        rows in vec((1..100_000u32, cell(), -999..999i32), 3..30),
        right in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("{:<8}{:<18}{:>6}{end}", "id", "what", "n");
        for (id, what, n) in &rows {
            text += &if right {
                format!("{id:<8}{what:<18}{n:>6}{end}")
            } else {
                format!("{id:<8}{what:<18}  {n:<4}{end}")
            };
        }
        let mut options = given(&[8, 18, 6]);
        options.all_strings = true;
        options.dialect.header_rows = Some(1);
        let expected: Vec<_> = rows.iter().map(|(id, what, n)| {
            let what = if what.is_empty() { "∅".to_owned() } else { what.clone() };
            vec![id.to_string(), what, n.to_string()]
        }).collect();
        let (_, sink) = run(&text, &Plans::default(), &options).unwrap();
        prop_assert_eq!(sink.rows(), expected.clone());
        // What is found out is the same, or nothing is cut.
        let options = Options { all_strings: true, ..detecting() };
        let (report, sink) = run(&text, &Plans::default(), &options).unwrap();
        if report.columns.len() == 3 && report.dialect.layout.is_some() {
            prop_assert_eq!(sink.rows(), expected);
        } else {
            prop_assert_eq!(report.dialect.layout, None);
        }
    }

    #[test]
    fn numbers_of_any_length_are_read_back(rows in vec(vec(-9999..99_999i32, 3), 3..40), wide in 6..9usize) {
        let mut text = String::new();
        for row in &rows {
            text.extend(row.iter().map(|n| format!("{n:wide$}")));
            text.push('\n');
        }
        let mut options = detecting();
        options.dialect.header_rows = Some(0);
        let (report, sink) = run(text, &Plans::default(), &options).unwrap();
        let expected: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        prop_assert_eq!(report.dialect.layout, Some(Layout::Blanks));
        prop_assert_eq!(sink.rows(), expected);
    }

    #[test]
    fn running_text_stays_whole(lines in vec(vec("[A-Za-z]{1,9}[,.]?", 1..9), 3..30), blanks in 1..3usize) {
        let text: String = lines.iter().map(|words| words.join(&" ".repeat(blanks)) + "\n").collect();
        if let Ok((report, _)) = run(text, &Plans::default(), &detecting()) {
            prop_assert_eq!(report.dialect.layout, None);
        }
    }
}
