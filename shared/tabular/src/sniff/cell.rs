//! What a cell looks like, and how much it takes to write it down.
//!
//! Costs are in quarters of a bit, roughly what a good model of text would need: a cell that is a number, a date or
//! the like is cheaper than the same characters as text.

/// What a cell looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Empty,
    /// `NULL` and its like.
    Missing,
    Boolean,
    Number,
    Date,
    Time,
    Timestamp,
    /// A phone number, a version, an address of the internet, JSON: no name, but no type either.
    Code,
    Text,
}

impl Kind {
    /// Whether it says something about the type of its column, other than that it is text.
    pub(super) fn is_typed(self) -> bool {
        matches!(self, Self::Boolean | Self::Number | Self::Date | Self::Time | Self::Timestamp)
    }

    /// Whether it is rather a value than a name.
    pub(super) fn is_value(self) -> bool {
        self.is_typed() || self == Self::Code
    }
}

/// Writes down every part of a text.
pub(super) struct Costs {
    /// The cost of everything before each byte.
    before: Vec<u32>,
}

const LOWER: u32 = 18;
const UPPER: u32 = 22;
const DIGIT: u32 = 20;
const TYPED_DIGIT: u32 = 13;
pub(super) const LINE_BREAK: u32 = 24;

fn byte_cost(byte: u8, next: u8) -> u32 {
    match byte {
        b'a'..=b'z' => LOWER,
        b'A'..=b'Z' => UPPER,
        b'0'..=b'9' => DIGIT,
        b' ' => 6,
        // Rather the end of a line than a part of a text.
        b'\r' if next != b'\n' => 44,
        b'.' | b'-' | b'_' | b'/' => 24,
        b'\n' | b'\r' => LINE_BREAK,
        // Punctuation of sentences has a space after it.
        b',' | b':' if next == b' ' => 20,
        b',' | b':' | b'\'' => 28,
        b';' if next == b' ' => 32,
        b';' | b'"' | b'\\' => 38,
        b'\t' | b'|' | b'^' | b'~' => 48,
        0..=31 | 127 => 56,
        128..=255 => 20,
        _ => 32,
    }
}

impl Costs {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut before = Vec::with_capacity(text.len() + 1);
        let mut sum = 0;
        before.push(0);
        for (i, &byte) in text.iter().enumerate() {
            sum += byte_cost(byte, text.get(i + 1).copied().unwrap_or(b'\n'));
            before.push(sum);
        }
        Self { before }
    }

    /// The cost of a part of the text as it stands.
    pub(super) fn text(&self, start: usize, end: usize) -> u32 {
        self.before[end] - self.before[start]
    }

    /// The cost of a part of the text as a cell.
    pub(super) fn cell(&self, text: &[u8], start: usize, end: usize) -> (Kind, u32) {
        let cell = &text[start..end];
        let trimmed = without_spaces(cell);
        if trimmed.is_empty() {
            return (Kind::Empty, if cell.is_empty() { 4 } else { 12 });
        }
        let spaces = if trimmed.len() == cell.len() { 0 } else { 12 };
        if let Some((kind, cost)) = typed(trimmed) {
            return (kind, cost + spaces);
        }
        let mut cost = self.text(start, end);
        if spaces > 0 && cell[0] == b' ' {
            // Nobody writes it before a text, but after the punctuation of one.
            cost += 20;
        }
        if is_json(trimmed) {
            let marks = trimmed.iter().filter(|b| matches!(b, b',' | b':' | b'"' | b';')).count();
            cost -= u32::try_from(marks).unwrap_or(0) * 14;
            return (Kind::Code, cost);
        }
        if is_url(trimmed) {
            return (Kind::Code, cost - 60);
        }
        (Kind::Text, cost)
    }
}

/// A text without the spaces around it. A tab is none of them: it may be what separates cells.
fn without_spaces(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\r' | b'\n');
    match (text.iter().position(is_text), text.iter().rposition(is_text)) {
        (Some(first), Some(last)) => &text[first..=last],
        _ => &[],
    }
}

