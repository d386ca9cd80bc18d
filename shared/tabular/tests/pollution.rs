//! Tables that are polluted in one place or in many: what is not polluted is read right, and nothing is lost.
//!
//! The kinds of pollution are those of G. Vitagliano, M. Hameed, L. Jiang, L. Reisener, E. Wu, F. Naumann, *Pollock: a
//! data loading benchmark* (2023); tables and code are ours.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::HashSet,
    io::{self, Read},
};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::SchemaRef,
};
use cleanzone_tabular::{
    BadRows, Column, ColumnPlan, Error, Header, Options, Planner, RESCUED, RejectedRow, Report, Sink, SinkError,
    Source, read,
};
use proptest::prelude::*;

struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.0.clone())))
    }
}

struct AsTheyAre;

impl Planner for AsTheyAre {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        // Names have to be unique, and a polluted header has some twice.
        Ok((0..header.names.len()).map(|i| ColumnPlan { name: format!("c{i}"), ..ColumnPlan::default() }).collect())
    }
}

#[derive(Default)]
struct Rows {
    rows: Vec<Vec<Option<String>>>,
    rejected: Vec<Vec<u8>>,
}

impl Sink for Rows {
    fn begin(&mut self, _: &SchemaRef, _: &[Column]) -> Result<(), SinkError> {
        *self = Self::default();
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        let texts: Vec<_> = batch.columns().iter().map(AsArray::as_string::<i32>).collect();
        for row in 0..batch.num_rows() {
            self.rows.push(texts.iter().map(|t| t.is_valid(row).then(|| t.value(row).to_owned())).collect());
        }
        Ok(())
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        if row.is_record {
            self.rejected.push(row.raw.to_vec());
        }
        Ok(())
    }
}

fn read_rows(text: &[u8], bad_rows: BadRows) -> Result<(Rows, Report), Error> {
    let options = Options { all_strings: true, bad_rows, max_rejected_ratio: 1.0, threads: 1, ..Options::default() };
    let mut rows = Rows::default();
    let report = read(&mut Bytes(text.to_vec()), &mut rows, &AsTheyAre, &options)?;
    assert_eq!(report.rows + report.rejected, report.records);
    assert_eq!((rows.rows.len() as u64, rows.rejected.len() as u64), (report.rows, report.rejected));
    Ok((rows, report))
}

/// How a table is written.
#[derive(Clone, Copy, Debug)]
struct Style {
    delimiter: &'static str,
    quote: char,
    escape: char,
    /// Whether every cell is quoted, or only those that need it.
    all_quoted: bool,
    line_end: &'static str,
}

const CSV: Style = Style { delimiter: ",", quote: '"', escape: '"', all_quoted: false, line_end: "\n" };

const COLUMNS: usize = 5;
const HEADER: [&str; COLUMNS] = ["id", "day", "name", "remark", "price"];

/// A table whose every cell can be told from every other.
fn table(rows: usize) -> Vec<[String; COLUMNS]> {
    (0..rows)
        .map(|i| {
            let remark = match i % 4 {
                0 => format!("plain{i}"),
                1 => format!("one{i}, two{i}; three{i}"),
                2 => format!("said{i} \"so{i}\" 'twice{i}'"),
                _ => format!("two{i}\nlines{i}"),
            };
            let day = format!("20{:02}-{:02}-{:02}", 10 + i % 17, 1 + i % 12, 1 + i % 28);
            [format!("{}", 1000 + i), day, format!("name{i}"), remark, format!("{}.5", 2000 + i)]
        })
        .collect()
}

impl Style {
    fn cell(self, cell: &str) -> String {
        let special = [self.quote, self.escape, '\n', '\r', '"', '\''];
        if !self.all_quoted && !cell.contains(special) && !cell.contains(self.delimiter) {
            return cell.to_owned();
        }
        let mut quoted = String::from(self.quote);
        for c in cell.chars() {
            if c == self.quote || c == self.escape {
                quoted.push(self.escape);
            }
            quoted.push(c);
        }
        quoted.push(self.quote);
        quoted
    }

    fn cells(self, row: &[impl AsRef<str>]) -> Vec<String> {
        row.iter().map(|cell| self.cell(cell.as_ref())).collect()
    }

    /// The header and the records, each with its end.
    fn lines(self, table: &[[String; COLUMNS]]) -> Vec<String> {
        let line = |cells: Vec<String>| cells.join(self.delimiter) + self.line_end;
        let header = self.cells(&HEADER);
        std::iter::once(header).chain(table.iter().map(|row| self.cells(row))).map(line).collect()
    }
}

fn expected(row: &[String; COLUMNS]) -> Vec<Option<String>> {
    row.iter().map(|cell| Some(cell.clone())).collect()
}

