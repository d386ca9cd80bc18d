use std::io;

use cleanzone_error::{ErrorName, Fault};

use crate::SinkError;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes could not be fetched.
    #[error("cannot read the source")]
    Read(#[source] io::Error),
    /// The sink could not take what was read.
    #[error("cannot write what was read")]
    Sink(#[source] SinkError),
    /// The header does not fit what is wanted of it.
    #[error("cannot plan the columns")]
    Plan(#[source] SinkError),
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Read(_) | Self::Sink(_) => ErrorName::Io,
            Self::Plan(_) => ErrorName::SchemaConflict,
        }
    }
}
