use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::{
    Error, Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Precondition, Result, Staged, Upload, WriteOptions,
};

/// Bytes that one read returns.
const RANGE: usize = 64 * 1024;

/// A store in memory that behaves as S3 does, for tests: with counted calls, and with faults on demand.
///
/// ```
/// use cleanzone_storage::{Call, Error, Fault, Location, MemoryStore, ObjectStore, Pin};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = MemoryStore::new(["landing"]);
/// let at = Location::new("landing", "a.csv");
/// store.insert(&at, "a,b\n1,2\n");
/// store.inject(Call::Open, Fault::Before(Error::Throttled(at.clone(), "slow down".into())));
///
/// assert!(matches!(store.open(&at, &Pin::default()).await, Err(Error::Throttled(..))));
/// assert_eq!(store.open(&at, &Pin::default()).await?.meta().size, 8);
/// assert_eq!(store.calls(Call::Open), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Clones share their content. Reads come in ranges of 64 KiB, and each but the first looks at the object anew, so an
/// object that is replaced meanwhile is [`Error::Changed`], as in S3. The entity tag depends on the content alone.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    versioned: bool,
}

/// A kind of call to a store, for [`MemoryStore::inject`] and [`MemoryStore::calls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`ObjectStore::head`].
    Head,
    /// [`ObjectStore::open`].
    Open,
    /// [`ObjectReader::next`].
    Read,
    /// [`ObjectStore::get`].
    Get,
    /// [`ObjectStore::put`].
    Put,
    /// [`ObjectStore::copy`].
    Copy,
    /// [`ObjectStore::upload`].
    Upload,
    /// [`Upload::write`].
    Write,
    /// [`Upload::finish`].
    Finish,
    /// [`Staged::publish`].
    Publish,
    /// [`Upload::abort`] and [`Staged::abort`].
    Abort,
    /// [`ObjectStore::delete`].
    Delete,
    /// [`ObjectStore::list`].
    List,
}

/// What becomes of one call.
pub enum Fault {
    /// Nothing out of the ordinary: lets one call pass, so that a later one is hit.
    Pass,
    /// It fails without effect.
    Before(Error),
    /// It takes effect, but fails: the answer was lost.
    After(Error),
    /// This runs just before it, such as another writer.
    Meanwhile(Box<dyn FnOnce(&MemoryStore) + Send>),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("Pass"),
            Self::Before(error) => f.debug_tuple("Before").field(error).finish(),
            Self::After(error) => f.debug_tuple("After").field(error).finish(),
            Self::Meanwhile(_) => f.write_str("Meanwhile"),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, BTreeMap<String, Vec<Version>>>,
    faults: BTreeMap<Call, VecDeque<Fault>>,
    calls: BTreeMap<Call, u64>,
    crash: Option<Crash>,
    /// Where pauses are made, what the next one depends on.
    pauses: Option<u64>,
    /// Versions and writes are numbered by it.
    counter: u64,
    pending_uploads: usize,
}

/// The end of the caller's life.
#[derive(Debug)]
struct Crash {
    /// Calls until then.
    left: u64,
    /// Whether the last one takes effect.
    effect: bool,
}

#[derive(Clone, Debug)]
struct Version {
    /// `None` marks a deletion.
    body: Option<Bytes>,
    meta: ObjectMeta,
    /// Which write it comes from; a repeated write is recognised by it.
    write: u64,
}

impl MemoryStore {
    /// Empty buckets, without versions.
    pub fn new<B: Into<String>>(buckets: impl IntoIterator<Item = B>) -> Self {
        let buckets = buckets.into_iter().map(|b| (b.into(), BTreeMap::new())).collect();
        Self { state: Arc::new(Mutex::new(State { buckets, ..State::default() })), versioned: false }
    }

    /// The same with versions: nothing is lost by overwriting or deleting it.
    #[must_use]
    pub fn versioned(self) -> Self {
        Self { versioned: true, ..self }
    }

    /// Puts an object there, past faults and counts, and returns what is known of it. A bucket that does not exist
    /// is created.
    pub fn insert(&self, at: &Location, body: impl Into<Bytes>) -> ObjectMeta {
        let mut state = self.lock();
        state.buckets.entry(at.bucket.clone()).or_default();
        let write = state.next();
        state.write(at, Some(body.into()), write, &WriteOptions::default(), self.versioned)
    }

