//! Findings that do not keep a file from being converted: they are told once, and kept in the record.

#![allow(clippy::unwrap_used, clippy::panic)]

use cleanzone_lake::Status;
use cleanzone_storage::Location;
use serde_json::{Value, json};

use crate::world::World;

mod world;

/// The record of the only object that was converted.
fn record(world: &World) -> (Location, Value) {
    let key = world.store.keys("clean").into_iter().find(|key| key.starts_with("_cleanzone/commits/")).unwrap();
    let at = Location::new("clean", key);
    let record = serde_json::from_slice(&world.store.content(&at).unwrap()).unwrap();
    (at, record)
}

#[tokio::test]
async fn a_redelivered_event_tells_of_no_warning_again_and_the_record_keeps_them() {
    let world = World::new();
    let event = world.land("db/t/a.csv", "n\n1\n", 1);
    world.lake().convert(&event, None).await.unwrap();
    let (at, mut before) = record(&world);
    before["report"]["warnings"] = json!([{"kind": "AbsentColumn", "column": "a", "message": "absent"}]);
    before["report"]["warnings_by_kind"] = json!({"AbsentColumn": 1});
    world.store.insert(&at, before.to_string());

    let report = world.lake().convert(&event, None).await.unwrap();
    assert_eq!((report.status, report.content.rows), (Status::Unchanged, 1));
    assert_eq!((report.warnings.len(), report.warnings_by_kind.len()), (0, 0));
    assert_eq!(record(&world).1, before);
}

#[tokio::test]
async fn a_record_from_before_there_were_warnings_is_read() {
    let world = World::new();
    let event = world.land("db/t/a.csv", "n\n1\n", 1);
    world.lake().convert(&event, None).await.unwrap();
    let (_, record) = record(&world);
    assert_eq!((record["report"].get("warnings"), record["report"].get("warnings_by_kind")), (None, None));
    assert_eq!(world.lake().convert(&event, None).await.unwrap().status, Status::Unchanged);
}
