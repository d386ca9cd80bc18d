//! What a table shows after a crash at any call to the store or the catalog, and after the event has come again; and
//! with several conversions at work on the same partitions.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::{Arc, Mutex},
};

use cleanzone_catalog::{Call as CatalogCall, Catalog as _, TableName};
use cleanzone_events::ObjectCreated;
use cleanzone_lake::{Lake, Mode, Statistics, Status};
use cleanzone_storage::{Call, Fault, Location, MemoryStore, ObjectStore as _};
use tokio::sync::Notify;

use crate::world::{World, values};

mod world;

const MODES: [Mode; 3] = [Mode::Replace, Mode::Append, Mode::OverwritePartitions];
/// The document with the statistics of columns.
const COLUMNS: &str = "/columns.json";
const CATALOG_CALLS: [CatalogCall; 9] = [
    CatalogCall::Table,
    CatalogCall::CreateDatabase,
    CatalogCall::CreateTable,
    CatalogCall::UpdateTable,
    CatalogCall::FindPartitions,
    CatalogCall::Partitions,
    CatalogCall::CreatePartitions,
    CatalogCall::UpdatePartitions,
    CatalogCall::SetColumnStatistics,
];

/// Where it ends.
#[derive(Clone, Copy, Debug)]
enum Crash {
    /// At this call to the store, with or without its effect.
    Store(u64, bool),
    /// Before this call of its kind to the catalog.
    Catalog(CatalogCall, usize),
}

/// What is tried: a table that holds something, and an event.
#[derive(Clone, Copy, Debug)]
struct Case {
    mode: Mode,
    /// Several objects a file.
    many: bool,
    /// Whether there is anything before.
    fresh: bool,
    statistics: Statistics,
}

struct Stage {
    world: World,
    event: ObjectCreated,
    before: Vec<String>,
    after: Vec<String>,
}

fn sorted(lists: &[&[&str]]) -> Vec<String> {
    let mut all: Vec<String> = lists.iter().copied().flatten().map(ToString::to_string).collect();
    all.sort();
    all
}

/// A file with the same value in each column of a row.
fn text(header: &str, rows: &[&str]) -> String {
    let columns = header.split(',').count();
    rows.iter().fold(header.to_owned() + "\n", |text, row| text + &vec![*row; columns].join(",") + "\n")
}

impl Stage {
    async fn new(case: Case) -> Self {
        const OLD: [&str; 4] = ["1", "2", "3", "4"];
        const NEW: [&str; 3] = ["7", "8", "9"];
        let mut world = World::with(MemoryStore::new(["landing", "clean"]).versioned());
        world.settings.mode = case.mode;
        world.settings.statistics = case.statistics;
        if case.many {
            world.settings.layout.max_file_bytes = 1;
            world.settings.read.block_bytes = 4;
        }
        let elsewhere = world.land("db/t/p=2/z.csv", "n\n5\n", 1);
        let old = world.land("db/t/p=1/a.csv", text("n", &OLD), 1);
        let event = world.land("db/t/p=1/a.csv", text("n,m", &NEW), 2);
        if !case.fresh {
            for event in [&elsewhere, &old] {
                world.lake().convert(event, None).await.unwrap();
            }
        }
        let (before, after) = match (case.fresh, case.mode) {
            (true, _) => (Vec::new(), sorted(&[&NEW])),
            (false, Mode::Append) => (sorted(&[&OLD]), sorted(&[&OLD, &NEW])),
            (false, _) => (sorted(&[&OLD]), sorted(&[&NEW])),
        };
        Self { world, event, before, after }
    }

    fn rows(&self) -> Vec<String> {
        values(&self.world.rows("db/t/p=1/"), "n")
    }

    async fn convert(&self) -> Status {
        self.world.lake().convert(&self.event, None).await.unwrap().status
    }

