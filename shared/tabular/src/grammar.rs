//! One record at a time, exactly, whatever the dialect and however broken the record.
//!
//! This is the reference for what a record is; [`crate::scan`] finds the same for the plain ones, faster. Every
//! decision depends on the text alone, never on how much of it happens to be at hand.

#![allow(clippy::cast_possible_truncation, reason = "places in a block are 32 bits wide, and blocks far smaller")]

use memchr::{memchr, memchr2};

use crate::{Dialect, Terminator, flaw::Flaw};

/// A quoted field that has not ended after so many bytes is looked at again: are the lines in it records?
const SUSPICIOUS: usize = 64 << 10;

/// A dialect, ready to be applied.
#[derive(Clone, Debug)]
pub(crate) struct Grammar {
    pub(crate) delimiter: Vec<u8>,
    pub(crate) quote: Option<u8>,
    /// Only where it is not the quote itself.
    pub(crate) escape: Option<u8>,
    pub(crate) terminator: Terminator,
    pub(crate) comment: Option<u8>,
    /// Lines that begin with [`comment`](Self::comment) are comments whatever else they hold. Otherwise such a line is a
    /// record where it has the right number of fields: nobody has said that it is none.
    pub(crate) comments_are_certain: bool,
    /// Bytes that a record may have.
    pub(crate) limit: usize,
    /// The delimiters are none of the file's: see [`Layout`](crate::Layout).
    pub(crate) is_cut: bool,
    /// Bytes that may end a plain run of a field: first of the delimiter, terminators, escape.
    special: [bool; 256],
}

/// What begins at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record. The next one begins at `next`; `end` is where its last field ends.
    Record { end: usize, next: usize, flaw: Option<Flaw> },
    /// A line that is no record.
    Skip { end: usize, next: usize, is_comment: bool },
    /// What only more text can tell.
    More,
    /// A record beyond the limit: it is taken to end with the line in which it reaches the limit.
    Long,
    /// Nothing.
    End,
}

/// What follows a field.
enum Boundary {
    Delimiter,
    End { next: usize },
    None,
    More,
}

/// Where quotes that mean nothing may be in a quoted field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stray {
    Nowhere,
    Within,
    /// Right before the closing one, so that the two look like an escaped one.
    BeforeClosing,
}

/// How a quoted field ends.
enum Close {
    /// What follows the closing quote, and blanks behind it, is at this place.
    At(usize),
    /// There is a quote here that closes nothing.
    Stray(usize),
    Never,
    More,
}

impl Grammar {
    pub(crate) fn new(dialect: &Dialect) -> Self {
        let escape = dialect.escape.filter(|e| Some(*e) != dialect.quote);
        let mut special = [false; 256];
        if let Some(first) = dialect.delimiter.first() {
            special[usize::from(*first)] = true;
        }
        if let Some(escape) = escape {
            special[usize::from(escape)] = true;
        }
        special[usize::from(b'\n')] = dialect.terminator != Terminator::Cr;
        special[usize::from(b'\r')] = dialect.terminator != Terminator::Lf;
        Self {
            delimiter: dialect.delimiter.clone(),
            quote: dialect.quote,
            escape,
            terminator: dialect.terminator,
            comment: dialect.comment,
            comments_are_certain: true,
            limit: usize::MAX,
            is_cut: dialect.layout.is_some(),
            special,
        }
    }

    /// How many lines end in a text.
    pub(crate) fn lines(&self, text: &[u8]) -> u64 {
        let count = |byte| memchr::memchr_iter(byte, text).count();
        let lines = match self.terminator {
            Terminator::Lf => count(b'\n'),
            Terminator::Cr => count(b'\r'),
            Terminator::Any => {
                count(b'\n') + memchr::memchr_iter(b'\r', text).filter(|&i| text.get(i + 1) != Some(&b'\n')).count()
            }
        };
        lines as u64
    }

