//! How the files of a conversion become visible: once, in order, and never over those of a newer version.
//!
//! The protocol, for one source object:
//! 1. **Claim**: the commit record is written under a condition on the one that was read. It names the version, the
//!    objects to come, and those of earlier versions that will be stale.
//! 2. **Publish**: each object is made visible under a condition on what lies under its key. Whoever is slower finds
//!    the condition broken, reads the record again, and gives way to a newer version.
//! 3. **Tidy**: stale objects are removed and the record says so.
//!
//! A crash between any two steps leaves the rows of the old version or of the new one under each key, and the next
//! delivery of the event finishes the work.

use std::{collections::VecDeque, mem, sync::Arc};

use cleanzone_storage::{Error as StorageError, Location, ObjectMeta, ObjectStore, Precondition, Staged};

use tokio::time::Instant;

use crate::{Error, lake::in_time, record::Record, remote::abort_all};

/// User metadata of every object that a conversion writes: which conversion that was.
pub(crate) const COMMIT: &str = "cleanzone-commit";

/// Tries before other writers are left to it.
const TRIES: u32 = 8;

/// How a publication ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Published {
    /// The objects are there.
    Done,
    /// A newer version of the source has claimed its place.
    Superseded,
}

/// What lies under an output key.
#[derive(Clone, Debug, Default)]
pub(crate) enum Under {
    #[default]
    NotLooked,
    Looked(Option<ObjectMeta>),
}

/// What became of one object.
enum Visible {
    /// It is there, where nothing was.
    New,
    /// It is there, in place of an older one.
    Replaced,
    /// A twin of ours, told by the same event, was faster: its bytes are ours.
    Twins,
    /// A newer version has precedence.
    Not,
}

/// The publication of one conversion.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) bucket: String,
    pub(crate) record_at: Location,
    /// The record to write. `stale` is filled in here.
    pub(crate) record: Record,
    pub(crate) deadline: Option<Instant>,
}

impl Publication {
    /// Publishes all objects. `found` is the record as it was read when the conversion began; `first` what lay under
    /// the key of the first object.
    pub(crate) async fn run(
        mut self,
        found: Option<(Record, String)>,
        first: Under,
        files: Vec<Box<dyn Staged>>,
    ) -> Result<Published, Error> {
        let mut files = VecDeque::from(files);
        let published = in_time(self.deadline, self.publish_all(found, first, &mut files)).await;
        abort_all(files.into()).await;
        published
    }

    /// Takes out of `files` what is published.
    async fn publish_all(
        &mut self,
        found: Option<(Record, String)>,
        first: Under,
        files: &mut VecDeque<Box<dyn Staged>>,
    ) -> Result<Published, Error> {
        let Some(etag) = self.claim(found).await? else { return Ok(Published::Superseded) };
        let published = self.publish_each(first, files).await;
        match published {
            Ok(Published::Done) => {}
            // The newer version may have tidied before the last of our objects appeared.
            Ok(Published::Superseded) => {
                let left = self.record.outputs.clone();
                remove(&*self.store, &self.bucket, &left, &self.record.commit).await?;
                return Ok(Published::Superseded);
            }
            Err(error) => return Err(error),
        }
        if !self.record.stale.is_empty() {
            self.tidy(&etag).await?;
        }
        Ok(Published::Done)
    }

    async fn publish_each(&self, mut first: Under, files: &mut VecDeque<Box<dyn Staged>>) -> Result<Published, Error> {
        let mut new_keys = false;
        while let Some(file) = files.front_mut() {
            match self.publish(&mut **file, mem::take(&mut first)).await? {
                Visible::New => new_keys = true,
                Visible::Replaced => {}
                Visible::Twins => {
                    abort_all(files.pop_front().into_iter().collect()).await;
                    continue;
                }
                Visible::Not => return Ok(Published::Superseded),
            }
            files.pop_front();
        }
        // An object where nothing was breaks no condition of a newer version that has none of that name.
        Ok(if new_keys && !self.is_current().await? { Published::Superseded } else { Published::Done })
    }

