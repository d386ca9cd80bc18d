//! Numbers with a decimal comma or with thousands separators.
//!
//! A single value seldom tells what its comma is: `1,234` is one thousand or a little more than one. So a value says
//! which [`Style`]s it can be written in, and a column has a style when all its values leave exactly one, or only such
//! as read all of them alike.

use std::borrow::Cow;

use super::{float, trim};

/// A way to write numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `1,234.5`
    CommaPoint,
    /// `1.234,5`
    PointComma,
    /// `1 234,5`, also with a no-break space
    SpaceComma,
    /// `1'234.5`
    ApostrophePoint,
    /// `1 234.5`, also with a no-break space; only by rule
    SpacePoint,
    /// `1'234,5`; only by rule
    ApostropheComma,
    /// `1234.5`
    Plain,
    /// `1234,5`: the common part of [`PointComma`](Self::PointComma) and [`SpaceComma`](Self::SpaceComma).
    Comma,
}

/// A set of [`Style`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Styles(u8);

impl Styles {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ANY: Self = Self(u8::MAX);
    /// Styles that values can prove.
    pub(crate) const USUAL: Self =
        Self::of(&[Style::CommaPoint, Style::PointComma, Style::SpaceComma, Style::ApostrophePoint, Style::Plain]);
    /// The same without the plain one, which would decide where others are possible.
    pub(crate) const UNMISTAKABLE: Self =
        Self::of(&[Style::CommaPoint, Style::PointComma, Style::SpaceComma, Style::ApostrophePoint]);
    /// Styles with a decimal point.
    pub(crate) const POINT: Self =
        Self::of(&[Style::CommaPoint, Style::ApostrophePoint, Style::SpacePoint, Style::Plain]);
    /// Styles with a decimal comma.
    pub(crate) const COMMA: Self =
        Self::of(&[Style::PointComma, Style::SpaceComma, Style::ApostropheComma, Style::Comma]);
    /// The style of programs alone.
    pub(crate) const PLAIN: Self = Self::of(&[Style::Plain]);

    pub(crate) const fn of(styles: &[Style]) -> Self {
        let mut all = 0;
        let mut i = 0;
        while i < styles.len() {
            all |= 1 << styles[i] as u8;
            i += 1;
        }
        Self(all)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The style that reads all that these styles have in common: each of them reads those numbers alike, as their
    /// decimal points are the same.
    pub(crate) fn common(self) -> Option<Style> {
        if self.is_empty() || self.meets(Self::POINT) && self.meets(Self::COMMA) {
            return None;
        }
        if self.meets(Self::PLAIN) {
            return Some(Style::Plain);
        }
        let mut styles = self.grouped().filter(|style| *style != Style::Comma);
        match (styles.next(), styles.next()) {
            (Some(only), None) => Some(only),
            _ if self.meets(Self::COMMA) => Some(Style::Comma),
            _ => Some(Style::Plain),
        }
    }

    /// Whether they say what stands between thousands.
    pub(crate) fn names_thousands(self) -> bool {
        self.grouped().filter(|style| *style != Style::Comma).count() == 1
    }

    /// The styles in which a text is a number.
    pub(crate) fn reading(text: &[u8]) -> Self {
        if is_plain(text) {
            let all = if text.iter().all(|b| b.is_ascii_digit() || *b == b'-') { Self::ANY } else { Self::POINT };
            return if is_grouped_by_point(text) { all.or(Self::of(&[Style::PointComma])) } else { all };
        }
        if !plausible(text) {
            return Self::NONE;
        }
        if let Some(styles) = Self::reading_decimal_comma(text) {
            return styles;
        }
        let reads = Style::ALL.into_iter().filter(|style| style.plain(text).is_some());
        reads.fold(Self::NONE, |all, style| all.or(Self::of(&[style])))
    }

    /// The same of digits with one comma among them, as most numbers with a decimal comma are.
    fn reading_decimal_comma(text: &[u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let comma = unsigned.iter().position(|b| *b == b',')?;
        let (whole, decimals) = (&unsigned[..comma], &unsigned[comma + 1..]);
        if decimals.is_empty() || !whole.iter().chain(decimals).all(u8::is_ascii_digit) {
            return None;
        }
        let may_be_grouped = decimals.len() == 3 && matches!(whole, [b'1'..=b'9', ..]) && whole.len() <= 3;
        Some(if may_be_grouped { Self::COMMA.or(Self::of(&[Style::CommaPoint])) } else { Self::COMMA })
    }

    /// Those among them that are not plain.
    pub(crate) fn grouped(self) -> impl Iterator<Item = Style> {
        Style::ALL.into_iter().filter(move |style| self.meets(Self::of(&[*style])))
    }

    /// The number in plain writing, if these styles read the text as one number: as no number in some of them is fine,
    /// as two different ones is not.
    pub(crate) fn plain(self, text: &[u8]) -> Option<Cow<'_, [u8]>> {
        match (self.family(Self::POINT, text), self.family(Self::COMMA, text)) {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => one.or(other),
        }
    }

    /// The number in plain writing, if one of these styles that is in `family` reads it. Those of a family agree.
    fn family(self, family: Self, text: &[u8]) -> Option<Cow<'_, [u8]>> {
        let styles = self.and(family);
        if styles.meets(Self::PLAIN) && is_plain(text) {
            return Some(Cow::Borrowed(text));
        }
        styles.grouped().find_map(|style| style.plain(text)).map(Cow::Owned)
    }
}

