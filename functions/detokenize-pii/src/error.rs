use cleanzone_error::{ErrorName, Fault};
use cleanzone_tabular as tabular;

/// Why a call gets no answer. No message holds a token or a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request is none: {0}")]
    Request(&'static str),
    #[error("{found} {what} in one call; {limit} are the most")]
    TooMany { what: &'static str, found: u64, limit: u64 },
    #[error("the proof of who calls is not accepted: {0}")]
    Proof(&'static str),
    #[error("the proof has been used before; make a new one for each call")]
    Replayed,
    #[error("STS does not confirm who calls: it answered {status}")]
    Unconfirmed { status: u16 },
    #[error("STS could not be asked who calls")]
    Sts(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the allow-list has no entry for this role, purpose and action, and for what is asked for")]
    Denied,
    #[error("the allow-list {at} cannot be used")]
    AllowList { at: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{name} is {found:?}: expected an S3 URI, s3://<bucket>/<key>")]
    Uri { name: &'static str, found: String },
    #[error(transparent)]
    Vault(#[from] cleanzone_vault::Error),
    #[error("the audit record could not be written, so nothing is answered")]
    Audit(#[source] cleanzone_storage::Error),
    #[error("the allow-list could not be read")]
    Storage(#[source] cleanzone_storage::Error),
    /// The object that was asked for, or the one that it becomes.
    #[error(transparent)]
    Object(#[from] cleanzone_lake::Error),
    #[error("the file has no column with the name that is number {0} of those asked for")]
    NoColumn(usize),
    #[error("the file has several columns with the name that is number {0} of those asked for")]
    AmbiguousColumn(usize),
    #[error("the column that is number {0} of those asked for holds no text")]
    NoText(usize),
    #[error("the Parquet file cannot be read")]
    Parquet(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the object lies in the bucket that holds originals and results; ask for a file of the lake")]
    Original,
    /// How a column or a value was protected.
    #[error(transparent)]
    Method(#[from] cleanzone_pii::Error),
    #[error("the answer would have {found} bytes; Lambda sends {limit}: ask for less at once, or for an object")]
    LongAnswer { found: usize, limit: usize },
    #[error("the call could not be ended in the time that the function has")]
    OutOfTime,
    /// A defect of ours.
    #[error("the work ended unexpectedly")]
    Ended(#[source] tokio::task::JoinError),
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
            Err(error) => Self::Object(cleanzone_lake::Error::read(error)),
        }
    }

    /// Whether the call was refused, and did not fail.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Proof(_)
                | Self::Replayed
                | Self::Unconfirmed { .. }
                | Self::Denied
                | Self::Original
                | Self::TooMany { .. }
        )
    }
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Request(_) => ErrorName::InvalidEvent,
            Self::TooMany { .. } | Self::LongAnswer { .. } => ErrorName::LimitExceeded,
            Self::Proof(_) | Self::Replayed | Self::Unconfirmed { .. } | Self::Denied | Self::Original => {
                ErrorName::AccessDenied
            }
            Self::Sts(_) | Self::OutOfTime => ErrorName::ServiceUnavailable,
            Self::AllowList { .. } | Self::Uri { .. } => ErrorName::InvalidSettings,
            Self::NoColumn(_) | Self::AmbiguousColumn(_) | Self::NoText(_) => ErrorName::SchemaConflict,
            Self::Parquet(_) => ErrorName::InvalidFileFormat,
            Self::Vault(error) => error.name(),
            Self::Method(error) => error.name(),
            Self::Object(error) => error.name(),
            Self::Audit(error) | Self::Storage(error) => error.name(),
            Self::Ended(_) => ErrorName::Internal,
        }
    }
}
