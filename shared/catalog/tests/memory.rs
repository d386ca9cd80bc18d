//! The catalog in memory keeps what every catalog promises; and commits, where calls are slow, fail, or are counted.

#![allow(clippy::unwrap_used, clippy::panic)]

mod suite;

use std::{sync::Arc, time::Duration};

use arrow::datatypes::DataType;
use cleanzone_catalog::{
    Call, Catalog, Column, Commit, Committer, Error, Evolution, Format, MemoryCatalog, Numbers, Statistics, Table,
    TableName, Trouble,
};
use cleanzone_error::{ErrorName, Fault};
use suite::{Suite, commit, file, file_by_year, location, names, outdated, types, year};
use tokio::{task::JoinSet, time::Instant};

fn orders() -> TableName {
    TableName::new("sales", "orders")
}

fn committer(catalog: &Arc<MemoryCatalog>) -> Committer {
    Committer::new(Arc::clone(catalog) as Arc<dyn Catalog>)
}

#[tokio::test(start_paused = true)]
async fn it_keeps_what_a_catalog_promises() {
    let catalog = Arc::new(MemoryCatalog::new().with_latency(Duration::from_millis(10)));
    Suite { catalog, prefix: "test".into() }.run().await;
}

#[tokio::test]
async fn nothing_new_costs_nothing() {
    let catalog = Arc::new(MemoryCatalog::new());
    let (committer, name) = (committer(&catalog), orders());
    let schema = file_by_year(&[("id", Some(DataType::Int64)), ("note", None)]);
    let partitions = [year(&name, "2025"), year(&name, "2026")];
    let seen = commit(&committer, &name, &schema, &partitions, None).await.unwrap().table;

    let before = catalog.all_calls();
    for _ in 0..100 {
        commit(&committer, &name, &schema, &partitions, Some(seen.clone())).await.unwrap();
    }
    assert_eq!(catalog.all_calls(), before);

    // One look at the one partition that is not remembered, its creation, and one look whether the table has grown.
    commit(&committer, &name, &schema, &[year(&name, "2025"), year(&name, "2027")], Some(seen)).await.unwrap();
    assert_eq!(catalog.all_calls(), before + 3);
    assert_eq!(catalog.calls(Call::Partitions), 0);
}

