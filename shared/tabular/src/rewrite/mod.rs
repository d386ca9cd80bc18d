//! Replaces values of a file, and leaves all else in it as it stands: dialect, character set, compression, the order of
//! rows, and every field that is not asked for, byte for byte.
//!
//! What is no record has no place in the copy, as nobody has looked at it for what must not go on: lines before the
//! header are emptied, comments and blank lines left out, and rows that do not fit are handed to
//! [`Rewriter::rejected`].

use std::{
    borrow::Cow,
    io::Write,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use memchr::memchr;

use crate::{
    BadRows, Error, Header, Options, RejectedRow, Report, SinkError, Source,
    apart::Apart,
    block::{Block, Blocks},
    column::Fields,
    convert::{Output as Converted, Reject, rejects, take_out_invalid},
    field,
    grammar::{Grammar, Step},
    input::{self, Detected, Probe},
    layout,
    plan::Tokens,
    reader::{self, Begin, Tally},
    scan::{Policy, Scanner},
};

mod output;

use output::Output;

/// Text that is dealt with at once, bytes.
const BLOCK: usize = 1 << 20;
/// The longest header, with all that stands before it, bytes.
const HEADER: usize = 8 << 20;

/// What becomes of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change {
    /// Its fields stay as they stand.
    #[default]
    Keep,
    /// They stay, and their values are shown to the rewriter.
    Show,
    /// The rewriter says what stands in their place.
    Replace,
    /// They are left out.
    Drop,
}

/// Decides what stands in place of values. Called from one thread, in the order of the file.
pub trait Rewriter {
    /// What becomes of each column of `header`, in order.
    ///
    /// # Errors
    /// Ends the rewriting; comes back as [`Error::Plan`].
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError>;

    /// Takes the values of the next rows, column by column for those that are shown or replaced. For the latter,
    /// [`Cells::put`] says what stands in place of each.
    ///
    /// # Errors
    /// Ends the rewriting; comes back as [`Error::Sink`].
    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError>;

    /// A record that does not fit, or a line that is no record, such as a comment.
    ///
    /// # Errors
    /// Ends the rewriting; comes back as [`Error::Sink`].
    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError>;
}

/// Values of a column, in the order of rows.
#[derive(Debug)]
pub struct Cells<'a> {
    column: usize,
    values: Vec<Option<Cow<'a, str>>>,
    text: String,
    /// Where what was put ends in `text`; `None` for null.
    ends: Vec<Option<usize>>,
}

impl<'a> Cells<'a> {
    /// Which column of the file, from 0.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The values, without quotes and escapes; `None` where there is none.
    pub fn values(&self) -> &[Option<Cow<'a, str>>] {
        &self.values
    }

    /// Says what stands in place of the first value for which it has not been said yet.
    pub fn put(&mut self, value: Option<&str>) {
        self.ends.push(value.map(|value| {
            self.text.push_str(value);
            self.text.len()
        }));
    }

    /// Leaves the first value as it is for which it has not been said yet.
    pub fn keep(&mut self) {
        let at = self.ends.len();
        let end = self.values.get(at).and_then(Option::as_deref).map(|value| {
            self.text.push_str(value);
            self.text.len()
        });
        self.ends.push(end);
    }

    /// What was put, in order.
    fn replacements(&self) -> impl Iterator<Item = Option<&str>> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let end = (*end)?;
            let value = &self.text[from..end];
            from = end;
            Some(value)
        })
    }
}

