use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    Bookkeeping, Catalog, ColumnStatistics, Error, Evolution, FileSchema, Format, MARKED, Partition, Plan,
    RegisteredPartition, Result, Statistics, Table, TableName, Widened, Written, bookkeeping, catalog::GROUP, merge,
    partition, projection, spark, statistics::Numbers,
};

/// The first pause after a lost race; each further one is up to twice as long. A write takes about this long.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How many partitions a process remembers as up to date, before it forgets them all: about 2 MB.
const REMEMBERED: usize = 100_000;
/// For how long it remembers them: whoever drops a partition, or a table, by hand waits no longer for the next file
/// to bring it back.
const MEMORY: Duration = Duration::from_mins(5);

/// For how long a table is taken to be as it was read last. A conversion takes longer between reading a table and
/// finding that it need not change it, so this widens no race; and of a burst of small files few have to ask.
const FRESH: Duration = Duration::from_secs(1);

/// A random number in `0.0..1.0`, anew with each call.
pub type Jitter = Box<dyn Fn() -> f64 + Send + Sync>;

/// What a file brings to its table.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    /// The table.
    pub name: &'a TableName,
    /// Where the table's files are, with a trailing slash.
    pub location: &'a str,
    /// The text that the names of database and table are made of, where they are made of parts of object keys. Another
    /// text that gives the same names is refused.
    pub captured: Option<&'a str>,
    /// The file's columns.
    pub file: &'a FileSchema,
    /// What becomes of columns that the table lacks.
    pub evolution: Evolution,
    /// The table properties of
    /// [partition projection](https://docs.aws.amazon.com/athena/latest/ug/partition-projection-setting-up.html) that the
    /// table is to have. Those that an earlier commit has set and that are not among them are removed; all other
    /// parameters stay.
    pub projection: BTreeMap<String, String>,
    /// How the file is counted, if it is.
    pub statistics: Option<&'a Bookkeeping>,
    /// Whether the file is the first one where the table is to be, so that a new table counts everything from it on.
    pub is_first: bool,
    /// The partitions that it has rows in; none for a table without partition keys.
    pub partitions: &'a [Partition],
    /// The Parquet compression, in lower case, as a new table states it: `snappy`.
    pub compression: &'a str,
    /// The table, where it has been read already; saves reading it again.
    pub seen: Option<Table>,
    /// For how long lost races are run again.
    pub patience: Duration,
}

/// What a commit has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The table as it is now. To change it once more, read it again: only a table that was read has a version.
    pub table: Table,
    /// Whether the table is new.
    pub created: bool,
    /// The columns that are new in a table that was there.
    pub added: Vec<String>,
    /// The columns that have got their type by this file, after earlier files had no value for them.
    pub promoted: Vec<String>,
    /// The columns whose type has become wider, as declared.
    pub widened: Vec<Widened>,
    /// The columns that were there and are now known in one more notation.
    pub noted: Vec<String>,
    /// What has changed in the table, in words: one line a change, of names and types only.
    pub changes: Vec<String>,
    /// How many partitions are new.
    pub partitions_created: usize,
    /// How many partitions were given the table's columns.
    pub partitions_updated: usize,
    /// How many races were lost on the way.
    pub conflicts: u32,
}

/// Commits files to the tables of a catalog. One a process: it remembers which partitions are up to date.
pub struct Committer {
    catalog: Arc<dyn Catalog>,
    jitter: Jitter,
    known: Mutex<Known>,
    tables: Mutex<HashMap<TableName, (Table, Instant)>>,
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}

impl Committer {
    /// A committer to this catalog.
    pub fn new(catalog: Arc<dyn Catalog>) -> Self {
        Self::with_jitter(catalog, Box::new(fastrand::f64))
    }

    /// A committer whose pauses are as random as `jitter`.
    pub fn with_jitter(catalog: Arc<dyn Catalog>, jitter: Jitter) -> Self {
        Self { catalog, jitter, known: Mutex::new(Known::new()), tables: Mutex::default() }
    }

    /// The catalog.
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    /// A table, as it was at most a second ago; `None` where there is none now.
    ///
    /// # Errors
    /// [`Error::Call`] where the catalog failed.
    pub async fn table(&self, name: &TableName) -> Result<Option<Table>> {
        let known = self.tables().get(name).filter(|(_, read)| read.elapsed() < FRESH).map(|(table, _)| table.clone());
        if known.is_some() {
            return Ok(known);
        }
        self.read(name).await
    }

