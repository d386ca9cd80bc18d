//! Values of columns whose type is given: what every engine reads them as.
//!
//! A value has to be a number of that type, but need not print back: fractions round to nearest, and `5.0` is a whole
//! number. Where the type comes from earlier files alone (`lenient` is false), what is more likely a code than a number
//! does not fit: leading zeros, a plus, and whole numbers that a float does not hold.

use std::borrow::Cow;

use super::{decimal, integer, locale::Styles};

/// A whole number. `lenient`: it may have a plus and leading zeros.
pub(crate) fn whole(text: &[u8], styles: Styles, lenient: bool) -> Option<i64> {
    let text = without_plus(text, lenient);
    let plain = styles.plain(text)?;
    let digits = match plain.iter().position(|b| *b == b'.') {
        Some(point) if plain[point + 1..].iter().all(|b| *b == b'0') => &plain[..point],
        Some(_) => return None,
        None => &plain,
    };
    integer::parse(&without_zeros(digits, lenient))
}

/// A double, rounded to the nearest.
pub(crate) fn double(text: &[u8], styles: Styles, lenient: bool) -> Option<f64> {
    let text = without_plus(text, lenient);
    let plain = styles.plain(text)?;
    let value: f64 = std::str::from_utf8(&plain).ok()?.parse().ok()?;
    let holds = |whole: i128| {
        #[expect(clippy::cast_possible_truncation, reason = "what is cut off differs")]
        let back = value as i128;
        back == whole
    };
    (value.is_finite() && (lenient || is_number(&plain, value == 0.0, holds))).then_some(value)
}

/// A single-precision float, rounded to the nearest.
pub(crate) fn single(text: &[u8], styles: Styles, lenient: bool) -> Option<f32> {
    let text = without_plus(text, lenient);
    let plain = styles.plain(text)?;
    let value: f32 = std::str::from_utf8(&plain).ok()?.parse().ok()?;
    let holds = |whole: i128| {
        #[expect(clippy::cast_possible_truncation, reason = "what is cut off differs")]
        let back = value as i128;
        back == whole
    };
    (value.is_finite() && (lenient || is_number(&plain, value == 0.0, holds))).then_some(value)
}

/// A decimal number, in units of its last place: see [`decimal::parse`].
pub(crate) fn scaled(text: &[u8], (precision, scale): (u8, i8), styles: Styles, lenient: bool) -> Option<i128> {
    let text = without_plus(text, lenient);
    let plain = styles.plain(text)?;
    decimal::parse(&without_zeros(&plain, lenient), precision, scale)
}

/// Whether a text is a number and no code: no leading zeros; whole numbers that the float holds; no number so small that
/// the float is zero.
fn is_number(plain: &[u8], is_zero: bool, holds: impl Fn(i128) -> bool) -> bool {
    let unsigned = plain.strip_prefix(b"-").unwrap_or(plain);
    if matches!(unsigned, [b'0', b'0'..=b'9', ..]) {
        return false;
    }
    if unsigned.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(plain).ok().and_then(|text| text.parse().ok()).is_some_and(holds);
    }
    let mantissa = unsigned.split(|b| matches!(b, b'e' | b'E')).next().unwrap_or_default();
    !is_zero || mantissa.iter().all(|b| matches!(b, b'0' | b'.'))
}

fn without_plus(text: &[u8], lenient: bool) -> &[u8] {
    match text {
        [b'+', rest @ ..] if lenient && rest.first().is_some_and(|b| *b != b'-') => rest,
        _ => text,
    }
}

