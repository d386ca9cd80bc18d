use arrow::datatypes::DataType;
use cleanzone_error::{ErrorName, Fault};
use parquet::errors::ParquetError;

/// Why a Parquet file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The output could not be written.
    #[error("cannot write Parquet")]
    Write(#[source] std::io::Error),
    /// A column has a type that is not written; columns count from 0.
    #[error("cannot write column {column} as Parquet: its type is {data_type}")]
    Type {
        /// Position of the column, from 0.
        column: usize,
        /// Its type.
        data_type: DataType,
    },
    /// A batch differs from the file's schema in its columns or their types.
    #[error("the batch has another schema than the file")]
    Schema,
    /// A column that may not be null is null somewhere.
    #[error("column {0} has a null but is declared to have none")]
    Null(usize),
    /// A decimal has more digits than its column.
    #[error("a decimal has more digits than its column of precision {0}")]
    Precision(u8),
    /// A single value does not fit into a page.
    #[error("a page of {0} bytes is longer than Parquet allows")]
    Page(usize),
    /// Zstandard has no such level.
    #[error("Zstandard has levels from 1 to 22, not {0}")]
    Level(i32),
    /// A page could not be compressed.
    #[error("cannot compress a page")]
    Compress(#[source] std::io::Error),
    /// A thread that encodes could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// An earlier call failed; the file cannot be completed.
    #[error("the file was given up after an earlier error")]
    Abandoned,
    /// The footer cannot be read back, which is a defect of the encoder.
    #[error("the Parquet footer cannot be read back")]
    Footer(#[source] ParquetError),
    /// The encoder failed, which is a defect of its own.
    #[error("the Parquet encoder failed")]
    Encoder,
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Write(_) => ErrorName::Io,
            Self::Page(_) => ErrorName::LimitExceeded,
            Self::Level(_) => ErrorName::InvalidSettings,
            Self::Type { .. }
            | Self::Schema
            | Self::Null(_)
            | Self::Precision(_)
            | Self::Compress(_)
            | Self::Thread(_)
            | Self::Abandoned
            | Self::Footer(_)
            | Self::Encoder => ErrorName::Internal,
        }
    }
}
