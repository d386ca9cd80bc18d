//! What the vault needs of a table and of a key service.

use std::fmt;

use async_trait::async_trait;

use crate::{Error, Result, Token, item::Item, secret::KeyBytes};

/// Items a call, as `DynamoDB` limits them: `BatchGetItem` and `BatchExecuteStatement`.
pub(crate) const READ: usize = 100;
pub(crate) const INSERT: usize = 25;

/// What a read has found.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) items: Vec<Item>,
    /// The keys that it has not come to.
    pub(crate) left: Vec<String>,
}

/// How the insertion of one item has ended.
#[derive(Debug)]
pub(crate) enum Inserted {
    Done,
    /// There is an item of that key, and nothing was written; the item itself, where the table tells.
    Exists(Option<Item>),
    /// Nothing is known to be written. By itself: other items of the batch may be.
    Failed(Error),
}

/// A table of items under one key each. Reads see every write that has ended before they began.
#[async_trait]
pub(crate) trait Table: Send + Sync + fmt::Debug {
    /// Reads up to [`READ`] items.
    async fn read(&self, ids: &[String]) -> Result<Read>;

    /// Inserts up to [`INSERT`] items, each only where there is none of its key: one answer an item, in order.
    async fn insert(&self, items: &[&Item]) -> Result<Vec<Inserted>>;

    /// Replaces a key item if its `key` is still `held`; says whether it was.
    async fn replace(&self, item: &Item, held: &str) -> Result<bool>;

    /// Deletes an item, only if it has this token where one is given; says whether there was such an item.
    async fn delete(&self, id: &str, token: Option<Token>) -> Result<bool>;
}

/// A new key, in the clear and wrapped.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) key: KeyBytes,
    pub(crate) wrapped: Vec<u8>,
}

/// A service that keeps a key to itself and wraps others with it.
#[async_trait]
pub(crate) trait KeyService: Send + Sync + fmt::Debug {
    /// A new key for this purpose.
    async fn generate(&self, purpose: &str) -> Result<Generated>;

    /// A key in the clear. [`Error::Tampered`] where it was not wrapped so for that purpose.
    async fn unwrap(&self, purpose: &str, wrapped: &[u8]) -> Result<KeyBytes>;
}
