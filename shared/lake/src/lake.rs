use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arrow::datatypes::DataType;
use bytes::Bytes;
use cleanzone_catalog::{
    Catalog, Commit, Committed, Committer, Error as CatalogError, Evolution, FileColumn, FileSchema, Partition,
    PartitionKey, Table, TableName,
};
use cleanzone_events::ObjectCreated;
use cleanzone_storage::{
    Error as StorageError, Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Precondition, WriteOptions,
};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    Error,
    bridge::Bridge,
    convert::{Converted, Target, convert},
    naming::Naming,
    planner::TablePlanner,
    publish::{COMMIT, Publication, Published, Under, remove},
    record::{Record, Version, commit_id, digits},
    remote::{ObjectSource, OutputKeys, StagedFiles, StagedList, abort_all, without_kinds},
    report::{Report, SourceReport, Status},
    settings::{Mode, Settings},
    sink::{FileKind, NoEvidence},
};

/// For how long a table that others write to is tried.
const PATIENCE: Duration = Duration::from_mins(1);
/// For how long after the deadline uploads are still aborted.
const GRACE: Duration = Duration::from_secs(1);
/// Times that a conversion begins anew because other writers changed the table or the output underneath.
const TRIES: u32 = 5;

/// A lake: objects go in, tables come out.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    committer: Arc<Committer>,
    settings: Settings,
}

/// What is known when a conversion begins.
struct Beginning {
    source: ObjectMeta,
    version: Version,
    record: Option<(Record, String)>,
    table: Option<Table>,
    /// What lies under the key of the first output.
    first: Under,
}

/// The names that follow from the source and its version.
struct Names {
    source: Location,
    naming: Naming,
    table: TableName,
    keys: OutputKeys,
    record_at: Location,
    commit: String,
}

impl Lake {
    /// A lake over a store and a catalog.
    pub fn new(store: Arc<dyn ObjectStore>, catalog: Arc<dyn Catalog>, settings: Settings) -> Self {
        Self { store, committer: Arc::new(Committer::new(catalog)), settings }
    }