    /// Runs the event, and ends there.
    async fn convert_and(&self, crash: Crash) {
        let lake = self.world.lake();
        match crash {
            Crash::Store(calls, effect) => {
                self.world.store.crash_after(calls, effect);
                let _ = lake.convert(&self.event, None).await;
            }
            Crash::Catalog(call, calls) => {
                for _ in 0..calls {
                    self.world.catalog.meanwhile(call, async {});
                }
                let (reached, store) = (Arc::new(Notify::new()), self.world.store.clone());
                let tells = reached.clone();
                self.world.catalog.meanwhile(call, async move {
                    store.crash_after(0, false);
                    tells.notify_one();
                    pending::<()>().await;
                });
                tokio::select! {
                    result = lake.convert(&self.event, None) => panic!("{crash:?} was not reached: {result:?}"),
                    () = reached.notified() => {}
                }
            }
        }
        self.world.store.revive();
    }

    /// Rows that the statistics say there are, in the table and in the partition.
    fn counted(&self) -> BTreeMap<String, u64> {
        let keys = self.world.store.keys("clean");
        let documents = keys.iter().filter(|key| is_statistics(key) && !key.ends_with(COLUMNS));
        let read = |key: &String| {
            let body = self.world.store.content(&Location::new("clean", key)).unwrap();
            let total: serde_json::Value = serde_json::from_slice(&body).unwrap();
            (total["folder"].as_str().unwrap().to_owned(), total["rows"].as_u64().unwrap())
        };
        documents.map(read).collect()
    }

    /// Rows and values that the statistics of columns say there are.
    fn gathered(&self) -> (u64, u64) {
        let keys = self.world.store.keys("clean");
        let key = keys.iter().find(|key| is_statistics(key) && key.ends_with(COLUMNS)).unwrap();
        let body = self.world.store.content(&Location::new("clean", key)).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let tally = &document["gathered"]["tally"];
        (tally["rows"].as_u64().unwrap(), tally["columns"]["n"]["values"].as_u64().unwrap())
    }

    /// The keys of all objects, without the random id of the statistics.
    fn keys(&self) -> Vec<String> {
        let plain = |key: String| match key.rsplit_once('/') {
            Some((folder, name)) if is_statistics(&key) => format!("{}/{name}", &folder[..folder.len() - 16]),
            _ => key,
        };
        let mut keys: Vec<_> = self.world.store.keys("clean").into_iter().map(plain).collect();
        keys.sort();
        keys
    }
}

fn is_statistics(key: &str) -> bool {
    key.starts_with("_cleanzone/statistics/")
}

/// Every call of a clean run.
async fn crashes(stage: Stage) -> (Vec<Crash>, Vec<String>) {
    let count = |stage: &Stage| CATALOG_CALLS.map(|call| stage.world.catalog.calls(call));
    let (calls, catalog_calls) = (stage.world.store.all_calls(), count(&stage));
    stage.convert().await;
    let store =
        (0..stage.world.store.all_calls() - calls).flat_map(|n| [Crash::Store(n, false), Crash::Store(n, true)]);
    let catalog = CATALOG_CALLS.iter().zip(catalog_calls).zip(count(&stage));
    let catalog = catalog.flat_map(|((call, before), after)| (0..after - before).map(|n| Crash::Catalog(*call, n)));
    assert_eq!(stage.rows(), stage.after);
    (store.chain(catalog).collect(), stage.keys())
}

fn cases() -> impl Iterator<Item = Case> {
    let of = |mode| {
        [(false, false), (false, true), (true, false), (true, true)].map(move |(many, fresh)| {
            [Statistics::Off, Statistics::Counts, Statistics::Columns].map(|statistics| Case {
                mode,
                many,
                fresh,
                statistics,
            })
        })
    };
    MODES.into_iter().flat_map(of).flatten()
}

