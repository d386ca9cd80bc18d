//! Publication where a file takes over whole partitions, whoever wrote what is in them.
//!
//! A place is a partition of a table; an unpartitioned table is one. Its record, `_cleanzone/partitions/<16 hex>.json`,
//! names the newest file that has rows for it. For each partition of a file, independently of the others:
//! 1. **Claim**: the record is written under a condition on the one that was read. If it names a newer file, this one
//!    has no business there: the order in which files arrive does not matter.
//! 2. **Publish**: the file's objects for the partition become visible. Their keys depend on the source's version, so no
//!    object of another file is ever replaced.
//! 3. **Sweep**: everything else that lies directly in the partition's folder is listed, then, if the claim still
//!    stands, removed: each object only if it is still the one that was listed. Names that begin with `_` or `.`, which
//!    query engines do not read, and folders below are left alone.
//!
//! When all partitions are done, the commit record of the source's version says so; a redelivery reads it and looks
//! whether anything is left to do. After a crash at any point the redelivery goes through the same steps again.
//!
//! What a reader may see in a partition, and when: until 2 begins, the rows that were there. From then until 3 ends,
//! these and, object by object, the new ones. Afterwards the new ones alone. At no time neither: an object with rows is
//! only removed once all objects of a newer file are visible. With several files at work on a partition, each moment
//! shows whole or in part the rows of one or more of them, and what remains is the newest. Nothing ties two partitions
//! together: one may already hold the new rows while another still holds the old ones.

use std::{collections::BTreeMap, sync::Arc};

use cleanzone_storage::{Error as StorageError, Location, ObjectStore, Staged};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    Error, document,
    lake::in_time,
    publish::{Claim, FEW, Objects, Outgoing, TRIES, Under, abort_rest, delete, each, show},
    record::{Claimant, short_hash},
    statistics::{Counts, Ledger},
};

/// What the lake remembers of a partition: the newest file with rows for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PartitionRecord {
    /// The layout of this document.
    format: u32,
    /// The folder in the clean bucket, with a trailing slash.
    folder: String,
    claimant: Claimant,
    /// The conversion that the outputs come from.
    commit: String,
    /// Keys of all objects that it writes there.
    outputs: Vec<String>,
    #[serde(default, skip_serializing_if = "Ledger::is_empty")]
    ledger: Ledger,
}

impl PartitionRecord {
    const FORMAT: u32 = 1;

    fn location(bucket: &str, folder: &str) -> Location {
        Location::new(bucket, format!("_cleanzone/partitions/{}.json", short_hash(&[folder])))
    }

    fn objects<'a>(&'a self, bucket: &'a str) -> Objects<'a> {
        Objects { bucket, keys: &self.outputs, commit: &self.commit }
    }
}

/// One partition of a file.
#[derive(Debug)]
struct Part {
    folder: String,
    files: Vec<Outgoing>,
    counts: Counts,
}

/// How it went.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The folders that hold the rows of a newer file.
    pub(crate) superseded: Vec<String>,
    /// What the statistics have to learn, and where that is to be noted once they have.
    pub(crate) ledgers: Vec<Held>,
}

/// A partition record with something to enter into the statistics.
#[derive(Debug)]
pub(crate) struct Held {
    record: PartitionRecord,
    etag: String,
}

impl Held {
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.record.ledger
    }
}

/// The publication of one conversion.
#[derive(Debug)]
pub(crate) struct Overwrite {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) bucket: String,
    pub(crate) claimant: Claimant,
    pub(crate) commit: String,
    /// The id of the count, where statistics are kept.
    pub(crate) book: Option<String>,
}

/// The folder of an object key, with a trailing slash.
pub(crate) fn folder(key: &str) -> &str {
    &key[..key.rfind('/').map_or(0, |slash| slash + 1)]
}