    /// A table, as it is now.
    ///
    /// # Errors
    /// [`Error::Call`] where the catalog failed.
    pub async fn read(&self, name: &TableName) -> Result<Option<Table>> {
        // Before the answer: it may be older than its arrival.
        let asked = Instant::now();
        let table = self.catalog.table(name).await?;
        let mut tables = self.tables();
        tables.retain(|_, (_, read)| read.elapsed() < FRESH);
        if let Some(table) = &table {
            tables.insert(name.clone(), (table.clone(), asked));
        }
        Ok(table)
    }

    fn tables(&self) -> MutexGuard<'_, HashMap<TableName, (Table, Instant)>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the table, and the partitions, such that they list everything in the file. Best before the file is
    /// published: then no file that can be read ever contradicts its table, and [`Error::Reread`] comes in time.
    ///
    /// Columns that the table has are widened, and get comments, only as [`merge`](crate::merge()) says.
    ///
    /// Calls of the catalog: none where the table was [`seen`](Commit::seen) and knows everything, and the partitions
    /// are remembered; one more (`find_partitions`) where they are not. Only a table that gets new columns costs more
    /// with the number of its partitions, because all of them get the columns too. Should a commit be cut short after
    /// the table was written, the same commit completes it.
    ///
    /// # Errors
    /// [`Error::Schema`] where file and table cannot be reconciled, or the table's files are elsewhere;
    /// [`Error::Reread`] where the table says another type for a column; [`Error::Conflict`] where the time was over
    /// before a race was won; [`Error::Call`] where the catalog failed.
    pub async fn commit(&self, commit: Commit<'_>) -> Result<Committed> {
        let mut race = Race::new(commit.name, commit.patience, &self.jitter);
        let mut done = self.commit_table(&commit, &mut race).await?;
        if done.created || !done.changes.is_empty() || race.lost > 0 {
            self.tables().remove(commit.name);
        }
        let grown = !done.added.is_empty() || !done.promoted.is_empty() || !done.widened.is_empty();
        if grown && !done.table.partition_keys.is_empty() {
            self.refresh_partitions(commit.name, &mut done, &mut race).await?;
        }
        self.commit_partitions(&commit, &mut done, &mut race).await?;
        if bookkeeping::is_ending(&done.table) {
            self.end_statistics(commit.name, &mut race).await?;
            bookkeeping::end(&mut done.table);
            done.table.version = None;
        }
        done.conflicts = race.lost;
        Ok(done)
    }

    /// Takes note that a file of the table is not counted, or counted in this way: numbers that are right no more are
    /// removed. For what changes a table without a [`commit`](Self::commit), and best before it does.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the time was over before a race was won; [`Error::Call`] where the catalog failed.
    pub async fn settle_statistics(
        &self,
        name: &TableName,
        statistics: Option<&Bookkeeping>,
        patience: Duration,
    ) -> Result<()> {
        let mut race = Race::new(name, patience, &self.jitter);
        self.tables().remove(name);
        loop {
            let Some(mut table) = self.catalog.table(name).await? else { return Ok(()) };
            let written = if bookkeeping::settle(&mut table, statistics) {
                self.catalog.update_table(name, &table).await?
            } else {
                Written::Done
            };
            match written {
                Written::Done if bookkeeping::is_ending(&table) => return self.end_statistics(name, &mut race).await,
                Written::Done | Written::Missing => return Ok(()),
                Written::Stale => race.lost().await?,
            }
        }
    }

    /// Removes the numbers of all partitions, then notes in the table that there are none.
    async fn end_statistics(&self, name: &TableName, race: &mut Race<'_>) -> Result<()> {
        self.tables().remove(name);
        loop {
            let Some(mut table) = self.catalog.table(name).await? else { return Ok(()) };
            if !bookkeeping::is_ending(&table) {
                return Ok(());
            }
            let mut written = self.remove_numbers(name, &table).await?;
            if written == Written::Done {
                bookkeeping::end(&mut table);
                // A column that came meanwhile has made it another version, and is not lost to the partitions.
                written = self.catalog.update_table(name, &table).await?;
            }
            match written {
                Written::Done | Written::Missing => return Ok(()),
                Written::Stale => race.lost().await?,
            }
        }
    }

