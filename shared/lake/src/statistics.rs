//! How much a table and its partitions hold, kept up to date commit by commit.
//!
//! The truth are small documents under `_cleanzone/statistics/<database>/<table>/<id>/`: `table.json`, and one for each
//! partition, named by a hash of its folder. Each is changed by compare-and-swap, and knows the commits that it has
//! counted last, so that a redelivery never counts twice. What a commit changes is decided when it claims its place,
//! and kept there until it has been entered: whoever comes next, the redelivery or a newer version, enters it.
//!
//! Where statistics of columns are kept, `columns.json` has those of the whole table, under the same rules.
//!
//! They count what this lake commits from a table's first file on, and end with the first commit that is not counted, or
//! in another mode: the table itself says so ([`Bookkeeping`](cleanzone_catalog::Bookkeeping)). Each count has a folder
//! of its own under the table's, by its id; changes that were to be entered into an earlier one are dropped.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use cleanzone_catalog::{ColumnStatistics, TableName};
use cleanzone_storage::{Error as StorageError, Location, ObjectStore};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Error,
    column_statistics::{Gathered, Tally, Traits},
    document,
    publish::each,
    record::short_hash,
};

/// Changes that a document remembers, at least; at least four times as many as it has just learnt.
const REMEMBERED: usize = 64;
/// Tries to change a document that others change as well.
const TRIES: u32 = 24;
/// The longest pause between two of them, in milliseconds.
const LONGEST_PAUSE: u64 = 500;

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows.
    pub rows: u64,
    /// Parquet files.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// What a table holds, and those of its partitions that have just changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The whole table.
    pub table: Counts,
    /// Partitions by their folder in the clean bucket, with a trailing slash.
    pub partitions: BTreeMap<String, Counts>,
}

/// How much more there is, or less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    rows: i64,
    files: i64,
    bytes: i64,
}

impl Change {
    fn between(old: Counts, new: Counts) -> Self {
        let change = |old: u64, new: u64| new.cast_signed().wrapping_sub(old.cast_signed());
        Self {
            rows: change(old.rows, new.rows),
            files: change(old.files, new.files),
            bytes: change(old.bytes, new.bytes),
        }
    }

    fn apply(self, to: &mut Counts) {
        to.rows = to.rows.saturating_add_signed(self.rows);
        to.files = to.files.saturating_add_signed(self.files);
        to.bytes = to.bytes.saturating_add_signed(self.bytes);
    }

    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// What one commit changes in the folders of a table: entered as a whole, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    id: String,
    changes: BTreeMap<String, Change>,
    /// What it changes in the statistics of the table's columns: how much more there is of what adds up, and what its
    /// rows are like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Gathered>,
}

/// What the holder of a place has to do with the statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// The id of the count that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    book: Option<String>,
    /// What its objects amount to in each folder.
    pub(crate) parts: BTreeMap<String, Counts>,
    /// What adds up of their columns, where statistics of these are kept.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    tally: Tally,
    /// What their columns are like: once that has been entered, nobody asks for it again.
    #[serde(skip)]
    traits: BTreeMap<String, Traits>,
    /// What has still to be entered: by its own commit, and by those before it that did not come to it.
    pub(crate) pending: Vec<Entry>,
}

impl Ledger {
    pub(crate) fn new(book: &str, parts: BTreeMap<String, Counts>) -> Self {
        Self { book: Some(book.to_owned()), parts, ..Self::default() }
    }

    /// Whether it belongs to the count of this id.
    pub(crate) fn is_of(&self, book: Option<&str>) -> bool {
        self.book.as_deref() == book
    }

    /// Whether there is something to enter into the count of this id.
    pub(crate) fn owes(&self, book: Option<&str>) -> bool {
        book.is_some() && self.is_of(book) && !self.pending.is_empty()
    }

