//! What [`read`](crate::read) promises, from end to end.

use std::io::{self, Cursor, Read, Write};

use arrow::{
    array::{Array, RecordBatch, cast::AsArray},
    compute::concat_batches,
    datatypes::{DataType, Int64Type, SchemaRef, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};
use cleanzone_error::{ErrorName, Fault};
use proptest::{collection::vec, prelude::*};

use crate::{
    BadRows, Column, ColumnPlan, Dialect, DialectOverrides, Error, Header, InputOptions, Limits, Options, Planner,
    RESCUED, RejectedRow, Report, Setting, Sink, SinkError, Source, Terminator, read,
};

mod aligned;
mod asked;
mod kept;
mod late;
mod lines;
mod second;

struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}

#[derive(Default)]
struct Collected {
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    /// Line, byte, reason, text.
    rejected: Vec<(u64, u64, String, String)>,
    begun: usize,
}

impl Sink for Collected {
    fn begin(&mut self, schema: &SchemaRef, columns: &[Column]) -> Result<(), SinkError> {
        assert_eq!(schema.fields().len(), columns.len());
        *self = Self { schema: Some(schema.clone()), begun: self.begun + 1, ..Self::default() };
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.batches.push(batch);
        Ok(())
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        let raw = String::from_utf8_lossy(row.raw).into_owned();
        self.rejected.push((row.line, row.offset, row.reason.to_owned(), raw));
        Ok(())
    }
}

impl Collected {
    /// All rows as text, `∅` being null.
    fn rows(&self) -> Vec<Vec<String>> {
        let Some(schema) = &self.schema else { return Vec::new() };
        let all = concat_batches(schema, &self.batches).unwrap();
        let options = FormatOptions::new().with_null("∅");
        let columns: Vec<_> = all.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        (0..all.num_rows()).map(|row| columns.iter().map(|c| c.value(row).to_string()).collect()).collect()
    }
}

/// Declares the columns that it has types for.
#[derive(Default)]
struct Plans(Vec<(&'static str, DataType, Option<&'static str>)>);

impl Planner for Plans {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        let plan = |name: &String| {
            let declared = self.0.iter().find(|(declared, ..)| declared == name);
            ColumnPlan {
                name: name.clone(),
                declared: declared.map(|(_, t, _)| t.clone()),
                formats: declared.and_then(|(.., format)| format.map(str::to_owned)).into_iter().collect(),
                ..ColumnPlan::default()
            }
        };
        Ok(header.names.iter().map(plan).collect())
    }
}

/// Comma, quote, header: nothing to find out.
fn options() -> Options {
    let dialect = DialectOverrides {
        delimiter: Some(b",".to_vec()),
        quote: Setting::Is(Some(b'"')),
        escape: Setting::Is(None),
        terminator: Some(Terminator::Lf),
        comment: Setting::Is(None),
        skip_lines: Some(0),
        header_rows: Some(1),
        widths: None,
    };
    Options { dialect, threads: 1, ..Options::default() }
}

/// Nothing is known.
fn detecting() -> Options {
    Options { threads: 1, ..Options::default() }
}

fn run(text: impl AsRef<[u8]>, plans: &dyn Planner, options: &Options) -> Result<(Report, Collected), Error> {
    let mut sink = Collected::default();
    let report = read(&mut Bytes(text.as_ref().to_vec()), &mut sink, plans, options)?;
    let rows = sink.batches.iter().map(|b| b.num_rows() as u64).sum::<u64>();
    assert_eq!(report.rows, rows);
    let records = sink.rejected.iter().filter(|(_, _, reason, _)| !reason.contains(": no record"));
    assert_eq!(report.rejected, records.count() as u64);
    assert_eq!(report.records, report.rows + report.rejected);
    assert_eq!(report.rejected, report.rejected_by_reason.values().sum::<u64>());
    assert_eq!(report.nulled, report.columns.iter().map(|c| c.nulled).sum::<u64>());
    for (i, column) in report.columns.iter().enumerate() {
        let nulls: usize = sink.batches.iter().map(|b| b.column(i).null_count()).sum();
        assert_eq!(column.nulls, nulls as u64, "{column:?}");
    }
    Ok((report, sink))
}

