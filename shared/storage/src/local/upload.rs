//! A file written out of sight until it is complete.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    mem,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{CHUNK, Object, Temporary, blocking};
use crate::{Location, Precondition, Result, Staged, Upload};

/// Writes on a thread of its own, one piece while the next one is being made.
#[derive(Debug)]
pub(super) struct LocalUpload {
    object: Object,
    metadata: BTreeMap<String, String>,
    /// Gathered until it is worth a change of thread.
    waiting: Vec<Bytes>,
    waiting_size: usize,
    size: u64,
    /// The file, while nothing is being written to it.
    idle: Option<Temporary>,
    /// The file, while something is.
    busy: Option<JoinHandle<io::Result<Temporary>>>,
}

impl LocalUpload {
    pub(super) fn new(object: Object, metadata: BTreeMap<String, String>, temporary: Temporary) -> Self {
        let waiting = Vec::new();
        Self { object, metadata, waiting, waiting_size: 0, size: 0, idle: Some(temporary), busy: None }
    }

    /// The file, when what is under way is written.
    async fn settled(&mut self) -> Result<Temporary> {
        if let Some(busy) = &mut self.busy {
            let outcome = busy.await.map_err(io::Error::other);
            self.busy = None;
            self.idle = Some(outcome.flatten().map_err(|e| self.object.io(e))?);
        }
        self.idle.take().ok_or_else(|| self.object.io(io::Error::other("an earlier write has failed")))
    }

    async fn send(&mut self) -> Result<()> {
        let mut temporary = self.settled().await?;
        let pieces = mem::take(&mut self.waiting);
        self.waiting_size = 0;
        self.busy = Some(spawn_blocking(move || {
            for piece in pieces {
                temporary.file.write_all(&piece)?;
            }
            Ok(temporary)
        }));
        Ok(())
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.waiting_size += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_size >= CHUNK { self.send().await } else { Ok(()) }
    }

    async fn finish(mut self: Box<Self>) -> Result<Box<dyn Staged>> {
        self.send().await?;
        let temporary = self.settled().await?;
        let Self { object, metadata, size, .. } = *self;
        Ok(Box::new(LocalStaged { object, metadata, size, temporary: Some(temporary) }))
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        match self.settled().await {
            Ok(temporary) => remove(self.object, temporary).await,
            // What failed has been removed already.
            Err(_) => Ok(()),
        }
    }
}

async fn remove(object: Object, temporary: Temporary) -> Result<()> {
    let at = object.at.clone();
    blocking(&at, move || temporary.remove().map_err(|e| object.io(e))).await
}

#[derive(Debug)]
struct LocalStaged {
    object: Object,
    metadata: BTreeMap<String, String>,
    size: u64,
    temporary: Option<Temporary>,
}

#[async_trait]
impl Staged for LocalStaged {
    fn location(&self) -> &Location {
        &self.object.at
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn publish(&mut self, when: &Precondition) -> Result<String> {
        let (object, metadata, when) = (self.object.clone(), self.metadata.clone(), when.clone());
        let taken = self.temporary.take();
        let mut temporary = taken.ok_or_else(|| object.io(io::Error::other("it is published already")))?;
        let at = &self.object.at;
        let (temporary, outcome) = blocking(at, move || {
            let outcome = object.publish(&mut temporary, &when, &metadata);
            Ok((temporary, outcome))
        })
        .await?;
        if outcome.is_err() {
            self.temporary = Some(temporary);
        }
        outcome
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        match self.temporary.take() {
            Some(temporary) => remove(self.object, temporary).await,
            None => Ok(()),
        }
    }
}
