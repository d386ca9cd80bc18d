use std::{
    collections::BTreeSet,
    fmt, mem,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// Something that a person should know of a conversion that succeeded. Holds names and numbers, never a value from the
/// file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// The kind, which is stable: to count by, and to filter for.
    pub kind: WarningKind,
    /// The column of the table, or the partition key, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<String>,
    /// What was found, and what to do.
    pub message: String,
}

impl Warning {
    /// A warning about a file as a whole.
    pub fn new(kind: WarningKind, message: impl Into<String>) -> Self {
        Self { kind, column: None, message: message.into() }
    }

    /// A warning about one column.
    pub fn of_column(kind: WarningKind, column: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, column: Some(column.into()), message: message.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind)?;
        if let Some(column) = &self.column {
            write!(f, "column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Kinds of [`Warning`]. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WarningKind {
    /// A column is written in another notation than in earlier files.
    NotationChanged,
    /// A column may be read in several notations, and neither the file nor earlier files prove one.
    AmbiguousNotation,
    /// Rows have partition values that partition projection does not list, so that no query finds them.
    ProjectionMiss,
    /// The rules name a column that neither the file nor the table has.
    AbsentColumn,
    /// A folder of the object key contradicts the rule of its partition key.
    FolderAgainstRule,
    /// Two columns share a name, and one of them has another name in the table.
    NamesMet,
    /// Columns of the table are of types that some engines cannot read from older files by path.
    WidenedByPath,
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Collects warnings, each once, from code that has no place to return them from.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<BTreeSet<Warning>>);

impl Warnings {
    pub(crate) fn add(&self, warning: Warning) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(warning);
    }

    /// Those that were collected; none are left.
    pub(crate) fn take(&self) -> BTreeSet<Warning> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