fn types(report: &Report) -> Vec<DataType> {
    report.columns.iter().map(|c| c.data_type.clone()).collect()
}

const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

#[test]
fn a_clean_file() {
    let text = "id,name,price,day,at,ok,none\r\n\
                1,\"Müller, \"\"Kurt\"\"\",1.50,2026-11-20,2026-11-20 10:00:00,true,\r\n\
                2,\"two\nlines\",NA,2026-11-21,2026-11-20T10:00:00.5,FALSE,\r\n\
                -3,\"\",3,,\"2026-11-21\",,";
    let (report, sink) = run(text, &Plans::default(), &options()).unwrap();
    assert_eq!(
        types(&report),
        [
            DataType::Int64,
            DataType::Utf8,
            DataType::Float64,
            DataType::Date32,
            TIMESTAMP,
            DataType::Boolean,
            DataType::Null
        ]
    );
    assert_eq!(report.columns.iter().map(|c| c.nulls).collect::<Vec<_>>(), [0, 0, 1, 1, 0, 1, 3]);
    assert_eq!(sink.schema.as_ref().unwrap().field(6).data_type(), &DataType::Utf8);
    assert_eq!(
        sink.rows(),
        [
            ["1", "Müller, \"Kurt\"", "1.5", "2026-11-20", "2026-11-20T10:00:00", "true", "∅"],
            ["2", "two\nlines", "∅", "2026-11-21", "2026-11-20T10:00:00.500", "false", "∅"],
            ["-3", "", "3.0", "∅", "2026-11-21T00:00:00", "∅", "∅"],
        ]
    );
    assert_eq!((report.records, report.passes, sink.begun), (3, 1, 1));
    assert_eq!(report.bytes_in, text.len() as u64);
}

#[test]
fn gzip_by_content_and_tabs_by_sniffing() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all("\u{feff}a\tb\n1\tx\n2\ty\n".as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let (report, sink) = run(&bytes, &Plans::default(), &Options::default()).unwrap();
    assert_eq!(types(&report), [DataType::Int64, DataType::Utf8]);
    assert_eq!(report.columns[0].name, "a");
    assert_eq!(sink.rows(), [["1", "x"], ["2", "y"]]);
    assert_eq!(report.bytes_in, bytes.len() as u64);
}

#[test]
fn nothing_and_only_a_header() {
    let (report, sink) = run("", &Plans::default(), &options()).unwrap();
    assert_eq!((report.records, report.columns.len(), sink.begun), (0, 0, 0));
    let (report, sink) = run("a,b\n", &Plans::default(), &options()).unwrap();
    assert_eq!((report.records, sink.begun, sink.batches.len()), (0, 1, 0));
    assert_eq!(types(&report), [DataType::Null, DataType::Null]);
}

#[test]
fn a_late_contradiction_costs_a_second_pass() {
    let mut text = "a,b,c\n".to_owned();
    text.extend((0..5000).map(|i| format!("{i},01/02/2026,\n")));
    text += "2.5,13/02/2026,x\n";
    for threads in [1, 3] {
        let options = Options { block_bytes: 4096, sample_bytes: 4096, threads, ..options() };
        let (report, sink) = run(&text, &Plans::default(), &options).unwrap();
        assert_eq!(types(&report), [DataType::Float64, DataType::Date32, DataType::Utf8]);
        assert_eq!((report.passes, sink.begun, report.records), (2, 2, 5001));
        assert_eq!(sink.rows()[5000], ["2.5", "2026-02-13", "x"]);
        assert_eq!(sink.rows()[4999], ["4999.0", "2026-02-01", "∅"]);
    }
}