    /// Whether a text ends with a line end.
    pub(crate) fn ends_line(&self, text: &[u8]) -> bool {
        match (self.terminator, text.last()) {
            (Terminator::Lf | Terminator::Any, Some(b'\n')) | (Terminator::Cr | Terminator::Any, Some(b'\r')) => true,
            _ => text.is_empty(),
        }
    }

    /// Where the line that `from` lies in ends, and where the next one begins.
    pub(crate) fn line_end(&self, text: &[u8], from: usize, eof: bool) -> Option<(usize, usize)> {
        let rest = text.get(from..)?;
        let found = match self.terminator {
            Terminator::Lf => memchr(b'\n', rest),
            Terminator::Cr => memchr(b'\r', rest),
            Terminator::Any => memchr2(b'\n', b'\r', rest),
        };
        let Some(at) = found.map(|at| from + at) else {
            return eof.then(|| (self.strip(text, from, text.len()), text.len()));
        };
        match self.terminator {
            Terminator::Any if text[at] == b'\r' => match text.get(at + 1) {
                Some(b'\n') => Some((at, at + 2)),
                None if !eof => None,
                _ => Some((at, at + 1)),
            },
            _ => Some((self.strip(text, from, at), at + 1)),
        }
    }

    /// Without the CR of a CRLF.
    fn strip(&self, text: &[u8], from: usize, end: usize) -> usize {
        if self.terminator == Terminator::Lf && end > from && text[end - 1] == b'\r' { end - 1 } else { end }
    }

    /// What begins at `start`. Where that is a record, the ends of its fields are added to `ends`.
    ///
    /// `expected`: how many fields a record has, where that is known. `eof`: there is no more text.
    pub(crate) fn step(
        &self,
        text: &[u8],
        start: usize,
        eof: bool,
        expected: Option<usize>,
        ends: &mut Vec<u32>,
    ) -> Step {
        if start >= text.len() {
            return if eof { Step::End } else { Step::More };
        }
        let first = ends.len();
        if self.comment == Some(text[start]) {
            if !self.comments_are_certain && expected.is_some() {
                match self.record(text, start, eof, expected, ends) {
                    Step::More => {
                        ends.truncate(first);
                        return self.more(text, start);
                    }
                    Step::Record { end, next, flaw: None }
                        if Some(ends.len() - first) == expected && end - start <= self.limit =>
                    {
                        return Step::Record { end, next, flaw: None };
                    }
                    _ => ends.truncate(first),
                }
            }
            return match self.line_end(text, start, eof) {
                Some((end, next)) => Step::Skip { end, next, is_comment: true },
                None => self.more(text, start),
            };
        }
        let step = self.record(text, start, eof, expected, ends);
        let Step::Record { end, next, flaw } = step else {
            ends.truncate(first);
            return step;
        };
        let found = ends.len() - first;
        let is_last = eof && next >= text.len();
        if found == 1 && (is_blank(&text[start..end], expected) || is_last && is_end_of_text(&text[start..next])) {
            ends.truncate(first);
            return Step::Skip { end, next, is_comment: false };
        }
        if end - start > self.limit {
            ends.truncate(first);
            return Step::Long;
        }
        let flaw = match expected {
            _ if flaw.is_some() => flaw,
            Some(expected) if found < expected => Some(Flaw::TooFew { found, expected }),
            Some(expected) if found > expected => Some(Flaw::TooMany { found, expected }),
            _ => None,
        };
        Step::Record { end, next, flaw }
    }

    fn more(&self, text: &[u8], start: usize) -> Step {
        if text.len() - start > self.limit.saturating_add(SUSPICIOUS) { Step::Long } else { Step::More }
    }

