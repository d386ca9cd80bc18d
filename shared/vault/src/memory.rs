use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use async_trait::async_trait;
use cleanzone_error::ErrorName;
use zeroize::Zeroize;

use crate::{
    Error, Field, MethodKey, Resolved, Result, Token, TokenVault,
    compact::Items,
    engine::{Engine, Limits},
    item::{Attribute, Attributes, Body, Item},
    seal::NONCE,
    secret::KeyBytes,
    table::{Generated, INSERT, Inserted, KeyService, READ, Read, Table},
};

/// A call that a vault makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Of up to 100 items.
    Read,
    /// Of up to 25 items, each where there is none.
    Insert,
    /// Of the item that names the current data key.
    Replace,
    /// Of one item.
    Delete,
    /// Of a key, by the key service.
    Generate,
    /// Of a key, by the key service.
    Unwrap,
}

impl Call {
    const fn action(self) -> &'static str {
        match self {
            Self::Read => "dynamodb:BatchGetItem",
            Self::Insert => "dynamodb:PartiQLInsert",
            Self::Replace => "dynamodb:PutItem",
            Self::Delete => "dynamodb:DeleteItem",
            Self::Generate => "kms:GenerateDataKey",
            Self::Unwrap => "kms:Decrypt",
        }
    }
}

/// What the next call of a kind meets instead of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The call fails with an [`Error::Call`] of that name; nothing is done.
    Fails(ErrorName),
    /// It is done, and then the call fails all the same, as where an answer is lost.
    FailsAfter(ErrorName),
    /// Only so many items of the batch are looked at; each of the others is asked for a slower pace.
    Partly(usize),
}

/// A vault in memory, for tests and for measuring: all of the vault but `DynamoDB` and KMS, with calls that can be
/// counted, slowed and made to fail, and items that can be spoilt. Nothing of it outlives the process.
#[derive(Debug)]
pub struct MemoryVault {
    engine: Engine,
    store: Arc<Store>,
}

impl Default for MemoryVault {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryVault {
    /// A vault with nothing in it.
    pub fn new() -> Self {
        Self::on(Arc::default())
    }

    /// The same table as another process sees it: with keys and a cache of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::on(Arc::clone(&self.store))
    }

    fn on(store: Arc<Store>) -> Self {
        let engine = Engine::new(Arc::<Store>::clone(&store), Arc::<Store>::clone(&store), Limits::default());
        Self { engine, store }
    }

    /// Every call takes that long from now on, so that writers race.
    pub fn slow_down(&self, latency: Duration) {
        self.store.state().latency = latency;
    }

    /// An insertion that meets an item does not tell it from now on, as a table may choose to.
    pub fn tell_nothing(&self) {
        self.store.state().silent = true;
    }

    /// The next call of that kind meets trouble; several queue up.
    pub fn trouble(&self, call: Call, trouble: Trouble) {
        self.store.state().troubles.entry(call).or_default().push_back(trouble);
    }

    /// How often a call was made, by all processes.
    pub fn calls(&self, call: Call) -> usize {
        self.store.state().calls.get(&call).copied().unwrap_or_default()
    }

    /// Bytes of memory that the table takes.
    pub fn bytes(&self) -> usize {
        self.store.state().items.bytes()
    }

    /// How many items there are: two a value, and the keys.
    pub fn count(&self) -> usize {
        self.store.state().items.len()
    }

    /// The keys of all items, in order.
    pub fn items(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.store.state().items.iter().map(|item| item.id).collect();
        ids.sort_unstable();
        ids
    }

    /// The attributes of an item, with how many bytes each has.
    pub fn attributes(&self, item: &str) -> Vec<(String, usize)> {
        let length = |attribute: &Attribute| match attribute {
            Attribute::Text(text) => text.len(),
            Attribute::Bytes(bytes) => bytes.len(),
        };
        let attributes = self.store.state().attributes(item).unwrap_or_default();
        attributes.iter().map(|(name, attribute)| ((*name).to_owned(), length(attribute))).collect()
    }