    async fn remove_numbers(&self, name: &TableName, table: &Table) -> Result<Written> {
        let mut after = None;
        loop {
            let page = self.catalog.partitions(name, after).await?;
            let mut found = page.partitions;
            found.retain_mut(|held| Numbers::remove(&mut held.parameters));
            if !found.is_empty() {
                let written = self.catalog.update_partitions(name, table, &found).await?;
                if written != Written::Done {
                    return Ok(written);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(Written::Done);
            }
        }
    }

    /// Puts numbers beside a table and partitions of it, as [`Catalog::set_statistics`] does, and again where another
    /// writer was faster, for as long as `patience`. `id` is that of the [`Bookkeeping`] that they come from. Says
    /// whether there is a table that is counted so.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the time was over before a race was won; [`Error::Call`] where the catalog failed.
    pub async fn record_statistics(
        &self,
        name: &TableName,
        id: &str,
        statistics: &Statistics,
        patience: Duration,
    ) -> Result<bool> {
        let mut race = Race::new(name, patience, &self.jitter);
        // It will be another version.
        self.tables().remove(name);
        loop {
            match self.catalog.set_statistics(name, id, statistics).await? {
                Written::Done => return Ok(true),
                Written::Missing => return Ok(false),
                Written::Stale => race.lost().await?,
            }
        }
    }

    /// Puts statistics of columns beside a table, or a partition of it, as [`Catalog::set_column_statistics`] does, and
    /// again where another writer was faster, for as long as `patience`. `id` is that of the [`Bookkeeping`] that they
    /// come from. Says whether there is such a partition, or a table whose columns are counted so.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the time was over before a race was won; [`Error::Call`] where the catalog failed.
    pub async fn record_column_statistics(
        &self,
        name: &TableName,
        id: &str,
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
        patience: Duration,
    ) -> Result<bool> {
        let mut race = Race::new(name, patience, &self.jitter);
        loop {
            let Some(table) = self.catalog.table(name).await? else { return Ok(false) };
            if !Bookkeeping::of(&table).is_some_and(|held| held.columns && held.id == id) {
                return Ok(false);
            }
            match self.catalog.set_column_statistics(name, &table, partition, columns).await? {
                Written::Done => return Ok(true),
                Written::Missing => return Ok(false),
                Written::Stale => race.lost().await?,
            }
        }
    }

    async fn commit_table(&self, commit: &Commit<'_>, race: &mut Race<'_>) -> Result<Committed> {
        let Commit { name, location, file, .. } = *commit;
        let mut held = match &commit.seen {
            Some(table) => Some(table.clone()),
            None => self.catalog.table(name).await?,
        };
        let mut database_created = false;
        loop {
            if let Some(table) = &held {
                check_location(name, table, location)?;
                check_captured(name, table, commit.captured)?;
            }
            let plan = merge(name, held.as_ref(), file, commit.evolution)?;
            if let Some(table) = &held {
                partition::check(name, &table.partition_keys, commit.partitions)?;
            }
            let mut changes = plan.explain();
            let written = match (plan, held) {
                (Plan::Reread { columns }, _) => return Err(Error::Reread { table: name.clone(), columns }),
                (Plan::Create { columns, partition_keys }, _) => {
                    partition::check(name, &partition_keys, commit.partitions)?;
                    let table = new_table(commit, columns, partition_keys);
                    projection::check(name, &table)?;
                    match self.catalog.create_table(name, &table).await? {
                        Written::Done => return Ok(Committed { created: true, changes, ..Committed::of(table) }),
                        Written::Missing if !database_created => {
                            self.catalog.create_database(&name.database).await?;
                            database_created = true;
                            Written::Done
                        }
                        written => written,
                    }
                }
                (plan, Some(mut table)) => {
                    let (mut added, mut promoted, mut widened) = (Vec::new(), Vec::new(), Vec::new());
                    let mut noted = Vec::new();
                    let mut is_new = false;
                    if let Plan::Update { columns, added: new, promoted: first, widened: wider, noted: more, .. } = plan
                    {
                        is_new = true;
                        (table.columns, added, promoted, widened) = (columns, new, first, wider);
                        noted = more;
                        let wider = widened.iter().map(|widened| &*widened.column);
                        let retyped: Vec<&str> = promoted.iter().map(String::as_str).chain(wider).collect();
                        if !added.is_empty() || !retyped.is_empty() {
                            spark::follow(name, &mut table, &retyped)?;
                        }
                    }
                    let projected = projection::put(&mut table, &commit.projection);
                    is_new |= !projected.is_empty();
                    changes.extend(projected);
                    is_new |= bookkeeping::settle(&mut table, commit.statistics);
                    projection::check(name, &table)?;
                    if !is_new {
                        return Ok(Committed::of(table));
                    }
                    match self.catalog.update_table(name, &table).await? {
                        Written::Done => {
                            // The catalog does not tell the new version.
                            table.version = None;
                            return Ok(Committed { added, promoted, widened, noted, changes, ..Committed::of(table) });
                        }
                        written => written,
                    }
                }
                // Without a table there is nothing but `Create`.
                (_, None) => Written::Stale,
            };
            if written != Written::Done {
                race.lost().await?;
            }
            held = self.catalog.table(name).await?;
        }
    }

    /// Gives all partitions the table's columns.
    async fn refresh_partitions(&self, name: &TableName, done: &mut Committed, race: &mut Race<'_>) -> Result<()> {
        loop {
            let before = done.partitions_updated;
            let mut after = None;
            loop {
                let page = self.catalog.partitions(name, after).await?;
                self.update_outdated(name, page.partitions, done, race).await?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if done.partitions_updated == before || !self.table_has_grown(name, done).await? {
                return Ok(());
            }
        }
    }

    /// Sees to it that the file's own partitions exist, and list the table's columns.
    async fn commit_partitions(&self, commit: &Commit<'_>, done: &mut Committed, race: &mut Race<'_>) -> Result<()> {
        let name = commit.name;
        let mut pending: Vec<Partition> = commit.partitions.to_vec();
        pending.sort_unstable();
        pending.dedup();
        loop {
            let print = Print::of(name, &done.table);
            {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                pending.retain(|partition| !known.contains(print.with(partition)));
            }
            if pending.is_empty() {
                return Ok(());
            }
            let mut written = false;
            for group in pending.chunks(GROUP) {
                written |= self.commit_group(name, group, done, race).await?;
            }
            // Who adds columns lists the partitions after that; those written here meanwhile are seen to here.
            if !written || !self.table_has_grown(name, done).await? {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.prints.extend(pending.iter().map(|partition| print.with(partition)));
                return Ok(());
            }
        }
    }

    /// The same for as many of them as are held at once; says whether any was written.
    async fn commit_group(
        &self,
        name: &TableName,
        group: &[Partition],
        done: &mut Committed,
        race: &mut Race<'_>,
    ) -> Result<bool> {
        let before = done.partitions_updated;
        let mut created = false;
        loop {
            let found = self.catalog.find_partitions(name, group).await?;
            let mut missing: HashMap<_, _> = group.iter().map(|partition| (&partition.values, partition)).collect();
            for held in &found {
                let Some(wanted) = missing.remove(&held.partition.values) else { continue };
                if !same_place(&held.partition.location, &wanted.location) {
                    return Err(Error::schema(
                        name,
                        format!(
                            "a partition of these values is registered at {}, the file's is at {}; drop that partition",
                            held.partition.location, wanted.location
                        ),
                    ));
                }
            }
            let missing: Vec<Partition> = missing.into_values().cloned().collect();
            self.update_outdated(name, found, done, race).await?;
            if missing.is_empty() {
                return Ok(created || done.partitions_updated > before);
            }
            created = true;
            match self.catalog.create_partitions(name, &done.table, &missing).await? {
                Written::Done => {
                    done.partitions_created += missing.len();
                    return Ok(true);
                }
                Written::Stale => race.lost().await?,
                Written::Missing => return Err(race.error()),
            }
        }
    }

    async fn update_outdated(
        &self,
        name: &TableName,
        mut found: Vec<RegisteredPartition>,
        done: &mut Committed,
        race: &mut Race<'_>,
    ) -> Result<()> {
        loop {
            found.retain(|partition| partition.is_outdated(&done.table));
            if found.is_empty() {
                return Ok(());
            }
            match self.catalog.update_partitions(name, &done.table, &found).await? {
                Written::Done => {
                    done.partitions_updated += found.len();
                    return Ok(());
                }
                Written::Stale => {
                    race.lost().await?;
                    let partitions: Vec<Partition> = found.into_iter().map(|held| held.partition).collect();
                    found = self.catalog.find_partitions(name, &partitions).await?;
                }
                Written::Missing => return Err(race.error()),
            }
        }
    }

    /// Reads the table again, and says whether its files hold more columns than a moment ago. Asked after partitions
    /// were written: they have no version, so that two writers who add columns could each undo what the other wrote.
    async fn table_has_grown(&self, name: &TableName, done: &mut Committed) -> Result<bool> {
        let Some(table) = self.catalog.table(name).await? else { return Ok(false) };
        let typed = |table: &Table| -> Vec<_> {
            table.file_columns().map(|column| (column.name.clone(), column.hive_type.clone())).collect()
        };
        let grown = typed(&table) != typed(&done.table);
        done.table = table;
        Ok(grown)
    }
}

impl Committed {
    fn of(table: Table) -> Self {
        Self {
            table,
            created: false,
            added: Vec::new(),
            promoted: Vec::new(),
            widened: Vec::new(),
            noted: Vec::new(),
            changes: Vec::new(),
            partitions_created: 0,
            partitions_updated: 0,
            conflicts: 0,
        }
    }
}

fn new_table(commit: &Commit<'_>, columns: Vec<crate::Column>, partition_keys: Vec<crate::Column>) -> Table {
    let location = format!("{}/", commit.location.trim_end_matches('/'));
    let mut table = Table::new(location, columns, partition_keys);
    table.parameters = crate::table::parameters(commit.compression);
    table.parameters.insert(MARKED.to_owned(), "marked".to_owned());
    table.parameters.extend(commit.captured.map(|text| (CAPTURED.to_owned(), text.to_owned())));
    projection::put(&mut table, &commit.projection);
    if let Some(bookkeeping) = commit.statistics.filter(|_| commit.is_first) {
        bookkeeping.mark(&mut table.parameters);
    }
    table
}

/// The table parameter that holds [`Commit::captured`].
const CAPTURED: &str = "cleanzone.captured";

/// Refuses a file whose key gives the name of a table that another key has made.
fn check_captured(name: &TableName, table: &Table, captured: Option<&str>) -> Result<()> {
    match (table.parameters.get(CAPTURED), captured) {
        (Some(held), Some(captured)) if held != captured => Err(Error::schema(
            name,
            format!(
                "is the table of {held:?}, and {captured:?} in the object key gives the same name; rename one of the \
                 folders, or give it a table of its own in lake.toml"
            ),
        )),
        _ => Ok(()),
    }
}

fn check_location(name: &TableName, table: &Table, location: &str) -> Result<()> {
    if table.format != Format::Parquet || same_place(&table.location, location) {
        return Ok(());
    }
    Err(Error::schema(
        name,
        format!("its files are at {}, not at {location}; name another table, or drop that one", table.location),
    ))
}

/// Whether two locations are one. Hadoop's schemes all mean S3.
pub(crate) fn same_place(a: &str, b: &str) -> bool {
    let plain = |location: &str| {
        let path = location.trim_end_matches('/');
        let rest = path.split_once("://").filter(|(scheme, _)| matches!(*scheme, "s3" | "s3a" | "s3n"));
        rest.map_or_else(|| path.to_owned(), |(_, rest)| rest.to_owned())
    };
    plain(a) == plain(b)
}

/// Lost races: how many, and how long to wait after each.
struct Race<'a> {
    table: &'a TableName,
    jitter: &'a Jitter,
    until: Instant,
    lost: u32,
}

impl<'a> Race<'a> {
    fn new(table: &'a TableName, patience: Duration, jitter: &'a Jitter) -> Self {
        Self { table, jitter, until: Instant::now() + patience, lost: 0 }
    }

