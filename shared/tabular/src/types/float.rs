//! Numbers with a fraction or an exponent.

use super::integer::{self, MAX_SAFE};

/// A plain number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Without point or exponent.
    Int(i64),
    /// With one of them.
    Float(f64),
}

impl Number {
    /// As a double: whole numbers only up to [`MAX_SAFE`].
    pub(crate) fn double(self) -> Option<f64> {
        match self {
            Self::Int(value) if value.unsigned_abs() <= MAX_SAFE => Some(value as f64),
            Self::Int(_) => None,
            Self::Float(value) => Some(value),
        }
    }
}

/// A number that prints back as it stands, up to zeros that end its fraction and the way its exponent is written, in the
/// shortest way or with 16 or 17 digits: `-?digits[.digits][e[+-]digits]` without superfluous leading zeros; one side of
/// the point may be empty.
pub(crate) fn parse(text: &[u8]) -> Option<Number> {
    if let Some(value) = integer::parse(text) {
        return Some(Number::Int(value));
    }
    if text == b"-0" {
        return Some(Number::Float(-0.0));
    }
    value(text, parts(text)?).map(Number::Float)
}

/// A number as a double: what [`parse`] accepts, whole numbers only up to [`MAX_SAFE`].
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    parse(text)?.double()
}

/// A number as digits and an exponent: `mantissa · 10^exponent`, without zeros that end the mantissa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    /// Zero where it has more digits than a double can need.
    mantissa: u64,
    /// Digits of the mantissa.
    digits: usize,
    exponent: i64,
}

/// Digits that the shortest text of a double has at most.
const MAX_DIGITS: usize = 17;

/// Takes a number with a point or an exponent apart.
fn parts(text: &[u8]) -> Option<Parts> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (mut whole, rest) = unsigned.split_at(digit_run(unsigned));
    let (mut fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(digit_run(rest)),
        // Without a point there has to be an exponent.
        [_, ..] => rest.split_at(0),
        [] => return None,
    };
    if whole.is_empty() && fraction.is_empty() || matches!(whole, [b'0', _, ..]) {
        return None;
    }
    let mut exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => {
            let digits = rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b"+")).unwrap_or(rest);
            if digits.is_empty() || digits.len() > 6 || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let exponent = digits.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0'));
            if rest[0] == b'-' { -exponent } else { exponent }
        }
        _ => return None,
    };
    while let [front @ .., b'0'] = fraction {
        fraction = front;
    }
    exponent -= fraction.len() as i64;
    if fraction.is_empty() {
        while let [front @ .., b'0'] = whole {
            whole = front;
            exponent += 1;
        }
    }
    if whole.is_empty() || whole == b"0" {
        whole = &[];
        while let [b'0', back @ ..] = fraction {
            fraction = back;
        }
    }
    let digits = whole.len() + fraction.len();
    let mantissa = if digits > MAX_DIGITS { 0 } else { number(fraction, number(whole, 0)) };
    Some(Parts { mantissa, digits, exponent })
}

/// How many digits a text begins with.
fn digit_run(text: &[u8]) -> usize {
    text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len())
}

/// The number whose digits are those of `before` and then these.
fn number(mut digits: &[u8], before: u64) -> u64 {
    let mut value = before;
    while let Some((eight, rest)) = digits.split_first_chunk::<8>() {
        let eight = u64::from_le_bytes(*eight) ^ 0x3030_3030_3030_3030;
        value = value * 100_000_000 + integer::value8(eight);
        digits = rest;
    }
    digits.iter().fold(value, |n, d| n * 10 + u64::from(d - b'0'))
}

