use std::{fmt, ops::Deref};

use data_encoding::BASE32_DNSSEC;
use sha2::{Digest, Sha256};

/// What every token begins with; the digit is the version of the format.
const PREFIX: &str = "tok1_";
/// No mail is ever delivered there: RFC 2606 §2 and RFC 6761 §6.4 reserve `invalid`.
const DOMAIN: &str = "@token.invalid";

pub(crate) const RANDOM: usize = 16;
const CHECK: usize = 4;
const PAYLOAD: usize = RANDOM + CHECK;
/// 20 bytes are 32 letters of five bits, without a rest.
const PLAIN: usize = PREFIX.len() + PAYLOAD * 8 / 5;
const LONGEST: usize = PLAIN + DOMAIN.len();

/// How a token looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `tok1_` and 32 of 0-9 and a-v: 37 characters, which no dialect of CSV has to quote.
    #[default]
    Plain,
    /// The same before `@token.invalid`: 51 characters, for whoever insists on an address. No mail can reach it.
    Email,
}

/// What stands for a value: 128 random bits and a checksum, and nothing of the value.
///
/// The text is `tok1_`, then random bits and checksum as 32 letters of RFC 4648's *base32hex* in lower case, then what
/// the [`Shape`] adds. The checksum is the first 32 bits of the SHA-256 of all that is before it, so one token in four
/// billion survives a typing error, and text that is no token passes for one as rarely.
///
/// ```
/// use cleanzone_vault::Token;
///
/// assert!(Token::parse("jane@example.com").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    payload: [u8; PAYLOAD],
    shape: Shape,
}

impl Token {
    /// The token that the text is; `None` where it is none. Only the exact text is: no spaces, no capitals.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.strip_prefix(PREFIX)?;
        let (letters, shape) = match letters.strip_suffix(DOMAIN) {
            Some(letters) => (letters, Shape::Email),
            None => (letters, Shape::Plain),
        };
        // The encoding takes capitals too.
        if letters.len() != PLAIN - PREFIX.len() || letters.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let mut payload = [0; PAYLOAD];
        BASE32_DNSSEC.decode_mut(letters.as_bytes(), &mut payload).ok()?;
        let (random, check) = payload.split_first_chunk::<RANDOM>()?;
        (check == checksum(random)).then_some(Self { payload, shape })
    }

    /// The token of these random bits.
    pub(crate) fn new(random: &[u8; RANDOM], shape: Shape) -> Self {
        let mut payload = [0; PAYLOAD];
        payload[..RANDOM].copy_from_slice(random);
        payload[RANDOM..].copy_from_slice(&checksum(random));
        Self { payload, shape }
    }

    /// What [`Token::new`] makes it of.
    pub(crate) fn random(&self) -> &[u8] {
        &self.payload[..RANDOM]
    }

    /// How it looks.
    pub fn shape(self) -> Shape {
        self.shape
    }

    /// The same token in another shape; both stand for the same value.
    #[must_use]
    pub fn shaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// Its text.
    pub fn text(self) -> TokenText {
        let mut bytes = [0; LONGEST];
        bytes[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        BASE32_DNSSEC.encode_mut(&self.payload, &mut bytes[PREFIX.len()..PLAIN]);
        bytes[PLAIN..].copy_from_slice(DOMAIN.as_bytes());
        let length = match self.shape {
            Shape::Plain => PLAIN,
            Shape::Email => LONGEST,
        };
        TokenText { bytes, length }
    }
}

/// Whether the text is a token.
pub fn is_token(text: &str) -> bool {
    Token::parse(text).is_some()
}

fn checksum(random: &[u8; RANDOM]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update(PREFIX).chain_update(random).finalize();
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest[..CHECK]);
    check
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// The text of a token, without an allocation.
#[derive(Clone, Copy)]
pub struct TokenText {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Deref for TokenText {
    type Target = str;

    fn deref(&self) -> &str {
        // Always ASCII.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl AsRef<str> for TokenText {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BITS: [u8; RANDOM] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255];

    #[test]
    fn the_format_never_changes() {
        // Computed with Python's hashlib and base64.
        let text = "tok1_000g40o40k30e209185go38evsoetlak";
        assert_eq!(&*Token::new(&BITS, Shape::Plain).text(), text);
        assert_eq!(&*Token::new(&BITS, Shape::Email).text(), format!("{text}@token.invalid"));
    }

    #[test]
    fn an_email_token_is_an_address_and_stands_for_the_same() {
        let token = Token::new(&BITS, Shape::Email);
        let text = token.text();
        let (local, domain) = text.split_once('@').unwrap();
        assert_eq!(domain, "token.invalid");
        // RFC 5321 §4.5.3.1.1.
        assert!(local.len() <= 64);
        assert_eq!(Token::parse(local), Some(token.shaped(Shape::Plain)));
    }

    proptest! {
        #[test]
        fn a_token_reads_back_as_it_was_written(random: [u8; RANDOM], email: bool) {
            let token = Token::new(&random, if email { Shape::Email } else { Shape::Plain });
            let text = token.text();
            prop_assert_eq!(Token::parse(&text), Some(token));
            prop_assert_eq!(text.len(), if email { 51 } else { 37 });
            let plain = &text[..37];
            prop_assert!(plain.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{}", plain);
        }

        #[test]
        fn a_changed_letter_is_no_token(random: [u8; RANDOM], place in 0..37_usize, letter in "[ -~]") {
            let text = Token::new(&random, Shape::Plain).text();
            let mut changed = String::from(&*text);
            changed.replace_range(place..=place, &letter);
            prop_assert_eq!(is_token(&changed), changed == *text);
        }

        #[test]
        fn swapped_or_missing_letters_are_no_token(random: [u8; RANDOM], place in 5..36_usize) {
            let text = Token::new(&random, Shape::Plain).text();
            let mut swapped = text.as_bytes().to_vec();
            swapped.swap(place, place + 1);
            let swapped = String::from_utf8(swapped).unwrap();
            prop_assert_eq!(is_token(&swapped), swapped == *text);
            for other in [&text[..place], &text[1..], &format!("{}x", &*text), &format!(" {}", &*text)] {
                prop_assert!(!is_token(other));
            }
            prop_assert!(!is_token(&text.to_uppercase()));
        }

        #[test]
        fn other_text_is_no_token(text in "\\PC{0,60}", letters in "[0-9a-v]{32}") {
            prop_assert!(!is_token(&text));
            let made_up = format!("tok1_{letters}");
            prop_assert!(!is_token(&made_up));
        }
    }
}