    /// Waits before the next run, at random, so that those who lost together do not meet again.
    async fn lost(&mut self) -> Result<()> {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2u32.saturating_pow(self.lost.min(16)));
        self.lost += 1;
        let pause = longest.mul_f64((self.jitter)().clamp(0.0, 1.0));
        if Instant::now() + pause > self.until {
            return Err(self.error());
        }
        sleep(pause).await;
        Ok(())
    }

    fn error(&self) -> Error {
        Error::Conflict { table: self.table.clone(), tries: self.lost }
    }
}

/// What identifies a partition that lists all columns of the table.
struct Print(DefaultHasher);

impl Print {
    fn of(name: &TableName, table: &Table) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        for column in table.file_columns() {
            (&column.name, &column.hive_type).hash(&mut hasher);
        }
        Self(hasher)
    }

    fn with(&self, partition: &Partition) -> u64 {
        let mut hasher = self.0.clone();
        partition.hash(&mut hasher);
        hasher.finish()
    }
}

/// Partitions that are up to date.
struct Known {
    prints: HashSet<u64>,
    since: Instant,
}

impl Known {
    fn new() -> Self {
        Self { prints: HashSet::new(), since: Instant::now() }
    }

    fn contains(&mut self, print: u64) -> bool {
        if self.since.elapsed() > MEMORY || self.prints.len() >= REMEMBERED {
            *self = Self::new();
        }
        self.prints.contains(&print)
    }
}