/// The double that a text with `parts` stands for, if it prints back.
fn value(text: &[u8], parts: Parts) -> Option<f64> {
    let negative = text[0] == b'-';
    let exact = |value: f64| Some(if negative { -value } else { value });
    if parts.digits == 0 {
        return exact(0.0);
    }
    if parts.digits > MAX_DIGITS {
        return None;
    }
    if parts.digits <= 15
        && let Some(power) = EXACT.get(parts.exponent.unsigned_abs() as usize)
    {
        let mantissa = parts.mantissa as f64;
        return exact(if parts.exponent < 0 { mantissa / power } else { mantissa * power });
    }
    // Only ASCII came this far.
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    // Fifteen digits always come back, unless the number is so small that a double has fewer.
    if parts.digits <= 15 && value.abs() >= f64::MIN_POSITIVE {
        return Some(value);
    }
    let mut buffer = ryu::Buffer::new();
    let shortest = self::parts(buffer.format_finite(value).as_bytes())?;
    (shortest == parts || is_printed_long(value, parts, shortest.digits)).then_some(value)
}

/// Whether a number is a double as `%.16g` or `%.17g` print it. Where `shortest` digits are few, all beyond them are
/// noise, in which not every program is right.
fn is_printed_long(value: f64, parts: Parts, shortest: usize) -> bool {
    if shortest <= 15 && value.abs() < 1e15 && value.abs() >= f64::MIN_POSITIVE {
        return true;
    }
    let is_printed = |digits: usize| self::parts(format!("{value:.digits$e}").as_bytes()) == Some(parts);
    is_printed(MAX_DIGITS - 1) || is_printed(MAX_DIGITS - 2)
}

/// Numbers with decimals that have to be looked at closely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Decimals {
    #[default]
    None,
    /// With a single digit behind the point.
    Single,
    /// With several digits behind the point, of which the last is a zero.
    Padded,
}

impl Decimals {
    /// Whether a number, which it is known to be, is none of them.
    #[inline]
    pub(crate) fn spare<const POINT: u8>(self, text: &[u8]) -> bool {
        match (self, text) {
            (Self::Single, [.., point, _]) => *point != POINT,
            (Self::Padded, [rest @ .., point, b'0']) => *point == POINT || !rest.contains(&POINT),
            _ => true,
        }
    }
}

/// As [`parse_double`], but for what has to be looked at closely: what could be a code, and numbers with some decimals.
pub(crate) fn parse_plain(text: &[u8], closely: Decimals) -> Option<f64> {
    let value = parse_double(text)?;
    let has_marks = || text.iter().any(|b| matches!(b, b'.' | b'-' | b'+'));
    let is_code = text.iter().any(|b| matches!(b, b'e' | b'E')) && !has_marks();
    (!is_code && closely.spare::<b'.'>(text)).then_some(value)
}

/// Powers of ten that are doubles exactly.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A number without exponent in up to 16 bytes, at most 15 of them digits, that [`parse_double`] would accept too;
/// `None` says nothing. `text` goes on for at least 16 bytes after `start`.
///
/// A mantissa below 2^53 and a power of ten up to 10^22 are both exact, so one division rounds correctly
/// (W. D. Clinger, *How to Read Floating Point Numbers Accurately*, 1990).
#[inline]
pub(crate) fn fast(text: &[u8], start: usize, len: usize) -> Option<f64> {
    fast_with::<b'.'>(text, start, len)
}

/// The same with another decimal point.
#[expect(clippy::inline_always, reason = "most numbers take a few instructions, fewer than a call")]
#[inline(always)]
pub(crate) fn fast_with<const POINT: u8>(text: &[u8], start: usize, len: usize) -> Option<f64> {
    let word = integer::load8(text, start)?;
    let point = marks8::<POINT>(word).trailing_zeros() / 8;
    if matches!(len, 2..=8) && (point as usize) < len {
        let before = (1u64 << (8 * point)) - 1;
        let joined = (word & before) | ((word >> 8) & !before);
        if let Some(mantissa) = integer::digits8(joined, len - 1) {
            let zero = word as u8 == b'0' && point != 1;
            return if zero { None } else { Some(mantissa as f64 / EXACT[len - 1 - point as usize]) };
        }
    }
    longer::<POINT>(text, start, len)
}