impl Style {
    /// All but the plain one.
    const ALL: [Style; 7] = [
        Style::CommaPoint,
        Style::PointComma,
        Style::SpaceComma,
        Style::ApostrophePoint,
        Style::SpacePoint,
        Style::ApostropheComma,
        Style::Comma,
    ];

    /// The one with this decimal point and this separator of thousands, if there is one.
    pub(crate) fn with(decimal: u8, thousands: Option<u8>) -> Option<Self> {
        Some(match (decimal, thousands) {
            (b'.', None) => Self::Plain,
            (b'.', Some(b',')) => Self::CommaPoint,
            (b'.', Some(b'\'')) => Self::ApostrophePoint,
            (b'.', Some(b' ')) => Self::SpacePoint,
            (b',', None) => Self::Comma,
            (b',', Some(b'.')) => Self::PointComma,
            (b',', Some(b' ')) => Self::SpaceComma,
            (b',', Some(b'\'')) => Self::ApostropheComma,
            _ => return None,
        })
    }

    /// Whether a point cannot be a decimal point.
    pub(crate) fn has_decimal_comma(self) -> bool {
        Styles::of(&[self]).meets(Styles::COMMA)
    }

    /// The number in plain writing, if it is well written in this style: groups of three all through, or none.
    pub(crate) fn plain(self, text: &[u8]) -> Option<Vec<u8>> {
        let (group, decimal): (&[&[u8]], u8) = match self {
            Self::CommaPoint => (&[b","], b'.'),
            Self::PointComma => (&[b"."], b','),
            Self::SpaceComma => (SPACES, b','),
            Self::SpacePoint => (SPACES, b'.'),
            Self::ApostrophePoint => (APOSTROPHES, b'.'),
            Self::ApostropheComma => (APOSTROPHES, b','),
            Self::Comma => (&[], b','),
            Self::Plain => (&[], b'.'),
        };
        let mut plain = Vec::with_capacity(text.len());
        let mut rest = text;
        if let [b'-', tail @ ..] = rest {
            plain.push(b'-');
            rest = tail;
        }
        let mut run = 0usize;
        let mut grouped = false;
        loop {
            if let [digit @ b'0'..=b'9', tail @ ..] = rest {
                plain.push(*digit);
                run += 1;
                rest = tail;
                continue;
            }
            let Some(separator) = group.iter().find(|s| rest.starts_with(s)) else { break };
            if grouped && run != 3 || !grouped && !(1..=3).contains(&run) {
                return None;
            }
            grouped = true;
            run = 0;
            rest = &rest[separator.len()..];
        }
        if grouped && (run != 3 || plain.iter().find(|b| **b != b'-') == Some(&b'0')) {
            return None;
        }
        if let [byte, tail @ ..] = rest {
            if *byte != decimal || tail.is_empty() || !tail.iter().all(u8::is_ascii_digit) {
                return None;
            }
            plain.push(b'.');
            plain.extend_from_slice(tail);
        }
        Some(plain)
    }

    /// The number, if it is written in this style without loss.
    pub(crate) fn parse(self, text: &[u8]) -> Option<float::Number> {
        float::parse(&self.plain(text)?)
    }
}

/// The number that a ledger writes in parentheses or with the minus behind it, `(5.00)` or `5.00-`, with the minus before it.
pub(crate) fn ledger(text: &[u8]) -> Option<Vec<u8>> {
    let number = match text {
        [b'(', inner @ .., b')'] | [inner @ .., b'-'] => trim(inner),
        _ => return None,
    };
    let is_unsigned = matches!(number, [b'0'..=b'9' | b'.' | b',', ..])
        && number.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b',' | b' ' | b'\'' | 0x80..));
    let is_zero = !number.iter().any(|b| matches!(b, b'1'..=b'9'));
    is_unsigned.then(|| if is_zero { number.to_vec() } else { [b"-", number].concat() })
}

/// The groups in which the digits of a whole number stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) count: usize,
    /// Digits of the first one.
    pub(crate) first: usize,
    /// Whether each could be a byte of an address: none is above 255, or begins with a zero.
    pub(crate) are_bytes: bool,
}

