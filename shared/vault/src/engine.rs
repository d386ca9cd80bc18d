use std::{
    collections::hash_map,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    Error, Field, MethodKey, Resolution, Resolved, Result, Token,
    access::Access,
    cache::Cache,
    index::{ByPrint, Fingerprint, Index, PROOF},
    item::{Body, Entry, Item, Pointer, entry_id, pointer_id, print_of},
    keyring::Keyring,
    seal::{DataKey, NONCE},
    table::{INSERT, KeyService, Table},
    token::RANDOM,
};

/// Bytes of the longest value: 25 of them are well within what one call may carry.
const LONGEST: usize = 64 * 1024;

/// How a vault is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Tokens that are remembered at least.
    pub(crate) cache: usize,
    /// For how long a call is tried again.
    pub(crate) patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // As many as fit two hash maps of 2¹⁸ slots: 32 MiB.
        Self { cache: 7 << 15, patience: Duration::from_mins(1) }
    }
}

/// What every vault does, on whatever table and key service.
#[derive(Clone, Debug)]
pub(crate) struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    access: Arc<Access>,
    keyring: Keyring,
    cache: Mutex<Cache>,
}

/// A value on its way to a token.
enum Place {
    Token(Token),
    /// One of the distinct values that have to be looked up.
    Wanted(usize),
}

impl Engine {
    pub(crate) fn new(table: Arc<dyn Table>, service: Arc<dyn KeyService>, limits: Limits) -> Self {
        let access = Arc::new(Access::new(table, limits.patience));
        let keyring = Keyring::new(Arc::clone(&access), service);
        Self(Arc::new(Inner { access, keyring, cache: Mutex::new(Cache::new(limits.cache)) }))
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn tokenize(&self, field: &Field, values: &[&str]) -> Result<Vec<Token>> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let index = self.0.keyring.index().await?;
        let prints = index.field(field);
        let mut places = Vec::with_capacity(values.len());
        // The distinct values: fingerprint, where it first stands, and its token once that is known.
        let (mut wanted, mut seen) = (Vec::with_capacity(values.len()), ByPrint::default());
        seen.reserve(values.len());
        for (at, value) in values.iter().enumerate() {
            if let Some(token) = Token::parse(value) {
                places.push(Place::Token(token));
                continue;
            }
            if value.len() > LONGEST {
                return Err(Error::TooLong {
                    scope: field.scope().to_owned(),
                    kind: field.kind().to_owned(),
                    length: value.len(),
                    limit: LONGEST,
                });
            }
            let print = prints.fingerprint(value);
            places.push(Place::Wanted(match seen.entry(print) {
                hash_map::Entry::Occupied(seen) => *seen.get(),
                hash_map::Entry::Vacant(new) => {
                    wanted.push((print, at, None));
                    *new.insert(wanted.len() - 1)
                }
            }));
        }
        self.cache().look_up(wanted.iter_mut().map(|(print, _, token)| (&*print, token)));

        let unknown: Vec<_> = wanted.iter().filter(|(.., token)| token.is_none()).map(|&(p, at, _)| (p, at)).collect();
        if !unknown.is_empty() {
            let found = self.find_or_make(index, field, values, unknown).await?;
            for (print, _, token) in &mut wanted {
                if token.is_none() {
                    *token = found.get(print).copied();
                }
            }
            self.cache().insert(found.into_iter());
        }
        let known = |place| match place {
            Place::Token(token) => Some(token),
            Place::Wanted(at) => wanted[at].2,
        };
        let tokens: Option<Vec<Token>> = places.into_iter().map(known).collect();
        tokens.ok_or_else(|| Error::Ended("not every value has got a token".into()))
    }

