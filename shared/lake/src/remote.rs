//! A conversion from one object to others.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
};

use cleanzone_storage::{Location, ObjectReader, ObjectStore, Pin, Staged, WriteOptions};
use cleanzone_tabular::Source;

use crate::{
    Error,
    bridge::{BlockingReader, BlockingUpload, Bridge},
    convert::io_error,
    sink::{FileKind, Files},
};

/// The source object. It is opened once already, when the conversion begins; a second reading opens the same version.
pub(crate) struct ObjectSource {
    pub(crate) bridge: Bridge,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) at: Location,
    pub(crate) pin: Pin,
    pub(crate) opened: Option<Box<dyn ObjectReader>>,
}

impl Source for ObjectSource {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        let reader = match self.opened.take() {
            Some(reader) => reader,
            None => self.bridge.wait(self.store.open(&self.at, &self.pin)).map_err(io_error)?,
        };
        Ok(Box::new(BlockingReader::new(self.bridge.clone(), reader)))
    }
}

/// Names of the objects that one conversion writes.
#[derive(Clone, Debug)]
pub(crate) struct OutputKeys {
    pub(crate) bucket: String,
    /// `<db>/<table>/[k=v/…]<stem>-<digits>`.
    pub(crate) data: String,
    /// `_rejected/<db>/<table>/[k=v/…]<stem>-<digits>`.
    pub(crate) rejected: String,
}

impl OutputKeys {
    pub(crate) fn location(&self, kind: FileKind) -> Location {
        let key = match kind {
            FileKind::Data(0) => format!("{}.parquet", self.data),
            FileKind::Data(n) => format!("{}-{n:05}.parquet", self.data),
            FileKind::Rejected => format!("{}.csv", self.rejected),
        };
        Location::new(&self.bucket, key)
    }
}

/// Objects that are complete but not visible, in order.
pub(crate) type StagedList = Vec<(FileKind, Box<dyn Staged>)>;

pub(crate) fn without_kinds(staged: StagedList) -> Vec<Box<dyn Staged>> {
    staged.into_iter().map(|(_, file)| file).collect()
}

/// Uploads of one conversion.
pub(crate) struct StagedFiles {
    pub(crate) bridge: Bridge,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) keys: OutputKeys,
    /// User metadata of every object.
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) staged: StagedList,
}

impl Files for StagedFiles {
    type File = BlockingUpload;

    fn create(&mut self, kind: FileKind) -> Result<BlockingUpload, Error> {
        let content_type = match kind {
            FileKind::Data(_) => "application/vnd.apache.parquet",
            FileKind::Rejected => "text/csv",
        };
        let options = WriteOptions { content_type: Some(content_type), metadata: self.metadata.clone() };
        let upload = self.bridge.wait(self.store.upload(&self.keys.location(kind), &options))?;
        Ok(BlockingUpload::new(self.bridge.clone(), upload))
    }

    fn close(&mut self, kind: FileKind, file: BlockingUpload) -> Result<(), Error> {
        self.staged.push((kind, file.finish()?));
        Ok(())
    }

    fn discard(&mut self) -> Result<(), Error> {
        let staged = std::mem::take(&mut self.staged);
        self.bridge.wait_always(abort_all(without_kinds(staged)));
        Ok(())
    }
}

/// Gives up objects that are complete but not visible.
pub(crate) async fn abort_all(files: Vec<Box<dyn Staged>>) {
    for file in files {
        // What cannot be freed now is freed by the bucket's lifecycle rule for incomplete uploads.
        if let Err(error) = file.abort().await {
            tracing::warn!(error = %cleanzone_error::chain(&error), "an upload could not be aborted");
        }
    }
}
