//! Finds out how a delimited file is written, from its beginning.
//!
//! Every way in which the sample could be written is tried, and the one is taken in which it would take the fewest
//! bits to write the sample down. A record that has the shape of most costs what its cells cost: little where they are
//! numbers or dates, more where they are text, and nothing for its delimiters, which the shape says already. A record
//! of another shape costs as much as its text, and a fine. So a dialect wins by being consistent and by making sense
//! of the cells, in proportion to how much of the file it does so for. The idea that both count is from G. van den
//! Burg, A. Nazábal, C. Sutton, *Wrangling messy CSV files by detecting row and type patterns* (2019).

use std::fmt;

use cleanzone_error::{ErrorName, Fault};
use serde::Serialize;

use crate::{Dialect, DialectOverrides, Setting, Terminator};

pub(crate) mod aligned;
mod cell;
pub(crate) mod header;
mod records;
mod series;

use cell::Costs;
use records::{Form, Record, Records};

/// Bits by which one way of reading a sample has to be better than another, which gives more or fewer columns and fits as
/// many records: less is chance. A certainty of 0.05 in a sample without flaws.
const UNDECIDED: f64 = 0.75;

/// Text that is looked at, bytes. The first record is looked at in any case.
pub(crate) const SAMPLE: usize = 64 << 10;

/// A dialect, and how it was found.
#[derive(Clone, Debug)]
pub(crate) struct Sniffed {
    pub(crate) dialect: Dialect,
    /// What separates the names of the header, where that is not what separates fields.
    pub(crate) header_delimiter: Option<Vec<u8>>,
    /// The header is a comment, and begins with this, which is no part of its names.
    pub(crate) header_prefix: Option<Vec<u8>>,
    /// The first column is the one that the header does not name.
    pub(crate) row_names: bool,
    /// Rows leave out empty cells at their ends, and have some beyond the last column.
    pub(crate) uneven: Uneven,
    /// Most values of the first column are no texts.
    pub(crate) first_is_typed: bool,
    /// Fields that a record has.
    pub(crate) columns: usize,
    /// From 0 to 1.
    pub(crate) certainty: f64,
    /// What was tried, the best first.
    pub(crate) tried: Vec<Attempt>,
}

/// How the rows of a file end that is not written evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uneven {
    /// Rows leave out their last cells where these are empty.
    pub(crate) short: bool,
    /// Rows have empty cells beyond the last column.
    pub(crate) long: bool,
}

/// A way in which a sample may be written, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attempt {
    /// What separates fields; empty: nothing.
    pub delimiter: String,
    /// What wraps fields.
    pub quote: Option<char>,
    /// What makes a quote literal, where it is not doubled.
    pub escape: Option<char>,
    /// Fields that a record has.
    pub columns: usize,
    /// The share of records that have so many, from 0 to 1.
    pub consistency: f64,
    /// Bits that it takes to write the sample down, beyond the best way.
    pub worse_by: f64,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.delimiter.as_str() {
            "" => f.write_str("no delimiter")?,
            delimiter => write!(f, "{delimiter:?}")?,
        }
        write!(f, " gives {} columns in {:.0} % of the records", self.columns, self.consistency * 100.0)
    }
}

/// Why no dialect was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SniffError {
    /// No way to read the sample gives most records the same number of fields.
    #[error(
        "cannot tell how the file is delimited (tried: {}); say it with --delimiter, --quote, --skip-lines or --header-rows",
        list(tried)
    )]
    Ambiguous {
        /// What was tried, the best first.
        tried: Vec<Attempt>,
    },
    /// Two ways of reading the sample are as good as each other.
    #[error(
        "the file can be read in two ways, and nothing speaks for one of them: {best}, or {rival}; say --delimiter (in \
         lake.toml `format.delimiter`)"
    )]
    Undecided {
        /// One.
        best: Attempt,
        /// The other.
        rival: Attempt,
    },
    /// The header has a name less than the records have fields.
    #[error(
        "the header has {found} names for {expected} fields, and the column without a name may be the first or the last; \
         add the name, or say --skip-lines {skip} --header-rows 0"
    )]
    NameMissing {
        /// Names.
        found: usize,
        /// Fields of a record.
        expected: usize,
        /// Lines up to the end of the header.
        skip: u64,
    },
}

