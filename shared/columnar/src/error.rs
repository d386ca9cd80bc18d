use cleanzone_error::{ErrorName, Fault};
use parquet::errors::ParquetError;

/// Why a Parquet file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The output could not be written.
    #[error("cannot write Parquet")]
    Write(#[source] std::io::Error),
    /// The encoder failed.
    #[error("cannot encode Parquet")]
    Parquet(#[source] ParquetError),
}

impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(io) => Self::Write(*io),
                Err(other) => Self::Parquet(ParquetError::External(other)),
            },
            other => Self::Parquet(other),
        }
    }
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Write(_) => ErrorName::Io,
            Self::Parquet(_) => ErrorName::Internal,
        }
    }
}
