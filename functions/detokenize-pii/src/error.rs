use cleanzone_error::{ErrorName, Fault};

/// Why a call gets no answer. No message holds a token, a value, or anything else of the request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request is none: {0}")]
    Request(&'static str),
    #[error("{count} {what} in one call; {limit} are the most")]
    TooMany { what: &'static str, count: usize, limit: usize },
    #[error("the proof of who calls is not accepted: {0}")]
    Proof(&'static str),
    #[error("STS does not confirm who calls: it answered {status}")]
    Unconfirmed { status: u16 },
    #[error("STS could not be asked who calls")]
    Sts(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the allow-list has no entry for this role, purpose and action")]
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
    #[error("the call could not be ended in the time that the function has")]
    OutOfTime,
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Request(_) => ErrorName::InvalidEvent,
            Self::TooMany { .. } => ErrorName::LimitExceeded,
            Self::Proof(_) | Self::Unconfirmed { .. } | Self::Denied => ErrorName::AccessDenied,
            Self::Sts(_) | Self::OutOfTime => ErrorName::ServiceUnavailable,
            Self::AllowList { .. } | Self::Uri { .. } => ErrorName::InvalidSettings,
            Self::Vault(error) => error.name(),
            Self::Audit(error) | Self::Storage(error) => error.name(),
        }
    }
}
