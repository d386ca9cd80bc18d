/// A key as S3 writes it in notifications and Batch Operations manifests: `application/x-www-form-urlencoded`, `+` for
/// a space and `%XX` for a byte. A `%` that no two hexadecimal digits follow stands for itself: no encoder writes one,
/// so it comes from a sender that does not encode.
///
/// `None` where the bytes are not UTF-8, which every S3 key is.
pub(crate) fn form_decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    /// What S3 does (`/` left alone) and what some other senders do (`/` encoded).
    fn form_encode(key: &str, slash: bool, upper: bool) -> String {
        let mut text = String::new();
        for byte in key.bytes() {
            match byte {
                b' ' => text.push('+'),
                b'/' if !slash => text.push('/'),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => text.push(char::from(byte)),
                _ if upper => write!(text, "%{byte:02X}").unwrap(),
                _ => write!(text, "%{byte:02x}").unwrap(),
            }
        }
        text
    }

    #[test]
    fn decodes_what_s3_encodes() {
        for (encoded, key) in [
            ("a+b%2Bc", "a b+c"),
            ("100%25/%C3%A4%F0%9F%8E%B2.csv", "100%/ä🎲.csv"),
            ("year%3D2026%2Fmonth%3D11%2Fa.csv", "year=2026/month=11/a.csv"),
            ("%2525", "%25"),
            ("100%", "100%"),
            ("100%2", "100%2"),
            ("%zz%+", "%zz% "),
        ] {
            assert_eq!(form_decode(encoded).as_deref(), Some(key), "{encoded}");
        }
    }

    #[test]
    fn refuses_what_is_not_utf8() {
        for encoded in ["caf%E9.csv", "%80", "%F0%9F%8E", "%ED%A0%80"] {
            assert_eq!(form_decode(encoded), None, "{encoded}");
        }
    }

    proptest! {
        #[test]
        fn undoes_the_encoding(key in any::<String>(), slash in any::<bool>(), upper in any::<bool>()) {
            prop_assert_eq!(form_decode(&form_encode(&key, slash, upper)), Some(key));
        }

        #[test]
        fn takes_anything(text in any::<String>()) {
            let _ = form_decode(&text);
        }
    }
}
