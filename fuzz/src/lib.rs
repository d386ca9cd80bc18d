//! What the fuzz targets share: a file in memory, the options that an input chooses, and what [`read`] makes of both.
//!
//! An input is a file. A first byte below 16 is no part of it: with the five behind it, it chooses how the file is read.
//! So any file is an input as it is, and what is found can be read with `cleanzone` after six bytes have been cut off.

use std::{
    fmt::Write,
    io::{self, Cursor, Read},
    sync::Arc,
};

use arrow::{
    array::{Array, RecordBatch, cast::AsArray},
    datatypes::{DataType, Int64Type, SchemaRef, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};
use cleanzone_error::{ErrorName, Fault};
use cleanzone_tabular::{
    BadRows, Case, Cleanse, Column, ColumnPlan, DialectOverrides, DuplicateAction, Duplicates, Header, InputOptions,
    Limits, Misfit, NumberFormat, Options, Origin, Planner, RejectedRow, Report, Role, Setting, Sink, SinkError,
    Source, Terminator, TextLimit, read,
};

/// Longest text that an archive may expand to, bytes: what is beyond costs time and shows nothing new.
const EXPANDED: u64 = 1 << 20;

/// The bytes of an input that choose, and the file behind them.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What chooses; zeros where the input is a file alone.
    pub choice: [u8; 6],
    /// The file.
    pub file: &'a [u8],
}

impl<'a> Input<'a> {
    /// Parts an input.
    pub fn new(data: &'a [u8]) -> Self {
        match data.split_first_chunk() {
            Some((choice, file)) if choice[0] < 16 => Self { choice: *choice, file },
            _ => Self { choice: [0; 6], file: data },
        }
    }

    /// The place in something of this length that the last two bytes choose.
    pub fn place(&self, length: usize) -> usize {
        usize::from(u16::from_be_bytes([self.choice[4], self.choice[5]])) % length.max(1)
    }

    /// How the file is read: all in one piece, by one thread.
    pub fn options(&self) -> Options {
        let [dialect, rows, limits, ..] = self.choice;
        let bit = |byte: u8, bit: u8| byte & 1 << bit != 0;
        let duplicates =
            |by: &[&str], action| Some(Duplicates { by: by.iter().map(|&name| name.to_owned()).collect(), action });
        Options {
            input: InputOptions { max_bytes: EXPANDED, ..InputOptions::default() },
            dialect: overrides(dialect),
            all_strings: bit(rows, 3),
            null_markers: bit(rows, 7).then(|| vec!["-".to_owned(), "null".to_owned()]),
            bad_rows: match rows & 3 {
                1 => BadRows::Rescue,
                2 => BadRows::Fail,
                _ => BadRows::Quarantine,
            },
            pad_short_rows: bit(rows, 2),
            // Where nothing is too much, there is more to compare.
            max_rejected_ratio: if bit(limits, 6) { 0.05 } else { 1.0 },
            row_number: bit(rows, 4).then(|| "number".to_owned()),
            duplicates: match rows >> 5 & 3 {
                0 => None,
                1 => duplicates(&[], DuplicateAction::Drop),
                2 => duplicates(&[], DuplicateAction::Flag("again".to_owned())),
                _ => duplicates(&["c0"], DuplicateAction::Drop),
            },
            threads: 1,
            limits: Limits {
                columns: if bit(limits, 7) { 4 } else { 1000 },
                record_bytes: if bit(limits, 5) { 40 } else { 1 << 20 },
                ..Limits::default()
            },
            ..Options::default()
        }
    }

    /// The same, in pieces, and by several threads.
    pub fn in_pieces(&self) -> Options {
        let cut = if self.choice == [0; 6] { self.file.len().to_le_bytes()[0] } else { self.choice[3] };
        Options {
            block_bytes: [1, 2, 7, 16, 64, 300, 4096, 0][usize::from(cut & 7)],
            threads: usize::from(cut >> 3 & 1) + 1,
            sample_bytes: [1, 16, 100, 2 << 20][usize::from(cut >> 4 & 3)],
            ..self.options()
        }
    }

