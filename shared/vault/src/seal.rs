use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use zeroize::Zeroizing;

use crate::{
    secret::{KeyBytes, Secret},
    token::Token,
};

pub(crate) const NONCE: usize = 12;
const TAG: usize = 16;

/// A data key: values are sealed with AES-256-GCM under it.
///
/// Nonces are random, so a key is good for 2³² values (NIST SP 800-38D §8.3); rotate it before.
pub(crate) struct DataKey {
    pub(crate) id: String,
    cipher: Aes256Gcm,
}

/// What a sealed value belongs to. It cannot be opened as anything else.
pub(crate) struct Label<'a> {
    pub(crate) token: Token,
    pub(crate) scope: &'a str,
    pub(crate) kind: &'a str,
}

impl DataKey {
    pub(crate) fn new(id: String, key: &KeyBytes) -> Self {
        Self { id, cipher: Aes256Gcm::new(key.bytes().into()) }
    }

    /// Nonce, ciphertext and tag; `None` where the value is longer than 64 GiB.
    pub(crate) fn seal(&self, label: &Label<'_>, nonce: &[u8; NONCE], value: &str) -> Option<Vec<u8>> {
        let mut sealed = Vec::with_capacity(NONCE + value.len() + TAG);
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(value.as_bytes());
        let aad = self.associated(label);
        let tag = self.cipher.encrypt_inout_detached(nonce.into(), &aad, (&mut sealed[NONCE..]).into()).ok()?;
        sealed.extend_from_slice(&tag);
        Some(sealed)
    }

    /// The value; `None` where a bit of it, or of what it belongs to, is not as it was sealed.
    pub(crate) fn open(&self, label: &Label<'_>, sealed: &[u8]) -> Option<Secret> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
        let (text, tag) = rest.split_last_chunk::<TAG>()?;
        let mut value = Zeroizing::new(text.to_vec());
        let aad = self.associated(label);
        self.cipher.decrypt_inout_detached(nonce.into(), &aad, value.as_mut_slice().into(), tag.into()).ok()?;
        Secret::from_utf8(std::mem::take(&mut *value))
    }

    /// All parts with their lengths, so that no two labels read the same.
    fn associated(&self, label: &Label<'_>) -> Vec<u8> {
        let token = label.token.text();
        let parts = ["cleanzone-vault/1", &*token, label.scope, label.kind, &self.id];
        let mut bytes = Vec::with_capacity(256);
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Shape;

    fn key(id: &str, byte: u8) -> DataKey {
        DataKey::new(id.to_owned(), &KeyBytes::take(vec![byte; 32]).unwrap())
    }

    fn token(byte: u8, shape: Shape) -> Token {
        Token::new(&[byte; 16], shape)
    }

    #[test]
    fn a_value_opens_only_as_what_it_was_sealed() {
        let label = Label { token: token(1, Shape::Plain), scope: "crm", kind: "email" };
        let sealed = key("k", 7).seal(&label, &[0; NONCE], "jane@example.com").unwrap();
        assert_eq!(key("k", 7).open(&label, &sealed).unwrap().expose(), "jane@example.com");
        assert!(key("k", 8).open(&label, &sealed).is_none());
        assert!(key("l", 7).open(&label, &sealed).is_none());
        for other in [
            Label { token: token(2, Shape::Plain), ..label },
            Label { token: token(1, Shape::Email), ..label },
            Label { scope: "crme", kind: "mail", ..label },
            Label { kind: "phone", ..label },
        ] {
            assert!(key("k", 7).open(&other, &sealed).is_none());
        }
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_found(value in "\\PC{0,40}", nonce: [u8; NONCE], place: prop::sample::Index) {
            let label = Label { token: token(1, Shape::Plain), scope: "crm", kind: "name" };
            let mut sealed = key("k", 7).seal(&label, &nonce, &value).unwrap();
            prop_assert_eq!(sealed.len(), NONCE + value.len() + TAG);
            let opened = key("k", 7).open(&label, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), value);
            let bit = place.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(key("k", 7).open(&label, &sealed).is_none());
            prop_assert!(key("k", 7).open(&label, &sealed[..bit / 8]).is_none());
        }
    }
}
