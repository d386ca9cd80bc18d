//! Whole numbers.

/// The largest magnitude up to which every whole number is a double, so that no neighbour is taken for it: 2^53 - 1.
pub(crate) const MAX_SAFE: u64 = (1 << 53) - 1;

/// A whole number that prints back as it stands: no `+`, no leading zero, no `-0`, within 64 bits.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [] | [b'0', ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut magnitude = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits fit in 64 bits without a sign.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// The value of the first `len` (1 to 8) bytes of `word`, little-endian, if all of them are digits.
#[inline]
pub(crate) fn digits8(word: u64, len: usize) -> Option<u64> {
    // Leading bytes become zeros of value, not of text: '0' ^ '0' = 0.
    let shift = 64 - 8 * len as u32;
    let word = (word ^ 0x3030_3030_3030_3030) << shift;
    // A byte above 9 carries into its high nibble, or has one.
    if (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    Some(value8(word))
}

/// Eight digit values (not characters), the most significant first in memory, as a number.
#[inline]
pub(crate) fn value8(word: u64) -> u64 {
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// Up to eight bytes of `text` at `at`, little-endian; the caller's text goes on for at least eight.
#[inline]
pub(crate) fn load8(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk::<8>().map(|b| u64::from_le_bytes(*b))
}

/// A positive or negative number of up to 18 digits that [`parse`] would accept too; `None` says nothing.
/// `text` goes on for at least 32 bytes after `start`.
#[expect(clippy::inline_always, reason = "most numbers take a few instructions, fewer than a call")]
#[inline(always)]
pub(crate) fn fast(text: &[u8], start: usize, len: usize) -> Option<i64> {
    let word = load8(text, start)?;
    if matches!(len, 1..=8)
        && let Some(value) = digits8(word, len)
    {
        // A leading zero is only right when it is the whole number.
        return if word as u8 == b'0' && len != 1 { None } else { Some(value.cast_signed()) };
    }
    longer(text, start, len)
}

/// The same for any number.
fn longer(text: &[u8], start: usize, len: usize) -> Option<i64> {
    if len == 0 {
        return None;
    }
    let negative = *text.get(start)? == b'-';
    let (start, len) = if negative { (start + 1, len - 1) } else { (start, len) };
    let word = load8(text, start)?;
    // A leading zero is only right when it is the whole number; minus zero never is.
    if word as u8 == b'0' && (len != 1 || negative) || len == 0 {
        return None;
    }
    let magnitude = if len <= 8 {
        digits8(word, len)?
    } else if len <= 16 {
        let low = load8(text, start + 8)?;
        digits8(word, 8)? * POWERS[len - 8] + digits8(low, len - 8)?
    } else if len <= 18 {
        let middle = digits8(load8(text, start + 8)?, 8)?;
        let low = digits8(load8(text, start + 16)?, len - 16)?;
        digits8(word, 8)? * POWERS[len - 8] + middle * POWERS[len - 16] + low
    } else {
        return None;
    };
    let value = magnitude as i64;
    Some(if negative { -value } else { value })
}

pub(crate) const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn padded(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend_from_slice(&[b'9'; 32]);
        bytes
    }

    #[test]
    fn only_what_prints_back() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("42", Some(42)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("-0", None),
            ("007", None),
            ("+1", None),
            ("", None),
            ("-", None),
            ("1 ", None),
            ("0x10", None),
            ("1:2", None),
            ("1/2", None),
        ] {
            assert_eq!(parse(text.as_bytes()), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_print_back(value: i64) {
            prop_assert_eq!(parse(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn the_fast_way_agrees(text in "-?[0-9]{0,18}|[0-9a:/.\u{0}-]{0,17}") {
            if let Some(value) = fast(&padded(&text), 0, text.len()) {
                prop_assert_eq!(parse(text.as_bytes()), Some(value));
            } else if text.trim_start_matches('-').len() <= 18 {
                prop_assert_eq!(parse(text.as_bytes()), None);
            }
        }

        #[test]
        fn the_fast_way_takes_small_numbers(value in -999_999_999_999_999_999i64..=999_999_999_999_999_999) {
            let text = value.to_string();
            prop_assert_eq!(fast(&padded(&text), 0, text.len()), Some(value));
        }
    }
}
