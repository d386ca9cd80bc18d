//! The promises of `Lake::convert`, on a store and a catalog in memory that behave as S3 and Glue do.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cleanzone_catalog::{Catalog, ColumnStatistics, Kind, MemoryCatalog, TableName};
use cleanzone_error::{ErrorName, Fault as _};
use cleanzone_events::ObjectCreated;
use cleanzone_lake::{Lake, Mode, Report, Statistics, Status};
use cleanzone_storage::{Call, Error as StorageError, Fault, Location, MemoryStore};
use cleanzone_tabular::Lines;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio::time::{Duration, Instant};

use crate::world::{World, names, values};

mod world;

const BOOK: &str = "name,favorite_num\nGareth,23\nTracy,28\nChris,16\nEmma,14\n";

#[tokio::test]
async fn the_first_file_becomes_a_table() {
    let world = World::new();
    let event = world.land("cleanzonedb/csvtoparquet/test.csv", BOOK, 1);
    let report = world.lake().convert(&event, None).await.unwrap();

    assert_eq!((report.status, report.content.records, report.content.rows), (Status::Converted, 4, 4));
    assert_eq!(
        world.columns("cleanzonedb", "csvtoparquet").await,
        names(&[("name", "string"), ("favorite_num", "bigint")])
    );
    let rows = world.rows("cleanzonedb/csvtoparquet/test-");
    assert_eq!(values(&rows, "favorite_num"), ["14", "16", "23", "28"]);
    assert_eq!(report.paths.len(), 1);
    let stem = report.paths[0].strip_prefix("s3://clean/cleanzonedb/csvtoparquet/test-").unwrap();
    let digits = stem.strip_suffix(".parquet").unwrap();
    assert!(digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{digits}");
}

#[tokio::test]
async fn a_table_of_partition_keys_alone_is_refused_with_their_names() {
    let world = World::new();
    world.rule("[[dataset]]\nmatch = \"**\"\npartition_by = [\"name\", \"favorite_num as num\"]\n");
    let error = world.lake().convert(&world.land("db/t/a.csv", BOOK, 1), None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    assert!(error.to_string().contains("all columns of the file are partition keys (name, num)"), "{error}");
}

#[tokio::test]
async fn rules_on_columns_that_nobody_has_are_warned_of() {
    let world = World::new();
    world.rule(
        "[[dataset]]\nmatch = \"**\"\n[dataset.columns]\nName.rename = \"author\"\nfavourite_num.type = \"int\"\n\
         day.comment = \"a folder\"\nsince.type = \"date\"\n",
    );
    let convert = async |key: &str, body: &'static str| {
        let report = world.lake().convert(&world.land(key, body, 1), None).await.unwrap();
        let told: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
        (report.content.rows, told)
    };
    let (rows, told) = convert("db/t/day=1/a.csv", BOOK).await;
    assert_eq!((rows, told.len()), (4, 2));
    assert!(told[0].starts_with("AbsentColumn: column favourite_num: it has rules (type)"), "{told:?}");
    assert!(told[0].ends_with("did you mean `favorite_num`?") && told[1].contains("column since"), "{told:?}");
    // A column of the table is absent from a file only.
    assert_eq!(convert("db/t/day=1/b.csv", "name,favourite_num,since\nEmma,3,2026-01-01\n").await, (1, vec![]));
    assert_eq!(convert("db/t/day=2/c.csv", "favorite_num\n1\n").await, (1, vec![]));
}

#[tokio::test]
async fn the_same_event_ten_times_is_one_copy() {
    let world = World::new();
    let event = world.land("db/t/a.csv", BOOK, 1);
    let lake = world.lake();
    let first = lake.convert(&event, None).await.unwrap();
    let writes = world.store.calls(Call::Publish) + world.store.calls(Call::Put);
    for _ in 0..9 {
        let again = lake.convert(&event, None).await.unwrap();
        assert_eq!((again.status, &again.paths, again.content.rows), (Status::Unchanged, &first.paths, 4));
    }
    assert_eq!(world.store.calls(Call::Publish) + world.store.calls(Call::Put), writes);
    assert_eq!(world.rows("db/t/").len(), 4);
}

#[tokio::test]
async fn the_same_event_ten_times_at_once_is_one_copy() {
    let world = World::new();
    let event = world.land("db/t/a.csv", BOOK, 1);
    let lake = world.lake();
    let all = (0..10).map(|_| {
        let (lake, event) = (lake.clone(), event.clone());
        tokio::spawn(async move { lake.convert(&event, None).await.unwrap() })
    });
    for task in all.collect::<Vec<_>>() {
        assert_ne!(task.await.unwrap().status, Status::Superseded);
    }
    assert_eq!(world.rows("db/t/").len(), 4);
    assert_eq!(world.store.pending_uploads(), 0);
}

#[tokio::test]
async fn a_new_version_replaces_the_rows_of_the_old_one_and_a_late_old_event_changes_nothing() {
    for store in [MemoryStore::new(["landing", "clean"]), MemoryStore::new(["landing", "clean"]).versioned()] {
        let world = World::with(store);
        let old = world.land("db/t/a.csv", "n\n1\n2\n3\n", 1);
        let new = world.land("db/t/a.csv", "n\n7\n", 2);
        assert_eq!(world.lake().convert(&new, None).await.unwrap().status, Status::Converted);
        assert_eq!(world.lake().convert(&old, None).await.unwrap().status, Status::Superseded);
        assert_eq!(values(&world.rows("db/t/"), "n"), ["7"]);
    }
}

#[tokio::test]
async fn versions_in_order_replace_each_other() {
    let world = World::with(MemoryStore::new(["landing", "clean"]).versioned());
    let first = world.land("db/t/a.csv", "n\n1\n2\n3\n", 1);
    let second = world.land("db/t/a.csv", "n\n7\n", 2);
    for event in [&first, &second] {
        assert_eq!(world.lake().convert(event, None).await.unwrap().status, Status::Converted);
    }
    assert_eq!(values(&world.rows("db/t/"), "n"), ["7"]);
}

#[tokio::test]
async fn in_append_mode_every_version_adds_and_none_adds_twice() {
    let mut world = World::with(MemoryStore::new(["landing", "clean"]).versioned());
    world.settings.mode = Mode::Append;
    let first = world.land("db/t/a.csv", "n\n1\n", 1);
    let second = world.land("db/t/a.csv", "n\n1\n", 2);
    for event in [&second, &first, &second, &first] {
        world.lake().convert(event, None).await.unwrap();
    }
    assert_eq!(values(&world.rows("db/t/"), "n"), ["1", "1"]);
}

#[tokio::test]
async fn a_replacement_with_fewer_files_leaves_none_of_the_old_ones() {
    let mut world = World::new();
    world.settings.layout.max_file_bytes = 1;
    world.settings.read.block_bytes = 4;
    let many: String = std::iter::once("n\n".to_owned()).chain((0..9).map(|i| format!("{i}\n"))).collect();
    let report = world.lake().convert(&world.land("db/t/a.csv", many, 1), None).await.unwrap();
    assert!(report.paths.len() > 1, "{:?}", report.paths);
    assert!(report.paths[1].ends_with("-00001.parquet"));
    assert_eq!(world.rows("db/t/").len(), 9);

    let report = world.lake().convert(&world.land("db/t/a.csv", "n\n5\n", 2), None).await.unwrap();
    assert_eq!(report.paths.len(), 1);
    assert_eq!(values(&world.rows("db/t/"), "n"), ["5"]);
    assert_eq!(world.store.keys("clean").len(), 2, "one file, one commit record");
}

#[tokio::test]
async fn an_empty_new_version_takes_the_rows_away() {
    let world = World::new();
    world.lake().convert(&world.land("db/t/a.csv", BOOK, 1), None).await.unwrap();
    let report = world.lake().convert(&world.land("db/t/a.csv", "", 2), None).await.unwrap();
    assert_eq!((report.content.rows, report.paths.len()), (0, 0));
    assert_eq!(world.rows("db/t/").len(), 0);
}

#[tokio::test]
async fn a_header_alone_makes_a_table_that_any_later_file_can_type() {
    let world = World::new();
    world.lake().convert(&world.land("db/t/empty.csv", "a,b\n", 1), None).await.unwrap();
    assert_eq!(world.columns("db", "t").await, names(&[("a", "string"), ("b", "string")]));
    world.lake().convert(&world.land("db/t/half.csv", "a,b\n1,\n", 1), None).await.unwrap();
    world.lake().convert(&world.land("db/t/full.csv", "a,b\n2,2.5\n", 1), None).await.unwrap();
    assert_eq!(world.columns("db", "t").await, names(&[("a", "bigint"), ("b", "double")]));
    assert_eq!(values(&world.rows("db/t/"), "b"), ["2.5"]);
    assert_eq!(world.rows("db/t/").len(), 2);
}

#[tokio::test]
async fn rows_without_any_value_settle_no_type_that_a_later_file_could_contradict() {
    let world = World::new();
    let lake = world.lake();
    let report = lake.convert(&world.land("db/t/nulls.csv", "id,n,note\n,,\n,,\n", 1), None).await.unwrap();
    assert_eq!(report.content.rows, 2);
    assert_eq!(report.content.columns.iter().map(|c| c.provisional).collect::<Vec<_>>(), [true, true, false]);
    lake.convert(&world.land("db/t/values.csv", "id,n,note\n1,1.5,7\n", 2), None).await.unwrap();
    let types = names(&[("id", "bigint"), ("n", "double"), ("note", "string")]);
    assert_eq!(world.columns("db", "t").await, types);

    // What is in a file is there under the table's type.
    let mut rows = 0;
    for key in world.store.keys("clean").iter().filter(|key| key.ends_with(".parquet")) {
        let body = world.store.content(&Location::new("clean", key)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(body).unwrap();
        for field in reader.schema().fields() {
            let held = types.iter().find(|(name, _)| name == field.name()).unwrap();
            assert_eq!(cleanzone_catalog::hive_type(field.data_type()).as_ref(), Some(&held.1), "{key}");
        }
        rows += reader.metadata().file_metadata().num_rows();
    }
    assert_eq!(rows, 3);
}

#[tokio::test]
async fn the_types_of_the_table_are_the_contract() {
    let mut world = World::new();
    world.settings.read.max_rejected_ratio = 0.5;
    world.lake().convert(&world.land("db/t/a.csv", "zip,n\n007,1\n", 1), None).await.unwrap();
    let report = world.lake().convert(&world.land("db/t/b.csv", "zip,n\n8,2\n9,x\n10,3\n", 1), None).await.unwrap();
    assert_eq!((report.content.rows, report.content.rejected, report.content.records), (2, 1, 3));
    assert_eq!(values(&world.rows("db/t/"), "zip"), ["007", "10", "8"]);
    let path = report.rejected_path.unwrap();
    let key = path.strip_prefix("s3://clean/").unwrap();
    assert!(key.starts_with("_rejected/db/t/b-"), "{key}");
    let rejected = world.store.content(&Location::new("clean", key)).unwrap();
    let rejected = String::from_utf8(rejected.to_vec()).unwrap();
    assert!(rejected.starts_with("line,offset,reason,raw\n3,"), "{rejected}");
    assert!(rejected.ends_with(",\"9,x\"\n"), "{rejected}");
}

#[tokio::test]
async fn every_line_is_counted_and_what_is_no_record_is_kept() {
    let world = World::new();
    let body =
        "Report of May\n\n# by hand\nid,day,n\n1,2026-05-01,5\n2,2026-05-02,6\nid,day,n\n3,2026-05-03,7\n(3 rows)\n";
    let report = world.lake().convert(&world.land("db/t/a.csv", body, 1), None).await.unwrap();
    let lines = Lines { header: 2, preamble: 1, comment: 1, blank: 1, footer: 1, rows: 3, rejected: 0 };
    assert_eq!((report.content.lines, report.content.rejected), (lines, 0));
    assert_eq!(world.columns("db", "t").await, names(&[("id", "bigint"), ("day", "date"), ("n", "bigint")]));
    let key = report.rejected_path.unwrap().strip_prefix("s3://clean/").unwrap().to_owned();
    let kept = String::from_utf8(world.store.content(&Location::new("clean", key)).unwrap().to_vec()).unwrap();
    let kept: Vec<_> = kept.lines().skip(1).map(|line| line.split(':').next().unwrap().replace('"', "")).collect();
    assert_eq!(kept, ["1,0,preamble", "3,15,comment", "7,64,repeated header", "9,88,footer"]);
    // Where the rules leave something out, nobody can tell what is in such lines.
    world.rule("[[dataset]]\nmatch = \"**\"\n[dataset.columns]\nn = { drop = true }");
    let report = world.lake().convert(&world.land("db/u/a.csv", body, 1), None).await.unwrap();
    let key = report.rejected_path.unwrap().strip_prefix("s3://clean/").unwrap().to_owned();
    let kept = String::from_utf8(world.store.content(&Location::new("clean", key)).unwrap().to_vec()).unwrap();
    assert!(!kept.contains("Report of May") && !kept.contains("by hand"), "{kept}");
}

#[tokio::test]
async fn rescued_rows_stay_in_the_table_with_what_did_not_fit() {
    let mut world = World::new();
    world.settings.read.bad_rows = cleanzone_tabular::BadRows::Rescue;
    let body: String = (0..50).fold(String::new(), |body, i| body + &format!("{i},x\n"));
    world.lake().convert(&world.land("db/t/a.csv", format!("n,s\n{body}"), 1), None).await.unwrap();
    let report =
        world.lake().convert(&world.land("db/t/b.csv", "n,s\n1,a\nx,b\n3,c,d\n4,e\n5,f\n", 1), None).await.unwrap();
    assert_eq!((report.content.rows, report.content.rejected, report.content.rescued), (5, 0, 2));
    let rescued = values(&world.rows("db/t/b-"), "_rescued");
    assert_eq!(rescued, [r#"{"extra":["d"]}"#, r#"{"n":"x"}"#]);
    let columns = [("n", "bigint"), ("s", "string"), ("_rescued", "string")];
    assert_eq!(world.columns("db", "t").await, names(&columns));
    assert_eq!(report.rejected_path, None);
}

#[tokio::test]
async fn too_many_rejected_rows_publish_nothing() {
    let world = World::new();
    world.lake().convert(&world.land("db/t/a.csv", "n\n1\n", 1), None).await.unwrap();
    let before = world.store.keys("clean");
    let many: String = std::iter::once("n\n".to_owned()).chain((0..100).map(|_| "x\n".to_owned())).collect();
    let error = world.lake().convert(&world.land("db/t/b.csv", many, 1), None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::TooManyRejectedRows);
    assert_eq!(world.store.keys("clean"), before);
    assert_eq!(world.store.pending_uploads(), 0);
}

#[tokio::test]
async fn hive_folders_become_partitions() {
    let world = World::new();
    let key = "sales/orders/year=2026/city=São Paulo/x y+z.csv";
    let report = world.lake().convert(&world.land(key, "id,year\n1,1999\n", 1), None).await.unwrap();
    let table = world.catalog.table(&TableName::new("sales", "orders")).await.unwrap().unwrap();
    assert_eq!(table.partition_keys.iter().map(|k| &*k.name).collect::<Vec<_>>(), ["year", "city"]);
    assert_eq!(world.columns("sales", "orders").await, names(&[("id", "bigint"), ("year_1", "bigint")]));
    let folder = "s3://clean/sales/orders/year=2026/city=São Paulo/";
    assert!(report.paths[0].starts_with(&format!("{folder}x_y+z-")), "{:?}", report.paths);
    assert_eq!(report.partitions_values[folder], ["2026", "São Paulo"]);
    let page = world.catalog.partitions(&TableName::new("sales", "orders"), None).await.unwrap();
    assert_eq!(page.partitions.len(), 1);
}

#[tokio::test]
async fn twenty_files_with_different_columns_at_once_end_with_all_of_them() {
    let world = World::new();
    let all = (0..20).map(|i| {
        let event = world.land(&format!("db/t/{i}.csv"), format!("id,c{i}\n{i},{i}\n"), 1);
        let lake = world.lake();
        tokio::spawn(async move { lake.convert(&event, None).await.unwrap() })
    });
    for task in all.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(world.columns("db", "t").await.len(), 21);
    assert_eq!(world.rows("db/t/").len(), 20);
}

#[tokio::test]
async fn two_files_that_type_a_column_differently_at_once_both_end_in_the_table() {
    let world = World::new();
    let events = [world.land("db/t/a.csv", "v\n1\n", 1), world.land("db/t/b.csv", "v\n2\n", 1)];
    let (a, b) = tokio::join!(async { world.lake().convert(&events[0], None).await }, async {
        world.lake().convert(&events[1], None).await
    });
    a.unwrap();
    b.unwrap();
    assert_eq!(values(&world.rows("db/t/"), "v"), ["1", "2"]);
}

#[tokio::test]
async fn a_removed_table_is_made_anew_by_a_repeated_event() {
    let mut world = World::new();
    let event = world.land("db/t/a.csv", BOOK, 1);
    world.lake().convert(&event, None).await.unwrap();
    world.catalog = Arc::new(MemoryCatalog::default());
    assert_eq!(world.lake().convert(&event, None).await.unwrap().status, Status::Converted);
    assert_eq!(world.columns("db", "t").await.len(), 2);
    assert_eq!(world.rows("db/t/").len(), 4);
}

#[tokio::test]
async fn a_source_that_changes_while_it_is_read_is_not_published() {
    let world = World::new();
    let body: String = std::iter::once("n\n".to_owned()).chain((0..60_000).map(|i| format!("{i}\n"))).collect();
    let event = world.land("db/t/a.csv", body, 1);
    world.store.inject(Call::Read, Fault::Pass);
    let overwrite = |store: &MemoryStore| drop(store.insert(&Location::new("landing", "db/t/a.csv"), "n\n1\n"));
    world.store.inject(Call::Read, Fault::Meanwhile(Box::new(overwrite)));
    let error = world.lake().convert(&event, None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SourceChanged);
    world.assert_untouched();
}

#[tokio::test]
async fn a_failure_at_any_call_leaves_before_or_after_and_a_retry_completes_it() {
    let at = Location::new("clean", "k");
    for call in [
        Call::Head,
        Call::Open,
        Call::Read,
        Call::Get,
        Call::Put,
        Call::Upload,
        Call::Write,
        Call::Finish,
        Call::Publish,
        Call::Delete,
    ] {
        for effect in [false, true] {
            let mut world = World::new();
            world.settings.layout.max_file_bytes = 1;
            world.settings.read.block_bytes = 4;
            world.lake().convert(&world.land("db/t/a.csv", "n\n1\n2\n3\n4\n5\n6\n", 1), None).await.unwrap();
            let event = world.land("db/t/a.csv", "n\n7\n8\n9\n", 2);
            let error = StorageError::Unavailable(at.clone(), "gone".into());
            world.store.inject(call, if effect { Fault::After(error) } else { Fault::Before(error) });
            let first = world.lake().convert(&event, None).await;
            if let Err(error) = &first {
                assert_eq!(error.name(), ErrorName::ServiceUnavailable, "{call:?}");
            }
            world.lake().convert(&event, None).await.unwrap();
            assert_eq!(values(&world.rows("db/t/"), "n"), ["7", "8", "9"], "{call:?} {effect}");
        }
    }
}

/// Two versions of one source, one of them converted whole at some point in the middle of the other: the newer one is
/// what stays, whichever began first, and nothing else.
#[tokio::test]
async fn of_two_versions_at_once_the_newer_one_stays() {
    let calls = [Call::Open, Call::Head, Call::Get, Call::Upload, Call::Finish, Call::Put, Call::Publish, Call::Delete];
    let mut interleavings = 0;
    for newer in ["n\n21\n22\n23\n", "n\n21\n", "n\n", ""] {
        for (call, nth, earlier, newer_begins) in calls.iter().flat_map(|c| {
            (0..4).flat_map(move |n| {
                [(false, false), (false, true), (true, false), (true, true)].map(|(e, b)| (*c, n, e, b))
            })
        }) {
            let case = format!("{newer:?} {call:?} {nth} {earlier} {newer_begins}");
            let mut world = World::with(MemoryStore::new(["landing", "clean"]).versioned());
            world.settings.layout.max_file_bytes = 1;
            world.settings.read.block_bytes = 4;
            if earlier {
                let event = world.land("db/t/a.csv", "n\n1\n2\n3\n4\n5\n6\n7\n8\n", 1);
                world.lake().convert(&event, None).await.unwrap();
            }
            let old = world.land("db/t/a.csv", "n\n11\n12\n13\n14\n15\n16\n", 2);
            let new = world.land("db/t/a.csv", newer, 3);
            let (outer, inner) = if newer_begins { (new, old) } else { (old, new) };
            for _ in 0..nth {
                world.store.inject(call, Fault::Pass);
            }
            let lake = world.lake();
            let happened = Arc::new(AtomicBool::new(false));
            let happens = happened.clone();
            let meanwhile = move |_: &MemoryStore| {
                happens.store(true, Ordering::Relaxed);
                in_a_thread_of_its_own(lake, inner);
            };
            world.store.inject(call, Fault::Meanwhile(Box::new(meanwhile)));
            world.lake().convert(&outer, None).await.unwrap();
            // It may not come to so many calls.
            if happened.load(Ordering::Relaxed) {
                let expected: Vec<&str> = newer.lines().skip(1).collect();
                assert_eq!(values(&world.rows("db/t/"), "n"), expected, "{case}");
                interleavings += 1;
            }
            assert_eq!(world.store.pending_uploads(), 0, "{case}");
        }
    }
    assert!(interleavings > 100, "{interleavings}");
}

fn in_a_thread_of_its_own(lake: Lake, event: ObjectCreated) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(lake.convert(&event, None)).unwrap();
    };
    std::thread::spawn(run).join().unwrap();
}

#[tokio::test]
async fn a_redelivery_looks_for_few_of_many_objects() {
    for mode in [Mode::Replace, Mode::Append, Mode::OverwritePartitions] {
        let mut world = World::new();
        world.settings.mode = mode;
        world.settings.layout.max_file_bytes = 1;
        world.settings.read.block_bytes = 4;
        let body: String = std::iter::once("n\n".to_owned()).chain((1000..2000).map(|i| format!("{i}\n"))).collect();
        let event = world.land("db/t/p=1/a.csv", body, 1);
        let report = world.lake().convert(&event, None).await.unwrap();
        assert!(report.paths.len() > 500, "{}", report.paths.len());
        assert_eq!(world.rows("db/t/").len(), 1000);
        let (heads, writes) = (world.store.calls(Call::Head), world.store.calls(Call::Put));
        assert_eq!(world.lake().convert(&event, None).await.unwrap().status, Status::Unchanged);
        let heads = world.store.calls(Call::Head) - heads;
        assert!(heads <= 20, "{mode:?}: {heads}");
        assert_eq!(world.store.calls(Call::Put), writes);
    }
}

#[tokio::test]
async fn statistics_follow_what_replaces_what() {
    for mode in [Mode::Replace, Mode::Append, Mode::OverwritePartitions] {
        let mut world = World::new();
        (world.settings.mode, world.settings.statistics) = (mode, Statistics::Counts);
        let convert = async |key: &str, body: &'static str, sequencer| {
            let event = world.land(key, body, sequencer);
            let report = world.lake().convert(&event, None).await.unwrap();
            assert_eq!(report.holds.is_some(), report.status == Status::Converted);
            // What comes again is not counted again.
            world.lake().convert(&event, None).await.unwrap();
        };
        convert("db/t/p=1/a.csv", "n\n1\n2\n3\n", 1).await;
        convert("db/t/p=2/b.csv", "n\n4\n", 1).await;
        convert("db/t/p=1/c.csv", "n\n5\n6\n", 1).await;
        convert("db/t/p=1/a.csv", "n\n7\n", 2).await;
        let keys = world.store.keys("clean").into_iter().filter(|key| key.starts_with("_cleanzone/statistics/db/t/"));
        let read = |key: String| {
            let body = world.store.content(&Location::new("clean", key)).unwrap();
            let total: serde_json::Value = serde_json::from_slice(&body).unwrap();
            (total["folder"].as_str().unwrap().to_owned(), total["rows"].as_u64(), total["files"].as_u64())
        };
        let mut found: Vec<_> = keys.map(read).collect();
        found.sort();
        let (rows, files) = match mode {
            Mode::Replace => (3, 2),
            Mode::Append => (6, 3),
            Mode::OverwritePartitions => (if is_last(&world) { 1 } else { 2 }, 1),
        };
        let expected = [("db/t/", rows + 1, files + 1), ("db/t/p=1/", rows, files), ("db/t/p=2/", 1, 1)];
        assert_eq!(
            found,
            expected.map(|(folder, rows, files)| (folder.to_owned(), Some(rows), Some(files))),
            "{mode:?}"
        );
        assert_eq!(world.rows("db/t/p=1/").len() as u64, rows);
    }
}

#[tokio::test]
async fn statistics_of_columns_follow_what_replaces_what() {
    for mode in [Mode::Replace, Mode::Append] {
        let world = World::new();
        world.rule(&format!(
            "[[dataset]]\nmatch = \"db/t/*\"\nstatistics = \"columns\"\nmode = \"{}\"\n",
            if mode == Mode::Replace { "replace" } else { "append" }
        ));
        let convert = async |key: &str, body: &'static str, sequencer| {
            let event = world.land(key, body, sequencer);
            world.lake().convert(&event, None).await.unwrap();
            // What comes again is not counted again.
            assert_eq!(world.lake().convert(&event, None).await.unwrap().status, Status::Unchanged);
            let name = TableName::new("db", "t");
            world.catalog.column_statistics(&name, None, &["b", "f", "n", "s"]).await.unwrap()
        };
        let of = |name: &str, nulls, distinct, kind| ColumnStatistics { name: name.into(), nulls, distinct, kind };
        let found = convert("db/t/a.csv", "n,s,b\n1,xy,true\n2,x,false\n,,true\n", 1).await;
        let expected = [
            of("b", 0, 0, Kind::Boolean { trues: 2, falses: 1 }),
            of("n", 1, 2, Kind::Long { range: Some((1, 2)) }),
            of("s", 1, 2, Kind::String { longest: 2, average: 1.5 }),
        ];
        assert_eq!(found, expected);
        // Another file, which lacks two of the columns and brings a new one.
        let found = convert("db/t/b.csv", "n,f\n-5,0.5\n2,-1.25\n", 1).await;
        let expected = [
            of("b", 2, 0, Kind::Boolean { trues: 2, falses: 1 }),
            of("f", 3, 2, Kind::Double { range: Some((-1.25, 0.5)) }),
            of("n", 1, 3, Kind::Long { range: Some((-5, 2)) }),
            of("s", 3, 2, Kind::String { longest: 2, average: 1.5 }),
        ];
        assert_eq!(found, expected);
        // A new version of the first one.
        let found = convert("db/t/a.csv", "n,s,b\n7,xyz,false\n", 2).await;
        let expected = match mode {
            // Bounds stay; there are no more distinct values than values.
            Mode::Replace => [
                of("b", 2, 0, Kind::Boolean { trues: 0, falses: 1 }),
                of("f", 1, 2, Kind::Double { range: Some((-1.25, 0.5)) }),
                of("n", 0, 3, Kind::Long { range: Some((-5, 7)) }),
                of("s", 2, 1, Kind::String { longest: 3, average: 3.0 }),
            ],
            _ => [
                of("b", 2, 0, Kind::Boolean { trues: 2, falses: 2 }),
                of("f", 4, 2, Kind::Double { range: Some((-1.25, 0.5)) }),
                of("n", 1, 4, Kind::Long { range: Some((-5, 7)) }),
                of("s", 3, 3, Kind::String { longest: 3, average: 2.0 }),
            ],
        };
        assert_eq!(found, expected, "{mode:?}");
    }
}