/// Copies a file with some of its values replaced. `name` is what the file is called inside of an archive, where the
/// original is one. The same file, name and rewriter give the same bytes. Rows that do not fit go to the rewriter, whatever
/// [`Options::bad_rows`] says, but for [`BadRows::Fail`].
///
/// # Errors
/// As for [`read`](crate::read). What was written counts for nothing then.
pub fn rewrite<W: Write + Send>(
    source: &mut dyn Source,
    to: W,
    name: &str,
    rewriter: &mut dyn Rewriter,
    options: &Options,
) -> Result<(W, Report), Error> {
    // What is written cannot be taken back when late bytes show another character set: then it has to be known before,
    // as the reader of the copy finds it out from all of it, too.
    let known = input::charset_of_all(|| source.open(), &options.opening())?;
    let opened = Opened::new(source, options, known)?;
    let output = Output::new(to, &opened.probe.facts(), name).map_err(write_error)?;
    let changes = opened.plan(rewriter)?;
    let header = opened.header(&changes);
    write_aside(output, options.threads, |write| {
        write(&mut header.into_bytes())?;
        let mut text = Vec::new();
        opened.run(rewriter, &changes, options, u64::MAX, |block, cells, fields, grammar, line_end| {
            text.clear();
            Copyist::new(block, fields, grammar, line_end, &changes).copy(cells, &mut text)?;
            write(&mut text)
        })
    })
}

/// Has `work` write to `output`: with several threads, on another one, so that what is written is translated, compressed
/// and handed over while the next is made. What is given to it for writing it may take, and leave another buffer instead.
fn write_aside<W: Write + Send, T>(
    mut output: Output<W>,
    threads: usize,
    work: impl FnOnce(&mut dyn FnMut(&mut Vec<u8>) -> Result<(), Error>) -> Result<T, Error>,
) -> Result<(W, T), Error> {
    if threads <= 1 {
        let done = work(&mut |text| output.write(checked(text)?).map_err(write_error))?;
        return Ok((output.finish().map_err(write_error)?, done));
    }
    let (filled, to_write) = sync_channel::<Vec<u8>>(1);
    let (used, empty) = sync_channel::<Vec<u8>>(2);
    thread::scope(|scope| {
        let writing = scope.spawn(move || -> Result<Output<W>, Error> {
            for text in to_write {
                output.write(checked(&text)?).map_err(write_error)?;
                // If the other side has ended, nobody needs it.
                let _ = used.try_send(text);
            }
            Ok(output)
        });
        let mut ended = false;
        let done = work(&mut |text| {
            let next = empty.try_recv().unwrap_or_default();
            ended = filled.send(std::mem::replace(text, next)).is_err();
            if ended { Err(Error::Internal("nobody writes any more".to_owned())) } else { Ok(()) }
        });
        drop(filled);
        let written =
            writing.join().unwrap_or_else(|_| Err(Error::Internal("the writing ended unexpectedly".to_owned())));
        // That nobody writes any more has a cause.
        let done = if ended { None } else { Some(done?) };
        let output = written?;
        let done = done.ok_or_else(|| Error::Internal("the writing ended too soon".to_owned()))?;
        Ok((output.finish().map_err(write_error)?, done))
    })
}

/// Text of a block, which has been checked, and what was put into it.
fn checked(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text).map_err(|_| Error::Internal("a field of a checked row is no text".to_owned()))
}

/// Shows values of a file, of at least so many rows if it has them, and makes nothing of it.
///
/// # Errors
/// As for [`read`](crate::read).
pub fn survey(
    source: &mut dyn Source,
    rewriter: &mut dyn Rewriter,
    options: &Options,
    rows: u64,
) -> Result<Report, Error> {
    // Late bytes of another character set cost their rows here, which are too few to matter for what values are like.
    let opened = Opened::new(source, options, None)?;
    let changes = opened.plan(rewriter)?;
    opened.run(rewriter, &changes, options, rows, |_, _, _, _, _| Ok(()))
}

fn write_error(error: std::io::Error) -> Error {
    Error::Sink(Box::new(error))
}

/// A file of which the header has been read.
struct Opened {
    blocks: Blocks,
    probe: Probe,
    dialect: crate::Dialect,
    certainty: f64,
    scanner: Scanner,
    /// How the header is written.
    header_grammar: Grammar,
    tokens: Tokens,
    header: Header,
    /// What its lines are, and those before it.
    begin: Begin,
    /// All before the first record that is not of the header.
    head: String,
}

