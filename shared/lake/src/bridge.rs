//! The conversion is synchronous and runs on a thread of its own; storage is asynchronous. Here they meet.

use std::io::{self, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use cleanzone_storage::{ObjectReader, Staged, Upload};
use tokio::{runtime::Handle, sync::watch};

use crate::Error;

/// How much is gathered before it is handed to an upload, in bytes.
const CHUNK: usize = 256 << 10;

/// Waits, on a thread that may block, for what the runtime does; ends early when the conversion is cancelled.
#[derive(Clone, Debug)]
pub(crate) struct Bridge {
    runtime: Handle,
    cancelled: watch::Receiver<bool>,
}

/// Cancels a conversion when told to, or when dropped.
#[derive(Debug)]
pub(crate) struct Cancel(watch::Sender<bool>);

impl Cancel {
    pub(crate) fn fire(&self) {
        self.0.send_replace(true);
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.fire();
    }
}

impl Bridge {
    pub(crate) fn new(runtime: Handle) -> (Self, Cancel) {
        let (sender, cancelled) = watch::channel(false);
        (Self { runtime, cancelled }, Cancel(sender))
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T, cleanzone_storage::Error>>) -> Result<T, Error> {
        let mut cancelled = self.cancelled.clone();
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = cancelled.wait_for(|c| *c) => Err(Error::Deadline),
                result = work => result.map_err(Error::Storage),
            }
        })
    }

    /// Waits even if cancelled: for cleaning up.
    pub(crate) fn wait_always<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
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
pub(crate) struct BlockingUpload {
    bridge: Bridge,
    upload: Option<Box<dyn Upload>>,
    gathered: BytesMut,
}

impl BlockingUpload {
    pub(crate) fn new(bridge: Bridge, upload: Box<dyn Upload>) -> Self {
        Self { bridge, upload: Some(upload), gathered: BytesMut::new() }
    }

    pub(crate) fn finish(mut self) -> Result<Box<dyn Staged>, Error> {
        self.send()?;
        match self.upload.take() {
            Some(upload) => self.bridge.wait(upload.finish()),
            None => Err(Error::Deadline),
        }
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
            // What cannot be freed now is freed by the bucket's lifecycle rule for incomplete uploads.
            if let Err(error) = self.bridge.wait_always(upload.abort()) {
                tracing::warn!(error = %cleanzone_error::chain(&error), "an upload could not be aborted");
            }
        }
    }
}
