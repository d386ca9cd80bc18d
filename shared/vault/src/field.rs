use std::sync::Arc;

use crate::{Error, Result, Shape};

/// What values are tokens for: a scope and a type.
///
/// The same value in the same scope and type has one token, so that files can be joined on it; in another scope, or as
/// another type, it has another one, and nobody without the vault can tell that they belong together.
///
/// ```
/// use cleanzone_vault::{Field, Shape};
///
/// let field = Field::new("crm", "email")?.shaped(Shape::Email);
/// assert_eq!((field.scope(), field.kind()), ("crm", "email"));
/// assert!(Field::new("crm", "e-mail address").is_err());
/// # Ok::<(), cleanzone_vault::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    scope: Arc<str>,
    kind: Arc<str>,
    shape: Shape,
}

impl Field {
    /// The field of this scope (who may join: `crm`) and type (what it is: `email`).
    ///
    /// # Errors
    /// [`Error::Name`] where one is not 1 to 64 of `a-z`, `0-9`, `_`, `.` and `-`.
    pub fn new(scope: &str, kind: &str) -> Result<Self> {
        Ok(Self { scope: name("scope", scope)?, kind: name("type", kind)?, shape: Shape::Plain })
    }

    /// The same, with *new* tokens of this shape. A value that has a token keeps it as it is.
    #[must_use]
    pub fn shaped(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// The scope.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The type.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// How new tokens look.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn names(&self) -> (Arc<str>, Arc<str>) {
        (Arc::clone(&self.scope), Arc::clone(&self.kind))
    }
}

fn name(what: &'static str, text: &str) -> Result<Arc<str>> {
    let allowed = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.into())
    } else {
        Err(Error::Name { what, found: text.chars().take(80).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "crm", "crm.eu-west_1", &"x".repeat(64)] {
            assert!(Field::new(good, good).is_ok(), "{good}");
        }
        for bad in ["", "CRM", "crm eu", "a#b", "a/b", "é", &"x".repeat(65)] {
            assert!(Field::new(bad, "email").is_err(), "{bad}");
            let error = Field::new("crm", bad).unwrap_err();
            assert!(error.to_string().contains("no name for a type"), "{error}");
        }
    }
}