    /// Removes an object, past faults and counts.
    pub fn remove(&self, at: &Location) {
        self.lock().remove(at, self.versioned);
    }

    /// The content of an object, past faults and counts.
    pub fn content(&self, at: &Location) -> Option<Bytes> {
        self.lock().latest(at).and_then(|v| v.body.clone())
    }

    /// The keys of the objects in a bucket, in order, past faults and counts.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.lock();
        let keys = state.buckets.get(bucket).into_iter().flatten();
        keys.filter(|(_, versions)| latest(versions).is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// All objects in a bucket at one moment, past faults and counts.
    pub fn snapshot(&self, bucket: &str) -> BTreeMap<String, Bytes> {
        let state = self.lock();
        let objects = state.buckets.get(bucket).into_iter().flatten();
        objects.filter_map(|(key, versions)| Some((key.clone(), latest(versions)?.body.clone()?))).collect()
    }

    /// Decides what becomes of the next call of this kind that nothing is decided for yet.
    pub fn inject(&self, call: Call, fault: Fault) {
        self.lock().faults.entry(call).or_default().push_back(fault);
    }

    /// Lets `calls` more calls of any kind pass, as if the caller then died: all further ones fail, and of these only the
    /// first one takes effect, if `effect` says so. Until [`revive`](Self::revive).
    pub fn crash_after(&self, calls: u64, effect: bool) {
        self.lock().crash = Some(Crash { left: calls, effect });
    }

    /// Lets calls pass again.
    pub fn revive(&self) {
        self.lock().crash = None;
    }

    /// Lets each call give way to other tasks, a random number of times before it acts, so that callers interleave.
    #[must_use]
    pub fn with_pauses(self, seed: u64) -> Self {
        self.lock().pauses = Some(seed);
        self
    }

    /// How many calls of any kind there have been.
    pub fn all_calls(&self) -> u64 {
        self.lock().calls.values().sum()
    }

    /// How many calls of this kind there have been.
    pub fn calls(&self, call: Call) -> u64 {
        self.lock().calls.get(&call).copied().unwrap_or(0)
    }

    /// How many uploads were begun and neither published nor aborted. One that was merely dropped counts: in S3 its
    /// parts may stay and be paid for.
    pub fn pending_uploads(&self) -> usize {
        self.lock().pending_uploads
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: counted, with the fault that is decided for it.
    async fn call<T>(&self, call: Call, act: impl FnOnce(&mut State) -> Result<T> + Send) -> Result<T> {
        let pauses = self.lock().next_pause();
        for _ in 0..pauses {
            tokio::task::yield_now().await;
        }
        let (fault, crash) = {
            let mut state = self.lock();
            *state.calls.entry(call).or_default() += 1;
            (state.faults.get_mut(&call).and_then(VecDeque::pop_front), state.next_crash())
        };
        if crash == Some(false) {
            return Err(crashed());
        }
        let lost = match fault {
            Some(Fault::Before(error)) => return Err(error),
            Some(Fault::After(error)) => Some(error),
            Some(Fault::Meanwhile(act)) => {
                act(self);
                None
            }
            Some(Fault::Pass) | None => None,
        };
        let lost = if crash.is_some() { Some(crashed()) } else { lost };
        let done = act(&mut self.lock())?;
        lost.map_or(Ok(done), Err)
    }
}

fn crashed() -> Error {
    Error::Unavailable(Location::new("", ""), "the caller has crashed, as the test wants".into())
}

impl State {
    /// Whether the caller is dead, and if so, whether this call takes effect all the same.
    fn next_crash(&mut self) -> Option<bool> {
        let crash = self.crash.as_mut()?;
        match crash.left.checked_sub(1) {
            Some(left) => {
                crash.left = left;
                None
            }
            None => Some(mem::take(&mut crash.effect)),
        }
    }

    /// `SplitMix64`.
    fn next_pause(&mut self) -> u64 {
        let Some(seed) = &mut self.pauses else { return 0 };
        *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        // Mostly short ones, and now and then one in which others do all their work.
        [0, 0, 0, 1, 2, 5, 30, 300][usize::try_from((mixed ^ (mixed >> 27)) >> 61).unwrap_or(0)]
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn bucket(&self, name: &str) -> Result<&BTreeMap<String, Vec<Version>>> {
        self.buckets.get(name).ok_or_else(|| Error::NoBucket(name.to_owned()))
    }

    fn latest(&self, at: &Location) -> Option<&Version> {
        self.buckets.get(&at.bucket)?.get(&at.key).and_then(|versions| latest(versions))
    }

    fn find(&self, at: &Location, pin: &Pin) -> Result<(Bytes, ObjectMeta)> {
        let versions = self.bucket(&at.bucket)?.get(&at.key);
        let found = versions.and_then(|versions| match &pin.version {
            Some(_) => versions.iter().find(|v| v.meta.version == pin.version),
            None => versions.last(),
        });
        let (body, meta) =
            found.and_then(|v| Some((v.body.clone()?, v.meta.clone()))).ok_or_else(|| Error::NotFound(at.clone()))?;
        match &pin.etag {
            Some(etag) if *etag != meta.etag => Err(Error::Changed(at.clone())),
            _ => Ok((body, meta)),
        }
    }

    fn write(
        &mut self,
        at: &Location,
        body: Option<Bytes>,
        write: u64,
        options: &WriteOptions,
        versioned: bool,
    ) -> ObjectMeta {
        let meta = ObjectMeta {
            size: body.as_ref().map_or(0, |b| b.len() as u64),
            etag: etag(body.as_deref().unwrap_or_default()),
            version: versioned.then(|| format!("v{:08}", self.next())),
            last_modified: SystemTime::now(),
            metadata: options.metadata.clone(),
        };
        if let Some(bucket) = self.buckets.get_mut(&at.bucket) {
            let versions = bucket.entry(at.key.clone()).or_default();
            if !versioned {
                versions.clear();
            }
            versions.push(Version { body, meta: meta.clone(), write });
        }
        meta
    }

    fn write_if(
        &mut self,
        at: &Location,
        body: Bytes,
        write: u64,
        when: &Precondition,
        options: &WriteOptions,
        versioned: bool,
    ) -> Result<String> {
        self.bucket(&at.bucket)?;
        let current = self.latest(at);
        if let Some(same) = current.filter(|v| v.write == write) {
            return Ok(same.meta.etag.clone());
        }
        let holds = match when {
            Precondition::None => true,
            Precondition::Absent => current.is_none(),
            Precondition::Matches(etag) => current.is_some_and(|v| v.meta.etag == *etag),
        };
        if !holds {
            return Err(Error::Precondition(at.clone()));
        }
        Ok(self.write(at, Some(body), write, options, versioned).etag)
    }

    fn remove(&mut self, at: &Location, versioned: bool) {
        if versioned {
            let write = self.next();
            self.write(at, None, write, &WriteOptions::default(), versioned);
        } else if let Some(bucket) = self.buckets.get_mut(&at.bucket) {
            bucket.remove(&at.key);
        }
    }
}

fn latest(versions: &[Version]) -> Option<&Version> {
    versions.last().filter(|v| v.body.is_some())
}

fn etag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn head(&self, at: &Location) -> Result<Option<ObjectMeta>> {
        self.call(Call::Head, |state| Ok(state.latest(at).map(|v| v.meta.clone()))).await
    }

    async fn open(&self, at: &Location, pin: &Pin) -> Result<Box<dyn ObjectReader>> {
        let (body, meta) = self.call(Call::Open, |state| state.find(at, pin)).await?;
        let pin = Pin { version: pin.version.clone(), etag: Some(meta.etag.clone()) };
        Ok(Box::new(MemoryReader { store: self.clone(), at: at.clone(), pin, meta, body, position: 0 }))
    }

    async fn get(&self, at: &Location) -> Result<Option<(Bytes, ObjectMeta)>> {
        self.call(Call::Get, |state| match state.find(at, &Pin::default()) {
            Err(Error::NotFound(_)) => Ok(None),
            found => found.map(Some),
        })
        .await
    }

    async fn put(&self, at: &Location, body: Bytes, when: &Precondition, options: &WriteOptions) -> Result<String> {
        self.call(Call::Put, |state| {
            let write = state.next();
            state.write_if(at, body, write, when, options, self.versioned)
        })
        .await
    }

    async fn copy(
        &self,
        from: &Location,
        pin: &Pin,
        to: &Location,
        when: &Precondition,
        options: &WriteOptions,
    ) -> Result<String> {
        self.call(Call::Copy, |state| {
            let (body, _) = state.find(from, pin)?;
            let write = state.next();
            state.write_if(to, body, write, when, options, self.versioned)
        })
        .await
    }

    async fn upload(&self, at: &Location, options: &WriteOptions) -> Result<Box<dyn Upload>> {
        let write = self
            .call(Call::Upload, |state| {
                state.bucket(&at.bucket)?;
                state.pending_uploads += 1;
                Ok(state.next())
            })
            .await?;
        let body = BytesMut::new();
        Ok(Box::new(MemoryUpload { store: self.clone(), at: at.clone(), options: options.clone(), write, body }))
    }

    async fn delete(&self, at: &[Location]) -> Result<()> {
        self.call(Call::Delete, |state| {
            for at in at {
                state.bucket(&at.bucket)?;
                state.remove(at, self.versioned);
            }
            Ok(())
        })
        .await
    }

    async fn delete_if(&self, at: &Location, etag: &str) -> Result<()> {
        self.call(Call::Delete, |state| {
            let current = state.bucket(&at.bucket)?.get(&at.key).and_then(|versions| latest(versions));
            match current.map(|version| version.meta.etag == etag) {
                Some(false) => return Err(Error::Precondition(at.clone())),
                Some(true) => state.remove(at, self.versioned),
                None => {}
            }
            Ok(())
        })
        .await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, ObjectMeta)>> {
        self.call(Call::List, |state| {
            let objects = state.bucket(bucket)?.range(prefix.to_owned()..);
            let found = objects.take_while(|(key, _)| key.starts_with(prefix));
            let listed = |meta: &ObjectMeta| ObjectMeta { version: None, metadata: BTreeMap::new(), ..meta.clone() };
            Ok(found.filter_map(|(key, versions)| Some((key.clone(), listed(&latest(versions)?.meta)))).collect())
        })
        .await
    }
}

#[derive(Debug)]
struct MemoryReader {
    store: MemoryStore,
    at: Location,
    pin: Pin,
    meta: ObjectMeta,
    body: Bytes,
    position: usize,
}

#[async_trait]
impl ObjectReader for MemoryReader {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        let range = self.position..self.body.len().min(self.position + RANGE);
        let chunk = self
            .store
            .call(Call::Read, |state| {
                if range.is_empty() {
                    return Ok(None);
                }
                if range.start > 0 {
                    state.find(&self.at, &self.pin).map_err(|_| Error::Changed(self.at.clone()))?;
                }
                Ok(Some(self.body.slice(range.clone())))
            })
            .await?;
        self.position = range.end;
        Ok(chunk)
    }
}

#[derive(Debug)]
struct MemoryUpload {
    store: MemoryStore,
    at: Location,
    options: WriteOptions,
    write: u64,
    body: BytesMut,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.store
            .call(Call::Write, |_| {
                self.body.extend_from_slice(&bytes);
                Ok(())
            })
            .await
    }

