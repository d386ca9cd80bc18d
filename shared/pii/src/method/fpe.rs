use std::collections::HashMap;

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString, NumeralStringError};

use crate::{Error, Key, Reason, Undecryptable, key::Field};

/// More characters than any value of a fixed form has.
const LONGEST: usize = 256;

/// The characters that format-preserving encryption replaces by each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet {
    characters: Vec<char>,
    numerals: HashMap<char, u16>,
}

impl Alphabet {
    /// `0-9`.
    pub fn digits() -> Self {
        Self::of("0123456789".chars())
    }

    /// `0-9 A-Z a-z`.
    pub fn alphanumeric() -> Self {
        Self::of(('0'..='9').chain('A'..='Z').chain('a'..='z'))
    }

    /// Any 2 to 1,024 different characters.
    ///
    /// # Errors
    /// [`Error::InvalidMethod`].
    pub fn custom(characters: &str) -> Result<Self, Error> {
        let alphabet = Self::of(characters.chars());
        let n = alphabet.characters.len();
        if (2..=1024).contains(&n) && alphabet.numerals.len() == n {
            Ok(alphabet)
        } else {
            let reason = "an alphabet has 2 to 1,024 characters, each of them once".to_owned();
            Err(Error::InvalidMethod { method: "fpe", reason })
        }
    }

    fn of(characters: impl Iterator<Item = char>) -> Self {
        let characters: Vec<_> = characters.collect();
        let numerals = (0_u16..).zip(&characters).map(|(numeral, character)| (*character, numeral)).collect();
        Self { characters, numerals }
    }
}

/// FF1 with AES-256 ([NIST SP 800-38G](https://doi.org/10.6028/NIST.SP.800-38G)) over the characters of the alphabet;
/// the others stay where they are. The tweak is scope and type.
pub(super) struct Fpe {
    cipher: FF1<Aes256>,
    alphabet: Alphabet,
    tweak: Vec<u8>,
}

impl Fpe {
    pub(super) fn new(alphabet: &Alphabet, field: &Field, key: &Key) -> Result<Self, Error> {
        Self::with(alphabet, key.derive::<32>("fpe", field).as_slice(), field.binding())
    }

    fn with(alphabet: &Alphabet, secret: &[u8], tweak: Vec<u8>) -> Result<Self, Error> {
        let radix = u32::try_from(alphabet.characters.len()).unwrap_or(u32::MAX);
        let cipher = FF1::new(secret, radix);
        let cipher = cipher.map_err(|e| Error::InvalidMethod { method: "fpe", reason: e.to_string() })?;
        Ok(Self { cipher, alphabet: alphabet.clone(), tweak })
    }

    pub(super) fn apply(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        self.replace(value, out, |numerals| self.cipher.encrypt(&self.tweak, numerals))
    }

    fn revert(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        self.replace(value, out, |numerals| self.cipher.decrypt(&self.tweak, numerals))
    }

    fn replace(
        &self,
        value: &str,
        out: &mut String,
        cipher: impl FnOnce(&FlexibleNumeralString) -> Result<FlexibleNumeralString, NumeralStringError>,
    ) -> Result<(), Reason> {
        let mut numerals = Vec::with_capacity(value.len().min(LONGEST));
        for character in value.chars() {
            match self.alphabet.numerals.get(&character) {
                Some(_) if numerals.len() == LONGEST => return Err(Reason::TooLong),
                Some(numeral) => numerals.push(*numeral),
                None if character.is_alphanumeric() => return Err(Reason::OutsideAlphabet),
                None => {}
            }
        }
        let replaced = cipher(&numerals.into()).map_err(|error| match error {
            NumeralStringError::TooLong { .. } => Reason::TooLong,
            NumeralStringError::InvalidForRadix(_) => Reason::OutsideAlphabet,
            NumeralStringError::TooShort { .. } => Reason::DomainTooSmall,
        })?;
        let mut replaced = Vec::from(replaced).into_iter();
        out.extend(value.chars().map(|character| {
            if self.alphabet.numerals.contains_key(&character) {
                replaced.next().map_or(character, |numeral| self.alphabet.characters[usize::from(numeral)])
            } else {
                character
            }
        }));
        Ok(())
    }
}

/// What [`Method::Fpe`](crate::Method::Fpe) made of a value, decrypted; an empty text stays empty. FF1 has nothing to
/// tell a wrong key by: with one, or with another scope, type or alphabet, the result is some other value.
///
/// # Errors
/// [`Error::Undecryptable`] where the text cannot have been made so.
pub fn reveal(replaced: &str, alphabet: &Alphabet, field: &Field, key: &Key) -> Result<String, Error> {
    let mut out = String::with_capacity(replaced.len());
    if !replaced.is_empty() {
        let reverted = Fpe::new(alphabet, field, key)?.revert(replaced, &mut out);
        reverted.map_err(|_| Error::Undecryptable { reason: Undecryptable::Form })?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn the_cipher_gives_the_samples_of_nist_sp_800_38g() {
        // FF1 samples 7, 8 and 9: AES-256.
        let key = HEXLOWER.decode(b"2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94").unwrap();
        let radix_36 = Alphabet::custom("0123456789abcdefghijklmnopqrstuvwxyz").unwrap();
        let tweak_10 = HEXLOWER.decode(b"39383736353433323130").unwrap();
        let tweak_36 = HEXLOWER.decode(b"3737373770717273373737").unwrap();
        for (alphabet, tweak, plain, cipher) in [
            (Alphabet::digits(), Vec::new(), "0123456789", "6657667009"),
            (Alphabet::digits(), tweak_10, "0123456789", "1001623463"),
            (radix_36, tweak_36, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
        ] {
            let fpe = Fpe::with(&alphabet, &key, tweak).unwrap();
            let (mut sealed, mut opened) = (String::new(), String::new());
            fpe.apply(plain, &mut sealed).unwrap();
            fpe.revert(&sealed, &mut opened).unwrap();
            assert_eq!((sealed.as_str(), opened.as_str()), (cipher, plain));
        }
    }
}
