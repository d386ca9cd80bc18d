//! Splits a sample into records and cells, as one dialect has it.

use memchr::{memchr, memchr2, memchr3};

use crate::{Dialect, Terminator};

use super::header::Layout;

/// A part of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Cells,
    /// Nothing but its end.
    Blank,
    Comment,
    /// A quote that is not closed, or not followed by what has to follow; it is the rest of a line.
    Broken,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) start: usize,
    /// Without what ends it.
    pub(super) end: usize,
    pub(super) form: Form,
    pub(super) first_cell: usize,
    pub(super) width: usize,
    /// Cells up to the last one that is not empty.
    pub(super) filled: usize,
}

/// A sample, split.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) records: Vec<Record>,
    pub(super) cells: Vec<Cell>,
}

/// A quoted cell that runs on for longer than this in a sample that is cut off is taken for one that is not closed.
const LONGEST_OPEN: usize = 16 << 10;

impl Records {
    pub(super) fn cells(&self, record: &Record) -> &[Cell] {
        &self.cells[record.first_cell..record.first_cell + record.width]
    }

    /// Whether there are comments, but for a header that looks like one.
    pub(super) fn has_comments(&self, layout: &Layout) -> bool {
        let is_header =
            |record: &Record| layout.header_prefix.as_ref().is_some_and(Vec::is_empty) && record.start == layout.start;
        self.records.iter().any(|record| record.form == Form::Comment && !is_header(record))
    }

    /// Whether there are records of one field that begin as comments do.
    pub(super) fn has_notes(&self, text: &[u8]) -> bool {
        let is_note = |record: &Record| record.form == Form::Cells && text[record.start..].starts_with(b"# ");
        self.records.iter().any(|record| record.width == 1 && is_note(record))
    }

    /// Takes comments behind the first record for records where they have the width of a table: nobody has said that they
    /// are none.
    pub(super) fn take_comments(&mut self, columns: usize) {
        let begin = self.records.iter().position(|record| record.form == Form::Cells).unwrap_or(self.records.len());
        let comments = self.records[begin..].iter_mut().filter(|record| record.form == Form::Comment);
        comments.filter(|comment| comment.width == columns).for_each(|comment| comment.form = Form::Cells);
    }

    /// Splits `text`, which starts at a record. Its last record is left out where it is cut off.
    pub(super) fn split(&mut self, text: &[u8], whole: bool, dialect: &Dialect) {
        self.records.clear();
        self.cells.clear();
        let splitter = Splitter::new(text, dialect);
        let mut at = 0;
        // However quotes are placed, the work is linear: what is read in vain is limited.
        let mut vain = 4 * text.len() + 4096;
        while at < text.len() {
            let first_cell = self.cells.len();
            let line_end = splitter.line_end(at);
            let mut record = Record { start: at, end: line_end, form: Form::Cells, first_cell, width: 0, filled: 0 };
            if line_end == at {
                record.form = Form::Blank;
            } else if dialect.comment == Some(text[at]) {
                record.form = Form::Comment;
                // It may be a record all the same.
                if splitter.record(at, &mut self.cells) != Ok(line_end) {
                    self.cells.truncate(first_cell);
                }
            } else {
                match splitter.record(at, &mut self.cells) {
                    Ok(end) => record.end = end,
                    Err(Stop { at: stopped, cut }) => {
                        if cut && !whole && stopped - at < LONGEST_OPEN && !self.records.is_empty() {
                            self.cells.truncate(first_cell);
                            return;
                        }
                        record.form = Form::Broken;
                        vain = vain.saturating_sub(stopped - at);
                        self.cells.truncate(first_cell);
                    }
                }
            }
            record.width = self.cells.len() - first_cell;
            record.filled = self.cells[first_cell..].iter().rposition(|c| c.start < c.end).map_or(0, |last| last + 1);
            if record.end == text.len() && !whole && !self.records.is_empty() {
                self.cells.truncate(first_cell);
                return;
            }
            at = splitter.after(record.end);
            self.records.push(record);
            if vain == 0 {
                return;
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stop {
    at: usize,
    /// At the end of the sample.
    cut: bool,
}

struct Splitter<'a> {
    text: &'a [u8],
    delimiter: &'a [u8],
    quote: Option<u8>,
    escape: Option<u8>,
    terminator: Terminator,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a [u8], dialect: &'a Dialect) -> Self {
        Self {
            text,
            delimiter: &dialect.delimiter,
            quote: dialect.quote,
            escape: dialect.escape,
            terminator: dialect.terminator,
        }
    }

    /// Where the line ends that `at` is in.
    fn line_end(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let found = match self.terminator {
            Terminator::Lf => memchr(b'\n', rest),
            Terminator::Cr => memchr(b'\r', rest),
            Terminator::Any => memchr2(b'\n', b'\r', rest),
        };
        let end = found.map_or(self.text.len(), |found| at + found);
        if self.terminator == Terminator::Lf && end > at && self.text[end - 1] == b'\r' { end - 1 } else { end }
    }

    fn ends_at(&self, at: usize) -> bool {
        match (self.terminator, self.text.get(at)) {
            (_, None)
            | (Terminator::Lf | Terminator::Any, Some(b'\n'))
            | (Terminator::Cr | Terminator::Any, Some(b'\r')) => true,
            (Terminator::Lf, Some(b'\r')) => matches!(self.text.get(at + 1), None | Some(b'\n')),
            _ => false,
        }
    }

    /// After the end of a record, where the next one starts.
    fn after(&self, end: usize) -> usize {
        match (self.text.get(end), self.text.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) if self.terminator != Terminator::Cr => end + 2,
            _ => end + 1,
        }
    }

    /// Reads the cells of a record; returns where it ends.
    fn record(&self, start: usize, cells: &mut Vec<Cell>) -> Result<usize, Stop> {
        let mut at = start;
        loop {
            at = match self.quote {
                Some(quote) if self.text.get(at) == Some(&quote) => {
                    let end = self.closing(at + 1, quote)?;
                    cells.push(Cell { start: at + 1, end, quoted: true });
                    self.past_blanks(end + 1)
                }
                _ => {
                    let end = self.unquoted(at);
                    cells.push(Cell { start: at, end, quoted: false });
                    end
                }
            };
            if self.ends_at(at) {
                return Ok(at);
            }
            if self.delimiter.is_empty() || !self.text[at..].starts_with(self.delimiter) {
                return Err(Stop { at, cut: false });
            }
            at += self.delimiter.len();
        }
    }

    /// Behind a closing quote, where the delimiter or the end of the record may come after blanks.
    fn past_blanks(&self, after: usize) -> usize {
        let boundary =
            |at: usize| self.ends_at(at) || !self.delimiter.is_empty() && self.text[at..].starts_with(self.delimiter);
        let mut at = after;
        while !boundary(at) && matches!(self.text[at], b' ' | b'\t') {
            at += 1;
        }
        if boundary(at) { at } else { after }
    }

    /// Where the quote is that closes a cell.
    fn closing(&self, mut at: usize, quote: u8) -> Result<usize, Stop> {
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let found = match self.escape {
                Some(escape) if escape != quote => memchr2(quote, escape, rest),
                _ => memchr(quote, rest),
            };
            let Some(found) = found else { return Err(Stop { at: self.text.len(), cut: true }) };
            at += found;
            if self.text[at] != quote || self.text.get(at + 1) == Some(&quote) {
                at += 2;
            } else {
                return Ok(at);
            }
        }
    }

