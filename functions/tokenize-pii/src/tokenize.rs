//! One object with personal data becomes one without, in the lake's landing zone.

use std::sync::Arc;

use cleanzone_events::ObjectCreated;
use cleanzone_lake::{BlockingUpload, Bridge, Naming, ObjectSource, Rulebook, Settings};
use cleanzone_pii::{Finding, Key};
use cleanzone_rules::{Dataset, Detect};
use cleanzone_storage::{Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Staged, WriteOptions};
use cleanzone_tabular::{Options, Report as Read, rewrite};
use cleanzone_vault::TokenVault;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    columns,
    delivery::{Delivered, Standing, Version, keep_rejected},
    detect::detect,
    error::Error,
    rejected::RejectedFile,
    replace::{ColumnReport, Replacing},
};

/// Replaces personal data, and sends files on.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) rulebook: Rulebook,
    /// The lake's landing bucket.
    pub(crate) lake: String,
    /// How files are read, where the rules do not say.
    pub(crate) settings: Settings,
}

/// What became of one object. Holds names and numbers, never a value from the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) status: Status,
    /// Why, where it was not sent on just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// The copy.
    pub(crate) path: String,
    pub(crate) records: u64,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rejected_path: Option<String>,
    pub(crate) columns: Vec<ColumnReport>,
    /// What looks personal, and no rule declares.
    pub(crate) findings: Vec<Finding>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Whether the newest rules are broken, and earlier ones were followed.
    pub(crate) stale_rules: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// A copy without personal data was sent on.
    #[default]
    Tokenized,
    /// It had been sent on before.
    Unchanged,
    /// A newer version has been, or will be.
    Superseded,
}

/// What was made of the file.
struct Made {
    copy: Box<dyn Staged>,
    rejected: Option<Box<dyn Staged>>,
    read: Read,
    columns: Vec<ColumnReport>,
    findings: Vec<Finding>,
}

impl Tokenizer {
    /// The database and table that an object belongs to.
    pub(crate) async fn table(&self, object: &ObjectCreated) -> Option<(String, String)> {
        let current = self.rulebook.current().await.ok()?;
        Naming::dataset(&object.key, &current.rules.find(&object.bucket, &object.key).dataset)
    }

    /// Sends a copy of the object on in which nothing is personal any more. Gives up cleanly at `deadline`.
    ///
    /// # Errors
    /// Nothing of the object is in the lake then.
    pub(crate) async fn run(&self, object: &ObjectCreated, deadline: Instant) -> Result<Report, Error> {
        let from = Location::new(&object.bucket, &object.key);
        let to = Location::new(&self.lake, &object.key);
        if object.bucket == self.lake {
            return Err(Error::Recursive);
        }
        let current = in_time(deadline, async { Ok(self.rulebook.current().await?) }).await?;
        let report = Report {
            source: from.to_string(),
            path: to.to_string(),
            stale_rules: current.broken.is_some(),
            ..Report::default()
        };
        let skipped = |status, reason: &str| Report { status, reason: Some(reason.to_owned()), ..report.clone() };
        let dataset = Arc::new(current.rules.find(&object.bucket, &object.key).dataset);
        if !dataset.declares_pii() {
            return Err(Error::Undeclared);
        }
        let pin = Pin { version: object.version_id.clone(), etag: object.etag.clone() };
        let opened = in_time(deadline, async { Ok(self.store.open(&from, &pin).await) }).await?;
        let reader = match opened {
            Err(cleanzone_storage::Error::Changed(_)) => {
                return Ok(skipped(Status::Superseded, "the object was overwritten after this event; the newer one has its own"));
            }
            other => other?,
        };
        let meta = reader.meta().clone();
        let version = Version::new(object, &meta, shape(&dataset));
        let there = in_time(deadline, async { Ok(self.store.head(&to).await?) }).await?;
        match there.map(|there| version.standing(&there)) {
            Some(Standing::Same) => return Ok(skipped(Status::Unchanged, "this version of the object has been sent on before")),
            Some(Standing::Newer) => {
                return Ok(skipped(Status::Superseded, "a newer version of the object has been sent on"));
            }
            Some(Standing::Older) | None => {}
        }
        let key = if declared_keys(&dataset)? {
            Some(in_time(deadline, async { Ok(self.vault.method_key().await?) }).await?)
        } else {
            None
        };
        let made = self.make(reader, &meta, &from, &to, &version, dataset, key, deadline).await?;
        let rejected_at = RejectedFile::location(&from);
        let rejected_path = made.rejected.as_ref().map(|_| rejected_at.to_string());
        let bytes_out = made.copy.size();
        let delivered = in_time(deadline, async {
            keep_rejected(&*self.store, &rejected_at, made.rejected).await?;
            version.deliver(&*self.store, made.copy).await
        });
        Ok(match delivered.await? {
            Delivered::Before => skipped(Status::Unchanged, "somebody else has just sent this version on"),
            Delivered::Superseded => skipped(Status::Superseded, "a newer version of the object was faster"),
            Delivered::Now => Report {
                version: meta.version,
                records: made.read.records,
                rows: made.read.rows,
                rejected: made.read.rejected,
                rejected_path,
                columns: made.columns,
                findings: made.findings,
                bytes_in: made.read.bytes_in,
                bytes_out,
                ..report
            },
        })
    }

