//! Text in pieces of whole records.

#![allow(clippy::cast_possible_truncation, reason = "places in a block are 32 bits wide, and blocks far smaller")]

use std::io::{self, Read};

use crate::{
    flaw::Flaw,
    scan::{PADDING, Scanner},
};

/// Bytes of a rejected row that are kept for the record.
pub(crate) const RAW: usize = 64 << 10;

/// A piece of text, and the records in it. Places are bytes from the beginning of `text`.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// The text, and at least [`PADDING`] bytes more.
    pub(crate) text: Vec<u8>,
    /// Where the text ends.
    pub(crate) len: usize,
    /// Where each row begins.
    pub(crate) rows: Vec<u32>,
    /// Where each field of each row ends; all rows have the same number of fields.
    pub(crate) ends: Vec<u32>,
    /// Rows that are flawed and kept, in order.
    pub(crate) odd: Vec<Odd>,
    /// Records that are flawed and not among the rows, and lines that are no records, in order.
    pub(crate) rejected: Vec<Rejected>,
    /// Blank lines.
    pub(crate) blank: u64,
    /// All its lines.
    pub(crate) lines: u64,
    /// Rows that were too short and are filled up.
    pub(crate) padded: u64,
    /// Byte of the file at which the text begins.
    pub(crate) offset: u64,
    /// Line of the file at which it begins, from 1.
    pub(crate) line: u64,
    /// Records of the file before it.
    pub(crate) records: u64,
    /// Whether quotes may stand where they have to be looked at: doubled ones, or any in a record that
    /// [`Grammar::step`](crate::grammar::Grammar::step) took.
    pub(crate) tricky: bool,
    /// Whether all of it is known to be ASCII without NUL.
    pub(crate) plain: bool,
    /// Whether every line of it is known to be a row.
    pub(crate) simple: bool,
}

/// A flawed row that is kept.
#[derive(Debug)]
pub(crate) struct Odd {
    pub(crate) row: u32,
    /// The fields beyond the last column: begin and end.
    pub(crate) extra: Vec<(u32, u32)>,
}

/// A flawed record.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) flaw: Flaw,
}

impl Block {
    /// Empties it and keeps its memory.
    fn clear(&mut self) {
        self.recycle();
        self.ends.clear();
    }

    /// The same, but for the ends: a scan from the beginning writes over those.
    fn recycle(&mut self) {
        self.len = 0;
        self.rows.clear();
        self.odd.clear();
        self.rejected.clear();
        self.padded = 0;
        self.blank = 0;
        self.lines = 0;
        self.tricky = false;
        self.plain = false;
        self.simple = false;
    }

    /// Whether all of it is UTF-8 without NUL.
    pub(crate) fn is_text(&self) -> bool {
        let text = &self.text[..self.len];
        self.plain || std::str::from_utf8(text).is_ok() && memchr::memchr(0, text).is_none()
    }

    /// Whether a row follows all that is no row.
    pub(crate) fn ends_with_row(&self) -> bool {
        let last = self.rejected.last().map_or(0, |rejected| rejected.start);
        self.rows.last().is_some_and(|start| *start as usize >= last)
    }

    /// How many records it has.
    fn count(&self) -> u64 {
        let rejected = self.rejected.iter().filter(|rejected| rejected.flaw.is_of_record());
        (self.rows.len() + rejected.count()) as u64
    }

    /// Makes `part` a block of its first rows.
    pub(crate) fn first_rows(&self, rows: usize, fields: usize, part: &mut Self) {
        let rows = rows.min(self.rows.len());
        part.clear();
        part.rows.extend_from_slice(&self.rows[..rows]);
        part.ends.extend_from_slice(&self.ends[..rows * fields]);
        part.len = part.ends.last().map_or(0, |end| *end as usize).min(self.len);
        part.text.clear();
        part.text.extend_from_slice(&self.text[..part.len + PADDING]);
        let odd = self.odd.iter().take_while(|odd| (odd.row as usize) < rows);
        part.odd.extend(odd.map(|odd| Odd { row: odd.row, extra: Vec::new() }));
        // However many: what matters is that there may be some.
        part.padded = self.padded;
        part.tricky = self.tricky;
        part.plain = self.plain;
    }