impl Opened {
    fn new(source: &mut dyn Source, options: &Options, known: Option<Detected>) -> Result<Self, Error> {
        let input = input::open_as(source.open()?, &options.opening(), known)?;
        let probe = input.probe();
        let layout::Opened { mut blocks, sniffed, cutter } = layout::open(Box::new(input), options)?;
        if cutter.is_some() {
            let why = "a copy of columns that have no delimiter between them would not keep where they stand; have the \
                       file written with a delimiter, or say --delimiter none (format.delimiter = \"none\") to take \
                       each line for one value";
            return Err(Error::Settings(why.to_owned()));
        }
        let dialect = sniffed.dialect.clone();
        let grammar = reader::grammar(&dialect, options);
        let text = blocks.peek(HEADER)?.0.to_vec();
        let header_grammar = reader::header_grammar(&sniffed, options);
        let mut begin = reader::header(&mut blocks, &header_grammar, &sniffed, options)?;
        let mut names = std::mem::take(&mut begin.names);
        reader::fit(&mut names, &sniffed);
        let consumed = usize::try_from(blocks.position().1).unwrap_or(usize::MAX);
        let Some(head) = text.get(..consumed) else {
            return Err(Error::LimitExceeded(format!(
                "the header and what stands before it are longer than the limit of {HEADER} bytes; set the dialect"
            )));
        };
        let head = String::from_utf8_lossy(head).into_owned();
        let policy = Policy::new(false, &sniffed, options);
        let fields = names.len().max(1);
        let apart = Apart::new(std::mem::take(&mut begin.raw), fields, sniffed.first_is_typed);
        let scanner = Scanner { grammar, fields, policy, apart };
        // Only what was declared to mean null does: any other text may be personal.
        let tokens =
            Tokens::Given(options.null_markers.iter().flatten().map(|marker| marker.as_bytes().to_vec()).collect());
        blocks.set_size(if options.block_bytes == 0 { BLOCK } else { options.block_bytes });
        let header = Header { names, given: dialect.header_rows > 0 };
        Ok(Self {
            blocks,
            probe,
            dialect,
            certainty: sniffed.certainty,
            scanner,
            header_grammar,
            tokens,
            header,
            begin,
            head,
        })
    }

    fn plan(&self, rewriter: &mut dyn Rewriter) -> Result<Vec<Change>, Error> {
        let changes = rewriter.plan(&self.header).map_err(Error::Plan)?;
        let columns = self.header.names.len();
        if changes.len() == columns {
            return Ok(changes);
        }
        Err(Error::Internal(format!("{} changes for {columns} columns", changes.len())))
    }

    /// The header as it is to be: as it stood, without what stood before it and without columns that are left out.
    fn header(&self, changes: &[Change]) -> String {
        let grammar = &self.header_grammar;
        let expected = Some(self.header.names.len()).filter(|columns| *columns > 1);
        let text = self.head.as_bytes();
        let mut out = String::new();
        let mut at = 0;
        for _ in 0..self.dialect.skip_lines {
            let Some((end, next)) = grammar.line_end(text, at, true) else { break };
            out.push_str(&self.head[end..next]);
            at = next;
        }
        let mut ends = Vec::new();
        for _ in 0..self.dialect.header_rows {
            loop {
                ends.clear();
                match grammar.step(text, at, true, expected, &mut ends) {
                    Step::Record { end, next, .. } => {
                        let mut names = names(&self.head, at, &ends, grammar);
                        if names.len() == changes.len() + 1
                            && let Some(blank) = names.iter().position(|name| name.trim().is_empty())
                        {
                            // As the reader has it: a delimiter too many.
                            names.remove(blank);
                        }
                        let dropped = |i: usize| changes.get(i) == Some(&Change::Drop);
                        let kept = names.iter().enumerate().filter(|(i, _)| !dropped(*i)).map(|(_, name)| *name);
                        out.push_str(&kept.collect::<Vec<_>>().join(&String::from_utf8_lossy(&grammar.delimiter)));
                        out.push_str(if next > end { &self.head[end..next] } else { "\n" });
                        at = next;
                        break;
                    }
                    Step::Skip { next, .. } => at = next,
                    Step::More | Step::End | Step::Long => return out,
                }
            }
        }
        out
    }

