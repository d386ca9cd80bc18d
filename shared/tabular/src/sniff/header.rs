//! Where the records begin, and which of them name the columns.

use crate::{Dialect, DialectOverrides};

use super::{
    DELIMITERS, Trial,
    cell::{self, Kind},
    records::{Form, Record, Records},
};

/// Where things are in a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the header begins, or the first record, where there is no header: what precedes it is a preamble.
    pub(super) start: usize,
    pub(super) header_rows: u32,
    /// The header begins with what would be a comment.
    pub(super) header_is_commented: bool,
    /// What separates its names, where that is not what separates fields.
    pub(super) header_delimiter: Option<Vec<u8>>,
}

/// Records that are looked at.
const BODY: usize = 200;
/// Header rows that are found without being told.
const MAX_HEADER_ROWS: u32 = 4;
/// Bytes of a name in a row that is not shaped as a header is.
const LONGEST_NAME: usize = 64;

/// A sample, as a table of the records that have the right width.
struct Table<'a> {
    text: &'a [u8],
    records: &'a Records,
    columns: usize,
}

impl<'a> Table<'a> {
    fn cell(&self, record: &Record, column: usize) -> Option<&'a [u8]> {
        self.records.cells(record).get(column).map(|cell| &self.text[cell.start..cell.end])
    }

    fn cells(&self, record: &Record) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let text = self.text;
        self.records.cells(record).iter().map(move |cell| &text[cell.start..cell.end])
    }

    fn is_shaped(&self, record: &Record) -> bool {
        record.form == Form::Cells && record.width == self.columns
    }

    /// The records of the right width after the `n`th record.
    fn body(&self, n: usize) -> impl Iterator<Item = &'a Record> + use<'_, 'a> {
        self.records.records.iter().skip(n + 1).filter(|record| self.is_shaped(record)).take(BODY)
    }
}

/// Where the header is that names the columns of records that `dialect` separates.
pub(super) fn layout(
    text: &[u8],
    records: &Records,
    columns: usize,
    dialect: &Dialect,
    known: &DialectOverrides,
) -> Layout {
    let table = Table { text, records, columns };
    let all = &records.records;
    let Some(mut first) = all.iter().position(|record| table.is_shaped(record)) else {
        return Layout { start: 0, header_rows: 1, header_is_commented: false, header_delimiter: None };
    };
    if columns > 1 && known.skip_lines.is_none() {
        first = table.after_padded_preamble(first);
    } else if known.skip_lines.is_some() {
        first = all.iter().position(|r| r.form == Form::Cells).unwrap_or(first);
    }
    let mut header_is_commented = false;
    let mut header_delimiter = None;
    let mut evidence = table.evidence(first);
    if known.skip_lines.is_none() && evidence <= 0.0 {
        // The row before it may name the columns after all, though it has not as many cells, or looks like a comment.
        if let Some((before, delimiter)) = table.otherwise_delimited_header(first, dialect) {
            (first, evidence, header_delimiter) = (before, 1.0, Some(delimiter));
        } else if let Some(before) = table.broken_header(first, dialect).or_else(|| table.misshapen_header(first)) {
            (first, evidence) = (before, 1.0);
        } else if let Some(commented) = table.commented_header(first) {
            (first, evidence, header_is_commented) = (commented, 1.0, true);
        }
    }
    let header_rows = if evidence >= -0.4 { 1 + table.further_header_rows(first, evidence) } else { 0 };
    if header_rows == 0 && known.skip_lines.is_none() {
        first = table.after_preamble(first, dialect);
    }
    let is_skipped = |record: &Record| match record.form {
        Form::Blank => false,
        Form::Comment => header_is_commented,
        Form::Cells | Form::Broken => true,
    };
    let preamble = all[..first].iter().any(is_skipped);
    let start = if preamble { all[first].start } else { 0 };
    Layout { start, header_rows, header_is_commented, header_delimiter }
}