    /// The record that row `row` is made from: from its beginning to the end of its last field.
    pub(crate) fn span(&self, row: usize, fields: usize) -> (usize, usize) {
        let start = self.rows[row] as usize;
        let end = self.ends[(row + 1) * fields - 1] as usize;
        let odd = self.odd.binary_search_by(|odd| (odd.row as usize).cmp(&row));
        let extra = odd.ok().and_then(|at| self.odd[at].extra.last());
        (start, extra.map_or(end, |(_, end)| *end as usize))
    }

    /// The number of each row among the records of the file, from 1.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        let mut rejected = self.rejected.iter().peekable();
        let mut number = self.records;
        self.rows.iter().map(move |&start| {
            while let Some(rejected) = rejected.next_if(|rejected| rejected.start < start as usize) {
                number += u64::from(rejected.flaw.is_of_record());
            }
            number += 1;
            number
        })
    }

    /// Takes rows out; `flaws` are in the order of rows.
    pub(crate) fn reject(&mut self, flaws: Vec<(usize, Flaw)>, fields: usize) {
        let flawed: Vec<_> = flaws.iter().map(|(row, _)| *row).collect();
        let mut flaws = flaws.into_iter().peekable();
        let mut kept = 0;
        for row in 0..self.rows.len() {
            if flaws.peek().is_some_and(|(flawed, _)| *flawed == row) {
                let (start, end) = self.span(row, fields);
                self.rejected.extend(flaws.next().map(|(_, flaw)| Rejected { start, end, flaw }));
            } else {
                self.rows[kept] = self.rows[row];
                self.ends.copy_within(row * fields..(row + 1) * fields, kept * fields);
                kept += 1;
            }
        }
        self.rows.truncate(kept);
        self.ends.truncate(kept * fields);
        self.rejected.sort_by_key(|r| r.start);
        self.odd.retain_mut(|odd| match flawed.binary_search(&(odd.row as usize)) {
            Ok(_) => false,
            Err(before) => {
                odd.row -= before as u32;
                true
            }
        });
    }
}

/// Cuts a text into blocks.
pub(crate) struct Blocks {
    reader: Box<dyn Read + Send>,
    /// Text that was read and is in no block yet: everything from `at` on.
    ahead: Vec<u8>,
    at: usize,
    eof: bool,
    offset: u64,
    line: u64,
    /// Records in blocks so far.
    records: u64,
    /// Whether the last record that was discarded ends with its line.
    ends_line: bool,
    block_bytes: usize,
}

