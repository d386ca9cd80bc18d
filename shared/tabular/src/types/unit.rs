//! Units of money, and shares of a hundred or a thousand, that stand before or behind a number.
//!
//! A number with a unit is a quantity: neither groups of three nor zeros that end decimals make it a code. Codes of a
//! currency could be those of something else (`CAD 101` is a course), so that they count only where a number of the column
//! has decimals or groups of three.

use super::{locale::ledger, trim};

/// A unit as it is written. `$` is the dollar of several countries, and so another one than `USD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit(u8);

/// Signs that stand on either side of a number, signs that stand behind it, and codes of ISO 4217.
const NAMES: [&str; 25] = [
    "$", "€", "£", "%", "‰", "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "AUD", "CAD", "SEK", "NOK", "DKK", "PLN",
    "CZK", "HUF", "BRL", "MXN", "ZAR", "KRW", "TRY",
];
const EITHER_SIDE: usize = 3;
const SIGNS: usize = 5;

/// Characters of the longest number with a unit, and a few more.
const LONGEST: usize = 80;

impl Unit {
    /// The unit of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.iter().position(|known| *known == name).map(Self::at)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// Whether it is written with letters.
    pub(crate) fn is_code(self) -> bool {
        usize::from(self.0) >= SIGNS
    }

    fn at(place: usize) -> Self {
        Self(place as u8)
    }
}

/// A set of [`Unit`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units(u32);

impl Units {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn of(unit: Unit) -> Self {
        Self(1 << unit.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The only one in it.
    pub(crate) fn only(self) -> Option<Unit> {
        self.0.is_power_of_two().then(|| Unit::at(self.0.trailing_zeros() as usize))
    }
}

/// The unit of a text, and what could be its number, with the minus before it: `-5.00` of `-$5.00`, `$-5.00`, `($5.00)`,
/// `5.00- $` and `$ (5.00)`. A zero has no minus.
pub(crate) fn split(text: &[u8]) -> Option<(Unit, Vec<u8>)> {
    // Most values end here.
    let could_begin = |b: &u8| matches!(b, b'$' | b'(' | b'-' | 0xe2 | 0xc2) || b.is_ascii_uppercase();
    let could_end = |b: &u8| matches!(b, b'%' | b'$' | 0xac | 0xa3 | 0xb0) || b.is_ascii_uppercase();
    if !text.first().is_some_and(could_begin) && !text.last().is_some_and(could_end) || text.len() > LONGEST {
        return None;
    }
    let (negative, inner) = match text {
        [b'(', inner @ .., b')'] | [b'-', inner @ ..] => (true, trim(inner)),
        _ => (false, text),
    };
    let (unit, number) = before(inner).or_else(|| behind(inner))?;
    let (is_below, number) = match ledger(number) {
        Some(number) => (true, number),
        None => (number.first() == Some(&b'-'), number.to_vec()),
    };
    let unsigned = number.strip_prefix(b"-").unwrap_or(&number);
    let is_number = matches!(unsigned, [b'0'..=b'9' | b'.' | b',', ..])
        && unsigned.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b',' | b' ' | b'\'' | 0x80..));
    if !is_number || negative && is_below {
        return None;
    }
    let is_zero = !unsigned.iter().any(|b| matches!(b, b'1'..=b'9'));
    let sign: &[u8] = if (negative || is_below) && !is_zero { b"-" } else { b"" };
    Some((unit, [sign, unsigned].concat()))
}

/// A unit, and what stands behind it.
fn before(text: &[u8]) -> Option<(Unit, &[u8])> {
    NAMES.iter().enumerate().find_map(|(place, name)| {
        let rest = text.strip_prefix(name.as_bytes())?;
        let number = without_blanks(rest);
        let is_apart = place < EITHER_SIDE || place >= SIGNS && number.len() < rest.len();
        is_apart.then(|| (Unit::at(place), number))
    })
}

/// A unit, and what stands before it.
fn behind(text: &[u8]) -> Option<(Unit, &[u8])> {
    NAMES.iter().enumerate().find_map(|(place, name)| {
        let rest = text.strip_suffix(name.as_bytes())?;
        let number = without_blanks(rest);
        let is_apart = place < SIGNS || number.len() < rest.len();
        is_apart.then(|| (Unit::at(place), number))
    })
}