impl Groups {
    /// Up to three digits, then any number of groups of three, whatever stands between them.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        let mut groups = Self { count: 0, first: 0, are_bytes: true };
        for group in text.split(|b| !b.is_ascii_digit()).filter(|group| !group.is_empty()) {
            groups.count += 1;
            if groups.count == 1 {
                groups.first = group.len();
            }
            if group.len() > 3 || groups.count > 1 && group.len() < 3 {
                return None;
            }
            let is_padded = groups.count > 1 && group[0] == b'0';
            groups.are_bytes &= !is_padded && (group.len() < 3 || group <= b"255".as_slice());
        }
        (groups.count > 0).then_some(groups)
    }

    /// Whether a text is written as an address of the internet is: four bytes with points between them.
    pub(crate) fn is_address(text: &[u8]) -> bool {
        text.iter().all(|b| b.is_ascii_digit() || *b == b'.')
            && Self::of(text).is_some_and(|groups| groups.count == 4 && groups.are_bytes)
    }
}

const SPACES: &[&[u8]] = &[b" ", "\u{a0}".as_bytes(), "\u{202f}".as_bytes()];
const APOSTROPHES: &[&[u8]] = &[b"'", "\u{2019}".as_bytes()];

/// Whether a text is a number as programs write it: `-?digits[.digits][e[+-]digits]`, one side of the point may be empty.
pub(crate) fn is_plain(text: &[u8]) -> bool {
    let run = |text: &[u8]| text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let whole = run(unsigned);
    let (fraction, rest) = match &unsigned[whole..] {
        [b'.', rest @ ..] => (run(rest), &rest[run(rest)..]),
        rest => (0, rest),
    };
    let exponent = match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..] => {
            !digits.is_empty() && run(digits) == digits.len()
        }
        _ => false,
    };
    whole + fraction > 0 && exponent
}

/// Whether a plain number with a point could be a whole one whose thousands a point sets apart: `1.234`, not `0.234`.
pub(crate) fn is_grouped_by_point(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    matches!(unsigned.len(), 5..=7)
        && unsigned[0] != b'0'
        && unsigned.iter().rev().position(|b| *b == b'.') == Some(3)
        && unsigned.iter().filter(|b| !b.is_ascii_digit()).count() == 1
}

/// Whether a value that is no plain number can be a number in any style: digits, and one of the separators.
pub(crate) fn plausible(text: &[u8]) -> bool {
    text.len() <= 64
        && matches!(text, [b'0'..=b'9' | b'-' | b',', ..])
        && text.last().is_some_and(u8::is_ascii_digit)
        && text.iter().all(|b| matches!(b, b'0'..=b'9' | b'-' | b',' | b'.' | b' ' | b'\'' | 0x80..))
}

#[cfg(test)]
mod tests {
    use super::*;

    use Style::{ApostrophePoint, Comma, CommaPoint, PointComma, SpaceComma};

    fn styles(text: &str) -> Vec<Style> {
        [CommaPoint, PointComma, SpaceComma, ApostrophePoint]
            .into_iter()
            .filter(|s| plausible(text.as_bytes()) && s.parse(text.as_bytes()).is_some())
            .collect()
    }

    #[test]
    fn a_value_tells_what_it_can_be() {
        assert_eq!(styles("1,234"), [CommaPoint, PointComma, SpaceComma]);
        assert_eq!(styles("1,234.50"), [CommaPoint]);
        assert_eq!(styles("1,234,567"), [CommaPoint]);
        assert_eq!(styles("1.234,56"), [PointComma]);
        assert_eq!(styles("1234,56"), [PointComma, SpaceComma]);
        assert_eq!(styles("1 234,56"), [SpaceComma]);
        assert_eq!(styles("1\u{202f}234,56"), [SpaceComma]);
        assert_eq!(styles("1'234.50"), [ApostrophePoint]);
        assert_eq!(styles(",5"), [PointComma, SpaceComma]);
        assert_eq!(styles("0,123"), [PointComma, SpaceComma]);
        for text in ["1,23,456", "12,3456.5", "1,", "1,2,3", "1.2.3", "0,123.5", "01,5", "1,5e3", "--1,5"] {
            assert_eq!(styles(text), [], "{text}");
        }
        for text in ["1,5", "-1,234", "0,234", "1234,567", ",5", "1,", "1,2,3", "12,345", "-,123", "1,234.5"] {
            let each = Style::ALL.into_iter().filter(|style| style.plain(text.as_bytes()).is_some());
            let expected = each.fold(Styles::NONE, |all, style| all.or(Styles::of(&[style])));
            assert_eq!(Styles::reading(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(CommaPoint.parse(b"-1,234,567"), Some(float::Number::Int(-1_234_567)));
        assert_eq!(PointComma.parse(b"1.234,50"), Some(float::Number::Float(1234.5)));
        assert_eq!(Comma.parse(b"-1234,50"), Some(float::Number::Float(-1234.5)));
        assert_eq!([Comma.parse(b"1.234,50"), Comma.parse(b"1 234,50")], [None, None]);
    }
}
