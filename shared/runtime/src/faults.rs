//! Failures on demand, to see what becomes of them: never in production.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use cleanzone_error::ErrorName;
use cleanzone_events::{Failure, ObjectCreated};

use crate::settings::{Env, Error};

const NAME: &str = "INJECT_FAULTS";
const EXPECTED: &str = "names of errors and how often each comes, such as Throttled:2,Internal:1";

/// What the first attempts at every object fail with; after that they pass. Attempts are counted in this process.
#[derive(Debug, Default)]
pub struct Faults {
    script: Vec<(ErrorName, u64)>,
    attempts: Mutex<HashMap<(String, String), u64>>,
}

impl Faults {
    /// None, unless `INJECT_FAULTS` lists some, such as `Throttled:2,Internal:1`.
    ///
    /// # Errors
    /// Where it lists something else; and always where it is set and `ENVIRONMENT_NAME` is `prod`, or unknown.
    pub fn from_env(env: &Env) -> Result<Self, Error> {
        let Some(script) = env.optional(NAME)? else { return Ok(Self::default()) };
        let environment = env.required("ENVIRONMENT_NAME", "a name other than prod, where INJECT_FAULTS is set")?;
        if environment.trim().to_ascii_lowercase().starts_with("prod") {
            return Err(Error::Invalid { name: NAME, found: script, expected: "nothing, as this is production" });
        }
        let fault = |entry: &str| {
            let (name, times) = entry.split_once(':')?;
            let name = ErrorName::ALL.iter().find(|known| known.as_str() == name.trim())?;
            Some((*name, times.trim().parse().ok().filter(|times| *times > 0)?))
        };
        match script.split(',').map(fault).collect() {
            Some(script) => Ok(Self { script, attempts: Mutex::default() }),
            None => Err(Error::Invalid { name: NAME, found: script, expected: EXPECTED }),
        }
    }

    /// One attempt at an object.
    ///
    /// # Errors
    /// The failure that is due.
    pub fn attempt(&self, object: &ObjectCreated) -> Result<(), Failure> {
        if self.script.is_empty() {
            return Ok(());
        }
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.entry((object.bucket.clone(), object.key.clone())).or_default();
        let before = *attempt;
        *attempt = before.saturating_add(1);
        let mut passed: u64 = 0;
        for (name, times) in &self.script {
            passed = passed.saturating_add(*times);
            if before < passed {
                return Err(Failure { name: *name, message: format!("injected by {NAME}") });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(script: &str) -> Result<Faults, Error> {
        Faults::from_env(&Env::of([(NAME, script), ("ENVIRONMENT_NAME", "test")]))
    }

    fn object(key: &str) -> ObjectCreated {
        ObjectCreated { bucket: "b".into(), key: key.into(), ..ObjectCreated::default() }
    }

    #[test]
    fn the_first_attempts_at_each_object_fail_as_listed() {
        let faults = faults("Throttled:2, Internal : 1").unwrap();
        let name = |key| faults.attempt(&object(key)).map_err(|failure| failure.name);
        for key in ["a", "b"] {
            assert_eq!(name(key), Err(ErrorName::Throttled));
            assert_eq!(name(key), Err(ErrorName::Throttled));
            assert_eq!(name(key), Err(ErrorName::Internal));
            assert_eq!((name(key), name(key)), (Ok(()), Ok(())));
        }
    }

    #[test]
    fn there_are_none_unless_asked_for() {
        assert_eq!(Faults::from_env(&Env::of([])).unwrap().attempt(&object("a")), Ok(()));
        assert!(Faults::from_env(&Env::of([("ENVIRONMENT_NAME", "prod"), (NAME, "")])).is_ok());
    }

    #[test]
    fn there_are_none_in_production() {
        for environment in ["prod", "PROD", "production", "prod2", ""] {
            let refused = Faults::from_env(&Env::of([("ENVIRONMENT_NAME", environment), (NAME, "Throttled:1")]));
            assert!(refused.is_err(), "{environment}");
        }
        assert!(Faults::from_env(&Env::of([(NAME, "Throttled:1")])).is_err());
    }

    #[test]
    fn a_wrong_list_says_what_is_expected() {
        for script in ["Throttled", "Throttled:0", "Throttled:x", "NoSuchError:1", "Throttled:1,", ":1", "Throttled:-1"]
        {
            let error = faults(script).unwrap_err();
            assert!(error.to_string().contains("Throttled:2,Internal:1"), "{script}: {error}");
        }
    }
}