/// The best attempt with each delimiter.
fn list(tried: &[Attempt]) -> String {
    let first = |(at, attempt): &(usize, &Attempt)| !tried[..*at].iter().any(|a| a.delimiter == attempt.delimiter);
    let named: Vec<_> = tried.iter().enumerate().filter(first).map(|(_, attempt)| attempt.to_string()).collect();
    named.join(", ")
}

impl Fault for SniffError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Undecided { .. } => ErrorName::AmbiguousDialect,
            Self::Ambiguous { .. } | Self::NameMissing { .. } => ErrorName::MalformedCsv,
        }
    }
}

/// Finds out the dialect of the UTF-8 text that begins with `sample`; `whole` where that is all of it.
///
/// Where nothing speaks for another one it is that of [`Dialect::csv`]; in particular a double quote is taken to quote
/// wherever the sample does not contradict it, as the first quoted field may come late.
pub(crate) fn dialect(sample: &[u8], whole: bool, overrides: &DialectOverrides) -> Result<Sniffed, SniffError> {
    let (sample, whole) = bounded(sample, whole);
    let mut known = overrides.clone();
    if let Some(separator) = excel_separator(sample) {
        known.delimiter.get_or_insert(separator);
        known.skip_lines.get_or_insert(1);
    }
    let start = after_lines(sample, known.skip_lines.unwrap_or(0), &known);
    let sniffer = Sniffer { text: &sample[start..], whole, known: &known, costs: Costs::new(&sample[start..]) };
    let mut trials = sniffer.trials();
    trials.sort_by_key(|trial| trial.cost);
    let tried: Vec<_> = trials.iter().map(|trial| trial.attempt(trials[0].cost)).collect();
    let best = &trials[0];
    if known.delimiter.is_none() && sniffer.is_torn(&trials) {
        return Err(SniffError::Ambiguous { tried });
    }
    let rival = trials.iter().skip(1).find(|trial| trial.reads_otherwise_than(best));
    let lead = rival.map_or(f64::INFINITY, |rival| rival.attempt(best.cost).worse_by);
    let certainty = best.consistency() * (1.0 - (-lead / 10.0).exp2());
    if let Some(rival) =
        rival.filter(|rival| rival.columns != best.columns && rival.consistency() >= best.consistency())
        && known.delimiter.is_none()
        && lead < UNDECIDED
    {
        return Err(SniffError::Undecided { best: best.attempt(best.cost), rival: rival.attempt(best.cost) });
    }

    let mut dialect = best.dialect.clone();
    let mut records = Records::default();
    records.split(sniffer.text, whole, &dialect);
    if known.comment == Setting::Detect {
        records.take_comments(best.columns);
    }
    let mut layout = header::layout(sniffer.text, &records, best.columns, &dialect, &known);
    dialect.header_rows = known.header_rows.unwrap_or(layout.header_rows);
    dialect.skip_lines = known.skip_lines.unwrap_or_else(|| lines(&sniffer.text[..layout.start], dialect.terminator));
    if layout.names_may_shift && known.header_rows.is_none() {
        let skip = dialect.skip_lines + 1;
        return Err(SniffError::NameMissing { found: best.columns - 1, expected: best.columns, skip });
    }
    if let Some(given) = known.comment.given() {
        dialect.comment = *given;
    } else if !records.has_comments(&layout) {
        dialect.comment = None;
    }
    if known.comment == Setting::Detect && dialect.comment.is_none() && best.columns > 1 {
        let names = sniffer.text[layout.start..].trim_ascii_start().starts_with(b"#");
        // Lines of one field below a header that itself begins like a comment.
        if (dialect.header_rows > 0 || !names) && records.has_notes(sniffer.text) {
            dialect.comment = Some(b'#');
            if names {
                layout.header_prefix = Some(Vec::new());
            }
        }
    }
    let uneven = header::uneven(sniffer.text, &records, best.columns, &dialect, layout.start);
    // A delimiter that the sample shows nowhere may yet come; one that was decided against is part of the fields.
    if best.columns == 1 && known.delimiter.is_none() && memchr::memchr(b',', sniffer.text).is_none() {
        dialect.delimiter = Dialect::csv().delimiter;
    }
    let has_header = dialect.header_rows > 0;
    Ok(Sniffed {
        header_delimiter: layout.header_delimiter.filter(|_| has_header),
        header_prefix: layout.header_prefix.filter(|_| has_header),
        row_names: layout.row_names && has_header,
        uneven,
        first_is_typed: header::first_is_typed(sniffer.text, &records, best.columns, layout.start),
        dialect,
        columns: best.columns,
        certainty,
        tried,
    })
}