/// What a cell looks like by itself.
pub(super) fn kind(cell: &[u8]) -> Kind {
    let trimmed = cell.trim_ascii();
    if trimmed.is_empty() {
        return Kind::Empty;
    }
    match typed(trimmed) {
        Some((kind, _)) => kind,
        None if is_json(trimmed) || is_url(trimmed) || is_mail_address(trimmed) => Kind::Code,
        None => Kind::Text,
    }
}

fn is_url(cell: &[u8]) -> bool {
    cell.starts_with(b"http://") || cell.starts_with(b"https://")
}

fn is_mail_address(cell: &[u8]) -> bool {
    let mut parts = cell.split(|&b| b == b'@');
    let (Some(name), Some(host), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    !name.is_empty() && host.contains(&b'.') && !cell.contains(&b' ')
}

/// An object or an array; a word in brackets is a name, as databases write it.
fn is_json(cell: &[u8]) -> bool {
    let [open, inside @ .., close] = cell else { return false };
    let inside = inside.trim_ascii();
    match (open, close) {
        (b'{', b'}') => inside.first().is_some_and(|b| matches!(b, b'"' | b'\'')) || inside.contains(&b':'),
        (b'[', b']') => {
            let is_value = |b: &u8| b.is_ascii_digit() || matches!(b, b'"' | b'\'' | b'{' | b'[' | b'-');
            inside.first().is_some_and(is_value) || inside.contains(&b',')
        }
        _ => false,
    }
}

/// A longer cell is a text.
const LONGEST_TYPED: usize = 64;

fn typed(cell: &[u8]) -> Option<(Kind, u32)> {
    if cell.len() > LONGEST_TYPED {
        return None;
    }
    match cell[0] {
        b'0'..=b'9' | b'-' | b'+' | b'.' | b',' | b'(' | b'$' | 0xC2 | 0xE2 => number(cell)
            .map(|cost| (Kind::Number, cost))
            .or_else(|| temporal(cell))
            .or_else(|| code(cell).map(|cost| (Kind::Code, cost))),
        b't' | b'f' | b'T' | b'F' => [&b"true"[..], b"false"]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word))
            .then_some((Kind::Boolean, 12))
            .or_else(|| temporal(cell))
            .or_else(|| uuid(cell)),
        b'n' | b'N' | b'\\' | b'#' => [&b"null"[..], b"na", b"n/a", b"nan", b"none", b"\\n", b"nil", b"#n/a"]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word))
            .then_some((Kind::Missing, 12))
            .or_else(|| temporal(cell)),
        b'a'..=b'z' | b'A'..=b'Z' => temporal(cell).or_else(|| uuid(cell)),
        _ => None,
    }
}

/// A decimal number: with sign, point or comma, thousands separators, exponent, currency or percent.
fn number(cell: &[u8]) -> Option<u32> {
    let mut rest = cell;
    let mut extra = 4;
    for currency in ["$", "€", "£", "¥"] {
        if let Some(after) = rest.strip_prefix(currency.as_bytes()) {
            (rest, extra) = (after.trim_ascii_start(), extra + 12);
        }
    }
    if let Some(after) = rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b"+")) {
        rest = after;
    }
    for suffix in ["%", "€", " €"] {
        if let Some(before) = rest.strip_suffix(suffix.as_bytes()) {
            (rest, extra) = (before.trim_ascii_end(), extra + 12);
        }
    }
    if let Some(at) = rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        let exponent = &rest[at + 1..];
        let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        if !all_digits(exponent) {
            return None;
        }
        (rest, extra) = (&rest[..at], extra + 8 + TYPED_DIGIT * length(exponent));
    }
    let digits = rest.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let points = memchr::memchr_iter(b'.', rest).count();
    let commas = memchr::memchr_iter(b',', rest).count();
    if digits + points + commas != rest.len() {
        return None;
    }
    let form = match (points, commas) {
        (0, 0) => 0,
        (1, 0) => 4,
        // As much as two whole numbers with a comma between them: then something else has to tell.
        (0, 1) if rest[0] != b',' && rest[rest.len() - 1] != b',' => 12,
        _ if grouped(rest, b',', b'.') || grouped(rest, b'.', b',') => 12,
        _ => return None,
    };
    Some(TYPED_DIGIT * u32::try_from(digits).ok()? + form + extra)
}

