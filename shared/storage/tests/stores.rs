//! The stores that need no network.

use cleanzone_storage::{LocalStore, MemoryStore};

use crate::common::{Subject, every_case};

mod common;

#[tokio::test]
async fn memory() {
    let store = MemoryStore::new(["bucket"]);
    every_case(&Subject { store: &store, bucket: "bucket" }).await;
}

#[tokio::test]
async fn memory_with_versions() {
    let store = MemoryStore::new(["bucket"]).versioned();
    every_case(&Subject { store: &store, bucket: "bucket" }).await;
}

#[tokio::test]
async fn local_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bucket")).unwrap();
    let store = LocalStore::new(folder.path());
    every_case(&Subject { store: &store, bucket: "bucket" }).await;
}
