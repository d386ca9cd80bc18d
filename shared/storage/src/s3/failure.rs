//! What S3's errors mean here.
//!
//! Codes: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::{Error, Location};

/// What was asked for, by the permission that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Get,
    GetVersion,
    Put,
    AbortUpload,
    Delete,
    List,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "s3:GetObject",
            Self::GetVersion => "s3:GetObjectVersion",
            Self::Put => "s3:PutObject",
            Self::AbortUpload => "s3:AbortMultipartUpload",
            Self::Delete => "s3:DeleteObject",
            Self::List => "s3:ListBucket",
        }
    }
}

type Source = Box<dyn StdError + Send + Sync>;

/// The error of a request.
pub(super) fn failure<E>(action: Action, at: &Location, error: SdkError<E, HttpResponse>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().map(str::to_owned);
            let status = service.raw().status().as_u16();
            by_code(action, at, code.as_deref(), Some(status), error.into())
        }
        // The same request would fail again.
        SdkError::ConstructionFailure(_) => unexpected(action, at, error),
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() || lacks_credentials(&error) => {
            unexpected(action, at, error)
        }
        // A timeout, no connection, an answer cut short.
        _ => Error::Unavailable(at.clone(), error.into()),
    }
}

/// Whether nobody has configured any, or not rightly; a provider that fails may recover.
fn lacks_credentials(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<CredentialsError>() {
            return matches!(
                error,
                CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)
            );
        }
        next = error.source();
    }
    false
}

/// The error that a code, or where there is none a status, stands for.
pub(super) fn by_code(action: Action, at: &Location, code: Option<&str>, status: Option<u16>, source: Source) -> Error {
    let puts = action == Action::Put;
    let changes = puts || action == Action::Delete;
    match (code.unwrap_or_default(), status.unwrap_or_default()) {
        ("NoSuchBucket", _) => Error::NoBucket(at.bucket.clone()),
        ("InvalidObjectState", _) => Error::Archived(at.clone()),
        // Parts that are gone: aborted by a lifecycle rule, or already completed by an earlier attempt.
        ("NoSuchUpload" | "ConditionalRequestConflict" | "OperationAborted", _) | (_, 409) => {
            Error::Conflict(at.clone())
        }
        ("PreconditionFailed", _) | (_, 412) if changes => Error::Precondition(at.clone()),
        ("PreconditionFailed", _) | (_, 412) => Error::Changed(at.clone()),
        // `If-Match` on an object that does not exist.
        (_, 404) if puts => Error::Precondition(at.clone()),
        // 405: the version is a delete marker.
        ("NoSuchKey" | "NoSuchVersion" | "NotFound", _) | (_, 404 | 405) => Error::NotFound(at.clone()),
        ("RequestTimeout" | "InternalError", _) => Error::Unavailable(at.clone(), source),
        ("SlowDown" | "ServiceUnavailable" | "TooManyRequests" | "RequestLimitExceeded", _) | (_, 429 | 503) => {
            Error::Throttled(at.clone(), source)
        }
        (code, _) if code.contains("Throttl") => Error::Throttled(at.clone(), source),
        ("AccessDenied" | "ExpiredToken" | "InvalidToken", _) | (_, 401 | 403) => {
            Error::AccessDenied { action: action.name(), at: at.clone(), source }
        }
        (_, 500..) => Error::Unavailable(at.clone(), source),
        _ => Error::Refused { action: action.name(), at: at.clone(), source },
    }
}

/// What should not happen.
pub(super) fn unexpected(action: Action, at: &Location, source: impl Into<Source>) -> Error {
    Error::Refused { action: action.name(), at: at.clone(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use cleanzone_error::{ErrorName, Fault};

    use super::*;

    fn name(action: Action, code: &str, status: u16) -> ErrorName {
        let at = Location::new("b", "k");
        by_code(action, &at, (!code.is_empty()).then_some(code), Some(status), "said".into()).name()
    }

    #[test]
    fn every_code_has_its_name() {
        use ErrorName::{
            AccessDenied, Conflict, Internal, ResourceNotFound, ServiceUnavailable, SourceArchived, SourceChanged,
            SourceNotFound, Throttled,
        };
        for (action, code, status, expected) in [
            (Action::Get, "NoSuchKey", 404, SourceNotFound),
            (Action::Get, "", 404, SourceNotFound),
            (Action::Get, "NoSuchBucket", 404, ResourceNotFound),
            (Action::GetVersion, "NoSuchVersion", 404, SourceNotFound),
            (Action::GetVersion, "MethodNotAllowed", 405, SourceNotFound),
            (Action::Get, "PreconditionFailed", 412, SourceChanged),
            (Action::Get, "InvalidObjectState", 403, SourceArchived),
            (Action::Get, "AccessDenied", 403, AccessDenied),
            (Action::Get, "", 403, AccessDenied),
            (Action::Put, "ExpiredToken", 400, AccessDenied),
            (Action::Put, "PreconditionFailed", 412, Conflict),
            (Action::Delete, "PreconditionFailed", 412, Conflict),
            (Action::Delete, "NoSuchKey", 404, SourceNotFound),
            (Action::Put, "ConditionalRequestConflict", 409, Conflict),
            (Action::Put, "NoSuchUpload", 404, Conflict),
            (Action::Put, "NoSuchKey", 404, Conflict),
            (Action::Put, "NoSuchBucket", 404, ResourceNotFound),
            (Action::Put, "SlowDown", 503, Throttled),
            (Action::Put, "KMS.ThrottlingException", 400, Throttled),
            (Action::Put, "", 429, Throttled),
            (Action::Put, "RequestTimeout", 400, ServiceUnavailable),
            (Action::Put, "InternalError", 500, ServiceUnavailable),
            (Action::Put, "", 502, ServiceUnavailable),
            (Action::Put, "EntityTooLarge", 400, Internal),
        ] {
            assert_eq!(name(action, code, status), expected, "{action:?} {code} {status}");
        }
    }

    #[test]
    fn a_missing_permission_is_named() {
        let error = by_code(Action::GetVersion, &Location::new("b", "k"), Some("AccessDenied"), Some(403), "no".into());
        assert_eq!(error.to_string(), "not allowed to s3:GetObjectVersion s3://b/k");
    }
}