    async fn finish(self: Box<Self>) -> Result<Box<dyn Staged>> {
        self.store.call(Call::Finish, |_| Ok(())).await?;
        let Self { store, at, options, write, body } = *self;
        Ok(Box::new(MemoryStaged { store, at, options, write, body: body.freeze(), pending: true }))
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        self.store
            .call(Call::Abort, |state| {
                state.pending_uploads -= 1;
                Ok(())
            })
            .await
    }
}

#[derive(Debug)]
struct MemoryStaged {
    store: MemoryStore,
    at: Location,
    options: WriteOptions,
    write: u64,
    body: Bytes,
    pending: bool,
}

#[async_trait]
impl Staged for MemoryStaged {
    fn location(&self) -> &Location {
        &self.at
    }

    fn size(&self) -> u64 {
        self.body.len() as u64
    }

    async fn publish(&mut self, when: &Precondition) -> Result<String> {
        self.store
            .call(Call::Publish, |state| {
                let body = self.body.clone();
                let etag = state.write_if(&self.at, body, self.write, when, &self.options, self.store.versioned)?;
                state.pending_uploads -= usize::from(mem::take(&mut self.pending));
                Ok(etag)
            })
            .await
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        self.store
            .call(Call::Abort, |state| {
                state.pending_uploads -= usize::from(self.pending);
                Ok(())
            })
            .await
    }
}