    /// How the columns are read.
    pub fn plans(&self) -> Plans {
        Plans { way: self.choice[2] & 7, misfit: self.choice[2] >> 3 & 3 }
    }
}

/// What is said of the dialect.
fn overrides(which: u8) -> DialectOverrides {
    let found = DialectOverrides::default();
    let given = |delimiter: &str, quote, escape, header_rows| DialectOverrides {
        delimiter: Some(delimiter.as_bytes().to_vec()),
        quote: Setting::Is(quote),
        escape: Setting::Is(escape),
        terminator: None,
        comment: Setting::Is(None),
        skip_lines: Some(0),
        header_rows: Some(header_rows),
        widths: None,
    };
    match which {
        1 => DialectOverrides { terminator: Some(Terminator::Lf), ..given(",", Some(b'"'), None, 1) },
        2 => given(";", Some(b'"'), None, 0),
        3 => given("\t", Some(b'"'), Some(b'\\'), 1),
        4 => given("||", Some(b'"'), None, 1),
        5 => given("|", None, None, 2),
        6 => given(",", None, Some(b'\\'), 0),
        7 => given("", None, None, 1),
        8 => DialectOverrides { terminator: Some(Terminator::Cr), ..given(",", Some(b'"'), None, 1) },
        9 => DialectOverrides {
            terminator: Some(Terminator::Any),
            comment: Setting::Is(Some(b'#')),
            ..given(",", Some(b'\''), None, 1)
        },
        10 => DialectOverrides { skip_lines: Some(2), ..found },
        11 => DialectOverrides { header_rows: Some(0), ..found },
        12 => DialectOverrides { header_rows: Some(2), comment: Setting::Is(Some(b'#')), ..found },
        13 => given("§", Some(b'"'), None, 1),
        14 => DialectOverrides { delimiter: Some(b",".to_vec()), ..found },
        15 => DialectOverrides { widths: Some(vec![3, 1, 4]), ..found },
        _ => found,
    }
}

/// Plans columns in one of eight ways, under names that are always different.
#[derive(Clone, Copy, Debug)]
pub struct Plans {
    way: u8,
    misfit: u8,
}

impl Plans {
    /// Whether rejected rows are kept as they stand in the file.
    fn keep_all(self) -> bool {
        !matches!(self.way, 4 | 6)
    }
}

impl Planner for Plans {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        Ok((0..header.names.len()).map(|at| self.column(at)).collect())
    }
}

impl Plans {
    fn column(self, at: usize) -> ColumnPlan {
        let misfit = match self.misfit {
            1 => Misfit::Null,
            2 => Misfit::Sibling,
            _ => Misfit::Reject,
        };
        let plan = ColumnPlan { name: format!("c{at}"), misfit, ..ColumnPlan::default() };
        let typed = ColumnPlan { declared: Some(declared(at)), ..plan.clone() };
        let is_time = matches!(typed.declared, Some(DataType::Date32 | DataType::Timestamp(..)));
        match self.way {
            2 => typed,
            3 => ColumnPlan {
                formats: if is_time { vec!["%d/%m/%Y".into(), "%b %d, %y".into()] } else { Vec::new() },
                truncate: is_time,
                lenient: true,
                ..typed
            },
            4 => ColumnPlan { role: [Role::Keep, Role::Drop, Role::Rescue][at % 3], ..plan },
            5 => {
                let map = [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)].into();
                let case = Some(if at.is_multiple_of(2) { Case::Upper } else { Case::Lower });
                ColumnPlan { cleanse: Some(Arc::new(Cleanse { trim: true, map, case, empty_is_null: true })), ..plan }
            }
            6 => ColumnPlan {
                declared: Some(DataType::Utf8),
                limit: Some(TextLimit { characters: 3, padded: at.is_multiple_of(2) }),
                withheld: at.is_multiple_of(2),
                ..plan
            },
            7 => ColumnPlan {
                known: ["1.234,5", "%d/%m/%Y"].iter().filter_map(|known| known.parse().ok()).collect(),
                numbers: at.is_multiple_of(3).then_some(NumberFormat { decimal: Some(b','), thousands: None }),
                declared: Some(if at.is_multiple_of(2) { DataType::Float64 } else { DataType::Date32 }),
                ..plan
            },
            _ => plan,
        }
    }
}

