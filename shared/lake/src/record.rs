//! The commit record: what the lake remembers of each source object.
//!
//! It lies under `_cleanzone/commits/`, which query engines ignore, and is only ever written under a condition on its
//! entity tag. So of two functions at work on one source object, one wins, and the other one knows.

use std::time::{SystemTime, UNIX_EPOCH};

use cleanzone_events::Sequencer;
use cleanzone_storage::{Location, ObjectMeta, ObjectStore};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, document,
    report::Report,
    rules::{ORIGIN, is_deidentified},
    statistics::Ledger,
};

/// One version of one source object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) id: Option<String>,
    pub(crate) etag: String,
    /// Seconds since 1970, as S3 gives it.
    pub(crate) last_modified: u64,
    pub(crate) sequencer: Option<Sequencer>,
    /// The version of the original, where this is a copy without personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<String>,
}

impl Version {
    pub(crate) fn new(meta: &ObjectMeta, sequencer: Option<Sequencer>) -> Self {
        Self {
            id: meta.version.clone(),
            etag: meta.etag.clone(),
            last_modified: seconds(meta.last_modified),
            sequencer,
            origin: is_deidentified(meta).then(|| meta.metadata.get(ORIGIN).cloned()).flatten(),
        }
    }

    /// The same bytes from the same upload, whichever event told of it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(a), Some(b)) => a == b,
            _ => self.etag == other.etag && self.last_modified == other.last_modified,
        }
    }

    /// Sequencers order the uploads of one key exactly; where an event has none, there is only the clock of S3.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        match (&self.sequencer, &other.sequencer) {
            (Some(a), Some(b)) => a > b,
            _ => self.last_modified > other.last_modified,
        }
    }

    /// What tells this version from others in hashes.
    fn identity(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("{}@{}", self.etag, self.last_modified))
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// The 16 hex digits of an output key: a hash of the source's address and, in append mode, its version, or that
/// of the original.
pub(crate) fn digits(source: &Location, version: Option<&Version>) -> String {
    match version {
        None => short_hash(&[&source.bucket, &source.key]),
        Some(version) => {
            let origin = version.origin.clone().unwrap_or_else(|| version.identity());
            short_hash(&[&source.bucket, &source.key, &origin])
        }
    }
}

/// What tells one conversion from another: the source version and everything that shapes its output.
pub(crate) fn commit_id(source: &Location, version: &Version, shape: &str) -> String {
    short_hash(&[&source.bucket, &source.key, &version.identity(), shape])
}

/// 16 hex digits that tell these texts from all other lists of texts.
pub fn short_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length before each part keeps ("a", "bc") and ("ab", "c") apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    format!("{:016x}", digest.iter().take(8).fold(0_u64, |digits, byte| digits << 8 | u64::from(*byte)))
}

/// A version of a source object, among those of all sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claimant {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Version,
}

impl Claimant {
    pub(crate) fn new(source: &Location, version: &Version) -> Self {
        Self { bucket: source.bucket.clone(), key: source.key.clone(), version: version.clone() }
    }

    /// Sequencers say nothing of two keys: between them decides when S3 stored the object, in seconds, and where that is
    /// the same, any order, as long as everybody keeps to it.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        if self.is_same(other) {
            return false;
        }
        let (ours, theirs) = (&self.version, &other.version);
        let same_source = (&self.bucket, &self.key) == (&other.bucket, &other.key);
        match (&ours.sequencer, &theirs.sequencer) {
            (Some(a), Some(b)) if same_source && a != b => a > b,
            _ => {
                let order =
                    |of: &Self| (of.version.last_modified, of.bucket.clone(), of.key.clone(), of.version.identity());
                order(self) > order(other)
            }
        }
    }

    /// The same version of the same source.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.bucket, &self.key) == (&other.bucket, &other.key) && self.version.is_same(&other.version)
    }
}

/// What the lake remembers of a source object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The layout of this document.
    pub(crate) format: u32,
    pub(crate) version: Version,
    /// The conversion that the outputs come from.
    pub(crate) commit: String,
    /// Keys of all objects that it wrote.
    pub(crate) outputs: Vec<String>,
    /// Keys of objects of earlier versions that may still have to be removed.
    pub(crate) stale: Vec<String>,
    /// Keys of objects of earlier versions that were removed. One of these that comes late, or comes back after a
    /// crash, looks here for what it may have left.
    pub(crate) removed: Vec<String>,
    /// Everything was published. Only written where it saves looking for many objects, or with something else.
    #[serde(default)]
    pub(crate) complete: bool,
    /// What of it the statistics know.
    #[serde(default, skip_serializing_if = "Ledger::is_empty")]
    pub(crate) ledger: Ledger,
    pub(crate) report: Report,
}