/// At most [`SAMPLE`] bytes, unless the first line is longer.
fn bounded(sample: &[u8], whole: bool) -> (&[u8], bool) {
    if sample.len() <= SAMPLE {
        return (sample, whole);
    }
    let line_end = memchr::memchr2(b'\n', b'\r', sample).map_or(sample.len(), |end| end + 2);
    let length = SAMPLE.max(line_end * 2).min(sample.len());
    (&sample[..length], whole && length == sample.len())
}

/// The line `sep=;` by which Excel is told the delimiter.
fn excel_separator(sample: &[u8]) -> Option<Vec<u8>> {
    let line = sample.split(|&b| b == b'\n' || b == b'\r').next()?;
    let line = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")).unwrap_or(line);
    let separator = line.strip_prefix(b"sep=").or_else(|| line.strip_prefix(b"SEP="))?;
    (separator.len() == 1).then(|| separator.to_vec())
}

/// The end of its lines that is given, or else the one that it has, CRLF being an LF.
pub(crate) fn terminator(text: &[u8], known: &DialectOverrides) -> Terminator {
    known.terminator.unwrap_or_else(|| match (text.contains(&b'\n'), text.contains(&b'\r')) {
        (false, true) => Terminator::Cr,
        _ => Terminator::Lf,
    })
}

/// Where the text begins that is left after so many lines.
fn after_lines(text: &[u8], lines: u64, known: &DialectOverrides) -> usize {
    let terminator = terminator(text, known);
    let mut at = 0;
    for _ in 0..lines {
        let rest = &text[at..];
        let found = match terminator {
            Terminator::Lf => memchr::memchr(b'\n', rest),
            Terminator::Cr => memchr::memchr(b'\r', rest),
            Terminator::Any => memchr::memchr2(b'\n', b'\r', rest),
        };
        let Some(found) = found else { return text.len() };
        let crlf = terminator == Terminator::Any && rest[found] == b'\r' && rest.get(found + 1) == Some(&b'\n');
        at += found + if crlf { 2 } else { 1 };
    }
    at
}

/// How many lines end in a text.
fn lines(text: &[u8], terminator: Terminator) -> u64 {
    let count = |byte| memchr::memchr_iter(byte, text).count();
    let lines = match terminator {
        Terminator::Lf => count(b'\n'),
        Terminator::Cr => count(b'\r'),
        Terminator::Any => count(b'\n') + count(b'\r') - memchr::memmem::find_iter(text, b"\r\n").count(),
    };
    lines as u64
}

/// Delimiters, and what speaks against each beforehand, in quarters of a bit.
const DELIMITERS: &[(&str, u32)] = &[
    (",", 0),
    ("\t", 8),
    (";", 8),
    ("|", 8),
    ("^", 24),
    ("~", 30),
    ("\u{1}", 16),
    ("\u{2}", 16),
    ("\u{1c}", 16),
    ("\u{1d}", 16),
    ("\u{1e}", 16),
    ("\u{1f}", 16),
    ("¦", 30),
    ("¬", 30),
    ("§", 40),
    (":", 96),
    (" ", 120),
    ("||", 16),
    (";;", 24),
    ("::", 40),
    ("~~", 30),
    ("^^", 30),
    ("|~|", 24),
    ("~|~", 24),
    (", ", 48),
    ("; ", 48),
    (" | ", 40),
    ("| ", 48),
    (" ; ", 48),
    (" , ", 48),
];

