use std::fmt;

use async_trait::async_trait;

use zeroize::Zeroizing;

use crate::{Field, Result, Secret, Token};

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// This value.
    Value {
        /// Its scope.
        scope: String,
        /// Its type.
        kind: String,
        /// The value, as it was first tokenized.
        value: Secret,
    },
    /// Nothing: it was forgotten, has expired, or is of another vault.
    NotFound,
    /// Nothing that can be trusted: what the table holds is not what the vault has written.
    Tampered,
}

/// A token, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The token, as asked for.
    pub token: Token,
    /// What it stands for.
    pub resolution: Resolution,
}

/// The key of the methods that keep nothing in the vault: hashing, encryption, shuffling. One a vault, wrapped like its
/// other keys; it does not rotate, as equal values have to stay equal.
#[derive(Clone)]
pub struct MethodKey {
    /// Sixteen lower-case letters and digits by which it is known, drawn with it.
    pub id: String,
    /// 256 random bits, overwritten when dropped.
    pub secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for MethodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A place that gives values tokens, and alone knows the way back.
///
/// Every call can fail with [`Error::Call`](crate::Error::Call), after it was tried again for a minute if that can help.
/// A call that failed, or was dropped, can be made again: it finds what it had done.
#[async_trait]
pub trait TokenVault: Send + Sync + fmt::Debug {
    /// The tokens of these values, one each, in order. A value that has none gets one; whoever asks for it at the same
    /// time, in whatever process, gets the same one. A value that *is* a token comes back as it is, whoever made it.
    ///
    /// Values are taken as they are, apart from Unicode's composition; see [`normalise`](crate::normalise). An empty
    /// value is a value; nulls are the caller's. A thousand values a call are a good number: duplicates, and values
    /// that were seen within minutes, cost no access to the table.
    ///
    /// # Errors
    /// [`Error::TooLong`](crate::Error::TooLong) for a value beyond 64 KiB, before anything is written;
    /// [`Error::Tampered`](crate::Error::Tampered) where an entry is not as the vault has written it.
    async fn tokenize(&self, field: &Field, values: &[&str]) -> Result<Vec<Token>>;

    /// What these tokens stand for, one answer each, in order.
    ///
    /// # Errors
    /// [`Error::KeyMissing`](crate::Error::KeyMissing) where a data key is gone. An entry that was changed is no error,
    /// but the [`Resolution`] of its token.
    async fn resolve(&self, tokens: &[Token]) -> Result<Vec<Resolved>>;

    /// Forgets a value of a field; says whether it was known. Its token can never be resolved again, and the value
    /// gets a new one when it comes again. Other processes may hand out the old token for up to five minutes.
    async fn forget_value(&self, field: &Field, value: &str) -> Result<bool>;

    /// Forgets what a token stands for; says whether it stood for anything.
    async fn forget_token(&self, token: Token) -> Result<bool>;

    /// Makes a new data key and seals new values under it; values sealed under older ones stay readable. Says the id
    /// of the key that is current now, which is another process's where one has rotated at the same time. Other
    /// processes follow within a quarter of an hour.
    async fn rotate(&self) -> Result<String>;

    /// The key of the methods that need one; made when it is first asked for.
    async fn method_key(&self) -> Result<MethodKey>;
}