#[tokio::test]
async fn after_a_crash_at_any_call_a_table_is_at_before_or_after_and_the_event_completes_it() {
    let mut tried = 0;
    for case in cases() {
        let (crashes, keys) = crashes(Stage::new(case).await).await;
        for crash in crashes {
            let stage = Stage::new(case).await;
            stage.convert_and(crash).await;
            let context = format!("{case:?} {crash:?}");
            let rows = stage.rows();
            let has = |all: &[String]| all.iter().all(|row| rows.contains(row));
            match case {
                // Each object is at before or after.
                Case { mode: Mode::Replace, many: true, .. } => {
                    let known: BTreeSet<_> = stage.before.iter().chain(&stage.after).collect();
                    assert!(rows.iter().all(|row| known.contains(row)), "{context}: {rows:?}");
                }
                Case { mode: Mode::OverwritePartitions, .. } => {
                    assert!(has(&stage.before) || has(&stage.after), "{context}: {rows:?}");
                }
                Case { many: true, .. } => assert!(has(&stage.before), "{context}: {rows:?}"),
                _ => assert!(rows == stage.before || rows == stage.after, "{context}: {rows:?}"),
            }
            assert_eq!(values(&stage.world.rows("db/t/p=2/"), "n").len(), usize::from(!case.fresh), "{context}");

            stage.convert().await;
            assert_eq!(stage.rows(), stage.after, "{context}");
            assert_eq!(stage.keys(), keys, "{context}");
            if case.statistics != Statistics::Off {
                let here = stage.after.len() as u64;
                let all = here + u64::from(!case.fresh);
                let counted = stage.counted();
                assert_eq!((counted["db/t/"], counted["db/t/p=1/"]), (all, here), "{context}");
                if case.statistics == Statistics::Columns && case.mode != Mode::OverwritePartitions {
                    assert_eq!(stage.gathered(), (all, all), "{context}");
                }
            }
            assert_eq!(stage.convert().await, Status::Unchanged, "{context}");
            assert_eq!(stage.keys(), keys, "{context}");
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried}");
}

#[tokio::test]
async fn after_a_crash_at_any_call_statistics_that_are_switched_off_are_gone() {
    let name = TableName::new("db", "t");
    for mode in MODES {
        let ending = async || {
            let case = Case { mode, many: false, fresh: false, statistics: Statistics::Counts };
            let mut stage = Stage::new(case).await;
            stage.world.settings.statistics = Statistics::Off;
            stage
        };
        for crash in crashes(ending().await).await.0 {
            let stage = ending().await;
            stage.convert_and(crash).await;
            stage.convert().await;
            let table = stage.world.catalog.table(&name).await.unwrap().unwrap();
            let partitions = stage.world.catalog.partitions(&name, None).await.unwrap().partitions;
            let names = table.parameters.keys().chain(partitions.iter().flat_map(|held| held.parameters.keys()));
            let left: Vec<_> =
                names.filter(|name| name.starts_with("num") || *name == "cleanzone.statistics").collect();
            assert!(left.is_empty() && partitions.len() == 2, "{mode:?} {crash:?}: {left:?}");
        }
    }
}

/// A file for a partition is converted whole in the middle of another one, which then may crash and come again.
#[tokio::test]
async fn a_file_in_the_middle_of_another_one_leaves_the_newer_one_of_them() {
    const CALLS: [Call; 6] = [Call::Get, Call::Head, Call::Put, Call::Publish, Call::List, Call::Delete];
    let mut happened = 0;
    for (call, nth, newer_begins, dies) in CALLS.iter().flat_map(|call| {
        (0..5).flat_map(move |nth| {
            [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(6)]
                .into_iter()
                .flat_map(move |dies| [(*call, nth, false, dies), (*call, nth, true, dies)])
        })
    }) {
        let context = format!("{call:?} {nth} {newer_begins} {dies:?}");
        let mut world = World::new();
        world.settings.mode = Mode::OverwritePartitions;
        world.settings.layout.max_file_bytes = 1;
        world.settings.read.block_bytes = 4;
        let files = [("a", ["1", "2"]), ("b", ["11", "12"]), ("c", ["21", "22"])];
        let [first, older, newer] =
            files.map(|(name, rows)| world.land(&format!("db/t/{name}.csv"), text("n", &rows), 1));
        world.lake().convert(&first, None).await.unwrap();
        let (outer, inner) = if newer_begins { (newer, older) } else { (older, newer) };
        for _ in 0..nth {
            world.store.inject(call, Fault::Pass);
        }
        let (lake, done) = (world.lake(), Arc::new(Mutex::new(false)));
        let tells = done.clone();
        world.store.inject(
            call,
            Fault::Meanwhile(Box::new(move |store: &MemoryStore| {
                in_a_thread_of_its_own(lake, inner);
                *tells.lock().unwrap() = true;
                if let Some(calls) = dies {
                    store.crash_after(calls, true);
                }
            })),
        );
        let rows = || values(&world.rows("db/t/"), "n");
        let _ = world.lake().convert(&outer, None).await;
        world.store.revive();
        let whole = |rows: &[String]| files.iter().any(|(_, of)| of.iter().all(|n| rows.iter().any(|row| row == n)));
        assert!(whole(&rows()), "{context}: {:?}", rows());
        // It may not come to so many calls.
        if *done.lock().unwrap() {
            world.lake().convert(&outer, None).await.unwrap();
            assert_eq!(rows(), ["21", "22"], "{context}");
            happened += 1;
        }
    }
    assert!(happened > 100, "{happened}");
}

fn in_a_thread_of_its_own(lake: Lake, event: ObjectCreated) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(lake.convert(&event, None)).unwrap();
    };
    std::thread::spawn(run).join().unwrap();
}