#[test]
fn broken_rows_are_rejected_with_their_place() {
    let text = b"a,b\n1,x\n2\n3,y,z\n4,\"p\"q\n5,\"open\n6,z\xff\n7,\"multi\nline\"\n8,n\0l\n\n9,w\n";
    let options = Options { max_rejected_ratio: 0.9, ..options() };
    let (report, sink) = run(text, &Plans::default(), &options).unwrap();
    let found: Vec<_> = sink.rejected.iter().map(|(l, o, r, raw)| (*l, *o, r.as_str(), raw.as_str())).collect();
    assert_eq!(
        found,
        [
            (3, 8, "too few fields: 1 field of 2", "2"),
            (4, 10, "too many fields: 3 fields for 2", "3,y,z"),
            (5, 16, "stray quote: a quoted field goes on after its closing quote", "4,\"p\"q"),
            (6, 23, "unterminated quote: a quoted field does not end", "5,\"open"),
            (7, 31, "invalid UTF-8", "6,z\u{fffd}"),
            (10, 51, "NUL byte", "8,n\0l"),
        ]
    );
    assert_eq!(sink.rows(), [["1", "x"], ["7", "multi\nline"], ["9", "w"]]);
    assert_eq!(types(&report), [DataType::Int64, DataType::Utf8]);
    assert_eq!(report.records, 9);
}

#[test]
fn too_many_broken_rows_and_none_allowed() {
    let text = "a,b\n1,x\n2\n3\n";
    let error = run(text, &Plans::default(), &options()).err().unwrap();
    assert_eq!(error.name(), ErrorName::TooManyRejectedRows);
    assert_eq!(
        error.to_string(),
        "2 of 3 records do not fit (too few fields: 2), which is more than max_rejected_ratio = 0.05 allows; first: \
         line 3: too few fields: 1 field of 2; line 4: too few fields: 1 field of 2; pad short rows, or set the \
         delimiter, or keep such rows (bad_rows = \"rescue\"), or raise max_rejected_ratio"
    );
    let fail = Options { bad_rows: BadRows::Fail, ..options() };
    let error = run(text, &Plans::default(), &fail).err().unwrap();
    assert_eq!(error.name(), ErrorName::MalformedCsv);
    assert!(error.to_string().starts_with("line 3, byte 8: too few fields: 1 field of 2"), "{error}");
    // A share means what it says; one of ten records and more is no reason to give up, unless none may be.
    let of = |good: usize, bad: usize, ratio: f64| {
        let text = format!("a,b\n{}{}", "1,x\n".repeat(good), "2\n".repeat(bad));
        run(&text, &Plans::default(), &Options { max_rejected_ratio: ratio, ..options() }).is_ok()
    };
    for (good, bad, ratio, expected) in [
        (1, 1, 0.05, false),
        (8, 1, 0.05, false),
        (9, 1, 0.05, true),
        (9, 1, 0.0, false),
        (18, 2, 0.05, false),
        (38, 2, 0.05, true),
        (1, 1, 0.5, true),
        (1, 2, 0.5, false),
    ] {
        assert_eq!(of(good, bad, ratio), expected, "{good} {bad} {ratio}");
    }
}

#[test]
fn short_rows_can_be_padded() {
    let padded = Options { pad_short_rows: true, ..options() };
    let (report, sink) = run("a,b,c\n1,x,y\n2\n3,z\n", &Plans::default(), &padded).unwrap();
    assert_eq!((report.padded, report.rejected), (2, 0));
    assert_eq!(sink.rows(), [["1", "x", "y"], ["2", "∅", "∅"], ["3", "z", "∅"]]);
}

