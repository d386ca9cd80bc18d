use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::{DialectOverrides, Lines, Setting};

/// A file in memory.
struct Text(Vec<u8>);

impl Source for Text {
    fn open(&mut self) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(std::io::Cursor::new(self.0.clone())))
    }
}

/// Puts `<value>` in place of the values of some columns.
#[derive(Default)]
struct Bracket {
    changes: Vec<(&'static str, Change)>,
    seen: Vec<Option<String>>,
    rejected: Vec<(u64, String)>,
    columns: Vec<usize>,
}

impl Rewriter for Bracket {
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError> {
        let change = |name: &String| self.changes.iter().find(|(n, _)| n == name).map(|(_, c)| *c).unwrap_or_default();
        let changes: Vec<_> = header.names.iter().map(change).collect();
        self.columns = (0..changes.len()).filter(|i| changes[*i] == Change::Replace).collect();
        Ok(changes)
    }

    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError> {
        for cells in columns {
            let values: Vec<_> = cells.values().iter().map(|v| v.as_ref().map(|v| v.clone().into_owned())).collect();
            for value in &values {
                if self.columns.contains(&cells.column()) {
                    cells.put(value.as_ref().map(|value| format!("<{value}>")).as_deref());
                }
            }
            self.seen.extend(values);
        }
        Ok(())
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        self.rejected.push((row.line, row.reason.to_owned()));
        Ok(())
    }
}

fn run(text: &[u8], changes: &[(&'static str, Change)], options: &Options) -> (String, Report, Bracket) {
    let mut bracket = Bracket { changes: changes.to_vec(), ..Bracket::default() };
    let (out, report) = rewrite(&mut Text(text.to_vec()), Vec::new(), "a.csv", &mut bracket, options).unwrap();
    (String::from_utf8(out).unwrap(), report, bracket)
}

const REPLACE: Change = Change::Replace;

#[test]
fn all_but_the_values_stays_as_it_stands() {
    let text = "id;\"full name\";note\r\n 1 ;Ann;\"x;\"\"y\"\r\n2;\"Bo \"\"B\"\"\";z\r\n3;;\"\"\r\n4;\"\";-0.50\r\n";
    let (out, report, bracket) = run(text.as_bytes(), &[("full name", REPLACE)], &Options::default());
    let expected =
        "id;\"full name\";note\r\n 1 ;<Ann>;\"x;\"\"y\"\r\n2;\"<Bo \"\"B\"\">\";z\r\n3;;\"\"\r\n4;<>;-0.50\r\n";
    assert_eq!(out, expected);
    assert_eq!((report.records, report.rows), (4, 4));
    assert_eq!(bracket.seen, [Some("Ann".into()), Some("Bo \"B\"".into()), None, Some(String::new())]);
}

#[test]
fn columns_are_left_out() {
    let text = "name,id,note\nAnn,1,#x\nBo,2,y\nCo,,\n";
    let options = Options {
        dialect: DialectOverrides { comment: Setting::Is(Some(b'#')), ..DialectOverrides::default() },
        ..Options::default()
    };
    let (out, ..) = run(text.as_bytes(), &[("name", Change::Drop), ("id", Change::Drop)], &options);
    // What would be a comment, or no record at all, is quoted.
    assert_eq!(out, "note\n\"#x\"\ny\n\"\"\n");
}

#[test]
fn what_is_no_record_has_no_place_in_the_copy() {
    let text = "Report for Ann\n\nid,name\n1,Ann\n2,Bo,Bo\n# Ann\n3,Co\n";
    let options = Options {
        dialect: DialectOverrides {
            skip_lines: Some(2),
            comment: Setting::Is(Some(b'#')),
            ..DialectOverrides::default()
        },
        max_rejected_ratio: 0.5,
        ..Options::default()
    };
    let (out, report, bracket) = run(text.as_bytes(), &[("name", REPLACE)], &options);
    assert_eq!(out, "\n\nid,name\n1,<Ann>\n3,<Co>\n");
    assert_eq!((report.rows, report.rejected), (2, 1));
    let rejected: Vec<_> = bracket.rejected.iter().map(|(line, reason)| (*line, reason.as_str())).collect();
    let preamble = "preamble: no record, but a line before the header";
    assert_eq!(rejected, [(1, preamble), (5, "too many fields: 3 fields for 2"), (6, "comment: no record")]);
    let lines = Lines { header: 1, preamble: 1, comment: 1, blank: 1, footer: 0, rows: 2, rejected: 1 };
    assert_eq!(report.lines, lines);
}

#[test]
fn rows_that_are_no_text_are_rejected() {
    let mut text = b"id,name\n".to_vec();
    text.extend((0..40).flat_map(|i| format!("{i},Ann\n").into_bytes()));
    text.extend(b"41,A\xffnn\n42,A\0nn\n");
    let (out, report, bracket) = run(&text, &[("name", REPLACE)], &Options::default());
    assert_eq!((report.rows, report.rejected, bracket.rejected.len()), (40, 2, 2));
    assert!(out.ends_with("39,<Ann>\n"));
}

#[test]
fn only_declared_markers_are_null() {
    let text = "id,name\n1,NULL\n2,-\n3,Ann\n4,\"-\"\n";
    let options = Options { null_markers: Some(vec!["-".to_owned()]), ..Options::default() };
    let (out, ..) = run(text.as_bytes(), &[("name", REPLACE)], &options);
    assert_eq!(out, "id,name\n1,<NULL>\n2,\n3,<Ann>\n4,<->\n");
}

/// Puts a delimiter into every value.
struct Pipe;
impl Rewriter for Pipe {
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError> {
        Ok(header.names.iter().map(|_| Change::Replace).collect())
    }
    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError> {
        for cells in columns {
            cells.put(Some("sentinel|"));
        }
        Ok(())
    }
    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

#[test]
fn without_quotes_a_value_that_needs_them_is_an_error() {
    let text = "id|name\n1|Ann\n";
    let options = Options {
        dialect: DialectOverrides { quote: Setting::Is(None), ..DialectOverrides::default() },
        ..Options::default()
    };
    let error = rewrite(&mut Text(text.into()), Vec::new(), "", &mut Pipe, &options).unwrap_err();
    assert!(matches!(error, Error::Unquotable { column: 1 }), "{error}");
    assert!(!error.to_string().contains("sentinel"));
}

#[test]
fn a_survey_ends_when_it_has_seen_enough() {
    let text: String = std::iter::once("id,name\n".to_owned()).chain((0..1000).map(|i| format!("{i},Ann\n"))).collect();
    let options = Options { block_bytes: 100, ..Options::default() };
    let mut bracket = Bracket { changes: vec![("name", Change::Show)], ..Bracket::default() };
    let report = survey(&mut Text(text.into()), &mut bracket, &options, 20).unwrap();
    assert!((20..60).contains(&report.rows), "{}", report.rows);
    assert_eq!(bracket.seen.len() as u64, report.rows);
}

#[test]
fn an_empty_file_stays_empty() {
    let (out, report, _) = run(b"", &[], &Options::default());
    assert_eq!((out.as_str(), report.records), ("", 0));
    let (out, report, _) = run(b"id,name\n", &[("name", REPLACE)], &Options::default());
    assert_eq!((out.as_str(), report.records), ("id,name\n", 0));
}

proptest! {
    #[test]
    fn a_copy_does_not_depend_on_blocks_and_threads(
        rows in prop::collection::vec(("[a-z\",;\n ]{0,12}", "[0-9]{0,5}", "[a-z\" ]{0,9}"), 1..40),
        block in 8usize..400,
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["name", "id", "note"]).unwrap();
        for (name, id, note) in &rows {
            writer.write_record([name, id, note]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let options = |threads, block_bytes| Options {
            threads,
            block_bytes,
            dialect: DialectOverrides {
                delimiter: Some(b",".to_vec()),
                quote: Setting::Is(Some(b'"')),
                escape: Setting::Is(None),
                comment: Setting::Is(None),
                skip_lines: Some(0),
                header_rows: Some(1),
                ..DialectOverrides::default()
            },
            ..Options::default()
        };
        let (whole, report, _) = run(&text, &[("name", REPLACE)], &options(1, 0));
        prop_assert_eq!(report.rows, rows.len() as u64);
        for threads in [1, 2] {
            let (pieces, ..) = run(&text, &[("name", REPLACE)], &options(threads, block));
            prop_assert_eq!(&pieces, &whole);
        }
        let mut reader = csv::Reader::from_reader(whole.as_bytes());
        let read: Vec<_> = reader.records().map(Result::unwrap).collect();
        for (record, (name, id, note)) in read.iter().zip(&rows) {
            // csv writes no quotes for an empty text, so it is null here.
            let expected = if name.is_empty() { String::new() } else { format!("<{name}>") };
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), vec![expected.as_str(), id.as_str(), note.as_str()]);
        }
    }
}

#[test]
fn late_bytes_say_what_the_character_set_is() {
    let mut text = b"n,city\n".to_vec();
    text.extend((0..60_000).flat_map(|i| format!("{i},Hamburg at the river\n").into_bytes()));
    text.extend(b"1,M\xFCnchen\n");
    let mut bracket = Bracket { changes: vec![("city", REPLACE)], ..Bracket::default() };
    let source = &mut Text(text);
    let (out, report) = rewrite(source, Vec::new(), "a.csv", &mut bracket, &Options::default()).unwrap();
    assert_eq!((report.input.charset, report.rejected), ("windows-1252", 0));
    assert!(out.ends_with(b"1,<M\xFCnchen>\n"));
}

#[test]
fn columns_without_a_delimiter_are_not_copied() {
    let text = "1700   5\n1701  11\n1702  16\n1703 101\n";
    let copy = |options: &Options| {
        rewrite(&mut Text(text.into()), Vec::new(), "a.txt", &mut Bracket::default(), options).map(|(out, _)| out)
    };
    let error = copy(&Options::default()).unwrap_err();
    assert!(matches!(&error, Error::Settings(why) if why.contains("delimiter")), "{error}");
    let single = DialectOverrides { delimiter: Some(Vec::new()), ..DialectOverrides::default() };
    assert_eq!(copy(&Options { dialect: single, ..Options::default() }).unwrap(), text.as_bytes());
}
