//! Where the records begin, and which of them name the columns.

use crate::{Dialect, DialectOverrides};

use super::{
    DELIMITERS, Trial, Uneven,
    cell::{self, Kind},
    records::{Form, Record, Records},
    series::{self, EVEN, Item, Series},
};

/// Where things are in a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the header begins, or the first record, where there is no header: what precedes it is a preamble.
    pub(super) start: usize,
    pub(super) header_rows: u32,
    /// The header is a comment, and begins with this, which is no part of its names.
    pub(super) header_prefix: Option<Vec<u8>>,
    /// The first column is the one that the header does not name.
    pub(super) row_names: bool,
    /// The header is a name short, and nothing says for which column.
    pub(super) names_may_shift: bool,
    /// What separates its names, where that is not what separates fields.
    pub(super) header_delimiter: Option<Vec<u8>>,
}

/// Records that are looked at.
const BODY: usize = 200;
/// Header rows that are found without being told.
const MAX_HEADER_ROWS: u32 = 4;
/// Records at the top among which the header may be.
const TOP: usize = 24;
/// Evidence of a header that needs no other.
const STRONG: f64 = 0.5;
/// What introduces the names of columns in a log (W3C Extended Log File Format).
const DIRECTIVE: &[u8] = b"#Fields:";
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

    /// Whether a record has the width of the table, up to empty cells beyond it.
    fn is_shaped(&self, record: &Record) -> bool {
        record.form == Form::Cells
            && (record.width == self.columns || record.width > self.columns && record.filled <= self.columns)
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
    let mut layout = Layout {
        start: 0,
        header_rows: 1,
        header_prefix: None,
        row_names: false,
        names_may_shift: false,
        header_delimiter: None,
    };
    let Some(mut first) = all.iter().position(|record| table.is_shaped(record)) else { return layout };
    let is_free = known.skip_lines.is_none();
    if is_free && let Some((at, delimiter)) = table.directive(first, dialect) {
        layout.start = all[at].start;
        layout.header_prefix = Some(table.directive_prefix(&all[at]).to_vec());
        layout.header_delimiter = delimiter;
        return layout;
    }
    if !is_free {
        first = all.iter().position(|r| r.form == Form::Cells).unwrap_or(first);
    }
    let mut evidence;
    (first, layout.header_rows, evidence) = if is_free {
        table.top(first)
    } else {
        let (rows, evidence) = table.names_at(&[first]);
        (first, rows, evidence)
    };
    if is_free && evidence <= 0.0 {
        // The row before it may name the columns after all, though it has not as many cells, or looks like a comment.
        let before = if let Some((before, delimiter)) = table.otherwise_delimited_header(first, dialect) {
            layout.header_delimiter = Some(delimiter);
            Some(before)
        } else if let Some(before) = table.broken_header(first, dialect).or_else(|| table.misshapen_header(first)) {
            (layout.row_names, layout.names_may_shift) = table.unnamed_column(before, dialect);
            Some(before)
        } else if let Some(before) = table.commented_header(first, dialect) {
            layout.header_prefix = Some(Vec::new());
            Some(before)
        } else {
            table.narrow_header(first)
        };
        if let Some(before) = before {
            (first, evidence) = (before, 1.0);
            layout.header_rows = 1 + table.further_header_rows(&[first], evidence);
        }
    }
    if layout.header_rows == 0 && is_free {
        first = table.after_preamble(first, dialect);
    }
    let preamble = all[..first].iter().any(|record| matches!(record.form, Form::Cells | Form::Broken));
    layout.start = if preamble || layout.header_prefix.is_some() { all[first].start } else { 0 };
    layout
}

