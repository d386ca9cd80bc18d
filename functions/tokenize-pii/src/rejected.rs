//! Rows that do not fit stay on this side: nobody can say what is personal in them.

use std::{collections::BTreeMap, sync::Arc};

use cleanzone_lake::{BlockingUpload, Bridge, ORIGIN};
use cleanzone_storage::{Location, ObjectStore, Staged, WriteOptions};
use cleanzone_tabular::RejectedRow;

use crate::{delivery::Version, error::Error};

/// The folder of the PII landing bucket in which they lie.
pub(crate) const FOLDER: &str = "_rejected/";

/// The file of the rejected rows of one version of an object, which begins with the first of them.
pub(crate) struct RejectedFile {
    at: Location,
    origin: String,
    store: Arc<dyn ObjectStore>,
    bridge: Bridge,
    writer: Option<csv::Writer<BlockingUpload>>,
}

/// Where the rejected rows of a version with this tag lie: those of another version never take their place.
pub(crate) fn location(source: &Location, tag: &str) -> Location {
    Location::new(&source.bucket, format!("{FOLDER}{}-{tag}.csv", source.key))
}

impl RejectedFile {
    pub(crate) fn new(source: &Location, version: &Version, store: Arc<dyn ObjectStore>, bridge: Bridge) -> Self {
        let at = location(source, &version.tag());
        Self { at, origin: version.identity.clone(), store, bridge, writer: None }
    }

    pub(crate) fn add(&mut self, row: &RejectedRow<'_>) -> Result<(), Error> {
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let metadata = BTreeMap::from([(ORIGIN.to_owned(), self.origin.clone())]);
            let options = WriteOptions { content_type: Some("text/csv"), metadata };
            let upload = self.bridge.wait(self.store.upload(&self.at, &options))?;
            let upload = BlockingUpload::new(self.bridge.clone(), upload);
            let mut writer = csv::Writer::from_writer(upload);
            writer.write_record(["line", "offset", "reason", "raw"]).map_err(write)?;
            self.writer.insert(writer)
        };
        let (line, offset) = (row.line.to_string(), row.offset.to_string());
        writer.write_record([line.as_bytes(), offset.as_bytes(), row.reason.as_bytes(), row.raw]).map_err(write)
    }

    pub(crate) fn finish(self) -> Result<Option<Box<dyn Staged>>, Error> {
        let Some(writer) = self.writer else { return Ok(None) };
        let upload = writer.into_inner().map_err(|error| write(error.into_error().into()))?;
        Ok(Some(upload.finish()?))
    }
}

/// The `csv` crate hands back the I/O error of our own stream, which carries the typed one.
fn write(error: csv::Error) -> Error {
    let io = match error.into_kind() {
        csv::ErrorKind::Io(io) => io,
        other => std::io::Error::other(format!("{other:?}")),
    };
    Error::Lake(cleanzone_lake::Error::written(io))
}
