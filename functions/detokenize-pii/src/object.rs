//! A file of the lake becomes one with values in the clear, in the bucket of the vault.
//!
//! It streams through in bounded memory, and nobody can see it before it is whole, its rows are counted, and the audit
//! record is written. What may not be seen, or is not known to the vault, stays as it is. Delimited files are read,
//! whatever their dialect, character set and compression, and Parquet files, whose keys end with `.parquet`.

use std::sync::Arc;

use cleanzone_lake::{BlockingUpload, Bridge, ObjectSource};
use cleanzone_pii::Key;
use cleanzone_storage::{Location, ObjectReader, ObjectStore, Staged, WriteOptions};
use cleanzone_tabular::{Cells, Change, Header, Options, RejectedRow, Rewriter, SinkError, rewrite};
use cleanzone_vault::TokenVault;

use crate::{
    access::Grants,
    audit::Counts,
    error::Error,
    parquet_file::{is_parquet, revive},
    request::Column,
    reveal::Revival,
};

/// The folder of results: no original of `tokenize-pii` lies there.
pub(crate) const FOLDER: &str = "_detokenized";

/// One object on its way.
#[derive(Clone)]
pub(crate) struct Copying {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) from: Location,
    pub(crate) to: Location,
    pub(crate) grants: Grants,
    pub(crate) columns: Vec<Column>,
    /// Of the methods that take one.
    pub(crate) key: Option<Key>,
}

/// A copy that nobody can see yet.
pub(crate) struct Copy {
    pub(crate) staged: Box<dyn Staged>,
    /// Rows that do not fit the file's header; they are not in the copy.
    pub(crate) rejected: u64,
}

impl Copying {
    /// Makes the copy, on a thread that may block. What was counted is told even of one that fails.
    pub(crate) fn run(self, reader: Box<dyn ObjectReader>, bridge: &Bridge) -> (Counts, Result<Copy, Error>) {
        let Self { vault, grants, columns, key, .. } = &self;
        let revival = Revival::new(&**vault, bridge.clone(), grants.clone(), columns, key.as_ref());
        let mut reviving = match revival {
            Ok(revival) => Reviving { revival, places: Vec::new() },
            Err(error) => return (Counts::default(), Err(error)),
        };
        let copy = self.copy(reader, bridge, &mut reviving);
        (reviving.revival.counts, copy)
    }

    fn copy(&self, reader: Box<dyn ObjectReader>, bridge: &Bridge, reviving: &mut Reviving<'_>) -> Result<Copy, Error> {
        let Self { store, from, to, .. } = self;
        let meta = reader.meta().clone();
        let mut source = ObjectSource::new(bridge.clone(), store.clone(), from.clone(), &meta, Some(reader));
        let parquet = is_parquet(&from.key);
        let content_type = Some(if parquet { "application/vnd.apache.parquet" } else { "text/csv" });
        let upload = bridge.wait(store.upload(to, &WriteOptions { content_type, ..WriteOptions::default() }))?;
        let upload = BlockingUpload::new(bridge.clone(), upload);
        if parquet {
            let upload = revive(&mut source, upload, &mut reviving.revival)?;
            return Ok(Copy { staged: upload.finish()?, rejected: 0 });
        }
        let name = from.key.rsplit('/').next().unwrap_or_default();
        let (upload, read) = rewrite(&mut source, upload, name, reviving, &Options::default()).map_err(Error::read)?;
        Ok(Copy { staged: upload.finish()?, rejected: read.rejected })
    }
}

/// Replaces what stands for values while the file streams through.
struct Reviving<'v> {
    revival: Revival<'v>,
    /// Where the columns stand in the file.
    places: Vec<usize>,
}

impl Rewriter for Reviving<'_> {
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError> {
        self.places = self.revival.places(&header.names)?;
        let change = |at| if self.places.contains(&at) { Change::Replace } else { Change::Keep };
        Ok((0..header.names.len()).map(change).collect())
    }

    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError> {
        let Self { revival, places } = self;
        // Before the vault is asked for more than may be seen.
        revival.count_rows(columns.first().map_or(0, |cells| cells.values().len()) as u64)?;
        revival.learn(columns.iter().flat_map(|cells| cells.values().iter().flatten().map(AsRef::as_ref)))?;
        for cells in columns {
            let Some(column) = places.iter().position(|&place| place == cells.column()) else { continue };
            for at in 0..cells.values().len() {
                let text = cells.values()[at].clone();
                let replaced = text.is_some_and(|text| revival.replace(column, &text, |value| cells.put(Some(value))));
                if !replaced {
                    cells.keep();
                }
            }
        }
        Ok(revival.count_rows(0)?)
    }

    /// It stays in the lake's file; the report counts it.
    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}