/// The same for any number.
fn longer<const POINT: u8>(text: &[u8], start: usize, len: usize) -> Option<f64> {
    if len == 0 {
        return None;
    }
    let negative = *text.get(start)? == b'-';
    let (start, len) = if negative { (start + 1, len - 1) } else { (start, len) };
    if len == 0 || len > 16 {
        return None;
    }
    let low = integer::load8(text, start)?;
    let high = integer::load8(text, start + 8)?;
    let all = u128::from(low) | u128::from(high) << 64;
    // The point: the lowest byte equal to it, if it lies within the number.
    let point = point8::<POINT>(low).or_else(|| point8::<POINT>(high).map(|p| p + 8)).unwrap_or(16);
    if point >= len {
        // Whole: zero, or no leading zero.
        if low as u8 == b'0' && (len != 1 || negative) || len > 15 {
            return None;
        }
        let value = digits16(all, len)? as f64;
        return Some(if negative { -value } else { value });
    }
    if low as u8 == b'0' && point != 1 || len == 1 {
        return None;
    }
    let before = (1u128 << (8 * point)) - 1;
    let joined = (all & before) | ((all >> 8) & !before);
    let mantissa = digits16(joined, len - 1)?;
    let value = mantissa as f64 / EXACT[len - 1 - point];
    Some(if negative { -value } else { value })
}