    fn record(&self, text: &[u8], start: usize, eof: bool, expected: Option<usize>, ends: &mut Vec<u32>) -> Step {
        let first = ends.len();
        let mut at = start;
        loop {
            let field = at;
            let quoted = self.quote.is_some() && text.get(at) == self.quote.as_ref();
            if quoted {
                match self.close(text, at, eof, expected) {
                    Close::At(after) => at = after,
                    Close::More => return self.more(text, start),
                    Close::Stray(stray) => {
                        ends.truncate(first);
                        return self.recover(text, start, field, Some(stray), eof, expected, ends);
                    }
                    Close::Never => {
                        ends.truncate(first);
                        return self.recover(text, start, field, None, eof, expected, ends);
                    }
                }
            } else {
                at = self.bare(text, at, eof);
            }
            match self.boundary(text, at, eof) {
                Boundary::Delimiter => {
                    ends.push(at as u32);
                    at += self.delimiter.len();
                }
                Boundary::End { next } => {
                    let end = if quoted { at } else { self.strip(text, field, at) };
                    ends.push(end as u32);
                    return Step::Record { end, next, flaw: None };
                }
                Boundary::More | Boundary::None => return self.more(text, start),
            }
        }
    }

    /// Where an unquoted field ends: at a delimiter, a line end or the end of the text.
    fn bare(&self, text: &[u8], from: usize, eof: bool) -> usize {
        let mut at = from;
        while let Some(run) = text.get(at..).and_then(|rest| rest.iter().position(|&b| self.special[usize::from(b)])) {
            at += run;
            if self.escape == Some(text[at]) {
                at = text.len().min(at + 2);
            } else if matches!(self.boundary(text, at, eof), Boundary::None) {
                at += 1;
            } else {
                return at;
            }
        }
        text.len()
    }

    fn boundary(&self, text: &[u8], at: usize, eof: bool) -> Boundary {
        let rest = text.get(at..).unwrap_or_default();
        let Some(&byte) = rest.first() else {
            return if eof { Boundary::End { next: at } } else { Boundary::More };
        };
        if !self.delimiter.is_empty() && rest.starts_with(&self.delimiter) {
            return Boundary::Delimiter;
        }
        match (self.terminator, byte) {
            (Terminator::Lf | Terminator::Any, b'\n') | (Terminator::Cr, b'\r') => Boundary::End { next: at + 1 },
            (Terminator::Any, b'\r') => match rest.get(1) {
                Some(b'\n') => Boundary::End { next: at + 2 },
                None if !eof => Boundary::More,
                _ => Boundary::End { next: at + 1 },
            },
            // Only after a quoted field: in plain text a CR is text until the LF is there.
            (Terminator::Lf, b'\r') => match rest.get(1) {
                Some(b'\n') => Boundary::End { next: at + 2 },
                None if eof => Boundary::End { next: at + 1 },
                None => Boundary::More,
                Some(_) => Boundary::None,
            },
            _ if !eof && rest.len() < self.delimiter.len() && self.delimiter.starts_with(rest) => Boundary::More,
            _ => Boundary::None,
        }
    }

    /// Whether a closing quote may stand before `at`; blanks before the boundary are passed over.
    fn closes(&self, text: &[u8], mut at: usize, eof: bool) -> Close {
        loop {
            match self.boundary(text, at, eof) {
                Boundary::Delimiter | Boundary::End { .. } => return Close::At(at),
                Boundary::More => return Close::More,
                Boundary::None => {}
            }
            match text[at] {
                b' ' | b'\t' => at += 1,
                _ => return Close::Never,
            }
        }
    }

    /// How the quoted field that begins at `open` ends.
    fn close(&self, text: &[u8], open: usize, eof: bool, expected: Option<usize>) -> Close {
        let Some(quote) = self.quote else { return Close::Never };
        let escape = self.escape.unwrap_or(quote);
        let mut at = open + 1;
        let mut suspected = false;
        loop {
            let found = text.get(at..).and_then(|rest| memchr2(quote, escape, rest)).map(|i| at + i);
            let reached = found.unwrap_or(text.len());
            if !suspected && reached - open > SUSPICIOUS {
                suspected = true;
                if self.lines_are_records(&text[open..open + SUSPICIOUS], expected) {
                    return Close::Never;
                }
            }
            if reached - open > self.limit {
                return Close::Never;
            }
            let Some(found) = found else { return if eof { Close::Never } else { Close::More } };
            match text.get(found + 1) {
                None => {
                    return if eof && text[found] == quote {
                        Close::At(found + 1)
                    } else if eof {
                        Close::Never
                    } else {
                        Close::More
                    };
                }
                Some(_) if text[found] != quote => at = found + 2,
                Some(next) if *next == quote => at = found + 2,
                Some(_) => {
                    return match self.closes(text, found + 1, eof) {
                        Close::Never | Close::Stray(_) => Close::Stray(found),
                        other => other,
                    };
                }
            }
        }
    }

