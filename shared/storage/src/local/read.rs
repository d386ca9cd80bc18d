//! One file as a sequence of chunks, read ahead.

use std::{
    fs::File,
    io::{self, Read},
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::spawn_blocking,
};

use super::{CHUNK, unchanged};
use crate::{Error, Location, ObjectMeta, ObjectReader, Result};

/// Chunks read before they are asked for.
const CHUNKS_AHEAD: usize = 2;

/// Reads ahead on a thread of its own, from the first call of `next` on.
#[derive(Debug)]
pub(super) struct LocalReader {
    at: Location,
    meta: ObjectMeta,
    /// Until reading begins.
    file: Option<File>,
    /// From then on.
    chunks: Option<Receiver<Result<Bytes>>>,
    position: u64,
}

impl LocalReader {
    pub(super) fn new(at: Location, file: File, meta: ObjectMeta) -> Self {
        Self { at, meta, file: Some(file), chunks: None, position: 0 }
    }
}

#[async_trait]
impl ObjectReader for LocalReader {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        if let Some(file) = self.file.take() {
            let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
            self.chunks = Some(receiver);
            let (at, meta) = (self.at.clone(), self.meta.clone());
            spawn_blocking(move || {
                if let Err(error) = read(&at, file, &meta, &sender) {
                    // Refused only where nobody reads any more.
                    let _ = sender.blocking_send(Err(error));
                }
            });
        }
        let chunk = match &mut self.chunks {
            Some(chunks) => chunks.recv().await.transpose()?,
            None => None,
        };
        match &chunk {
            Some(chunk) => self.position += chunk.len() as u64,
            None if self.position == self.meta.size => {}
            None => return Err(Error::Io(self.at.clone(), io::Error::other("reading has failed before"))),
        }
        Ok(chunk)
    }
}

fn read(at: &Location, mut file: File, meta: &ObjectMeta, to: &Sender<Result<Bytes>>) -> Result<()> {
    let mut left = meta.size;
    while left > 0 {
        let mut chunk = Vec::with_capacity(CHUNK);
        let limit = left.min(CHUNK as u64);
        let read = (&mut file).take(limit).read_to_end(&mut chunk).map_err(|e| Error::Io(at.clone(), e))?;
        if read == 0 {
            return Err(Error::Changed(at.clone()));
        }
        left -= read as u64;
        if to.blocking_send(Ok(chunk.into())).is_err() {
            return Ok(());
        }
    }
    unchanged(at, &file, meta)
}
