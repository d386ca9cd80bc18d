use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use cleanzone_error::ErrorName;

use crate::{
    Catalog, Column, ColumnStatistics, Error, Page, Partition, RegisteredPartition, Result, Table, TableName, Written,
};

/// A call of [`Catalog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`Catalog::table`].
    Table,
    /// [`Catalog::create_database`].
    CreateDatabase,
    /// [`Catalog::create_table`].
    CreateTable,
    /// [`Catalog::update_table`].
    UpdateTable,
    /// [`Catalog::find_partitions`].
    FindPartitions,
    /// [`Catalog::partitions`].
    Partitions,
    /// [`Catalog::create_partitions`].
    CreatePartitions,
    /// [`Catalog::update_partitions`].
    UpdatePartitions,
    /// [`Catalog::set_column_statistics`].
    SetColumnStatistics,
    /// [`Catalog::column_statistics`].
    ColumnStatistics,
}

impl Call {
    const fn action(self) -> &'static str {
        match self {
            Self::Table => "glue:GetTable",
            Self::CreateDatabase => "glue:CreateDatabase",
            Self::CreateTable => "glue:CreateTable",
            Self::UpdateTable => "glue:UpdateTable",
            Self::FindPartitions => "glue:BatchGetPartition",
            Self::Partitions => "glue:GetPartitions",
            Self::CreatePartitions => "glue:BatchCreatePartition",
            Self::UpdatePartitions => "glue:BatchUpdatePartition",
            Self::SetColumnStatistics => "glue:UpdateColumnStatisticsForTable",
            Self::ColumnStatistics => "glue:GetColumnStatisticsForTable",
        }
    }
}

/// What the next call of a kind meets instead of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A write is refused with [`Written::Stale`]; nothing is written.
    Stale,
    /// The call fails with an [`Error::Call`] of that name; nothing is written.
    Fails(ErrorName),
    /// The write happens, and then the call fails all the same, as where an answer is lost.
    FailsAfter(ErrorName),
}

/// A catalog in memory, for tests: the semantics of Glue, with calls that can be counted, slowed and made to fail.
#[derive(Debug, Default)]
pub struct MemoryCatalog {
    state: Mutex<State>,
    latency: Duration,
}

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct State {
    databases: BTreeMap<String, BTreeMap<String, Stored>>,
    calls: HashMap<Call, usize>,
    troubles: HashMap<Call, VecDeque<Trouble>>,
    deeds: HashMap<Call, VecDeque<Deed>>,
    versions: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("databases", &self.databases).field("calls", &self.calls).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Stored {
    table: Table,
    partitions: BTreeMap<Vec<String>, StoredPartition>,
    columns: BTreeMap<String, ColumnStatistics>,
}

#[derive(Debug)]
struct StoredPartition {
    location: String,
    columns: Vec<Column>,
    parameters: BTreeMap<String, String>,
    statistics: BTreeMap<String, ColumnStatistics>,
}

/// As many partitions as [`MemoryCatalog`] has in a page; few, so that tests turn pages.
const PAGE: usize = 100;

impl MemoryCatalog {
    /// A catalog with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every call takes that long, so that writers race.
    #[must_use]
    pub fn with_latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// The next call of that kind meets trouble; several queue up.
    pub fn trouble(&self, call: Call, trouble: Trouble) {
        self.state().troubles.entry(call).or_default().push_back(trouble);
    }

    /// Just before the next call of that kind is carried out, someone else does this.
    pub fn meanwhile(&self, call: Call, deed: impl Future<Output = ()> + Send + 'static) {
        self.state().deeds.entry(call).or_default().push_back(Box::pin(deed));
    }

    /// How often a call was made.
    pub fn calls(&self, call: Call) -> usize {
        self.state().calls.get(&call).copied().unwrap_or_default()
    }

    /// How many calls were made in all.
    pub fn all_calls(&self) -> usize {
        self.state().calls.values().sum()
    }

    /// The databases, in order.
    pub fn databases(&self) -> Vec<String> {
        self.state().databases.keys().cloned().collect()
    }

    /// Puts a table, and its database, as if someone else had; replaces what is there, partitions and all.
    pub fn put(&self, name: &TableName, table: Table) {
        let mut state = self.state();
        let version = Some(state.next_version());
        let stored = Stored::new(Table { version, ..table });
        state.databases.entry(name.database.clone()).or_default().insert(name.table.clone(), stored);
    }

    /// Removes a table as if someone else had.
    pub fn drop_table(&self, name: &TableName) {
        if let Some(tables) = self.state().databases.get_mut(&name.database) {
            tables.remove(&name.table);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: waits, counts, and lets `act` happen unless there is trouble.
    async fn call<T>(
        &self,
        call: Call,
        resource: &str,
        refused: Option<T>,
        act: impl FnOnce(&mut State) -> T,
    ) -> Result<T>
    where
        T: Send,
    {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency / 2).await;
        }
        let deed = self.state().deeds.get_mut(&call).and_then(VecDeque::pop_front);
        if let Some(deed) = deed {
            deed.await;
        }
        let outcome = {
            let mut state = self.state();
            *state.calls.entry(call).or_default() += 1;
            let trouble = state.troubles.get_mut(&call).and_then(VecDeque::pop_front);
            let fails = |name| Error::Call {
                name,
                action: call.action(),
                resource: resource.to_owned(),
                hint: "",
                source: "as the test wants".into(),
            };
            match (trouble, refused) {
                (None, _) => Ok(act(&mut state)),
                (Some(Trouble::Stale), Some(refused)) => Ok(refused),
                (Some(Trouble::Stale), None) => Err(fails(ErrorName::Conflict)),
                (Some(Trouble::Fails(name)), _) => Err(fails(name)),
                (Some(Trouble::FailsAfter(name)), _) => {
                    act(&mut state);
                    Err(fails(name))
                }
            }
        };
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency / 2).await;
        }
        outcome
    }
}

