//! One object with personal data becomes one without, in the lake's landing zone.

use std::sync::Arc;

use cleanzone_events::ObjectCreated;
use cleanzone_lake::{
    BlockingUpload, Bridge, Mode, Naming, ObjectSource, Rulebook, Settings, abort_all, on_thread, short_hash,
};
use cleanzone_pii::{Finding, Key};
use cleanzone_rules::{Dataset, Detect};
use cleanzone_storage::{Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Precondition, Staged, WriteOptions};
use cleanzone_tabular::{Report as Read, rewrite};
use cleanzone_vault::TokenVault;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::{
    columns,
    delivery::{Delivered, Standing, Version},
    detect::{Wanted, look},
    error::Error,
    rejected::{self, RejectedFile},
    replace::{ColumnReport, Means, Replaced, Replacing},
};

/// Replaces personal data, and sends files on.
#[derive(Debug)]
pub struct Tokenizer {
    /// Where originals are, and copies go.
    pub store: Arc<dyn ObjectStore>,
    /// What gives tokens.
    pub vault: Arc<dyn TokenVault>,
    /// What is personal, and what becomes of it.
    pub rulebook: Rulebook,
    /// The lake's landing bucket.
    pub lake: String,
    /// How files are read and what a new version means, where the rules do not say.
    pub settings: Settings,
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

/// What was made of the file; nobody sees it yet.
struct Made {
    copy: Box<dyn Staged>,
    rejected: Option<Box<dyn Staged>>,
    read: Read,
    columns: Vec<ColumnReport>,
    findings: Vec<Finding>,
}

/// What a copy is made from.
struct Job {
    store: Arc<dyn ObjectStore>,
    vault: Arc<dyn TokenVault>,
    from: Location,
    to: Location,
    meta: ObjectMeta,
    version: Version,
    dataset: Arc<Dataset>,
    settings: Settings,
    key: Option<Key>,
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
                return Ok(skipped(
                    Status::Superseded,
                    "the object was overwritten after this event; the newer one has its own",
                ));
            }
            other => other?,
        };
        let meta = reader.meta().clone();
        let pin_version = meta.version.clone();
        let settings = self.settings.under(dataset.clone());
        let version = Version::new(object, &meta, shape(&dataset), settings.mode != Mode::Replace);
        let there = in_time(deadline, async { Ok(self.store.head(&to).await?) }).await?;
        match there.map(|there| version.standing(&there)) {
            Some(Standing::Same) => {
                return Ok(skipped(Status::Unchanged, "this version of the object has been sent on before"));
            }
            Some(Standing::Newer) => {
                return Ok(skipped(Status::Superseded, "a newer version of the object has been sent on"));
            }
            Some(Standing::Replaceable) | None => {}
        }
        let key = if takes_key(&dataset)? { Some(self.key(deadline).await?) } else { None };
        let (store, vault) = (self.store.clone(), self.vault.clone());
        let source = from.clone();
        let job = Job { store, vault, from, to, meta, version: version.clone(), dataset, settings, key };
        let ended = on_thread(Some(deadline), move |bridge| job.run(reader, &bridge)).await;
        let mut made = ended.map_err(Error::Ended)??;
        let (bytes_out, kept) = (made.copy.size(), made.rejected.is_some());
        let delivered = in_time(deadline, self.deliver(&source, &version, &mut made)).await;
        // What has become visible stays; what has not, is freed.
        abort_all(made.rejected.into_iter().chain([made.copy]).collect()).await;
        Ok(match delivered? {
            Delivered::Before => skipped(Status::Unchanged, "somebody else has just sent this version on"),
            Delivered::Superseded => skipped(Status::Superseded, "a newer version of the object was faster"),
            Delivered::Now { .. } => Report {
                version: pin_version,
                records: made.read.records,
                rows: made.read.rows,
                rejected: made.read.rejected,
                rejected_path: kept.then(|| rejected::location(&source, &version.tag()).to_string()),
                columns: made.columns,
                findings: made.findings,
                bytes_in: made.read.bytes_in,
                bytes_out,
                ..report
            },
        })
    }

    /// The key of the methods that take one.
    async fn key(&self, deadline: Instant) -> Result<Key, Error> {
        let asked = timeout_at(deadline, self.vault.method_key()).await.map_err(|_| Error::Late)?;
        let key = asked?;
        Ok(Key::new(&key.id, key.secret)?)
    }

    /// Rejected rows first: a copy that is seen without them would have lost them.
    async fn deliver(&self, source: &Location, version: &Version, made: &mut Made) -> Result<Delivered, Error> {
        if let Some(rejected) = &mut made.rejected {
            rejected.publish(&Precondition::None).await?;
        }
        let delivered = version.deliver(&*self.store, &mut *made.copy).await?;
        // Those of the version whose place was taken are of no use any more, nor ours where a newer one has come.
        let stale = match &delivered {
            Delivered::Now { replaced } => replaced.clone().filter(|tag| *tag != version.tag()),
            Delivered::Superseded => made.rejected.as_ref().map(|_| version.tag()),
            Delivered::Before => None,
        };
        if let Some(tag) = stale.filter(|_| !version.is_one_of_many()) {
            self.store.delete(&[rejected::location(source, &tag)]).await?;
        }
        Ok(delivered)
    }
}

