//! Columns that are set apart by nothing but where they stand: of fixed width, or with runs of blanks between them.
//!
//! Such a layout is only told where nothing else explains the lines: cells stand below each other, and say by their kinds
//! that they are cells. What is less certain stays what it is, as a table that is torn at some blanks is worse than one
//! column of whole lines.

use crate::{DialectOverrides, Layout};

use super::{
    bounded,
    cell::{self, Kind},
};

/// Lines that a table has at least, its header among them; one more where none of its columns is typed.
const LINES: usize = 3;

/// A layout, and what is known of the lines that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aligned {
    pub(crate) layout: Layout,
    /// Which of the columns hold numbers, dates and the like.
    pub(crate) typed: Vec<bool>,
    /// The line, from 0, that is a comment and names the columns.
    pub(crate) names: Option<u64>,
}

impl Aligned {
    fn new(layout: Layout, columns: &[Column<'_>]) -> Self {
        Self { layout, typed: columns.iter().map(Column::is_typed).collect(), names: None }
    }

    /// Whether a typed column has several words of text in a line that has a value elsewhere: it was cut at a wrong place.
    pub(crate) fn are_shifted<'c>(&self, cells: impl Iterator<Item = &'c [u8]> + Clone) -> bool {
        let typed = cells.zip(&self.typed).filter(|(_, typed)| **typed).map(|(cell, _)| cell);
        let is_phrase = |cell: &[u8]| cell.contains(&b' ') && cell::kind(cell) == Kind::Text;
        typed.clone().any(is_phrase) && typed.clone().any(|cell| cell::kind(cell).is_value())
    }

    /// Whether cells are of the kinds that those of a row have, as far as these say something.
    pub(crate) fn are_row<'c>(&self, cells: impl ExactSizeIterator<Item = &'c [u8]>) -> bool {
        let fits = |(cell, typed): (&[u8], &bool)| !typed || cell.is_empty() || cell::kind(cell) != Kind::Text;
        // The first one begins like a comment.
        cells.len() == self.typed.len() && self.typed.contains(&true) && cells.zip(&self.typed).skip(1).all(fits)
    }
}

/// The layout of the text that begins with `sample`; `whole` where that is all of the text.
pub(crate) fn layout(sample: &[u8], whole: bool, known: &DialectOverrides) -> Option<Aligned> {
    let (sample, whole) = bounded(sample, whole);
    let text = String::from_utf8_lossy(sample);
    if text.contains(char::from(Layout::SEPARATOR)) {
        return None;
    }
    let end = if text.contains('\n') { '\n' } else { '\r' };
    let mut lines: Vec<&str> = text.split(end).map(|line| line.trim_end_matches('\r')).collect();
    if !whole {
        // It may be cut off.
        lines.pop();
    }
    if lines.iter().any(|line| line.contains('\r')) {
        return None;
    }
    let skipped = usize::try_from(known.skip_lines.unwrap_or(0)).unwrap_or(usize::MAX);
    let body = lines.get(skipped..)?;
    let comment = *known.comment.given().unwrap_or(&Some(b'#'));
    let has_header = known.header_rows.is_none_or(|rows| rows > 0);
    let is_comment = |line: &str| comment.is_some_and(|comment| line.as_bytes().first() == Some(&comment));
    let is_told = |line: &&str| !is_blank(line) && !is_rule(line) && !is_comment(line);
    let of = |lines: &[&str]| {
        let lines: Vec<&str> =
            lines.iter().copied().filter(is_told).map(|line| line.trim_end_matches(BLANKS)).collect();
        let is_spaced = |line: &&str| line.starts_with(BLANKS) || line.contains("  ");
        if lines.len() < LINES || !lines.iter().any(is_spaced) || are_delimited(&lines) {
            return None;
        }
        by_blanks(&lines, has_header).or_else(|| by_widths(&lines, has_header))
    };
    let (mut found, begin) = of(body).map(|found| (found, 0)).or_else(|| {
        // There may be a title above a blank line, or remarks below one.
        let mut begin = 0;
        let mut longest = (0, 0..0);
        for part in body.split(|line| is_blank(line)) {
            let count = part.iter().filter(|line| is_told(line)).count();
            if count > longest.0 {
                longest = (count, begin..begin + part.len());
            }
            begin += part.len() + 1;
        }
        let (count, part) = longest;
        let is_most = count * 2 > body.iter().filter(|line| is_told(line)).count();
        let found = if is_most { of(&body[part.clone()]) } else { None }?;
        Some((found, part.start))
    })?;
    let first = begin + body[begin..].iter().position(is_told)?;
    let says_something = |line: &&str| line.chars().any(char::is_alphanumeric);
    if has_header
        && let Some(above) = body[..first].iter().rposition(says_something)
        && is_comment(body[above])
    {
        found.names = u64::try_from(skipped + above).ok();
    }
    Some(found)
}

