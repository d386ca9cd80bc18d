//! The conversion is synchronous and runs on a thread of its own; storage is asynchronous. Here they meet.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use cleanzone_storage::{ObjectReader, Staged, Upload};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{JoinError, JoinSet},
    time::Instant,
};

use crate::Error;

/// How much is gathered before it is handed to an upload, in bytes.
const CHUNK: usize = 256 << 10;

/// Waits, on a thread that may block, for what the runtime does; ends early when the work is cancelled.
#[derive(Clone, Debug)]
pub struct Bridge {
    runtime: Handle,
    cancelled: watch::Receiver<bool>,
}

/// Cancels the work of a thread when told to, or when dropped.
#[derive(Debug)]
struct Cancel(watch::Sender<bool>);

impl Cancel {
    fn fire(&self) {
        self.0.send_replace(true);
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.fire();
    }
}

/// Does work on a thread that may block. At the deadline whatever it waits for fails; it then gives up its uploads and
/// ends, and only after that it is safe to answer.
///
/// # Errors
/// Where the work panicked.
pub async fn on_thread<T: Send + 'static>(
    deadline: Option<Instant>,
    work: impl FnOnce(Bridge) -> T + Send + 'static,
) -> Result<T, JoinError> {
    let (sender, cancelled) = watch::channel(false);
    let (bridge, cancel) = (Bridge { runtime: Handle::current(), cancelled }, Cancel(sender));
    let mut work = tokio::task::spawn_blocking(move || work(bridge));
    match deadline {
        Some(deadline) => tokio::select! {
            ended = &mut work => ended,
            () = tokio::time::sleep_until(deadline) => { cancel.fire(); work.await }
        },
        None => work.await,
    }
}

impl Bridge {
    /// Waits for work of the store.
    ///
    /// # Errors
    /// Its own; [`Error::Deadline`] where it is cancelled first.
    pub fn wait<T>(&self, work: impl Future<Output = Result<T, cleanzone_storage::Error>>) -> Result<T, Error> {
        self.runtime.block_on(storage(self.cancelled.clone(), work))
    }

    /// Waits for any other work.
    ///
    /// # Errors
    /// Its own; `late` where it is cancelled first.
    pub fn wait_or<T, E>(&self, late: impl FnOnce() -> E, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.runtime.block_on(unless_cancelled(self.cancelled.clone(), late, work))
    }

    /// Waits even if cancelled: for cleaning up.
    pub(crate) fn wait_always<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

async fn unless_cancelled<T, E>(
    mut cancelled: watch::Receiver<bool>,
    late: impl FnOnce() -> E,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::select! {
        biased;
        _ = cancelled.wait_for(|c| *c) => Err(late()),
        result = work => result,
    }
}

/// An object, read by a thread.
pub(crate) struct BlockingReader {
    bridge: Bridge,
    reader: Box<dyn ObjectReader>,
    current: Bytes,
}

impl BlockingReader {
    pub(crate) fn new(bridge: Bridge, reader: Box<dyn ObjectReader>) -> Self {
        Self { bridge, reader, current: Bytes::new() }
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.bridge.wait(self.reader.next()).map_err(io::Error::other)? {
                Some(bytes) => self.current = bytes,
                None => return Ok(0),
            }
        }
        let n = self.current.len().min(buf.len());
        self.current.copy_to_slice(&mut buf[..n]);
        Ok(n)
    }
}

/// An object, written by a thread. Dropped before it is finished, it is aborted.
#[derive(Debug)]
pub struct BlockingUpload {
    bridge: Bridge,
    upload: Option<Box<dyn Upload>>,
    gathered: BytesMut,
    written: u64,
}

impl BlockingUpload {
    /// An object that this upload writes.
    pub fn new(bridge: Bridge, upload: Box<dyn Upload>) -> Self {
        Self { bridge, upload: Some(upload), gathered: BytesMut::new(), written: 0 }
    }