#[test]
fn rescued_rows_keep_every_cell() {
    let text = b"a,b,day\n1,x,2026-01-01\n2,y,z,2026-01-02\n3\nfour,\"p\"q,nope\n5,\xff,2026-01-05\n";
    let rescue = Options { bad_rows: BadRows::Rescue, ..options() };
    let (report, sink) = run(text, &Plans::default(), &rescue).unwrap();
    assert_eq!(types(&report), [DataType::Int64, DataType::Utf8, DataType::Date32, DataType::Utf8]);
    assert_eq!(report.columns[3].name, RESCUED);
    assert_eq!((report.rows, report.rejected, report.rescued), (5, 0, 3));
    assert_eq!(
        sink.rows(),
        [
            ["1", "x", "2026-01-01", "∅"],
            ["2", "y", "∅", "{\"extra\":[\"2026-01-02\"],\"day\":\"z\"}"],
            ["3", "∅", "∅", "∅"],
            ["∅", "\"p\"q", "∅", "{\"a\":\"four\",\"day\":\"nope\"}"],
            ["5", "∅", "2026-01-05", "{\"b\":\"\u{fffd}\"}"],
        ]
    );
    let declared = Plans(vec![("a", DataType::Int64, None)]);
    let (_, sink) = run("a,b\n1,x\ntwo,y\n", &declared, &rescue).unwrap();
    assert_eq!(sink.rows(), [["1", "x", "∅"], ["∅", "y", "{\"a\":\"two\"}"]]);
}

#[test]
fn a_column_called_extra_has_a_key_of_its_own() {
    let rescue = Options { bad_rows: BadRows::Rescue, ..options() };
    let plans = Plans(vec![("extra", DataType::Int64, None)]);
    let (_, sink) = run("id,extra\n1,2\n2,many,more\n", &plans, &rescue).unwrap();
    assert_eq!(sink.rows()[1], ["2", "∅", "{\"extra\":[\"more\"],\"extra_\":\"many\"}"]);
    let plans = Plans(vec![("extra", DataType::Int64, None), ("extra_", DataType::Int64, None)]);
    let (_, sink) = run("extra,extra_\n1,2\none,two\n", &plans, &rescue).unwrap();
    assert_eq!(sink.rows()[1], ["∅", "∅", "{\"extra__\":\"one\",\"extra_\":\"two\"}"]);
}

#[test]
fn a_column_called_rescued_is_renamed() {
    let text = "_rescued,_rescued_\n1,2\n3,4,5\n".to_owned() + &"1,2\n".repeat(10);
    let text = text.as_str();
    let rescue = Options { bad_rows: BadRows::Rescue, ..options() };
    let (report, _) = run(text, &Plans::default(), &rescue).unwrap();
    let names: Vec<_> = report.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["_rescued__", "_rescued_", RESCUED]);
    let (report, _) = run(text, &Plans::default(), &options()).unwrap();
    assert_eq!(report.columns[0].name, RESCUED);
}

#[test]
fn a_delimiter_too_many_in_the_header_costs_no_row() {
    let (report, sink) = run("a,,b,c\n1,x,2\n3,y,4\n5,z,6\n7,w,8\n", &Plans::default(), &options()).unwrap();
    let names: Vec<_> = report.columns.iter().map(|c| c.source_name.as_str()).collect();
    assert_eq!((names, report.rejected), (vec!["a", "b", "c"], 0));
    assert_eq!(sink.rows(), [["1", "x", "2"], ["3", "y", "4"], ["5", "z", "6"], ["7", "w", "8"]]);
}

#[test]
fn a_broken_header_names_the_columns_all_the_same() {
    let body = "1,x,2\n3,\"y\",4\n5,\"z\n\"\"w\",6\n7,w,8\n";
    for (header, expected) in [
        ("a,\"b,c", ["a", "\"b", "c"]),
        ("\"a,b,c", ["\"a", "b", "c"]),
        ("a,b,\"c", ["a", "b", "\"c"]),
        ("a\tb\tc", ["a", "b", "c"]),
        ("a;\"b,\";c", ["a", "b,", "c"]),
        ("a,b", ["a", "b", ""]),
    ] {
        let (report, sink) = run(format!("{header}\n{body}"), &Plans::default(), &detecting()).unwrap();
        let names: Vec<_> = report.columns.iter().map(|c| c.source_name.as_str()).collect();
        assert_eq!((&names[..], report.rejected), (&expected[..], 0), "{header}");
        assert_eq!(sink.rows()[1], ["3", "y", "4"], "{header}");
    }
}