fn declared(at: usize) -> DataType {
    match at % 8 {
        0 => DataType::Int64,
        1 => DataType::Date32,
        2 => DataType::Float64,
        3 => DataType::Timestamp(TimeUnit::Microsecond, None),
        4 => DataType::Boolean,
        5 => DataType::Decimal128(10, 2),
        6 => DataType::Int16,
        _ => DataType::Utf8,
    }
}

/// A file in memory, of which each reading gives up to so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8], pub usize);

impl Bytes<'_> {
    /// The file from its beginning.
    pub fn reader(self) -> Box<dyn Read + Send> {
        Box::new(InPieces(Cursor::new(self.0.to_vec()), self.1.max(1)))
    }
}

impl Source for Bytes<'_> {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(self.reader())
    }
}

struct InPieces(Cursor<Vec<u8>>, usize);

impl Read for InPieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = out.len().min(self.1);
        self.0.read(&mut out[..length])
    }
}

/// All that [`read`] says of a file.
#[derive(Debug)]
pub struct Outcome {
    /// What is counted, found out and planned; how often the source was read, and what it is packed in, is no part of it.
    pub report: String,
    /// The rows, as text.
    pub rows: Vec<String>,
    /// Line, byte, reason and text of what was rejected.
    pub rejected: Vec<(u64, u64, String, Vec<u8>)>,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        (&self.report, &self.rows, &self.rejected) == (&other.report, &other.rows, &other.rejected)
    }
}

#[derive(Default)]
struct Collected {
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    rejected: Vec<(u64, u64, String, Vec<u8>)>,
    /// How many of them are lines that are no records.
    others: u64,
}

impl Sink for Collected {
    fn begin(&mut self, schema: &SchemaRef, columns: &[Column]) -> Result<(), SinkError> {
        assert_eq!(schema.fields().len(), columns.len(), "the schema has other columns than are reported");
        *self = Self { schema: Some(Arc::clone(schema)), ..Self::default() };
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        assert_eq!(Some(batch.schema()), self.schema, "a batch has another schema than was announced");
        self.batches.push(batch);
        Ok(())
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        self.others += u64::from(!row.is_record);
        // What else was found in the field may depend on what was assumed of its column at that moment.
        let reason = row.reason.split_once(", found ").map_or(row.reason, |(reason, _)| reason);
        self.rejected.push((row.line, row.offset, reason.to_owned(), row.raw.to_vec()));
        Ok(())
    }
}

/// Reads a file, and holds the reader to what it promises of any.
///
/// # Errors
/// What the reader says of the file.
pub fn outcome(mut source: Bytes<'_>, plans: Plans, options: &Options) -> Result<Outcome, String> {
    let mut sink = Collected::default();
    let report = match read(&mut source, &mut sink, &plans, options) {
        Ok(report) => report,
        Err(error) => {
            let name = error.name();
            assert!(!matches!(name, ErrorName::Internal | ErrorName::SourceChanged | ErrorName::Io), "{error}");
            return Err(format!("{name:?}: {error}"));
        }
    };
    check(&report, &sink, source.0, plans);
    let Collected { batches, rejected, .. } = sink;
    Ok(Outcome { report: summary(&report), rows: rows(&batches), rejected })
}