/// Groups of three digits, and perhaps a fraction.
fn grouped(number: &[u8], separator: u8, point: u8) -> bool {
    let mut parts = number.split(|&b| b == point);
    let (Some(whole), fraction, None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let mut groups = whole.split(|&b| b == separator);
    fraction.is_none_or(all_digits)
        && groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && all_digits(first))
        && groups.all(|group| group.len() == 3 && all_digits(group))
}

fn all_digits(part: &[u8]) -> bool {
    !part.is_empty() && part.iter().all(u8::is_ascii_digit)
}

#[allow(clippy::cast_possible_truncation)] // of cells shorter than LONGEST_TYPED
fn length(part: &[u8]) -> u32 {
    part.len() as u32
}

const DATE: u32 = 68;
const TIME: u32 = 56;

/// A date, a time, or both.
fn temporal(cell: &[u8]) -> Option<(Kind, u32)> {
    if cell.len() < 4 {
        return None;
    }
    if time(cell) {
        return Some((Kind::Time, TIME));
    }
    let length = date(cell)?;
    match &cell[length..] {
        [] => Some((Kind::Date, DATE)),
        [b' ' | b'T', rest @ ..] if time(rest.trim_ascii_start()) => Some((Kind::Timestamp, DATE + TIME - 4)),
        _ => None,
    }
}

/// Length of the date at the beginning: three parts of year, month (number or name) and day.
fn date(cell: &[u8]) -> Option<usize> {
    let (first, at) = date_part(cell, 0)?;
    let separator = *cell.get(at)?;
    let second_at = match separator {
        b'-' | b'/' | b'.' | b' ' => at + 1,
        _ => return None,
    };
    let (second, at) = date_part(cell, second_at)?;
    let third_at = match *cell.get(at)? {
        b if b == separator => at + 1,
        // `Nov 3, 2023`
        b',' if first.named && cell.get(at + 1) == Some(&b' ') => at + 2,
        _ => return None,
    };
    let (third, end) = date_part(cell, third_at)?;
    let names = [first, second, third].iter().filter(|p| p.named).count();
    let years = [first, second, third].iter().filter(|p| p.length == 4 && !p.named).count();
    let small = [first, second, third].iter().all(|p| p.named || p.length != 3 && p.length <= 4);
    let plausible = (names == 1 || names == 0 && separator != b' ')
        && !third.named
        && years <= 1
        && small
        && second.length != 4 | i32::from(second.named);
    // Digits follow: it is something longer.
    (plausible && !cell.get(end).is_some_and(u8::is_ascii_digit)).then_some(end)
}

#[derive(Clone, Copy)]
struct DatePart {
    named: bool,
    length: i32,
}

fn date_part(cell: &[u8], at: usize) -> Option<(DatePart, usize)> {
    let rest = cell.get(at..)?;
    let digits = rest.iter().take(5).take_while(|b| b.is_ascii_digit()).count();
    if (1..=4).contains(&digits) {
        return Some((DatePart { named: false, length: i32::try_from(digits).ok()? }, at + digits));
    }
    let letters = rest.iter().take(10).take_while(|b| b.is_ascii_alphabetic()).count();
    let name = rest.get(..letters)?;
    month(name).then_some((DatePart { named: true, length: 0 }, at + letters))
}

fn month(name: &[u8]) -> bool {
    month_number(name).is_some()
}

/// The month of this English name, or of its first three letters, from 1.
pub(super) fn month_number(name: &[u8]) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let is_called = |month: &&str| {
        (name.len() == 3 || name.len() == month.len())
            && month.get(..name.len()).is_some_and(|m| name.eq_ignore_ascii_case(m.as_bytes()))
    };
    let at = MONTHS.iter().position(is_called).filter(|_| name.len() >= 3)?;
    i64::try_from(at + 1).ok()
}