/// Several files for a partition, each delivered twice, all at once: at no time are there rows of none of them, and what
/// remains are those of the newest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_files_for_the_same_partition_the_newest_remains_whatever_the_order() {
    for seed in 0..100_u64 {
        let mut world = World::with(MemoryStore::new(["landing", "clean"]).with_pauses(seed));
        world.settings.mode = Mode::OverwritePartitions;
        world.settings.statistics = if seed % 2 == 0 { Statistics::Counts } else { Statistics::Off };
        world.settings.layout.max_file_bytes = 1;
        world.settings.read.block_bytes = 4;
        let folder = if seed % 3 == 0 { "db/t/" } else { "db/t/p=1/" };
        let mut events = Vec::new();
        let mut sources = BTreeMap::new();
        for (file, rows) in [("a", 1..4), ("b", 11..13), ("c", 21..25), ("d", 31..32)] {
            let rows: Vec<String> = rows.map(|n| n.to_string()).collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let key = format!("{folder}{file}.csv");
            let event = world.land(&key, text("n", &rows), 1);
            let stored = world.store.head(&Location::new("landing", &key)).await.unwrap().unwrap().last_modified;
            let stored = stored.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            sources.insert((stored, key), sorted(&[&rows]));
            events.extend([event.clone(), event]);
        }
        let newest = sources.last_key_value().unwrap().1.clone();
        let first = world.lake();
        first.convert(&events[0], None).await.unwrap();

        let order = usize::try_from(seed).unwrap() % events.len();
        events.rotate_left(order);
        let running = Arc::new(Mutex::new(events.len()));
        let all: Vec<_> = events
            .iter()
            .map(|event| {
                let (lake, event, running) = (world.lake(), event.clone(), running.clone());
                tokio::spawn(async move {
                    let report = lake.convert(&event, None).await.unwrap();
                    *running.lock().unwrap() -= 1;
                    report
                })
            })
            .collect();
        while *running.lock().unwrap() > 0 {
            let rows = values(&world.rows(folder), "n");
            let shown = sources.values().any(|of| of.iter().all(|row| rows.contains(row)));
            assert!(shown, "seed {seed}: {rows:?}");
            tokio::task::yield_now().await;
        }
        for task in all {
            task.await.unwrap();
        }
        assert_eq!(values(&world.rows(folder), "n"), newest, "seed {seed}");
        assert_eq!(world.store.pending_uploads(), 0);
        let keys = world.store.keys("clean");
        for event in &events {
            assert_ne!(world.lake().convert(event, None).await.unwrap().status, Status::Converted, "seed {seed}");
        }
        assert_eq!(world.store.keys("clean"), keys, "seed {seed}");
    }
}
