#![allow(clippy::format_collect, reason = "texts of tests are short")]

//! Every line has one place.

use super::*;
use crate::Lines;

fn detected() -> Options {
    Options { dialect: DialectOverrides::default(), max_rejected_ratio: 1.0, ..options() }
}

fn lines(text: &str) -> (Lines, Collected) {
    let (report, sink) = run(text, &Plans::default(), &detected()).unwrap();
    assert_eq!(report.records, report.rows + report.rejected);
    (report.lines, sink)
}

fn kept(sink: &Collected) -> Vec<(u64, &str, &str)> {
    let kept =
        sink.rejected.iter().map(|(line, _, reason, raw)| (*line, reason.split(':').next().unwrap(), raw.as_str()));
    kept.collect()
}

#[test]
fn lines_that_are_no_records_are_counted_and_kept_with_the_reason() {
    let text =
        "Sales report\n\n# made by hand\nid,name,n\n1,a,2\n\n# a pause\n2,\"b\nc\",3\n4,d\n3,e,4\n(4 rows affected)\n";
    let (lines, sink) = lines(text);
    let expected = Lines { header: 1, preamble: 1, comment: 2, blank: 2, footer: 1, rows: 4, rejected: 1 };
    assert_eq!(lines, expected);
    assert_eq!(
        kept(&sink),
        [
            (1, "preamble", "Sales report"),
            (3, "comment", "# made by hand"),
            (7, "comment", "# a pause"),
            (10, "too few fields", "4,d"),
            (12, "footer", "(4 rows affected)"),
        ]
    );
    assert_eq!(sink.rows().len(), 3);
}

#[test]
fn a_header_that_comes_again_is_no_row() {
    let rows = |from: u32| (from..from + 30).map(|i| format!("{i},2026-01-05,{i}.5\n")).collect::<String>();
    for header in ["id,day,amount\n", "\"id\",\"day\",\"amount\"\n"] {
        let text = format!("{header}{}{header}{}\u{feff}{header}{}", rows(0), rows(30), rows(60));
        let (report, sink) = run(&text, &Plans::default(), &detected()).unwrap();
        assert_eq!((report.rows, report.rejected, report.lines.header), (90, 0, 3));
        assert_eq!(types(&report), [DataType::Int64, DataType::Date32, DataType::Float64]);
        assert_eq!(kept(&sink).len(), 2);
        assert!(kept(&sink).iter().all(|(_, reason, _)| *reason == "repeated header"));
    }
    // Numbers may be equal to numbers.
    let text = "0,1,2\n5.1,3.5,1.4\n0,1,2\n4.7,3.2,1.3\n4.7,3.2,1.3\n4.7,3.2,1.3\n4.7,3.2,1.3\n";
    assert_eq!(lines(text).0.rows, 6);
}

#[test]
fn totals_and_rules_are_no_rows_where_they_cannot_be() {
    let rows = |row: &dyn Fn(u32) -> String| (10..40).map(row).collect::<String>();
    let days = rows(&|i| format!("2026-01-{:02},{i}\n", i % 28 + 1));
    let (of, sink) = lines(&format!("day,n\n----------,---\n{days}Total,735\n"));
    assert_eq!((of.rows, of.rejected, of.comment), (30, 1, 1));
    assert_eq!(kept(&sink), [(2, "comment", "----------,---"), (33, "total row", "Total,735")]);
    // It is no flaw of the file.
    let none = Options { max_rejected_ratio: 0.0, bad_rows: BadRows::Fail, ..detected() };
    let (report, _) = run("day,n\n2026-01-01,1\n2026-01-02,2\nTotal,3\n", &Plans::default(), &none).unwrap();
    assert_eq!((report.rows, report.rejected_by_reason["total row"]), (2, 1));
    // Names may be called so, and two dashes may stand for what is missing.
    let regions = rows(&|i| format!("Region {i},{i}\n"));
    assert_eq!(lines(&format!("region,n\n{regions}Total,735\n")).0.rows, 31);
    assert_eq!(lines(&format!("region,n\n{regions}--,--\n")).0.rows, 31);
}