impl Job {
    /// Makes the copy, on a thread that may block. In one pass, unless personal data is to become tokens that no rule
    /// declares, and the first rows have not shown all of it.
    fn run(self, reader: Box<dyn ObjectReader>, bridge: &Bridge) -> Result<Made, Error> {
        let Self { store, from, meta, dataset, settings, .. } = &self;
        let mut source = ObjectSource::new(bridge.clone(), store.clone(), from.clone(), meta, Some(reader));
        let wanted = Wanted::of(dataset);
        // Without a sample that decides, all rows are looked at on the way.
        let watches = wanted.detect != Detect::Off && wanted.rows.is_none();
        let mut findings = Vec::new();
        if wanted.rows.is_some() && wanted.detect != Detect::Off || wanted.detect == Detect::Token {
            let watch = look(&mut source, dataset, &settings.read, wanted.rows)?;
            findings = watch.findings();
            if wanted.detect == Detect::Fail && !findings.is_empty() {
                return Err(Error::Found(watch.told()));
            }
        }
        let mut assumed = if wanted.detect == Detect::Token { findings.clone() } else { Vec::new() };
        loop {
            let (upload, read, replaced) = self.copy(&mut source, &assumed, watches, bridge)?;
            if let Some(watch) = &replaced.watch {
                findings = watch.findings();
                if wanted.detect == Detect::Fail && !findings.is_empty() {
                    return Err(Error::Found(watch.told()));
                }
                let kinds = |findings: &[Finding]| -> Vec<_> {
                    findings.iter().map(|finding| (finding.position, finding.kind.clone())).collect()
                };
                if wanted.detect == Detect::Token && kinds(&findings) != kinds(&assumed) {
                    assumed.clone_from(&findings);
                    continue;
                }
            }
            let Replaced { columns, rejected, .. } = replaced;
            return Ok(Made { rejected: rejected.finish()?, copy: upload.finish()?, read, columns, findings });
        }
    }

    fn copy(
        &self,
        source: &mut ObjectSource,
        assumed: &[Finding],
        watches: bool,
        bridge: &Bridge,
    ) -> Result<(BlockingUpload, Read, Replaced), Error> {
        let Self { store, vault, from, to, version, dataset, settings, key, .. } = self;
        let rejected = RejectedFile::new(from, version, store.clone(), bridge.clone());
        let object = format!("{from} {}", version.identity);
        let means = Means { vault: vault.clone(), key: key.clone(), object, bridge: bridge.clone() };
        let options = WriteOptions { content_type: Some("text/csv"), metadata: version.metadata() };
        let upload = BlockingUpload::new(bridge.clone(), bridge.wait(store.upload(to, &options))?);
        let mut replacing = Replacing::new(dataset, assumed, watches, means, rejected);
        let name = from.key.rsplit('/').next().unwrap_or_default();
        let (upload, read) = rewrite(source, upload, name, &mut replacing, &settings.read).map_err(Error::read)?;
        Ok((upload, read, replacing.finish()))
    }
}

/// Whether a column is replaced by a method that takes a key.
fn takes_key(dataset: &Dataset) -> Result<bool, Error> {
    let names: Vec<String> = dataset.columns.values().map(|column| column.name.clone()).collect();
    Ok(columns::protected(dataset, &names, &[])?.iter().any(|column| column.way.needs_key()))
}

/// What the rules make of a file: under others, the same version gives another copy.
fn shape(dataset: &Dataset) -> String {
    short_hash(&[&format!("{:?}", (&dataset.columns, &dataset.pii, &dataset.format))])
}

/// What takes no longer than there is time, being done by others.
async fn in_time<T>(deadline: Instant, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout_at(deadline, work).await.map_err(|_| Error::Lake(cleanzone_lake::Error::Unanswered))?
}

#[cfg(test)]
mod tests;