impl State {
    fn stored(&mut self, name: &TableName) -> Option<&mut Stored> {
        self.databases.get_mut(&name.database)?.get_mut(&name.table)
    }

    fn next_version(&mut self) -> String {
        self.versions += 1;
        self.versions.to_string()
    }
}

impl Stored {
    fn new(table: Table) -> Self {
        Self { table, partitions: BTreeMap::new(), columns: BTreeMap::new() }
    }

    fn statistics(&mut self, partition: Option<&[String]>) -> Option<&mut BTreeMap<String, ColumnStatistics>> {
        match partition {
            None => Some(&mut self.columns),
            Some(values) => self.partitions.get_mut(values).map(|stored| &mut stored.statistics),
        }
    }

    fn registered(&self, values: &[String]) -> Option<RegisteredPartition> {
        self.partitions.get(values).map(|stored| RegisteredPartition {
            partition: Partition { values: values.to_vec(), location: stored.location.clone() },
            columns: stored.columns.clone(),
            parameters: stored.parameters.clone(),
            #[cfg(feature = "glue")]
            origin: None,
        })
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn table(&self, name: &TableName) -> Result<Option<Table>> {
        self.call(Call::Table, &name.to_string(), None, |state| state.stored(name).map(|stored| stored.table.clone()))
            .await
    }

    async fn create_database(&self, database: &str) -> Result<()> {
        self.call(Call::CreateDatabase, database, Some(()), |state| {
            state.databases.entry(database.to_owned()).or_default();
        })
        .await
    }

    async fn create_table(&self, name: &TableName, table: &Table) -> Result<Written> {
        self.call(Call::CreateTable, &name.to_string(), Some(Written::Stale), |state| {
            if state.stored(name).is_some() {
                return Written::Stale;
            }
            let version = Some(state.next_version());
            let Some(tables) = state.databases.get_mut(&name.database) else { return Written::Missing };
            tables.insert(name.table.clone(), Stored::new(Table { version, ..table.clone() }));
            Written::Done
        })
        .await
    }

    async fn update_table(&self, name: &TableName, table: &Table) -> Result<Written> {
        self.call(Call::UpdateTable, &name.to_string(), Some(Written::Stale), |state| {
            let version = Some(state.next_version());
            let Some(stored) = state.stored(name) else { return Written::Missing };
            if table.version.is_none() || stored.table.version != table.version {
                return Written::Stale;
            }
            stored.table.columns.clone_from(&table.columns);
            stored.table.parameters.clone_from(&table.parameters);
            stored.table.version = version;
            Written::Done
        })
        .await
    }

    async fn find_partitions(&self, name: &TableName, partitions: &[Partition]) -> Result<Vec<RegisteredPartition>> {
        self.call(Call::FindPartitions, &name.to_string(), None, |state| {
            let Some(stored) = state.stored(name) else { return Vec::new() };
            partitions.iter().filter_map(|partition| stored.registered(&partition.values)).collect()
        })
        .await
    }

    async fn partitions(&self, name: &TableName, after: Option<String>) -> Result<Page> {
        self.call(Call::Partitions, &name.to_string(), None, |state| {
            let Some(stored) = state.stored(name) else { return Page::default() };
            let start = after.and_then(|after| after.parse().ok()).unwrap_or(0);
            let values: Vec<_> = stored.partitions.keys().skip(start).take(PAGE).cloned().collect();
            let end = start + values.len();
            Page {
                partitions: values.iter().filter_map(|values| stored.registered(values)).collect(),
                next: (end < stored.partitions.len()).then(|| end.to_string()),
            }
        })
        .await
    }

    async fn create_partitions(&self, name: &TableName, table: &Table, partitions: &[Partition]) -> Result<Written> {
        self.call(Call::CreatePartitions, &name.to_string(), Some(Written::Stale), |state| {
            let Some(stored) = state.stored(name) else { return Written::Missing };
            let mut written = Written::Done;
            for partition in partitions {
                if stored.partitions.contains_key(&partition.values) {
                    written = Written::Stale;
                    continue;
                }
                let new = StoredPartition {
                    location: partition.location.clone(),
                    columns: table.file_columns().cloned().collect(),
                    parameters: BTreeMap::new(),
                    statistics: BTreeMap::new(),
                };
                stored.partitions.insert(partition.values.clone(), new);
            }
            written
        })
        .await
    }

    async fn update_partitions(
        &self,
        name: &TableName,
        table: &Table,
        partitions: &[RegisteredPartition],
    ) -> Result<Written> {
        self.call(Call::UpdatePartitions, &name.to_string(), Some(Written::Stale), |state| {
            let Some(stored) = state.stored(name) else { return Written::Missing };
            let mut written = Written::Done;
            for held in partitions {
                match stored.partitions.get_mut(&held.partition.values) {
                    Some(stored) => {
                        stored.columns = table.file_columns().cloned().collect();
                        stored.parameters.clone_from(&held.parameters);
                    }
                    None => written = Written::Stale,
                }
            }
            written
        })
        .await
    }

    async fn set_column_statistics(
        &self,
        name: &TableName,
        table: &Table,
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
    ) -> Result<Written> {
        self.call(Call::SetColumnStatistics, &name.to_string(), Some(Written::Stale), |state| {
            let Some(kept) = state.stored(name).and_then(|stored| stored.statistics(partition)) else {
                return Written::Missing;
            };
            for statistics in columns {
                if let Some(column) = table.column(&statistics.name).filter(|column| statistics.suits(column)) {
                    let statistics = ColumnStatistics { name: column.name.clone(), ..statistics.clone() };
                    kept.insert(column.name.clone(), statistics);
                }
            }
            Written::Done
        })
        .await
    }

    async fn column_statistics(
        &self,
        name: &TableName,
        partition: Option<&[String]>,
        columns: &[&str],
    ) -> Result<Vec<ColumnStatistics>> {
        self.call(Call::ColumnStatistics, &name.to_string(), None, |state| {
            let kept = state.stored(name).and_then(|stored| stored.statistics(partition));
            kept.map(|kept| columns.iter().filter_map(|column| kept.get(*column).cloned()).collect())
                .unwrap_or_default()
        })
        .await
    }
}