#[test]
fn a_broken_first_record_is_one_of_many() {
    for first in ["1,\"x,2", "1,x,2,9", "1,x", "1;x;2", "1,x\"\",2"] {
        let text = format!("{first}\n{}", "3,y,4\n5,z,6\n7,w,8\n".repeat(10));
        let (report, sink) = run(&text, &Plans::default(), &detecting()).unwrap();
        assert_eq!((report.columns.len(), report.records), (3, 31), "{first}");
        assert_eq!(sink.rows()[sink.rows().len() - 30], ["3", "y", "4"], "{first}");
    }
}

#[test]
fn declared_types_are_a_contract() {
    let plans = Plans(vec![
        ("i", DataType::Int8, None),
        ("d", DataType::Decimal128(5, 2), None),
        ("f", DataType::Float32, None),
        ("t", TIMESTAMP, Some("epoch")),
        ("s", DataType::Utf8, None),
        ("w", DataType::Date32, None),
    ]);
    let text = "i,d,f,t,s,w\n\
                1,1.50,0.1,0,007,2026-01-01\n\
                NULL,NA,,,NA,2026/1/2\n\
                128,1,1,1,x,2026-01-01\n\
                1,1.505,1,1,x,2026-01-01\n\
                1,1,16777217,1,x,2026-01-01\n\
                1,1,1,1,x,01/02/2026\n\
                5,5,5,5,\"\",2026-01-05 00:00:00\n";
    let options = Options { max_rejected_ratio: 0.9, ..options() };
    let (report, sink) = run(text, &plans, &options).unwrap();
    assert_eq!(types(&report)[1], DataType::Decimal128(5, 2));
    assert_eq!(
        sink.rows(),
        [
            ["1", "1.50", "0.1", "1970-01-01T00:00:00", "007", "2026-01-01"],
            ["∅", "∅", "∅", "∅", "NA", "2026-01-02"],
            ["5", "5.00", "5.0", "1970-01-01T00:00:05", "", "2026-01-05"],
        ]
    );
    let reasons: Vec<_> = sink.rejected.iter().map(|r| (r.0, r.2.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (4, "type mismatch: column \"i\" is tinyint, found integer"),
            (5, "type mismatch: column \"d\" is decimal(5,2), found double"),
            (6, "type mismatch: column \"f\" is float, found integer"),
            (7, "type mismatch: column \"w\" is date, found another notation"),
        ]
    );
    let wrong = Plans(vec![("i", DataType::Binary, None)]);
    assert_eq!(run(text, &wrong, &options).err().unwrap().name(), ErrorName::InvalidSettings);
}

#[test]
fn all_strings_and_null_markers() {
    let text = "a,b\n007,\n1,NA\n\"\",-\n";
    let strings = Options { all_strings: true, ..options() };
    let (report, sink) = run(text, &Plans::default(), &strings).unwrap();
    assert_eq!(types(&report), [DataType::Utf8, DataType::Utf8]);
    assert_eq!(sink.rows(), [["007", "∅"], ["1", "NA"], ["", "-"]]);
    let markers = Options { null_markers: Some(vec!["-".to_owned()]), ..options() };
    let (_, sink) = run(text, &Plans::default(), &markers).unwrap();
    assert_eq!(sink.rows(), [["007", "∅"], ["1", "NA"], ["", "∅"]]);
}

#[test]
fn limits() {
    let narrow = Options { limits: Limits { columns: 2, ..Limits::default() }, ..options() };
    assert_eq!(run("a,b,c\n", &Plans::default(), &narrow).err().unwrap().name(), ErrorName::LimitExceeded);
    let short = Limits { record_bytes: 1000, ..Limits::default() };
    for block_bytes in [64, 1 << 20] {
        let options = Options { limits: short, block_bytes, sample_bytes: 1, max_rejected_ratio: 1.0, ..options() };
        let long = format!("a,b\n1,x\n2,{}\n3,\"{}\n\"\n4,y\n", "z".repeat(300_000), "w\n".repeat(600));
        let (_, sink) = run(&long, &Plans(vec![("b", DataType::Utf8, None)]), &options).unwrap();
        assert_eq!(sink.rejected[0].2, "too long: more than 1000 bytes");
        assert_eq!((sink.rejected[0].0, sink.rejected[0].1), (3, 8));
        assert_eq!(sink.rows().first().unwrap(), &["1", "x"]);
        assert_eq!(sink.rows().last().unwrap(), &["4", "y"]);
    }
}