/// Words and numbers of a text.
fn tokens(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty()).collect()
}

/// Reads a file in which the records `polluted` (0 is the header) of a table are not what they were; checks that all
/// others are, in their order, and that no word of any is lost when rows are rescued.
#[track_caller]
fn check(text: &str, table: &[[String; COLUMNS]], polluted: &HashSet<usize>, what: &str) {
    match read_rows(text.as_bytes(), BadRows::Quarantine) {
        Ok((rows, _)) => {
            let mut found = rows.rows.iter();
            for (i, row) in table.iter().enumerate().filter(|(i, _)| !polluted.contains(&(i + 1))) {
                let row = expected(row);
                let read = found.any(|f| f.starts_with(&row));
                assert!(read, "{what}: row {} is not read right\n{text}\n{:?}", i + 1, rows.rows);
            }
        }
        // Names without values: which column they name too many is anyone's guess.
        Err(Error::TooManyRejectedRows { .. }) if polluted.contains(&0) => {}
        Err(error) => panic!("{what}: {error}\n{text}"),
    }
    let (rescued, report) = read_rows(text.as_bytes(), BadRows::Rescue).unwrap();
    assert_eq!(report.columns.last().unwrap().name, RESCUED);
    let mut words = HashSet::new();
    // Some are JSON, and in some a quote was put into a word.
    let json = |cell: &str| cell.replace("\\n", " ").replace("\\t", " ").replace("\\r", " ").replace(['"', '\\'], "");
    let kept: Vec<_> = rescued.rows.iter().flatten().flatten().map(|cell| json(cell)).collect();
    words.extend(kept.iter().flat_map(|cell| tokens(cell)));
    for (i, row) in table.iter().enumerate() {
        for token in row.iter().flat_map(|cell| tokens(cell)) {
            let somewhere = || kept.iter().any(|cell| cell.contains(token));
            assert!(words.contains(token) || somewhere(), "{what}: row {} lost {token:?}\n{text}\n{kept:?}", i + 1);
        }
    }
}

const STYLES: &[Style] = &[
    CSV,
    Style { delimiter: ";", line_end: "\r\n", ..CSV },
    Style { delimiter: "\t", all_quoted: true, ..CSV },
    Style { delimiter: "|", escape: '\\', ..CSV },
];