    /// Writes the record; `None` where a newer version has done so already.
    async fn claim(&mut self, mut found: Option<(Record, String)>) -> Result<Option<String>, Error> {
        for _ in 0..TRIES {
            if let Some((record, _)) = &found {
                if record.version.is_newer_than(&self.record.version) {
                    return Ok(None);
                }
                let old = record.outputs.iter().chain(&record.stale);
                let mut stale: Vec<String> = old.filter(|key| !self.record.outputs.contains(key)).cloned().collect();
                stale.sort();
                stale.dedup();
                self.record.stale = stale;
            }
            let over = found.as_ref().map(|(_, etag)| etag.as_str());
            match self.record.store(&*self.store, &self.record_at, over).await {
                Ok(etag) => return Ok(Some(etag)),
                Err(Error::Storage(StorageError::Precondition(_) | StorageError::Conflict(_))) => {
                    found = Record::load(&*self.store, &self.record_at).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contention(self.record_at.to_string(), TRIES))
    }

    /// Makes one object visible. `known` is what lay under its key before the claim.
    async fn publish(&self, file: &mut dyn Staged, mut known: Under) -> Result<Visible, Error> {
        let at = file.location().clone();
        for _ in 0..TRIES {
            let present = match mem::take(&mut known) {
                Under::Looked(present) => present,
                Under::NotLooked => {
                    let present = self.store.head(&at).await?;
                    // In this order: whoever has put there what was just seen had claimed before.
                    if !self.is_current().await? {
                        return Ok(Visible::Not);
                    }
                    present
                }
            };
            let (when, done) = match present {
                Some(meta) if meta.metadata.get(COMMIT) == Some(&self.record.commit) => return Ok(Visible::Twins),
                Some(meta) => (Precondition::Matches(meta.etag), Visible::Replaced),
                None => (Precondition::Absent, Visible::New),
            };
            match file.publish(&when).await {
                Ok(_) => return Ok(done),
                // Something has happened to it meanwhile: look again.
                Err(StorageError::Precondition(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Contention(at.to_string(), TRIES))
    }

    /// Whether the record is still that of this version.
    async fn is_current(&self) -> Result<bool, Error> {
        let record = Record::load(&*self.store, &self.record_at).await?;
        Ok(record.is_some_and(|(record, _)| !record.version.is_newer_than(&self.record.version)))
    }

    /// Removes what earlier versions left, then says so in the record.
    async fn tidy(&mut self, etag: &str) -> Result<(), Error> {
        for key in &self.record.stale {
            let at = Location::new(&self.bucket, key);
            let Some(meta) = self.store.head(&at).await? else { continue };
            // In this order: if what was just seen is a newer version's, it had claimed before.
            if !self.is_current().await? {
                return Ok(());
            }
            delete(&*self.store, &at, meta.etag).await?;
        }
        self.record.removed = mem::take(&mut self.record.stale);
        match self.record.store(&*self.store, &self.record_at, Some(etag)).await {
            // A newer version has claimed the place and knows what is stale.
            Err(Error::Storage(StorageError::Precondition(_) | StorageError::Conflict(_))) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

/// Removes those of these objects that come from one conversion.
pub(crate) async fn remove(store: &dyn ObjectStore, bucket: &str, keys: &[String], commit: &str) -> Result<(), Error> {
    for key in keys {
        let at = Location::new(bucket, key);
        if let Some(meta) = store.head(&at).await?
            && meta.metadata.get(COMMIT).is_some_and(|c| c == commit)
        {
            delete(store, &at, meta.etag).await?;
        }
    }
    Ok(())
}

/// Removes an object if it is still the one that was looked at.
async fn delete(store: &dyn ObjectStore, at: &Location, etag: String) -> Result<(), Error> {
    match store.delete_if(at, &etag).await {
        Err(StorageError::Precondition(_)) => Ok(()),
        other => Ok(other?),
    }
}