    /// Whether the lines after the first one all have as many fields as a record: then the quote before them is stray.
    fn lines_are_records(&self, text: &[u8], expected: Option<usize>) -> bool {
        let Some(expected) = expected.filter(|n| *n > 1) else { return false };
        let Some((_, mut at)) = self.line_end(text, 0, false) else { return false };
        let mut lines = 0;
        while lines < 16 {
            let Some((end, next)) = self.line_end(text, at, false) else { break };
            let found = memchr::memmem::find_iter(&text[at..end], &self.delimiter).count() + 1;
            if found != expected {
                return false;
            }
            at = next;
            lines += 1;
        }
        lines >= 4
    }

    /// A record whose field at `open` begins with a quote that is not closed well, `stray` being the quote at which
    /// that shows: the record ends with a line, and the next line is a record again.
    #[expect(clippy::too_many_arguments, reason = "one call, and a type for it would say no more")]
    fn recover(
        &self,
        text: &[u8],
        start: usize,
        open: usize,
        stray: Option<usize>,
        eof: bool,
        expected: Option<usize>,
        ends: &mut Vec<u32>,
    ) -> Step {
        let first = ends.len();
        let Some((line_end, line_next)) = self.line_end(text, open, eof) else { return self.more(text, start) };
        let attempt = |end: usize, stray: Stray, ends: &mut Vec<u32>| {
            ends.truncate(first);
            self.lenient(&text[..end], start, stray, ends);
            expected.is_none_or(|n| ends.len() - first == n)
        };
        if stray.is_some_and(|stray| stray < line_end) {
            // Quotes within the quoted text, or text after it: whichever gives as many fields as there should be.
            let _ = attempt(line_end, Stray::Within, ends)
                || attempt(line_end, Stray::Nowhere, ends)
                || attempt(line_end, Stray::Within, ends);
            return Step::Record { end: line_end, next: line_next, flaw: Some(Flaw::StrayQuote) };
        }
        let in_line = attempt(line_end, Stray::Nowhere, ends) || attempt(line_end, Stray::BeforeClosing, ends);
        if !in_line {
            // A cell of several lines; unless these are records, of which only the first one is broken.
            let is_cell = |end: usize| !self.are_records(&text[..end], line_next, expected);
            let window = SUSPICIOUS.min(self.limit).min(stray.unwrap_or(text.len()) - open);
            match self.closed_twice(text, open, window, eof) {
                Close::At(after) => match self.line_end(text, after, eof) {
                    Some((end, next))
                        if next - open <= 2 * SUSPICIOUS
                            && attempt(end, Stray::BeforeClosing, ends)
                            && is_cell(next) =>
                    {
                        return Step::Record { end, next, flaw: Some(Flaw::StrayQuote) };
                    }
                    None if text.len() - open <= 2 * SUSPICIOUS => return Step::More,
                    _ => {}
                },
                Close::More => return self.more(text, start),
                Close::Never | Close::Stray(_) => {}
            }
            if let Some(stray) = stray
                && stray - open <= SUSPICIOUS
            {
                match self.line_end(text, stray, eof) {
                    Some((end, next))
                        if end - stray <= SUSPICIOUS && attempt(end, Stray::Within, ends) && is_cell(next) =>
                    {
                        return Step::Record { end, next, flaw: Some(Flaw::StrayQuote) };
                    }
                    None if text.len() - stray <= SUSPICIOUS => return Step::More,
                    _ => {}
                }
            }
        }
        let _ = attempt(line_end, Stray::BeforeClosing, ends) || attempt(line_end, Stray::Nowhere, ends);
        Step::Record { end: line_end, next: line_next, flaw: Some(Flaw::UnterminatedQuote) }
    }

