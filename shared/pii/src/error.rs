use cleanzone_error::{ErrorName, Fault};

/// What is wrong with a setting, or with a text that is to be decrypted. Holds no value of a file and no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A custom expression is wrong or too large.
    #[error("the expression of the custom kind `{name}` cannot be used")]
    InvalidExpression {
        /// The kind's name.
        name: String,
        /// What is wrong.
        source: Box<regex::Error>,
    },
    /// A scope, a type or a key's id is no short name.
    #[error("the {what} `{found}` is no name: it takes 1 to 64 of the characters `{allowed}`")]
    InvalidName {
        /// What it would have named.
        what: &'static str,
        /// What was found.
        found: String,
        /// The characters it can have.
        allowed: &'static str,
    },
    /// The options of a method contradict it or each other.
    #[error("the method `{method}` cannot be used so: {reason}")]
    InvalidMethod {
        /// The method.
        method: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A method needs a key, and there is none.
    #[error("the method `{method}` needs a key")]
    NoKey {
        /// The method.
        method: &'static str,
    },
    /// A text cannot be decrypted.
    #[error("the text cannot be decrypted: {reason}")]
    Undecryptable {
        /// Why not.
        reason: Undecryptable,
    },
}

/// Why a text cannot be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undecryptable {
    /// It was not made by this method.
    #[error("it has not the form of what the method makes")]
    Form,
    /// It was made with another key.
    #[error("it was made with the key `{id}`")]
    Key {
        /// The id of that key.
        id: String,
    },
    /// It was changed, or belongs to another scope or type.
    #[error("it was changed since, or belongs to another scope or type")]
    Changed,
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        match self {
            Self::InvalidExpression { .. }
            | Self::InvalidName { .. }
            | Self::InvalidMethod { .. }
            | Self::NoKey { .. } => ErrorName::InvalidSettings,
            Self::Undecryptable { .. } => ErrorName::InvalidFileFormat,
        }
    }
}

/// A value that a method does not take. It says which column and why, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value of the column `{column}` cannot be replaced by the method `{method}`: {reason}")]
pub struct Refusal {
    /// The column.
    pub column: String,
    /// The method.
    pub method: &'static str,
    /// Why.
    pub reason: Reason,
}

impl Fault for Refusal {
    fn name(&self) -> ErrorName {
        ErrorName::SchemaConflict
    }
}

/// Why a value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Fewer than a million values have its form, so that trying them all gives it away (NIST SP 800-38G Rev. 1).
    #[error("too few characters of the alphabet: fewer than 1,000,000 values have this form")]
    DomainTooSmall,
    /// It has letters or digits that the alphabet lacks, which would stay in the clear.
    #[error("a letter or digit that is not in the alphabet")]
    OutsideAlphabet,
    /// It is longer than any value that the method takes.
    #[error("too long")]
    TooLong,
    /// It is no date of the layout that was declared, or of one that needs no declaration.
    #[error("no date of the expected layout; declare `date_format`")]
    NoDate,
    /// It is no plain number.
    #[error("no plain number")]
    NoNumber,
    /// It is the only one of its window, so that it would keep its row.
    #[error("the only value of its window, which would keep its row")]
    Alone,
}