/// Whether the first line is one word where all others would have several fields: a name for one column, rather than
/// something that precedes a table without header. Only where the delimiter is one that texts are full of.
pub(super) fn speaks_of_one_column(text: &[u8], records: &Records, trial: &Trial) -> bool {
    if !matches!(trial.dialect.delimiter.as_slice(), b"," | b", " | b" " | b":" | b"; ") {
        return false;
    }
    let table = Table { text, records, columns: trial.columns };
    let mut rows = records.records.iter().enumerate().filter(|(_, record)| record.form == Form::Cells);
    let (Some((_, name)), Some((second, next))) = (rows.next(), rows.next()) else { return false };
    let word = |cell: &[u8]| {
        !cell.is_empty() && cell.len() <= 40 && !cell.contains(&b' ') && matches!(cell::kind(cell), Kind::Text)
    };
    let one_word = name.width == 1 && table.cell(name, 0).is_some_and(word);
    one_word
        && (table.is_shaped(next) || trial.columns > 1 && next.width > 1)
        && table.evidence(second) < 0.9
        && !(trial.columns > 2
            && trial.dialect.delimiter.starts_with(b",")
            && table.typed_columns(second) * 2 >= trial.columns)
}

impl Table<'_> {
    /// Spreadsheets fill up a title to the width of the table, and leave rows empty below it.
    fn after_padded_preamble(&self, first: usize) -> usize {
        let all = &self.records.records;
        let filled = |record: &Record| self.cells(record).filter(|cell| !cell.trim_ascii().is_empty()).count();
        let named = |record: &Record| {
            filled(record) == self.columns && self.cells(record).all(|cell| cell::kind(cell) == Kind::Text)
        };
        if self.columns < 3 || filled(&all[first]) * 3 > self.columns {
            return first;
        }
        let found =
            all.iter().enumerate().skip(first).take(20).find(|(_, record)| self.is_shaped(record) && named(record));
        match found {
            Some((at, _)) if self.evidence(at) > 0.0 => at,
            _ => first,
        }
    }

    /// What speaks for the `n`th record being the header: positive for it, negative against it, near zero for neither.
    fn evidence(&self, n: usize) -> f64 {
        let cells: Vec<_> = self.cells(&self.records.records[n]).collect();
        self.evidence_of(n, &cells)
    }

    /// The same where these are its cells.
    fn evidence_of(&self, n: usize, cells: &[&[u8]]) -> f64 {
        let has_body = self.body(n).next().is_some();
        let mut sum = 0.0;
        for column in 0..self.columns {
            let kind = cell::kind(cells.get(column).copied().unwrap_or_default());
            if !has_body {
                // One row: names, unless there is a value.
                sum += if kind.is_value() { -1.0 } else { 0.0 };
                continue;
            }
            sum += self.evidence_of_column(n, column, cells, kind);
        }
        let mut names: Vec<_> = cells.iter().filter(|cell| !cell.trim_ascii().is_empty()).collect();
        names.sort_unstable();
        let duplicates = names.windows(2).filter(|pair| pair[0] == pair[1]).count();
        if duplicates * 4 > names.len() && sum < 0.9 {
            sum -= 0.5;
        }
        sum
    }

    fn evidence_of_column(&self, n: usize, column: usize, cells: &[&[u8]], kind: Kind) -> f64 {
        let summary = self.column(n, column);
        let trimmed = cells.get(column).copied().unwrap_or_default().trim_ascii();
        match kind {
            Kind::Empty | Kind::Missing => 0.0,
            Kind::Text => match summary.kind {
                Some(of_body) if of_body.is_value() => summary.share,
                _ if summary.values < 1 => 0.0,
                _ => {
                    let seen = self.body(n).filter_map(|r| self.cell(r, column)).any(|c| c.trim_ascii() == trimmed);
                    let shape = Shape::of(trimmed);
                    let mut sum = if seen { -0.5 } else { 0.0 };
                    match summary.shape {
                        // A code among codes, or a name above them.
                        Some(body) if body.is_telling() => sum += if body == shape { -0.3 } else { 0.3 },
                        _ => {}
                    }
                    sum
                }
            },
            _ if self.is_series_of_years(n, column, cells) => 0.5,
            _ if summary.kind.is_some_and(|of_body| of_body == kind) => -1.0,
            _ => -0.5,
        }
    }

    /// Whether the columns from here on are called by years that follow one another, and hold something else.
    fn is_series_of_years(&self, n: usize, column: usize, cells: &[&[u8]]) -> bool {
        let year = |at: Option<usize>| {
            let cell = cells.get(at?)?.trim_ascii();
            let year: u32 = std::str::from_utf8(cell).ok().filter(|t| t.len() == 4)?.parse().ok()?;
            (1800..2200).contains(&year).then_some(year)
        };
        let Some(this) = year(Some(column)) else { return false };
        let follows = year(column.checked_sub(1)).is_some_and(|y| y + 1 == this)
            || year(Some(column + 1)).is_some_and(|y| y == this + 1);
        let is_year = |cell: &[u8]| cell.len() == 4 && (cell.starts_with(b"19") || cell.starts_with(b"20"));
        let years = self.body(n).filter_map(|r| self.cell(r, column)).filter(|c| is_year(c.trim_ascii())).count();
        follows && years * 2 <= self.body(n).count()
    }

    /// Columns of one type, text aside.
    fn typed_columns(&self, n: usize) -> usize {
        (0..self.columns).filter(|&column| self.column(n, column).kind.is_some_and(Kind::is_value)).count()
    }

    fn column(&self, n: usize, column: usize) -> Column {
        let mut counts: Vec<(Kind, usize)> = Vec::new();
        let mut shape = None;
        let mut same_shape = true;
        let mut values = 0;
        for cell in self.body(n).filter_map(|record| self.cell(record, column)) {
            let kind = cell::kind(cell);
            if matches!(kind, Kind::Empty | Kind::Missing) {
                continue;
            }
            values += 1;
            match counts.iter_mut().find(|(k, _)| *k == kind) {
                Some((_, count)) => *count += 1,
                None => counts.push((kind, 1)),
            }
            let of_cell = Shape::of(cell.trim_ascii());
            same_shape &= *shape.get_or_insert(of_cell) == of_cell;
        }
        let most = counts.iter().max_by_key(|(_, count)| *count);
        #[allow(clippy::cast_precision_loss)] // counts of at most BODY
        let most_share = most.map_or(0.0, |(_, count)| *count as f64 / values as f64);
        Column {
            values,
            kind: most.filter(|_| most_share >= 0.5).map(|(kind, _)| *kind),
            share: most_share,
            shape: shape.filter(|_| same_shape && values >= 2),
        }
    }

    /// The row of names right before the `first` record of the right width: it has a cell more or less than the
    /// others, as happens to headers written by hand; or, at the very beginning, any other number of names.
    fn misshapen_header(&self, first: usize) -> Option<usize> {
        let at = first.checked_sub(1)?;
        let record = &self.records.records[at];
        if record.form != Form::Cells {
            return None;
        }
        let cells: Vec<_> = self.cells(record).collect();
        let near = record.width >= 2 && record.width.abs_diff(self.columns) <= (self.columns / 4).max(1);
        let named = |cell: &&&[u8]| cell.len() <= LONGEST_NAME && matches!(cell::kind(cell), Kind::Text);
        let values = cells.iter().any(|cell| cell::kind(cell).is_value());
        let count = cells.iter().filter(named).count();
        if near && !values && count + 1 >= record.width && self.typed_columns(at) > 0 {
            return Some(at);
        }
        // A title is one cell, too, but has more than one word; and so is a row in another delimiter.
        let is_title = cells.len() == 1 && cells[0].iter().any(|byte| b" ,;\t|".contains(byte));
        let opens = self.records.records[..at].iter().all(|record| record.form == Form::Blank);
        (self.columns > 1 && opens && !is_title && are_names(&cells) && self.evidence_of(at, &cells) > 0.0)
            .then_some(at)
    }

    /// The line right before the `first` record of the right width, if another delimiter makes a name for each column
    /// of it, and what that is.
    fn otherwise_delimited_header(&self, first: usize, dialect: &Dialect) -> Option<(usize, Vec<u8>)> {
        let at = first.checked_sub(1)?;
        let record = &self.records.records[at];
        let is_line = matches!(record.form, Form::Cells | Form::Broken);
        if !is_line || record.width == self.columns || dialect.delimiter.is_empty() {
            return None;
        }
        let line = &self.text[record.start..record.end];
        let mut split = Records::default();
        DELIMITERS.iter().map(|(delimiter, _)| delimiter.as_bytes()).find_map(|delimiter| {
            let rare = !matches!(delimiter, b" " | b":");
            if delimiter == dialect.delimiter || self.columns < if rare { 2 } else { 3 } {
                return None;
            }
            let other = Dialect { delimiter: delimiter.to_vec(), ..dialect.clone() };
            split.split(line, true, &other);
            let [only] = &split.records[..] else { return None };
            let names: Vec<_> = split.cells(only).iter().map(|cell| &line[cell.start..cell.end]).collect();
            self.names_all(at, &names, dialect).then_some((at, other.delimiter))
        })
    }

    /// The line right before the `first` record of the right width, if it names every column of it, but for a quote
    /// that does not end.
    fn broken_header(&self, first: usize, dialect: &Dialect) -> Option<usize> {
        let at = first.checked_sub(1)?;
        let record = &self.records.records[at];
        let line = &self.text[record.start..record.end];
        (record.form == Form::Broken
            && self.columns > 1
            && self.names_all(at, &pieces(line, &dialect.delimiter), dialect))
        .then_some(at)
    }

    /// Where the rows begin of which the `first` one of the right width is one, if no header is among them: a row may be
    /// broken, but has values where others have them, unlike what precedes a table.
    fn after_preamble(&self, first: usize, dialect: &Dialect) -> usize {
        let kinds: Vec<_> = (0..self.columns).map(|column| self.column(first, column).kind).collect();
        // A piece may be off by one where a delimiter is missing or too many.
        let fits = |(at, piece): (usize, &&[u8])| {
            let near = kinds.iter().enumerate().filter(|(column, _)| column.abs_diff(at) <= 1);
            let kind = cell::kind(unquoted(piece, dialect));
            kind.is_typed() && near.into_iter().any(|(_, of_column)| *of_column == Some(kind))
        };
        let is_row = |record: &Record| {
            let line = &self.text[record.start..record.end];
            let has_values = |delimiter: &[u8], least: usize| {
                let pieces = pieces(line, delimiter);
                pieces.len() >= least && pieces.iter().enumerate().any(fits)
            };
            let half = self.columns.div_ceil(2);
            let least = |other: &[u8]| if matches!(other, b":" | b" ") { self.columns } else { half };
            matches!(record.form, Form::Cells | Form::Broken)
                && (has_values(&dialect.delimiter, 1)
                    || [&b","[..], b";", b"\t", b"|", b":", b" "].iter().any(|other| has_values(other, least(other))))
        };
        let before = &self.records.records[..first];
        if self.columns > 1 { before.iter().position(is_row).unwrap_or(first) } else { first }
    }

    /// Whether these pieces of the `n`th record are a name for each column, quotes aside.
    fn names_all(&self, n: usize, pieces: &[&[u8]], dialect: &Dialect) -> bool {
        let names: Vec<_> = pieces.iter().map(|piece| unquoted(piece, dialect)).collect();
        names.len() == self.columns && are_names(&names) && self.evidence_of(n, &names) >= 0.0
    }

    /// `#id,name` before rows of two cells.
    fn commented_header(&self, first: usize) -> Option<usize> {
        let (at, comment) = self.records.records[..first].iter().enumerate().next_back()?;
        let only = self.records.records.iter().filter(|record| record.form == Form::Comment).count() == 1;
        if comment.form != Form::Comment || !only || self.typed_columns(at) == 0 {
            return None;
        }
        let sibling = self.records.records.get(first)?;
        let between = self.records.cells(sibling).windows(2).next()?;
        let gap = usize::from(between[0].quoted) + between[0].end..between[1].start - usize::from(between[1].quoted);
        let delimiter = self.text.get(gap)?;
        let line = &self.text[comment.start..comment.end];
        let cells = memchr::memmem::find_iter(line, delimiter).count() + 1;
        (cells == self.columns).then_some(at)
    }

    fn are_different(&self, record: &Record) -> bool {
        let mut cells: Vec<_> = self.cells(record).map(<[u8]>::trim_ascii).filter(|cell| !cell.is_empty()).collect();
        cells.sort_unstable();
        cells.windows(2).all(|pair| pair[0] != pair[1])
    }

    /// How many records after the header belong to it: they hold text in every column that is of another type.
    fn further_header_rows(&self, header: usize, evidence: f64) -> u32 {
        let mut rows = 0;
        let mut n = header;
        while rows + 1 < MAX_HEADER_ROWS && evidence > 0.0 {
            let Some((next, record)) =
                self.records.records.iter().enumerate().skip(n + 1).find(|(_, record)| record.form == Form::Cells)
            else {
                break;
            };
            if !self.is_shaped(record) || self.body(next).take(4).count() < 4 {
                break;
            }
            let typed: Vec<_> = (0..self.columns)
                .filter(|&column| {
                    let column = self.column(next, column);
                    column.share >= 0.9 && column.values >= 4 && column.kind.is_some_and(Kind::is_value)
                })
                .collect();
            let kinds: Vec<_> = self.cells(record).map(cell::kind).collect();
            let text = typed.iter().filter(|&&column| kinds[column] == Kind::Text).count();
            let empty = typed.iter().filter(|&&column| kinds[column] == Kind::Empty).count();
            let only_text = kinds.iter().all(|kind| matches!(kind, Kind::Text | Kind::Empty));
            let named = self.cells(record).all(is_name) && self.are_different(record);
            if typed.len() < 2 || !only_text || !named || text + empty < typed.len() || text * 2 < typed.len() {
                break;
            }
            rows += 1;
            n = next;
        }
        rows
    }
}

