//! Bytes as text that needs no quotes anywhere and survives tools that change the case.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Base 32 of RFC 4648 in lower case, without padding; read in either case.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    specification.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
    #[allow(clippy::expect_used)]
    specification.encoding().expect("the specification is constant, and every test uses it")
});

pub(super) fn encode(bytes: &[u8], out: &mut String) {
    BASE32.encode_append(bytes, out);
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE32.decode(text.as_bytes()).ok()
}

/// Whether `text` is what [`encode`] makes, up to its last bits.
pub(super) fn is_encoded(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b))
}

/// The value in Unicode's normalisation form C: equal texts get equal bytes.
pub(super) fn append_nfc(value: &str, bytes: &mut Vec<u8>) {
    if is_nfc_quick(value.chars()) == IsNormalized::Yes {
        bytes.extend(value.as_bytes());
    } else {
        bytes.extend(value.nfc().collect::<String>().as_bytes());
    }
}