#[tokio::test]
async fn a_partitioned_table_has_statistics_of_its_columns_as_a_whole() {
    let mut world = World::new();
    world.settings.statistics = Statistics::Columns;
    for (key, body) in [("db/t/p=1/a.csv", "n\n1\n2\n"), ("db/t/p=2/a.csv", "n\n2\n9\n")] {
        let report = world.lake().convert(&world.land(key, body, 1), None).await.unwrap();
        assert!(report.holds.is_some());
    }
    let name = TableName::new("db", "t");
    let expected =
        [ColumnStatistics { name: "n".into(), nulls: 0, distinct: 3, kind: Kind::Long { range: Some((1, 9)) } }];
    assert_eq!(world.catalog.column_statistics(&name, None, &["n", "p"]).await.unwrap(), expected);
}

#[tokio::test]
async fn where_partitions_are_taken_over_only_counts_are_kept() {
    let mut world = World::new();
    (world.settings.mode, world.settings.statistics) = (Mode::OverwritePartitions, Statistics::Columns);
    let report = world.lake().convert(&world.land("db/t/p=1/a.csv", "n\n1\n", 1), None).await.unwrap();
    assert_eq!(report.holds.map(|holds| holds.table.rows), Some(1));
    let name = TableName::new("db", "t");
    assert_eq!(world.catalog.column_statistics(&name, None, &["n"]).await.unwrap(), []);
    assert!(!world.store.keys("clean").iter().any(|key| key.ends_with("columns.json")));
}