/// What speaks against there being one column.
const SINGLE_COLUMN: u32 = 80;
/// What a record of another shape costs beyond its text; less before the first of the right shape.
const MISSHAPEN: u32 = 64;
const PREAMBLE: u32 = 32;
const BROKEN: u32 = 80;
const COMMENT: u32 = 16;
/// What a cell costs that begins or ends with a quote, but not both: it may be cut in two. Half of it where the quote
/// is an apostrophe.
const HALF_QUOTED: u32 = 40;
/// What a record costs beyond its cells where it lacks the last ones.
const SHORT: u32 = 40;
/// The same, where other records have empty cells in these places.
const PADDED: u32 = 4;
/// What a record costs beyond its cells where it has empty ones beyond the last column.
const SURPLUS: u32 = 16;
/// What a quoted cell costs beyond its content.
const QUOTED: u32 = 8;
/// What a line break in it costs.
const LINE: u32 = 6;

/// A dialect, applied to the sample.
struct Trial {
    dialect: Dialect,
    /// What speaks against it beforehand.
    handicap: u32,
    cost: i64,
    columns: usize,
    shaped: usize,
    /// Whether the first record is of the right width.
    opens_shaped: bool,
    /// Whether all are, and the first one names the columns, of a usual delimiter.
    opens_with_names: bool,
    broken: usize,
    records: usize,
}

impl Trial {
    #[allow(clippy::cast_precision_loss)] // counts of records in a sample
    fn consistency(&self) -> f64 {
        if self.records == 0 { 1.0 } else { self.shaped as f64 / self.records as f64 }
    }

    #[allow(clippy::cast_precision_loss)] // bits of a sample
    fn attempt(&self, best: i64) -> Attempt {
        Attempt {
            delimiter: String::from_utf8_lossy(&self.dialect.delimiter).into_owned(),
            quote: self.dialect.quote.map(char::from),
            escape: self.dialect.escape.map(char::from),
            columns: self.columns,
            consistency: self.consistency(),
            worse_by: (self.cost - best) as f64 / 4.0,
        }
    }

    /// Whether all records have the same number of fields, and several.
    fn is_even(&self) -> bool {
        self.columns > 1 && self.records > 1 && self.shaped == self.records
    }

    /// Whether the delimiter is one that most files have.
    fn is_usual(&self) -> bool {
        matches!(self.dialect.delimiter.as_slice(), [b',' | b';' | b'\t' | b'|'])
    }

    /// Whether the delimiter is one that stands in texts as well.
    fn is_frequent(&self) -> bool {
        matches!(self.dialect.delimiter.as_slice(), b" " | b":")
    }

    fn reads_otherwise_than(&self, other: &Self) -> bool {
        self.dialect.delimiter != other.dialect.delimiter || self.dialect.quote != other.dialect.quote
    }
}

/// A delimiter that has the first record of another shape than the rest, as if it preceded the table, has to give way
/// to one that all records agree on.
fn prefer_what_fits_the_first_record(trials: &mut [Trial]) {
    let fits = |trial: &&Trial| trial.is_even() && !trial.is_frequent();
    let Some(best) = trials.iter().filter(fits).map(|trial| trial.cost).min() else { return };
    for trial in trials.iter_mut().filter(|trial| !trial.opens_shaped && trial.columns > 1) {
        trial.cost = trial.cost.max(best + i64::from(MISSHAPEN));
    }
}