    /// The tokens of distinct values, which `unknown` names by fingerprint and place.
    async fn find_or_make(
        &self,
        index: &Index,
        field: &Field,
        values: &[&str],
        unknown: Vec<(Fingerprint, usize)>,
    ) -> Result<ByPrint<Token>> {
        let mut tokens = ByPrint::default();
        tokens.reserve(unknown.len());
        for item in self.0.access.read(unknown.iter().map(|(print, _)| entry_id(print)).collect()).await? {
            let entry = trusted(index, &item)?;
            tokens.extend(print_of(&item.id).map(|print| (print, entry.token)));
        }
        let missing: Vec<_> = unknown.into_iter().filter(|(print, _)| !tokens.contains_key(print)).collect();
        if missing.is_empty() {
            return Ok(tokens);
        }

        let key = self.0.keyring.current().await?;
        let mut batches = JoinSet::new();
        for batch in missing.chunks(INSERT) {
            let entries = seal(index, &key, field, values, batch)?;
            let engine = self.clone();
            batches.spawn(async move { engine.write(entries).await });
        }
        while let Some(batch) = batches.join_next().await {
            tokens.extend(batch.map_err(|error| Error::Ended(error.into()))??);
        }
        Ok(tokens)
    }

    /// Writes entries that were just sealed, or finds that others were faster; the tokens that hold. Pointers come first,
    /// so that a token that anybody can see can be resolved.
    async fn write(&self, entries: Vec<(Fingerprint, Token, Item)>) -> Result<Vec<(Fingerprint, Token)>> {
        let index = self.0.keyring.index().await?;
        let pointer = |(_, token, entry): &(_, Token, Item)| {
            let id = pointer_id(*token);
            let pointer = Pointer::new(index, &id, entry.id.clone());
            Item { id, body: Body::Pointer(pointer) }
        };
        let mut pointers: Vec<Item> = entries.iter().map(pointer).collect();
        if !self.0.access.insert(&mut pointers).await?.is_empty() {
            return Err(Error::Randomness("a token was drawn that there is already".into()));
        }

        let (mut tokens, mut entries): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|(print, token, entry)| ((print, token), entry)).unzip();
        let mut unused = JoinSet::new();
        for at in self.0.access.insert(&mut entries).await? {
            let ours = std::mem::replace(&mut tokens[at].1, trusted(index, &entries[at])?.token);
            if !same(ours, tokens[at].1) {
                let access = Arc::clone(&self.0.access);
                unused.spawn(async move { access.delete(&pointer_id(ours), None).await });
            }
        }
        // Nobody has ever seen the token of an unused pointer. Should it stay, it leads to an entry of another token.
        while let Some(deleted) = unused.join_next().await {
            if let Ok(Err(error)) = deleted {
                tracing::debug!(%error, "an unused pointer stays in the vault");
            }
        }
        Ok(tokens)
    }

    pub(crate) async fn resolve(&self, tokens: &[Token]) -> Result<Vec<Resolved>> {
        let index = self.0.keyring.index().await?;
        let ids: Vec<String> = tokens.iter().map(|&token| pointer_id(token)).collect();
        let pointers = self.0.access.read_all(distinct(ids.iter().cloned())).await?;
        let leads_to = |pointer: &Item| match &pointer.body {
            Body::Pointer(to) if to.is_proven(index, &pointer.id) => Some(to.entry.clone()),
            _ => None,
        };
        let entries = self.0.access.read_all(distinct(pointers.values().filter_map(leads_to))).await?;

        let mut resolved = Vec::with_capacity(tokens.len());
        for (&token, id) in tokens.iter().zip(&ids) {
            let resolution = match pointers.get(id).map(leads_to) {
                None => Resolution::NotFound,
                Some(None) => Resolution::Tampered,
                Some(Some(entry)) => match entries.get(&entry) {
                    None => Resolution::NotFound,
                    Some(entry) => self.open(index, token, entry).await?,
                },
            };
            resolved.push(Resolved { token, resolution });
        }
        Ok(resolved)
    }

    async fn open(&self, index: &Index, token: Token, item: &Item) -> Result<Resolution> {
        let Ok(entry) = trusted(index, item) else { return Ok(Resolution::Tampered) };
        if !same(entry.token, token) {
            // The value was forgotten, and has come again since.
            return Ok(Resolution::NotFound);
        }
        let key = self.0.keyring.data_key(&entry.key).await?;
        Ok(match key.open(&entry.label(), &entry.sealed) {
            Some(value) => Resolution::Value { scope: entry.scope.to_string(), kind: entry.kind.to_string(), value },
            None => Resolution::Tampered,
        })
    }

    pub(crate) async fn forget_value(&self, field: &Field, value: &str) -> Result<bool> {
        if let Some(token) = Token::parse(value) {
            return self.forget_token(token).await;
        }
        let print = self.0.keyring.index().await?.field(field).fingerprint(value);
        let id = entry_id(&print);
        let mut known = false;
        // Again where it has changed in between, and to see that it is gone.
        while let Some(item) = self.0.access.read_one(&id).await? {
            known = true;
            let token = match &item.body {
                Body::Entry(entry) => Some(entry.token),
                _ => None,
            };
            self.0.access.delete(&id, token).await?;
            if let Some(token) = token {
                self.0.access.delete(&pointer_id(token), None).await?;
            }
        }
        self.cache().remove(&print);
        Ok(known)
    }

    pub(crate) async fn forget_token(&self, token: Token) -> Result<bool> {
        let index = self.0.keyring.index().await?;
        let id = pointer_id(token);
        let Some(item) = self.0.access.read_one(&id).await? else { return Ok(false) };
        let to = match item.body {
            Body::Pointer(to) if to.is_proven(index, &id) => to.entry,
            // It cannot be told what to forget.
            _ => return Err(Error::Tampered { item: id }),
        };
        let mut known = false;
        while let Some(item) = self.0.access.read_one(&to).await? {
            match &item.body {
                Body::Entry(entry) if same(entry.token, token) => {
                    known = true;
                    self.0.access.delete(&to, Some(entry.token)).await?;
                }
                Body::Entry(_) => break,
                _ => return Err(Error::Tampered { item: to }),
            }
        }
        self.0.access.delete(&id, None).await?;
        if let Some(print) = print_of(&to) {
            self.cache().remove(&print);
        }
        Ok(known)
    }

    pub(crate) async fn rotate(&self) -> Result<String> {
        self.0.keyring.rotate().await
    }

    pub(crate) async fn method_key(&self) -> Result<MethodKey> {
        self.0.keyring.method_key().await
    }
}

