use cleanzone_error::{ErrorName, Fault};

use crate::TableName;

/// What can go wrong with the catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A column of the file cannot become part of the table.
    #[error("{table}: {reason}")]
    Schema {
        /// The table.
        table: TableName,
        /// What does not fit, and what would settle it.
        reason: String,
    },
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Schema { .. } => ErrorName::SchemaConflict,
        }
    }
}