impl Overwrite {
    /// Takes over the partitions that `files` lie in. `counts` says what the files amount to in each folder.
    pub(crate) async fn run(
        &self,
        files: Vec<Box<dyn Staged>>,
        counts: &BTreeMap<String, Counts>,
        deadline: Option<Instant>,
    ) -> Result<Taken, Error> {
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        for file in files {
            let folder = folder(&file.location().key).to_owned();
            let part = parts.entry(folder).or_insert_with_key(|folder| Part {
                folder: folder.clone(),
                files: Vec::new(),
                counts: counts.get(folder).copied().unwrap_or_default(),
            });
            // The key is of this version alone.
            part.files.push(Outgoing::new(file, Under::Looked(None)));
        }
        let mut parts: Vec<Part> = parts.into_values().collect();
        let taken = in_time(deadline, each(parts.iter_mut(), |part| self.take(part))).await;
        for part in parts {
            abort_rest(part.files).await;
        }
        let mut all = Taken::default();
        for one in taken? {
            all.superseded.extend(one.superseded);
            all.ledgers.extend(one.ledgers);
        }
        Ok(all)
    }

    /// Takes over one partition.
    async fn take(&self, part: &mut Part) -> Result<Taken, Error> {
        let outputs: Vec<String> = part.files.iter().map(|file| file.location().key.clone()).collect();
        let superseded = || Taken { superseded: vec![part.folder.clone()], ledgers: Vec::new() };
        let Some(claim) = self.claim(part, outputs.clone()).await? else {
            self.give_way(&part.folder, &outputs).await?;
            return Ok(superseded());
        };
        let shown = show(&*self.store, &self.commit, &mut part.files, &claim).await?;
        if shown.is_none() || !self.sweep(&claim).await? {
            self.give_way(&part.folder, &outputs).await?;
            return Ok(superseded());
        }
        let PartitionClaim { record, etag, .. } = claim;
        let owes = record.ledger.owes(self.book.as_deref());
        let ledgers = if owes { vec![Held { record, etag }] } else { Vec::new() };
        Ok(Taken { superseded: Vec::new(), ledgers })
    }

