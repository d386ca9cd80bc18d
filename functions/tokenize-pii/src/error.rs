use cleanzone_error::{ErrorName, Fault};
use cleanzone_tabular as tabular;

/// Why a file was not sent on. No message holds a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Storage, the rules, the content of the file, the deadline.
    #[error(transparent)]
    Lake(#[from] cleanzone_lake::Error),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] cleanzone_vault::Error),
    /// How a column is to be protected.
    #[error(transparent)]
    Method(#[from] cleanzone_pii::Error),
    /// A value that a method does not take.
    #[error("{0}; nothing was sent on: choose another method for the column, or correct the file")]
    Refused(cleanzone_pii::Refusal),
    /// Columns that are declared to hold personal data are not in the file.
    #[error(
        "the file lacks columns that are declared to hold personal data: {0}; their values may stand under another name, \
         so nothing was sent on. Correct the file's header, or the names in lake.toml"
    )]
    Missing(String),
    /// The rules say nothing of personal data in this dataset.
    #[error(
        "no rule says what is personal in this dataset; declare `pii` for its columns in lake.toml, or \
         `pii.detect = \"token\"`, or upload it to the lake itself"
    )]
    Undeclared,
    /// Columns that are not declared look personal.
    #[error(
        "columns that no rule declares look personal: {0}; nothing was sent on. Declare `pii` for them in lake.toml"
    )]
    Found(String),
    /// A width of buckets.
    #[error("`bucket` has to be a whole number, at least 1")]
    Bucket,
    /// The stack would send files on to itself.
    #[error("the file would be sent on to the bucket that it came from; name the lake's landing bucket")]
    Recursive,
    /// Other writers were faster every time.
    #[error("gave up on {0}: other writers were faster each time")]
    Contention(String),
    /// The time ran out while the vault was waited for.
    #[error(
        "the vault did not answer in the time that the function has; values that have got their tokens keep them, so \
         that another try gets further"
    )]
    Late,
    /// A defect of ours.
    #[error("the work ended unexpectedly")]
    Ended(#[source] tokio::task::JoinError),
    /// A defect of ours.
    #[error("the work on a column ended unexpectedly")]
    Panicked,
}

impl Error {
    /// An error of the reader; where it only carries one of ours or of the lake's, that one.
    pub(crate) fn read(error: tabular::Error) -> Self {
        let inner = match error {
            tabular::Error::Sink(inner) => inner.downcast::<Self>().map_err(tabular::Error::Sink),
            tabular::Error::Plan(inner) => inner.downcast::<Self>().map_err(tabular::Error::Plan),
            other => Err(other),
        };
        match inner {
            Ok(ours) => *ours,
            Err(error) => Self::Lake(cleanzone_lake::Error::read(error)),
        }
    }
}

impl From<cleanzone_storage::Error> for Error {
    fn from(error: cleanzone_storage::Error) -> Self {
        Self::Lake(error.into())
    }
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Lake(error) => error.name(),
            Self::Vault(error) => error.name(),
            Self::Method(error) => error.name(),
            Self::Refused(error) => error.name(),
            Self::Missing(_) => ErrorName::SchemaConflict,
            Self::Undeclared | Self::Found(_) => ErrorName::PiiNotTokenized,
            Self::Bucket => ErrorName::InvalidSettings,
            Self::Recursive => ErrorName::RecursiveOutput,
            Self::Contention(_) => ErrorName::Conflict,
            Self::Late => ErrorName::ServiceUnavailable,
            Self::Ended(_) | Self::Panicked => ErrorName::Internal,
        }
    }
}
