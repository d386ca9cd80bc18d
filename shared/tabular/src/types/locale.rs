//! Numbers with a decimal comma or with thousands separators.
//!
//! A single value seldom tells what its comma is: `1,234` is one thousand or a little more than one. So a value says
//! which [`Style`]s it can be written in, and a column has a style when all its values leave exactly one, or only such
//! as read all of them alike.

use super::float;

/// A way to write numbers other than `1234.5`.
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
    /// `1234,5`: what [`PointComma`](Self::PointComma) and [`SpaceComma`](Self::SpaceComma) have in common.
    Comma,
}

impl Style {
    /// Those that a value can be written in; each has a separator of its own.
    pub(crate) const ALL: [Style; 4] =
        [Style::CommaPoint, Style::PointComma, Style::SpaceComma, Style::ApostrophePoint];

    /// Whether a point cannot be a decimal point.
    pub(crate) fn has_decimal_comma(self) -> bool {
        matches!(self, Self::PointComma | Self::SpaceComma | Self::Comma)
    }

    /// The number in plain writing, if it is well written in this style: groups of three all through, or none.
    pub(crate) fn plain(self, text: &[u8]) -> Option<Vec<u8>> {
        let (group, decimal): (&[&[u8]], u8) = match self {
            Self::CommaPoint => (&[b","], b'.'),
            Self::PointComma => (&[b"."], b','),
            Self::SpaceComma => (&[b" ", "\u{a0}".as_bytes(), "\u{202f}".as_bytes()], b','),
            Self::ApostrophePoint => (&[b"'", "\u{2019}".as_bytes()], b'.'),
            Self::Comma => (&[], b','),
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

    fn styles(text: &str) -> Vec<Style> {
        Style::ALL.into_iter().filter(|s| plausible(text.as_bytes()) && s.parse(text.as_bytes()).is_some()).collect()
    }

    #[test]
    fn a_value_tells_what_it_can_be() {
        use Style::{ApostrophePoint, Comma, CommaPoint, PointComma, SpaceComma};
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
        assert_eq!(CommaPoint.parse(b"-1,234,567"), Some(float::Number::Int(-1_234_567)));
        assert_eq!(PointComma.parse(b"1.234,50"), Some(float::Number::Float(1234.5)));
        assert_eq!(Comma.parse(b"-1234,50"), Some(float::Number::Float(-1234.5)));
        assert_eq!([Comma.parse(b"1.234,50"), Comma.parse(b"1 234,50")], [None, None]);
    }
}