    /// Writes the partition's record; `None` where it names a newer file.
    async fn claim<'a>(&'a self, part: &Part, outputs: Vec<String>) -> Result<Option<PartitionClaim<'a>>, Error> {
        let at = PartitionRecord::location(&self.bucket, &part.folder);
        let mut record = PartitionRecord {
            format: PartitionRecord::FORMAT,
            folder: part.folder.clone(),
            claimant: self.claimant.clone(),
            commit: self.commit.clone(),
            outputs,
            ledger: Ledger::default(),
        };
        for _ in 0..TRIES {
            let found = document::load::<PartitionRecord>(&*self.store, &at).await?;
            if let Some((held, etag)) = &found {
                if held.claimant.is_newer_than(&self.claimant) {
                    return Ok(None);
                }
                // A twin of ours, told by the same event.
                let is_twin = held.claimant.is_same(&self.claimant) && held.commit == self.commit;
                if is_twin && held.outputs == record.outputs && held.ledger.is_of(self.book.as_deref()) {
                    let (record, etag) = (held.clone(), etag.clone());
                    return Ok(Some(PartitionClaim { store: &*self.store, at, record, etag }));
                }
            }
            let over = found.as_ref().map(|(_, etag)| etag.as_str());
            if let Some(book) = &self.book {
                record.ledger = Ledger::new(book, BTreeMap::from([(part.folder.clone(), part.counts)]));
                let id = short_hash(&[&self.commit, &part.folder, over.unwrap_or_default()]);
                record.ledger.follow(found.as_ref().map(|(held, _)| &held.ledger), &id);
            }
            match document::save(&*self.store, &at, &record, over).await {
                Ok(etag) => return Ok(Some(PartitionClaim { store: &*self.store, at, record, etag })),
                Err(Error::Storage(StorageError::Precondition(_) | StorageError::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Contention(at.to_string(), TRIES))
    }

    /// Removes what other files have left in the folder; `false` where a newer one has claimed it.
    async fn sweep(&self, claim: &PartitionClaim<'_>) -> Result<bool, Error> {
        let folder = &claim.record.folder;
        let mut others = self.store.list(&self.bucket, folder).await?;
        others.retain(|(key, _)| {
            let name = key.strip_prefix(folder.as_str()).unwrap_or_default();
            let is_read = !name.is_empty() && !name.contains('/') && !name.starts_with(['_', '.']);
            is_read && !claim.record.outputs.contains(key)
        });
        // In this order: if what was just seen is a newer file's, it had claimed before.
        if !claim.is_current().await? {
            return Ok(false);
        }
        each(others, |(key, meta)| delete(&*self.store, Location::new(&self.bucket, key), meta.etag)).await?;
        Ok(true)
    }

    /// Takes back what was published in a partition that holds, or will hold, the rows of a newer file.
    async fn give_way(&self, folder: &str, outputs: &[String]) -> Result<(), Error> {
        let own = Objects { bucket: &self.bucket, keys: outputs, commit: &self.commit };
        let at = PartitionRecord::location(&self.bucket, folder);
        match document::load::<PartitionRecord>(&*self.store, &at).await? {
            Some((held, _)) if held.claimant.is_newer_than(&self.claimant) => {
                own.give_way(&*self.store, &held.objects(&self.bucket)).await
            }
            _ => Ok(()),
        }
    }

    /// Whether a conversion that was published before has nothing left to do: in each partition that is still its own
    /// its objects are there, and in each other one none of them is.
    pub(crate) async fn is_settled(&self, outputs: &[String]) -> Result<bool, Error> {
        let mut folders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for key in outputs {
            folders.entry(folder(key)).or_default().push(key.clone());
        }
        let few = &outputs[..outputs.len().min(FEW)];
        let settled = each(&folders, async |(folder, keys): (&&str, &Vec<String>)| {
            let at = PartitionRecord::location(&self.bucket, folder);
            let Some((held, _)) = document::load::<PartitionRecord>(&*self.store, &at).await? else { return Ok(false) };
            let own = Objects { bucket: &self.bucket, keys, commit: &self.commit };
            if !held.claimant.is_same(&self.claimant) {
                own.give_way(&*self.store, &held.objects(&self.bucket)).await?;
                return Ok(held.claimant.is_newer_than(&self.claimant));
            }
            if held.ledger.owes(self.book.as_deref()) {
                return Ok(false);
            }
            // Somebody may have removed them, but a sample is enough to notice.
            let few: Vec<String> = keys.iter().filter(|key| few.contains(key)).cloned().collect();
            Ok(Objects { keys: &few, ..own }.visible(&*self.store).await?.len() == few.len())
        });
        Ok(settled.await?.into_iter().all(|settled| settled))
    }

    /// Notes in the partitions' records that the statistics know everything.
    pub(crate) async fn settle(&self, ledgers: Vec<Held>) -> Result<(), Error> {
        let note = |mut held: Held| async move {
            held.record.ledger.settle();
            let at = PartitionRecord::location(&self.bucket, &held.record.folder);
            match document::save(&*self.store, &at, &held.record, Some(&held.etag)).await {
                // A newer file has claimed the partition, and the statistics know what it will enter again.
                Err(Error::Storage(StorageError::Precondition(_) | StorageError::Conflict(_))) => Ok(()),
                other => other.map(drop),
            }
        };
        each(ledgers, note).await.map(drop)
    }
}

/// A partition's record, as it was claimed.
struct PartitionClaim<'a> {
    store: &'a dyn ObjectStore,
    at: Location,
    record: PartitionRecord,
    etag: String,
}