    /// Makes the copy, which nobody sees yet, on a thread that may block.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that the copy is made from")]
    async fn make(
        &self,
        reader: Box<dyn ObjectReader>,
        meta: &ObjectMeta,
        from: &Location,
        to: &Location,
        version: &Version,
        dataset: Arc<Dataset>,
        key: Option<Key>,
        deadline: Instant,
    ) -> Result<Made, Error> {
        let (bridge, cancel) = Bridge::new(Handle::current());
        let pin = Pin { version: meta.version.clone(), etag: Some(meta.etag.clone()) };
        let mut source = ObjectSource::new(bridge.clone(), self.store.clone(), from.clone(), pin, Some(reader));
        let rejected = RejectedFile::new(from, self.store.clone(), bridge.clone());
        let options: Options = self.settings.under(dataset.clone()).read;
        let (store, vault, to, version) = (self.store.clone(), self.vault.clone(), to.clone(), version.clone());
        let object = format!("{from} {}", version.identity);
        let name = from.key.rsplit('/').next().unwrap_or_default().to_owned();
        let mut work = tokio::task::spawn_blocking(move || -> Result<Made, Error> {
            let findings = detect(&mut source, &dataset, &options)?;
            let replaced = if dataset.pii.detect == Some(Detect::Token) { findings.clone() } else { Vec::new() };
            let write = WriteOptions { content_type: Some("text/csv"), metadata: version.metadata() };
            let upload = BlockingUpload::new(bridge.clone(), bridge.wait(store.upload(&to, &write))?);
            let mut replacing = Replacing::new(dataset, replaced, vault, key, object, bridge, rejected);
            let (upload, read) =
                rewrite(&mut source, upload, &name, &mut replacing, &options).map_err(Error::read)?;
            let copy = upload.finish()?;
            let (columns, rejected) = replacing.finish()?;
            Ok(Made { copy, rejected, read, columns, findings })
        });
        let ended = tokio::select! {
            ended = &mut work => ended,
            // The thread notices, gives up its uploads, and ends; only then is it safe to answer.
            () = tokio::time::sleep_until(deadline) => { cancel.fire(); work.await }
        };
        ended.map_err(Error::Ended)?
    }
}

/// Whether a column is replaced by a method that takes a key.
fn declared_keys(dataset: &Dataset) -> Result<bool, Error> {
    let names: Vec<String> = dataset.columns.values().map(|column| column.name.clone()).collect();
    Ok(columns::protected(dataset, &names, &[])?.iter().any(|column| column.way.needs_key()))
}

/// What the rules make of a file: under others, the same version gives another copy.
fn shape(dataset: &Dataset) -> String {
    let digest = Sha256::digest(format!("{:?}", (&dataset.columns, &dataset.pii, &dataset.format)));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What takes no longer than there is time, being done by others.
async fn in_time<T>(deadline: Instant, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout_at(deadline, work).await.map_err(|_| Error::Lake(cleanzone_lake::Error::Unanswered))?
}
