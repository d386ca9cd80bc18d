//! How the files of a conversion become visible: once, and never over those of a newer version.
//!
//! The protocol, for one source object:
//! 1. **Claim**: the commit record is written under a condition on the one that was read. It names the version, the
//!    objects to come, and those of earlier versions that will be stale.
//! 2. **Publish**: each object is made visible under a condition on what lies under its key, several at once. Whoever
//!    is slower finds the condition broken, looks again, reads the record again, and gives way to a newer version.
//! 3. **Tidy**: stale objects are removed and the record says so.
//!
//! A crash between any two steps leaves the rows of the old version or of the new one under each key, and the next
//! delivery of the event finishes the work. Whoever gives way takes back what it has published only once everything of
//! the newer version is visible; until then that is the newer version's to overwrite or remove.

use std::{collections::HashSet, mem, sync::Arc};

use cleanzone_storage::{Error as StorageError, Location, ObjectMeta, ObjectStore, Precondition, Staged};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use tokio::time::Instant;

use crate::{
    Error,
    lake::in_time,
    record::{Record, Version, short_hash},
    remote::abort_all,
    statistics::{Book, Entered},
};

/// User metadata of every object that a conversion writes: which conversion that was.
pub(crate) const COMMIT: &str = "cleanzone-commit";

/// Tries before other writers are left to it.
pub(crate) const TRIES: u32 = 8;
/// Requests under way at once.
const AT_ONCE: usize = 16;
/// As many objects as a redelivery looks for; of more, the record says that all have been published.
pub(crate) const FEW: usize = 16;

/// How a publication ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Published {
    /// The objects are there; with the statistics that follow, where they are kept.
    Done(Option<Entered>),
    /// A newer version of the source has claimed its place.
    Superseded,
}

/// What lies under an output key.
#[derive(Clone, Debug, Default)]
pub(crate) enum Under {
    #[default]
    NotLooked,
    /// Seen, or guessed: the condition under which the object is published holds either to it.
    Looked(Option<ObjectMeta>),
}

/// An object on its way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    staged: Box<dyn Staged>,
    under: Under,
    /// Its bytes are there, by us or by a twin of ours, told by the same event.
    visible: bool,
    /// There is nothing left to abort.
    published: bool,
}

impl Outgoing {
    pub(crate) fn new(staged: Box<dyn Staged>, under: Under) -> Self {
        Self { staged, under, visible: false, published: false }
    }

    pub(crate) fn location(&self) -> &Location {
        self.staged.location()
    }

    async fn look(&mut self, store: &dyn ObjectStore) -> Result<(), Error> {
        self.under = Under::Looked(store.head(self.staged.location()).await?);
        Ok(())
    }

