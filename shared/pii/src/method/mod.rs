//! What personal data is replaced by.

use std::fmt;

use crate::{
    Error, Key, Reason, Refusal,
    key::{Field, Place},
};

mod encrypt;
mod fpe;
mod generalize;
mod hash;
mod shuffle;
mod text;

pub use encrypt::{Mode, decrypt, key_id};
pub use fpe::{Alphabet, reveal};
pub use generalize::{DateLayout, Generalization};
pub use shuffle::Shuffle;

use encrypt::Encrypt;
use fpe::Fpe;
use generalize::Generalize;
use hash::Hash;

/// What [`Method::Redact`] makes of any value.
pub const REDACTED: &str = "#####";

/// How a column's values are replaced. The table in the [crate's documentation](crate) says what each protects against.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// A keyed hash: equal values stay equal, and nobody gets them back.
    Hash,
    /// Encryption, which whoever has the key can revert.
    Encrypt(Mode),
    /// Encryption that keeps length, alphabet and separators.
    Fpe(Alphabet),
    /// All characters but the last become another one.
    Mask {
        /// How many characters stay. Of a value that has no more than this, none does.
        keep_last: usize,
        /// What the others become.
        character: char,
    },
    /// Every value becomes [`REDACTED`].
    Redact,
    /// The values of a window of rows are dealt out anew among them.
    Shuffle {
        /// Rows of a window, at least 2.
        window: usize,
    },
    /// The value gets coarser.
    Generalize(Generalization),
    /// The column is left out.
    Drop,
}

impl Method {
    /// Its name, as `lake.toml` has it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Encrypt(_) => "encrypt",
            Self::Fpe(_) => "fpe",
            Self::Mask { .. } => "mask",
            Self::Redact => "redact",
            Self::Shuffle { .. } => "shuffle",
            Self::Generalize(_) => "generalize",
            Self::Drop => "drop",
        }
    }

    /// Whether it takes a [`Key`].
    pub const fn needs_key(&self) -> bool {
        matches!(self, Self::Hash | Self::Encrypt(_) | Self::Fpe(_) | Self::Shuffle { .. })
    }

    /// This method for one column of one object.
    ///
    /// # Errors
    /// [`Error::NoKey`] and [`Error::InvalidMethod`].
    pub fn prepare(&self, field: &Field, key: Option<&Key>, place: Place<'_>) -> Result<Prepared, Error> {
        let key = || key.ok_or(Error::NoKey { method: self.name() });
        let how = match self {
            Self::Hash => How::Hash(Hash::new(field, key()?)),
            Self::Encrypt(mode) => How::Encrypt(Box::new(Encrypt::new(*mode, field, key()?, place))),
            Self::Fpe(alphabet) => How::Fpe(Box::new(Fpe::new(alphabet, field, key()?)?)),
            Self::Mask { keep_last, character } => How::Mask { keep_last: *keep_last, character: *character },
            Self::Redact => How::Redact,
            Self::Shuffle { window } => return Shuffle::new(*window, field, key()?, place).map(Prepared::Rows),
            Self::Generalize(to) => How::Generalize(Generalize::new(to)?),
            Self::Drop => return Ok(Prepared::Gone),
        };
        Ok(Prepared::Values(Replacer { column: field.column().to_owned(), method: self.name(), how }))
    }
}

/// A method for one column of one object.
#[derive(Debug)]
pub enum Prepared {
    /// It replaces value by value.
    Values(Replacer),
    /// It exchanges the values of rows.
    Rows(Shuffle),
    /// The column is left out.
    Gone,
}

/// Replaces the values of one column. The same values in the same rows of the same object always give the same.
pub struct Replacer {
    column: String,
    method: &'static str,
    how: How,
}

enum How {
    Hash(Hash),
    Encrypt(Box<Encrypt>),
    Fpe(Box<Fpe>),
    Mask { keep_last: usize, character: char },
    Redact,
    Generalize(Generalize),
}

impl Replacer {
    /// Appends to `out` what stands for `value` in the row `row`, counted from 0 over the whole object. An empty value
    /// stays empty.
    ///
    /// # Errors
    /// [`Refusal`] where the method does not take the value; `out` is as it was.
    pub fn apply(&mut self, value: &str, row: u64, out: &mut String) -> Result<(), Refusal> {
        if value.is_empty() {
            return Ok(());
        }
        let replaced = match &mut self.how {
            How::Hash(hash) => {
                hash.apply(value, out);
                Ok(())
            }
            How::Encrypt(encrypt) => encrypt.apply(value, row, out).ok_or(Reason::TooLong),
            How::Fpe(fpe) => fpe.apply(value, out),
            How::Mask { keep_last, character } => {
                mask(value, *keep_last, *character, out);
                Ok(())
            }
            How::Redact => {
                out.push_str(REDACTED);
                Ok(())
            }
            How::Generalize(generalize) => generalize.apply(value, out),
        };
        replaced.map_err(|reason| Refusal { column: self.column.clone(), method: self.method, reason })
    }
}

impl fmt::Debug for Replacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replacer").field("column", &self.column).field("method", &self.method).finish_non_exhaustive()
    }
}

fn mask(value: &str, keep_last: usize, character: char, out: &mut String) {
    let length = value.chars().count();
    let hidden = if length <= keep_last { length } else { length - keep_last };
    out.extend(value.chars().enumerate().map(|(i, c)| if i < hidden { character } else { c }));
}

/// Whether a value is what [`Method::Hash`], [`Method::Encrypt`] or [`Method::Redact`] makes.
pub fn is_replaced(value: &str) -> bool {
    match value.as_bytes() {
        [b'#', ..] => value == REDACTED,
        [b'h' | b'H' | b'e' | b'E', ..] => is_hash(value) || encrypt::is_encrypted(value),
        _ => false,
    }
}

fn is_hash(value: &str) -> bool {
    value.split_at_checked(hash::PREFIX.len()).is_some_and(|(head, rest)| {
        head.eq_ignore_ascii_case(hash::PREFIX) && rest.len() == hash::LENGTH && text::is_encoded(rest)
    })
}

#[cfg(test)]
mod tests;