/// Whether the second version of `a.csv` was stored in a later second than `c.csv`; in the same one, the key decides.
fn is_last(world: &World) -> bool {
    values(&world.rows("db/t/p=1/"), "n") == ["7"]
}

#[tokio::test]
async fn the_deadline_ends_a_conversion_cleanly() {
    let world = World::new();
    let body: String = std::iter::once("n\n".to_owned()).chain((0..200_000).map(|i| format!("{i}\n"))).collect();
    let event = world.land("db/t/a.csv", body, 1);
    let error = world.lake().convert(&event, Some(Instant::now() + Duration::from_millis(1))).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::DeadlineTooClose);
    world.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn the_silence_of_a_service_is_not_blamed_on_the_file() {
    let mut world = World::new();
    world.catalog = Arc::new(MemoryCatalog::default().with_latency(Duration::from_hours(1)));
    let event = world.land("db/t/a.csv", "n\n1\n", 1);
    let error = world.lake().convert(&event, Some(Instant::now() + Duration::from_secs(30))).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::ServiceUnavailable);
    world.assert_untouched();
}

#[tokio::test]
async fn a_table_whose_files_cannot_be_written_does_not_appear() {
    let world = World::new();
    let event = world.land("db/t/a.csv", "n\n1\n", 1);
    let refused =
        StorageError::AccessDenied { action: "s3:PutObject", at: Location::new("clean", "k"), source: "no".into() };
    world.store.inject(Call::Put, Fault::Before(refused));
    assert_eq!(world.lake().convert(&event, None).await.unwrap_err().name(), ErrorName::AccessDenied);
    assert!(world.catalog.table(&TableName::new("db", "t")).await.unwrap().is_none());
    world.assert_untouched();
    // To have asked leaves nothing behind either.
    world.lake().convert(&event, None).await.unwrap();
    assert_eq!(world.store.keys("clean").len(), 2);
}