impl Record {
    /// 2: may be compressed; `complete` and `ledger`.
    pub(crate) const FORMAT: u32 = 2;

    pub(crate) fn location(clean_bucket: &str, digits: &str) -> Location {
        Location::new(clean_bucket, format!("_cleanzone/commits/{digits}.json"))
    }

    /// The record and its entity tag.
    pub(crate) async fn load(store: &dyn ObjectStore, at: &Location) -> Result<Option<(Self, String)>, Error> {
        document::load(store, at).await
    }

    /// Writes the record over the one with this entity tag, or where there is none; returns the new entity tag.
    pub(crate) async fn save(
        &self,
        store: &dyn ObjectStore,
        at: &Location,
        over: Option<&str>,
    ) -> Result<String, Error> {
        document::save(store, at, self, over).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: Option<&str>, etag: &str, last_modified: u64, sequencer: Option<&str>) -> Version {
        Version {
            id: id.map(Into::into),
            etag: etag.into(),
            last_modified,
            sequencer: sequencer.map(|s| s.parse().unwrap()),
            origin: None,
        }
    }

    #[test]
    fn a_copy_that_is_made_again_from_the_same_original_has_the_same_digits() {
        let at = Location::new("landing", "crm/users/a.csv");
        let copy = |id: &str, origin: &str| Version { origin: Some(origin.into()), ..version(Some(id), "e", 1, None) };
        assert_eq!(digits(&at, Some(&copy("1", "o1"))), digits(&at, Some(&copy("2", "o1"))));
        assert_ne!(digits(&at, Some(&copy("1", "o1"))), digits(&at, Some(&copy("1", "o2"))));
        // All the same it is another copy, which may have been made under other rules.
        assert!(!copy("1", "o1").is_same(&copy("2", "o1")));
    }

    #[test]
    fn sequencers_decide_which_version_is_newer_and_the_clock_where_there_is_none() {
        let (old, new) = (version(None, "a", 9, Some("0F")), version(None, "b", 5, Some("00A0")));
        assert!(new.is_newer_than(&old) && !old.is_newer_than(&new) && !new.is_newer_than(&new));
        let plain = version(None, "c", 7, None);
        assert!(plain.is_newer_than(&new) && old.is_newer_than(&plain));
    }

    #[test]
    fn a_version_is_itself_whichever_event_tells_of_it() {
        assert!(version(Some("v"), "a", 1, Some("1")).is_same(&version(Some("v"), "a", 1, None)));
        assert!(!version(Some("v"), "a", 1, None).is_same(&version(Some("w"), "a", 1, None)));
        assert!(!version(None, "a", 1, None).is_same(&version(None, "a", 2, None)));
    }

    #[test]
    fn between_two_sources_the_clock_decides_and_then_the_key() {
        let of = |key: &str, version| Claimant::new(&Location::new("b", key), &version);
        let early = of("z", version(None, "a", 5, Some("FF")));
        let late = of("a", version(None, "b", 6, Some("01")));
        assert!(late.is_newer_than(&early) && !early.is_newer_than(&late));
        let twin = of("b", version(None, "b", 6, None));
        assert!(twin.is_newer_than(&late) && !late.is_newer_than(&twin));
        let next = of("z", version(None, "c", 4, Some("100")));
        assert!(next.is_newer_than(&early) && !early.is_newer_than(&next) && !next.is_newer_than(&next));
    }

    #[test]
    fn output_digits_depend_on_the_source_alone_and_on_the_version_in_append_mode() {
        let (at, a, b) = (Location::new("b", "k"), version(Some("1"), "a", 1, None), version(Some("2"), "b", 1, None));
        assert_ne!(digits(&at, Some(&a)), digits(&at, Some(&b)));
        assert_ne!(digits(&at, Some(&a)), digits(&at, None));
        assert_eq!(digits(&at, None).len(), 16);
        assert_ne!(short_hash(&["a", "bc"]), short_hash(&["ab", "c"]));
    }
}