    /// The same, with statistics of columns.
    pub(crate) fn with_columns(self, columns: Option<Gathered>) -> Self {
        let Gathered { tally, traits } = columns.unwrap_or_default();
        Self { tally, traits, ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.tally.is_empty() && self.pending.is_empty()
    }

    /// Takes the place of another one. `id` tells this change of the place from all others.
    pub(crate) fn follow(&mut self, before: Option<&Self>, id: &str) {
        // What another count knows is nothing to this one.
        let before = before.filter(|before| before.is_of(self.book.as_deref()));
        self.pending = before.map_or_else(Vec::new, |before| before.pending.clone());
        let mut changes: BTreeMap<String, Change> =
            self.parts.iter().map(|(folder, new)| (folder.clone(), Change::between(Counts::default(), *new))).collect();
        for (folder, old) in before.iter().flat_map(|before| &before.parts) {
            changes.entry(folder.clone()).or_default().add(Change::between(*old, Counts::default()));
        }
        changes.retain(|_, change| *change != Change::default());
        let columns = self.columns_since(before);
        if !changes.is_empty() || columns.is_some() {
            self.pending.push(Entry { id: id.to_owned(), changes, columns });
        }
    }

    /// What is new of the columns; `None` if nothing is.
    fn columns_since(&self, before: Option<&Self>) -> Option<Gathered> {
        let tally = self.tally.since(before.map(|before| &before.tally));
        let is_pending = |entry: &Entry| entry.columns.as_ref().is_some_and(|columns| columns.traits == self.traits);
        let known = self.traits.is_empty() || self.pending.iter().any(is_pending);
        let traits = if known { BTreeMap::new() } else { self.traits.clone() };
        Some(Gathered { tally, traits }).filter(|columns| !columns.tally.is_empty() || !known)
    }

    /// Notes that everything has been entered; whether there was anything.
    pub(crate) fn settle(&mut self) -> bool {
        !std::mem::take(&mut self.pending).is_empty()
    }
}

/// A document of statistics.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Total {
    /// The folder that it is about.
    folder: String,
    #[serde(flatten)]
    counts: Counts,
    /// The entries that it has learnt last, the latest one last.
    entries: VecDeque<String>,
}

impl Total {
    /// Learns what it does not know yet; whether that was anything.
    fn learn(&mut self, changes: &[(&str, Change)]) -> bool {
        learn(&mut self.entries, changes, |change| change.apply(&mut self.counts))
    }
}

/// The document of a table's columns.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Columns {
    gathered: Gathered,
    /// The entries that it has learnt last, the latest one last.
    entries: VecDeque<String>,
}

/// Applies those changes whose entries are not known yet, and knows them then; whether there were any.
fn learn<C>(known: &mut VecDeque<String>, changes: &[(&str, C)], mut apply: impl FnMut(&C)) -> bool {
    let before = known.len();
    for (id, change) in changes {
        if !known.iter().any(|known| known == id) {
            apply(change);
            known.push_back((*id).to_owned());
        }
    }
    let learnt = known.len() > before;
    let kept = REMEMBERED.max(4 * changes.len());
    known.drain(..known.len().saturating_sub(kept));
    learnt
}

/// What is known once everything has been entered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entered {
    pub(crate) figures: Figures,
    /// Of the whole table; empty where none are kept. They hold values, and do not belong into reports.
    pub(crate) columns: Vec<ColumnStatistics>,
}

/// The statistics of one table.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    bucket: String,
    table: TableName,
    /// What tells this count from others.
    pub(crate) id: String,
}

impl Book {
    pub(crate) fn new(bucket: &str, table: &TableName, id: String) -> Self {
        Self { bucket: bucket.to_owned(), table: table.clone(), id }
    }

    /// Enters what has not been entered yet; `None` where there is nothing to enter.
    pub(crate) async fn enter(
        &self,
        store: &dyn ObjectStore,
        entries: impl IntoIterator<Item = &Entry>,
    ) -> Result<Option<Entered>, Error> {
        let root = format!("{}/{}/", self.table.database, self.table.table);
        let mut folders: BTreeMap<&str, Vec<(&str, Change)>> = BTreeMap::new();
        let (mut whole, mut columns) = (Vec::new(), Vec::new());
        for entry in entries {
            let mut sum = Change::default();
            for (folder, change) in &entry.changes {
                sum.add(*change);
                if *folder != root {
                    folders.entry(folder).or_default().push((&entry.id, *change));
                }
            }
            whole.push((entry.id.as_str(), sum));
            columns.extend(entry.columns.as_ref().map(|change| (entry.id.as_str(), change)));
        }
        if whole.is_empty() {
            return Ok(None);
        }
        let learn = async |(folder, changes): (&str, Vec<(&str, Change)>)| {
            Ok((folder.to_owned(), self.learn(store, folder, &short_hash(&[folder]), &changes).await?))
        };
        let partitions = each(folders, learn).await?.into_iter().collect();
        let table = self.learn(store, &root, "table", &whole).await?;
        let columns = if columns.is_empty() { Vec::new() } else { self.learn_columns(store, &columns).await? };
        Ok(Some(Entered { figures: Figures { table, partitions }, columns }))
    }