const BLANKS: [char; 2] = [' ', '\t'];

fn is_blank(line: &str) -> bool {
    line.trim_matches(BLANKS).is_empty()
}

/// Whether a line is drawn rather than written.
fn is_rule(line: &str) -> bool {
    let marks = line.chars().filter(|c| !BLANKS.contains(c));
    marks.clone().count() >= 3 && marks.into_iter().all(|c| matches!(c, '-' | '=' | '_' | '+' | '─' | '═'))
}

/// Whether a usual delimiter splits all lines alike, or quotes wrap what stands between blanks.
fn are_delimited(lines: &[&str]) -> bool {
    let evenly = |delimiter: char| {
        let mut counts = lines.iter().map(|line| line.matches(delimiter).count());
        let first = counts.next().unwrap_or(0);
        first > 0 && counts.all(|count| count == first)
    };
    [',', ';', '\t', '|'].into_iter().any(evenly)
        || lines.iter().any(|line| line.starts_with('"') || line.contains(" \""))
}

/// Cells below each other, the one in the header apart.
struct Column<'t> {
    name: Option<&'t str>,
    cells: Vec<&'t str>,
}

impl Column<'_> {
    fn filled(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().copied().filter(|cell| !cell.is_empty())
    }

    /// Whether all of its cells are of this sort, as far as they have a value, and one has.
    fn are(&self, sort: impl Fn(Kind) -> bool) -> bool {
        let kinds = || self.filled().map(|cell| cell::kind(cell.as_bytes())).filter(|kind| *kind != Kind::Missing);
        kinds().next().is_some() && kinds().all(sort)
    }

    fn is_typed(&self) -> bool {
        self.are(Kind::is_value)
    }

    /// Whether it holds several words a cell.
    fn has_phrases(&self) -> bool {
        self.filled().any(|cell| cell.contains(BLANKS))
    }

    fn all(&self, holds: impl Fn(&str) -> bool) -> bool {
        self.filled().next().is_some() && self.filled().all(holds)
    }

    /// Whether it is rather a part of what stands next to it: of a date, a time, an amount, an assignment, a list.
    fn is_part(&self) -> bool {
        let is_month = |cell: &str| cell::month_number(cell.trim_end_matches(['.', ',']).as_bytes()).is_some();
        let is_half = |cell: &str| matches!(cell.to_ascii_lowercase().as_str(), "am" | "pm" | "a.m." | "p.m.");
        let is_mark = |cell: &str| {
            let first = cell.split(BLANKS).next().unwrap_or_default();
            first.chars().all(|c| c.is_ascii_punctuation())
        };
        let first = self.filled().next();
        let is_unit = !self.is_typed() && self.filled().all(|cell| Some(cell) == first);
        self.all(is_month) || self.all(is_half) || self.all(is_mark) || self.cells.len() > 1 && is_unit
    }
}

