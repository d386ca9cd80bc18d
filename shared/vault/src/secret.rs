use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A value in the clear: overwritten when dropped, and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The value, for whoever may see it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text of these bytes; they are overwritten where they are none.
    pub(crate) fn from_utf8(bytes: Vec<u8>) -> Option<Self> {
        match String::from_utf8(bytes) {
            Ok(text) => Some(Self(Zeroizing::new(text))),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A key in the clear: 32 bytes, overwritten when dropped, and never shown by `Debug`.
pub(crate) struct KeyBytes(Zeroizing<[u8; 32]>);

impl KeyBytes {
    /// The key of these bytes, which are overwritten; `None` where they are not 32.
    pub(crate) fn take(mut bytes: Vec<u8>) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        let fits = bytes.len() == key.len();
        if fits {
            key.copy_from_slice(&bytes);
        }
        bytes.zeroize();
        fits.then_some(Self(key))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Zeroizing<[u8; 32]> {
        self.0
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_themselves() {
        let secret = Secret::from_utf8(b"jane@example.com".to_vec()).unwrap();
        assert_eq!(secret.expose(), "jane@example.com");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(format!("{:?}", KeyBytes::take(vec![7; 32]).unwrap()), "KeyBytes(…)");
        assert!(Secret::from_utf8(vec![0xff]).is_none() && KeyBytes::take(vec![7; 31]).is_none());
    }
}
