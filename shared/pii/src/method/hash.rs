use hmac::Mac;

use super::text::{self, append_nfc};
use crate::{
    Key,
    key::{Field, HmacSha256, keyed},
};

pub(super) const PREFIX: &str = "hash1_";

/// Letters behind the prefix: 32 bytes.
pub(super) const LENGTH: usize = 52;

/// `hash1_` and HMAC-SHA-256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104), FIPS 198-1) of the value in NFC, all
/// 256 bits of it.
pub(super) struct Hash {
    mac: HmacSha256,
    normal: Vec<u8>,
}

impl Hash {
    pub(super) fn new(field: &Field, key: &Key) -> Self {
        Self { mac: keyed(key.derive::<32>("hash", field).as_slice()), normal: Vec::new() }
    }

    pub(super) fn apply(&mut self, value: &str, out: &mut String) {
        self.normal.clear();
        append_nfc(value, &mut self.normal);
        let mut mac = self.mac.clone();
        mac.update(&self.normal);
        out.push_str(PREFIX);
        text::encode(&mac.finalize().into_bytes(), out);
    }
}