    /// What ends a record: as the first one ends.
    fn line_end(&mut self) -> Result<&'static str, Error> {
        let grammar = &self.scanner.grammar;
        let text =
            if self.dialect.header_rows > 0 { self.head.as_bytes() } else { self.blocks.peek(reader::SNIFFED)?.0 };
        Ok(match grammar.line_end(text, 0, true).map(|(end, next)| &text[end..next]) {
            Some(b"\r\n") => "\r\n",
            Some(b"\r") => "\r",
            _ => "\n",
        })
    }

    /// Shows the rewriter all rows, or the blocks with the first so many, and hands each block on to `take`.
    fn run(
        mut self,
        rewriter: &mut dyn Rewriter,
        changes: &[Change],
        options: &Options,
        rows: u64,
        mut take: impl FnMut(&Block, &[Cells<'_>], &Fields<'_>, &Grammar, &str) -> Result<(), Error>,
    ) -> Result<Report, Error> {
        let mut tally = Tally::new(self.begin.lines);
        for kept in &self.begin.kept {
            hand_over(rewriter, kept)?;
        }
        let line_end = self.line_end()?;
        let Self { blocks, scanner, tokens, header, .. } = &mut self;
        let columns = header.names.len();
        if columns > 0 {
            let grammar = &scanner.grammar;
            let mut one = |block: &mut Block| -> Result<bool, Error> {
                take_out_unreadable(block, columns);
                let (mut rejected, lines) = rejects(block, scanner);
                tally.part(&mut rejected, block.ends_with_row(), grammar);
                for reject in &rejected {
                    if options.bad_rows == BadRows::Fail && reject.flaw.is_wrong() {
                        let what = format!("{}; {}", reject.flaw, reject.flaw.advice());
                        return Err(Error::MalformedCsv { line: reject.line, offset: reject.offset, what });
                    }
                    hand_over(rewriter, reject)?;
                }
                let fields = Fields::new(block, columns, grammar, tokens);
                let mut cells = cells(block, &fields, grammar, tokens, changes)?;
                rewriter.rows(&mut cells).map_err(Error::Sink)?;
                take(block, &cells, &fields, grammar, line_end)?;
                let rows_here = block.rows.len() as u64;
                tally.add(&Converted {
                    rows: rows_here,
                    rejected,
                    lines,
                    padded: block.padded,
                    ..Converted::default()
                });
                Ok(tally.rows() < rows)
            };
            each(blocks, scanner, options.threads, &mut one)?;
            tally.check(options)?;
        }
        let certainty = self.certainty;
        Ok(tally.report(None, self.dialect, certainty, self.probe.facts(), 1))
    }
}

/// Hands a record that is not among the rows, or a line that is no record, to the rewriter.
fn hand_over(rewriter: &mut dyn Rewriter, reject: &Reject) -> Result<(), Error> {
    let reason = reject.flaw.to_string();
    let Reject { line, offset, ref raw, .. } = *reject;
    let row = RejectedRow { line, offset, is_record: reject.flaw.is_of_record(), reason: &reason, raw };
    rewriter.rejected(&row).map_err(Error::Sink)
}