#[test]
fn a_last_line_that_ends_otherwise_is_blank() {
    let text =
        format!("a,b\r{}8000,some words\r\n", (0..8000).map(|i| format!("{i},some words\r")).collect::<String>());
    let (of, _) = lines(&text);
    assert_eq!((of.rows, of.rejected, of.blank), (8001, 0, 1));
    assert_eq!(lines("a,b\n1,2\n\u{1a}").0, Lines { header: 1, rows: 1, blank: 1, ..Lines::default() });
}

#[test]
fn another_table_below_is_told_and_no_flaw() {
    let rows = |row: &str, n: usize| format!("{row}\n").repeat(n);
    let strict = Options { max_rejected_ratio: 0.0, ..detected() };
    let read = |text: &str| run(text, &Plans::default(), &strict);
    for gap in ["", "\n", "\n\n"] {
        for (header, row) in [("x,y", "1,2"), ("p,q,r,s", "1,2,3,4")] {
            let text = format!("a,b,c\n{}{gap}{header}\n{}", rows("1,x,2.5", 40), rows(row, 12));
            let (report, sink) = read(&text).unwrap();
            assert_eq!((report.rows, report.rejected_by_reason["another table"]), (40, 13), "{text}");
            assert!(sink.rejected[0].2.ends_with("send each table in a file of its own"), "{:?}", sink.rejected[0]);
        }
    }
    // Rows follow; there is no line of names; it is the larger one.
    for text in [
        format!("a,b,c\n{}x,y\n1,2\n{}", rows("1,x,2.5", 40), rows("1,x,2.5", 40)),
        format!("a,b,c\n{}{}", rows("1,x,2.5", 40), rows("1,2", 3)),
        format!("a,b,c\n{}x,y\n1,2\n1\n", rows("1,x,2.5", 40)),
    ] {
        assert_eq!(read(&text).err().unwrap().name(), ErrorName::TooManyRejectedRows, "{text}");
    }
}

/// Lines of a file in which nothing is quoted.
fn count(text: &str) -> u64 {
    let ends = text.bytes().filter(|b| *b == b'\n').count() as u64;
    ends + u64::from(!text.is_empty() && !text.ends_with('\n'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_line_has_one_place(
        title in prop::sample::select(vec!["", "A report\n", "\n", "# note\n", "Title,,\n,,\n", "# a, b\n\n"]),
        header in prop::sample::select(vec!["", "id,name,n\n", "id,n\n", "name\n", "a;b;c\n", "day,n,\n"]),
        body in vec(
            prop::sample::select(vec![
                "1,a,2\n", "2,b\n", "\n", " \n", "# a pause\n", "#1,b,3\n", "3,c,4,\n", "4\n", "id,name,n\n", "Total,,9\n",
                "(4 rows)\n", "---,---,---\n", "2026-01-01,x,5\n", "1,2,3,4\n", ",,\n", "a;b;c\n", "note: none\n", "5,é,6\n",
            ]),
            0..40,
        ),
        end in prop::sample::select(vec!["", "7,z,8", "end", "\u{1a}"]),
        rescue: bool,
        block_bytes in prop::sample::select(vec![1, 20, 0]),
    ) {
        let text = format!("{title}{header}{}{end}", body.concat());
        let text = text.as_str();
        let bad_rows = if rescue { BadRows::Rescue } else { BadRows::Quarantine };
        let options = Options { bad_rows, block_bytes, sample_bytes: 30, ..detected() };
        match run(text, &Plans::default(), &options) {
            Ok((report, sink)) => {
                let of = report.lines;
                prop_assert_eq!(of.total(), count(text), "{:?}", of);
                prop_assert_eq!((of.rows, of.rejected), (report.rows, report.rejected));
                let kept = of.preamble + of.comment + of.footer + of.rejected;
                // Of a file without columns nothing is handed over.
                prop_assume!(!report.columns.is_empty());
                let again = of.header - u64::from(report.dialect.header_rows).min(of.header);
                prop_assert_eq!(sink.rejected.len() as u64, kept + again);
                prop_assert_eq!(sink.rows().len() as u64, report.rows);
            }
            Err(error) => prop_assert!(error.to_string().len() > 10, "{error}"),
        }
    }
}