#[tokio::test]
async fn a_column_whose_file_cannot_be_written_does_not_appear() {
    let world = World::new();
    world.lake().convert(&world.land("db/t/a.csv", "n\n1\n", 1), None).await.unwrap();
    let before = world.columns("db", "t").await;
    let event = world.land("db/t/b.csv", "n,new\n1,2\n", 1);
    let refused =
        StorageError::AccessDenied { action: "s3:PutObject", at: Location::new("clean", "k"), source: "no".into() };
    world.store.inject(Call::Put, Fault::Before(refused));
    assert_eq!(world.lake().convert(&event, None).await.unwrap_err().name(), ErrorName::AccessDenied);
    assert_eq!(world.columns("db", "t").await, before);
    world.lake().convert(&event, None).await.unwrap();
    assert_eq!(world.columns("db", "t").await.len(), 2);
}

#[tokio::test]
async fn bad_keys_and_missing_things_have_names() {
    let world = World::new();
    let convert = async |bucket: &str, key: &str| {
        let event = ObjectCreated { bucket: bucket.into(), key: key.into(), ..ObjectCreated::default() };
        world.lake().convert(&event, None).await.map(|r: Report| r.status).unwrap_err().name()
    };
    assert_eq!(convert("landing", "x.csv").await, ErrorName::InvalidObjectKey);
    assert_eq!(convert("clean", "db/t/x.csv").await, ErrorName::RecursiveOutput);
    assert_eq!(convert("landing", "db/t/x.csv").await, ErrorName::SourceNotFound);
    assert_eq!(convert("nowhere", "db/t/x.csv").await, ErrorName::ResourceNotFound);
    world.assert_untouched();
}
