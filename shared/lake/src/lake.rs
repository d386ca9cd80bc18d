use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arrow::datatypes::DataType;
use bytes::Bytes;
use cleanzone_catalog::{
    Bookkeeping, Catalog, Column, Commit, Committed, Committer, Error as CatalogError, FileColumn, FileSchema, Numbers,
    Partition, PartitionKey, Position, Statistics as CatalogStatistics, Table, TableName, Widened, data_type,
};
use cleanzone_events::ObjectCreated;
use cleanzone_rules::Applied;
use cleanzone_storage::{
    Error as StorageError, Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Precondition, WriteOptions,
};
use cleanzone_tabular::Notation;
use tokio::time::Instant;

use crate::{
    Error,
    bridge::on_thread,
    context::Provenance,
    convert::{Converted, TableColumn, Target, convert},
    naming::{Naming, folder_values, sanitise},
    overwrite::Overwrite,
    partition::{Partitioning, check_names},
    planner::TablePlanner,
    projection::Projections,
    publish::{COMMIT, FEW, Objects, Outgoing, Publication, Published, Under, Unrivalled, abort_rest, each, show},
    record::{Claimant, Record, Version, commit_id, digits},
    remote::{ObjectSource, OutputKeys, StagedFiles, StagedList, abort_all, without_kinds},
    report::{Report, SourceReport, Status},
    rulebook::Rulebook,
    rules::is_deidentified,
    settings::{Mode, Settings, Statistics},
    sink::{FileKind, NoEvidence},
    statistics::{Book, Counts, Entered, Figures, Ledger},
    warning::{Warning, WarningKind},
};

/// For how long a table that others write to is tried.
const PATIENCE: Duration = Duration::from_mins(1);
/// For how long after the deadline uploads are still aborted.
const GRACE: Duration = Duration::from_secs(1);
/// Microseconds of a second.
const MICROSECONDS: u64 = 1_000_000;
/// Times that a conversion begins anew because other writers changed the table or the output underneath.
const TRIES: u32 = 5;

