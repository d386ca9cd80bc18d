use cleanzone_error::{ErrorName, Fault};

/// What can go wrong with the vault. No message holds a value, sealed or not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A scope or type has a name that is none.
    #[error("{found:?} is no name for a {what}: it takes 1 to 64 of a-z, 0-9, `_`, `.` and `-`")]
    Name {
        /// `scope` or `type`.
        what: &'static str,
        /// The name, as the settings have it.
        found: String,
    },
    /// A table has a name that is none.
    #[error("{found:?} is no name for a table: it takes 3 to 255 of a-z, A-Z, 0-9, `_`, `.` and `-`")]
    Table {
        /// The name, as the settings have it.
        found: String,
    },
    /// A value is longer than the vault takes.
    #[error("a value of {scope}/{kind} has {length} bytes, and the vault takes {limit}; it is no personal datum")]
    TooLong {
        /// The field's scope.
        scope: String,
        /// The field's type.
        kind: String,
        /// Bytes found.
        length: usize,
        /// Bytes taken.
        limit: usize,
    },
    /// An item of the table is not as the vault has written it.
    #[error("the item {item} was changed by someone else; find out by whom, and restore it from a backup")]
    Tampered {
        /// The item's key.
        item: String,
    },
    /// A key of the vault is gone, while items that need it are there.
    #[error("the item {item} is missing, without which the vault cannot be read; restore it from a backup")]
    KeyMissing {
        /// The item's key.
        item: String,
    },
    /// The operating system has no random numbers, or repeats them.
    #[error("no random numbers")]
    Randomness(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A part of the work ended without a result.
    #[error("a task of the vault ended early")]
    Ended(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table or the key service refused or failed a call.
    #[error("{action} on {resource}: {}{hint}", refusal(*.name))]
    Call {
        /// What that means.
        name: ErrorName,
        /// The call, named as the permission for it: `dynamodb:BatchGetItem`.
        action: &'static str,
        /// The table or key.
        resource: String,
        /// What would settle it, with its own punctuation; may be empty.
        hint: &'static str,
        /// What the service said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Name { .. } | Self::Table { .. } => ErrorName::InvalidSettings,
            Self::TooLong { .. } => ErrorName::LimitExceeded,
            Self::KeyMissing { .. } => ErrorName::ResourceNotFound,
            Self::Tampered { .. } | Self::Randomness(_) | Self::Ended(_) => ErrorName::Internal,
            Self::Call { name, .. } => *name,
        }
    }
}

fn refusal(name: ErrorName) -> &'static str {
    match name {
        ErrorName::AccessDenied => "not allowed",
        ErrorName::Throttled => "asked for a slower pace",
        ErrorName::Conflict => "changed by another writer meanwhile",
        ErrorName::ResourceNotFound => "not found",
        _ => "failed",
    }
}
