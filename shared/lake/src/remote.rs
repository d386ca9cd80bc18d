//! A conversion from one object to others.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
};

use cleanzone_storage::{Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Staged, WriteOptions};
use cleanzone_tabular::Source;
use tokio::task::JoinSet;

use crate::{
    Error,
    bridge::{BlockingReader, BlockingUpload, Bridge, Finishing},
    convert::io_error,
    partition::MAX_KEY,
    sink::{FileKind, Files},
};

/// The source object. It is opened once already, when the conversion begins; a second reading opens the same version.
#[derive(Debug)]
pub struct ObjectSource {
    bridge: Bridge,
    store: Arc<dyn ObjectStore>,
    at: Location,
    pin: Pin,
    opened: Option<Box<dyn ObjectReader>>,
}

impl ObjectSource {
    /// The version of the object at `at` that `meta` tells of, which may be `opened` already.
    pub fn new(
        bridge: Bridge,
        store: Arc<dyn ObjectStore>,
        at: Location,
        meta: &ObjectMeta,
        opened: Option<Box<dyn ObjectReader>>,
    ) -> Self {
        let pin = Pin { version: meta.version.clone(), etag: Some(meta.etag.clone()) };
        Self { bridge, store, at, pin, opened }
    }
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
    /// `<db>/<table>/[k=v/…]`, the folders being those of the source's key.
    pub(crate) folder: String,
    /// `<stem>-<digits>`.
    pub(crate) name: String,
}

impl OutputKeys {
    pub(crate) fn location(&self, kind: &FileKind) -> Location {
        let Self { folder, name, .. } = self;
        let key = match kind {
            FileKind::Data { partition, number: 0 } => format!("{folder}{}{name}.parquet", partition.path),
            FileKind::Data { partition, number } => format!("{folder}{}{name}-{number:05}.parquet", partition.path),
            FileKind::Rejected => format!("_rejected/{folder}{name}.csv"),
        };
        Location::new(&self.bucket, key)
    }

    /// Bytes that are left for the folders of a partition.
    pub(crate) fn folder_bytes(&self) -> usize {
        const NUMBERED: usize = "-00001.parquet".len();
        MAX_KEY.saturating_sub(self.folder.len() + self.name.len() + NUMBERED)
    }
}

/// Objects that are complete but not visible, by partition.
pub(crate) type StagedList = Vec<(FileKind, Box<dyn Staged>)>;

pub(crate) fn without_kinds(staged: StagedList) -> Vec<Box<dyn Staged>> {
    staged.into_iter().map(|(_, file)| file).collect()
}

/// Uploads of one conversion.
pub(crate) struct StagedFiles {
    bridge: Bridge,
    store: Arc<dyn ObjectStore>,
    keys: OutputKeys,
    /// User metadata of every object.
    metadata: BTreeMap<String, String>,
    finishing: Finishing<FileKind>,
    staged: StagedList,
}

impl StagedFiles {
    pub(crate) fn new(
        bridge: Bridge,
        store: Arc<dyn ObjectStore>,
        keys: OutputKeys,
        metadata: BTreeMap<String, String>,
    ) -> Self {
        let finishing = Finishing::new(bridge.clone());
        Self { bridge, store, keys, metadata, finishing, staged: Vec::new() }
    }

    pub(crate) fn into_staged(self) -> StagedList {
        self.staged
    }
}

impl Files for StagedFiles {
    type File = BlockingUpload;

    fn create(&mut self, kind: &FileKind) -> Result<BlockingUpload, Error> {
        let content_type = match kind {
            FileKind::Data { .. } => "application/vnd.apache.parquet",
            FileKind::Rejected => "text/csv",
        };
        let options = WriteOptions { content_type: Some(content_type), metadata: self.metadata.clone() };
        let upload = self.bridge.wait(self.store.upload(&self.keys.location(kind), &options))?;
        Ok(BlockingUpload::new(self.bridge.clone(), upload))
    }

    fn close(&mut self, kind: FileKind, file: BlockingUpload) -> Result<(), Error> {
        self.finishing.begin(kind, file, &mut self.staged)
    }

    fn complete(&mut self) -> Result<(), Error> {
        while let Some(finished) = self.finishing.next() {
            self.staged.push(finished?);
        }
        self.staged.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(())
    }

    fn discard(&mut self) -> Result<(), Error> {
        while let Some(finished) = self.finishing.next() {
            // What failed has freed what it held.
            self.staged.extend(finished.ok());
        }
        let staged = std::mem::take(&mut self.staged);
        self.bridge.wait_always(abort_all(without_kinds(staged)));
        Ok(())
    }
}

/// Uploads that are aborted at once.
const ABORTING: usize = 16;

/// Gives up objects that are complete but not visible; those that are visible stay.
pub async fn abort_all(files: Vec<Box<dyn Staged>>) {
    let mut tasks = JoinSet::new();
    for file in files {
        if tasks.len() == ABORTING {
            tasks.join_next().await;
        }
        tasks.spawn(async move {
            // What cannot be freed now is freed by the bucket's lifecycle rule for incomplete uploads.
            if let Err(error) = file.abort().await {
                tracing::warn!(error = %cleanzone_error::chain(&error), "an upload could not be aborted");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}