/// Whether two columns with a single blank between them are one of numbers whose thousands it sets apart, or of timestamps.
fn are_one_value(left: &Column<'_>, right: &Column<'_>) -> bool {
    let group = |cell: &str| cell.get(..3).is_some_and(|group| group.bytes().all(|b| b.is_ascii_digit()));
    let grouped = |cell: &str| group(cell) && !cell[3..].starts_with(|c: char| c.is_ascii_digit());
    let begins = |cell: &str| {
        let digits = cell.trim_start_matches(['-', '+']);
        (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    };
    left.all(begins) && right.all(grouped) || are_timestamps(left, right)
}

fn are_timestamps(left: &Column<'_>, right: &Column<'_>) -> bool {
    left.are(|kind| kind == Kind::Date) && right.are(|kind| kind == Kind::Time)
}

/// Whether a line holds names rather than values.
fn are_words<'t>(mut cells: impl Iterator<Item = &'t str>) -> bool {
    cells.all(|cell| cell.is_empty() || cell::kind(cell.as_bytes()) == Kind::Text)
}

/// The same number of words in every line, of which at least half are of typed columns.
fn by_blanks(lines: &[&str], may_have_header: bool) -> Option<Aligned> {
    // A tab at the end of a cell that is empty would be lost.
    if lines.iter().any(|line| line.starts_with('\t') || line.contains("\t\t")) {
        return None;
    }
    let rows: Vec<Vec<&str>> =
        lines.iter().map(|line| line.split(BLANKS).filter(|word| !word.is_empty()).collect()).collect();
    let count = rows[0].len();
    if count < 2 || rows.iter().any(|row| row.len() != count) {
        return None;
    }
    let has_header = may_have_header && are_words(rows[0].iter().copied());
    let (header, body) = rows.split_at(usize::from(has_header));
    let columns: Vec<_> = (0..count)
        .map(|at| Column {
            name: header.first().map(|names| names[at]),
            cells: body.iter().map(|row| row[at]).collect(),
        })
        .collect();
    let typed = columns.iter().filter(|column| column.is_typed()).count();
    if typed * 2 < count {
        return None;
    }
    // Words that are always one blank apart may belong together.
    let mut single = vec![true; count - 1];
    for line in lines {
        let mut rest = line.trim_start_matches(BLANKS);
        for single in &mut single {
            rest = rest.trim_start_matches(|c| !BLANKS.contains(&c));
            let next = rest.trim_start_matches(BLANKS);
            *single &= rest.len() - next.len() == 1;
            rest = next;
        }
    }
    let close = |at: usize| {
        let [left, right] = &columns[at..at + 2] else { return false };
        single[at] && (!left.is_typed() && !right.is_typed() || are_one_value(left, right))
    };
    let is_doubtful = columns.iter().any(Column::is_part) || (0..count - 1).any(close);
    (has_header || !is_doubtful).then(|| Aligned::new(Layout::Blanks, &columns))
}

/// A column of characters that has something in it in some line, up to the next that has not in any.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

/// Lines as rows of characters.
struct Grid<'t> {
    lines: &'t [&'t str],
    /// Where each character begins.
    places: Vec<Vec<usize>>,
    has_header: bool,
}