    /// All bytes are in the store, still not visible.
    ///
    /// # Errors
    /// Those of the store; [`Error::Deadline`] where the work is cancelled.
    pub fn finish(mut self) -> Result<Box<dyn Staged>, Error> {
        self.send()?;
        let Some(upload) = self.upload.take() else { return Err(Error::Deadline) };
        self.bridge.wait(upload.finish())
    }

    fn send(&mut self) -> Result<(), Error> {
        let bytes = self.gathered.split().freeze();
        match &mut self.upload {
            Some(upload) if !bytes.is_empty() => self.bridge.wait(upload.write(bytes)),
            _ => Ok(()),
        }
    }
}

impl Write for BlockingUpload {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(buf);
        self.written += buf.len() as u64;
        if self.gathered.len() >= CHUNK {
            self.send().map_err(io::Error::other)?;
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlockingUpload {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            self.bridge.wait_always(abort(upload));
        }
    }
}

/// Uploads that are being finished while the conversion goes on, so that thousands of small ones do not wait for one
/// another. What they hold in memory is bounded.
#[derive(Debug)]
pub(crate) struct Finishing<T> {
    bridge: Bridge,
    tasks: JoinSet<Finished<T>>,
    /// Bytes that they hold, at most.
    bytes: u64,
}

/// A complete upload, and what the caller calls it.
type Tagged<T> = (T, Box<dyn Staged>);

#[derive(Debug)]
struct Finished<T> {
    bytes: u64,
    outcome: Result<Tagged<T>, Error>,
}

/// Uploads that are finished at once.
const FINISHING: usize = 16;
/// Bytes that they may hold together; a larger one is finished alone.
const FINISHING_BYTES: u64 = 32 << 20;

impl<T: Send + 'static> Finishing<T> {
    pub(crate) fn new(bridge: Bridge) -> Self {
        Self { bridge, tasks: JoinSet::new(), bytes: 0 }
    }

    /// Begins to finish an upload, as soon as there is room. `done` gets those that are finished.
    pub(crate) fn begin(&mut self, tag: T, mut file: BlockingUpload, done: &mut Vec<Tagged<T>>) -> Result<(), Error> {
        let bytes = file.written.min(FINISHING_BYTES);
        while self.tasks.len() >= FINISHING || (self.bytes + bytes > FINISHING_BYTES && !self.tasks.is_empty()) {
            done.extend(self.next().transpose()?);
        }
        let Some(mut upload) = file.upload.take() else { return Ok(()) };
        let rest = file.gathered.split().freeze();
        let cancelled = self.bridge.cancelled.clone();
        let finish = async move {
            let written = if rest.is_empty() { Ok(()) } else { storage(cancelled.clone(), upload.write(rest)).await };
            let staged = match written {
                Ok(()) => storage(cancelled, upload.finish()).await,
                Err(error) => {
                    abort(upload).await;
                    Err(error)
                }
            };
            Finished { bytes, outcome: staged.map(|staged| (tag, staged)) }
        };
        self.bytes += bytes;
        self.tasks.spawn_on(finish, &self.bridge.runtime);
        Ok(())
    }

    /// The next one that is finished; `None` where none is left.
    pub(crate) fn next(&mut self) -> Option<Result<Tagged<T>, Error>> {
        let joined = self.bridge.runtime.block_on(self.tasks.join_next())?;
        Some(joined.map_err(Error::Task).and_then(|finished| {
            self.bytes -= finished.bytes;
            finished.outcome
        }))
    }
}

async fn storage<T>(
    cancelled: watch::Receiver<bool>,
    work: impl Future<Output = Result<T, cleanzone_storage::Error>>,
) -> Result<T, Error> {
    unless_cancelled(cancelled, || Error::Deadline, async { Ok(work.await?) }).await
}

async fn abort(upload: Box<dyn Upload>) {
    // What cannot be freed now is freed by the bucket's lifecycle rule for incomplete uploads.
    if let Err(error) = upload.abort().await {
        tracing::warn!(error = %cleanzone_error::chain(&error), "an upload could not be aborted");
    }
}
