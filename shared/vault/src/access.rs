use std::{collections::HashMap, sync::Arc, time::Duration};

use cleanzone_error::{ErrorName, Fault};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    Error, Result, Token,
    item::Item,
    retry::Retry,
    table::{INSERT, Inserted, READ, Table},
};

/// Calls of the table under way at once.
const AT_ONCE: usize = 16;

/// The table as the vault uses it: any number of items, some calls at once, each tried again until it is answered.
#[derive(Debug)]
pub(crate) struct Access {
    table: Arc<dyn Table>,
    calls: Semaphore,
    patience: Duration,
}

impl Access {
    pub(crate) fn new(table: Arc<dyn Table>, patience: Duration) -> Self {
        Self { table, calls: Semaphore::new(AT_ONCE), patience }
    }

    pub(crate) fn retry(&self) -> Retry {
        Retry::new(self.patience)
    }

    async fn one<T>(&self, call: impl Future<Output = T>) -> T {
        // Never closed, so never refused.
        let _permit = self.calls.acquire().await;
        call.await
    }

    /// Those of these items that there are, in no order.
    pub(crate) async fn read(self: &Arc<Self>, mut ids: Vec<String>) -> Result<Vec<Item>> {
        if ids.len() <= READ {
            return self.read_batch(ids).await;
        }
        let (mut found, mut batches) = (Vec::with_capacity(ids.len()), JoinSet::new());
        while !ids.is_empty() {
            let batch = ids.split_off(ids.len().saturating_sub(READ));
            let access = Arc::clone(self);
            batches.spawn(async move { access.read_batch(batch).await });
        }
        while let Some(batch) = batches.join_next().await {
            found.append(&mut batch.map_err(|error| Error::Ended(error.into()))??);
        }
        Ok(found)
    }

    /// The same, by their keys.
    pub(crate) async fn read_all(self: &Arc<Self>, ids: Vec<String>) -> Result<HashMap<String, Item>> {
        Ok(self.read(ids).await?.into_iter().map(|item| (item.id.clone(), item)).collect())
    }

    pub(crate) async fn read_one(self: &Arc<Self>, id: &str) -> Result<Option<Item>> {
        Ok(self.read(vec![id.to_owned()]).await?.into_iter().find(|item| item.id == id))
    }

    async fn read_batch(&self, mut left: Vec<String>) -> Result<Vec<Item>> {
        let (mut retry, mut found) = (self.retry(), Vec::new());
        while !left.is_empty() {
            match self.one(self.table.read(&left)).await {
                Ok(mut read) => {
                    found.append(&mut read.items);
                    left = read.left;
                    if !left.is_empty() {
                        retry.pause(left_over(left.len())).await?;
                    }
                }
                Err(error) => retry.pause(error).await?,
            }
        }
        Ok(found)
    }

    /// Inserts items where there are none of their keys. Afterwards `items` are what the table holds: ours, or those
    /// that were there before: says which. One that was written by a call whose answer was lost is ours.
    pub(crate) async fn insert(self: &Arc<Self>, items: &mut [Item]) -> Result<Vec<usize>> {
        let (mut retry, mut taken) = (self.retry(), Vec::new());
        let mut put = |items: &mut [Item], at: usize, held: Item| {
            if items[at] != held {
                items[at] = held;
                taken.push(at);
            }
        };
        let mut waiting: Vec<usize> = (0..items.len()).collect();
        while !waiting.is_empty() {
            let (mut again, mut untold, mut trouble) = (Vec::new(), Vec::new(), None);
            for batch in waiting.chunks(INSERT) {
                let ours: Vec<&Item> = batch.iter().map(|&at| &items[at]).collect();
                match self.one(self.table.insert(&ours)).await {
                    Ok(answers) => {
                        for (&at, answer) in batch.iter().zip(answers) {
                            match answer {
                                Inserted::Done => {}
                                Inserted::Exists(Some(held)) => put(items, at, held),
                                Inserted::Exists(None) => untold.push(at),
                                Inserted::Failed(error) => {
                                    again.push(at);
                                    trouble = Some(worse(trouble, error));
                                }
                            }
                        }
                    }
                    Err(error) => {
                        again.extend_from_slice(batch);
                        trouble = Some(worse(trouble, error));
                    }
                }
            }
            if !untold.is_empty() {
                let mut held = self.read_all(untold.iter().map(|&at| items[at].id.clone()).collect()).await?;
                for at in untold {
                    match held.remove(&items[at].id) {
                        Some(held) => put(items, at, held),
                        // Deleted since.
                        None => again.push(at),
                    }
                }
            }
            if let Some(trouble) = trouble {
                retry.pause(trouble).await?;
            }
            waiting = again;
        }
        Ok(taken)
    }

    /// Replaces a key item if its `key` is still `held`; says whether it was.
    pub(crate) async fn replace(&self, item: &Item, held: &str) -> Result<bool> {
        let mut retry = self.retry();
        loop {
            match self.one(self.table.replace(item, held)).await {
                Ok(done) => return Ok(done),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Deletes an item, only if it has this token where one is given; says whether there was such an item when the
    /// answer came: not where an earlier answer was lost.
    pub(crate) async fn delete(&self, id: &str, token: Option<Token>) -> Result<bool> {
        let mut retry = self.retry();
        loop {
            match self.one(self.table.delete(id, token)).await {
                Ok(done) => return Ok(done),
                Err(error) => retry.pause(error).await?,
            }
        }
    }
}

fn left_over(count: usize) -> Error {
    Error::Call {
        name: ErrorName::Throttled,
        action: "dynamodb:BatchGetItem",
        resource: format!("{count} items"),
        hint: "",
        source: "the table answered without them".into(),
    }
}

/// What will not pass tells more than what will.
fn worse(known: Option<Error>, other: Error) -> Error {
    match known {
        Some(known) if !known.is_transient() => known,
        _ => other,
    }
}