/// A lake: objects go in, tables come out.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    committer: Arc<Committer>,
    rulebook: Arc<Rulebook>,
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
        let (committer, rulebook) = (Committer::new(catalog), Rulebook::conventions());
        Self { store, committer: Arc::new(committer), rulebook: Arc::new(rulebook), settings }
    }

    /// The same, under the rules of a `lake.toml`. What they do not say, the settings do.
    #[must_use]
    pub fn following(self, rulebook: Rulebook) -> Self {
        Self { rulebook: Arc::new(rulebook), ..self }
    }

    /// The database and the table that an object belongs to, if to any.
    pub async fn table(&self, source: &ObjectCreated) -> Option<(String, String)> {
        let current = self.rulebook.current().await.unwrap_or_default();
        Naming::dataset(&source.key, &current.rules.find(&source.bucket, &source.key).dataset)
    }

    /// Converts one object: typed Parquet under a key that depends only on what it was made from, committed to the
    /// catalog once, whatever is retried, repeated or reordered. Gives up cleanly at `deadline`.
    ///
    /// # Errors
    /// Nothing is visible then, neither files nor a change of the catalog's schema, unless publication itself was
    /// interrupted; a further call for the same object completes it.
    pub async fn convert(&self, source: &ObjectCreated, deadline: Option<Instant>) -> Result<Report, Error> {
        let begun = Instant::now();
        let at = Location::new(&source.bucket, &source.key);
        if source.bucket == self.settings.clean_bucket {
            return Err(Error::Recursive(at));
        }
        let current = in_time(deadline, self.rulebook.current()).await?;
        let Applied { dataset, rule } = current.rules.find(&source.bucket, &source.key);
        let naming = Naming::with(&source.key, dataset.database.as_deref(), dataset.table.as_deref())?;
        let lake = Self { settings: self.settings.under(Arc::new(dataset)), ..self.clone() };
        let work = async {
            let mut tries = 0;
            loop {
                tries += 1;
                match Box::pin(lake.attempt(source, &at, &naming, deadline)).await {
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
        report.rule_line = rule.map(|rule| rule.line);
        report.stale_rules = current.broken.is_some();
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
        if self.settings.dataset.declares_pii() && !is_deidentified(&begin.source) {
            return Err(Error::PersonalData(at.clone()));
        }
        let names = self.names(at.clone(), naming.clone(), table, &begin.version);
        if let Some((record, _)) = &begin.record
            && let Some(report) = in_time(deadline, self.settled(record, &begin, &names)).await?
        {
            return Ok(report);
        }
        // A further reading opens the source again.
        let (mut reader, mut rereads) = (Some(reader), 0);
        let (mut converted, staged, committed) = loop {
            let (converted, staged) = self.files(reader.take(), &begin, &names, deadline).await?;
            match in_time(deadline, self.commit(&converted, &begin, &names, deadline)).await {
                Ok(committed) => break (converted, staged, committed),
                // Another file has given a column its type meanwhile: read again, under that contract.
                Err(Error::Catalog(CatalogError::Reread { .. })) if rereads < TRIES => {
                    rereads += 1;
                    abort_all(without_kinds(staged)).await;
                    begin.table = self.committer.read(&names.table).await?;
                }
                Err(error) => {
                    abort_all(without_kinds(staged)).await;
                    return Err(error);
                }
            }
        };
        let parts = parts(&converted, &names.keys);
        let columns = converted.gathered.take();
        converted.warnings.extend(committed.iter().flat_map(changed_notations));
        let table = committed.as_ref().map(|committed| &committed.table).or(begin.table.as_ref());
        let bookkeeping = self.bookkeeping(table);
        converted.warnings.extend(committed.iter().flat_map(|committed| &committed.widened).filter_map(by_path));
        let report =
            names.report(&begin.source, converted, &staged, committed.as_ref().map(in_words).unwrap_or_default());
        let record = Record {
            format: Record::FORMAT,
            version: begin.version.clone(),
            commit: names.commit.clone(),
            outputs: staged.iter().map(|(_, file)| file.location().key.clone()).collect(),
            stale: Vec::new(),
            removed: Vec::new(),
            complete: false,
            ledger: Ledger::default(),
            report: report.with_bounded_warnings(),
        };
        match self.settings.mode {
            Mode::Replace | Mode::Append => {
                let mut record = record;
                if let Some(kept) = &bookkeeping {
                    record.ledger = Ledger::new(&kept.id, parts).with_columns(columns.filter(|_| kept.columns));
                }
                Box::pin(self.publish(begin, &names, record, bookkeeping, staged, deadline)).await
            }
            Mode::OverwritePartitions => {
                Box::pin(self.overwrite(begin, &names, record, (parts, bookkeeping), staged, deadline)).await
            }
        }
    }

    /// Publishes what takes the place of the source's own earlier versions, or of nothing.
    async fn publish(
        &self,
        begin: Beginning,
        names: &Names,
        record: Record,
        bookkeeping: Option<Bookkeeping>,
        staged: StagedList,
        deadline: Option<Instant>,
    ) -> Result<Report, Error> {
        let report = record.report.clone();
        let book = self.book(names, bookkeeping);
        let publication = Publication {
            store: self.store.clone(),
            bucket: self.settings.clean_bucket.clone(),
            record_at: names.record_at.clone(),
            record,
            book: book.clone(),
            deadline,
        };
        match publication.run(begin.record, begin.first, without_kinds(staged)).await? {
            Published::Done(entered) => {
                let figures = self.record_statistics(names, book.as_ref(), entered).await?;
                Ok(Report { holds: figures, ..report })
            }
            Published::Superseded => {
                Ok(superseded(&names.source, &names.naming, "a newer version of the object was faster"))
            }
        }
    }

    /// Publishes what takes over whole partitions.
    async fn overwrite(
        &self,
        begin: Beginning,
        names: &Names,
        mut record: Record,
        (parts, bookkeeping): (BTreeMap<String, Counts>, Option<Bookkeeping>),
        staged: StagedList,
        deadline: Option<Instant>,
    ) -> Result<Report, Error> {
        let book = self.book(names, bookkeeping);
        let (data, rejected): (StagedList, StagedList) =
            staged.into_iter().partition(|(kind, _)| matches!(kind, FileKind::Data { .. }));
        // No other file has a say in these.
        let mut rejected: Vec<_> =
            without_kinds(rejected).into_iter().map(|file| Outgoing::new(file, Under::Looked(None))).collect();
        let overwrite = self.overwriting(&begin, names, book.as_ref().map(|book| book.id.clone()));
        let taken = overwrite.run(without_kinds(data), &parts, deadline).await;
        let done = in_time(deadline, async {
            let taken = taken?;
            show(&*self.store, &names.commit, &mut rejected, &Unrivalled).await?;
            let entries = taken.ledgers.iter().flat_map(|held| &held.ledger().pending);
            let entered = match &book {
                Some(book) => book.enter(&*self.store, entries).await?,
                None => None,
            };
            let figures = self.record_statistics(names, book.as_ref(), entered).await?;
            overwrite.settle(taken.ledgers).await?;
            record.report.give_up(&self.settings.clean_bucket, &taken.superseded, &parts);
            record.complete = true;
            let over = begin.record.as_ref().map(|(_, etag)| etag.as_str());
            match record.save(&*self.store, &names.record_at, over).await {
                // A twin of ours, told by the same event, has come to the same end.
                Err(Error::Storage(StorageError::Precondition(_))) => {}
                other => drop(other?),
            }
            Ok(figures)
        })
        .await;
        abort_rest(rejected).await;
        done.map(|holds| Report { holds, ..record.report })
    }

    fn overwriting(&self, begin: &Beginning, names: &Names, book: Option<String>) -> Overwrite {
        Overwrite {
            store: self.store.clone(),
            bucket: self.settings.clean_bucket.clone(),
            claimant: Claimant::new(&names.source, &begin.version),
            commit: names.commit.clone(),
            book,
        }
    }

    /// How files are counted, if they are; the id is that of a count that would begin now.
    fn counting(&self) -> Option<Bookkeeping> {
        (self.settings.statistics != Statistics::Off).then(|| Bookkeeping {
            id: format!("{:016x}", fastrand::u64(..)),
            columns: self.settings.keeps_column_statistics(),
            by_partition: self.settings.mode == Mode::OverwritePartitions,
        })
    }

    /// What is counted of a table, by its files so far and by this one.
    fn bookkeeping(&self, table: Option<&Table>) -> Option<Bookkeeping> {
        Bookkeeping::of(table?)?.and(self.counting().as_ref())
    }

    fn book(&self, names: &Names, bookkeeping: Option<Bookkeeping>) -> Option<Book> {
        Some(Book::new(&self.settings.clean_bucket, &names.table, bookkeeping?.id))
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
        let lookup = async { Ok::<_, Error>(self.committer.table(table).await?) };
        let (reader, table, known) = match self.settings.mode {
            // The names of the outputs do not depend on the version: everything can be asked for at once.
            Mode::Replace => {
                let digits = digits(at, None);
                let keys = self.output_keys(naming, table, &digits);
                let record_at = Record::location(&self.settings.clean_bucket, &digits);
                // Where rows are parted, only they tell where the first one goes.
                let first_at = self.settings.partition_by.is_empty().then(|| keys.location(&FileKind::first()));
                let known = async {
                    tokio::try_join!(Record::load(&*self.store, &record_at), async {
                        match first_at {
                            Some(first_at) => Ok(Under::Looked(self.store.head(&first_at).await?)),
                            None => Ok(Under::NotLooked),
                        }
                    })
                };
                tokio::join!(open, lookup, known)
            }
            Mode::Append | Mode::OverwritePartitions => {
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
        let digits = digits(&source, (self.settings.mode != Mode::Replace).then_some(version));
        Names {
            keys: self.output_keys(&naming, &table, &digits),
            record_at: Record::location(&self.settings.clean_bucket, &digits),
            commit: commit_id(&source, version, &self.shape(&table)),
            source,
            naming,
            table,
        }
    }

    fn output_keys(&self, naming: &Naming, table: &TableName, digits: &str) -> OutputKeys {
        OutputKeys {
            bucket: self.settings.clean_bucket.clone(),
            folder: format!("{}/{}/{}", table.database, table.table, naming.partition_path()),
            name: format!("{}-{digits}", naming.stem),
        }
    }

    /// What shapes the output, beside the source.
    fn shape(&self, table: &TableName) -> String {
        let Settings { layout, read, evolution, partition_by, context, dataset, .. } = &self.settings;
        let (compression, bad_rows) = (layout.compression, read.bad_rows);
        format!("{table} {compression:?} {bad_rows:?} {evolution:?} {partition_by:?} {context:?} {dataset:?}")
    }

    /// The report, where the record shows that there is nothing left to do.
    async fn settled(&self, record: &Record, begin: &Beginning, names: &Names) -> Result<Option<Report>, Error> {
        let bucket = &self.settings.clean_bucket;
        if record.version.is_newer_than(&begin.version) {
            Objects { bucket, keys: &record.removed, commit: &names.commit }.remove(&*self.store).await?;
            return Ok(Some(superseded(&names.source, &names.naming, "a newer version of the object is in the table")));
        }
        if !record.version.is_same(&begin.version) || record.commit != names.commit || !record.stale.is_empty() {
            return Ok(None);
        }
        // Somebody may have removed the table, or the function may have died between claim and publication.
        if begin.table.is_none() && !record.report.content.columns.is_empty() {
            return Ok(None);
        }
        let book = self.bookkeeping(begin.table.as_ref()).map(|kept| kept.id);
        if record.ledger.owes(book.as_deref()) {
            return Ok(None);
        }
        let is_settled = match self.settings.mode {
            Mode::Replace | Mode::Append => {
                // Of many, the record says that they were published; it is not taken at its word altogether.
                let looked_for = record.outputs.len().min(FEW);
                (record.complete || record.outputs.len() == looked_for)
                    && self.are_visible(&record.outputs[..looked_for], begin, names).await?
            }
            Mode::OverwritePartitions => {
                let (rejected, data): (Vec<String>, Vec<String>) =
                    record.outputs.iter().cloned().partition(|key| key.starts_with("_rejected/"));
                record.complete
                    && self.are_visible(&rejected, begin, names).await?
                    && self.overwriting(begin, names, book).is_settled(&data).await?
            }
        };
        if !is_settled {
            return Ok(None);
        }
        let mut report = record.report.clone();
        report.forget_warnings();
        if report.status != Status::Superseded {
            report.status = Status::Unchanged;
            report.reason = Some("this version of the object has been converted before".to_owned());
        }
        Ok(Some(report))
    }

    /// Whether these objects of the conversion are there.
    async fn are_visible(&self, keys: &[String], begin: &Beginning, names: &Names) -> Result<bool, Error> {
        let is_visible = |key: &String| {
            let at = Location::new(&self.settings.clean_bucket, key);
            let known = match &begin.first {
                Under::Looked(first) if at == names.keys.location(&FileKind::first()) => Some(first.clone()),
                _ => None,
            };
            async move {
                let meta = match known {
                    Some(meta) => meta,
                    None => self.store.head(&at).await?,
                };
                Ok(meta.is_some_and(|meta| meta.metadata.get(COMMIT) == Some(&names.commit)))
            }
        };
        Ok(each(keys, is_visible).await?.into_iter().all(|visible| visible))
    }

    /// Tells the catalog how much the table holds, and what its columns are like.
    async fn record_statistics(
        &self,
        names: &Names,
        book: Option<&Book>,
        entered: Option<Entered>,
    ) -> Result<Option<Figures>, Error> {
        let (Some(book), Some(Entered { figures, columns })) = (book, entered) else { return Ok(None) };
        let statistics = names.statistics(&figures);
        if !self.committer.record_statistics(&names.table, &book.id, &statistics, PATIENCE).await? {
            return Ok(None);
        }
        if !columns.is_empty() {
            self.committer.record_column_statistics(&names.table, &book.id, None, &columns, PATIENCE).await?;
        }
        Ok(Some(figures))
    }

    /// Converts the source into files that are complete but not visible.
    async fn files(
        &self,
        reader: Option<Box<dyn ObjectReader>>,
        begin: &Beginning,
        names: &Names,
        deadline: Option<Instant>,
    ) -> Result<(Converted, StagedList), Error> {
        let Settings { partition_by, context, .. } = &self.settings;
        let folders = names.naming.partitions.iter().map(|(name, _)| name);
        check_names(folders.clone(), partition_by, context.names().chain(self.settings.read.added()))?;
        let partition_keys = names.partition_keys(&self.settings);
        let projections = Projections::new(begin.table.as_ref(), &partition_keys, &self.settings.dataset);
        projections.check_folders(&names.naming.partitions)?;
        let projections = Arc::new(projections);
        let planner = TablePlanner {
            name: names.table.clone(),
            table: begin.table.clone(),
            folders: folders.cloned().collect(),
            settings: self.settings.clone(),
            ..TablePlanner::default()
        };
        let options = self.settings.read.clone();
        let target = Target {
            layout: self.settings.layout,
            metadata: lineage(names, &begin.source),
            no_evidence: NoEvidence::LeaveOut,
            even_empty: false,
            column_statistics: match &begin.table {
                None => self.settings.keeps_column_statistics(),
                table => self.bookkeeping(table.as_ref()).is_some_and(|kept| kept.columns),
            },
            partitioning: Partitioning {
                by: partition_by.clone(),
                most: self.settings.layout.max_partitions,
                folder_bytes: names.keys.folder_bytes(),
                projections: projections.clone(),
            },
            provenance: Provenance {
                names: context.clone(),
                ingested_at: begin.version.last_modified.saturating_mul(MICROSECONDS).try_into().unwrap_or(i64::MAX),
                address: names.source.to_string(),
            },
        };
        let (store, at, meta) = (self.store.clone(), names.source.clone(), begin.source.clone());
        let (keys, metadata) = (names.keys.clone(), BTreeMap::from([(COMMIT.to_owned(), names.commit.clone())]));
        let ended = on_thread(deadline, move |bridge| {
            let mut source = ObjectSource::new(bridge.clone(), store.clone(), at, &meta, reader);
            let mut files = StagedFiles::new(bridge, store, keys, metadata);
            let mut converted = convert(&mut source, &mut files, &planner, &options, target)?;
            converted.warnings.extend(planner.warnings.take());
            let decided = planner.decided();
            for column in converted.columns.iter_mut().filter(|column| column.mark.is_of_files()) {
                if let Some(known) = decided.get(&column.name) {
                    known.clone().put(column);
                }
            }
            Ok::<_, Error>((converted, files.into_staged()))
        });
        let (mut converted, staged) = ended.await.map_err(Error::Task)??;
        let derived: Vec<&str> = partition_by.iter().map(|by| by.name.as_str()).collect();
        let missed = projections.warnings(&names.naming.partitions, &derived, &converted.files);
        converted.warnings.extend(missed);
        Ok((converted, staged))
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
        begin: &Beginning,
        names: &Names,
        deadline: Option<Instant>,
    ) -> Result<Option<Committed>, Error> {
        let counting = self.counting();
        if converted.columns.is_empty() {
            // Rows may go all the same, which nobody counts then.
            if begin.table.as_ref().is_some_and(|table| Bookkeeping::of(table) != self.bookkeeping(Some(table))) {
                self.committer.settle_statistics(&names.table, counting.as_ref(), PATIENCE).await?;
            }
            return Ok(None);
        }
        // Files that lie there already, of a table that somebody has removed, are not counted.
        let is_first = begin.table.is_none() && counting.is_some() && {
            let folder = format!("{}/{}/", names.table.database, names.table.table);
            self.store.list(&self.settings.clean_bucket, &folder).await?.is_empty()
        };
        // Neither a table nor a column must appear of which no file can be written.
        let has = |name: &str| begin.table.as_ref().is_some_and(|table| table.columns.iter().any(|c| c.name == name));
        if converted.columns.iter().any(|column| !has(&column.name)) {
            self.may_write(names).await?;
        }
        let columns = self.columns(converted, &names.naming, begin.table.is_none());
        let partition_keys = names.partition_keys(&self.settings);
        let partitions: Vec<Partition> = names.partitions(converted).collect();
        let left = deadline.map_or(PATIENCE, |d| d.saturating_duration_since(Instant::now()));
        let commit = Commit {
            name: &names.table,
            location: &names.table_location(),
            captured: self.settings.dataset.captured.as_deref(),
            file: &FileSchema { columns, partition_keys },
            evolution: self.settings.evolution,
            projection: self.settings.dataset.projection_properties(),
            statistics: counting.as_ref(),
            is_first,
            partitions: &partitions,
            compression: self.settings.layout.compression_name(),
            seen: begin.table.clone(),
            patience: left.min(PATIENCE),
        };
        Ok(Some(self.committer.commit(commit).await?))
    }

    /// What the file brings to its table. A new table gets all columns that are declared, also those that its first
    /// file lacks.
    fn columns(&self, converted: &Converted, naming: &Naming, is_new: bool) -> Vec<FileColumn> {
        let dataset = &self.settings.dataset;
        let mut columns: Vec<FileColumn> = converted
            .columns
            .iter()
            .map(|column| {
                let rule = column.in_file.as_ref().and_then(|name| dataset.column(name));
                FileColumn {
                    declared: rule.and_then(|rule| rule.data_type).map(|declared| declared.to_string()),
                    comment: rule.and_then(|rule| rule.comment.clone()).or_else(|| unit_in_words(column)),
                    always: column.in_file.is_none(),
                    notation: column.notation.clone(),
                    unit: notation_of_unit(column),
                    unproved: column.is_empty,
                    mark: column.mark.clone(),
                    position: column.position,
                    ..FileColumn::new(
                        &column.name,
                        Some(column.data_type.clone()).filter(|found| *found != DataType::Null),
                    )
                }
            })
            .collect();
        for rule in dataset.columns.values().filter(|rule| is_new && !rule.drop) {
            let name = rule.rename.clone().unwrap_or_else(|| sanitise(&rule.name));
            let is_there = columns.iter().any(|column| column.name == name);
            let is_folder = naming.partitions.iter().any(|(folder, _)| *folder == name);
            let is_key = self.settings.partition_by.iter().any(|by| by.name == name || by.column == name) || is_folder;
            if let Some(declared) = rule.data_type.map(|declared| declared.to_string())
                && !is_there
                && !is_key
            {
                columns.push(FileColumn {
                    declared: Some(declared.clone()),
                    comment: rule.comment.clone(),
                    unproved: true,
                    position: Some(Position::Later),
                    ..FileColumn::new(name, data_type(&declared))
                });
            }
        }
        columns
    }
}

impl Names {
    fn report(&self, meta: &ObjectMeta, converted: Converted, staged: &StagedList, catalog: Vec<String>) -> Report {
        let (mut paths, mut rejected_path) = (Vec::new(), None);
        for (kind, file) in staged {
            match kind {
                FileKind::Data { .. } => paths.push(file.location().to_string()),
                FileKind::Rejected => rejected_path = Some(file.location().to_string()),
            }
        }
        let partitions_values = self.partitions(&converted).map(|p| (p.location, p.values)).collect();
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
            warnings: converted.warnings,
            bytes_out: converted.bytes,
            ..Report::default()
        }
    }

    /// What the table and its partitions hold, as the catalog has it.
    fn statistics(&self, figures: &Figures) -> CatalogStatistics {
        let numbers = |counts: &Counts| Numbers { rows: counts.rows, files: counts.files, bytes: counts.bytes };
        let root = format!("{}/{}/", self.table.database, self.table.table);
        let values = |folder: &str| folder.strip_prefix(&root).and_then(folder_values).filter(|v| !v.is_empty());
        CatalogStatistics {
            table: Some(numbers(&figures.table)),
            partitions: figures
                .partitions
                .iter()
                .filter_map(|(folder, counts)| Some((values(folder)?, numbers(counts))))
                .collect(),
        }
    }

    /// The folders of the source's key, then what its rows are parted by.
    fn partition_keys(&self, settings: &Settings) -> Vec<PartitionKey> {
        let declared = |name: &str| settings.dataset.column(name).and_then(|rule| rule.data_type);
        let folders = self.naming.partitions.iter().map(|(name, _)| match declared(name) {
            Some(hive_type) => PartitionKey::typed(name, hive_type.to_string()),
            None => PartitionKey::new(name),
        });
        let derived = settings.partition_by.iter();
        let derived = derived.map(|by| PartitionKey { name: by.name.clone(), hive_type: by.hive_type.clone() });
        folders.chain(derived).collect()
    }

    fn table_location(&self) -> String {
        format!("s3://{}/{}/{}/", self.keys.bucket, self.table.database, self.table.table)
    }

    /// The partitions that there are rows in; none in a table without partition keys.
    fn partitions(&self, converted: &Converted) -> impl Iterator<Item = Partition> {
        let folder = format!("s3://{}/{}", self.keys.bucket, self.keys.folder);
        converted
            .files
            .iter()
            .filter(|file| file.number == 0)
            .map(move |file| {
                let folders = self.naming.partitions.iter().map(|(_, value)| value);
                let values = folders.chain(&file.partition.values).cloned().collect();
                Partition { values, location: format!("{folder}{}", file.partition.path) }
            })
            .filter(|partition: &Partition| !partition.values.is_empty())
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

/// What the files of a conversion amount to in each folder of the clean bucket.
fn parts(converted: &Converted, keys: &OutputKeys) -> BTreeMap<String, Counts> {
    let mut parts: BTreeMap<String, Counts> = BTreeMap::new();
    for file in &converted.files {
        let folder = format!("{}{}", keys.folder, file.partition.path);
        *parts.entry(folder).or_default() += Counts { rows: file.rows, files: 1, bytes: file.bytes };
    }
    parts
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

/// A comment that says the unit of a column's numbers.
fn unit_in_words(column: &TableColumn) -> Option<String> {
    column.unit.as_ref().map(|unit| format!("in {unit}"))
}

/// The unit of a column's numbers as the catalog remembers it.
fn notation_of_unit(column: &TableColumn) -> Option<String> {
    Notation::of_unit(column.unit.as_ref()?).map(|notation| notation.to_string())
}

/// The columns that files write in several notations since this commit.
fn changed_notations(committed: &Committed) -> Vec<Warning> {
    let noted = committed.noted.iter().filter_map(|name| committed.table.column(name));
    let several = noted.map(|column| (column, column.writings())).filter(|(_, notations)| notations.len() > 1);
    let warning = |(column, notations): (&Column, Vec<&str>)| {
        let message = format!(
            "this file is written as {}, and earlier ones as {}; values that can be read in both ways fit only where the \
             file proves one of them: declare decimal, thousands or date_format in lake.toml",
            notations[notations.len() - 1],
            notations[..notations.len() - 1].join(" and "),
        );
        Warning::of_column(WarningKind::NotationChanged, &column.name, message)
    };
    several.map(warning).collect()
}

/// That some engines cannot read the files of a widened column together, unless the catalog tells them the type. Text is
/// text, however long.
fn by_path(Widened { column, from, to }: &Widened) -> Option<Warning> {
    let is_text = data_type(to) == Some(DataType::Utf8);
    let message = format!(
        "was {from} and is {to} from now on, as declared; engines that know the type from the catalog read all files, but \
         by path DuckDB, pyarrow and Polars fail, and Spark reads wrong whole numbers, where they take the type from an \
         older file; tell them the type, or convert the older files again"
    );
    (!is_text).then(|| Warning::of_column(WarningKind::WidenedByPath, column, message))
}

/// Whether beginning anew at once can help: somebody else was at work on the same output or table.
fn is_contention(error: &Error) -> bool {
    matches!(error, Error::Storage(StorageError::Conflict(_) | StorageError::Precondition(_)))
}
