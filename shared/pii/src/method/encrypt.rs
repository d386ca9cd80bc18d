use aes_siv::{KeyInit, siv::Aes256Siv};
use hmac::Mac;
use zeroize::Zeroizing;

use super::text;
use crate::{
    Error, Key, Undecryptable,
    key::{Field, HmacSha256, Place, keyed},
};

/// Whether equal values give equal ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They do, within one scope, type and key: they can be joined and counted, and so compared.
    Deterministic,
    /// They do not: each row has a nonce of its own.
    Randomized,
}

impl Mode {
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Deterministic => "enc1d_",
            Self::Randomized => "enc1r_",
        }
    }

    const fn purpose(self) -> &'static str {
        match self {
            Self::Deterministic => "encrypt-deterministic",
            Self::Randomized => "encrypt-randomized",
        }
    }
}

const NONCE: usize = 16;

/// AES-256-SIV ([RFC 5297](https://www.rfc-editor.org/rfc/rfc5297)) over the value, bound to key id, scope and type:
/// the prefix of the mode, the key's id, `_`, and in base 32 the nonce (randomised only), the synthetic IV and the
/// ciphertext.
///
/// The randomised mode is the nonce-based one of RFC 5297, 3. Its nonce is a keyed function of object, column and row, so
/// that a retry gives the same bytes. The value of a row may still differ between two runs, where the rules have
/// changed between them. Under AES-GCM a nonce that is used for two texts gives away their difference and the
/// authentication key; under SIV it shows no more than whether the two are equal.
pub(super) struct Encrypt {
    siv: Aes256Siv,
    mode: Mode,
    head: String,
    headers: [Vec<u8>; 2],
    nonces: HmacSha256,
}

impl Encrypt {
    pub(super) fn new(mode: Mode, field: &Field, key: &Key, place: Place<'_>) -> Self {
        let mut nonces = keyed(key.derive::<32>("nonce", field).as_slice());
        nonces.update(&place.bytes());
        let head = format!("{}{}_", mode.prefix(), key.id());
        Self { siv: cipher(mode, field, key), mode, headers: headers(&head, field), head, nonces }
    }

    /// `None` only where the value is longer than the cipher takes.
    pub(super) fn apply(&mut self, value: &str, row: u64, out: &mut String) -> Option<()> {
        let mut bytes = Vec::new();
        let [head, binding] = &self.headers;
        let sealed = match self.mode {
            Mode::Deterministic => self.siv.encrypt([head.as_slice(), binding], value.as_bytes()),
            Mode::Randomized => {
                let mut mac = self.nonces.clone();
                mac.update(&row.to_be_bytes());
                bytes.extend(&mac.finalize().into_bytes()[..NONCE]);
                self.siv.encrypt([head.as_slice(), binding, &bytes], value.as_bytes())
            }
        };
        bytes.extend(sealed.ok()?);
        out.push_str(&self.head);
        text::encode(&bytes, out);
        Some(())
    }
}

fn cipher(mode: Mode, field: &Field, key: &Key) -> Aes256Siv {
    let secret = key.derive::<64>(mode.purpose(), field);
    Aes256Siv::new((&*secret).into())
}

fn headers(head: &str, field: &Field) -> [Vec<u8>; 2] {
    [head.as_bytes().to_vec(), field.binding()]
}

/// The id of the key that a text was encrypted with, if it is one.
pub fn key_id(encrypted: &str) -> Option<&str> {
    let (_, rest) = split(encrypted)?;
    rest.split_once('_').map(|(id, _)| id)
}

/// What [`Method::Encrypt`](crate::Method::Encrypt) made of a value, decrypted; an empty text stays empty.
///
/// # Errors
/// [`Error::Undecryptable`].
pub fn decrypt(encrypted: &str, field: &Field, key: &Key) -> Result<Zeroizing<String>, Error> {
    let undecryptable = |reason| Error::Undecryptable { reason };
    if encrypted.is_empty() {
        return Ok(Zeroizing::new(String::new()));
    }
    let form = || undecryptable(Undecryptable::Form);
    let (mode, rest) = split(encrypted).ok_or_else(form)?;
    let (id, sealed) = rest.split_once('_').ok_or_else(form)?;
    if !id.eq_ignore_ascii_case(key.id()) {
        return Err(undecryptable(Undecryptable::Key { id: id.chars().take(64).collect() }));
    }
    let sealed = text::decode(sealed).ok_or_else(form)?;
    let [head, binding] = headers(&format!("{}{}_", mode.prefix(), key.id()), field);
    let mut siv = cipher(mode, field, key);
    let opened = match mode {
        Mode::Deterministic => siv.decrypt([head, binding], &sealed),
        Mode::Randomized => {
            let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(form)?;
            siv.decrypt([head.as_slice(), &binding, nonce], sealed)
        }
    };
    let opened = opened.map_err(|_| undecryptable(Undecryptable::Changed))?;
    let text = String::from_utf8(opened).map_err(|_| undecryptable(Undecryptable::Form))?;
    Ok(Zeroizing::new(text))
}

fn split(encrypted: &str) -> Option<(Mode, &str)> {
    [Mode::Deterministic, Mode::Randomized].into_iter().find_map(|mode| {
        let (head, rest) = encrypted.split_at_checked(mode.prefix().len())?;
        head.eq_ignore_ascii_case(mode.prefix()).then_some((mode, rest))
    })
}

pub(super) fn is_encrypted(value: &str) -> bool {
    let sealed = split(value).and_then(|(_, rest)| rest.split_once('_'));
    sealed.is_some_and(|(id, sealed)| !id.is_empty() && sealed.len() >= 26 && text::is_encoded(sealed))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_cipher_is_the_one_of_rfc_5297_with_keys_of_256_bits() {
        // The headers and texts of RFC 5297 A.1, under the longer keys of the Miscreant project's test vectors.
        let key = hex(concat!(
            "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f06f6e6d6c6b6a69686766656463626160",
            "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f"
        ));
        let key: [u8; 64] = key.try_into().unwrap();
        let header = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
        let sealed = Aes256Siv::new((&key).into()).encrypt([header], &hex("112233445566778899aabbccddee")).unwrap();
        assert_eq!(HEXLOWER.encode(&sealed), "f125274c598065cfc26b0e71575029088b035217e380cac8919ee800c126");
    }
}
