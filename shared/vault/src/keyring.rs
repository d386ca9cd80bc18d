use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use data_encoding::BASE32_DNSSEC;
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    Error, MethodKey, Result,
    access::Access,
    index::Index,
    item::{Body, CURRENT_KEY, INDEX_KEY, Item, METHOD_KEY, WrappedKey, data_key_id},
    seal::DataKey,
    secret::KeyBytes,
    table::{Generated, KeyService},
};

/// For how long a process seals under one data key without asking whether another has rotated it.
const CURRENT_FOR: Duration = Duration::from_mins(15);

/// The vault's keys: made once a vault, unwrapped once a process.
///
/// `key#index` never changes. `key#current` is the data key that seals, and `key#data#…` are all there ever were; the
/// current one is there twice, so that a start costs one read and two calls of the key service.
#[derive(Debug)]
pub(crate) struct Keyring {
    access: Arc<Access>,
    service: Arc<dyn KeyService>,
    keys: OnceCell<Keys>,
    method: OnceCell<MethodKey>,
}

#[derive(Debug)]
struct Keys {
    index: Index,
    current: Mutex<(Arc<DataKey>, Instant)>,
    known: Mutex<HashMap<String, Arc<DataKey>>>,
}

impl Keyring {
    pub(crate) fn new(access: Arc<Access>, service: Arc<dyn KeyService>) -> Self {
        Self { access, service, keys: OnceCell::new(), method: OnceCell::new() }
    }

    pub(crate) async fn index(&self) -> Result<&Index> {
        Ok(&self.keys().await?.index)
    }

    /// The data key to seal under.
    pub(crate) async fn current(&self) -> Result<Arc<DataKey>> {
        let keys = self.keys().await?;
        let (key, since) = keys.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if since.elapsed() < CURRENT_FOR {
            return Ok(key);
        }
        let held = self.access.read_one(CURRENT_KEY).await?;
        let key = self.follow(keys, held.ok_or_else(|| missing(CURRENT_KEY))?).await?;
        Ok(key)
    }

    /// The data key of this id, which may be an old one.
    pub(crate) async fn data_key(&self, id: &str) -> Result<Arc<DataKey>> {
        let keys = self.keys().await?;
        if let Some(key) = keys.known(id) {
            return Ok(key);
        }
        let item = data_key_id(id);
        let held = self.access.read_one(&item).await?.ok_or_else(|| missing(&item))?;
        let key = self.unwrap(&item, &wrapped(held)?).await?;
        Ok(keys.learn(DataKey::new(id.to_owned(), &key)))
    }

    /// Makes a new data key current, unless another process does so just now; the id of the one that is.
    pub(crate) async fn rotate(&self) -> Result<String> {
        let keys = self.keys().await?;
        let before = self.access.read_one(CURRENT_KEY).await?.ok_or_else(|| missing(CURRENT_KEY))?;
        let new = self.new_data_key().await?;
        let item = Item { id: CURRENT_KEY.to_owned(), body: Body::Key(new) };
        self.access.replace(&item, &wrapped(before)?.key).await?;
        // Asked for in any case: the answer that it was replaced may have been lost.
        let held = self.access.read_one(CURRENT_KEY).await?.ok_or_else(|| missing(CURRENT_KEY))?;
        Ok(self.follow(keys, held).await?.id.clone())
    }

    pub(crate) async fn method_key(&self) -> Result<MethodKey> {
        let make = async || {
            let held = if let Some(held) = self.access.read_one(METHOD_KEY).await? {
                wrapped(held)?
            } else {
                let ours = WrappedKey { key: new_id()?, wrapped: self.generate(METHOD_KEY).await?.wrapped };
                let mut items = [Item { id: METHOD_KEY.to_owned(), body: Body::Key(ours) }];
                self.access.insert(&mut items).await?;
                let [held] = items;
                wrapped(held)?
            };
            let secret = self.unwrap(METHOD_KEY, &held).await?.into_inner();
            Ok(MethodKey { id: held.key, secret })
        };
        self.method.get_or_try_init(make).await.cloned()
    }

    async fn keys(&self) -> Result<&Keys> {
        self.keys.get_or_try_init(|| self.load()).await
    }

