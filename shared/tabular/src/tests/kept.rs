//! What becomes of rows that are not among the batches, and of texts that are too long.

use std::collections::BTreeSet;

use super::*;
use crate::{DuplicateAction, Duplicates, Misfit, Role, TextLimit};

/// A number, a column that is left out, another one that is withheld, and a text of at most three characters.
struct Plans(Misfit);

impl Planner for Plans {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        let plan = |name: &String| {
            let plan = ColumnPlan { name: name.clone(), ..ColumnPlan::default() };
            match name.as_str() {
                "n" => ColumnPlan { declared: Some(DataType::Int64), ..plan },
                "dropped" => ColumnPlan { role: Role::Drop, ..plan },
                "withheld" => ColumnPlan { withheld: true, ..plan },
                _ => ColumnPlan {
                    declared: Some(DataType::Utf8),
                    limit: Some(TextLimit { characters: 3, padded: false }),
                    misfit: self.0,
                    ..plan
                },
            }
        };
        Ok(header.names.iter().map(plan).collect())
    }
}

fn lenient() -> Options {
    Options { max_rejected_ratio: 1.0, ..options() }
}

/// Rows without a flaw, by which it is known how wide rows are.
const GOOD: usize = 60;

/// As a careful writer has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

proptest! {
    /// Whatever is wrong with a row, what is kept of it has nothing of columns that are left out.
    #[test]
    fn nothing_of_a_column_that_is_left_out_is_kept(
        rows in vec(("[0-9]|x", "SECRET[,\"\n a]{0,4}", "[,\"\n a]{0,3}SECRET", "[,\"\n a]{0,3}", 0..4usize), 1..12)
    ) {
        let mut text = "n,dropped,withheld,note\n".to_owned() + &"1,SECRET,SECRET,ok\n".repeat(GOOD);
        for (n, dropped, withheld, note, broken) in &rows {
            let mut fields = [n, dropped, withheld, note].map(|field| quoted(field)).to_vec();
            match broken {
                1 => fields.push("SECRET".to_owned()),
                2 => drop(fields.pop()),
                _ => {}
            }
            text += &(fields.join(",") + "\n");
        }
        let (report, sink) = run(&text, &Plans(Misfit::Reject), &lenient()).unwrap();
        prop_assert_eq!(report.records, (rows.len() + GOOD) as u64);
        for (_, _, reason, raw) in &sink.rejected {
            prop_assert!(!raw.contains("SECRET") && !reason.contains("SECRET"), "{raw} {reason}");
            prop_assert_eq!(raw.is_empty(), reason.contains(" is not kept, as nobody"));
        }
        let misfits = rows.iter().filter(|(n, _, _, _, broken)| n == "x" && !matches!(broken, 1 | 2));
        let expected: BTreeSet<_> = misfits.map(|(_, _, _, note, _)| format!("x,,,{}", quoted(note))).collect();
        let kept: BTreeSet<_> = sink.rejected.iter().map(|(.., raw)| raw.clone()).filter(|raw| !raw.is_empty()).collect();
        prop_assert_eq!(kept, expected);
    }
}

#[test]
fn a_longer_text_does_what_a_misfit_does() {
    let text = "n,note\n1,abc\n2,abcd\n3,äöü\n4,\n";
    let (report, sink) = run(text, &Plans(Misfit::Reject), &lenient()).unwrap();
    assert_eq!((report.rows, sink.rejected.len()), (3, 1));
    assert_eq!(sink.rejected[0].2, "type mismatch: column \"note\" is varchar(3), found a longer text");
    let (report, sink) = run(text, &Plans(Misfit::Null), &lenient()).unwrap();
    assert_eq!((report.rows, report.nulled), (4, 1));
    assert_eq!(sink.rows()[1], ["2", "∅"]);
    let (_, sink) = run(text, &Plans(Misfit::Sibling), &lenient()).unwrap();
    assert_eq!(sink.rows()[..2], [["1", "abc", "∅"], ["2", "∅", "abcd"]]);
    let rescue = Options { bad_rows: BadRows::Rescue, ..lenient() };
    let (_, sink) = run(text, &Plans(Misfit::Reject), &rescue).unwrap();
    assert_eq!(sink.rows()[..2], [["1", "abc", "∅"], ["2", "∅", "{\"note\":\"abcd\"}"]]);
}

/// A sink that takes no odd numbers.
#[derive(Default)]
struct Choosy(Collected);

impl Sink for Choosy {
    fn begin(&mut self, schema: &SchemaRef, columns: &[Column]) -> Result<(), SinkError> {
        self.0.begin(schema, columns)
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.0.batch(batch)
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        self.0.rejected(row)
    }

    fn is_choosy(&self) -> bool {
        true
    }

    fn refuse(&mut self, batch: &RecordBatch) -> Result<Vec<(usize, String)>, SinkError> {
        let numbers = batch.column(0).as_primitive::<Int64Type>();
        let odd = numbers.iter().enumerate().filter(|(_, n)| n.is_some_and(|n| n % 2 == 1));
        Ok(odd.map(|(row, _)| (row, "an odd number".to_owned())).collect())
    }
}

proptest! {
    /// Rows that a sink refuses are rejected, in blocks of any size, with or without a search for duplicates.
    #[test]
    fn what_a_sink_refuses_is_rejected(
        numbers in vec(0..9i64, 1..40), broken in vec(any::<bool>(), 40), block_bytes in 1..60usize, way in 0..3
    ) {
        let mut text = "n,note\n".to_owned() + &"0,a\n".repeat(GOOD);
        for (n, broken) in numbers.iter().zip(&broken) {
            let more = if *broken { ",b" } else { "" };
            text.extend([n.to_string().as_str(), ",a", more, "\n"]);
        }
        let duplicates = match way {
            0 => None,
            1 => Some(DuplicateAction::Drop),
            _ => Some(DuplicateAction::Flag("again".to_owned())),
        };
        let duplicates = duplicates.map(|action| Duplicates { by: vec!["n".to_owned()], action });
        let flags = way == 2;
        let options = Options { duplicates, block_bytes, ..lenient() };
        let mut sink = Choosy::default();
        let report = read(&mut Bytes(text.into_bytes()), &mut sink, &Plans(Misfit::Reject), &options).unwrap();

        let whole = std::iter::repeat_n(0, GOOD).chain(numbers.iter().zip(&broken).filter(|(_, broken)| !**broken).map(|(n, _)| *n));
        let mut seen = BTreeSet::new();
        let mut expected = Vec::new();
        for n in whole {
            let again = !seen.insert(n);
            if n % 2 == 0 && !(again && way == 1) {
                let mut row = vec![n.to_string(), "a".to_owned()];
                row.extend(flags.then(|| again.to_string()));
                expected.push(row);
            }
        }
        prop_assert_eq!(report.rows, expected.len() as u64);
        prop_assert_eq!(report.records, (numbers.len() + GOOD) as u64);
        prop_assert_eq!(report.rejected, sink.0.rejected.len() as u64);
        prop_assert_eq!(sink.0.rows(), expected);
        let lines: Vec<_> = sink.0.rejected.iter().map(|(line, ..)| *line).collect();
        prop_assert!(lines.is_sorted(), "{lines:?}");
    }
}

#[test]
fn where_bad_rows_fail_a_refused_one_does() {
    let options = Options { bad_rows: BadRows::Fail, ..lenient() };
    let mut sink = Choosy::default();
    let error = read(&mut Bytes(b"n,note\n2,a\n3,b\n".to_vec()), &mut sink, &Plans(Misfit::Reject), &options);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("an odd number"), "{error}");
}
