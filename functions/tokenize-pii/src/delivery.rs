//! The copy without personal data appears in the lake's landing zone: once a version, and never over a newer one.

use std::collections::BTreeMap;

use cleanzone_events::{ObjectCreated, Sequencer};
use cleanzone_lake::DEIDENTIFIED;
use cleanzone_storage::{Error as StorageError, Location, ObjectMeta, ObjectStore, Precondition, Staged};

use crate::error::Error;

/// User metadata of the copy: which version of the original it was made from.
const SOURCE: &str = "cleanzone-source";
/// The place of that version among the others, as the event had it.
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
}

/// How a copy that is there compares with one that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is older, or no copy of ours.
    Older,
    /// It is the one to come.
    Same,
    /// It is newer.
    Newer,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    Now,
    Before,
    Superseded,
}

impl Version {
    pub(crate) fn new(object: &ObjectCreated, meta: &ObjectMeta, shape: String) -> Self {
        let stored = meta.last_modified.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            identity: meta.version.clone().unwrap_or_else(|| format!("{}@{stored}", meta.etag)),
            sequencer: object.sequencer.clone(),
            stored,
            shape,
        }
    }

    /// The user metadata of the copy.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = BTreeMap::from([
            (DEIDENTIFIED.to_owned(), "true".to_owned()),
            (SOURCE.to_owned(), self.identity.clone()),
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
        let Some(source) = told(SOURCE) else { return Standing::Older };
        if *source == self.identity {
            return if told(SHAPE) == Some(&self.shape) { Standing::Same } else { Standing::Older };
        }
        let theirs = told(SEQUENCER).and_then(|text| text.parse::<Sequencer>().ok());
        let newer = match (&theirs, &self.sequencer) {
            (Some(theirs), Some(ours)) => theirs > ours,
            _ => told(STORED).and_then(|text| text.parse().ok()).unwrap_or(0) > self.stored,
        };
        if newer { Standing::Newer } else { Standing::Older }
    }

    /// Makes the copy visible, unless a newer one is there or the same.
    pub(crate) async fn deliver(&self, store: &dyn ObjectStore, mut copy: Box<dyn Staged>) -> Result<Delivered, Error> {
        let at = copy.location().clone();
        for _ in 0..TRIES {
            let there = store.head(&at).await?;
            let when = match there.as_ref().map(|there| (self.standing(there), there)) {
                None => Precondition::Absent,
                Some((Standing::Older, there)) => Precondition::Matches(there.etag.clone()),
                Some((Standing::Same, _)) => {
                    copy.abort().await?;
                    return Ok(Delivered::Before);
                }
                Some((Standing::Newer, _)) => {
                    copy.abort().await?;
                    return Ok(Delivered::Superseded);
                }
            };
            match copy.publish(&when).await {
                Ok(_) => return Ok(Delivered::Now),
                // Something has happened to it meanwhile: look again.
                Err(StorageError::Precondition(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contention(at.to_string()))
    }
}

/// Puts the rejected rows where they can be looked at, or takes away those of an earlier version.
pub(crate) async fn keep_rejected(
    store: &dyn ObjectStore,
    at: &Location,
    file: Option<Box<dyn Staged>>,
) -> Result<(), Error> {
    match file {
        Some(mut file) => file.publish(&Precondition::None).await.map(|_| ())?,
        None => {
            if let Some(meta) = store.head(at).await? {
                match store.delete_if(at, &meta.etag).await {
                    // Another version has put its own there.
                    Ok(()) | Err(StorageError::Precondition(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}