    /// Flips a bit of an item, counted from the first byte's lowest; of text, only one that leaves it text.
    pub fn flip_bit(&self, item: &str, attribute: &str, bit: usize) {
        let mut state = self.store.state();
        let Some(mut attributes) = state.attributes(item) else { return };
        let flip = |bytes: &mut [u8]| {
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        };
        match attributes.get_mut(attribute) {
            Some(Attribute::Bytes(bytes)) => flip(bytes),
            Some(Attribute::Text(text)) => {
                let mut bytes = text.clone().into_bytes();
                flip(&mut bytes);
                *text = String::from_utf8(bytes).unwrap_or_else(|_| text.clone());
            }
            None => return,
        }
        state.spoilt.insert(item.to_owned(), attributes);
    }

    /// Removes an item as if someone else had.
    pub fn remove(&self, item: &str) {
        self.store.state().remove(item);
    }

    /// Whether these bytes are anywhere in the table.
    pub fn contains(&self, bytes: &[u8]) -> bool {
        let within = |held: &[u8]| held.windows(bytes.len().max(1)).any(|window| window == bytes);
        let state = self.store.state();
        state.items.iter().any(|item| {
            within(item.id.as_bytes())
                || state.attributes(&item.id).unwrap_or_default().values().any(|attribute| match attribute {
                    Attribute::Text(text) => within(text.as_bytes()),
                    Attribute::Bytes(held) => within(held),
                })
        })
    }
}

#[async_trait]
impl TokenVault for MemoryVault {
    async fn tokenize(&self, field: &Field, values: &[&str]) -> Result<Vec<Token>> {
        self.engine.tokenize(field, values).await
    }

    async fn resolve(&self, tokens: &[Token]) -> Result<Vec<Resolved>> {
        self.engine.resolve(tokens).await
    }

    async fn forget_value(&self, field: &Field, value: &str) -> Result<bool> {
        self.engine.forget_value(field, value).await
    }

    async fn forget_token(&self, token: Token) -> Result<bool> {
        self.engine.forget_token(token).await
    }

    async fn rotate(&self) -> Result<String> {
        self.engine.rotate().await
    }

    async fn method_key(&self) -> Result<MethodKey> {
        self.engine.method_key().await
    }
}

/// Table and key service.
#[derive(Debug, Default)]
struct Store(Mutex<State>);

#[derive(Default)]
struct State {
    items: Items,
    /// What is in the table in place of some of the items.
    spoilt: BTreeMap<String, Attributes>,
    calls: HashMap<Call, usize>,
    troubles: HashMap<Call, VecDeque<Trouble>>,
    latency: Duration,
    silent: bool,
    /// What wraps keys; drawn with the first.
    wrapping: Option<Aes256Gcm>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("items", &self.items.len()).field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl Store {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: waits, counts, and lets `act` happen unless there is trouble. It is told how much of a batch to do.
    async fn call<T: Send>(&self, call: Call, act: impl FnOnce(&mut State, usize) -> Result<T> + Send) -> Result<T> {
        let latency = self.state().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency / 2).await;
        }
        let outcome = {
            let mut state = self.state();
            *state.calls.entry(call).or_default() += 1;
            match state.troubles.get_mut(&call).and_then(VecDeque::pop_front) {
                None => act(&mut state, usize::MAX),
                Some(Trouble::Partly(count)) => act(&mut state, count),
                Some(Trouble::Fails(name)) => Err(failed(call, name)),
                Some(Trouble::FailsAfter(name)) => {
                    act(&mut state, usize::MAX)?;
                    Err(failed(call, name))
                }
            }
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency / 2).await;
        }
        outcome
    }
}

fn failed(call: Call, name: ErrorName) -> Error {
    Error::Call {
        name,
        action: call.action(),
        resource: "the vault in memory".to_owned(),
        hint: "",
        source: "as the test wants".into(),
    }
}

fn too_many(call: Call, limit: usize) -> Error {
    Error::Call {
        name: ErrorName::Internal,
        action: call.action(),
        resource: "the vault in memory".to_owned(),
        hint: "",
        source: format!("a call takes 1 to {limit} different items").into(),
    }
}

impl State {
    fn item(&self, id: &str) -> Option<Item> {
        match self.spoilt.get(id) {
            Some(attributes) => Some(Item::read(id.to_owned(), attributes.clone())),
            None => self.items.get(id),
        }
    }

    fn attributes(&self, id: &str) -> Option<Attributes> {
        self.spoilt.get(id).cloned().or_else(|| Some(self.items.get(id)?.attributes()))
    }