/// Whether the first line is a name for one column where all others would have several fields, rather than something that
/// precedes a table without header. Only where the delimiter is one that texts have in them.
pub(super) fn speaks_of_one_column(text: &[u8], records: &Records, trial: &Trial) -> bool {
    let delimiter = trial.dialect.delimiter.as_slice();
    if !matches!(delimiter, b"," | b", " | b" " | b":" | b";" | b"; " | b"|" | b" | ") {
        return false;
    }
    let table = Table { text, records, columns: trial.columns };
    let mut rows = records.records.iter().enumerate().filter(|(_, record)| record.form == Form::Cells);
    let (Some((_, name)), Some((second, next))) = (rows.next(), rows.next()) else { return false };
    let cell = table.cell(name, 0).unwrap_or_default().trim_ascii();
    let is_name = cell.len() <= LONGEST_NAME
        && matches!(cell::kind(cell), Kind::Text)
        && !matches!(cell.last(), Some(b'.' | b':' | b'!' | b'?'));
    if name.width != 1 || !is_name {
        return false;
    }
    // What R writes of a vector with names: these, and numbers.
    if trial.columns == 2 && delimiter == b"," && table.names_a_vector(name, second) {
        return false;
    }
    let is_word = cell.len() <= 40 && !cell.contains(&b' ');
    let Some(first) = records.records.iter().position(|record| table.is_shaped(record)) else { return false };
    let is_often_in_texts = matches!(delimiter, b"," | b", " | b" " | b":" | b"; ");
    if is_word && is_often_in_texts && (table.is_shaped(next) || trial.columns > 1 && next.width > 1) {
        let is_table =
            trial.columns > 2 && delimiter.starts_with(b",") && table.typed_columns(second) * 2 >= trial.columns;
        return table.evidence(second) < 0.9 && !is_table;
    }
    if table.evidence(first) >= STRONG {
        return false;
    }
    let shaped = || records.records[first..].iter().filter(|record| table.is_shaped(record));
    let line = |record: &Record| &text[record.start..record.end];
    if shaped().all(|record| cell::kind(line(record)).is_value()) {
        return true;
    }
    if (0..trial.columns).any(|column| table.kind_of(first, column).is_some_and(Kind::is_typed)) {
        return false;
    }
    let plain = records.records.iter().filter(|record| record.form == Form::Cells && record.width == 1).count() - 1;
    let spaced = |record: &Record| {
        let gaps = memchr::memmem::find_iter(line(record), delimiter).map(|at| at + delimiter.len());
        delimiter.ends_with(b" ") || gaps.into_iter().all(|after| matches!(line(record).get(after), Some(b' ')))
    };
    plain >= shaped().count() || is_word && delimiter != b"|" || trial.columns == 2 && shaped().all(spaced)
}

/// Whether the `n`th record names the columns of those below it: it holds nothing but different names, or what the cells
/// below it are not.
pub(super) fn names_columns(text: &[u8], records: &Records, n: usize, columns: usize) -> bool {
    let table = Table { text, records, columns };
    let cells: Vec<_> = table.cells(&records.records[n]).map(<[u8]>::trim_ascii).collect();
    are_names(&cells) || table.evidence(n) > 0.0
}

/// Whether most values of the first column are of one type, text aside, after the first `start` bytes.
pub(super) fn first_is_typed(text: &[u8], records: &Records, columns: usize, start: usize) -> bool {
    let table = Table { text, records, columns };
    let header = records.records.iter().position(|record| record.start >= start);
    columns > 1 && header.is_some_and(|header| table.kind_of(header, 0).is_some_and(Kind::is_typed))
}

/// How unevenly the rows end, after the first `start` bytes.
pub(super) fn uneven(text: &[u8], records: &Records, columns: usize, dialect: &Dialect, start: usize) -> Uneven {
    if columns < 2 || matches!(dialect.delimiter.as_slice(), b" " | b":") {
        return Uneven::default();
    }
    let table = Table { text, records, columns };
    let rows = || records.records.iter().filter(|record| record.form == Form::Cells && record.start >= start);
    let long = rows().any(|record| record.width > columns && table.is_shaped(record));
    let Some(header) = records.records.iter().position(|record| record.start >= start) else {
        return Uneven { short: false, long };
    };
    let kinds: Vec<_> = (0..columns).map(|column| table.kind_of(header, column)).collect();
    // A row that was torn in two has other values in its places.
    let fits = |record: &Record| {
        let values = table.cells(record).map(cell::kind).zip(&kinds);
        values.into_iter().all(|(kind, of)| match of {
            Some(of) if of.is_typed() => kind == *of || matches!(kind, Kind::Empty | Kind::Missing),
            _ => true,
        })
    };
    let narrow = || rows().skip(1).filter(|record| record.width < columns);
    let (count, fitting) = (narrow().count(), narrow().filter(|record| record.width > 1 && fits(record)).count());
    // Nor is another table below this one padded.
    let names = |record: &&Record| {
        let cells: Vec<_> = table.cells(record).map(<[u8]>::trim_ascii).collect();
        !fits(record) && is_of_several_names(&cells)
    };
    let is_one_table = !narrow().any(|record| names(&record));
    let leaves_out = rows().skip(1).any(|record| table.is_shaped(record) && record.filled < columns);
    let many = count * 10 >= rows().count();
    Uneven { short: is_one_table && fitting >= 2 && fitting * 10 >= count * 9 && (many || leaves_out), long }
}

