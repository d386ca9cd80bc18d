//! The stores that need no network.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests end tests")]

use std::{collections::BTreeMap, fs, path::Path};

use cleanzone_storage::{
    Call, Error, Fault, LocalStore, Location, MemoryStore, ObjectStore, Pin, Precondition, WriteOptions,
};
use tempfile::TempDir;

use crate::common::{Subject, every_case, noise, preconditions_hold_for_copies, rest};

mod common;

const ANY: Precondition = Precondition::None;

fn at(key: &str) -> Location {
    Location::new("bucket", key)
}

#[tokio::test]
async fn memory() {
    let store = MemoryStore::new(["bucket"]);
    let subject = Subject { store: &store, bucket: "bucket" };
    every_case(&subject).await;
    preconditions_hold_for_copies(&subject, 10).await;
    assert_eq!(store.pending_uploads(), 0);
}

#[tokio::test]
async fn memory_with_versions() {
    let store = MemoryStore::new(["bucket"]).versioned();
    every_case(&Subject { store: &store, bucket: "bucket" }).await;
}

#[tokio::test]
async fn memory_keeps_versions() {
    let store = MemoryStore::new(["bucket"]).versioned();
    let first = store.insert(&at("k"), "first").version;
    store.insert(&at("k"), "second");
    store.remove(&at("k"));
    assert!(store.get(&at("k")).await.unwrap().is_none());
    assert!(store.keys("bucket").is_empty());
    let mut reader = store.open(&at("k"), &Pin { version: first, etag: None }).await.unwrap();
    assert_eq!(rest(&mut *reader).await.unwrap(), "first");
    let pin = Pin { version: Some("v9".into()), etag: None };
    assert!(matches!(store.open(&at("k"), &pin).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn memory_changes_an_object_between_ranges() {
    let store = MemoryStore::new(["bucket"]);
    store.insert(&at("k"), noise(200_000, 1));
    store.inject(Call::Read, Fault::Pass);
    store.inject(Call::Read, Fault::Meanwhile(Box::new(|store| drop(store.insert(&at("k"), "other")))));
    let mut reader = store.open(&at("k"), &Pin::default()).await.unwrap();
    assert!(reader.next().await.unwrap().is_some());
    assert!(matches!(reader.next().await, Err(Error::Changed(found)) if found == at("k")));
}

#[tokio::test]
async fn memory_loses_the_answer_to_a_write_that_took_effect() {
    let store = MemoryStore::new(["bucket"]);
    let mut staged = store.upload(&at("k"), &WriteOptions::default()).await.unwrap().finish().await.unwrap();
    store.inject(Call::Publish, Fault::After(Error::Unavailable(at("k"), "lost".into())));
    assert!(staged.publish(&Precondition::Absent).await.is_err());
    assert_eq!(store.keys("bucket"), ["k"]);
    // As in S3, it recognises its own.
    staged.publish(&Precondition::Absent).await.unwrap();
    assert_eq!((store.calls(Call::Publish), store.pending_uploads()), (2, 0));
}

#[tokio::test]
async fn memory_counts_uploads_that_were_forgotten() {
    let store = MemoryStore::new(["bucket"]);
    drop(store.upload(&at("k"), &WriteOptions::default()).await.unwrap());
    store.upload(&at("k"), &WriteOptions::default()).await.unwrap().abort().await.unwrap();
    assert_eq!(store.pending_uploads(), 1);
}

fn folder() -> (TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bucket")).unwrap();
    let store = LocalStore::new(folder.path());
    (folder, store)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn local() {
    let (folder, store) = folder();
    let subject = Subject { store: &store, bucket: "bucket" };
    every_case(&subject).await;
    preconditions_hold_for_copies(&subject, 10).await;
    // Of everything that was given up or removed, nothing is left.
    let hidden = folder.path().join("bucket/.cleanzone");
    assert_eq!(names(&hidden), ["metadata"]);
    assert_eq!(names(&hidden.join("metadata")), ["metadata"]);
}

#[tokio::test]
async fn local_stays_within_its_folder() {
    let (folder, store) = folder();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let keys =
        ["../secret", "a/../../secret", "/etc/hostname", "a//b", "a/./b", "a/", "", "..", ".cleanzone/x", "a\0b"];
    let options = WriteOptions::default();
    for key in keys {
        let at = at(key);
        assert!(matches!(store.head(&at).await, Err(Error::Io(..))), "{key}");
        assert!(matches!(store.get(&at).await, Err(Error::Io(..))), "{key}");
        assert!(matches!(store.open(&at, &Pin::default()).await, Err(Error::Io(..))), "{key}");
        assert!(matches!(store.put(&at, "x".into(), &ANY, &options).await, Err(Error::Io(..))), "{key}");
        assert!(matches!(store.upload(&at, &options).await, Err(Error::Io(..))), "{key}");
        let copy = store.copy(&Location::new("bucket", "x"), &Pin::default(), &at, &ANY, &options).await;
        assert!(matches!(copy, Err(Error::Io(..))), "{key}");
        let copy = store.copy(&at, &Pin::default(), &Location::new("bucket", "x"), &ANY, &options).await;
        assert!(matches!(copy, Err(Error::Io(..))), "{key}");
        assert!(matches!(store.delete(&[at]).await, Err(Error::Io(..))), "{key}");
    }
    for bucket in ["..", ".", "", "bucket/..", "/etc", "secret/.."] {
        let at = Location::new(bucket, "hostname");
        assert!(matches!(store.get(&at).await, Err(Error::NoBucket(_))), "{bucket}");
        assert!(matches!(store.put(&at, "x".into(), &ANY, &options).await, Err(Error::NoBucket(_))), "{bucket}");
        assert!(matches!(store.list(bucket, "").await, Err(Error::NoBucket(_))), "{bucket}");
    }
    assert!(names(&folder.path().join("bucket")).is_empty());
}

#[tokio::test]
async fn local_leaves_nothing_but_the_object() {
    let (folder, store) = folder();
    let options = WriteOptions { metadata: BTreeMap::from([("a".into(), "b".into())]), ..WriteOptions::default() };
    store.put(&at("x/y/one"), "1".into(), &ANY, &options).await.unwrap();
    store.put(&at("x/y/one"), "2".into(), &ANY, &WriteOptions::default()).await.unwrap();
    assert_eq!(names(&folder.path().join("bucket")), ["x"]);
    store.delete(&[at("x/y/one")]).await.unwrap();
    assert!(names(&folder.path().join("bucket")).is_empty());
}

#[tokio::test]
async fn local_removes_what_was_dropped_halfway() {
    let (folder, store) = folder();
    let mut upload = store.upload(&at("k"), &WriteOptions::default()).await.unwrap();
    upload.write(noise(3_000_000, 1)).await.unwrap();
    drop(upload.finish().await.unwrap());
    assert!(names(&folder.path().join("bucket")).is_empty());
}

#[tokio::test]
async fn local_does_not_show_what_another_process_left() {
    let (folder, store) = folder();
    fs::create_dir_all(folder.path().join("bucket/.cleanzone")).unwrap();
    fs::write(folder.path().join("bucket/.cleanzone/write-1-1"), "half").unwrap();
    assert!(store.list("bucket", "").await.unwrap().is_empty());
}

#[tokio::test]
async fn local_notices_an_edit_in_place() {
    let (folder, store) = folder();
    let path = folder.path().join("bucket/k");
    fs::write(&path, noise(5_000_000, 1)).unwrap();
    let mut reader = store.open(&at("k"), &Pin::default()).await.unwrap();
    let etag = reader.meta().etag.clone();
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut f| std::io::Write::write_all(&mut f, b"more"))
        .unwrap();
    assert!(matches!(rest(&mut *reader).await, Err(Error::Changed(_))));

    let mut reader = store.open(&at("k"), &Pin::default()).await.unwrap();
    assert_ne!(reader.meta().etag, etag);
    fs::OpenOptions::new().write(true).open(&path).and_then(|f| f.set_len(10)).unwrap();
    assert!(matches!(rest(&mut *reader).await, Err(Error::Changed(_))));
}

#[tokio::test]
async fn local_has_no_object_inside_another() {
    let (_folder, store) = folder();
    let options = WriteOptions::default();
    store.put(&at("a/b"), "1".into(), &ANY, &options).await.unwrap();
    assert!(store.head(&at("a")).await.unwrap().is_none());
    assert!(store.head(&at("a/b/c")).await.unwrap().is_none());
    assert!(matches!(store.put(&at("a"), "2".into(), &ANY, &options).await, Err(Error::Io(..))));
    assert!(matches!(store.put(&at("a/b/c"), "2".into(), &ANY, &options).await, Err(Error::Io(..))));
    store.delete(&[at("a/b/c")]).await.unwrap();
    assert_eq!(store.get(&at("a/b")).await.unwrap().unwrap().0, "1");
}