impl<'t> Grid<'t> {
    fn cell(&self, line: usize, span: Span) -> &'t str {
        let (text, places) = (self.lines[line], &self.places[line]);
        let place = |at: usize| places.get(at).copied().unwrap_or(text.len());
        text[place(span.start)..place(span.end)].trim_matches(BLANKS)
    }

    fn column(&self, span: Span) -> Column<'t> {
        let begin = usize::from(self.has_header);
        let cells = (begin..self.lines.len()).map(|line| self.cell(line, span)).collect();
        Column { name: self.has_header.then(|| self.cell(0, span)), cells }
    }

    /// Whether there is more than one blank between the names of two columns.
    fn names_are_apart(&self, left: Span, right: Span) -> bool {
        let (last, first) = (left.end - 1, right.start);
        let filled = |at: &usize| self.is_filled(0, *at);
        let last = (left.start..=last).rev().find(filled);
        let first = (first..right.end).find(filled);
        self.has_header && last.zip(first).is_some_and(|(last, first)| first - last > 2)
    }

    fn is_filled(&self, line: usize, at: usize) -> bool {
        self.places[line].get(at).is_some_and(|place| !self.lines[line][*place..].starts_with(BLANKS))
    }

    /// The share of cells, in hundredths, that reach to the left and to the right edge.
    fn edges(&self, span: Span) -> (usize, usize) {
        let (mut all, mut left, mut right) = (0, 0, 0);
        for line in usize::from(self.has_header)..self.lines.len() {
            if !self.cell(line, span).is_empty() {
                all += 1;
                left += usize::from(self.is_filled(line, span.start));
                right += usize::from(self.is_filled(line, span.end - 1));
            }
        }
        (left * 100 / all.max(1), right * 100 / all.max(1))
    }
}

/// Cells that stand at the same places in all lines, with a place between them that is blank in all.
fn by_widths(lines: &[&str], may_have_header: bool) -> Option<Aligned> {
    if lines.iter().any(|line| line.contains('\t')) {
        return None;
    }
    let places: Vec<Vec<usize>> = lines.iter().map(|line| line.char_indices().map(|(at, _)| at).collect()).collect();
    let mut grid = Grid { lines, places, has_header: false };
    let length = grid.places.iter().map(Vec::len).max().unwrap_or(0);
    let mut spans: Vec<Span> = Vec::new();
    for at in 0..length {
        if (0..lines.len()).any(|line| grid.is_filled(line, at)) {
            match spans.last_mut() {
                Some(span) if span.end == at => span.end = at + 1,
                _ => spans.push(Span { start: at, end: at + 1 }),
            }
        }
    }
    grid.has_header = may_have_header && are_words(spans.iter().map(|span| grid.cell(0, *span)));
    let spans = merged(&grid, &spans);
    let columns: Vec<_> = spans.iter().map(|span| grid.column(*span)).collect();
    let edges: Vec<_> = spans.iter().map(|span| grid.edges(*span)).collect();
    let count = spans.len();
    // Names of rows have none themselves.
    let is_named = grid.has_header && columns.iter().skip(1).all(|column| column.name.is_some_and(|n| !n.is_empty()));
    // More than one blank is in no phrase.
    let is_glued =
        |column: &Column<'_>| column.cells.iter().copied().chain(column.name).any(|cell| cell.contains("  "));
    if count < 2 || grid.has_header && !is_named || columns.iter().any(is_glued) {
        return None;
    }
    let typed = columns.iter().filter(|column| column.is_typed()).count();
    let rows = lines.len() - usize::from(grid.has_header);
    let is_full = |column: &Column<'_>, hundredths: usize| column.filled().count() * 100 >= rows * hundredths;
    let lines_up = |(column, (left, right)): (&Column<'_>, &(usize, usize))| {
        column.filled().next().is_none() || column.is_typed() || *left >= 90 || *right >= 90
    };
    if !columns.iter().zip(&edges).all(lines_up) {
        return None;
    }
    let is_table = if typed == 0 {
        let is_apart = spans.windows(2).all(|pair| pair[1].start - pair[0].end >= 2);
        let has_lower = |text: &str| text.chars().any(char::is_lowercase);
        let is_capital = is_named && !has_lower(lines[0]) && lines[1..].iter().any(|line| has_lower(line));
        let phrases = columns.iter().any(|c| c.has_phrases() || c.name.is_some_and(|name| name.contains(' ')));
        let is_doubtful = columns.iter().any(Column::is_part);
        let is_even = columns.iter().all(|column| is_full(column, 90)) && edges.iter().all(|(left, _)| *left >= 90);
        lines.len() > LINES && is_apart && is_even && !is_doubtful && (is_capital || !phrases)
    } else if is_named {
        true
    } else {
        let last_is_text = columns[count - 1].has_phrases() && !columns[count - 1].is_typed();
        let close =
            |at: usize| spans[at + 1].start - spans[at].end == 1 && are_one_value(&columns[at], &columns[at + 1]);
        let is_doubtful = columns.iter().any(Column::is_part) || (0..count - 1).any(close);
        let is_full = columns.iter().all(|column| is_full(column, 50));
        typed * 2 >= count && is_full && !last_is_text && !is_doubtful
    };
    is_table.then(|| Aligned::new(widths(&spans, &edges, length), &columns))
}