impl Blocks {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            ahead: Vec::new(),
            at: 0,
            eof: false,
            offset: 0,
            line: 1,
            records: 0,
            ends_line: true,
            block_bytes: RAW,
        }
    }

    /// All of the text again, of which nothing but a peek was taken.
    pub(crate) fn into_reader(self) -> Box<dyn Read + Send> {
        Box::new(io::Cursor::new(self.ahead).chain(self.reader))
    }

    /// Sets how much text a block has, in bytes.
    pub(crate) fn set_size(&mut self, bytes: usize) {
        self.block_bytes = bytes.max(1);
    }

    /// What lies ahead, at least `bytes` of it unless the text ends before; and whether it is all there is.
    pub(crate) fn peek(&mut self, bytes: usize) -> io::Result<(&[u8], bool)> {
        let have = self.ahead.len() - self.at;
        if !self.eof && have < bytes {
            self.ahead.drain(..self.at);
            self.at = 0;
            self.reader.by_ref().take((bytes - have) as u64).read_to_end(&mut self.ahead)?;
            self.eof = self.ahead.len() < bytes;
        }
        Ok((&self.ahead[self.at..], self.eof))
    }

    /// Passes over text that was peeked at, with `lines` line ends in it.
    pub(crate) fn skip(&mut self, bytes: usize, lines: u64) {
        self.at = self.ahead.len().min(self.at + bytes);
        self.offset += bytes as u64;
        self.line += lines;
    }

    /// Line and byte at which the text ahead begins.
    pub(crate) fn position(&self) -> (u64, u64) {
        (self.line, self.offset)
    }

    /// Whether there is no text that is in no block.
    pub(crate) fn is_done(&self) -> bool {
        self.eof && self.at == self.ahead.len()
    }

    /// Fills a block with whole records; `false` at the end of the text.
    pub(crate) fn next(&mut self, block: &mut Block, scanner: &Scanner) -> io::Result<bool> {
        if self.is_done() {
            block.clear();
            return Ok(false);
        }
        block.recycle();
        block.offset = self.offset;
        block.line = self.line;
        block.records = self.records;
        let mut target = self.block_bytes;
        block.text.resize(block.text.len().max(target + PADDING), 0);
        let before = self.at;
        let mut filled = 0;
        let mut at = 0;
        loop {
            while filled < target {
                match self.pull(&mut block.text[filled..target])? {
                    0 => break,
                    n => filled += n,
                }
            }
            if filled == 0 {
                block.clear();
                return Ok(false);
            }
            let eof = self.is_done();
            block.text[filled..filled + PADDING].fill(0);
            let reached = scanner.scan(block, at, filled, eof);
            at = reached.at;
            if reached.long {
                self.discard(block, scanner, at, filled)?;
                block.lines = self.line - block.line + u64::from(self.is_done() && !self.ends_line);
                scanner.set_apart(block);
                self.records += block.count();
                return Ok(true);
            }
            // One record may be larger than a block.
            if at > 0 || eof {
                break;
            }
            target *= 2;
            block.text.resize(target + PADDING, 0);
        }
        block.len = at;
        self.offset += at as u64;
        let ends = if block.simple { block.rows.len() as u64 } else { scanner.grammar.lines(&block.text[..at]) };
        self.line += ends;
        // Only the last line of a file ends nowhere.
        block.lines = ends + u64::from(!scanner.grammar.ends_line(&block.text[..at]));
        scanner.set_apart(block);
        self.records += block.count();
        if self.at < self.ahead.len() {
            // All of the block came from there.
            self.at = before + at;
        } else {
            self.ahead.clear();
            self.ahead.extend_from_slice(&block.text[at..filled]);
            self.at = 0;
        }
        Ok(true)
    }

    /// Text that is in no block yet; nothing at its end.
    fn pull(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut ahead = self.ahead.get(self.at..).unwrap_or_default();
        if !ahead.is_empty() {
            let n = ahead.read(out)?;
            self.at += n;
            return Ok(n);
        }
        while !self.eof {
            match self.reader.read(out) {
                Ok(0) => self.eof = true,
                Ok(n) => return Ok(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(0)
    }

    /// Ends a block with a record, from `start` on, that is beyond the limit; nothing of it is kept but its beginning.
    fn discard(&mut self, block: &mut Block, scanner: &Scanner, start: usize, filled: usize) -> io::Result<()> {
        let grammar = &scanner.grammar;
        let end = filled.min(start + grammar.limit.min(RAW));
        block.rejected.push(Rejected { start, end, flaw: Flaw::TooLong { limit: grammar.limit } });
        block.len = end;
        let mut at = filled.min(start + grammar.limit);
        self.offset += at as u64;
        self.line += grammar.lines(&block.text[..at]);
        let mut text = block.text[at..filled].to_vec();
        at = 0;
        let next = loop {
            if let Some((_, next)) = grammar.line_end(&text, at, self.is_done()) {
                break next;
            }
            // No line ends in it, but a CR at its end has to be seen together with what follows.
            let kept = text.pop_if(|last| *last == b'\r');
            self.offset += text.len() as u64;
            text.clear();
            text.extend(kept);
            at = text.len();
            text.resize(at + RAW, 0);
            let read = self.pull(&mut text[at..])?;
            text.truncate(at + read);
            at = 0;
        };
        self.line += grammar.lines(&text[..next]);
        self.ends_line = grammar.ends_line(&text[..next]);
        self.offset += next as u64;
        text.drain(..next);
        text.extend_from_slice(&self.ahead[self.at..]);
        self.ahead = text;
        self.at = 0;
        Ok(())
    }
}
