//! Lines whose cells have no delimiter between them, rewritten so that they have one.
//!
//! The rest of the reader knows delimited text only. Where a file has a [`Layout`], each of its lines is cut into cells on
//! the way in, and the cells are joined by [`Layout::SEPARATOR`]; lines stay lines, so that their numbers are true.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use crate::{
    DialectOverrides, Error, Layout, Options, Setting, SniffError, Terminator,
    block::Blocks,
    grammar::Grammar,
    reader::{MAX_RECORD, SNIFFED},
    sniff::{
        self, Sniffed,
        aligned::{self, Aligned},
    },
};

/// Text that is cut at once, bytes.
const PIECE: usize = 64 << 10;

/// A file whose dialect is known.
pub(crate) struct Opened {
    pub(crate) blocks: Blocks,
    pub(crate) sniffed: Sniffed,
    /// How its lines are cut, if they are.
    pub(crate) cutter: Option<Cutter>,
}

/// Finds out how a text is written.
///
/// # Errors
/// [`Error::Settings`] where what is given contradicts itself, and [`Error::Sniff`].
pub(crate) fn open(text: Box<dyn Read + Send>, options: &Options) -> Result<Opened, Error> {
    let known = &options.dialect;
    check(known)?;
    let mut blocks = Blocks::new(text);
    let (sample, whole) = blocks.peek(SNIFFED)?;
    let (found, plain) = if let Some(widths) = &known.widths {
        let typed = vec![false; widths.len()];
        let aligned = Aligned { layout: Layout::Widths(widths.clone()), typed, names: None };
        (Some(Cutter::new(aligned, true, sample, options)), Err(SniffError::Ambiguous { tried: Vec::new() }))
    } else {
        let plain = sniff::dialect(sample, whole, known);
        let aligned = if is_open(&plain, known) { aligned::layout(sample, whole, known) } else { None };
        (aligned.map(|aligned| Cutter::new(aligned, false, sample, options)), plain)
    };
    let Some(cutter) = found else {
        let sniffed = plain?;
        return Ok(Opened { blocks, sniffed, cutter: None });
    };
    let cut = cutter.clone().text(sample);
    let delimited = DialectOverrides {
        delimiter: Some(vec![Layout::SEPARATOR]),
        quote: Setting::Is(known.quote.given().copied().flatten()),
        escape: Setting::Is(known.escape.given().copied().flatten()),
        ..known.clone()
    };
    match sniff::dialect(&cut, whole, &delimited) {
        Ok(sniffed) if cutter.is_given || sniffed.columns == cutter.columns => {
            let sniffed = cutter.sniffed(sniffed);
            let blocks = Blocks::new(Box::new(cutter.clone().over(blocks.into_reader())));
            Ok(Opened { blocks, sniffed, cutter: Some(cutter) })
        }
        Err(error) if cutter.is_given => Err(error.into()),
        _ => Ok(Opened { sniffed: plain?, blocks, cutter: None }),
    }
}

fn check(known: &DialectOverrides) -> Result<(), Error> {
    let Some(widths) = &known.widths else { return Ok(()) };
    if known.delimiter.is_some() {
        return Err(Error::Settings("columns have either widths or a delimiter, and both are given".to_owned()));
    }
    if widths.is_empty() || widths.contains(&0) {
        return Err(Error::Settings("each column has a width of at least one character".to_owned()));
    }
    Ok(())
}

/// Whether no delimiter explains the text, or only one that may stand in it for another reason.
fn is_open(plain: &Result<Sniffed, SniffError>, known: &DialectOverrides) -> bool {
    known.delimiter.is_none()
        && plain
            .as_ref()
            .map_or(true, |sniffed| sniffed.columns == 1 || matches!(sniffed.dialect.delimiter.as_slice(), b" " | b":"))
}

/// Cuts lines into cells.
#[derive(Clone, Debug)]
pub(crate) struct Cutter {
    aligned: Aligned,
    columns: usize,
    /// Somebody says so: then there is nothing to doubt.
    is_given: bool,
    comment: Option<u8>,
    ends: Terminator,
    /// A longer line stays as it is, in bytes.
    limit: usize,
    /// Lines that were cut.
    lines: u64,
}