/// Where the first point is among eight bytes.
#[inline]
fn point8<const POINT: u8>(word: u64) -> Option<usize> {
    let marks = marks8::<POINT>(word);
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// The highest bit of each byte that is a point. Only the lowest of them is certain.
#[inline]
fn marks8<const POINT: u8>(word: u64) -> u64 {
    let word = word ^ u64::from_ne_bytes([POINT; 8]);
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
}

/// The value of the first `len` (1 to 15) bytes, if all of them are digits.
#[inline]
fn digits16(word: u128, len: usize) -> Option<u64> {
    if len <= 8 {
        return integer::digits8(word as u64, len);
    }
    let high = integer::digits8(word as u64, 8)?;
    let low = integer::digits8((word >> 64) as u64, len - 8)?;
    Some(high * integer::POWERS[len - 8] + low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_prints_back() {
        for (text, value) in [
            ("1.5", Some(1.5)),
            ("-1.50", Some(-1.5)),
            ("0.1", Some(0.1)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e5", Some(1e5)),
            ("1E-7", Some(1e-7)),
            ("1.7976931348623157e308", Some(f64::MAX)),
            ("5e-324", Some(5e-324)),
            ("0.30000000000000004", Some(0.300_000_000_000_000_04)),
            ("123456789.12345678", Some(123_456_789.123_456_78)),
            ("0.0", Some(0.0)),
            ("-0.0", Some(-0.0)),
            ("0e400", Some(0.0)),
            ("1e400", None),
            ("1e-400", None),
            ("4e-324", None),
            ("100000000000000000000000.0", Some(1e23)),
            ("123456789012345678.0", None),
            // Halfway between two shortest texts, the even one is that which a double prints as.
            ("1747296770569531.2", Some(1_747_296_770_569_531.2)),
            ("1747296770569531.3", None),
            ("1747296770569531.1", None),
            ("12345678901234567000.0", Some(12_345_678_901_234_567_000.0)),
            ("0.000000000000000000000000000000123", Some(1.23e-31)),
            ("1.00000000000000000000000000000000000000000001", None),
            ("0.1000000000000000055", None),
            ("3.14159265358979323846", None),
            ("48.137154000000002", Some(48.137_154)),
            ("48.137154000000003", Some(48.137_154)),
            ("53.551084999999998", Some(53.551_085)),
            ("0.1000000000000000", Some(0.1)),
            ("0.10000000000000001", Some(0.1)),
            ("6.9999999999999994e-05", Some(7e-5)),
            ("0.10000000000000002", Some(0.100_000_000_000_000_02)),
            ("0.10000000000000003", Some(0.100_000_000_000_000_03)),
            ("48.137154000000000", Some(48.137_154)),
            ("4.0000000000000004", Some(4.0)),
            ("9007199254740993.0", None),
            ("10000000000000001.0", None),
            ("1747296770569.5313", None),
            ("1.2345678901234567", Some(1.234_567_890_123_456_7)),
            ("1.2345678901234568", None),
            ("4.2345678901234569", Some(4.234_567_890_123_457)),
            ("4.2345678901234567", None),
            ("0.12345678901234567890123", None),
            ("12345678901234567890.5", None),
            ("-0", Some(-0.0)),
            ("00.5", None),
            ("+1.5", None),
            (".", None),
            ("-", None),
            ("", None),
            ("1.5.2", None),
            ("1e", None),
            ("1e+", None),
            ("e5", None),
            ("0x1p3", None),
            ("inf", None),
            ("NaN", None),
            ("1,5", None),
        ] {
            let found = match parse(text.as_bytes()) {
                Some(Number::Float(f)) => Some(f),
                Some(Number::Int(i)) => panic!("{text} is {i}"),
                None => None,
            };
            assert_eq!(found.map(f64::to_bits), value.map(f64::to_bits), "{text}");
        }
        assert_eq!(parse_double(b"9007199254740991"), Some(9_007_199_254_740_991.0));
        assert_eq!(parse_double(b"9007199254740992"), None);
    }

    proptest! {
        #[test]
        fn doubles_print_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(parse_double(ryu::Buffer::new().format_finite(value).as_bytes()), Some(value));
            // The standard library takes the upper one of two shortest texts that are equally near.
            let (scientific, shortest) = (format!("{value:e}"), ryu::Buffer::new().format_finite(value).to_owned());
            let prints_back = parts(scientific.as_bytes()) == parts(shortest.as_bytes());
            if prints_back {
                prop_assert_eq!(parse(scientific.as_bytes()), Some(Number::Float(value)));
            }
        }

        #[test]
        fn doubles_with_all_their_digits_are_read(bits: u64, digits in 15usize..17) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_normal());
            let text = format!("{value:.digits$e}");
            let expected: f64 = text.parse().unwrap();
            prop_assume!(expected.is_finite());
            // Sixteen digits may be nearer to another double, which has other sixteen digits then.
            if expected.to_bits() == bits {
                prop_assert_eq!(parse_double(text.as_bytes()).map(f64::to_bits), Some(bits), "{}", text);
            }
        }

        #[test]
        fn other_digits_are_no_double(value in 4.0f64..8.0, up in 2u64..5) {
            // Doubles from 4 to 8 lie 8.9 units of the last of 17 digits apart.
            let digits: u64 = format!("{value:.16}").replace('.', "").parse().unwrap();
            let other = digits + up;
            let text = format!("{}.{:016}", other / 10_000_000_000_000_000, other % 10_000_000_000_000_000);
            let is_noise = value.to_string().len() <= 16;
            let is_other = text.trim_end_matches('0') != value.to_string() && !is_noise;
            if text.parse() == Ok(value) && is_other {
                prop_assert_eq!(parse_double(text.as_bytes()), None, "{}", text);
            }
        }

        #[test]
        fn the_fast_way_agrees(text in "-?[0-9]{0,9}\\.?[0-9]{0,9}|[-0-9.e/:]{0,17}") {
            let mut padded = text.as_bytes().to_vec();
            padded.extend_from_slice(b".9.9.9.9.9.9.9.9.9.9.9");
            if let Some(value) = fast(&padded, 0, text.len()) {
                prop_assert_eq!(parse_double(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()), "{}", text);
            }
        }

        #[test]
        fn the_fast_way_takes_a_comma_for_what_it_takes_a_point_for(text in "-?[0-9]{0,9}[.,]?[0-9]{0,9}") {
            let swapped: String = text.chars().map(|c| match c { '.' => ',', ',' => '.', c => c }).collect();
            let padded = |text: &str| format!("{text};9.9,9.9,9.9,9.9,9").into_bytes();
            let comma = fast_with::<b','>(&padded(&text), 0, text.len());
            prop_assert_eq!(comma.map(f64::to_bits), fast(&padded(&swapped), 0, text.len()).map(f64::to_bits));
        }

        #[test]
        fn the_fast_way_takes_prices(cents in 0i64..100_000_000_000) {
            let text = format!("{}.{:02}", cents / 100, cents % 100);
            let padded = format!("{text},1.1,1.1,1.1,1.1");
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(fast(padded.as_bytes(), 0, text.len()), Some(expected));
        }
    }
}