    /// Tries to make it visible; whether it is there now where nothing was.
    async fn publish(&mut self, commit: &str) -> Result<bool, Error> {
        let Under::Looked(present) = mem::take(&mut self.under) else { return Ok(false) };
        let (when, new) = match present {
            Some(meta) if meta.metadata.get(COMMIT).is_some_and(|c| c == commit) => {
                self.visible = true;
                return Ok(false);
            }
            Some(meta) => (Precondition::Matches(meta.etag), false),
            None => (Precondition::Absent, true),
        };
        match self.staged.publish(&when).await {
            Ok(_) => {
                (self.visible, self.published) = (true, true);
                Ok(new)
            }
            // Something has happened to it meanwhile: look again.
            Err(StorageError::Precondition(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A place that was claimed.
pub(crate) trait Claim: Sync {
    /// Whether nobody newer has claimed it.
    fn is_current(&self) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// A place that nobody else claims.
#[derive(Debug)]
pub(crate) struct Unrivalled;

impl Claim for Unrivalled {
    async fn is_current(&self) -> Result<bool, Error> {
        Ok(true)
    }
}

/// Makes objects visible, several at once: `None` where a newer version has precedence, otherwise whether one of them
/// appeared where nothing was. That breaks no condition of a newer version that has no object of that name, so the
/// caller has to look at the claim once more.
pub(crate) async fn show(
    store: &dyn ObjectStore,
    commit: &str,
    files: &mut [Outgoing],
    claim: &impl Claim,
) -> Result<Option<bool>, Error> {
    let mut new_keys = false;
    for _ in 0..TRIES {
        let unknown: Vec<_> = files.iter_mut().filter(|f| !f.visible && matches!(f.under, Under::NotLooked)).collect();
        if !unknown.is_empty() {
            each(unknown, |file| file.look(store)).await?;
            // In this order: whoever has put there what was just seen had claimed before.
            if !claim.is_current().await? {
                return Ok(None);
            }
        }
        let waiting: Vec<_> = files.iter_mut().filter(|f| !f.visible).collect();
        for new in each(waiting, |file| file.publish(commit)).await? {
            new_keys |= new;
        }
        if files.iter().all(|file| file.visible) {
            return Ok(Some(new_keys));
        }
    }
    let place = files.iter().find(|f| !f.visible).map_or_else(String::new, |f| f.location().to_string());
    Err(Error::Contention(place, TRIES))
}

/// Gives up what was not published.
pub(crate) async fn abort_rest(files: Vec<Outgoing>) {
    abort_all(files.into_iter().filter(|file| !file.published).map(|file| file.staged).collect()).await;
}

/// Does the same with many, several at once; ends at the first error.
pub(crate) fn each<'a, T, R, F>(
    items: impl IntoIterator<Item = T>,
    work: impl FnMut(T) -> F,
) -> BoxFuture<'a, Result<Vec<R>, Error>>
where
    R: Send + 'a,
    F: Future<Output = Result<R, Error>> + Send + 'a,
{
    let all: Vec<F> = items.into_iter().map(work).collect();
    stream::iter(all).buffered(AT_ONCE).try_collect().boxed()
}

/// The publication of one conversion.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) bucket: String,
    pub(crate) record_at: Location,
    /// The record to write. What follows from the one before is filled in here.
    pub(crate) record: Record,
    /// Where statistics are kept.
    pub(crate) book: Option<Book>,
    pub(crate) deadline: Option<Instant>,
}

impl Publication {
    /// Publishes all objects. `found` is the record as it was read when the conversion began; `first` what lay under
    /// the key of the first object.
    pub(crate) async fn run(
        mut self,
        found: Option<(Record, String)>,
        mut first: Under,
        files: Vec<Box<dyn Staged>>,
    ) -> Result<Published, Error> {
        let known: HashSet<&str> = found.iter().flat_map(|(record, _)| &record.outputs).map(String::as_str).collect();
        let guess = |file: Box<dyn Staged>| {
            let under = match mem::take(&mut first) {
                Under::NotLooked if known.contains(&*file.location().key) => Under::NotLooked,
                // Where no version has written, there is nothing.
                Under::NotLooked => Under::Looked(None),
                looked @ Under::Looked(_) => looked,
            };
            Outgoing::new(file, under)
        };
        let mut files: Vec<Outgoing> = files.into_iter().map(guess).collect();
        let published = in_time(self.deadline, self.publish_all(found, &mut files)).await;
        abort_rest(files).await;
        published
    }

    async fn publish_all(
        &mut self,
        found: Option<(Record, String)>,
        files: &mut [Outgoing],
    ) -> Result<Published, Error> {
        let Some(claim) = self.claim(found).await? else { return Ok(Published::Superseded) };
        let current = match show(&*self.store, &self.record.commit, files, &claim).await? {
            Some(new_keys) => !new_keys || claim.is_current().await?,
            None => false,
        };
        if !current {
            // The newer version may have tidied before the last of our objects appeared.
            if let Some((newer, _)) = Record::load(&*self.store, &self.record_at).await? {
                let own = Objects { bucket: &self.bucket, keys: &self.record.outputs, commit: &self.record.commit };
                let newer = Objects { bucket: &self.bucket, keys: &newer.outputs, commit: &newer.commit };
                own.give_way(&*self.store, &newer).await?;
            }
            return Ok(Published::Superseded);
        }
        self.tidy(&claim).await
    }

    /// Writes the record; `None` where a newer version has done so already.
    async fn claim(&mut self, mut found: Option<(Record, String)>) -> Result<Option<RecordClaim>, Error> {
        for _ in 0..TRIES {
            if let Some((record, _)) = &found {
                if record.version.is_newer_than(&self.record.version) {
                    return Ok(None);
                }
                let new: HashSet<&String> = self.record.outputs.iter().collect();
                let old = record.outputs.iter().chain(&record.stale);
                let mut stale: Vec<String> = old.filter(|key| !new.contains(key)).cloned().collect();
                stale.sort();
                stale.dedup();
                self.record.stale = stale;
            }
            let over = found.as_ref().map(|(_, etag)| etag.as_str());
            if self.book.is_some() {
                let id = short_hash(&[&self.record.commit, over.unwrap_or_default()]);
                self.record.ledger.follow(found.as_ref().map(|(record, _)| &record.ledger), &id);
            }
            match self.record.save(&*self.store, &self.record_at, over).await {
                Ok(etag) => {
                    let (store, at) = (self.store.clone(), self.record_at.clone());
                    return Ok(Some(RecordClaim { store, at, etag, version: self.record.version.clone() }));
                }
                Err(Error::Storage(StorageError::Precondition(_) | StorageError::Conflict(_))) => {
                    found = Record::load(&*self.store, &self.record_at).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contention(self.record_at.to_string(), TRIES))
    }

    /// Removes what earlier versions left, brings the statistics up to date, then says so in the record.
    async fn tidy(&mut self, claim: &RecordClaim) -> Result<Published, Error> {
        let mut changed = self.record.outputs.len() > FEW;
        if !self.record.stale.is_empty() {
            let found = look(&*self.store, &self.bucket, &self.record.stale).await?;
            // In this order: if what was just seen is a newer version's, it had claimed before.
            if !found.is_empty() && !claim.is_current().await? {
                return Ok(Published::Done(None));
            }
            each(found, |(at, meta)| delete(&*self.store, at, meta.etag)).await?;
            self.record.removed = mem::take(&mut self.record.stale);
            changed = true;
        }
        let mut entered = None;
        if let Some(book) = &self.book {
            entered = book.enter(&*self.store, &self.record.ledger.pending).await?;
            changed |= self.record.ledger.settle();
        }
        if changed {
            self.record.complete = true;
            match self.record.save(&*self.store, &self.record_at, Some(&claim.etag)).await {
                // A newer version has claimed the place and knows what is left to do.
                Err(Error::Storage(StorageError::Precondition(_) | StorageError::Conflict(_))) => {}
                other => drop(other?),
            }
        }
        Ok(Published::Done(entered))
    }
}

/// A commit record, as it was claimed.
struct RecordClaim {
    store: Arc<dyn ObjectStore>,
    at: Location,
    etag: String,
    version: Version,
}

impl Claim for RecordClaim {
    async fn is_current(&self) -> Result<bool, Error> {
        match self.store.head(&self.at).await? {
            Some(meta) if meta.etag == self.etag => return Ok(true),
            _ => {}
        }
        match Record::load(&*self.store, &self.at).await? {
            Some((record, _)) => Ok(!record.version.is_newer_than(&self.version)),
            // Somebody has removed it, and with it what would stop an older version.
            None => Err(StorageError::Conflict(self.at.clone()).into()),
        }
    }
}

/// The objects of one conversion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objects<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) keys: &'a [String],
    pub(crate) commit: &'a str,
}

impl Objects<'_> {
    /// Removes those of them that are there.
    pub(crate) async fn remove(&self, store: &dyn ObjectStore) -> Result<(), Error> {
        let own = self.visible(store).await?;
        each(own, |(at, meta)| delete(store, at, meta.etag)).await?;
        Ok(())
    }

    /// Removes those of them that are there, if all those of a newer conversion are. If they are not, that is still at
    /// work, and what it does next is to remove these. So at no time are there rows of neither.
    pub(crate) async fn give_way(&self, store: &dyn ObjectStore, newer: &Objects<'_>) -> Result<(), Error> {
        let own = self.visible(store).await?;
        if !own.is_empty() && newer.commit != self.commit && newer.visible(store).await?.len() == newer.keys.len() {
            each(own, |(at, meta)| delete(store, at, meta.etag)).await?;
        }
        Ok(())
    }

    /// Those of them that are there.
    pub(crate) async fn visible(&self, store: &dyn ObjectStore) -> Result<Vec<(Location, ObjectMeta)>, Error> {
        let mut found = look(store, self.bucket, self.keys).await?;
        found.retain(|(_, meta)| meta.metadata.get(COMMIT).is_some_and(|commit| commit == self.commit));
        Ok(found)
    }
}

/// Those of these objects that are there, whoever wrote them.
async fn look(store: &dyn ObjectStore, bucket: &str, keys: &[String]) -> Result<Vec<(Location, ObjectMeta)>, Error> {
    let head = |key: &String| {
        let at = Location::new(bucket, key);
        async move {
            let meta = store.head(&at).await?;
            Ok(meta.map(|meta| (at, meta)))
        }
    };
    Ok(each(keys, head).await?.into_iter().flatten().collect())
}

/// Removes an object if it is still the one that was looked at.
pub(crate) async fn delete(store: &dyn ObjectStore, at: Location, etag: String) -> Result<(), Error> {
    match store.delete_if(&at, &etag).await {
        Err(StorageError::Precondition(_)) => Ok(()),
        other => Ok(other?),
    }
}