/// Joins what is one column although there is a blank place in it.
fn merged(grid: &Grid<'_>, spans: &[Span]) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        let Some(last) = merged.last_mut() else {
            merged.push(*span);
            continue;
        };
        let (left, right) = (grid.column(*last), grid.column(*span));
        let has_none = left.filled().next().is_none() || right.filled().next().is_none();
        let are_texts = !left.is_typed() && !right.is_typed() && !grid.names_are_apart(*last, *span);
        let has_one_name = left.name.is_none_or(str::is_empty) || right.name.is_none_or(str::is_empty);
        let are_one = has_none || are_texts || has_one_name && are_timestamps(&left, &right);
        if span.start - last.end == 1 && are_one {
            last.end = span.end;
        } else {
            merged.push(*span);
        }
    }
    merged
}

/// Where to cut: before cells that begin at the same place, behind those that end at the same place, or between.
fn widths(spans: &[Span], edges: &[(usize, usize)], length: usize) -> Layout {
    let mut from = 0;
    let mut widths = Vec::with_capacity(spans.len());
    for (at, pair) in spans.windows(2).enumerate() {
        let (end, start) = (pair[0].end, pair[1].start);
        let cut = match (edges[at].1 >= 90, edges[at + 1].0 >= 90) {
            (_, true) => start,
            (true, false) => end,
            (false, false) => end + (start - end).div_ceil(2),
        };
        widths.push(cut - from);
        from = cut;
    }
    widths.push(length - from);
    Layout::Widths(widths.into_iter().map(|width| u32::try_from(width).unwrap_or(u32::MAX)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Layout> {
        layout(text.as_bytes(), true, &DialectOverrides::default()).map(|aligned| aligned.layout)
    }

    #[test]
    fn as_many_words_in_each_line_are_apart_by_blanks() {
        for text in [
            "1700   5\n1701  11\n1702  16\n1703 101\n",
            " 0   0    0\n 1   1    1\n10 100 1000\n",
            "    0.000  0.000000\n   15.300  0.000000\n 1015.300  0.000000\n",
            " customer_id  date\n 00001 19970101\n 00001 19970118\n",
            "# x y\n 0.1    7.5\n 0.2   17.5\n-0.3    7.6\n",
            "Name   Theta  Phi\nFp1      -90  -72\nFz        45   90\n",
            "Measured in spring, by hand\n\n1  2.5\n2 12.5\n3  0.5\n\nNothing was left out here\n",
            "1 \t 2\r\n10\t20\r\n 3  4\r\n",
        ] {
            assert_eq!(found(text), Some(Layout::Blanks), "{text}");
        }
    }

    #[test]
    fn cells_that_stand_below_each_other_have_widths() {
        let accounts = "\
ACCT      NAME                AMOUNT  DATE
000012345 IDA SAMPLE           123.45 20240101
000012346 OLAF B EXAMPLE        99.00 20240102
000012347 LI                  1000.10 20240103
000012348 EWA ANN Q DOE          0.05 20240104
";
        let cluster = "\
NAME              STATUS   AGE      LABELS
red-events        Active   3y11d    app=red-events,tier=a
blue              Active   6y90d    name=blue
beta              Idle     1y201d   name=beta
";
        // The name of the second column begins further right than its cells.
        let bands = "       id        heduc   heblack
       9   12-15 years        No
      11    < 12 years       Yes
      43     16+ years        No
";
        let gaps = "\
id   note   amount
1    seen     1.50
2            10.00
13   asked    2.25
";
        let times = "\
2024-01-01 12:00:05   1.5   ok
2024-01-01 12:01:05         ok
2024-01-01 12:02:05  10.5 fail
2024-01-01 12:03:05   0.5   ok
";
        for (text, widths) in [
            (accounts, vec![10, 17, 11, 8]),
            (cluster, vec![18, 9, 9, 21]),
            (bands, vec![10, 12, 10]),
            (gaps, vec![5, 6, 7]),
            (times, vec![19, 6, 5]),
        ] {
            assert_eq!(found(text), Some(Layout::Widths(widths)), "{text}");
        }
    }

    #[test]
    fn whatever_else_has_blanks_in_it_stays_as_it_is() {
        for text in [
            // Names.
            "Ida Sample\nOlaf Example\nEwa Doe\nTom Poe\nLi Wu\n",
            "name\nIda Sample\nTom  Sawyer\nEwa Doe\nAnn Smith\n",
            "  Ida Sample\n Olaf Example\n   Ewa Doe\n   Tom Poe\n",
            // Running text, and such in two columns.
            "It was late.  The rain had come\nand gone, and  so had the others,\nwho left  for home at last.  He\nstayed on for the  night.\n",
            "The first column     goes on here and\nhas lines of its     has as many of the\nown that go on       lines as the first\nto the bottom of     one had before it\n",
            // What programs say.
            "12:00:01 INFO  started the service\n12:00:02 WARN  disk is nearly full\n12:00:09 INFO  stopped the service\n",
            "2024-01-01 10:00:00 INFO  main  up\n2024-01-01 10:00:10 DEBUG io    read 10 of 20\n2024-01-01 10:00:20 WARN  io    slow\n",
            "total 8\ndrwxr-xr-x 2 root root 4096 Jan  1 12:00 my files\n-rw-r--r-- 1 root root   12 Jan 11 12:00 b\n-rw-r--r-- 1 ida  root  112 Feb  1 12:00 c\n",
            // What people and programs write.
            "name   = ida\nplace  = here\ncolour = red\nx      = 1\n",
            "mov   eax, 1\nadd   ebx, eax\nret\nnop\n",
            "- milk   2\n- bread  1\n- eggs  12\n",
            "let a    = 1; // first\nlet bcd  = 2; // second\nlet efgh = 3; // third\n",
            // One value a line.
            " 1 234\n12 345\n   500\n",
            " 1 234\n12 345\n99 500\n",
            "  5 kg\n 12 kg\n100 kg\n",
            " 1 Nov 2023\n12 Nov 2023\n 3 Dec 2024\n",
            " 9:05 am\n12:30 pm\n 1:15 pm\n",
            "  2024-01-01 12:00\n  2024-01-02 12:30\n  2024-01-03 13:00\n",
            // What has a delimiter.
            "a,  b\n1,  2\n10, 3\n",
            "\"a\"  1\n\"bc\" 2\n\"d\"  3\n",
            "1 2\n3 4\n5 6\n",
            "1\t\t3\n4\t5\t6\n 7\t8\t9\n",
            // Too little to tell.
            "1   5\n10 50\n",
            "a    b\nccc  d\ne    f\n",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn remarks_are_told_from_rows_and_names() {
        let text = "#No. Label\n# of the year\n#x   y\n1   10\n22   3\n333 44\n# so it ends\n";
        let found = layout(text.as_bytes(), true, &DialectOverrides::default()).unwrap();
        assert_eq!((&found.layout, found.names), (&Layout::Blanks, Some(2)));
        let row = |line: &str| found.are_row(line.split(' ').map(str::as_bytes).collect::<Vec<_>>().into_iter());
        assert!(row("#1 10") && row("#1 NA"));
        assert!(!row("#one ten") && !row("#1 2 3"));
    }
}
