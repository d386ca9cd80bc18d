//! Typed reading of environment variables. A function lists its settings in a struct of its own and fills it from
//! [`Env`]; an empty variable counts as unset, because that is how a template leaves a parameter out.

use std::{collections::BTreeMap, env, str::FromStr};

use cleanzone_error::{ErrorName, Fault};

/// The environment variables.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// `None`: those of the process.
    given: Option<BTreeMap<String, String>>,
}

impl Env {
    /// Those of the process.
    pub fn process() -> Self {
        Self::default()
    }

    /// These and no others, for tests.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        Self { given: Some(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()) }
    }

    /// A variable that must be set; `expected` says what it holds, such as "the name of a bucket".
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NotUnicode`].
    pub fn required(&self, name: &'static str, expected: &'static str) -> Result<String, Error> {
        self.optional(name)?.ok_or(Error::Missing { name, expected })
    }

    /// A variable that may be unset or empty.
    ///
    /// # Errors
    /// [`Error::NotUnicode`].
    pub fn optional(&self, name: &'static str) -> Result<Option<String>, Error> {
        let value = match &self.given {
            Some(given) => given.get(name).cloned(),
            None => match env::var(name) {
                Ok(value) => Some(value),
                Err(env::VarError::NotPresent) => None,
                Err(env::VarError::NotUnicode(_)) => return Err(Error::NotUnicode { name }),
            },
        };
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// A variable that may be unset or empty, and otherwise is a `T`. Not for secrets: the error shows what it found.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotUnicode`].
    pub fn parsed<T: FromStr>(&self, name: &'static str, expected: &'static str) -> Result<Option<T>, Error> {
        let Some(value) = self.optional(name)? else { return Ok(None) };
        match value.trim().parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(_) => Err(Error::Invalid { name, found: value.chars().take(SHOWN).collect(), expected }),
        }
    }
}

/// Characters of a wrong value that the error shows.
const SHOWN: usize = 64;

/// Why a setting cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It has to be set.
    #[error("{name} is not set: expected {expected}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// It holds something else.
    #[error("{name} is {found:?}: expected {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// It is not UTF-8.
    #[error("{name} is not UTF-8")]
    NotUnicode {
        /// The variable.
        name: &'static str,
    },
}

impl Fault for Error {
    fn name(&self) -> ErrorName {
        ErrorName::InvalidSettings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_unset() {
        let env = Env::of([("TOPIC", "")]);
        assert_eq!(env.optional("TOPIC"), Ok(None));
        assert_eq!(env.parsed::<u8>("TOPIC", "a number"), Ok(None));
        let error = env.required("TOPIC", "the ARN of a topic").unwrap_err();
        assert_eq!(error.to_string(), "TOPIC is not set: expected the ARN of a topic");
    }

    #[test]
    fn a_wrong_value_is_shown_with_what_was_expected() {
        let env = Env::of([("THREADS", "many"), ("LEVEL", " 3 ")]);
        let error = env.parsed::<u8>("THREADS", "a number from 1 to 64").unwrap_err();
        assert_eq!(error.to_string(), "THREADS is \"many\": expected a number from 1 to 64");
        assert_eq!(error.name(), ErrorName::InvalidSettings);
        assert_eq!(env.parsed("LEVEL", "a number"), Ok(Some(3)));
    }

    #[test]
    fn reads_the_process() {
        assert!(Env::process().required("PATH", "a path").is_ok());
        assert_eq!(Env::process().optional("CLEANZONE_NO_SUCH_VARIABLE"), Ok(None));
    }
}
