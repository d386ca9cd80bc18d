//! What failures of AWS mean.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use cleanzone_error::ErrorName;

use crate::Error;

/// A call as errors name it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) action: &'static str,
    pub(crate) resource: &'a str,
}

impl Call<'_> {
    pub(crate) fn error<E>(self, error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let (name, hint) = match &error {
            SdkError::ServiceError(answer) => {
                meaning(error.code().unwrap_or_default(), Some(answer.raw().status().as_u16()))
            }
            SdkError::ConstructionFailure(_) => (ErrorName::Internal, ""),
            _ => (ErrorName::ServiceUnavailable, ""),
        };
        match error {
            SdkError::ServiceError(answer) => self.failed(name, hint, answer.into_err()),
            error => self.failed(name, hint, error),
        }
    }

    /// A part of a batch that failed by itself, with one of `BatchStatementErrorCodeEnum`. Its message is left out: it
    /// may repeat what was to be written.
    pub(crate) fn part(self, code: &str) -> Error {
        let (name, hint) = meaning(code, None);
        self.failed(name, hint, code.to_owned())
    }

    pub(crate) fn unbuilt(self, error: BuildError) -> Error {
        self.failed(ErrorName::Internal, "", error)
    }

    pub(crate) fn failed(
        self,
        name: ErrorName,
        hint: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Error {
        Error::Call { name, action: self.action, resource: self.resource.to_owned(), hint, source: source.into() }
    }
}

/// Codes: those of each call, and
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>,
/// <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html>.
fn meaning(code: &str, status: Option<u16>) -> (ErrorName, &'static str) {
    match code {
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "KMSAccessDeniedException" => {
            (ErrorName::AccessDenied, "; allow the function's role this action")
        }
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired" => (ErrorName::AccessDenied, "; the credentials are not accepted"),
        "ResourceNotFoundException" | "ResourceNotFound" | "NotFoundException" => {
            (ErrorName::ResourceNotFound, "; is it the right name, region and account?")
        }
        "DisabledException" | "KMSInvalidStateException" => {
            (ErrorName::ResourceNotFound, "; the key is disabled, or about to be deleted: enable it again")
        }
        "InvalidKeyUsageException" => (ErrorName::InvalidSettings, "; it takes a symmetric encryption key"),
        "ThrottlingException"
        | "Throttling"
        | "ThrottlingError"
        | "TooManyRequestsException"
        | "LimitExceededException"
        | "RequestLimitExceeded"
        | "ProvisionedThroughputExceeded"
        | "ProvisionedThroughputExceededException" => (ErrorName::Throttled, ""),
        "TransactionConflict" | "TransactionConflictException" => (ErrorName::Conflict, ""),
        "InternalServerError"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "DependencyTimeoutException"
        | "KeyUnavailableException"
        | "KMSInternalException"
        | "RequestExpired" => (ErrorName::ServiceUnavailable, ""),
        _ => match status {
            Some(429) => (ErrorName::Throttled, ""),
            Some(401 | 403) => (ErrorName::AccessDenied, "; allow the function's role this action"),
            None | Some(400..500) => (ErrorName::Internal, ""),
            // A 200 that is no answer of AWS, such as a proxy's page, is no better than a 503.
            Some(_) => (ErrorName::ServiceUnavailable, ""),
        },
    }
}
