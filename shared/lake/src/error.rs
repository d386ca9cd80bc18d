use cleanzone_error::{ErrorName, Fault};
use cleanzone_storage::Location;

use crate::rules::DEIDENTIFIED;

/// Why an object was not converted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key names no table.
    #[error("object key `{key}` names no table: {reason}")]
    Key {
        /// The decoded key.
        key: String,
        /// What is missing.
        reason: String,
    },
    /// The source lies in the bucket that conversions write to.
    #[error("{0} lies in the clean zone itself; converting it would trigger itself for ever")]
    Recursive(Location),
    /// The source or an output object.
    #[error(transparent)]
    Storage(#[from] cleanzone_storage::Error),
    /// The table.
    #[error(transparent)]
    Catalog(#[from] cleanzone_catalog::Error),
    /// The content of the source.
    #[error(transparent)]
    Read(cleanzone_tabular::Error),
    /// The Parquet file.
    #[error(transparent)]
    Write(cleanzone_columnar::Error),
    /// A file of the dataset and its table do not fit.
    #[error("{0}")]
    Schema(String),
    /// Where the rules are is said wrongly.
    #[error("{0}")]
    Config(String),
    /// The rules are broken, and no good version of them is known.
    #[error("{at} is broken, and no earlier version of it is known; correct it")]
    Rules {
        /// The rules.
        at: String,
        /// What is wrong.
        source: cleanzone_rules::RulesError,
    },
    /// The dataset declares personal data, and the file has not been tokenized.
    #[error(
        "{0} belongs to a dataset with personal data and does not say that it has been replaced (user metadata \
         `{DEIDENTIFIED}`); let tokenize-pii send it here, or take `pii` off its columns in lake.toml"
    )]
    PersonalData(Location),
    /// More partitions, or more rows of them, than there is room for.
    #[error("{0}")]
    Limit(String),
    /// The temporary file that rows wait in until their partition is written.
    #[error("cannot {action} a temporary file in {}", folder.display())]
    Spill {
        /// What was tried.
        action: &'static str,
        /// The temporary folder.
        folder: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Rows that Arrow could not rearrange: a defect of ours.
    #[error("the rows could not be parted")]
    Rows(#[source] arrow::error::ArrowError),
    /// The time left was not enough.
    #[error("the function's deadline is too close to go on; give it more time or memory")]
    Deadline,
    /// The time ran out while S3 or Glue was waited for, not over the content of the file.
    #[error("S3 or Glue did not answer in the time that the function has")]
    Unanswered,
    /// Other writers to the same table or source were faster every time.
    #[error("gave up on {0} after {1} tries: other writers were faster each time")]
    Contention(String, u32),
    /// A commit record that is not one of ours.
    #[error("the commit record {0} is not readable; remove it to convert its source anew")]
    Record(Location, #[source] serde_json::Error),
    /// A local file.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A defect of ours.
    #[error("the conversion ended unexpectedly")]
    Task(#[source] tokio::task::JoinError),
}

impl Error {
    /// An error of the reader; where it only carries one of storage or of ours, that one.
    pub fn read(error: cleanzone_tabular::Error) -> Self {
        use cleanzone_tabular::Error as E;
        match error {
            E::Read(io) => match unwrap_io(io) {
                Ok(inner) => inner,
                Err(io) => Self::Read(E::Read(io)),
            },
            E::Sink(source) => match source.downcast::<Self>() {
                Ok(inner) => *inner,
                Err(source) => match source.downcast::<std::io::Error>() {
                    Ok(io) => Self::written(*io),
                    Err(source) => Self::Read(E::Sink(source)),
                },
            },
            E::Plan(source) => match source.downcast::<Self>() {
                Ok(inner) => *inner,
                Err(source) => Self::Read(E::Plan(source)),
            },
            other => Self::Read(other),
        }
    }

    /// An I/O error of one of our own streams; where it only carries one of storage or of ours, that one.
    pub fn written(error: std::io::Error) -> Self {
        unwrap_io(error).unwrap_or_else(|io| Self::Read(cleanzone_tabular::Error::Sink(io.into())))
    }

    /// An error of the Parquet writer; where it only carries one of storage or of ours, that one.
    pub(crate) fn write(error: cleanzone_columnar::Error) -> Self {
        use cleanzone_columnar::Error as E;
        match error {
            E::Write(io) => match unwrap_io(io) {
                Ok(inner) => inner,
                Err(io) => Self::Write(E::Write(io)),
            },
            other => Self::Write(other),
        }
    }
}

/// What an I/O error of one of our own streams carries.
fn unwrap_io(io: std::io::Error) -> Result<Error, std::io::Error> {
    io.downcast::<Error>().or_else(|io| io.downcast::<cleanzone_storage::Error>().map(Error::Storage))
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Key { .. } => ErrorName::InvalidObjectKey,
            Self::Recursive(_) => ErrorName::RecursiveOutput,
            Self::Storage(error) => error.name(),
            Self::Catalog(error) => error.name(),
            Self::Read(error) => error.name(),
            Self::Write(error) => error.name(),
            Self::Schema(_) => ErrorName::SchemaConflict,
            Self::Config(_) | Self::Rules { .. } => ErrorName::InvalidSettings,
            Self::PersonalData(_) => ErrorName::PiiNotTokenized,
            Self::Deadline => ErrorName::DeadlineTooClose,
            Self::Unanswered => ErrorName::ServiceUnavailable,
            Self::Contention(..) => ErrorName::Conflict,
            Self::Limit(_) => ErrorName::LimitExceeded,
            Self::File { .. } | Self::Spill { .. } => ErrorName::Io,
            Self::Record(..) | Self::Task(_) | Self::Rows(_) => ErrorName::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_name_through_the_streams_that_carry_it() {
        let at = Location::new("b", "k");
        let io = std::io::Error::other(cleanzone_storage::Error::Changed(at.clone()));
        assert_eq!(Error::read(cleanzone_tabular::Error::Read(io)).name(), ErrorName::SourceChanged);
        let io = std::io::Error::other(cleanzone_storage::Error::NoBucket("b".into()));
        assert_eq!(Error::write(cleanzone_columnar::Error::Write(io)).name(), ErrorName::ResourceNotFound);
        let sink = Box::new(Error::Deadline);
        assert_eq!(Error::read(cleanzone_tabular::Error::Sink(sink)).name(), ErrorName::DeadlineTooClose);
    }
}
