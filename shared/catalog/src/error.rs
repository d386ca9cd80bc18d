use std::fmt::{self, Write as _};

use cleanzone_error::{ErrorName, Fault};

use crate::TableName;

/// A column that a file holds otherwise than the table does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The column.
    pub column: String,
    /// The Hive type that holds: the table's; `None` where the table has no such column, and must not get it.
    pub table: Option<String>,
    /// The Hive type of the file.
    pub file: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { column, table, file } = self;
        match table {
            Some(table) => write!(f, "column {column} is {table} in the table, not {file}"),
            None => write!(f, "column {column} is not in the table, and {file} in the file"),
        }
    }
}

/// What can go wrong with the catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot become part of the table.
    #[error("{table}: {reason}")]
    Schema {
        /// The table.
        table: TableName,
        /// What does not fit, and what would settle it.
        reason: String,
    },
    /// The file has to be read again under the table's columns, which another writer has changed since it was read.
    #[error("{table} has other columns by now: {}", list(.columns))]
    Reread {
        /// The table.
        table: TableName,
        /// The columns in question.
        columns: Vec<Mismatch>,
    },
    /// Another writer was faster, as often as there was time to try.
    #[error("{table}: other writers were faster {tries} times in a row")]
    Conflict {
        /// The table.
        table: TableName,
        /// How often the write was tried.
        tries: u32,
    },
    /// The catalog refused or failed a call.
    #[error("{action} on {resource}: {}{hint}", refusal(*.name))]
    Call {
        /// What that means.
        name: ErrorName,
        /// The call, named as the permission for it: `glue:UpdateTable`.
        action: &'static str,
        /// The table or database.
        resource: String,
        /// What would settle it, with its own punctuation; may be empty.
        hint: &'static str,
        /// What the service said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn schema(table: &TableName, reason: impl Into<String>) -> Self {
        Self::Schema { table: table.clone(), reason: reason.into() }
    }
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::Schema { .. } => ErrorName::SchemaConflict,
            // Transient: the next attempt reads the table first, and the file under its types.
            Self::Reread { .. } | Self::Conflict { .. } => ErrorName::Conflict,
            Self::Call { name, .. } => *name,
        }
    }
}

fn list(columns: &[Mismatch]) -> String {
    let mut text = String::new();
    for mismatch in columns {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{mismatch}");
    }
    text
}

fn refusal(name: ErrorName) -> &'static str {
    match name {
        ErrorName::AccessDenied => "not allowed",
        ErrorName::Throttled => "asked for a slower pace",
        ErrorName::LimitExceeded => "a limit of the account is reached",
        ErrorName::SchemaConflict => "the definition was not accepted",
        ErrorName::Conflict => "changed by another writer meanwhile",
        ErrorName::ResourceNotFound => "not found",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_holds() {
        let table = TableName::new("sales", "orders");
        let columns = vec![Mismatch { column: "zip".into(), table: Some("string".into()), file: "bigint".into() }];
        let error = Error::Reread { table, columns };
        assert_eq!(
            error.to_string(),
            "sales.orders has other columns by now: column zip is string in the table, not bigint"
        );
        assert!(error.is_transient());

        let error = Error::Call {
            name: ErrorName::AccessDenied,
            action: "glue:UpdateTable",
            resource: "sales.orders".into(),
            hint: "; grant it",
            source: "AccessDeniedException".into(),
        };
        assert_eq!(
            cleanzone_error::chain(&error),
            "glue:UpdateTable on sales.orders: not allowed; grant it: AccessDeniedException"
        );
        assert!(!error.is_transient());
    }
}