/// `12:30`, `12:30:59.123`, with AM or PM or an offset after it.
fn time(cell: &[u8]) -> bool {
    let number = |at: usize| {
        let digits = cell.get(at..).unwrap_or_default().iter().take(3).take_while(|b| b.is_ascii_digit()).count();
        (1..=2).contains(&digits).then_some(at + digits)
    };
    let Some(at) = number(0) else { return false };
    if cell.get(at) != Some(&b':') {
        return false;
    }
    let Some(mut at) = number(at + 1).filter(|end| end - at == 3) else { return false };
    if cell.get(at) == Some(&b':') {
        let Some(end) = number(at + 1).filter(|end| end - at == 3) else { return false };
        at = end;
        if matches!(cell.get(at), Some(b'.' | b',')) {
            at += 1 + cell[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        }
    }
    let rest = cell[at..].trim_ascii_start();
    let offset = |rest: &[u8]| rest.iter().all(|b| b.is_ascii_digit() || *b == b':') && rest.len() <= 5;
    match rest {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', rest @ ..] => !rest.is_empty() && offset(rest),
        _ => [&b"am"[..], b"pm", b"utc", b"gmt", b"a.m.", b"p.m."].iter().any(|word| rest.eq_ignore_ascii_case(word)),
    }
}

fn uuid(cell: &[u8]) -> Option<(Kind, u32)> {
    let groups = cell.split(|&b| b == b'-').map(<[u8]>::len);
    (cell.len() == 36 && groups.eq([8, 4, 4, 4, 12]) && cell.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-'))
        .then_some((Kind::Code, 32 * 16))
}

/// Digits with punctuation that is no delimiter.
fn code(cell: &[u8]) -> Option<u32> {
    if let Some((_, cost)) = uuid(cell) {
        return Some(cost);
    }
    let (mut digits, mut marks) = (0, 0);
    for &byte in cell {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' | b'-' | b'+' | b'/' | b'(' | b')' | b':' => marks += 1,
            _ => return None,
        }
    }
    (digits > marks).then_some(digits * (TYPED_DIGIT + 1) + marks * 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told() {
        for (cell, expected) in [
            ("", Kind::Empty),
            ("  ", Kind::Empty),
            ("NULL", Kind::Missing),
            ("\\N", Kind::Missing),
            ("n/a", Kind::Missing),
            ("True", Kind::Boolean),
            ("0", Kind::Number),
            (" -1.5e-3 ", Kind::Number),
            ("1,5", Kind::Number),
            ("1,234,567.89", Kind::Number),
            ("1.234.567,89", Kind::Number),
            ("$12.50", Kind::Number),
            ("12 %", Kind::Number),
            ("-€5", Kind::Text),
            ("2026-11-20", Kind::Date),
            ("3-Nov-23", Kind::Date),
            ("20.11.2026", Kind::Date),
            ("1/2/26", Kind::Date),
            ("03 Nov 2023", Kind::Date),
            ("Nov 3, 2023", Kind::Date),
            ("May day", Kind::Text),
            ("1 2 3", Kind::Text),
            ("12:30", Kind::Time),
            ("1:02:03.456", Kind::Time),
            ("3:05 PM", Kind::Time),
            ("2026-11-20T12:30:00Z", Kind::Timestamp),
            ("2026-11-20 12:30:00+01:00", Kind::Timestamp),
            ("01-01-2000 12:12:00 AM", Kind::Timestamp),
            ("192.168.0.1", Kind::Code),
            ("+49-30/123456", Kind::Code),
            ("f47ac10b-58cc-4372-a567-0e02b2c3d479", Kind::Code),
            ("12:0", Kind::Code),
            ("1/2", Kind::Code),
            ("{\"a\": 1}", Kind::Code),
            ("https://example.org/?a=1", Kind::Code),
            ("ada@example.org", Kind::Code),
            ("1;2", Kind::Text),
            ("name", Kind::Text),
            ("-", Kind::Text),
            ("12a", Kind::Text),
            ("é", Kind::Text),
        ] {
            assert_eq!(kind(cell.as_bytes()), expected, "{cell}");
        }
    }

    #[test]
    fn a_typed_cell_costs_less_than_its_text() {
        for cell in ["123", "1.5", "2026-11-20", "12:30:59", "true", "NULL", "192.168.0.1"] {
            let costs = Costs::new(cell.as_bytes());
            let (kind, cost) = costs.cell(cell.as_bytes(), 0, cell.len());
            assert!(cost < costs.text(0, cell.len()), "{cell}: {kind:?} {cost}");
        }
    }
}