/// New entries, each with a token of its own; nothing is written.
fn seal(
    index: &Index,
    key: &DataKey,
    field: &Field,
    values: &[&str],
    missing: &[(Fingerprint, usize)],
) -> Result<Vec<(Fingerprint, Token, Item)>> {
    const EACH: usize = RANDOM + NONCE;
    let key_id: Arc<str> = key.id.as_str().into();
    let mut random = vec![0; missing.len() * EACH];
    getrandom::fill(&mut random).map_err(|error| Error::Randomness(error.into()))?;
    let mut entries = Vec::with_capacity(missing.len());
    for (&(print, at), random) in missing.iter().zip(random.as_chunks::<EACH>().0) {
        let (mut bits, mut nonce) = ([0; RANDOM], [0; NONCE]);
        bits.copy_from_slice(&random[..RANDOM]);
        nonce.copy_from_slice(&random[RANDOM..]);
        let (scope, kind) = field.names();
        let token = Token::new(&bits, field.shape());
        let mut entry = Entry { token, scope, kind, key: Arc::clone(&key_id), sealed: Vec::new(), proof: [0; PROOF] };
        let sealed = key.seal(&entry.label(), &nonce, values[at]);
        // Values are not as long as that would take.
        entry.sealed = sealed.ok_or_else(|| Error::Ended("a value could not be sealed".into()))?;
        let id = entry_id(&print);
        let entry = entry.proven(index, &id);
        entries.push((print, token, Item { id, body: Body::Entry(entry) }));
    }
    Ok(entries)
}

/// The entry, if the vault has written it so.
fn trusted<'a>(index: &Index, item: &'a Item) -> Result<&'a Entry> {
    match &item.body {
        Body::Entry(entry) if entry.is_proven(index, &item.id) => Ok(entry),
        _ => Err(Error::Tampered { item: item.id.clone() }),
    }
}

/// Whether two tokens are one, in whatever shape.
fn same(a: Token, b: Token) -> bool {
    a.shaped(b.shape()) == b
}

fn distinct(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