impl Table<'_> {
    /// Where the header or the first row is, of records of which the `first` one of the right width is one; how many header
    /// rows there are, and what speaks for them. Spreadsheets fill up a title to the width of the table, and leave rows
    /// empty below it.
    fn top(&self, first: usize) -> (usize, u32, f64) {
        let shaped = self.records.records.iter().enumerate().skip(first).filter(|(_, record)| self.is_shaped(record));
        let shaped: Vec<_> = shaped.map(|(n, _)| n).take(TOP).collect();
        let (rows, evidence) = self.names_at(&shaped);
        let titles = shaped.iter().take_while(|n| self.is_title(**n)).count();
        if titles > 0 && titles < shaped.len() {
            let below = &shaped[titles..];
            let (rows_below, evidence_below) = self.names_at(below);
            let named = self.cells(&self.records.records[below[0]]).all(|cell| cell::kind(cell) == Kind::Text);
            if rows_below > 0
                && (evidence_below > evidence.max(0.0) || evidence_below >= 0.0 && named && self.columns > 2)
            {
                return (below[0], rows_below, evidence_below);
            }
        }
        (first, rows, evidence)
    }

    /// Header rows that begin with the first of these records, and what speaks for them.
    fn names_at(&self, shaped: &[usize]) -> (u32, f64) {
        let Some(first) = shaped.first() else { return (0, 0.0) };
        let here = self.evidence(*first);
        // Names of groups may be years, and say little themselves.
        for above in 1..shaped.len().min(3) {
            if here > 0.0 || !shaped[..above].iter().all(|n| self.is_group_row(*n)) {
                break;
            }
            let evidence = self.evidence(shaped[above]);
            if evidence >= STRONG {
                let rows = u32::try_from(above).unwrap_or(0) + 1;
                return (rows + self.further_header_rows(&shaped[..=above], evidence), evidence);
            }
        }
        // Nothing against it: a first row is a header more often than not.
        let rows = if here >= -0.4 { 1 + self.further_header_rows(&[*first], here) } else { 0 };
        (rows, here)
    }

    /// A row of which nothing is filled, or the first cell, and few others.
    fn is_title(&self, n: usize) -> bool {
        let cells: Vec<_> = self.cells(&self.records.records[n]).map(<[u8]>::trim_ascii).collect();
        let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        let is_comment = cells[0] == b"#" || cells[0].starts_with(b"# ");
        let few = filled == 1 || filled * 3 <= self.columns || is_comment && filled < self.columns;
        filled == 0 || self.columns > 1 && !cells[0].is_empty() && few
    }

    /// A row of names of which some are left out, as they stand for several columns.
    fn is_group_row(&self, n: usize) -> bool {
        let record = &self.records.records[n];
        let is_name = |cell: &[u8]| matches!(cell::kind(cell), Kind::Text | Kind::Empty) || Item::of(cell).is_some();
        let filled = |cell: &&[u8]| !cell.trim_ascii().is_empty();
        let count = self.cells(record).filter(filled).count();
        // One name in front is that of it all.
        let is_title = count == 1 && self.cells(record).next().as_ref().is_some_and(filled);
        (1..self.columns).contains(&count) && !is_title && self.cells(record).all(is_name)
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
        let series = if has_body { self.series(n, cells) } else { Vec::new() };
        for column in 0..self.columns {
            let kind = cell::kind(cells.get(column).copied().unwrap_or_default());
            if let Some(evidence) = series.get(column).copied().flatten() {
                sum += evidence;
                continue;
            }
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
            _ if summary.kind.is_some_and(|of_body| of_body == kind) => -1.0,
            _ => -0.5,
        }
    }

    /// What speaks for each of these cells above the rows after the `n`th record as a part of a series of names; `None`
    /// where it is in none.
    fn series(&self, n: usize, cells: &[&[u8]]) -> Vec<Option<f64>> {
        let items: Vec<_> = cells.iter().take(self.columns).map(|cell| Item::of(cell)).collect();
        let mut evidence = vec![None; items.len()];
        // A table of a program that counts its columns, and names its rows.
        let counts = |(at, item): (usize, &Option<Item>)| item.is_some_and(|item| item.is_number(at));
        if let [corner, _, ..] = cells
            && corner.trim_ascii().is_empty()
            && items[1..].iter().enumerate().all(counts)
            && self.kind_of(n, 0).is_some()
        {
            evidence[1..].fill(Some(STRONG));
            return evidence;
        }
        let mut from = 0;
        while from < items.len() {
            // Cells of a series are next to one another.
            let run: Vec<_> = items[from..].iter().map_while(|item| *item).collect();
            let mut at = 0;
            while let Some((length, series)) = series::longest(&run[at..]) {
                let columns = from + at..from + at + length;
                let names = &run[at..at + length];
                if let Some(of_each) = self.evidence_of_series(n, columns.clone(), series, names) {
                    evidence[columns].fill(Some(of_each));
                }
                at += length;
            }
            from += run.len() + 1;
        }
        evidence
    }

    /// What speaks for each name of a series of these columns, if it is one.
    fn evidence_of_series(
        &self,
        n: usize,
        columns: std::ops::Range<usize>,
        series: Series,
        above: &[Item],
    ) -> Option<f64> {
        let rows: Vec<_> = self.body(n).collect();
        let (mut values, mut like) = (0, 0);
        for cell in rows.iter().flat_map(|row| columns.clone().filter_map(|column| self.cell(row, column))) {
            if matches!(cell::kind(cell), Kind::Empty | Kind::Missing) {
                continue;
            }
            values += 1;
            like += usize::from(series::continues(series, above[0], cell));
        }
        let step = series::step(above);
        // A row below that goes on in the same way is of the same kind.
        let of_row = |row: &&&Record| {
            let items: Option<Vec<_>> = columns.clone().map(|c| Item::of(self.cell(row, c)?)).collect();
            let Some(below) = items else { return false };
            match (series, series::of(&below)) {
                (Series::Steps { by, .. }, Some(Series::Steps { by: other, .. })) => by == other,
                (Series::Decimals, Some(Series::Decimals)) => {
                    step.is_none_or(|step| series::step(&below).is_some_and(|other| (other - step).abs() < EVEN))
                }
                _ => false,
            }
        };
        let alike = rows.iter().filter(of_row).count();
        let enough = match (series, columns.len()) {
            (Series::Marked, _) | (Series::Years, 2..) => like * 10 <= values,
            // One year alone: nothing like it may be below it.
            (Series::Years, _) => {
                let kind = self.kind_of(n, columns.start);
                like == 0 && values >= 2 && (kind != Some(Kind::Number) || values >= 5)
            }
            (Series::Steps { by, from }, length) => {
                let counts = by == 1 && matches!(from, 0 | 1);
                (counts && length >= 3 || length >= 4) && alike * 2 <= rows.len()
            }
            (Series::Lone, _) => false,
            // Whole numbers over decimals.
            (Series::Whole, length) => length >= 3 && values >= 6 && like * 10 <= values,
            (Series::Decimals, length) => length >= 3 && alike * 2 <= rows.len(),
        };
        let weight = match series {
            // Measurements of one row may follow one another by chance, but not at equal distances beside a name.
            Series::Decimals if columns.start == 0 || step.is_none() => -0.2,
            Series::Years if columns.len() == 1 => 0.3,
            _ => STRONG,
        };
        (enough && values > 0).then_some(weight)
    }

    /// What at least half of the values of a column are, below the `n`th record.
    fn kind_of(&self, n: usize, column: usize) -> Option<Kind> {
        self.column(n, column).kind
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

    /// Whether a record is the name that R gives a vector without one, and the records from the `n`th on have a different
    /// text and a number each.
    fn names_a_vector(&self, name: &Record, n: usize) -> bool {
        let records = || self.records.records[n..].iter().filter(|record| record.form == Form::Cells);
        let mut names: Vec<_> = records().filter_map(|record| self.cell(record, 0)).collect();
        names.sort_unstable();
        let is_row = |record: &Record| {
            let kinds: Vec<_> = self.cells(record).map(cell::kind).collect();
            matches!(kinds[..], [Kind::Text, Kind::Number | Kind::Missing])
        };
        let quoted = |record: &Record| self.records.cells(record).first().is_some_and(|cell| cell.quoted);
        let is_named = quoted(name) && records().all(quoted) || self.cell(name, 0) == Some(b"x");
        is_named && names.len() > 1 && names.windows(2).all(|pair| pair[0] != pair[1]) && records().all(is_row)
    }

    /// Of a header that names a column less than there are: whether it is the first one that it does not name, as in files
    /// that R writes with the names of rows, and whether it may be that one as well as the last.
    fn unnamed_column(&self, header: usize, dialect: &Dialect) -> (bool, bool) {
        let record = &self.records.records[header];
        if record.form != Form::Cells || record.width + 1 != self.columns || record.filled != record.width {
            return (false, false);
        }
        let rows: Vec<_> = self.body(header).collect();
        let cells = |column: usize| rows.iter().filter_map(move |row| self.records.cells(row).get(column));
        let is_filled = |column: usize| cells(column).any(|cell| cell.start < cell.end);
        if rows.is_empty() || !is_filled(self.columns - 1) {
            return (false, false);
        }
        let quoted_names = self.records.cells(record).iter().all(|cell| cell.quoted);
        if quoted_names {
            // R quotes names of rows as it quotes those of columns.
            let numbers =
                || (1..self.columns).any(|column| cells(column).any(|cell| !cell.quoted && cell.start < cell.end));
            return (cells(0).all(|cell| cell.quoted) && numbers(), false);
        }
        if self.columns == 2 && self.names_a_vector(record, header + 1) {
            return (true, false);
        }
        let mut first: Vec<_> = rows.iter().filter_map(|row| self.cell(row, 0)).collect();
        first.sort_unstable();
        let different = first.windows(2).all(|pair| pair[0] != pair[1]);
        let typed = |column: usize| self.kind_of(header, column).is_some_and(Kind::is_typed);
        let may = different && rows.len() > 1 && !typed(0) && (1..self.columns).all(typed);
        let is_of_r = matches!(dialect.delimiter.as_slice(), b" " | b"\t");
        (may && is_of_r, may && !is_of_r)
    }

    /// The first record, if it names some of the columns, and all between it and the `first` record of the right width
    /// are as narrow as it is.
    fn narrow_header(&self, first: usize) -> Option<usize> {
        let at = self.records.records[..first].iter().position(|record| record.form == Form::Cells)?;
        let header = &self.records.records[at];
        let cells: Vec<_> = self.cells(header).collect();
        let between = || self.records.records[at + 1..first].iter().filter(|record| record.form != Form::Blank);
        let is_row = |record: &Record| record.form == Form::Cells && record.width == header.width;
        let narrow = Table { columns: header.width, ..*self };
        ((2..self.columns).contains(&header.width)
            && between().next().is_some()
            && between().all(is_row)
            && are_names(&cells)
            && narrow.evidence(at) > 0.0)
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

    /// The last `#id,name` before rows of two cells.
    fn commented_header(&self, first: usize, dialect: &Dialect) -> Option<usize> {
        let before = self.records.records[..first].iter().enumerate().rev();
        let mut comments = before.take_while(|(_, record)| matches!(record.form, Form::Comment | Form::Blank));
        let names = |record: &Record| pieces(&self.text[record.start..record.end], &dialect.delimiter).len();
        let (at, _) = comments.find(|(_, record)| record.form == Form::Comment && names(record) == self.columns)?;
        (self.columns > 1 && self.typed_columns(at) > 0).then_some(at)
    }

    /// The last comment before the `first` record that is a directive with a name for each column, and what separates
    /// the names, where that is not what separates fields.
    fn directive(&self, first: usize, dialect: &Dialect) -> Option<(usize, Option<Vec<u8>>)> {
        let before = self.records.records[..first].iter().enumerate().rev();
        let (at, record) = before.into_iter().find(|(_, record)| {
            record.form == Form::Comment && self.text[record.start..record.end].starts_with(DIRECTIVE)
        })?;
        let names = &self.text[record.start + self.directive_prefix(record).len()..record.end];
        [&dialect.delimiter[..], b" ", b"\t"].into_iter().find_map(|delimiter| {
            let other = (delimiter != dialect.delimiter).then(|| delimiter.to_vec());
            (pieces(names, delimiter).len() == self.columns).then_some((at, other))
        })
    }

    /// What stands before the names in a directive.
    fn directive_prefix(&self, record: &Record) -> &[u8] {
        let line = &self.text[record.start..record.end];
        let blanks = line[DIRECTIVE.len()..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        &line[..DIRECTIVE.len() + blanks]
    }

    /// How many records after these header rows belong to the header: they hold text in every column that is of another
    /// type.
    fn further_header_rows(&self, header: &[usize], evidence: f64) -> u32 {
        let mut header = header.to_vec();
        let before = header.len();
        while header.len() < MAX_HEADER_ROWS as usize && evidence > 0.0 {
            let last = header.last().map_or(0, |last| last + 1);
            let cells = self.records.records.iter().enumerate().skip(last);
            let Some((next, record)) = cells.into_iter().find(|(_, record)| record.form == Form::Cells) else { break };
            if !self.is_shaped(record) || self.body(next).take(3).count() < 3 || !self.goes_on(&header, next) {
                break;
            }
            header.push(next);
        }
        u32::try_from(header.len() - before).unwrap_or(0)
    }

    /// Whether the `next` record is another row of a header.
    fn goes_on(&self, header: &[usize], next: usize) -> bool {
        let record = &self.records.records[next];
        let typed: Vec<_> = (0..self.columns)
            .filter(|&column| {
                let column = self.column(next, column);
                column.share >= 0.9 && column.values >= 3 && column.kind.is_some_and(Kind::is_value)
            })
            .collect();
        let kinds: Vec<_> = self.cells(record).map(cell::kind).collect();
        let count = |wanted: Kind| typed.iter().filter(|&&column| kinds.get(column) == Some(&wanted)).count();
        let (text, empty) = (count(Kind::Text), count(Kind::Empty));
        let only_text = kinds.iter().all(|kind| matches!(kind, Kind::Text | Kind::Empty));
        if typed.len() < 2 || !only_text || !self.cells(record).all(is_name) || text + empty < typed.len() || text == 0
        {
            return false;
        }
        let above = |column: usize| header.iter().filter_map(move |n| self.cell(&self.records.records[*n], column));
        let is_unnamed = |column: usize| above(column).all(|cell| cell.trim_ascii().is_empty());
        // Names that were left out above, or one for each column.
        let fills = (0..kinds.len()).all(|column| kinds[column] == Kind::Empty || is_unnamed(column));
        (fills || text * 2 >= typed.len()) && self.are_different(header, next)
    }

    /// Whether no two columns have the same name with the `next` record as another row of the header.
    fn are_different(&self, header: &[usize], next: usize) -> bool {
        let row = |n: &usize| -> Vec<String> {
            let cells = self.cells(&self.records.records[*n]);
            cells.map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned()).collect()
        };
        let rows: Vec<_> = header.iter().chain([&next]).map(row).collect();
        let mut names = join(&rows);
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    }
}

/// The names that several header rows give: what stands above one another is joined by blanks. A name with others below
/// it, and nothing on its right, is that of a group: it stands for the columns up to the next one as well.
pub(crate) fn join(rows: &[Vec<String>]) -> Vec<String> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: usize, column: usize| rows[row].get(column).map_or("", |cell| cell.trim());
    let is_named_below = |row: usize, column: usize| (row + 1..rows.len()).any(|below| !cell(below, column).is_empty());
    let name = |column: usize| {
        let mut parts: Vec<&str> = Vec::new();
        for row in 0..rows.len() {
            let mut part = cell(row, column);
            if part.is_empty() && is_named_below(row, column) {
                let group = (0..column).rev().find(|left| !cell(row, *left).is_empty());
                part = group.filter(|left| is_named_below(row, *left)).map_or("", |left| cell(row, left));
            }
            if !part.is_empty() {
                parts.push(part);
            }
        }
        match rows {
            // As it stands.
            [only] => only.get(column).cloned().unwrap_or_default(),
            _ => parts.join(" "),
        }
    };
    (0..width).map(name).collect()
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

/// Whether a line holds nothing but different names, and several.
pub(crate) fn is_of_several_names(cells: &[&[u8]]) -> bool {
    cells.len() > 1 && are_names(cells)
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
