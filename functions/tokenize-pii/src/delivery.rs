//! The copy without personal data appears in the lake's landing zone: once a version, and never over a newer one.

use std::collections::BTreeMap;

use cleanzone_events::{ObjectCreated, Sequencer};
use cleanzone_lake::{DEIDENTIFIED, ORIGIN, short_hash};
use cleanzone_storage::{Error as StorageError, ObjectMeta, ObjectStore, Precondition, Staged};

use crate::error::Error;

/// The place of the original's version among the others, as the event had it.
const SEQUENCER: &str = "cleanzone-sequencer";
/// When S3 stored that version, in seconds since 1970.
const STORED: &str = "cleanzone-stored";
/// What shaped the copy beside the original.
const SHAPE: &str = "cleanzone-shape";

/// Tries before other writers are left to it.
const TRIES: u32 = 8;

/// One version of an original, and what shapes its copy.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) identity: String,
    sequencer: Option<Sequencer>,
    stored: u64,
    shape: String,
    /// Whether every version is to arrive, and not only the newest.
    every: bool,
}

/// How a copy that is there compares with one that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may be replaced: it is older, or no copy of ours.
    Replaceable,
    /// It is the one to come.
    Same,
    /// It is newer.
    Newer,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// The copy is there, in place of that of another version if there was one.
    Now {
        /// What [`Version::tag`] said of the copy that it replaced.
        replaced: Option<String>,
    },
    /// It was there already.
    Before,
    /// That of a newer version is.
    Superseded,
}

impl Version {
    pub(crate) fn new(object: &ObjectCreated, meta: &ObjectMeta, shape: String, every: bool) -> Self {
        let stored = meta.last_modified.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            identity: meta.version.clone().unwrap_or_else(|| format!("{}@{stored}", meta.etag)),
            sequencer: object.sequencer.clone(),
            stored,
            shape,
            every,
        }
    }

    /// Whether versions stand beside one another, and none takes the place of another.
    pub(crate) fn is_one_of_many(&self) -> bool {
        self.every
    }

    /// 16 hex digits, which no other version and no other rules have.
    pub(crate) fn tag(&self) -> String {
        short_hash(&[&self.identity, &self.shape])
    }

    /// The user metadata of the copy.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = BTreeMap::from([
            (DEIDENTIFIED.to_owned(), "true".to_owned()),
            (ORIGIN.to_owned(), self.identity.clone()),
            (STORED.to_owned(), self.stored.to_string()),
            (SHAPE.to_owned(), self.shape.clone()),
        ]);
        if let Some(sequencer) = &self.sequencer {
            metadata.insert(SEQUENCER.to_owned(), sequencer.as_str().to_owned());
        }
        metadata
    }

    /// How the object under the copy's key compares. Sequencers order the uploads of one key exactly; where an event
    /// has none, there is only the clock of S3.
    pub(crate) fn standing(&self, there: &ObjectMeta) -> Standing {
        let told = |name: &str| there.metadata.get(name);
        let Some(origin) = told(ORIGIN) else { return Standing::Replaceable };
        if *origin == self.identity {
            return if told(SHAPE) == Some(&self.shape) { Standing::Same } else { Standing::Replaceable };
        }
        let theirs = told(SEQUENCER).and_then(|text| text.parse::<Sequencer>().ok());
        let newer = match (&theirs, &self.sequencer) {
            (Some(theirs), Some(ours)) => theirs > ours,
            _ => told(STORED).and_then(|text| text.parse().ok()).unwrap_or(0) > self.stored,
        };
        if newer && !self.every { Standing::Newer } else { Standing::Replaceable }
    }

    /// Makes the copy visible, unless a newer one is there or the same.
    pub(crate) async fn deliver(&self, store: &dyn ObjectStore, copy: &mut dyn Staged) -> Result<Delivered, Error> {
        let at = copy.location().clone();
        for _ in 0..TRIES {
            let there = store.head(&at).await?;
            let when = match there.as_ref().map(|there| (self.standing(there), there)) {
                None => Precondition::Absent,
                Some((Standing::Replaceable, there)) => Precondition::Matches(there.etag.clone()),
                Some((Standing::Same, _)) => return Ok(Delivered::Before),
                Some((Standing::Newer, _)) => return Ok(Delivered::Superseded),
            };
            match copy.publish(&when).await {
                Ok(_) => return Ok(Delivered::Now { replaced: there.and_then(|there| tag_of(&there)) }),
                // Something has happened to it meanwhile: look again.
                Err(StorageError::Precondition(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contention(at.to_string()))
    }
}

/// The tag of the version that a copy was made from.
fn tag_of(copy: &ObjectMeta) -> Option<String> {
    Some(short_hash(&[copy.metadata.get(ORIGIN)?, copy.metadata.get(SHAPE)?]))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn version(id: &str, sequencer: Option<&str>, seconds: u64, every: bool) -> Version {
        let object =
            ObjectCreated { sequencer: sequencer.map(|text| text.parse().unwrap()), ..ObjectCreated::default() };
        let last_modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let meta = ObjectMeta { version: Some(id.into()), last_modified, ..copy(BTreeMap::new()) };
        Version::new(&object, &meta, "shape".into(), every)
    }

    fn copy(metadata: BTreeMap<String, String>) -> ObjectMeta {
        ObjectMeta { size: 1, etag: "e".into(), version: None, last_modified: SystemTime::UNIX_EPOCH, metadata }
    }

    #[test]
    fn the_later_upload_stays() {
        let (first, second) = (version("a", Some("0A"), 7, false), version("b", Some("0B"), 7, false));
        assert_eq!(first.standing(&copy(second.metadata())), Standing::Newer);
        assert_eq!(second.standing(&copy(first.metadata())), Standing::Replaceable);
        assert_eq!(first.standing(&copy(first.metadata())), Standing::Same);
        let (first, second) = (version("a", None, 7, false), version("b", Some("0B"), 8, false));
        assert_eq!(first.standing(&copy(second.metadata())), Standing::Newer);
        assert_eq!(second.standing(&copy(first.metadata())), Standing::Replaceable);
    }

    #[test]
    fn where_versions_add_rows_each_of_them_arrives() {
        let (first, second) = (version("a", Some("0A"), 7, true), version("b", Some("0B"), 7, true));
        assert_eq!(first.standing(&copy(second.metadata())), Standing::Replaceable);
        assert_eq!(first.standing(&copy(first.metadata())), Standing::Same);
    }

    #[test]
    fn what_others_have_put_there_is_replaced_and_so_is_what_other_rules_made() {
        let ours = version("a", None, 7, false);
        assert_eq!(ours.standing(&copy(BTreeMap::new())), Standing::Replaceable);
        let others = Version { shape: "other".into(), ..ours.clone() };
        assert_eq!(ours.standing(&copy(others.metadata())), Standing::Replaceable);
        assert_ne!(ours.tag(), others.tag());
        assert_eq!(tag_of(&copy(others.metadata())), Some(others.tag()));
    }
}