fn pieces<'t>(line: &'t [u8], delimiter: &[u8]) -> Vec<&'t [u8]> {
    let mut pieces = Vec::new();
    let mut from = 0;
    if delimiter.is_empty() {
        return vec![line];
    }
    for at in memchr::memmem::find_iter(line, delimiter) {
        pieces.push(&line[from..at]);
        from = at + delimiter.len();
    }
    pieces.push(&line[from..]);
    pieces
}

/// Without all quotes at its ends.
fn unquoted<'t>(piece: &'t [u8], dialect: &Dialect) -> &'t [u8] {
    let is_text = |byte: &u8| Some(*byte) != dialect.quote;
    match (piece.iter().position(is_text), piece.iter().rposition(is_text)) {
        (Some(first), Some(last)) => &piece[first..=last],
        _ => &[],
    }
}

/// Whether cells are different texts that may be names. After a comma that is one of a sentence there is a blank.
fn are_names(cells: &[&[u8]]) -> bool {
    let is_name = |cell: &&[u8]| cell.len() <= LONGEST_NAME && cell[0] != b' ' && cell::kind(cell) == Kind::Text;
    let mut sorted = cells.to_vec();
    sorted.sort_unstable();
    cells.iter().all(|cell| !cell.is_empty() && is_name(cell)) && sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether a cell may be a part of a name, such as a unit, rather than stand for a value that is missing.
fn is_name(cell: &[u8]) -> bool {
    const PLACEHOLDERS: [&str; 8] = ["unknown", "missing", "n.a.", "n.d.", "tbd", "tba", "invalid", "error"];
    let cell = cell.trim_ascii();
    let has_letter = cell.iter().any(|b| b.is_ascii_alphabetic() || matches!(b, b'%' | b'$' | 128..));
    (cell.is_empty() || has_letter)
        && !cell.contains(&b'"')
        && !PLACEHOLDERS.iter().any(|word| cell.eq_ignore_ascii_case(word.as_bytes()))
}

/// What the cells of a column are like.
struct Column {
    /// Cells that are neither empty nor missing.
    values: usize,
    /// What at least half of these are.
    kind: Option<Kind>,
    /// How many of these are, from 0 to 1.
    share: f64,
    /// The shape that all of these have.
    shape: Option<Shape>,
}

/// Which kinds of characters a text is made of, in which order, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    runs: u64,
    length: usize,
}

impl Shape {
    fn of(text: &[u8]) -> Self {
        let mut runs = 0_u64;
        let mut last = 0;
        for &byte in text.iter().take(64) {
            let class = match byte {
                b'a'..=b'z' => 1,
                b'A'..=b'Z' => 2,
                b'0'..=b'9' => 3,
                b' ' => 4,
                128..=255 => 5,
                _ => 6,
            };
            if class != last {
                runs = runs.wrapping_mul(7).wrapping_add(class);
                last = class;
            }
        }
        Self { runs, length: text.len() }
    }

    /// Whether texts have it by intention, rather than by accident.
    fn is_telling(self) -> bool {
        self.length >= 2 && self.runs != 1
    }
}