impl Claim for PartitionClaim<'_> {
    async fn is_current(&self) -> Result<bool, Error> {
        match self.store.head(&self.at).await? {
            Some(meta) if meta.etag == self.etag => return Ok(true),
            _ => {}
        }
        match document::load::<PartitionRecord>(self.store, &self.at).await? {
            Some((held, _)) => Ok(held.claimant.is_same(&self.record.claimant)),
            // Somebody has removed it, and with it what would stop an older file.
            None => Err(StorageError::Conflict(self.at.clone()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cleanzone_storage::{MemoryStore, WriteOptions};

    use super::*;
    use crate::{publish::COMMIT, record::Version};

    /// A file with rows for some partitions, two objects in each.
    #[derive(Clone, Debug)]
    struct File {
        name: &'static str,
        stored: u64,
        partitions: Vec<u32>,
    }

    impl File {
        fn overwrite(&self, store: &MemoryStore) -> Overwrite {
            let version =
                Version { id: None, etag: self.name.into(), last_modified: self.stored, sequencer: None, origin: None };
            Overwrite {
                store: Arc::new(store.clone()),
                bucket: "clean".into(),
                claimant: Claimant::new(&Location::new("landing", self.name), &version),
                commit: format!("commit of {}", self.name),
                book: None,
            }
        }

        fn keys(&self) -> Vec<String> {
            let of = |p: &u32| [0, 1].map(|n| format!("db/t/p={p}/{}-{n}.parquet", self.name));
            self.partitions.iter().flat_map(of).collect()
        }

        async fn run(&self, store: &MemoryStore) -> Result<Taken, Error> {
            let overwrite = self.overwrite(store);
            let metadata = BTreeMap::from([(COMMIT.to_owned(), overwrite.commit.clone())]);
            let options = WriteOptions { metadata, ..WriteOptions::default() };
            let mut staged = Vec::new();
            for key in self.keys() {
                let mut upload = store.upload(&Location::new("clean", &key), &options).await?;
                upload.write(key.into_bytes().into()).await?;
                staged.push(upload.finish().await?);
            }
            overwrite.run(staged, &BTreeMap::new(), None).await
        }
    }

    /// What lies in a partition, by the names of the files.
    fn shown(store: &MemoryStore, partition: u32) -> BTreeSet<String> {
        let folder = format!("db/t/p={partition}/");
        let keys = store.keys("clean").into_iter();
        keys.filter_map(|key| Some(key.strip_prefix(&folder)?.to_owned())).collect()
    }

    fn objects(file: &str) -> BTreeSet<String> {
        [0, 1].map(|n| format!("{file}-{n}.parquet")).into()
    }

    fn files(seed: u64) -> Vec<File> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let names = ["a", "b", "c", "d"];
        let mut files: Vec<File> = names
            .into_iter()
            .map(|name| File { name, stored: rng.u64(1..4), partitions: (0..6).filter(|_| rng.bool()).collect() })
            .collect();
        rng.shuffle(&mut files);
        files
    }

    /// The newest of the files that have rows for a partition.
    fn newest(files: &[File], partition: u32) -> Option<&'static str> {
        let candidates = files.iter().filter(|file| file.partitions.contains(&partition));
        candidates.max_by_key(|file| (file.stored, file.name)).map(|file| file.name)
    }

    #[tokio::test]
    async fn only_what_holds_rows_of_the_partition_is_swept() {
        let store = MemoryStore::new(["clean"]);
        for key in
            ["db/t/p=1/pandas.parquet", "db/t/p=1/_SUCCESS", "db/t/p=1/.crc", "db/t/p=1/q=2/x", "db/t/p=12/x", "db/t/x"]
        {
            store.insert(&Location::new("clean", key), "x");
        }
        File { name: "a", stored: 1, partitions: vec![1] }.run(&store).await.unwrap();
        let mut expected = objects("a");
        expected.extend(["_SUCCESS", ".crc", "q=2/x"].map(str::to_owned));
        assert_eq!((shown(&store, 1), shown(&store, 12)), (expected, BTreeSet::from(["x".to_owned()])));
        assert!(store.keys("clean").contains(&"db/t/x".to_owned()));
    }

    #[tokio::test]
    async fn each_partition_holds_the_newest_file_that_has_rows_for_it_whatever_the_order() {
        for seed in 0..40 {
            let store = MemoryStore::new(["clean"]);
            let files = files(seed);
            for (i, file) in files.iter().enumerate() {
                let taken = file.run(&store).await.unwrap();
                let superseded: BTreeSet<_> = taken.superseded.into_iter().collect();
                let lost = |p: &&u32| newest(&files[..=i], **p) != Some(file.name);
                let expected = file.partitions.iter().filter(lost).map(|p| format!("db/t/p={p}/")).collect();
                assert_eq!(superseded, expected, "{seed}");
            }
            for partition in 0..6 {
                let expected = newest(&files, partition).map(objects).unwrap_or_default();
                assert_eq!(shown(&store, partition), expected, "{seed}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn files_at_work_at_once_share_out_the_partitions_and_hide_none() {
        for seed in 0..60 {
            let store = MemoryStore::new(["clean"]).with_pauses(seed);
            for partition in 0..6 {
                store.insert(&Location::new("clean", format!("db/t/p={partition}/old.parquet")), "old");
            }
            let files = files(seed);
            let all: Vec<_> = files
                .iter()
                .chain(&files)
                .map(|file| {
                    let (file, store) = (file.clone(), store.clone());
                    tokio::spawn(async move { file.run(&store).await.map(drop) })
                })
                .collect();
            while !all.iter().all(tokio::task::JoinHandle::is_finished) {
                for partition in 0..6 {
                    let now = shown(&store, partition);
                    let whole = files.iter().any(|file| objects(file.name).is_subset(&now));
                    assert!(whole || now.contains("old.parquet"), "{seed} {partition}: {now:?}");
                }
                tokio::task::yield_now().await;
            }
            for task in all {
                task.await.unwrap().unwrap();
            }
            for partition in 0..6 {
                let old = BTreeSet::from(["old.parquet".to_owned()]);
                let expected = newest(&files, partition).map_or(old, objects);
                assert_eq!(shown(&store, partition), expected, "{seed} {partition}");
            }
            for file in &files {
                assert!(file.overwrite(&store).is_settled(&file.keys()).await.unwrap(), "{seed}");
            }
        }
    }

    #[tokio::test]
    async fn after_a_crash_at_any_call_each_partition_is_at_before_or_after_and_a_rerun_completes_it() {
        let old = File { name: "z", stored: 1, partitions: vec![0, 1, 2] };
        let newer = File { name: "n", stored: 9, partitions: vec![2] };
        let file = File { name: "a", stored: 5, partitions: vec![1, 2, 3] };
        let begin = async || {
            let store = MemoryStore::new(["clean"]);
            for file in [&old, &newer] {
                file.run(&store).await.unwrap();
            }
            store
        };
        let clean = begin().await;
        let before = clean.all_calls();
        file.run(&clean).await.unwrap();
        for (calls, effect) in (0..clean.all_calls() - before).flat_map(|n| [(n, false), (n, true)]) {
            let store = begin().await;
            store.crash_after(calls, effect);
            let _ = file.run(&store).await;
            store.revive();
            let one = shown(&store, 1);
            assert!(objects("z").is_subset(&one) || objects("a").is_subset(&one), "{calls} {effect}: {one:?}");
            assert_eq!((shown(&store, 0), shown(&store, 2)), (objects("z"), objects("n")), "{calls} {effect}");
            file.run(&store).await.unwrap();
            assert_eq!(store.snapshot("clean"), clean.snapshot("clean"), "{calls} {effect}");
            assert!(file.overwrite(&store).is_settled(&file.keys()).await.unwrap());
        }
    }
}