    fn insert(&mut self, item: &Item) {
        self.spoilt.remove(&item.id);
        self.items.insert(item);
    }

    fn remove(&mut self, id: &str) {
        self.spoilt.remove(id);
        self.items.remove(id);
    }
}

#[async_trait]
impl Table for Store {
    async fn read(&self, ids: &[String]) -> Result<Read> {
        self.call(Call::Read, |state, count| {
            let distinct: HashSet<_> = ids.iter().collect();
            if ids.is_empty() || ids.len() > READ || distinct.len() < ids.len() {
                return Err(too_many(Call::Read, READ));
            }
            let (now, left) = ids.split_at(count.min(ids.len()));
            Ok(Read { items: now.iter().filter_map(|id| state.item(id)).collect(), left: left.to_vec() })
        })
        .await
    }

    async fn insert(&self, items: &[&Item]) -> Result<Vec<Inserted>> {
        self.call(Call::Insert, |state, count| {
            if items.is_empty() || items.len() > INSERT {
                return Err(too_many(Call::Insert, INSERT));
            }
            let mut insert = |item: &Item| {
                if state.items.contains(&item.id) {
                    return Inserted::Exists(state.item(&item.id).filter(|_| !state.silent));
                }
                state.insert(item);
                Inserted::Done
            };
            let outcomes = items.iter().enumerate().map(|(at, item)| {
                if at < count { insert(item) } else { Inserted::Failed(failed(Call::Insert, ErrorName::Throttled)) }
            });
            Ok(outcomes.collect())
        })
        .await
    }

    async fn replace(&self, item: &Item, held: &str) -> Result<bool> {
        self.call(Call::Replace, |state, _| {
            let same = |found: Item| matches!(found.body, Body::Key(key) if key.key == held);
            let done = state.item(&item.id).is_some_and(same);
            if done {
                state.insert(item);
            }
            Ok(done)
        })
        .await
    }

    async fn delete(&self, id: &str, token: Option<Token>) -> Result<bool> {
        self.call(Call::Delete, |state, _| {
            let same = |found: Item| match (found.body, token) {
                (_, None) => true,
                (Body::Entry(entry), Some(token)) => entry.token == token,
                _ => false,
            };
            let done = state.item(id).is_some_and(same);
            if done {
                state.remove(id);
            }
            Ok(done)
        })
        .await
    }
}

#[async_trait]
impl KeyService for Store {
    async fn generate(&self, purpose: &str) -> Result<Generated> {
        self.call(Call::Generate, |state, _| {
            let mut random = [0; 64 + NONCE];
            getrandom::fill(&mut random).map_err(|error| Error::Randomness(error.into()))?;
            let (wrapping, rest) = random.split_at(32);
            let (key, nonce) = rest.split_at(32);
            if state.wrapping.is_none() {
                state.wrapping = Aes256Gcm::new_from_slice(wrapping).ok();
            }
            let plain = Payload { msg: key, aad: purpose.as_bytes() };
            let nonce = nonce.first_chunk::<NONCE>();
            let wrapped = match (&state.wrapping, nonce) {
                (Some(wrapping), Some(nonce)) => {
                    wrapping.encrypt(nonce.into(), plain).ok().map(|wrapped| [nonce.as_slice(), &wrapped].concat())
                }
                _ => None,
            };
            let generated = KeyBytes::take(key.to_vec()).zip(wrapped);
            random.zeroize();
            match generated {
                Some((key, wrapped)) => Ok(Generated { key, wrapped }),
                None => Err(failed(Call::Generate, ErrorName::Internal)),
            }
        })
        .await
    }

    async fn unwrap(&self, purpose: &str, wrapped: &[u8]) -> Result<KeyBytes> {
        self.call(Call::Unwrap, |state, _| {
            let unwrapped = wrapped.split_first_chunk::<NONCE>().and_then(|(nonce, msg)| {
                let sealed = Payload { msg, aad: purpose.as_bytes() };
                state.wrapping.as_ref()?.decrypt(nonce.into(), sealed).ok()
            });
            unwrapped.and_then(KeyBytes::take).ok_or_else(|| Error::Tampered { item: purpose.to_owned() })
        })
        .await
    }
}