    /// Where a cell without quotes ends.
    fn unquoted(&self, mut at: usize) -> usize {
        let Some(&first) = self.delimiter.first() else {
            return self.line_end(at);
        };
        loop {
            let rest = &self.text[at.min(self.text.len())..];
            let found = match (self.escape, self.terminator) {
                (Some(escape), _) => rest.iter().position(|&b| b == first || b == escape || b == b'\n' || b == b'\r'),
                (None, Terminator::Lf) => memchr2(first, b'\n', rest),
                (None, Terminator::Cr) => memchr2(first, b'\r', rest),
                (None, Terminator::Any) => memchr3(first, b'\n', b'\r', rest),
            };
            let Some(found) = found else { return self.text.len() };
            at += found;
            if self.text[at..].starts_with(self.delimiter) {
                return at;
            }
            if self.ends_at(at) {
                let crlf = self.terminator == Terminator::Lf && self.text[at] == b'\n' && found > 0;
                return if crlf && self.text[at - 1] == b'\r' { at - 1 } else { at };
            }
            at += if self.escape == Some(self.text[at]) { 2 } else { 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, whole: bool, dialect: &Dialect) -> Vec<(Form, Vec<String>)> {
        let mut records = Records::default();
        records.split(text.as_bytes(), whole, dialect);
        let cells = |r: &Record| records.cells(r).iter().map(|c| text[c.start..c.end].to_owned()).collect();
        records.records.iter().map(|r| (r.form, cells(r))).collect()
    }

    fn cells(of: &[&str]) -> (Form, Vec<String>) {
        (Form::Cells, of.iter().map(|&s| s.to_owned()).collect())
    }

    #[test]
    fn records_and_cells_are_found() {
        let text = "a,\"b,\"\"\n\",c\r\n\r\n#x,y\r\n1,,\r3";
        let dialect = Dialect { comment: Some(b'#'), ..Dialect::csv() };
        let (_, comment) = cells(&["#x", "y"]);
        let expected =
            [cells(&["a", "b,\"\"\n", "c"]), (Form::Blank, vec![]), (Form::Comment, comment), cells(&["1", "", "\r3"])];
        assert_eq!(split(text, true, &dialect), expected);
        assert_eq!(split(text, false, &dialect), expected[..3]);
        let dialect = Dialect { terminator: Terminator::Any, ..dialect };
        assert_eq!(split(text, true, &dialect)[3..], [cells(&["1", "", ""]), cells(&["3"])]);
    }

    #[test]
    fn a_broken_quote_breaks_one_line() {
        let expected = [cells(&["a"]), (Form::Broken, vec![]), cells(&["b"])];
        assert_eq!(split("a\n\"x\"y\nb\n", true, &Dialect::csv()), expected);
        assert_eq!(split("a\n\"x\nb\n", true, &Dialect::csv()), expected);
        assert_eq!(split("a\n\"x\nb\n", false, &Dialect::csv()), expected[..1]);
    }

    #[test]
    fn delimiters_may_be_long_and_escaped() {
        let dialect = Dialect { delimiter: b"||".to_vec(), quote: None, escape: Some(b'\\'), ..Dialect::csv() };
        assert_eq!(split("a|b||c\\||d||\n", true, &dialect), [cells(&["a|b", "c\\||d", ""])]);
    }

    #[test]
    fn without_delimiter_a_line_is_a_cell() {
        let dialect = Dialect { delimiter: vec![], ..Dialect::csv() };
        assert_eq!(split("a,b\r\n\"c\nd\"\n", true, &dialect), [cells(&["a,b"]), cells(&["c\nd"])]);
    }
}