/// A separator that splits all records alike, and a header among them, is more than any reading of whole lines as values:
/// `1,234` is one number or two, but below `id,amount` it is two. Nor are blanks a part of the separator where that leaves
/// some of the separators in the cells. Numbers do not all have the same number of groups, where they have three or more.
fn prefer_what_splits_alike(trials: &mut [Trial], lines_are_values: bool) {
    let mut best: Vec<(u8, usize, i64, bool)> = Vec::new();
    for trial in trials.iter().filter(|trial| trial.is_even() && trial.is_usual()) {
        let found = (trial.dialect.delimiter[0], trial.columns, trial.cost, trial.opens_with_names);
        match best.iter_mut().find(|(delimiter, ..)| *delimiter == found.0) {
            Some(known) if known.2 <= found.2 => {}
            Some(known) => *known = found,
            None => best.push(found),
        }
    }
    for (separator, columns, cost, names) in best {
        let hides = |trial: &Trial| match trial.dialect.delimiter.as_slice() {
            [] => names || columns > 2 && lines_are_values,
            delimiter => delimiter.len() > 1 && delimiter.trim_ascii() == [separator] && trial.columns < columns,
        };
        for trial in trials.iter_mut().filter(|trial| hides(trial)) {
            trial.cost = trial.cost.max(cost + i64::from(MISSHAPEN));
        }
    }
}

/// Records of one width, and what it saves to hold them for such.
#[derive(Clone, Copy, Debug)]
struct Group {
    width: usize,
    /// Cells up to the last one that is not empty.
    filled: usize,
    /// They begin like comments.
    comments: bool,
    saved: i64,
    count: usize,
}

/// A width that a table may have.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    columns: usize,
    saved: i64,
    /// Records of that width, up to empty cells beyond it.
    shaped: usize,
    /// Comments among these.
    comments: usize,
}

impl Fit {
    /// Records of this width, and those that only differ in empty cells beyond it, as long as these are fewer.
    fn of(columns: usize, groups: &[Group]) -> Self {
        let all: usize = groups.iter().filter(|group| !group.comments).map(|group| group.count).sum();
        let is_long =
            |group: &&Group| !group.comments && group.width > columns && (1..=columns).contains(&group.filled);
        let long: usize = groups.iter().filter(is_long).map(|group| group.count).sum();
        let mut fit = Self { columns, ..Self::default() };
        for group in groups {
            if group.width == columns || long * 2 < all && is_long(&group) {
                let fine = if group.width == columns { 0 } else { i64::from(SURPLUS) };
                fit.saved += group.saved - fine * i64::try_from(group.count).unwrap_or(i64::MAX);
                fit.shaped += group.count;
                fit.comments += if group.comments { group.count } else { 0 };
            }
        }
        fit
    }

    /// The width of the first record, where no record fills more cells, and others lack the last ones.
    fn with_short_rows(groups: &[Group], records: &Records, dialect: &Dialect) -> Option<Self> {
        let first = records.records.iter().find(|record| record.form == Form::Cells)?;
        let frequent = matches!(dialect.delimiter.as_slice(), b"" | b" " | b":");
        let rows = || groups.iter().filter(|group| !group.comments);
        if frequent || first.width < 2 || rows().count() < 2 || rows().any(|group| group.filled > first.width) {
            return None;
        }
        let widths: std::collections::BTreeSet<_> = rows().map(|group| group.width).collect();
        let count = |of: usize| rows().filter(|group| group.width == of).map(|group| group.count).sum::<usize>();
        // A width that only the first record has is no shape where all others agree on another one.
        if widths.len() == 2 && count(first.width) == 1 && rows().map(|group| group.count).sum::<usize>() > 2 {
            return None;
        }
        let mut fit = Self::of(first.width, groups);
        let is_padded = |width: usize| rows().any(|group| group.width == first.width && group.filled <= width);
        for group in rows().filter(|group| group.width < first.width) {
            let each = if is_padded(group.width) { PADDED } else { SHORT };
            fit.saved += group.saved - i64::from(each) * i64::try_from(group.count).unwrap_or(i64::MAX);
        }
        Some(fit)
    }
}

struct Sniffer<'a> {
    text: &'a [u8],
    whole: bool,
    known: &'a DialectOverrides,
    costs: Costs,
}