impl Cutter {
    fn new(aligned: Aligned, is_given: bool, sample: &[u8], options: &Options) -> Self {
        let known = &options.dialect;
        let ends = sniff::terminator(sample, known);
        let comment = *known.comment.given().unwrap_or(&Some(b'#'));
        let limit = options.limits.record_bytes.min(MAX_RECORD);
        Self { columns: aligned.typed.len(), aligned, is_given, comment, ends, limit, lines: 0 }
    }

    /// What was found out about the text, as of the file.
    fn sniffed(&self, mut sniffed: Sniffed) -> Sniffed {
        for attempt in &mut sniffed.tried {
            attempt.delimiter = match self.aligned.layout {
                Layout::Blanks => " ".to_owned(),
                Layout::Widths(_) => String::new(),
            };
        }
        sniffed.dialect.layout = Some(self.aligned.layout.clone());
        if !self.is_given {
            sniffed.certainty *= 0.9;
        }
        sniffed
    }

    /// The same text, cut.
    pub(crate) fn over(self, reader: Box<dyn Read + Send>) -> impl Read + Send + 'static {
        Cutting { cutter: self, reader, ahead: Vec::new(), is_long: false, eof: false, cut: Vec::new(), at: 0 }
    }

    /// Where the first line ends, and where the next one begins.
    fn end(&self, text: &[u8]) -> Option<(usize, usize)> {
        let at = match self.ends {
            Terminator::Lf => memchr::memchr(b'\n', text),
            Terminator::Cr => memchr::memchr(b'\r', text),
            Terminator::Any => memchr::memchr2(b'\n', b'\r', text),
        }?;
        let is_crlf = self.ends == Terminator::Lf && text[..at].ends_with(b"\r");
        Some((at - usize::from(is_crlf), at + 1))
    }

    /// Cuts all lines of a text, also the last one, which may not end.
    fn text(mut self, mut text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() + text.len() / 4);
        while let Some((end, next)) = self.end(text) {
            self.line(&text[..end], &mut out);
            out.extend_from_slice(&text[end..next]);
            text = &text[next..];
        }
        self.line(text, &mut out);
        out
    }

    /// Cuts the next line.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let number = self.lines;
        self.lines += 1;
        if trim(line).is_empty() {
            out.extend_from_slice(line);
            return;
        }
        if memchr::memchr(Layout::SEPARATOR, line).is_some() {
            // It would say where cells end: then rather too many of them.
            out.extend_from_slice(line);
            out.extend(std::iter::repeat_n(Layout::SEPARATOR, self.columns));
            return;
        }
        let begin = out.len();
        let is_cut = match &self.aligned.layout {
            Layout::Blanks => self.at_blanks(line, number, out),
            Layout::Widths(widths) => self.at_widths(line, widths, out),
        };
        let is_comment = !self.is_given && self.comment.is_some_and(|comment| line.first() == Some(&comment));
        let is_remark = is_comment && self.aligned.names != Some(number) && {
            let cells: Vec<_> = out[begin..].split(|byte| *byte == Layout::SEPARATOR).collect();
            !self.aligned.are_row(cells.into_iter())
        };
        let cells = out[begin..].split(|byte| *byte == Layout::SEPARATOR);
        if !is_cut || is_remark || self.is_in_doubt() && self.aligned.are_shifted(cells) {
            // Nobody can tell what its cells are.
            out.truncate(begin);
            out.extend_from_slice(trim(line));
        }
    }

    /// Whether a cell may have blanks in it, at places that were found out.
    fn is_in_doubt(&self) -> bool {
        !self.is_given && matches!(self.aligned.layout, Layout::Widths(_))
    }

    fn at_blanks(&self, line: &[u8], number: u64, out: &mut Vec<u8>) -> bool {
        let words = || line.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty());
        let count = words().count();
        let mut words = words();
        let names = self.aligned.names == Some(number);
        if names && count == self.columns + 1 && line.get(1).is_some_and(|byte| is_blank(*byte)) {
            // The mark of a comment is no name.
            out.extend_from_slice(words.next().unwrap_or_default());
            out.push(b' ');
        } else if count < self.columns || names && count > self.columns {
            return false;
        }
        for (i, word) in words.enumerate() {
            if i > 0 {
                out.push(Layout::SEPARATOR);
            }
            out.extend_from_slice(word);
        }
        true
    }

    fn at_widths(&self, line: &[u8], widths: &[u32], out: &mut Vec<u8>) -> bool {
        let is_ascii = line.is_ascii();
        let mut rest = line;
        for (i, width) in widths.iter().enumerate() {
            let width = usize::try_from(*width).unwrap_or(usize::MAX);
            let cut = if i + 1 == widths.len() { rest.len() } else { place(rest, width, is_ascii) };
            let (cell, after) = rest.split_at(cut);
            let is_torn = cell.last().is_some_and(|b| !is_blank(*b)) && after.first().is_some_and(|b| !is_blank(*b));
            if !self.is_given && (is_torn || memchr::memchr(b'\t', cell).is_some()) {
                return false;
            }
            if i > 0 {
                out.push(Layout::SEPARATOR);
            }
            out.extend_from_slice(trim(cell));
            rest = after;
        }
        true
    }
}