#[test]
fn every_combination_of_delimiter_quote_and_escape_is_read_exactly() {
    let table = table(12);
    let all: Vec<_> = table.iter().map(expected).collect();
    for delimiter in [",", ";", "\t", "|", "^", "~", "\u{1}", "\u{1f}", "||", "::", " | "] {
        for quote in ['"', '\''] {
            for escape in [quote, '\\'] {
                for all_quoted in [false, true] {
                    for line_end in ["\n", "\r\n", "\r"] {
                        let style = Style { delimiter, quote, escape, all_quoted, line_end };
                        let text = style.lines(&table).concat();
                        let (rows, report) = read_rows(text.as_bytes(), BadRows::Fail)
                            .unwrap_or_else(|error| panic!("{style:?}: {error}\n{text}"));
                        assert_eq!(rows.rows, all, "{style:?}\n{text}");
                        let names: Vec<_> = report.columns.iter().map(|column| column.source_name.as_str()).collect();
                        assert_eq!(names, HEADER, "{style:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_extra_delimiter_in_any_cell_spoils_one_record() {
    let table = table(9);
    for style in STYLES {
        for record in 0..=table.len() {
            for column in 0..=COLUMNS {
                let mut lines = style.lines(&table);
                let source =
                    std::iter::once(HEADER.map(str::to_owned)).chain(table.iter().cloned()).nth(record).unwrap();
                let mut cells = style.cells(&source);
                cells.insert(column, String::new());
                lines[record] = cells.join(style.delimiter) + style.line_end;
                let what = format!("{style:?}: extra delimiter in record {record} before column {column}");
                check(&lines.concat(), &table, &HashSet::from([record]), &what);
            }
        }
    }
}

#[test]
fn a_missing_delimiter_in_any_row_spoils_one_record() {
    let table = table(9);
    for style in STYLES {
        for record in 0..=table.len() {
            for column in 1..COLUMNS {
                let mut lines = style.lines(&table);
                let source =
                    std::iter::once(HEADER.map(str::to_owned)).chain(table.iter().cloned()).nth(record).unwrap();
                let cells = style.cells(&source);
                let (left, right) = cells.split_at(column);
                lines[record] = left.join(style.delimiter) + &right.join(style.delimiter) + style.line_end;
                let what = format!("{style:?}: missing delimiter in record {record} before column {column}");
                check(&lines.concat(), &table, &HashSet::from([record]), &what);
            }
        }
    }
}

#[test]
fn a_stray_quote_in_any_cell_spoils_one_record() {
    let table = table(9);
    for style in STYLES {
        for record in 0..=table.len() {
            for column in 0..COLUMNS {
                for place in 0..3 {
                    let mut lines = style.lines(&table);
                    let source =
                        std::iter::once(HEADER.map(str::to_owned)).chain(table.iter().cloned()).nth(record).unwrap();
                    let mut cells = style.cells(&source);
                    let at = [0, cells[column].len() / 2, cells[column].len()][place];
                    cells[column].insert(at, '"');
                    lines[record] = cells.join(style.delimiter) + style.line_end;
                    let polluted = HashSet::from([record]);
                    let what = format!("{style:?}: stray quote in record {record}, column {column}, byte {at}");
                    check(&lines.concat(), &table, &polluted, &what);
                }
            }
        }
    }
}

#[test]
fn another_delimiter_in_any_row_spoils_one_record() {
    let table = table(9);
    for style in STYLES {
        for other in [",", ";", "\t", "|", ", ", " "] {
            for record in 0..=table.len() {
                let mut lines = style.lines(&table);
                let source =
                    std::iter::once(HEADER.map(str::to_owned)).chain(table.iter().cloned()).nth(record).unwrap();
                lines[record] = style.cells(&source).join(other) + style.line_end;
                let what = format!("{style:?}: {other:?} in record {record}");
                check(&lines.concat(), &table, &HashSet::from([record]), &what);
            }
        }
    }
}

#[test]
fn a_polluted_header_names_the_columns_all_the_same() {
    let table = table(9);
    for style in STYLES {
        let read_header = |header: String, what: &str| {
            let mut lines = style.lines(&table);
            lines[0] = header + style.line_end;
            let (rows, report) = read_rows(lines.concat().as_bytes(), BadRows::Quarantine).unwrap();
            assert_eq!(rows.rows, table.iter().map(expected).collect::<Vec<_>>(), "{style:?}: {what}");
            report.columns.into_iter().map(|column| column.source_name).collect::<Vec<_>>()
        };
        for other in [",", ";", "\t", "|", " "].into_iter().filter(|other| *other != style.delimiter) {
            assert_eq!(read_header(style.cells(&HEADER).join(other), other), HEADER, "{style:?}: {other:?}");
        }
        for column in 0..COLUMNS {
            let mut cells = HEADER.map(str::to_owned);
            cells[column].insert(0, '"');
            let names = read_header(cells.join(style.delimiter), "an open quote");
            assert_eq!(names, cells, "{style:?}: an open quote in column {column}");
        }
        for names in 1..COLUMNS {
            let found = read_header(style.cells(&HEADER[..names]).join(style.delimiter), "few names");
            assert_eq!(found[..names], HEADER[..names], "{style:?}: {names} names");
            assert!(found[names..].iter().all(String::is_empty), "{style:?}: {names} names");
        }
    }
}

#[test]
fn a_broken_first_record_without_header_spoils_nothing_else() {
    let table = table(12);
    for style in STYLES {
        let lines = style.lines(&table);
        let cells = style.cells(&table[0]);
        let mut broken = vec![(style.delimiter.to_owned() + &cells.join(style.delimiter), "a delimiter too many")];
        for column in 0..COLUMNS {
            let mut cells = cells.clone();
            cells[column].insert(0, '"');
            broken.push((cells.join(style.delimiter), "an open quote"));
        }
        for fields in 1..COLUMNS {
            broken.push((cells[..fields].join(style.delimiter), "few fields"));
        }
        for other in [",", ";", "\t", "|", " "].into_iter().filter(|other| *other != style.delimiter) {
            broken.push((cells.join(other), "another delimiter"));
        }
        for (first, what) in broken {
            let text = first.clone() + style.line_end + &lines[2..].concat();
            let (rows, report) = read_rows(text.as_bytes(), BadRows::Quarantine).unwrap();
            let whole: Vec<_> = table[1..].iter().map(expected).collect();
            assert!(rows.rows.ends_with(&whole), "{style:?}: {what}\n{text}\n{:?}", rows.rows);
            assert!(report.columns.iter().all(|column| column.source_name.starts_with("column_")), "{what}");
            // The first one is there, in whatever form.
            let kept =
                rows.rows[..rows.rows.len() - whole.len()].iter().flatten().flatten().cloned().collect::<String>()
                    + &rows.rejected.iter().map(|raw| String::from_utf8_lossy(raw)).collect::<String>();
            assert!(tokens(&first).iter().all(|token| kept.contains(token)), "{style:?}: {what}\n{text}\n{kept}");
        }
    }
}

#[test]
fn preambles_and_footers_spoil_nothing() {
    let table = table(12);
    let nothing = HashSet::new();
    for style in STYLES {
        let body = style.lines(&table).concat();
        let n = style.line_end;
        for preamble in [
            format!("Report of all{n}"),
            format!("Report{n}{n}"),
            format!("Report of the year{n}made by hand; not checked{n}{n}"),
            format!("# a comment{n}# another one{n}"),
            format!("{n}{n}"),
            format!("Report \"of all{n}{n}"),
            format!("Report{}{n}", style.delimiter.repeat(4)),
            "\u{feff}".to_owned(),
        ] {
            check(&format!("{preamble}{body}"), &table, &nothing, &format!("{style:?}: preamble {preamble:?}"));
        }
        for footer in [format!("{n}{n}{n}"), format!("12 rows in all{n}"), format!("Total{}99{n}", style.delimiter)] {
            check(&format!("{body}{footer}"), &table, &nothing, &format!("{style:?}: footer {footer:?}"));
        }
        check(body.trim_end_matches(n), &table, &nothing, &format!("{style:?}: no end of the last line"));
    }
}

#[test]
fn more_tables_and_headers_below_spoil_nothing() {
    let table = table(12);
    for style in STYLES {
        let lines = style.lines(&table);
        let n = style.line_end;
        let second = format!("{n}town{}people{n}Ulm{}126405{n}", style.delimiter, style.delimiter);
        check(&format!("{}{second}", lines.concat()), &table, &HashSet::new(), &format!("{style:?}: a second table"));
        let mut again = lines.clone();
        again.insert(6, lines[0].clone());
        check(&again.concat(), &table, &HashSet::new(), &format!("{style:?}: the header again"));
        let mut apart = lines.clone();
        apart.insert(6, n.to_owned());
        check(&apart.concat(), &table, &HashSet::new(), &format!("{style:?}: a blank line"));
    }
}

/// Something wrong in a record.
#[derive(Clone, Debug)]
enum Pollution {
    Insert(&'static str),
    Cut(usize),
    Replace(&'static str),
    Double,
}

fn pollution() -> impl Strategy<Value = Pollution> {
    let marks = vec![
        ",", ";", "\t", "|", "\"", "\"\"", "'", "\\", "\\\"", "\n", "\r", "\r\n", "\0", "\u{feff}", " ", ",,,,",
        "\",\"", "#",
    ];
    prop_oneof![
        proptest::sample::select(marks).prop_map(Pollution::Insert),
        (1..6_usize).prop_map(Pollution::Cut),
        proptest::sample::select(vec!["", "\"", "garbage", ",", "\n\n", "\"\n"]).prop_map(Pollution::Replace),
        Just(Pollution::Double),
    ]
}

fn pollute(line: &mut String, at: usize, pollution: &Pollution) {
    let at = (0..=at % (line.len() + 1)).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
    match pollution {
        Pollution::Insert(mark) => line.insert_str(at, mark),
        Pollution::Cut(length) => {
            let rest: String = line[at..].chars().skip(*length).collect();
            line.replace_range(at.., &rest);
        }
        Pollution::Replace(text) => line.replace_range(.., text),
        Pollution::Double => *line = line.repeat(2),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However polluted: an end, and either an error with a name or counts that add up, the same ones whatever becomes
    /// of the bad rows.
    #[test]
    fn any_pollution_ends_well(
        style in 0..STYLES.len(),
        rows in 1..30_usize,
        pollutions in proptest::collection::vec((any::<usize>(), any::<usize>(), pollution()), 0..12),
    ) {
        let mut lines = STYLES[style].lines(&table(rows));
        for (record, at, pollution) in &pollutions {
            let record = record % lines.len();
            pollute(&mut lines[record], *at, pollution);
        }
        let text = lines.concat();
        let quarantined = read_rows(text.as_bytes(), BadRows::Quarantine);
        let rescued = read_rows(text.as_bytes(), BadRows::Rescue);
        if let (Ok((_, quarantined)), Ok((_, rescued))) = (&quarantined, &rescued) {
            prop_assert_eq!(quarantined.records, rescued.records);
            prop_assert_eq!(rescued.rejected, 0);
        }
        if let (Ok((_, quarantined)), Ok((_, all))) = (&quarantined, read_rows(text.as_bytes(), BadRows::Fail)) {
            prop_assert_eq!((quarantined.rejected, quarantined.rows), (0, all.rows));
        }
    }

    #[test]
    fn arbitrary_bytes_end_well(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let _ = read_rows(&bytes, BadRows::Quarantine);
        let _ = read_rows(&bytes, BadRows::Rescue);
    }

    #[test]
    fn arbitrary_text_ends_well(text in "[a1,;|\t\"'\\\\#é\0\r\n ]{0,600}") {
        let _ = read_rows(text.as_bytes(), BadRows::Quarantine);
        let _ = read_rows(text.as_bytes(), BadRows::Rescue);
    }
}
