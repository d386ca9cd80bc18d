use cleanzone_error::{ErrorName, Fault};

use crate::Location;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong with an object. Messages name the object, never its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such object (or version).
    #[error("{0} does not exist")]
    NotFound(Location),
    /// There is no such bucket.
    #[error("bucket {0} does not exist")]
    NoBucket(String),
    /// The object is not the one that was asked for any more.
    #[error("{0} changed while it was being read")]
    Changed(Location),
    /// The precondition of a write does not hold.
    #[error("{0} is not in the state that this write expects")]
    Precondition(Location),
    /// Another write to the object was under way.
    #[error("another write to {0} is under way")]
    Conflict(Location),
    /// The role lacks a permission.
    #[error("not allowed to {action} {at}")]
    AccessDenied {
        /// The S3 action, such as `s3:GetObject`.
        action: &'static str,
        /// The object.
        at: Location,
        /// What the service said.
        source: Source,
    },
    /// The object is in an archived storage class.
    #[error("{0} is archived (Glacier); restore it first")]
    Archived(Location),
    /// The service asked for a slower pace.
    #[error("throttled at {0}")]
    Throttled(Location, #[source] Source),
    /// The service failed or could not be reached.
    #[error("storage unavailable at {0}")]
    Unavailable(Location, #[source] Source),
    /// The service refused the request.
    #[error("{action} of {at} was refused")]
    Refused {
        /// The S3 action.
        action: &'static str,
        /// The object.
        at: Location,
        /// What the service said.
        source: Source,
    },
    /// A local file could not be read or written.
    #[error("{0}")]
    Io(Location, #[source] std::io::Error),
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::NotFound(_) => ErrorName::SourceNotFound,
            Self::NoBucket(_) => ErrorName::ResourceNotFound,
            Self::Changed(_) => ErrorName::SourceChanged,
            Self::Precondition(_) | Self::Conflict(_) => ErrorName::Conflict,
            Self::AccessDenied { .. } => ErrorName::AccessDenied,
            Self::Archived(_) => ErrorName::SourceArchived,
            Self::Throttled(..) => ErrorName::Throttled,
            Self::Unavailable(..) => ErrorName::ServiceUnavailable,
            Self::Refused { .. } => ErrorName::Internal,
            Self::Io(..) => ErrorName::Io,
        }
    }
}