fn check(report: &Report, sink: &Collected, file: &[u8], plans: Plans) {
    let rows: usize = sink.batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(report.rows, rows as u64, "rows");
    let of = report.lines;
    assert_eq!(report.rejected, sink.rejected.len() as u64 - sink.others, "rejected rows");
    let kept = of.preamble + of.comment + of.footer;
    // Of a file without columns nothing is handed over; the first header is not, later ones are.
    assert!(report.columns.is_empty() || (kept..=kept + of.header).contains(&sink.others), "lines that are no records");

    assert_eq!(report.records, report.rows + report.rejected, "records");
    assert_eq!(report.rejected, report.rejected_by_reason.values().sum::<u64>(), "rejected rows by reason");
    assert_eq!(report.nulled, report.columns.iter().map(|column| column.nulled).sum::<u64>(), "nulled values");
    for (at, column) in report.columns.iter().enumerate() {
        let nulls: usize = sink.batches.iter().map(|batch| batch.column(at).null_count()).sum();
        assert_eq!(column.nulls, nulls as u64, "nulls of column {at}");
        if column.origin == Origin::RowNumber {
            let numbers = sink.batches.iter().flat_map(|batch| batch.column(at).as_primitive::<Int64Type>().values());
            let numbers: Vec<_> = numbers.copied().map(i64::cast_unsigned).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "rows are out of order");
            assert!(numbers.iter().all(|number| (1..=report.records).contains(number)), "numbers of rows");
        }
    }
    assert!((0.0..=1.0).contains(&report.certainty), "certainty of the dialect");
    assert!(sink.rejected.is_sorted_by(|a, b| a.0 <= b.0 && a.1 < b.1), "rejected rows are out of order");
    if report.input.compression.is_none() && report.input.charset == "UTF-8" {
        // Places are those of the text, which begins behind its byte order mark.
        let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
        // Every line has one place.
        assert_eq!(of.total(), lines(file, report.dialect.terminator), "{of:?}");
        let is_as_read = plans.keep_all() && report.dialect.layout.is_none();
        for (_, offset, reason, raw) in sink.rejected.iter().filter(|_| is_as_read) {
            let at = usize::try_from(*offset).unwrap_or(usize::MAX);
            let there = file.get(at..).is_some_and(|rest| rest.starts_with(raw));
            assert!(there, "what is rejected ({reason}) does not stand at byte {offset}");
        }
    }
}

/// The lines of a text.
fn lines(text: &[u8], terminator: Terminator) -> u64 {
    let is_end = |at: &usize| match (terminator, text[*at]) {
        (Terminator::Lf | Terminator::Any, b'\n') | (Terminator::Cr, b'\r') => true,
        (Terminator::Any, b'\r') => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    let ends = (0..text.len()).filter(is_end).count();
    let is_open = text.len().checked_sub(1).is_some_and(|last| !is_end(&last));
    (ends + usize::from(is_open)) as u64
}

fn summary(report: &Report) -> String {
    let mut text = format!(
        "{} records, {} rows, {} rejected {:?}, {} rescued, {} padded, {} nulled, {} duplicates\n",
        report.records,
        report.rows,
        report.rejected,
        report.rejected_by_reason,
        report.rescued,
        report.padded,
        report.nulled,
        report.duplicates
    );
    for column in &report.columns {
        let _ = writeln!(text, "{column:?}");
    }
    let input = &report.input;
    let _ = writeln!(text, "dropped {:?}, {:?}, {}", report.dropped, report.dialect, report.certainty);
    let _ = writeln!(text, "{} {} {}", input.charset, input.charset_certainty, input.byte_order_mark);
    let _ = writeln!(text, "{} {:?}", input.wrong_sequences, input.first_wrong);
    text
}

fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new().with_null("∅");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).expect("a type of the reader has a text"))
            .collect();
        for row in 0..batch.num_rows() {
            let mut text = String::new();
            for column in &columns {
                let _ = write!(text, "{}\u{1f}", column.value(row));
            }
            rows.push(text);
        }
    }
    rows
}

/// Fails where two readings of one file differ, and tells the first difference.
pub fn assert_same(one: &Result<Outcome, String>, other: &Result<Outcome, String>, why: &str) {
    if one == other {
        return;
    }
    let (Ok(one), Ok(other)) = (one, other) else {
        let tell = |outcome: &Result<Outcome, String>| match outcome {
            Ok(outcome) => outcome.report.clone(),
            Err(error) => error.clone(),
        };
        panic!("{why}\none:   {}\nother: {}", tell(one), tell(other));
    };
    assert_eq!(one.report, other.report, "{why}");
    for (one, other) in one.rejected.iter().zip(&other.rejected) {
        assert_eq!(one, other, "{why}");
    }
    for (one, other) in one.rows.iter().zip(&other.rows) {
        assert_eq!(one, other, "{why}");
    }
}