    /// Converts one object: typed Parquet under a key that depends only on what it was made from, committed to the
    /// catalog once, whatever is retried, repeated or reordered. Gives up cleanly at `deadline`.
    ///
    /// # Errors
    /// Nothing is visible then, neither files nor a change of the catalog's schema, unless publication itself was
    /// interrupted; a further call for the same object completes it.
    pub async fn convert(&self, source: &ObjectCreated, deadline: Option<Instant>) -> Result<Report, Error> {
        let begun = Instant::now();
        let naming = Naming::from_key(&source.key)?;
        let at = Location::new(&source.bucket, &source.key);
        if source.bucket == self.settings.clean_bucket {
            return Err(Error::Recursive(at));
        }
        let work = async {
            let mut tries = 0;
            loop {
                tries += 1;
                match self.attempt(source, &at, &naming, deadline).await {
                    Err(error) if tries < TRIES && is_contention(&error) => {
                        tracing::info!(error = %error, tries, "converting anew");
                        tokio::time::sleep(Duration::from_millis(20 << tries)).await;
                    }
                    result => return result,
                }
            }
        };
        let mut report = match deadline {
            // Every step ends at the deadline by itself; what is left to do then is to abort uploads.
            Some(deadline) => tokio::time::timeout_at(deadline + GRACE, work).await.map_err(|_| Error::Deadline)??,
            None => work.await?,
        };
        report.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report)
    }

    async fn attempt(
        &self,
        source: &ObjectCreated,
        at: &Location,
        naming: &Naming,
        deadline: Option<Instant>,
    ) -> Result<Report, Error> {
        let table = TableName { database: naming.database.clone(), table: naming.table.clone() };
        let begin = in_time(deadline, self.begin(source, at, naming, &table)).await?;
        let Some((reader, mut begin)) = begin else {
            return Ok(superseded(
                at,
                naming,
                "the object was overwritten after this event; the newer one has its own",
            ));
        };
        let names = self.names(at.clone(), naming.clone(), table, &begin.version);
        if let Some((record, _)) = &begin.record
            && let Some(report) = in_time(deadline, self.settled(record, &begin, &names)).await?
        {
            return Ok(report);
        }
        // A further reading opens the source again.
        let (mut reader, mut rereads) = (Some(reader), 0);
        let (converted, staged, committed) = loop {
            let (converted, staged) = self.files(reader.take(), &begin, &names, deadline).await?;
            match in_time(deadline, self.commit(&converted, &staged, &begin, &names, deadline)).await {
                Ok(committed) => break (converted, staged, committed),
                // Another file has given a column its type meanwhile: read again, under that contract.
                Err(Error::Catalog(CatalogError::Reread { .. })) if rereads < TRIES => {
                    rereads += 1;
                    abort_all(without_kinds(staged)).await;
                    begin.table = self.committer.catalog().table(&names.table).await?;
                }
                Err(error) => {
                    abort_all(without_kinds(staged)).await;
                    return Err(error);
                }
            }
        };
        let report =
            names.report(&begin.source, converted, &staged, committed.as_ref().map(in_words).unwrap_or_default());
        let publication = Publication {
            store: self.store.clone(),
            bucket: self.settings.clean_bucket.clone(),
            record_at: names.record_at.clone(),
            record: Record {
                format: Record::FORMAT,
                version: begin.version,
                commit: names.commit.clone(),
                outputs: staged.iter().map(|(kind, _)| names.keys.location(*kind).key).collect(),
                stale: Vec::new(),
                removed: Vec::new(),
                report: report.clone(),
            },
            deadline,
        };
        Ok(match publication.run(begin.record, begin.first, without_kinds(staged)).await? {
            Published::Done => report,
            Published::Superseded => superseded(at, naming, "a newer version of the object was faster"),
        })
    }

    /// Opens the source and, at the same time, looks up all that is known of it; `None` where the version that the
    /// event told of is no longer there because a newer one has taken its place.
    async fn begin(
        &self,
        source: &ObjectCreated,
        at: &Location,
        naming: &Naming,
        table: &TableName,
    ) -> Result<Option<(Box<dyn ObjectReader>, Beginning)>, Error> {
        let pin = Pin { version: source.version_id.clone(), etag: source.etag.clone() };
        let open = self.store.open(at, &pin);
        let lookup = async { Ok::<_, Error>(self.committer.catalog().table(table).await?) };
        let (reader, table, known) = match self.settings.mode {
            // The names of the outputs do not depend on the version: everything can be asked for at once.
            Mode::Replace => {
                let digits = digits(at, None);
                let keys = self.output_keys(naming, table, &digits);
                let record_at = Record::location(&self.settings.clean_bucket, &digits);
                let first_at = keys.location(FileKind::Data(0));
                let known = async {
                    tokio::try_join!(Record::load(&*self.store, &record_at), async {
                        Ok(Under::Looked(self.store.head(&first_at).await?))
                    })
                };
                tokio::join!(open, lookup, known)
            }
            Mode::Append => {
                let (reader, table) = tokio::join!(open, lookup);
                let known = match &reader {
                    Ok(reader) => {
                        let digits = digits(at, Some(&Version::new(reader.meta(), None)));
                        let record_at = Record::location(&self.settings.clean_bucket, &digits);
                        Record::load(&*self.store, &record_at).await.map(|record| (record, Under::NotLooked))
                    }
                    Err(_) => Ok((None, Under::NotLooked)),
                };
                (reader, table, known)
            }
        };
        let reader = match reader {
            Err(StorageError::Changed(_)) => return Ok(None),
            other => other?,
        };
        let ((record, first), table) = (known?, table?);
        let meta = reader.meta().clone();
        let version = Version::new(&meta, source.sequencer.clone());
        Ok(Some((reader, Beginning { source: meta, version, record, table, first })))
    }

    fn names(&self, source: Location, naming: Naming, table: TableName, version: &Version) -> Names {
        let digits = digits(&source, (self.settings.mode == Mode::Append).then_some(version));
        Names {
            keys: self.output_keys(&naming, &table, &digits),
            record_at: Record::location(&self.settings.clean_bucket, &digits),
            commit: commit_id(&source, version, &format!("{table} {:?}", self.settings.layout.compression)),
            source,
            naming,
            table,
        }
    }

    fn output_keys(&self, naming: &Naming, table: &TableName, digits: &str) -> OutputKeys {
        let path = format!("{}/{}/{}{}-{digits}", table.database, table.table, naming.partition_path(), naming.stem);
        OutputKeys { bucket: self.settings.clean_bucket.clone(), rejected: format!("_rejected/{path}"), data: path }
    }

    /// The report, where the record shows that there is nothing left to do.
    async fn settled(&self, record: &Record, begin: &Beginning, names: &Names) -> Result<Option<Report>, Error> {
        if record.version.is_newer_than(&begin.version) {
            remove(&*self.store, &self.settings.clean_bucket, &record.removed, &names.commit).await?;
            return Ok(Some(superseded(&names.source, &names.naming, "a newer version of the object is in the table")));
        }
        if !record.version.is_same(&begin.version) || record.commit != names.commit || !record.stale.is_empty() {
            return Ok(None);
        }
        // Somebody may have removed the table, or the function may have died between claim and publication.
        if begin.table.is_none() && !record.report.content.columns.is_empty() {
            return Ok(None);
        }
        for key in &record.outputs {
            let meta = match &begin.first {
                Under::Looked(first) if *key == names.keys.location(FileKind::Data(0)).key => first.clone(),
                _ => self.store.head(&Location::new(&self.settings.clean_bucket, key)).await?,
            };
            if meta.is_none_or(|meta| meta.metadata.get(COMMIT) != Some(&names.commit)) {
                return Ok(None);
            }
        }
        let reason = "this version of the object has been converted before";
        Ok(Some(Report { status: Status::Unchanged, reason: Some(reason.to_owned()), ..record.report.clone() }))
    }

    /// Converts the source into files that are complete but not visible.
    async fn files(
        &self,
        reader: Option<Box<dyn ObjectReader>>,
        begin: &Beginning,
        names: &Names,
        deadline: Option<Instant>,
    ) -> Result<(Converted, StagedList), Error> {
        let (bridge, cancel) = Bridge::new(Handle::current());
        let mut source = ObjectSource {
            bridge: bridge.clone(),
            store: self.store.clone(),
            at: names.source.clone(),
            pin: Pin { version: begin.source.version.clone(), etag: Some(begin.source.etag.clone()) },
            opened: reader,
        };
        let mut files = StagedFiles {
            bridge,
            store: self.store.clone(),
            keys: names.keys.clone(),
            metadata: BTreeMap::from([(COMMIT.to_owned(), names.commit.clone())]),
            staged: Vec::new(),
        };
        let planner = TablePlanner {
            partition_keys: names.naming.partitions.iter().map(|(name, _)| name.clone()).collect(),
            table: begin.table.clone(),
        };
        let options = self.settings.read.clone();
        let target = Target {
            layout: self.settings.layout,
            metadata: lineage(names, &begin.source),
            no_evidence: NoEvidence::LeaveOut,
            even_empty: false,
        };
        let mut work = tokio::task::spawn_blocking(move || {
            let converted = convert(&mut source, &mut files, &planner, &options, target)?;
            Ok((converted, files.staged))
        });
        let ended = match deadline {
            Some(deadline) => tokio::select! {
                ended = &mut work => ended,
                // The thread notices, gives up its uploads, and ends; only then is it safe to answer.
                () = tokio::time::sleep_until(deadline) => { cancel.fire(); work.await }
            },
            None => work.await,
        };
        ended.map_err(Error::Task)?
    }

    /// Whether objects can be written, asked without writing one: on a condition that no entity tag meets.
    async fn may_write(&self, names: &Names) -> Result<(), Error> {
        let never = Precondition::Matches("-".to_owned());
        match self.store.put(&names.record_at, Bytes::new(), &never, &WriteOptions::default()).await {
            Ok(_) | Err(StorageError::Precondition(_) | StorageError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the file's columns and its partition part of the table; `None` where the file has no columns.
    async fn commit(
        &self,
        converted: &Converted,
        staged: &StagedList,
        begin: &Beginning,
        names: &Names,
        deadline: Option<Instant>,
    ) -> Result<Option<Committed>, Error> {
        if converted.columns.is_empty() {
            return Ok(None);
        }
        // Neither a table nor a column must appear of which no file can be written.
        let has = |name: &str| begin.table.as_ref().is_some_and(|table| table.columns.iter().any(|c| c.name == name));
        if converted.columns.iter().any(|column| !has(&column.name)) {
            self.may_write(names).await?;
        }
        let columns = converted.columns.iter().map(|column| {
            let evident = column.data_type != DataType::Null;
            FileColumn::new(&column.name, evident.then(|| column.data_type.clone()))
        });
        let keys = names.naming.partitions.iter().map(|(name, _)| PartitionKey::new(name)).collect();
        let has_rows = staged.iter().any(|(kind, _)| matches!(kind, FileKind::Data(_)));
        let partition = Partition {
            values: names.naming.partitions.iter().map(|(_, value)| value.clone()).collect(),
            location: names.partition_location(),
        };
        let left = deadline.map_or(PATIENCE, |d| d.saturating_duration_since(Instant::now()));
        let commit = Commit {
            name: &names.table,
            location: &names.table_location(),
            file: &FileSchema { columns: columns.collect(), partition_keys: keys },
            evolution: Evolution::default(),
            parameters: BTreeMap::new(),
            partitions: if has_rows && !partition.values.is_empty() { &[partition] } else { &[] },
            compression: self.settings.layout.compression_name(),
            seen: begin.table.clone(),
            patience: left.min(PATIENCE),
        };
        Ok(Some(self.committer.commit(commit).await?))
    }
}

impl Names {
    fn report(&self, meta: &ObjectMeta, converted: Converted, staged: &StagedList, catalog: Vec<String>) -> Report {
        let (mut paths, mut rejected_path) = (Vec::new(), None);
        for (kind, file) in staged {
            match kind {
                FileKind::Data(_) => paths.push(file.location().to_string()),
                FileKind::Rejected => rejected_path = Some(file.location().to_string()),
            }
        }
        let mut partitions_values = BTreeMap::new();
        if !self.naming.partitions.is_empty() && !paths.is_empty() {
            let values = self.naming.partitions.iter().map(|(_, value)| value.clone()).collect();
            partitions_values.insert(self.partition_location(), values);
        }
        Report {
            status: Status::Converted,
            source: SourceReport {
                version: meta.version.clone(),
                etag: meta.etag.clone(),
                size: meta.size,
                ..source_report(&self.source)
            },
            database: self.naming.database.clone(),
            table: self.naming.table.clone(),
            paths,
            partitions_values,
            content: converted.content,
            rejected_path,
            catalog,
            bytes_out: converted.bytes,
            ..Report::default()
        }
    }

    fn table_location(&self) -> String {
        format!("s3://{}/{}/{}/", self.keys.bucket, self.table.database, self.table.table)
    }

    fn partition_location(&self) -> String {
        self.table_location() + &self.naming.partition_path()
    }
}

/// What takes no longer than there is time, being done by others.
pub(crate) async fn in_time<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.map_err(|_| Error::Unanswered)?,
        None => work.await,
    }
}