    async fn load(&self) -> Result<Keys> {
        let mut held = self.access.read_all(vec![INDEX_KEY.to_owned(), CURRENT_KEY.to_owned()]).await?;
        let mut index = held.remove(INDEX_KEY);
        if index.is_none() && held.contains_key(CURRENT_KEY) {
            // Another process may have made both while they were read; the index key is made first.
            index = self.access.read_one(INDEX_KEY).await?;
            // A new one would give everybody a second token.
            index.as_ref().ok_or_else(|| missing(INDEX_KEY))?;
        }
        let index = match index {
            Some(index) => self.unwrap(INDEX_KEY, &wrapped(index)?).await?,
            None => self.new_index_key().await?,
        };
        let current = match held.remove(CURRENT_KEY) {
            Some(current) => current,
            None => self.first_data_key().await?,
        };
        let current = self.unwrap_data_key(current).await?;
        let known = HashMap::from([(current.id.clone(), Arc::clone(&current))]);
        Ok(Keys { index: Index::new(&index), current: Mutex::new((current, Instant::now())), known: Mutex::new(known) })
    }

    /// The index key, made by this process or by one that was faster.
    async fn new_index_key(&self) -> Result<KeyBytes> {
        let Generated { key, wrapped: ours } = self.generate(INDEX_KEY).await?;
        let body = WrappedKey { key: "index".to_owned(), wrapped: ours.clone() };
        let mut items = [Item { id: INDEX_KEY.to_owned(), body: Body::Key(body) }];
        self.access.insert(&mut items).await?;
        let [held] = items;
        let held = wrapped(held)?;
        if held.wrapped == ours { Ok(key) } else { self.unwrap(INDEX_KEY, &held).await }
    }

    /// The first data key, made by this process or by one that was faster.
    async fn first_data_key(&self) -> Result<Item> {
        let new = self.new_data_key().await?;
        let mut items = [Item { id: CURRENT_KEY.to_owned(), body: Body::Key(new) }];
        self.access.insert(&mut items).await?;
        let [held] = items;
        Ok(held)
    }

    /// A data key that is in the table, but that nothing is sealed under yet. If another becomes current instead, it
    /// stays there unused: whether it never was current, cannot be told once an answer was lost.
    async fn new_data_key(&self) -> Result<WrappedKey> {
        let key = new_id()?;
        let id = data_key_id(&key);
        let generated = self.generate(&id).await?;
        let new = WrappedKey { key, wrapped: generated.wrapped };
        self.access.insert(&mut [Item { id, body: Body::Key(new.clone()) }]).await?;
        Ok(new)
    }

    /// Seals under this key from now on.
    async fn follow(&self, keys: &Keys, held: Item) -> Result<Arc<DataKey>> {
        let known = match &held.body {
            Body::Key(held) => keys.known(&held.key),
            _ => None,
        };
        let key = match known {
            Some(key) => key,
            None => keys.learn_shared(self.unwrap_data_key(held).await?),
        };
        *keys.current.lock().unwrap_or_else(PoisonError::into_inner) = (Arc::clone(&key), Instant::now());
        Ok(key)
    }

    async fn unwrap_data_key(&self, held: Item) -> Result<Arc<DataKey>> {
        let held = wrapped(held)?;
        let key = self.unwrap(&data_key_id(&held.key), &held).await?;
        Ok(Arc::new(DataKey::new(held.key, &key)))
    }

    async fn unwrap(&self, purpose: &str, held: &WrappedKey) -> Result<KeyBytes> {
        let mut retry = self.access.retry();
        loop {
            match self.service.unwrap(purpose, &held.wrapped).await {
                Ok(key) => return Ok(key),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    async fn generate(&self, purpose: &str) -> Result<Generated> {
        let mut retry = self.access.retry();
        loop {
            match self.service.generate(purpose).await {
                Ok(generated) => return Ok(generated),
                Err(error) => retry.pause(error).await?,
            }
        }
    }
}

impl Keys {
    fn known(&self, id: &str) -> Option<Arc<DataKey>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn learn(&self, key: DataKey) -> Arc<DataKey> {
        self.learn_shared(Arc::new(key))
    }

    fn learn_shared(&self, key: Arc<DataKey>) -> Arc<DataKey> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key.id.clone()).or_insert(key))
    }
}

/// Sixteen lower-case letters and digits that nobody else draws.
fn new_id() -> Result<String> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| Error::Randomness(error.into()))?;
    Ok(BASE32_DNSSEC.encode(&random))
}

fn wrapped(item: Item) -> Result<WrappedKey> {
    match item.body {
        Body::Key(key) => Ok(key),
        _ => Err(Error::Tampered { item: item.id }),
    }
}

fn missing(item: &str) -> Error {
    Error::KeyMissing { item: item.to_owned() }
}