/// Without leading zeros, and without the sign of zero.
fn without_zeros(plain: &[u8], lenient: bool) -> Cow<'_, [u8]> {
    if !lenient {
        return Cow::Borrowed(plain);
    }
    let (sign, mut digits): (&[u8], &[u8]) = match plain.strip_prefix(b"-") {
        Some(digits) => (b"-", digits),
        None => (b"", plain),
    };
    while let [b'0', b'0'..=b'9', ..] = digits {
        digits = &digits[1..];
    }
    if digits == b"0" { Cow::Borrowed(digits) } else { Cow::Owned([sign, digits].concat()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POINT: Styles = Styles::POINT.and(Styles::USUAL);
    const COMMA: Styles = Styles::COMMA.and(Styles::USUAL);
    const EITHER: Styles = POINT.or(COMMA);

    #[test]
    fn doubles_round_to_nearest() {
        for (text, contract, declared) in [
            ("52.5200065999999987", Some(52.520_006_6), Some(52.520_006_6)),
            ("3.141592653589793116e+00", Some(std::f64::consts::PI), Some(std::f64::consts::PI)),
            ("0.10000000149011612", Some(0.100_000_001_490_116_12), Some(0.100_000_001_490_116_12)),
            ("-0", Some(-0.0), Some(-0.0)),
            ("5", Some(5.0), Some(5.0)),
            ("+1.5", None, Some(1.5)),
            ("007", None, Some(7.0)),
            ("9007199254740992", Some(9_007_199_254_740_992.0), Some(9_007_199_254_740_992.0)),
            ("9007199254740993", None, Some(9_007_199_254_740_992.0)),
            ("1e-400", None, Some(0.0)),
            ("0e-400", Some(0.0), Some(0.0)),
            ("1e400", None, None),
            ("", None, None),
            ("+-1", None, None),
            ("1,234.5", Some(1234.5), Some(1234.5)),
            ("1.2.3", None, None),
            ("NaN", None, None),
        ] {
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            assert_eq!(bits(double(text.as_bytes(), POINT, false)), bits(contract), "{text}");
            assert_eq!(bits(double(text.as_bytes(), POINT, true)), bits(declared), "{text}");
        }
        assert_eq!(single(b"0.10000000149011612", POINT, false), Some(0.1));
        assert_eq!([single(b"16777217", POINT, false), single(b"16777217", POINT, true)], [None, Some(16_777_216.0)]);
    }

    #[test]
    fn whole_numbers_may_have_an_empty_fraction() {
        for (text, contract, declared) in [
            ("5.0", Some(5), Some(5)),
            ("5.", Some(5), Some(5)),
            ("-5.00", Some(-5), Some(-5)),
            ("5.5", None, None),
            ("007", None, Some(7)),
            ("+7", None, Some(7)),
            ("-0", None, Some(0)),
            ("0", Some(0), Some(0)),
            ("00", None, Some(0)),
            ("1,234", Some(1234), Some(1234)),
            ("1e3", None, None),
        ] {
            assert_eq!(whole(text.as_bytes(), POINT, false), contract, "{text}");
            assert_eq!(whole(text.as_bytes(), POINT, true), declared, "{text}");
        }
        assert_eq!(scaled(b"+007.50", (5, 2), POINT, true), Some(750));
        assert_eq!(scaled(b"007.50", (5, 2), POINT, false), None);
        assert_eq!(scaled(b"1.234,5", (9, 2), COMMA, false), Some(123_450));
    }

    #[test]
    fn where_nothing_is_proved_only_what_all_readings_agree_on_is_taken() {
        let read = |text: &str| double(text.as_bytes(), EITHER, false);
        assert_eq!([read("1.234"), read("1,234")], [None, None]);
        assert_eq!(
            [read("1.5"), read("1,5"), read("1.234,5"), read("7")],
            [Some(1.5), Some(1.5), Some(1234.5), Some(7.0)]
        );
        // A whole column of such could be of any number.
        assert_eq!(whole(b"1.234", EITHER, false), None);
    }

    proptest! {
        #[test]
        fn doubles_are_those_of_the_standard_library(text in "-?(0|[1-9][0-9]{0,4})\\.[0-9]{1,25}(e[+-]?[0-9]{1,2})?") {
            prop_assert_eq!(double(text.as_bytes(), POINT, false), text.parse().ok());
        }

        #[test]
        fn what_prints_back_is_read(value: f64) {
            prop_assume!(value.is_finite());
            let text = format!("{value:?}");
            prop_assert_eq!(double(text.as_bytes(), POINT, false).map(f64::to_bits), Some(value.to_bits()));
        }
    }
}