    async fn learn(
        &self,
        store: &dyn ObjectStore,
        folder: &str,
        name: &str,
        changes: &[(&str, Change)],
    ) -> Result<Counts, Error> {
        let learn = |total: &mut Total| {
            folder.clone_into(&mut total.folder);
            total.learn(changes)
        };
        Ok(self.change(store, name, learn).await?.counts)
    }

    async fn learn_columns(
        &self,
        store: &dyn ObjectStore,
        changes: &[(&str, &Gathered)],
    ) -> Result<Vec<ColumnStatistics>, Error> {
        let change =
            |columns: &mut Columns| learn(&mut columns.entries, changes, |change| columns.gathered.merge(change));
        Ok(self.change(store, "columns", change).await?.gathered.statistics())
    }

    /// Changes a document, unless `change` says that there is nothing to change, and returns it.
    async fn change<T: Default + Serialize + DeserializeOwned>(
        &self,
        store: &dyn ObjectStore,
        name: &str,
        change: impl Fn(&mut T) -> bool,
    ) -> Result<T, Error> {
        let TableName { database, table } = &self.table;
        let key = format!("_cleanzone/statistics/{database}/{table}/{}/{name}.json", self.id);
        let at = Location::new(&self.bucket, key);
        for tries in 0..TRIES {
            let found = document::load::<T>(store, &at).await?;
            let (mut document, etag) = found.map_or_else(Default::default, |(found, etag)| (found, Some(etag)));
            if !change(&mut document) {
                return Ok(document);
            }
            match document::save(store, &at, &document, etag.as_deref()).await {
                Ok(_) => return Ok(document),
                Err(Error::Storage(StorageError::Precondition(_) | StorageError::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
            let pause = fastrand::u64(0..(8 << tries.min(8)).min(LONGEST_PAUSE));
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        Err(Error::Contention(at.to_string(), TRIES))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use proptest::prelude::*;

    use super::*;
    use crate::column_statistics::Gatherer;

    fn counts(rows: u64) -> Counts {
        Counts { rows, files: u64::from(rows > 0), bytes: rows * 10 }
    }

    fn ledger(parts: &[(&str, u64)]) -> Ledger {
        Ledger::new("1f", parts.iter().map(|(folder, rows)| ((*folder).to_owned(), counts(*rows))).collect())
    }

    /// Of a column of numbers, as many as there are rows.
    fn columns(ledger: &Ledger) -> Gathered {
        let rows: u64 = ledger.parts.values().map(|counts| counts.rows).sum();
        let numbers: Int64Array = (0..rows.cast_signed()).collect();
        let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        let mut gatherer = Gatherer::new(&batch.schema());
        gatherer.add(&batch);
        gatherer.finish()
    }

    fn enter(total: &mut BTreeMap<String, Total>, ledger: &Ledger) {
        for entry in &ledger.pending {
            for (folder, change) in &entry.changes {
                total.entry(folder.clone()).or_default().learn(&[(&entry.id, *change)]);
            }
        }
    }

    #[test]
    fn a_replacement_takes_away_what_it_replaces() {
        let mut first = ledger(&[("a/", 5), ("b/", 7)]);
        first.follow(None, "1");
        let mut second = ledger(&[("b/", 9), ("c/", 1)]);
        second.follow(Some(&first), "2");
        let mut totals = BTreeMap::new();
        enter(&mut totals, &second);
        let found: Vec<_> = totals.iter().map(|(folder, total)| (folder.as_str(), total.counts)).collect();
        assert_eq!(found, [("a/", counts(0)), ("b/", counts(9)), ("c/", counts(1))]);
    }

    #[test]
    fn what_another_count_knows_is_neither_taken_away_nor_entered() {
        let mut first = ledger(&[("a/", 5)]);
        first.follow(None, "1");
        let mut second = Ledger::new("2e", BTreeMap::from([("a/".to_owned(), counts(2))]));
        second.follow(Some(&first), "2");
        let mut totals = BTreeMap::new();
        enter(&mut totals, &second);
        assert_eq!(totals["a/"].counts, counts(2));
        assert!(first.owes(Some("1f")) && !first.owes(Some("2e")) && !first.owes(None));
    }

    #[test]
    fn what_is_entered_twice_counts_once() {
        let mut ledger = ledger(&[("a/", 5)]);
        ledger.follow(None, "1");
        let mut totals = BTreeMap::new();
        enter(&mut totals, &ledger);
        enter(&mut totals, &ledger);
        assert_eq!(totals["a/"].counts, counts(5));
        assert!(ledger.settle() && !ledger.settle());
    }

    #[test]
    fn a_document_remembers_a_bounded_number_of_entries() {
        let mut total = Total::default();
        for i in 0..1_000 {
            total.learn(&[(&i.to_string(), Change { rows: 1, files: 1, bytes: 10 })]);
        }
        assert_eq!((total.counts.rows, total.entries.len()), (1_000, REMEMBERED));
        assert_eq!(total.entries.back().map(String::as_str), Some("999"));
    }

    #[test]
    fn what_the_columns_are_like_is_entered_once_for_each_place() {
        let first = ledger(&[("a/", 5)]);
        let gathered = columns(&first);
        let mut first = first.with_columns(Some(gathered.clone()));
        first.follow(None, "1");
        // A redelivery that takes over before anything was entered.
        let mut again = ledger(&[("a/", 5)]).with_columns(Some(gathered.clone()));
        again.follow(Some(&first), "2");
        assert_eq!(again.pending, first.pending);
        // A version that is not gathered from takes away what adds up.
        again.settle();
        let mut other = ledger(&[("a/", 5)]);
        other.follow(Some(&again), "3");
        let mut document = Columns::default();
        for entry in first.pending.iter().chain(&other.pending) {
            document.gathered.merge(entry.columns.as_ref().unwrap());
        }
        assert!(document.gathered.tally.is_empty());
        assert_eq!(document.gathered.traits, gathered.traits);
    }

    proptest! {
        #[test]
        fn whoever_enters_and_however_often_the_last_one_is_what_counts(
            steps in prop::collection::vec((prop::collection::btree_map("[a-c]/", 0_u64..9, 0..3), any::<bool>(), any::<bool>()), 1..20)
        ) {
            let (mut totals, mut document) = (BTreeMap::new(), Columns::default());
            let mut enter_all = |totals: &mut BTreeMap<String, Total>, ledger: &Ledger| {
                enter(totals, ledger);
                for entry in &ledger.pending {
                    let change: Vec<_> = entry.columns.iter().map(|columns| (entry.id.as_str(), columns)).collect();
                    learn(&mut document.entries, &change, |change| document.gathered.merge(change));
                }
            };
            let mut place: Option<Ledger> = None;
            for (i, (parts, enters, says_so)) in steps.iter().enumerate() {
                let mut next = Ledger::new("1f", parts.iter().map(|(f, rows)| (f.clone(), counts(*rows))).collect());
                let gathered = columns(&next);
                next = next.with_columns(Some(gathered));
                next.follow(place.as_ref(), &i.to_string());
                if *enters {
                    enter_all(&mut totals, &next);
                    if *says_so {
                        next.settle();
                    }
                }
                place = Some(next);
            }
            let last = place.unwrap();
            enter_all(&mut totals, &last);
            prop_assert!(document.gathered.tally.since(Some(&last.tally)).is_empty());
            for (folder, total) in &totals {
                prop_assert_eq!(total.counts, last.parts.get(folder).copied().unwrap_or_default());
            }
        }
    }
}