    /// Whether a text from `at` on is rather records than a part of a cell: at least half are well-formed, among them the
    /// last one, in which the cell would have ended.
    fn are_records(&self, text: &[u8], mut at: usize, expected: Option<usize>) -> bool {
        let Some(expected) = expected.filter(|n| *n > 1) else { return false };
        let (mut records, mut others, mut last) = (0, 0, false);
        // However quotes are placed, the work is linear: what is read in vain is limited.
        let mut vain = 4 * (text.len() - at);
        while at < text.len() {
            match self.well_formed(text, at, expected) {
                Ok(next) => (at, records, last) = (next, records + 1, true),
                Err(reached) => {
                    vain = vain.saturating_sub(reached - at);
                    if vain == 0 {
                        return false;
                    }
                    at = self.line_end(text, at, true).map_or(text.len(), |(_, next)| next);
                    (others, last) = (others + 1, false);
                }
            }
        }
        last && records >= others
    }

    /// Where the next record begins, if a well-formed one of so many fields begins at `start`; otherwise how far it had
    /// to be read. A quote at the end of a field that does not begin with one is not well-formed here.
    fn well_formed(&self, text: &[u8], start: usize, expected: usize) -> Result<usize, usize> {
        let mut at = start;
        let mut fields = 1;
        loop {
            if self.quote.is_some() && text.get(at) == self.quote.as_ref() {
                match self.close(text, at, true, None) {
                    Close::At(after) => at = after,
                    Close::Stray(stray) => return Err(stray),
                    Close::Never | Close::More => return Err(text.len()),
                }
            } else {
                let end = self.bare(text, at, true);
                if self.quote.is_some() && text[at..self.strip(text, at, end)].last() == self.quote.as_ref() {
                    return Err(end);
                }
                at = end;
            }
            match self.boundary(text, at, true) {
                Boundary::Delimiter => (at, fields) = (at + self.delimiter.len(), fields + 1),
                Boundary::End { next } if fields == expected => return Ok(next),
                Boundary::End { next } => return Err(next),
                Boundary::None | Boundary::More => return Err(at),
            }
        }
    }

    /// What follows the first two quotes, before a boundary, of the field that begins at `open`: the first of them may
    /// be stray.
    fn closed_twice(&self, text: &[u8], open: usize, window: usize, eof: bool) -> Close {
        let Some(quote) = self.quote else { return Close::Never };
        let within = &text[..text.len().min(open + window)];
        let mut at = open + 1;
        while let Some(found) = within.get(at..).and_then(|rest| memchr(quote, rest)) {
            let after = at + found + 2;
            if within.get(after - 1) == Some(&quote) {
                match self.closes(text, after, eof) {
                    Close::Never | Close::Stray(_) => {}
                    other => return other,
                }
            }
            at = after;
        }
        Close::Never
    }

    /// The fields of a record that is known to end where `text` does. A quoted field ends at the first quote before a
    /// boundary; without one, or with a stray quote before it where there may be none, its quotes mean nothing.
    fn lenient(&self, text: &[u8], start: usize, stray: Stray, ends: &mut Vec<u32>) {
        let mut at = start;
        loop {
            let mut end = None;
            if let Some(quote) = self.quote
                && text.get(at) == Some(&quote)
            {
                let escape = self.escape.unwrap_or(quote);
                let mut from = at + 1;
                while let Some(found) = text.get(from..).and_then(|rest| memchr2(quote, escape, rest)) {
                    let found = from + found;
                    let doubled = text[found] == quote && text.get(found + 1) == Some(&quote);
                    if doubled
                        && stray == Stray::BeforeClosing
                        && let Close::At(after) = self.closes(text, found + 2, true)
                    {
                        end = Some(after);
                        break;
                    } else if text[found] != quote || doubled {
                        from = found + 2;
                    } else if let Close::At(after) = self.closes(text, found + 1, true) {
                        end = Some(after);
                        break;
                    } else if stray == Stray::Within {
                        from = found + 1;
                    } else {
                        break;
                    }
                }
            }
            let end = end.unwrap_or_else(|| self.until_delimiter(text, at));
            ends.push(end as u32);
            if end >= text.len() {
                return;
            }
            at = end + self.delimiter.len();
            if at >= text.len() {
                // A delimiter at the very end: one more field, empty.
                ends.push(text.len() as u32);
                return;
            }
        }
    }

