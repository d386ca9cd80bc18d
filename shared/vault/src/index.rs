use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hash as Hashed, Hasher},
};

use data_encoding::BASE32_DNSSEC;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::{UnicodeNormalization, is_nfc};
use zeroize::Zeroizing;

use crate::{Field, secret::KeyBytes};

type Hash = Hmac<Sha256>;

pub(crate) const PROOF: usize = 16;

/// What a value is found by: HMAC-SHA-256 over scope, type and value, all 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(crate) [u8; 32]);

/// Values by fingerprint. Nobody without the index key can choose fingerprints that fall together, so they are not
/// hashed once more.
pub(crate) type ByPrint<T> = HashMap<Fingerprint, T, BuildHasherDefault<First>>;

/// The hash of what is a hash already: its first eight bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct First(u64);

impl Hashed for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Hasher for First {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Fingerprint {
    pub(crate) fn append_to(&self, text: &mut String) {
        BASE32_DNSSEC.encode_append(&self.0, text);
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        BASE32_DNSSEC.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

/// The vault's index key. Nobody can compute a fingerprint without it, so a dictionary of all phone numbers says nothing
/// about the table; and nobody can write an item that passes for one of the vault's.
#[derive(Clone)]
pub(crate) struct Index {
    fingerprints: Hash,
    proofs: Hash,
}

impl Index {
    pub(crate) fn new(key: &KeyBytes) -> Self {
        // Two uses, two keys, so that no proof is ever a fingerprint.
        let part = |use_: &str| {
            let derived: Zeroizing<[u8; 32]> =
                Zeroizing::new(keyed(key.bytes()).chain_update(use_).finalize().into_bytes().into());
            keyed(&derived)
        };
        Self { fingerprints: part("cleanzone-vault/1/fingerprint"), proofs: part("cleanzone-vault/1/proof") }
    }

    /// What fingerprints the values of one field.
    pub(crate) fn field(&self, field: &Field) -> FieldIndex {
        let mut begun = self.fingerprints.clone();
        feed(&mut begun, field.scope().as_bytes());
        feed(&mut begun, field.kind().as_bytes());
        FieldIndex(begun)
    }

    /// Says that the vault has written these parts of an item.
    pub(crate) fn prove<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; PROOF] {
        let full: [u8; 32] = self.proof(parts).finalize().into_bytes().into();
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&full[..PROOF]);
        proof
    }

    /// Whether the vault has written these parts; takes the same time whatever differs.
    pub(crate) fn proves<'a>(&self, proof: &[u8; PROOF], parts: impl IntoIterator<Item = &'a [u8]>) -> bool {
        self.proof(parts).verify_truncated_left(proof).is_ok()
    }

    fn proof<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
        let mut hash = self.proofs.clone();
        for part in parts {
            feed(&mut hash, part);
        }
        hash
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Index(…)")
    }
}

pub(crate) struct FieldIndex(Hash);

impl FieldIndex {
    pub(crate) fn fingerprint(&self, value: &str) -> Fingerprint {
        let mut hash = self.0.clone();
        match composed(value) {
            Cow::Borrowed(value) => feed(&mut hash, value.as_bytes()),
            Cow::Owned(value) => feed(&mut hash, Zeroizing::new(value).as_bytes()),
        }
        Fingerprint(hash.finalize().into_bytes().into())
    }
}

/// In Unicode's canonical composition (NFC, UAX 15).
fn composed(value: &str) -> Cow<'_, str> {
    if value.is_ascii() || is_nfc(value) { Cow::Borrowed(value) } else { Cow::Owned(value.nfc().collect()) }
}

/// HMAC-SHA-256 under a key of 32 bytes, which RFC 2104 fills up to a block with zeros.
fn keyed(key: &[u8; 32]) -> Hash {
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    Hash::new((&*block).into())
}

/// A part with its length before it, so that no two lists of parts read the same.
fn feed(hash: &mut Hash, part: &[u8]) {
    hash.update(&(part.len() as u64).to_be_bytes());
    hash.update(part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(byte: u8) -> Index {
        Index::new(&KeyBytes::take(vec![byte; 32]).unwrap())
    }

    fn print(index: &Index, scope: &str, kind: &str, value: &str) -> Fingerprint {
        index.field(&Field::new(scope, kind).unwrap()).fingerprint(value)
    }

    #[test]
    fn fingerprints_never_change() {
        // Computed with Python's hmac and hashlib.
        let expected = "dmpg08ikj849ik7j2jgkg0n0pl6h4bhjq6okj9qhdk0akf18e6v0";
        let found = print(&index(7), "crm", "email", "jane@example.com");
        let mut text = String::new();
        found.append_to(&mut text);
        assert_eq!(text, expected);
        assert_eq!(Fingerprint::parse(expected), Some(found));
        assert_eq!(Fingerprint::parse("x"), None);
    }

    #[test]
    fn every_part_of_a_fingerprint_counts() {
        let index = index(7);
        let found = print(&index, "ab", "c", "d");
        for other in [
            print(&index, "a", "bc", "d"),
            print(&index, "ab", "cd", ""),
            print(&index, "ab", "c", "d "),
            print(&index, "ab", "c", "D"),
            print(&self::index(8), "ab", "c", "d"),
        ] {
            assert_ne!(other, found);
        }
    }

    #[test]
    fn a_letter_has_one_fingerprint_however_it_is_composed() {
        let index = index(7);
        assert_eq!(print(&index, "a", "name", "Zoe\u{308}"), print(&index, "a", "name", "Zo\u{eb}"));
        assert_ne!(print(&index, "a", "name", "Zoe"), print(&index, "a", "name", "Zo\u{eb}"));
    }

    #[test]
    fn a_proof_holds_for_these_parts_only() {
        let index = index(7);
        let proof = index.prove([b"a".as_slice(), b"bc"]);
        assert!(index.proves(&proof, [b"a".as_slice(), b"bc"]));
        assert!(!index.proves(&proof, [b"ab".as_slice(), b"c"]));
        assert!(!self::index(8).proves(&proof, [b"a".as_slice(), b"bc"]));
    }
}
