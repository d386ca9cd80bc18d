use std::io;

use arrow::datatypes::DataType;
use cleanzone_error::{ErrorName, Fault};

use crate::{InputError, SinkError, SniffError, types::sql_name};

/// Why a file could not be read. No message holds a value of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes could not be fetched. The error is the one that the [`Source`](crate::Source) gave, so that its
    /// owner can take out what it put in.
    #[error("cannot read the source")]
    Read(#[source] io::Error),
    /// The sink could not take what was read.
    #[error("cannot write what was read")]
    Sink(#[source] SinkError),
    /// The header does not fit what is wanted of it.
    #[error("cannot plan the columns")]
    Plan(#[source] SinkError),
    /// A plan wants what the reader cannot do.
    #[error("column {column:?} cannot be read as {}: {why}", sql_name(data_type))]
    Declaration {
        /// The column's name.
        column: String,
        /// The type that is declared.
        data_type: DataType,
        /// What is wrong with it.
        why: String,
    },
    /// What is wanted contradicts itself.
    #[error("{0}")]
    Settings(String),
    /// A broken row, where none is allowed, or a file whose structure is not clear.
    #[error("line {line}, byte {offset}: {what}")]
    MalformedCsv {
        /// Line, from 1.
        line: u64,
        /// Byte in the decompressed text, from 0.
        offset: u64,
        /// What was found, and what can be done.
        what: String,
    },
    /// The text in the file could not be got at.
    #[error(transparent)]
    Input(InputError),
    /// How the file is delimited could not be found out.
    #[error(transparent)]
    Sniff(#[from] SniffError),
    /// The file is larger or wider than what is allowed.
    #[error("{0}")]
    LimitExceeded(String),
    /// Too many rows do not fit; where not a single one does, no setting allows it.
    #[error(
        "{rejected} of {records} records do not fit ({reasons}){}; first: {first}; {advice}{}",
        if rejected == records { String::new() } else {
            format!(", which is more than max_rejected_ratio = {allowed} allows")
        },
        if rejected == records { "" } else {
            ", or keep such rows (bad_rows = \"rescue\"), or raise max_rejected_ratio"
        },
    )]
    TooManyRejectedRows {
        /// Rows that do not fit.
        rejected: u64,
        /// All records.
        records: u64,
        /// The share that may be rejected.
        allowed: f64,
        /// Why, and how often.
        reasons: String,
        /// Lines and reasons of the first ones.
        first: String,
        /// What can be done about the very first.
        advice: &'static str,
    },
    /// A value cannot be written as the file is.
    #[error(
        "a value that replaces another in column {column} needs quotes, and the file has none; set the quote, or choose \
         another method for the column"
    )]
    Unquotable {
        /// Which column, from 1.
        column: usize,
    },
    /// The source gave other bytes when it was read a second time.
    #[error("the source changed while it was read")]
    SourceChanged,
    /// What should have been impossible.
    #[error("the reader broke its own rules: {0}")]
    Internal(String),
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Read(_) | Self::Sink(_) => ErrorName::Io,
            Self::Plan(_) => ErrorName::SchemaConflict,
            Self::Declaration { .. } | Self::Settings(_) | Self::Unquotable { .. } => ErrorName::InvalidSettings,
            Self::MalformedCsv { .. } => ErrorName::MalformedCsv,
            Self::Input(error) => error.name(),
            Self::Sniff(error) => error.name(),
            Self::LimitExceeded(_) => ErrorName::LimitExceeded,
            Self::TooManyRejectedRows { .. } => ErrorName::TooManyRejectedRows,
            Self::SourceChanged => ErrorName::SourceChanged,
            Self::Internal(_) => ErrorName::Internal,
        }
    }
}

impl From<InputError> for Error {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Read(error) => Self::Read(error),
            error => Self::Input(error),
        }
    }
}

/// An [`InputError`] travels through a [`Read`](io::Read) inside an [`io::Error`]; it comes out as it was.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        InputError::from(error).into()
    }
}