/// Without the blanks around it, no-break ones among them.
fn without_blanks(mut text: &[u8]) -> &[u8] {
    loop {
        let inner = trim(text);
        let inner = BLANKS.iter().fold(inner, |text, blank| {
            let text = text.strip_prefix(*blank).unwrap_or(text);
            text.strip_suffix(*blank).unwrap_or(text)
        });
        if inner.len() == text.len() {
            return text;
        }
        text = inner;
    }
}

const BLANKS: [&[u8]; 2] = ["\u{a0}".as_bytes(), "\u{202f}".as_bytes()];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Option<(&'static str, String)> {
        split(text.as_bytes()).map(|(unit, number)| (unit.name(), String::from_utf8(number).unwrap()))
    }

    #[test]
    fn a_unit_stands_on_one_side_of_a_number() {
        for (text, unit, number) in [
            ("$1,234.50", "$", "1,234.50"),
            ("5$", "$", "5"),
            ("€ 12", "€", "12"),
            ("12,50\u{a0}€", "€", "12,50"),
            ("1\u{202f}234,50\u{202f}€", "€", "1\u{202f}234,50"),
            ("£3", "£", "3"),
            ("12 %", "%", "12"),
            ("0.5‰", "‰", "0.5"),
            ("USD 12.50", "USD", "12.50"),
            ("12.50 EUR", "EUR", "12.50"),
            ("-$5.00", "$", "-5.00"),
            ("$-5.00", "$", "-5.00"),
            ("($5.00)", "$", "-5.00"),
            ("( $ 5.00 )", "$", "-5.00"),
            ("$ (5.00)", "$", "-5.00"),
            ("(5.00) €", "€", "-5.00"),
            ("5,00- €", "€", "-5,00"),
            ("-5,00 €", "€", "-5,00"),
            ("-12%", "%", "-12"),
            ("-$0.00", "$", "0.00"),
            ("($0)", "$", "0"),
            ("$-0", "$", "0"),
        ] {
            assert_eq!(parts(text), Some((unit, number.to_owned())), "{text}");
        }
        for text in [
            "",
            "$",
            "%",
            "-",
            "()",
            "($)",
            "5",
            "5m",
            "10 kg",
            "5°",
            "%20",
            "$x",
            "$$5",
            "5 % %",
            "$5 USD",
            "-$-5",
            "(-$5)",
            "-$(5)",
            "($5",
            "$5)",
            "CAD101",
            "101CAD",
            "usd 5",
            "XYZ 5",
            "5-10%",
            "+5%",
            "$+5",
            "$1e5",
            "$-",
            "¥5",
            "A$5",
            "US$5",
            "2026-01-01 €",
            "$ - 5",
            "5 €-",
            "USD",
            "$.",
            "5%x",
        ] {
            let found = parts(text);
            assert!(found.is_none() || matches!(text, "$."), "{text} {found:?}");
        }
    }

    #[test]
    fn each_has_a_name() {
        for (place, name) in NAMES.into_iter().enumerate() {
            assert_eq!(Unit::named(name), Some(Unit::at(place)));
            assert_eq!(Unit::at(place).name(), name);
            assert_eq!(Units::of(Unit::at(place)).only(), Some(Unit::at(place)));
            assert_eq!(Unit::at(place).is_code(), name.len() == 3 && name.is_ascii());
        }
        assert_eq!([Unit::named("¥"), Unit::named("")], [None, None]);
    }

    proptest! {
        #[test]
        fn what_is_put_together_comes_apart(
            number in "[0-9]{1,3}(,[0-9]{3}){0,2}(\\.[0-9]{1,2})?",
            place in 0..NAMES.len(),
            blank in prop::sample::select(vec![" ", "\u{a0}", "\u{202f}", "  "]),
        ) {
            let name = NAMES[place];
            let expected = Some((name, number.clone()));
            prop_assert_eq!(parts(&format!("{number}{blank}{name}")), expected.clone());
            if !(EITHER_SIDE..SIGNS).contains(&place) {
                prop_assert_eq!(parts(&format!("{name}{blank}{number}")), expected);
            }
        }

        #[test]
        fn no_text_is_too_strange(text in "[$€%()0-9., \u{a0}A-Z-]{0,12}") {
            if let Some((_, number)) = split(text.as_bytes()) {
                prop_assert!(number.iter().all(|b| !matches!(b, b'$' | b'%' | b'(' | b')' | b'A'..=b'Z')));
            }
        }
    }
}
