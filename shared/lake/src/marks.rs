//! What people are told once a day, and by one of many functions.
//!
//! Whoever writes the mark `_cleanzone/warnings/<day>/<database>.<table>/<kind>` first is the one to tell. A mark is only
//! looked for where there is something to tell, and once a day by each process.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use cleanzone_storage::{Error, Location, ObjectStore, Precondition, Result, WriteOptions};

use crate::warning::WarningKind;

/// Times that a mark is tried while others write to its key.
const TRIES: u32 = 3;
/// Marks that a process remembers.
const REMEMBERED: usize = 10_000;

/// The marks of the warnings that people have been told of.
#[derive(Debug)]
pub struct DailyMarks {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    /// Those that are known to be there.
    seen: Mutex<BTreeSet<String>>,
}

/// The right to tell of one kind of warning, of one table, on one day.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim(Location);

impl DailyMarks {
    /// Marks in the clean bucket.
    pub fn new(store: Arc<dyn ObjectStore>, clean_bucket: impl Into<String>) -> Self {
        Self { store, bucket: clean_bucket.into(), seen: Mutex::default() }
    }

    /// The claim, for the first who asks on this day (`2026-11-30`); `None` for all others.
    ///
    /// # Errors
    /// Where storage fails. Nobody has the claim then, or, where the answer alone was lost, nobody will have it today.
    pub async fn claim(&self, day: &str, (database, table): (&str, &str), kind: WarningKind) -> Result<Option<Claim>> {
        let key = format!("_cleanzone/warnings/{day}/{database}.{table}/{kind}");
        if self.seen().contains(&key) {
            return Ok(None);
        }
        let claim = Claim(Location::new(&self.bucket, key));
        let is_ours = self.write(&claim.0).await?;
        self.remember(&claim.0.key);
        Ok(is_ours.then_some(claim))
    }

    /// Gives a claim back whose owner could not tell anybody, so that the next one does.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn release(&self, claim: Claim) -> Result<()> {
        self.seen().remove(&claim.0.key);
        self.store.delete(&[claim.0]).await
    }

    /// Whether the mark that is there now is ours.
    async fn write(&self, at: &Location) -> Result<bool> {
        // By its text a mark is known as ours, also where the answer to the first try was lost.
        let text = Bytes::from(format!("{:016x}", fastrand::u64(..)));
        let mut tries = 0;
        loop {
            tries += 1;
            match self.store.put(at, text.clone(), &Precondition::Absent, &WriteOptions::default()).await {
                Ok(_) => return Ok(true),
                Err(Error::Precondition(_)) => {
                    return Ok(self.store.get(at).await?.is_some_and(|(there, _)| there == text));
                }
                Err(Error::Conflict(_)) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn remember(&self, key: &str) {
        let mut seen = self.seen();
        // Those of past days are never asked for again.
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(key.to_owned());
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use cleanzone_storage::{Call, Fault, MemoryStore};
    use futures_util::future::join_all;

    use super::*;
    use crate::warning::WarningKind::{AbsentColumn, ProjectionMiss};

    const TABLE: (&str, &str) = ("db", "t");

    fn marks(store: &MemoryStore) -> DailyMarks {
        DailyMarks::new(Arc::new(store.clone()), "clean")
    }

    fn mark() -> Location {
        Location::new("clean", "_cleanzone/warnings/2026-11-30/db.t/AbsentColumn")
    }

    #[tokio::test]
    async fn one_of_many_functions_has_the_claim() {
        let store = MemoryStore::new(["clean"]);
        let functions: Vec<_> = (0..20).map(|_| marks(&store)).collect();
        let claims = join_all(functions.iter().map(|marks| marks.claim("2026-11-30", TABLE, AbsentColumn))).await;
        let claims: Vec<_> = claims.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(claims, [Claim(mark())]);
        assert!(store.content(&mark()).is_some());
    }

    #[tokio::test]
    async fn each_day_table_and_kind_has_a_claim_of_its_own() {
        let store = MemoryStore::new(["clean"]);
        let marks = marks(&store);
        for (day, table, kind, first) in [
            ("2026-11-30", TABLE, AbsentColumn, true),
            ("2026-11-30", TABLE, AbsentColumn, false),
            ("2026-11-30", TABLE, ProjectionMiss, true),
            ("2026-11-30", ("db", "u"), AbsentColumn, true),
            ("2026-12-01", TABLE, AbsentColumn, true),
            ("2026-12-01", TABLE, AbsentColumn, false),
        ] {
            assert_eq!(marks.claim(day, table, kind).await.unwrap().is_some(), first, "{day} {table:?} {kind}");
        }
    }

    #[tokio::test]
    async fn a_process_asks_once_a_day() {
        let store = MemoryStore::new(["clean"]);
        let (first, second) = (marks(&store), marks(&store));
        for marks in [&first, &second, &first, &second] {
            marks.claim("2026-11-30", TABLE, AbsentColumn).await.unwrap();
        }
        assert_eq!(store.calls(Call::Put), 2);
    }

    #[tokio::test]
    async fn who_could_not_tell_leaves_it_to_the_next() {
        let store = MemoryStore::new(["clean"]);
        let marks = marks(&store);
        let claim = marks.claim("2026-11-30", TABLE, AbsentColumn).await.unwrap().unwrap();
        marks.release(claim).await.unwrap();
        assert!(marks.claim("2026-11-30", TABLE, AbsentColumn).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn storage_that_is_away_is_an_error_and_asked_again() {
        let store = MemoryStore::new(["clean"]);
        let marks = marks(&store);
        store.inject(Call::Put, Fault::Before(Error::Unavailable(mark(), "gone".into())));
        assert!(marks.claim("2026-11-30", TABLE, AbsentColumn).await.is_err());
        store.inject(Call::Put, Fault::Before(Error::Conflict(mark())));
        assert!(marks.claim("2026-11-30", TABLE, AbsentColumn).await.unwrap().is_some());
    }
}
