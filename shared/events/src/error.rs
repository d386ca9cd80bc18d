use cleanzone_error::{ErrorName, Fault};

/// Why the payload, or a record in it, could not be understood. Messages name fields and what belongs there, never
/// what was found in them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The payload has no shape that is known.
    #[error(
        "{at} is none of the events that are known ({found}); expected an S3 notification (`Records`), the same \
         through SNS or SQS, an EventBridge `Object Created` event, an S3 Batch Operations invocation (`tasks`), \
         {{\"bucket\", \"key\"}}, or several of these as `Items`"
    )]
    UnknownShape {
        /// Where it was expected.
        at: String,
        /// What is there: a JSON type, or the names of its fields.
        found: String,
    },
    /// A field is missing, or does not hold what belongs there.
    #[error("{at}: expected {expected}")]
    Field {
        /// The path to the field.
        at: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A message that should be JSON is not.
    #[error("{at}: expected JSON, found none at line {line}, column {column}")]
    NotJson {
        /// The path to the message.
        at: String,
        /// The line of the message, from 1.
        line: usize,
        /// The column in the line.
        column: usize,
    },
    /// The object key, once decoded, is not UTF-8.
    #[error("{at}: the key is not UTF-8 once it is decoded")]
    KeyNotUtf8 {
        /// The path to the key.
        at: String,
    },
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::UnknownShape { .. } | Self::Field { .. } | Self::NotJson { .. } => ErrorName::InvalidEvent,
            Self::KeyNotUtf8 { .. } => ErrorName::InvalidObjectKey,
        }
    }
}