/// Hands each block to `take`, as long as that wants more. With several threads, one is a block ahead.
fn each(
    blocks: &mut Blocks,
    scanner: &Scanner,
    threads: usize,
    take: &mut dyn FnMut(&mut Block) -> Result<bool, Error>,
) -> Result<(), Error> {
    if threads <= 1 || blocks.is_done() {
        let mut block = Block::default();
        while blocks.next(&mut block, scanner)? {
            if !take(&mut block)? {
                break;
            }
        }
        return Ok(());
    }
    let (filled, to_take) = sync_channel::<Result<Block, Error>>(1);
    let (used, empty) = sync_channel::<Block>(2);
    thread::scope(|scope| {
        scope.spawn(move || fill(blocks, scanner, &filled, &empty));
        while let Ok(block) = to_take.recv() {
            let mut block = block?;
            if !take(&mut block)? {
                break;
            }
            // If the other side has ended, nobody needs it.
            let _ = used.try_send(block);
        }
        // Lets the other side end.
        drop(to_take);
        Ok(())
    })
}

fn fill(blocks: &mut Blocks, scanner: &Scanner, filled: &SyncSender<Result<Block, Error>>, empty: &Receiver<Block>) {
    loop {
        let mut block = empty.try_recv().unwrap_or_default();
        let next = match blocks.next(&mut block, scanner) {
            Ok(true) => Ok(block),
            Ok(false) => return,
            Err(error) => Err(error.into()),
        };
        let failed = next.is_err();
        if filled.send(next).is_err() || failed {
            return;
        }
    }
}

fn take_out_unreadable(block: &mut Block, columns: usize) {
    let text = &block.text[..block.len];
    if std::str::from_utf8(text).is_err() || memchr(0, text).is_some() {
        take_out_invalid(block, columns, false);
    }
}

/// The raw names of a header.
fn names<'a>(text: &'a str, start: usize, ends: &[u32], grammar: &Grammar) -> Vec<&'a str> {
    let mut from = start;
    let mut names = Vec::with_capacity(ends.len());
    for end in ends {
        let end = *end as usize;
        names.push(text.get(from..end).unwrap_or_default());
        from = end + grammar.delimiter.len();
    }
    names
}

/// The values of the columns that are shown or replaced.
fn cells<'a>(
    block: &'a Block,
    fields: &Fields<'a>,
    grammar: &Grammar,
    tokens: &Tokens,
    changes: &[Change],
) -> Result<Vec<Cells<'a>>, Error> {
    let rows = block.rows.len();
    // What is wrong in it is in rows that were taken out, and then each field is looked at.
    let all = std::str::from_utf8(&block.text[..block.len]).ok();
    let mut cells = Vec::new();
    for (column, change) in changes.iter().enumerate() {
        if !matches!(change, Change::Show | Change::Replace) {
            continue;
        }
        let mut values = Vec::with_capacity(rows);
        for (start, len) in fields.spans(column, 0..rows) {
            let (content, quoted) = field::content(&block.text[start..start + len], grammar);
            let null = len == 0 || !quoted && tokens.contains(&content);
            let as_it_stands = content.len() == len && matches!(content, Cow::Borrowed(_));
            values.push(match all.filter(|_| as_it_stands).and_then(|all| all.get(start..start + len)) {
                _ if null => None,
                Some(value) => Some(Cow::Borrowed(value)),
                None => Some(text(content)?),
            });
        }
        let ends = if *change == Change::Replace { Vec::with_capacity(rows) } else { Vec::new() };
        cells.push(Cells { column, values, text: String::new(), ends });
    }
    Ok(cells)
}

/// Text that has been checked; what is cut out of it at ASCII characters is text as well.
fn text(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Error> {
    let internal = |_| Error::Internal("a field of a checked row is no text".to_owned());
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(internal),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|error| internal(error.utf8_error())),
    }
}

/// Writes the rows of a block.
struct Copyist<'c, 'a> {
    block: &'c Block,
    fields: &'c Fields<'a>,
    grammar: &'c Grammar,
    line_end: &'c str,
    changes: &'c [Change],
    /// Bytes for which a value is put in quotes, wherever they stand in it.
    special: [bool; 256],
}