impl Sniffer<'_> {
    /// Tries what can be; at least one.
    fn trials(&self) -> Vec<Trial> {
        let mut records = Records::default();
        let comment = match self.known.comment {
            Setting::Is(comment) => comment,
            Setting::Detect => self.has_line_with(b'#').then_some(b'#'),
        };
        let mut trials = Vec::new();
        for (terminator, against) in self.terminators() {
            let plain = Dialect {
                quote: *self.known.quote.given().unwrap_or(&Some(b'"')),
                escape: *self.known.escape.given().unwrap_or(&None),
                terminator,
                comment,
                ..Dialect::csv()
            };
            for (delimiter, handicap) in self.delimiters() {
                let dialect = Dialect { delimiter, ..plain.clone() };
                for (quote, escape, more) in self.quotings(&dialect) {
                    let dialect = Dialect { quote, escape, ..dialect.clone() };
                    trials.push(self.trial(dialect, against + handicap + more, &mut records));
                }
                trials.push(self.trial(dialect, against + handicap, &mut records));
            }
        }
        if comment.is_some() && self.known.comment == Setting::Detect {
            // Whether lines are comments matters alike to all that are any good.
            trials.sort_by_key(|trial| trial.cost);
            trials.truncate(8);
            for i in 0..trials.len() {
                let dialect = Dialect { comment: None, ..trials[i].dialect.clone() };
                trials.push(self.trial(dialect, trials[i].handicap + 16, &mut records));
            }
        }
        prefer_what_fits_the_first_record(&mut trials);
        prefer_what_splits_alike(&mut trials, self.lines_are_values());
        trials
    }

    fn delimiters(&self) -> Vec<(Vec<u8>, u32)> {
        if let Some(delimiter) = &self.known.delimiter {
            return vec![(delimiter.clone(), 0)];
        }
        let occurs = |delimiter: &&(&str, u32)| memchr::memmem::find(self.text, delimiter.0.as_bytes()).is_some();
        let mut delimiters = vec![(Vec::new(), 0)];
        delimiters.extend(DELIMITERS.iter().filter(occurs).map(|(d, handicap)| (d.as_bytes().to_vec(), *handicap)));
        delimiters
    }

    /// What may end its lines, and what speaks against each.
    fn terminators(&self) -> Vec<(Terminator, u32)> {
        if let Some(terminator) = self.known.terminator {
            return vec![(terminator, 0)];
        }
        let mut lone = memchr::memchr_iter(b'\r', self.text)
            .filter(|at| self.text.get(at + 1).map_or(self.whole, |&next| next != b'\n'));
        match (lone.next().is_some(), memchr::memchr(b'\n', self.text).is_some()) {
            (false, _) => vec![(Terminator::Lf, 0)],
            (true, false) => vec![(Terminator::Cr, 0), (Terminator::Lf, 16)],
            (true, true) => vec![(Terminator::Lf, 0), (Terminator::Any, 16)],
        }
    }

    fn has_line_with(&self, byte: u8) -> bool {
        self.text.first() == Some(&byte)
            || memchr::memchr_iter(byte, self.text).any(|at| at > 0 && matches!(self.text[at - 1], b'\n' | b'\r'))
    }

    /// Other quotes and escapes that the sample gives reason to try, and what speaks against each.
    fn quotings(&self, dialect: &Dialect) -> Vec<(Option<u8>, Option<u8>, u32)> {
        let has = |quote: u8| memchr::memchr(quote, self.text).is_some();
        let opens = |quote: u8| {
            memchr::memchr_iter(quote, self.text).any(|at| {
                let before = &self.text[..at];
                before.is_empty()
                    || before.ends_with(b"\n")
                    || before.ends_with(b"\r")
                    || !dialect.delimiter.is_empty() && before.ends_with(&dialect.delimiter)
            })
        };
        let escapes = |special: &[u8]| {
            !special.is_empty()
                && memchr::memchr_iter(b'\\', self.text).any(|at| self.text[at + 1..].starts_with(special))
        };
        let quotes = match self.known.quote {
            Setting::Is(quote) => vec![(quote, 0)],
            Setting::Detect => {
                let mut quotes = vec![(Some(b'"'), 0)];
                if has(b'"') {
                    quotes.push((None, 60));
                }
                if opens(b'\'') {
                    // One cell that happens to be enclosed is no proof.
                    quotes.push((Some(b'\''), 60));
                }
                quotes
            }
        };
        let mut quotings = Vec::new();
        for (quote, handicap) in quotes {
            let escapings = match self.known.escape {
                Setting::Is(escape) => vec![(escape, 0)],
                Setting::Detect => {
                    let mut escapings = vec![(None, 0)];
                    let special = [&dialect.delimiter[..], b"\n", b"\r"];
                    if quote.is_some_and(|quote| escapes(&[quote])) || special.into_iter().any(escapes) {
                        escapings.push((Some(b'\\'), 20));
                    }
                    escapings
                }
            };
            for (escape, more) in escapings {
                if (quote, escape) != (dialect.quote, dialect.escape) {
                    quotings.push((quote, escape, handicap + more));
                }
            }
        }
        quotings
    }

    fn trial(&self, dialect: Dialect, handicap: u32, records: &mut Records) -> Trial {
        records.split(self.text, self.whole, &dialect);
        let single = dialect.delimiter.is_empty();
        let mut trial = Trial {
            dialect,
            handicap,
            cost: i64::from(handicap),
            columns: 1,
            shaped: 0,
            opens_shaped: false,
            opens_with_names: false,
            broken: 0,
            records: 0,
        };
        if single && self.known.delimiter.is_none() {
            trial.cost += i64::from(SINGLE_COLUMN);
        }
        // What all records cost as misshapen ones, and what it saves that those of each width are not.
        let mut groups: Vec<Group> = Vec::new();
        let mut add = |record: &Record, comments: bool, saved: i64| {
            let (width, filled) = (record.width, record.filled);
            let is_same = |g: &&mut Group| (g.width, g.filled, g.comments) == (width, filled, comments);
            match groups.iter_mut().find(is_same) {
                Some(group) => (group.saved, group.count) = (group.saved + saved, group.count + 1),
                None => groups.push(Group { width, filled, comments, saved, count: 1 }),
            }
        };
        let mut read_to = 0;
        let comments_are_certain = self.known.comment != Setting::Detect;
        for record in &records.records {
            read_to = record.end;
            let text = i64::from(self.costs.text(record.start, record.end));
            match record.form {
                Form::Blank => {}
                Form::Comment => {
                    let cost = text + i64::from(COMMENT);
                    trial.cost += cost;
                    if record.width > 0 && trial.records > 0 && !comments_are_certain {
                        add(record, true, cost - self.shaped_cost(record, records, &trial.dialect));
                    }
                }
                Form::Broken => {
                    trial.records += 1;
                    trial.broken += 1;
                    trial.cost += text + i64::from(BROKEN);
                }
                Form::Cells => {
                    trial.records += 1;
                    let misshapen = text + i64::from(MISSHAPEN);
                    trial.cost += misshapen;
                    add(record, false, misshapen - self.shaped_cost(record, records, &trial.dialect));
                }
            }
        }
        // What a splitter that gave up left over.
        if self.whole && read_to < self.text.len() {
            trial.cost += i64::from(self.costs.text(read_to, self.text.len())) + i64::from(BROKEN);
        }
        // A delimiter that separates nothing is no better than none.
        let widths = groups.iter().filter(|group| !group.comments).map(|group| group.width);
        let widths: std::collections::BTreeSet<_> = widths.collect();
        let may_be = |width: &usize| single || *width > 1 || self.known.delimiter.is_some();
        let fits = widths.into_iter().filter(may_be).map(|width| Fit::of(width, &groups));
        // Where quotes are not read as such, lines of quoted text look like short rows.
        let quotes_are_read = trial.dialect.quote == Some(b'"') || memchr::memchr(b'"', self.text).is_none();
        let short = if quotes_are_read { Fit::with_short_rows(&groups, records, &trial.dialect) } else { None };
        if let Some(fit) = fits.chain(short).max_by_key(|fit| (fit.saved, fit.columns)) {
            let (width, saved) = (fit.columns, fit.saved);
            trial.records += fit.comments;
            trial.shaped = fit.shaped;
            trial.columns = width;
            trial.cost -= saved;
            let first = records.records.iter().position(|r| matches!(r.form, Form::Cells | Form::Broken));
            let shaped = |n: &usize| records.records[*n].form == Form::Cells && records.records[*n].width == width;
            let first = first.filter(shaped);
            trial.opens_shaped = first.is_some();
            trial.opens_with_names = trial.is_even()
                && trial.is_usual()
                && first.is_some_and(|first| header::names_columns(self.text, records, first, width));
            let shaped = |r: &&Record| r.form == Form::Cells && r.width == width;
            if !single && let Some(first) = records.records.iter().position(|r| shaped(&r)) {
                let preamble = records.records[..first].iter().filter(|r| r.form == Form::Cells);
                trial.cost -= i64::try_from(preamble.count()).unwrap_or(0).min(64) * i64::from(MISSHAPEN - PREAMBLE);
            }
            if !single && self.known.delimiter.is_none() && header::speaks_of_one_column(self.text, records, &trial) {
                trial.cost += saved.max(0) + i64::from(SINGLE_COLUMN);
            }
        }
        trial
    }

    /// The cost of a record that has the shape of most.
    fn shaped_cost(&self, record: &Record, records: &Records, dialect: &Dialect) -> i64 {
        let cells = records.cells(record);
        let mut cost = 0_u32;
        let mut numeric = true;
        let frequent = matches!(dialect.delimiter.as_slice(), b" " | b":");
        for cell in cells {
            let (kind, of_cell) = self.costs.cell(self.text, cell.start, cell.end);
            cost += of_cell + if cell.quoted { QUOTED } else { 0 };
            if cell.quoted {
                // Lines of a text cost as little as those of records do.
                let text = &self.text[cell.start..cell.end];
                let breaks = memchr::memchr2_iter(b'\n', b'\r', text).count();
                cost = cost.saturating_sub(u32::try_from(breaks).unwrap_or(0) * (cell::LINE_BREAK - LINE));
            }
            let of = &self.text[cell.start..cell.end];
            let half = |quote: u8| of.starts_with(&[quote]) != of.ends_with(&[quote]);
            if !cell.quoted {
                cost += if half(b'"') { HALF_QUOTED } else { 0 } + if half(b'\'') { HALF_QUOTED / 2 } else { 0 };
            }
            // What is between two quotes was not meant to be cut at its spaces.
            if frequent && !cell.quoted && dialect.quote.is_some_and(|q| of.contains(&q)) {
                cost += MISSHAPEN;
            }
            numeric &= kind.is_value() || matches!(kind, cell::Kind::Empty | cell::Kind::Missing);
        }
        let each = match dialect.delimiter.as_slice() {
            b" " if numeric => 2,
            b" " => 16,
            b":" => 14,
            _ => 8,
        };
        i64::from(cost + each * u32::try_from(cells.len() - 1).unwrap_or(u32::MAX / 64))
    }

    /// Whether at least half of the lines are single values.
    fn lines_are_values(&self) -> bool {
        let lines = || self.text.split(|b| matches!(b, b'\n' | b'\r')).filter(|line| !line.is_empty());
        lines().filter(|line| cell::kind(line).is_value()).count() * 2 >= lines().count()
    }

    /// Whether the file is taken for one column only because no delimiter gives its records a common shape.
    fn is_torn(&self, trials: &[Trial]) -> bool {
        let best = &trials[0];
        if best.columns > 1 || best.records < 4 {
            return false;
        }
        if self.lines_are_values() {
            return false;
        }
        let first_line = self.text.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
        trials.iter().any(|trial| {
            let delimiter = trial.dialect.delimiter.as_slice();
            let in_first_line = memchr::memmem::find_iter(first_line, delimiter).count();
            let in_all = memchr::memmem::find_iter(self.text, delimiter).count();
            let everywhere = in_first_line >= 2 && in_all >= 2 * trial.records;
            // Quotes next to it that do not match.
            let broken = trial.broken * 3 >= trial.records && in_first_line >= 1 && in_all * 3 >= trial.records;
            matches!(delimiter, b"," | b";" | b"\t" | b"|" | b"||" | b"^" | b"~" | [1..=31])
                && trial.consistency() < 0.5
                && (everywhere || broken)
        })
    }
}

#[cfg(test)]
mod tests;