#[test]
fn errors_of_source_and_sink_come_back_as_they_were() {
    struct Broken;
    impl Source for Broken {
        fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
            struct Late(usize);
            impl Read for Late {
                fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                    if self.0 > 3 << 20 {
                        return Err(io::Error::new(io::ErrorKind::TimedOut, "late"));
                    }
                    let n = out.len() / 4 * 4;
                    out[..n].chunks_exact_mut(4).for_each(|c| c.copy_from_slice(b"1,2\n"));
                    self.0 += n;
                    Ok(n)
                }
            }
            Ok(Box::new(Late(0)))
        }
    }
    struct Full;
    impl Sink for Full {
        fn begin(&mut self, _: &SchemaRef, _: &[Column]) -> Result<(), SinkError> {
            Ok(())
        }
        fn batch(&mut self, _: RecordBatch) -> Result<(), SinkError> {
            Err("full".into())
        }
        fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
            Ok(())
        }
    }
    for threads in [1, 2, 4] {
        let options = Options { threads, ..options() };
        match read(&mut Broken, &mut Collected::default(), &Plans::default(), &options) {
            Err(Error::Read(e)) => assert_eq!(e.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
        match read(&mut Broken, &mut Full, &Plans::default(), &options) {
            Err(Error::Sink(e)) => assert_eq!(e.to_string(), "full"),
            other => panic!("{other:?}"),
        }
    }
}

/// The records of well-formed text as the `csv` crate reads them.
fn reference(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn written(rows: &[Vec<String>], always: bool, end: &str) -> String {
    let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
    let terminator = if end == "\n" { csv::Terminator::Any(b'\n') } else { csv::Terminator::CRLF };
    let mut writer = csv::WriterBuilder::new().quote_style(style).terminator(terminator).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

proptest! {
    #[test]
    fn records_are_those_of_another_reader(
        rows in vec(vec("[ab,\"\n é]{0,9}|[a-z ]{70}", 3), 1..20), always: bool, crlf: bool, block_bytes in 1usize..200
    ) {
        let mut all = vec![vec!["x".to_owned(), "y".to_owned(), "z".to_owned()]];
        all.extend(rows);
        let text = written(&all, always, if crlf { "\r\n" } else { "\n" });
        let options = Options { all_strings: true, block_bytes, sample_bytes: 1, ..options() };
        let (report, sink) = run(&text, &Plans::default(), &options).unwrap();
        let mut expected = reference(&text);
        expected.remove(0);
        prop_assert_eq!(report.rejected, 0);
        // Only quoted nothing is text.
        let found: Vec<Vec<_>> =
            sink.rows().into_iter().map(|r| r.into_iter().map(|v| v.replace('∅', "")).collect()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn types_are_those_of_all_values(
        rows in vec(
            (
                prop_oneof!["[0-9]{1,4}", "[0-9]\\.[0-9]", Just("NA".to_owned()), Just(String::new()), "[1-9][0-9]{17}"],
                prop_oneof!["[0-3][0-9]/0[1-9]/2026", "2026-0[1-9]-1[0-9]", Just(String::new())],
                prop_oneof![
                    4 => "[0-9]{1,3},[0-9]{1,3}", 2 => "[0-9]{1,3}\\.[0-9]{3},[0-9]", 1 => "[1-9] [0-9]{3},[0-9]", 2 => "-?[0-9]{1,2}",
                    1 => Just("true".to_owned()), 1 => "[1-9]\\.[0-9]{3}", 1 => "[1-9][0-9]{16}"
                ],
                prop_oneof![
                    4 => "2026-01-[12][0-9] 1[0-2]:00:00", 2 => "2026-01-[12][0-9]", 1 => "2026-01-[12][0-9]T10:00:00Z",
                    1 => "2026-01-[12][0-9] 01:00:00 PM", 2 => Just(String::new()), 1 => Just("null".to_owned()),
                ],
            ),
            1..12,
        ),
        seed: u64, block_bytes in 1usize..300, threads in 1usize..4
    ) {
        let line = |(a, b, c, d): &(String, String, String, String)| format!("{a},{b},\"{c}\",{d}\n");
        let text = |rows: &[(String, String, String, String)]| "a,b,c,d\n".to_owned() + &rows.iter().map(line).collect::<String>();
        let (whole, sink) = run(text(&rows), &Plans::default(), &options()).unwrap();
        let chunked = Options { block_bytes, threads, sample_bytes: 1, ..options() };
        let (report, other) = run(text(&rows), &Plans::default(), &chunked).unwrap();
        prop_assert_eq!(&report.columns, &whole.columns);
        prop_assert_eq!(sink.rows(), other.rows());
        let mut turned = rows.clone();
        // A cheap permutation that depends on the seed.
        turned.sort_by_key(|(a, b, c, d)| {
            (a.len() as u64 * 31 + b.len() as u64 * 17 + d.len() as u64 * 7 + c.bytes().map(u64::from).sum::<u64>()).wrapping_mul(seed | 1)
        });
        let (report, _) = run(text(&turned), &Plans::default(), &chunked).unwrap();
        prop_assert_eq!(report.columns, whole.columns);
    }

    #[test]
    fn anything_is_read_the_same_in_pieces(
        text in vec(prop_oneof![
            5 => Just(b",".to_vec()), 4 => Just(b"\n".to_vec()), 4 => Just(b"\"".to_vec()), 1 => Just(b"\r\n".to_vec()),
            2 => Just(b"a".to_vec()), 2 => Just(b"1".to_vec()), 1 => Just(b"\\".to_vec()), 1 => Just(b" ".to_vec()),
            1 => Just(vec![0xff]), 1 => Just(vec![0]), 1 => Just("é".as_bytes().to_vec()), 1 => Just(vec![b'x'; 70]),
        ], 0..120),
        block_bytes in 1usize..100, threads in 1usize..4, rescue: bool, escape: bool, any: bool,
    ) {
        let text = [b"a,b,c\n".to_vec(), text.concat()].concat();
        let mut given = options().dialect;
        given.escape = Setting::Is(escape.then_some(b'\\'));
        given.terminator = Some(if any { Terminator::Any } else { Terminator::Lf });
        let bad_rows = if rescue { BadRows::Rescue } else { BadRows::Quarantine };
        let input = InputOptions { charset: Some("utf-8".to_owned()), ..InputOptions::default() };
        let whole = Options { input, dialect: given, bad_rows, max_rejected_ratio: 1.0, ..options() };
        let pieces = Options { block_bytes, threads, sample_bytes: 1, ..whole.clone() };
        match (run(&text, &Plans::default(), &whole), run(&text, &Plans::default(), &pieces)) {
            (Ok((report, sink)), Ok((other, parts))) => {
                prop_assert_eq!(&report.columns, &other.columns);
                prop_assert_eq!(sink.rows(), parts.rows());
                prop_assert_eq!(&sink.rejected, &parts.rejected);
                for (_, offset, _, raw) in &sink.rejected {
                    let at = usize::try_from(*offset).unwrap();
                    prop_assert!(String::from_utf8_lossy(&text[at..]).starts_with(raw.as_str()));
                }
            }
            // Where all is rejected, nothing is read; what is mostly NUL is no text.
            (Err(one), Err(other)) => {
                prop_assert!(matches!(one.name(), ErrorName::TooManyRejectedRows | ErrorName::InvalidFileFormat));
                prop_assert_eq!(other.to_string(), one.to_string());
            }
            (one, other) => prop_assert!(false, "{:?} {:?}", one.err(), other.err()),
        }
    }

    #[test]
    fn rescue_loses_no_cell(rows in vec(vec("[b-m]{1,5}|[1-9]{2}", 1..7), 1..20)) {
        let text = "a,b,c\n".to_owned() + &rows.iter().map(|r| r.join(",") + "\n").collect::<String>();
        let rescue = Options { bad_rows: BadRows::Rescue, ..options() };
        let (report, sink) = run(&text, &Plans::default(), &rescue).unwrap();
        prop_assert_eq!(report.rows, rows.len() as u64);
        for (row, read) in rows.iter().zip(sink.rows()) {
            let all = read.join("|");
            for cell in row {
                prop_assert!(all.contains(cell.as_str()), "{} in {}", cell, all);
            }
        }
    }

    #[test]
    fn a_dialect_of_any_kind(
        rows in vec(vec("[a-z ]{0,4}", 2), 1..20), delimiter in "\\|\\||;|\t|§|, ", end in "\n|\r\n|\r", block_bytes in 1usize..80
    ) {
        let line = |r: &Vec<String>| format!("_{}{delimiter}'{}'{end}", r[0], r[1]);
        let text = rows.iter().map(line).collect::<String>();
        let dialect = DialectOverrides {
            delimiter: Some(delimiter.clone().into_bytes()),
            quote: Setting::Is(Some(b'\'')),
            terminator: Some(if end == "\r" { Terminator::Cr } else { Terminator::Any }),
            header_rows: Some(0),
            ..options().dialect
        };
        let options = Options { dialect, block_bytes, all_strings: true, ..options() };
        let (report, sink) = run(&text, &Plans::default(), &options).unwrap();
        prop_assert_eq!(&report.columns[1].name, "column_2");
        let expected: Vec<_> = rows.iter().map(|r| vec![format!("_{}", r[0]), r[1].clone()]).collect();
        prop_assert_eq!(sink.rows(), expected);
    }
}

/// Quotes in the worst places cost no more than linear time.
#[test]
fn time_is_linear() {
    for unit in [
        "\"a\n",
        "x,\"\n",
        "\"\"\"a,\n",
        ",\"a\"b\n",
        "\"",
        "\"\"a",
        "a,b,c,\"d\n",
        "\n",
        "\"a,b\n\"c\n",
        "\r\"",
        "\0,\u{1}\n",
    ] {
        let time = |bytes: usize| {
            let text = "a,b\n".to_owned() + &unit.repeat(bytes / unit.len());
            let start = std::time::Instant::now();
            let options = Options { max_rejected_ratio: 1.0, ..options() };
            let _ = run(&text, &Plans::default(), &options);
            start.elapsed()
        };
        let (small, large) = (time(200_000), time(1_600_000));
        // Eight times the text; the margin is for a busy machine.
        assert!(large < small * 40 + std::time::Duration::from_millis(300), "{unit:?}: {small:?}, {large:?}");
    }
}

#[test]
fn comments_preambles_and_header_rows() {
    let dialect = DialectOverrides {
        comment: Setting::Is(Some(b'#')),
        skip_lines: Some(2),
        header_rows: Some(2),
        ..options().dialect
    };
    let options = Options { dialect, ..options() };
    let text = "Report, \"2026\nof something\na,\n# note\nb,c\n1,2\n# \"3,4\n5,6\n";
    let (report, sink) = run(text, &Plans::default(), &options).unwrap();
    assert_eq!(report.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a b", "a c"]);
    assert_eq!(sink.rows(), [["1", "2"], ["5", "6"]]);
    let all = concat_batches(&sink.schema.clone().unwrap(), &sink.batches).unwrap();
    assert_eq!(all.column(0).as_primitive::<Int64Type>().values(), &[1, 5]);
    assert_eq!(report.dialect, Dialect { comment: Some(b'#'), skip_lines: 2, header_rows: 2, ..Dialect::csv() });
}