fn source_report(at: &Location) -> SourceReport {
    SourceReport { bucket: at.bucket.clone(), key: at.key.clone(), ..SourceReport::default() }
}

fn superseded(source: &Location, naming: &Naming, reason: &str) -> Report {
    Report {
        status: Status::Superseded,
        reason: Some(reason.to_owned()),
        source: source_report(source),
        database: naming.database.clone(),
        table: naming.table.clone(),
        ..Report::default()
    }
}

/// Where the rows come from, for the Parquet files' own metadata.
fn lineage(names: &Names, meta: &ObjectMeta) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("cleanzone.source.bucket".to_owned(), names.source.bucket.clone()),
        ("cleanzone.source.key".to_owned(), names.source.key.clone()),
        ("cleanzone.source.etag".to_owned(), meta.etag.clone()),
        // Makes the bytes, and so the entity tags, of two versions with the same content differ.
        ("cleanzone.commit".to_owned(), names.commit.clone()),
    ];
    pairs.extend(meta.version.clone().map(|version| ("cleanzone.source.version".to_owned(), version)));
    pairs
}

/// What a commit has changed, for people.
fn in_words(committed: &Committed) -> Vec<String> {
    let mut words = Vec::new();
    if committed.created {
        words.push("created the table".to_owned());
    }
    if !committed.added.is_empty() {
        words.push(format!("added {}", committed.added.join(", ")));
    }
    if !committed.promoted.is_empty() {
        words.push(format!("gave {} a type, as the first file with values", committed.promoted.join(", ")));
    }
    if committed.partitions_created > 0 {
        words.push(format!("created {} partitions", committed.partitions_created));
    }
    if committed.partitions_updated > 0 {
        words.push(format!("gave {} partitions the table's new columns", committed.partitions_updated));
    }
    words
}

/// Whether beginning anew at once can help: somebody else was at work on the same output or table.
fn is_contention(error: &Error) -> bool {
    matches!(error, Error::Storage(StorageError::Conflict(_) | StorageError::Precondition(_)))
}