    fn until_delimiter(&self, text: &[u8], from: usize) -> usize {
        if self.delimiter.is_empty() {
            return text.len();
        }
        let rest = text.get(from..).unwrap_or_default();
        memchr::memmem::find(rest, &self.delimiter).map_or(text.len(), |i| from + i)
    }
}

/// Whether a line with one field is no record: empty, or, where records have more fields, blank.
fn is_blank(line: &[u8], expected: Option<usize>) -> bool {
    line.is_empty() || expected != Some(1) && line.iter().all(|b| matches!(b, b' ' | b'\t'))
}

/// Whether a last line is none: a line end of another kind than those before it, or the mark by which DOS ends a text.
fn is_end_of_text(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"\x1A").unwrap_or(line);
    rest.iter().all(|b| matches!(b, b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text as `fields joined by ¦`, with the key of the flaw in front where there is one.
    fn records(grammar: &Grammar, text: &str, expected: usize) -> Vec<String> {
        let (mut at, mut out) = (0, Vec::new());
        loop {
            let mut ends = Vec::new();
            match grammar.step(text.as_bytes(), at, true, Some(expected), &mut ends) {
                Step::Record { next, flaw, .. } => {
                    let mut from = at;
                    let fields: Vec<_> = ends
                        .iter()
                        .map(|&end| {
                            let field = &text[from..end as usize];
                            from = end as usize + grammar.delimiter.len();
                            field
                        })
                        .collect();
                    let flaw = flaw.map_or(String::new(), |f| format!("[{}] ", f.key()));
                    out.push(flaw + &fields.join("¦"));
                    at = next;
                }
                Step::Skip { next, .. } => at = next,
                Step::End => return out,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn well_formed() {
        let csv = Grammar::new(&Dialect::csv());
        assert_eq!(records(&csv, "a,b\r\n\"1,\n2\",\n\n \n,\"\"", 2), ["a¦b", "\"1,\n2\"¦", "¦\"\""]);
        assert_eq!(records(&csv, "a\n\n\"\"\nb\r", 1), ["a", "\"\"", "b"]);
        let pipes = Grammar::new(&Dialect { delimiter: b"||".to_vec(), comment: Some(b'#'), ..Dialect::csv() });
        assert_eq!(records(&pipes, "#x\na|b||c\n\"||\"||", 2), ["a|b¦c", "\"||\"¦"]);
        let any = Grammar::new(&Dialect { terminator: Terminator::Any, ..Dialect::csv() });
        assert_eq!(records(&any, "a,b\rc,d\r\n\re,f\n", 2), ["a¦b", "c¦d", "e¦f"]);
        let escaped = Grammar::new(&Dialect { escape: Some(b'\\'), quote: None, ..Dialect::csv() });
        assert_eq!(records(&escaped, "a\\,b,c\\\nd\n", 2), ["a\\,b¦c\\\nd"]);
        let whole = Grammar::new(&Dialect { delimiter: Vec::new(), quote: None, ..Dialect::csv() });
        assert_eq!(records(&whole, "a,b\nc\n", 1), ["a,b", "c"]);
    }

    #[test]
    fn broken() {
        let csv = Grammar::new(&Dialect::csv());
        for (text, expected) in [
            ("a\nb,c,d\ne,f", &["[too few fields] a", "[too many fields] b¦c¦d", "e¦f"][..]),
            // A quote in the middle of plain text is text.
            ("5\" pipe,1\na,b", &["5\" pipe¦1", "a¦b"]),
            ("\"a\"b,c\nd,e", &["[stray quote] \"a\"b¦c", "d¦e"]),
            ("\"a, b\"\",c\nd,\"e\"\nf,g", &["[unterminated quote] \"a, b\"\"¦c", "d¦\"e\"", "f¦g"]),
            ("\"a, b\"\",c\nd,e\nf,g", &["[unterminated quote] \"a, b\"\"¦c", "d¦e", "f¦g"]),
            ("\"a\nb\"\",c\nd,e\n\"x, y\",f", &["[stray quote] \"a\nb\"\"¦c", "d¦e", "\"x, y\"¦f"]),
            ("\"say \"hi\" you\",c\nd,e", &["[stray quote] \"say \"hi\" you\"¦c", "d¦e"]),
            ("\"a\" ,b", &["\"a\" ¦b"]),
            ("x,\"abc\ny,d\nz,e", &["[unterminated quote] x¦\"abc", "y¦d", "z¦e"]),
            ("x,\"abc\ny,\"def\"\nz,e", &["[unterminated quote] x¦\"abc", "y¦\"def\"", "z¦e"]),
            // What follows are records, not a part of the cell.
            ("x,\"a, b\ny,c\nz,\"d, e\"\nv,w", &["[unterminated quote] x¦\"a¦ b", "y¦c", "z¦\"d, e\"", "v¦w"]),
            ("x,\"a\nb\nz,\"d, e\"\nv,w", &["[unterminated quote] x¦\"a", "[too few fields] b", "z¦\"d, e\"", "v¦w"]),
            (
                "x,\"a\nb\ny,c\nz,\"d, e\"\nv,w",
                &["[unterminated quote] x¦\"a", "[too few fields] b", "y¦c", "z¦\"d, e\"", "v¦w"],
            ),
            ("x,\"a, b\nc\nz \"d\"\nv,w", &["[stray quote] x¦\"a, b\nc\nz \"d\"", "v¦w"]),
            ("\"a\n\"b\" c\",d\ne,f", &["[stray quote] \"a\n\"b\" c\"¦d", "e¦f"]),
        ] {
            assert_eq!(records(&csv, text, 2), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_never_ends_costs_one_row() {
        let csv = Grammar::new(&Dialect::csv());
        let text = format!("x,\"abc\n{}", "some,text\n".repeat(20_000));
        let mut ends = Vec::new();
        // Not even the end of the text has to be known.
        let step = csv.step(text.as_bytes(), 0, false, Some(2), &mut ends);
        assert_eq!(step, Step::Record { end: 6, next: 7, flaw: Some(Flaw::UnterminatedQuote) });
    }

    #[test]
    fn decides_nothing_that_more_text_could_change() {
        let any = Dialect { terminator: Terminator::Any, ..Dialect::csv() };
        let pipes = Dialect { delimiter: b"||".to_vec(), ..Dialect::csv() };
        for (dialect, text, fields) in [
            (Dialect::csv(), "a,\"b\"\"c\"\r\nd,\"e\nf\n\"x\",\"y\nz\"a,\"\n", 2),
            (any, "a,b\r\nc,d\r\r\n\"e\"\r\n", 2),
            (pipes, "a||b\n\"c\"||\"d|\n\"x|y\n", 2),
        ] {
            let grammar = Grammar::new(&dialect);
            for end in 0..text.len() {
                for start in 0..end {
                    let (mut partial, mut whole) = (Vec::new(), Vec::new());
                    let step = grammar.step(&text.as_bytes()[..end], start, false, Some(fields), &mut partial);
                    if step != Step::More {
                        assert_eq!(step, grammar.step(text.as_bytes(), start, true, Some(fields), &mut whole));
                        assert_eq!(partial, whole);
                    }
                }
            }
        }
    }
}
