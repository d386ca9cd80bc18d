//! Decimal numbers, which exist by declaration only.

/// A number with at most `precision` digits, of which at most `scale` stand behind the point, in units of its last
/// place. Zeros that end a fraction beyond the scale are no loss.
pub(crate) fn parse(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (whole, fraction) = match unsigned.iter().position(|&b| b == b'.') {
        Some(point) => (&unsigned[..point], &unsigned[point + 1..]),
        None => (unsigned, &unsigned[..0]),
    };
    if whole.is_empty() && fraction.is_empty() || matches!(whole, [b'0', _, ..]) {
        return None;
    }
    let scale = usize::try_from(scale).ok()?;
    let mut units = 0i128;
    let mut push = |byte: u8| -> Option<()> {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        units = units.checked_mul(10)?.checked_add(i128::from(digit))?;
        Some(())
    };
    for &byte in whole {
        push(byte)?;
    }
    for place in 0..scale.max(fraction.len()) {
        let byte = fraction.get(place).copied().unwrap_or(b'0');
        if place < scale {
            push(byte)?;
        } else if byte != b'0' {
            return None;
        }
    }
    let limit = 10i128.checked_pow(u32::from(precision))?;
    (units < limit).then_some(if negative { -units } else { units })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_scale_are_kept() {
        for (text, value) in [
            ("1.5", Some(150)),
            ("-1.50", Some(-150)),
            ("1.500", Some(150)),
            ("1.505", None),
            ("999.99", Some(99_999)),
            ("1000", None),
            ("0", Some(0)),
            (".5", Some(50)),
            ("5.", Some(500)),
            ("007", None),
            ("1e3", None),
            ("1.5.0", None),
            ("--1", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(parse(text.as_bytes(), 5, 2), value, "{text}");
        }
        assert_eq!(parse(&[b'9'; 38], 38, 0), Some(10i128.pow(38) - 1));
        assert_eq!(parse(&[b'9'; 39], 38, 0), None);
    }
}