impl<'c, 'a> Copyist<'c, 'a> {
    fn new(
        block: &'c Block,
        fields: &'c Fields<'a>,
        grammar: &'c Grammar,
        line_end: &'c str,
        changes: &'c [Change],
    ) -> Self {
        let mut special = [false; 256];
        for byte in [b'\r', b'\n'].into_iter().chain(grammar.quote).chain(grammar.escape) {
            special[usize::from(byte)] = true;
        }
        if let [delimiter] = &*grammar.delimiter {
            special[usize::from(*delimiter)] = true;
        }
        Self { block, fields, grammar, line_end, changes, special }
    }

    fn copy(&self, cells: &[Cells<'_>], out: &mut Vec<u8>) -> Result<(), Error> {
        let rows = self.block.rows.len();
        let mut replaced: Vec<_> = self.changes.iter().map(|_| None).collect();
        let mut size = self.block.len;
        for cells in cells.iter().filter(|cells| self.changes[cells.column] == Change::Replace) {
            if cells.ends.len() != rows {
                let (found, column) = (cells.ends.len(), cells.column);
                return Err(Error::Internal(format!("{found} values for {rows} rows of column {}", column + 1)));
            }
            size += cells.text.len();
            replaced[cells.column] = Some(cells.replacements());
        }
        out.reserve(size);
        let delimiter = &*self.grammar.delimiter;
        let mut spans: Vec<_> = (0..self.changes.len()).map(|column| self.fields.spans(column, 0..rows)).collect();
        for _ in 0..rows {
            let begin = out.len();
            let mut first = true;
            // Fields that stay and stand together are copied together. Those that a short row lacks do not.
            let mut kept = 0..0;
            for (column, spans) in spans.iter_mut().enumerate() {
                let Some((start, len)) = spans.next() else { continue };
                let new = replaced[column].as_mut().and_then(Iterator::next);
                if self.changes[column] == Change::Drop {
                    continue;
                }
                if new.is_none() && !kept.is_empty() && self.block.text.get(kept.end..start) == Some(delimiter) {
                    kept.end = start + len;
                    continue;
                }
                out.extend_from_slice(&self.block.text[std::mem::take(&mut kept)]);
                if !first {
                    out.extend_from_slice(delimiter);
                }
                if let Some(value) = new {
                    self.put(value, first, column, out)?;
                } else {
                    let raw = &self.block.text[start..start + len];
                    if first && column > 0 && self.begins_comment(raw) {
                        self.put(Some(&text(Cow::Borrowed(raw))?), first, column, out)?;
                    } else {
                        kept = start..start + len;
                    }
                }
                first = false;
            }
            out.extend_from_slice(&self.block.text[kept]);
            if out.len() == begin
                && let Some(quote) = self.grammar.quote
            {
                // An empty line would be no record.
                out.extend([quote; 2]);
            }
            out.extend_from_slice(self.line_end.as_bytes());
        }
        Ok(())
    }

    fn begins_comment(&self, text: &[u8]) -> bool {
        self.grammar.comment.is_some_and(|comment| text.first() == Some(&comment))
    }

    /// Writes a value, in quotes where it needs them.
    fn put(&self, value: Option<&str>, first: bool, column: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(value) = value else { return Ok(()) };
        let bytes = value.as_bytes();
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        let delimiter = &self.grammar.delimiter;
        let awkward = bytes.is_empty()
            || blank(bytes.first())
            || blank(bytes.last())
            || bytes.iter().any(|byte| self.special[usize::from(*byte)])
            || first && self.begins_comment(bytes)
            || delimiter.len() > 1 && memchr::memmem::find(bytes, delimiter).is_some();
        if !awkward {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let Some(quote) = self.grammar.quote else {
            return Err(Error::Unquotable { column: column + 1 });
        };
        let escape = self.grammar.escape.unwrap_or(quote);
        out.push(quote);
        for &byte in bytes {
            if byte == quote || byte == escape {
                out.push(escape);
            }
            out.push(byte);
        }
        out.push(quote);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
