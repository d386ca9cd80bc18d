use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// A secret of 256 bits and the id under which it is known. Wiped from memory when dropped.
///
/// It is never used itself: each method works with a key of its own for each scope and type, expanded from the secret
/// with HKDF-Expand over SHA-256 ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869), 2.3; 3.3 allows to leave out the
/// extraction, as the secret is already uniformly random). The *info* is `cleanzone-pii/1`, the purpose, the scope and
/// the type, each behind its length as eight bytes, big-endian.
#[derive(Clone)]
pub struct Key {
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

impl Key {
    /// `id` takes 1 to 64 of `a-z 0-9 -`; it is written into what is encrypted. `secret` has to be random.
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub fn new(id: &str, secret: Zeroizing<[u8; 32]>) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        Ok(Self { id: name("key id", id, "a-z 0-9 -", allowed)?, secret })
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key of one purpose in one scope and type.
    pub(crate) fn derive<const N: usize>(&self, purpose: &str, field: &Field) -> Zeroizing<[u8; N]> {
        let mut info = Vec::new();
        append(&mut info, ["cleanzone-pii/1", purpose, &field.scope, &field.data_type]);
        expand(self.secret.as_slice(), &info)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a column's values are, and for which circle of data sets. Equal values get equal replacements only within one
/// scope and type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    column: String,
    scope: String,
    data_type: String,
}

impl Field {
    /// `column` is only for messages. `scope` and `data_type` take 1 to 64 of `a-z 0-9 _ . -`.
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub fn new(column: &str, scope: &str, data_type: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
        Ok(Self {
            column: column.to_owned(),
            scope: name("scope", scope, "a-z 0-9 _ . -", allowed)?,
            data_type: name("type", data_type, "a-z 0-9 _ . -", allowed)?,
        })
    }

    pub(crate) fn column(&self) -> &str {
        &self.column
    }

    /// Scope and type as one text that no other scope and type have.
    pub(crate) fn binding(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, [&self.scope, &self.data_type]);
        bytes
    }
}

/// Where a column's values stand: what random choices are made from, so that the same object gives the same output.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Bucket, key and version of the object, in any form that no other version shares.
    pub object: &'a str,
    /// Position of the column, from 0.
    pub column: u32,
}

impl Place<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, [self.object]);
        bytes.extend(self.column.to_be_bytes());
        bytes
    }
}

fn name(what: &'static str, text: &str, characters: &'static str, allowed: fn(u8) -> bool) -> Result<String, Error> {
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(Error::InvalidName { what, found: text.to_owned(), allowed: characters })
    }
}

/// Texts behind their lengths, so that no two lists give the same bytes.
fn append<'a>(bytes: &mut Vec<u8>, texts: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>) {
    for text in texts {
        let text = text.as_ref().as_bytes();
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text);
    }
}

pub(crate) fn keyed(key: &[u8]) -> HmacSha256 {
    #[allow(clippy::expect_used)]
    <HmacSha256 as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// HKDF-Expand (RFC 5869, 2.3).
fn expand<const N: usize>(secret: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    let mac = keyed(secret);
    let mut output = Zeroizing::new([0; N]);
    let mut previous = Zeroizing::new([0_u8; 32]);
    for (counter, block) in (1_u8..=255).zip(output.chunks_mut(32)) {
        let mut mac = mac.clone();
        if counter > 1 {
            mac.update(previous.as_slice());
        }
        mac.update(info);
        mac.update(&[counter]);
        previous.copy_from_slice(&mac.finalize().into_bytes());
        block.copy_from_slice(&previous[..block.len()]);
    }
    output
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn keys_are_expanded_as_rfc_5869_does() {
        // A.1, from the pseudorandom key onwards.
        let secret = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
        let output = expand::<42>(&secret, &hex("f0f1f2f3f4f5f6f7f8f9"));
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(HEXLOWER.encode(output.as_slice()), expected);
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        // Test case 2.
        let mut mac = keyed(b"Jefe");
        mac.update(b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(HEXLOWER.encode(&mac.finalize().into_bytes()), expected);
    }

    #[test]
    fn every_purpose_scope_and_type_has_its_own_key() {
        let key = Key::new("k1", Zeroizing::new([7; 32])).unwrap();
        let derive = |purpose: &str, scope: &str, data_type: &str| {
            *key.derive::<32>(purpose, &Field::new("c", scope, data_type).unwrap())
        };
        let keys = [derive("a", "b", "c"), derive("ab", "c", "d"), derive("a", "bc", "d"), derive("a", "b", "cd")];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key));
        }
        assert_eq!(derive("a", "b", "c"), keys[0]);
    }

    #[test]
    fn a_key_shows_only_its_id() {
        let key = Key::new("k1", Zeroizing::new([171; 32])).unwrap();
        assert_eq!(format!("{key:?}"), r#"Key { id: "k1", .. }"#);
        assert!(Key::new("K_1", Zeroizing::new([0; 32])).is_err());
        assert!(Field::new("c", "", "email").is_err() && Field::new("c", "crm", "E-Mail").is_err());
    }
}