/// Where the character begins before which there are so many; the end where there is none.
fn place(text: &[u8], characters: usize, is_ascii: bool) -> usize {
    if is_ascii {
        return characters.min(text.len());
    }
    let begins = text.iter().enumerate().filter(|(_, byte)| *byte & 0xC0 != 0x80);
    begins.map(|(at, _)| at).nth(characters).unwrap_or(text.len())
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !is_blank(*byte);
    match (text.iter().position(is_text), text.iter().rposition(is_text)) {
        (Some(first), Some(last)) => &text[first..=last],
        _ => &[],
    }
}

/// What is handed over of a line that was cut: a tab between its cells, as nobody sees the separator.
pub(crate) fn shown<'r>(raw: Cow<'r, [u8]>, grammar: &Grammar) -> Cow<'r, [u8]> {
    if !grammar.is_cut {
        return raw;
    }
    let shown = |byte: &u8| if *byte == Layout::SEPARATOR { b'\t' } else { *byte };
    Cow::Owned(raw.iter().map(shown).collect())
}

/// A text that is cut while it is read.
struct Cutting {
    cutter: Cutter,
    reader: Box<dyn Read + Send>,
    /// A line that has not ended yet.
    ahead: Vec<u8>,
    /// Its beginning is beyond the limit, and was handed on.
    is_long: bool,
    eof: bool,
    cut: Vec<u8>,
    at: usize,
}

impl Cutting {
    /// Reads on until something is cut, or there is nothing more.
    fn fill(&mut self) -> io::Result<()> {
        self.cut.clear();
        self.at = 0;
        while self.cut.is_empty() && !self.eof {
            let seen = self.ahead.len();
            self.ahead.resize(seen + PIECE, 0);
            let read = self.reader.read(&mut self.ahead[seen..]);
            self.ahead.truncate(seen + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.eof = true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.take(seen);
        }
        Ok(())
    }

    /// Cuts what has ended; nothing ends before `seen`.
    fn take(&mut self, seen: usize) {
        let mut from = 0;
        if memchr::memchr2(b'\n', b'\r', &self.ahead[seen..]).is_some() {
            while let Some((end, next)) = self.cutter.end(&self.ahead[from..]) {
                let line = &self.ahead[from..from + end];
                if std::mem::take(&mut self.is_long) {
                    self.cut.extend_from_slice(line);
                } else {
                    self.cutter.line(line, &mut self.cut);
                }
                self.cut.extend_from_slice(&self.ahead[from + end..from + next]);
                from += next;
            }
            self.ahead.drain(..from);
        }
        if self.is_long || self.ahead.len() > self.cutter.limit {
            self.is_long = true;
            self.cut.append(&mut self.ahead);
        } else if self.eof {
            self.cutter.line(&self.ahead, &mut self.cut);
            self.ahead.clear();
        }
    }
}

impl Read for Cutting {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.cut.len() {
            self.fill()?;
        }
        let mut cut = &self.cut[self.at..];
        let n = cut.read(out)?;
        self.at += n;
        Ok(n)
    }
}