#[tokio::test(start_paused = true)]
async fn a_table_is_read_once_a_second_and_after_each_change() {
    let catalog = Arc::new(MemoryCatalog::new());
    let (committer, name) = (committer(&catalog), orders());
    assert_eq!(committer.table(&name).await.unwrap(), None);
    commit(&committer, &name, &file(&[("id", Some(DataType::Int64))]), &[], None).await.unwrap();
    let reads = catalog.calls(Call::Table);
    for _ in 0..10 {
        let seen = committer.table(&name).await.unwrap();
        commit(&committer, &name, &file(&[("id", Some(DataType::Int64))]), &[], seen).await.unwrap();
    }
    assert_eq!(catalog.calls(Call::Table), reads + 1);
    // A second one, which remembers the table as it was, adds to what the first has added.
    let seen = committer.table(&name).await.unwrap();
    let other = self::committer(&catalog);
    commit(&other, &name, &file(&[("a", Some(DataType::Int64))]), &[], None).await.unwrap();
    commit(&committer, &name, &file(&[("b", Some(DataType::Int64))]), &[], seen).await.unwrap();
    assert_eq!(committer.table(&name).await.unwrap().unwrap().columns.len(), 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let reads = catalog.calls(Call::Table);
    committer.table(&name).await.unwrap();
    assert_eq!(catalog.calls(Call::Table), reads + 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_forgotten_in_time() {
    let catalog = Arc::new(MemoryCatalog::new());
    let (committer, name) = (committer(&catalog), orders());
    let (schema, partitions) = (file_by_year(&[("id", Some(DataType::Int64))]), [year(&name, "2026")]);
    let seen = commit(&committer, &name, &schema, &partitions, None).await.unwrap().table;
    // Someone drops the table and makes it anew; its partition is gone.
    catalog.put(&name, seen);
    tokio::time::sleep(Duration::from_secs(301)).await;
    let done = commit(&committer, &name, &schema, &partitions, None).await.unwrap();
    assert_eq!(done.partitions_created, 1);
}

#[tokio::test]
async fn a_database_is_made_only_where_it_is_missing() {
    let catalog = Arc::new(MemoryCatalog::new());
    commit(&committer(&catalog), &orders(), &file(&[("id", None)]), &[], None).await.unwrap();
    assert_eq!(catalog.calls(Call::CreateDatabase), 1);
    commit(&committer(&catalog), &TableName::new("sales", "refunds"), &file(&[("id", None)]), &[], None).await.unwrap();
    assert_eq!(catalog.calls(Call::CreateDatabase), 1);
    assert_eq!(catalog.databases(), ["sales"]);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_writers_at_once_end_with_all_columns_in_seconds() {
    // 50 ms is a slow Glue call.
    let catalog = Arc::new(MemoryCatalog::new().with_latency(Duration::from_millis(50)));
    let name = orders();
    let start = Instant::now();
    let mut writers = JoinSet::new();
    for n in 0..100 {
        let (committer, name) = (committer(&catalog), name.clone());
        writers.spawn(async move {
            let columns = [(&*format!("c{n}"), Some(DataType::Int64))];
            commit(&committer, &name, &file_by_year(&columns), &[year(&name, &format!("{}", n % 7))], None).await
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap().unwrap();
    }
    let table = catalog.table(&name).await.unwrap().unwrap();
    assert_eq!(table.columns.len(), 100);
    assert_eq!(outdated(&*catalog, &name).await, (vec![], 7));
    let took = start.elapsed();
    println!("100 writers: {took:?}, {} calls of UpdateTable", catalog.calls(Call::UpdateTable));
    assert!(took < suite::PATIENCE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn races_are_given_up_when_the_time_is_over() {
    let catalog = Arc::new(MemoryCatalog::new());
    let name = orders();
    catalog.put(&name, Table::new(location(&name), vec![], vec![]));
    (0..1000).for_each(|_| catalog.trouble(Call::UpdateTable, Trouble::Stale));
    let committer = Committer::with_jitter(Arc::clone(&catalog) as Arc<dyn Catalog>, Box::new(|| 0.5));
    let schema = file(&[("id", Some(DataType::Int64))]);
    let (start, patience) = (Instant::now(), Duration::from_secs(10));
    let location = location(&name);
    let request = Commit { patience, ..suite::plain(&name, &location, &schema) };
    let error = committer.commit(request).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Conflict);
    // Pauses of 20, 40, … 640 ms, then of a second each.
    assert_eq!(error.to_string(), "sales.orders: other writers were faster 15 times in a row");
    assert!(start.elapsed() <= patience);
}

#[tokio::test]
async fn a_failing_call_fails_the_commit_under_its_name() {
    for (call, name) in [
        (Call::Table, ErrorName::AccessDenied),
        (Call::CreateTable, ErrorName::Throttled),
        (Call::CreateDatabase, ErrorName::LimitExceeded),
        (Call::FindPartitions, ErrorName::ServiceUnavailable),
        (Call::CreatePartitions, ErrorName::AccessDenied),
    ] {
        let catalog = Arc::new(MemoryCatalog::new());
        catalog.trouble(call, Trouble::Fails(name));
        let schema = file_by_year(&[("id", Some(DataType::Int64))]);
        let done = commit(&committer(&catalog), &orders(), &schema, &[year(&orders(), "2026")], None).await;
        assert_eq!(done.unwrap_err().name(), name);
    }
}

/// Wherever a commit is cut short, and whether or not the call that failed had been carried out: the same commit,
/// run again, ends where an undisturbed one does.
#[tokio::test(start_paused = true)]
async fn a_commit_cut_short_is_completed_by_the_next() {
    let name = orders();
    let first = file_by_year(&[("id", Some(DataType::Int64)), ("note", None)]);
    let second = file_by_year(&[("note", Some(DataType::Utf8)), ("zip", Some(DataType::Utf8))]);
    let (old, new) = ([year(&name, "2025"), year(&name, "2026")], [year(&name, "2026"), year(&name, "2027")]);
    let expected = [("id", "bigint"), ("note", "string"), ("zip", "string")];
    let mut cut = 0;
    for call in [
        Call::Table,
        Call::CreateDatabase,
        Call::CreateTable,
        Call::UpdateTable,
        Call::FindPartitions,
        Call::Partitions,
        Call::CreatePartitions,
        Call::UpdatePartitions,
    ] {
        let failing = ErrorName::ServiceUnavailable;
        for trouble in [Trouble::Stale, Trouble::Fails(failing), Trouble::FailsAfter(failing)] {
            for (schema, partitions) in [(&first, &old), (&second, &new)] {
                let catalog = Arc::new(MemoryCatalog::new());
                if std::ptr::eq(schema, &raw const second) {
                    commit(&committer(&catalog), &name, &first, &old, None).await.unwrap();
                }
                catalog.trouble(call, trouble);
                let committer = committer(&catalog);
                if commit(&committer, &name, schema, partitions, None).await.is_err() {
                    cut += 1;
                    commit(&committer, &name, schema, partitions, None).await.unwrap();
                }
                let table = catalog.table(&name).await.unwrap().unwrap();
                let found = catalog.find_partitions(&name, partitions).await.unwrap();
                assert_eq!(found.len(), 2, "{call:?} {trouble:?}");
                assert!(found.iter().all(|held| !held.is_outdated(&table)), "{call:?} {trouble:?}");
                if std::ptr::eq(schema, &raw const second) {
                    assert_eq!(types(&table.columns), expected, "{call:?} {trouble:?}");
                }
            }
        }
    }
    assert!(cut >= 20, "only {cut} commits were cut short");
}

#[tokio::test]
async fn a_partition_made_meanwhile_gets_the_columns_too() {
    let catalog = Arc::new(MemoryCatalog::new());
    let name = orders();
    let first = file_by_year(&[("id", Some(DataType::Int64))]);
    commit(&committer(&catalog), &name, &first, &[year(&name, "2025")], None).await.unwrap();
    let seen = catalog.table(&name).await.unwrap();
    let second = file_by_year(&[("zip", Some(DataType::Utf8))]);
    commit(&committer(&catalog), &name, &second, &[year(&name, "2025")], None).await.unwrap();
    // A slow writer, who has seen the table as it was, makes a partition.
    let done = commit(&committer(&catalog), &name, &first, &[year(&name, "2026")], seen).await.unwrap();
    assert_eq!((done.partitions_created, done.partitions_updated), (1, 1));
    assert_eq!(names(&done.table.columns), ["id", "zip"]);
    assert_eq!(outdated(&*catalog, &name).await, (vec![], 2));
}

/// Partitions have no version: who has listed them before another writer's change writes them as they were.
#[tokio::test]
async fn two_who_refresh_the_partitions_do_not_undo_each_other() {
    let catalog = Arc::new(MemoryCatalog::new());
    let name = orders();
    let first = file_by_year(&[("id", Some(DataType::Int64))]);
    let all = [year(&name, "2024"), year(&name, "2025"), year(&name, "2026")];
    commit(&committer(&catalog), &name, &first, &all, None).await.unwrap();

    let (other, theirs) = (committer(&catalog), name.clone());
    catalog.meanwhile(Call::UpdatePartitions, async move {
        let file = file_by_year(&[("theirs", Some(DataType::Utf8))]);
        commit(&other, &theirs, &file, &[year(&theirs, "2026")], None).await.unwrap();
    });
    let file = file_by_year(&[("ours", Some(DataType::Utf8))]);
    let done = commit(&committer(&catalog), &name, &file, &[year(&name, "2025")], None).await.unwrap();
    assert_eq!(names(&done.table.columns), ["id", "ours", "theirs"]);
    assert_eq!(outdated(&*catalog, &name).await, (vec![], 3));
}

#[tokio::test]
async fn a_race_is_lost_and_run_again() {
    let catalog = Arc::new(MemoryCatalog::new());
    let name = orders();
    for (call, column) in [(Call::CreateTable, "first"), (Call::UpdateTable, "second")] {
        let (other, theirs) = (committer(&catalog), name.clone());
        catalog.meanwhile(call, async move {
            let file = file(&[("shared", None), (&*format!("theirs_{column}"), Some(DataType::Int64))]);
            commit(&other, &theirs, &file, &[], None).await.unwrap();
        });
        let file = file(&[("shared", None), (column, Some(DataType::Int64))]);
        let done = commit(&committer(&catalog), &name, &file, &[], None).await.unwrap();
        assert_eq!((done.created, done.conflicts, done.added), (false, 1, vec![column.to_owned()]));
    }
    let table = catalog.table(&name).await.unwrap().unwrap();
    assert_eq!(names(&table.columns), ["first", "second", "shared", "theirs_first", "theirs_second"]);
}

#[tokio::test]
async fn tables_of_others_are_written_only_where_they_fit() {
    let catalog = Arc::new(MemoryCatalog::new());
    let name = orders();
    let mut theirs =
        Table::new("s3a://clean/sales/orders", vec![Column::new("id", "bigint")], vec![Column::new("year", "int")]);
    theirs.parameters.insert("team".into(), "finance".into());
    catalog.put(&name, theirs.clone());
    let schema = file_by_year(&[("zip", Some(DataType::Utf8))]);
    commit(&committer(&catalog), &name, &schema, &[year(&name, "2026")], None).await.unwrap();
    let table = catalog.table(&name).await.unwrap().unwrap();
    assert_eq!((table.location, table.parameters), (theirs.location.clone(), theirs.parameters.clone()));

    let before = catalog.calls(Call::UpdateTable);
    let grows = file_by_year(&[("new", Some(DataType::Utf8))]);
    let error = commit(&committer(&catalog), &name, &grows, &[year(&name, "late")], None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    catalog.put(&name, Table { format: Format::Other("an Iceberg table".into()), ..theirs });
    let error = commit(&committer(&catalog), &name, &schema, &[year(&name, "2026")], None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    assert_eq!(catalog.calls(Call::UpdateTable), before);
}

#[tokio::test]
async fn a_table_that_vanishes_is_made_again() {
    let catalog = Arc::new(MemoryCatalog::new());
    let (committer, name) = (committer(&catalog), orders());
    commit(&committer, &name, &file(&[("id", Some(DataType::Int64))]), &[], None).await.unwrap();
    let seen = catalog.table(&name).await.unwrap();
    catalog.drop_table(&name);
    let done = commit(&committer, &name, &file(&[("zip", Some(DataType::Utf8))]), &[], seen).await.unwrap();
    assert!(done.created);
    assert_eq!(types(&done.table.columns), [("zip", "string")]);
}

#[tokio::test]
async fn a_closed_table_takes_no_column_that_came_between() {
    let catalog = Arc::new(MemoryCatalog::new());
    let (committer, name) = (committer(&catalog), orders());
    commit(&committer, &name, &file(&[("id", Some(DataType::Int64))]), &[], None).await.unwrap();
    let (place, schema) = (location(&name), file(&[("id", Some(DataType::Int64)), ("zip", Some(DataType::Utf8))]));
    for (evolution, transient) in [(Evolution::Fail, false), (Evolution::Fixed, true), (Evolution::Rescue, true)] {
        let request = Commit { evolution, ..suite::plain(&name, &place, &schema) };
        let error = committer.commit(request).await.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{error}");
        assert_eq!(matches!(error, Error::Reread { .. }), transient, "{error}");
    }
    assert_eq!(names(&catalog.table(&name).await.unwrap().unwrap().columns), ["id"]);
}

#[tokio::test]
async fn many_partitions_take_few_calls_and_none_when_known() {
    let catalog = Arc::new(MemoryCatalog::new());
    let (committer, name) = (committer(&catalog), orders());
    let schema = file_by_year(&[("id", Some(DataType::Int64))]);
    let all: Vec<_> = (0..5_000).map(|n| year(&name, &n.to_string())).collect();
    let done = commit(&committer, &name, &schema, &all, None).await.unwrap();
    assert_eq!(done.partitions_created, 5_000);
    assert_eq!((catalog.calls(Call::FindPartitions), catalog.calls(Call::CreatePartitions)), (5, 5));
    let before = catalog.all_calls();
    commit(&committer, &name, &schema, &all, None).await.unwrap();
    // One look at the table.
    assert_eq!((catalog.all_calls(), catalog.calls(Call::Partitions)), (before + 1, 0));
}

/// Numbers are put into partitions as they were read; a column that comes meanwhile is not lost by that.
#[tokio::test(start_paused = true)]
async fn numbers_do_not_undo_columns() {
    for call in [Call::FindPartitions, Call::UpdatePartitions, Call::UpdateTable] {
        for table in [None, Some(Numbers { rows: 5, files: 1, bytes: 50 })] {
            let catalog = Arc::new(MemoryCatalog::new());
            let (committer, name) = (committer(&catalog), orders());
            let partitions = [year(&name, "2025"), year(&name, "2026")];
            let schema = file_by_year(&[("id", Some(DataType::Int64))]);
            commit(&committer, &name, &schema, &partitions, None).await.unwrap();

            let (other, theirs) = (Committer::new(Arc::clone(&catalog) as Arc<dyn Catalog>), name.clone());
            catalog.meanwhile(call, async move {
                let file = file_by_year(&[("theirs", Some(DataType::Utf8))]);
                commit(&other, &theirs, &file, &[year(&theirs, "2026")], None).await.unwrap();
            });
            let numbers = Numbers { rows: 3, files: 1, bytes: 30 };
            let statistics = Statistics { table, partitions: [(vec!["2026".to_owned()], numbers)].into() };
            assert!(committer.record_statistics(&name, suite::ID, &statistics, suite::PATIENCE).await.unwrap());
            // Without numbers of the table there is no such call to come between.
            let expected: &[&str] =
                if call == Call::UpdateTable && table.is_none() { &["id"] } else { &["id", "theirs"] };
            let held = catalog.table(&name).await.unwrap().unwrap();
            assert_eq!(names(&held.columns), expected, "{call:?}");
            assert_eq!(held.parameters.contains_key("numRows"), table.is_some());
            assert_eq!(outdated(&*catalog, &name).await, (vec![], 2), "{call:?}");
            let found = catalog.find_partitions(&name, &partitions[1..]).await.unwrap();
            assert_eq!(found[0].parameters["numRows"], "3", "{call:?}");
        }
    }
}
