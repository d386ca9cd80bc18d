//! What holds of every store: the same cases for S3, a local folder and memory.

use std::{collections::BTreeMap, time::SystemTime};

use bytes::{Bytes, BytesMut};
use cleanzone_storage::{Error, Location, ObjectReader, ObjectStore, Pin, Precondition, Result, Staged, WriteOptions};

/// A store with an empty bucket.
pub(crate) struct Subject<'a> {
    pub(crate) store: &'a dyn ObjectStore,
    pub(crate) bucket: &'a str,
}

impl Subject<'_> {
    fn at(&self, key: &str) -> Location {
        Location::new(self.bucket, key)
    }

    async fn put(&self, key: &str, body: impl Into<Bytes>) -> String {
        self.put_if(key, body, &Precondition::None).await.unwrap()
    }

    async fn put_if(&self, key: &str, body: impl Into<Bytes>, when: &Precondition) -> Result<String> {
        self.store.put(&self.at(key), body.into(), when, &WriteOptions::default()).await
    }

    async fn content(&self, key: &str) -> Option<Bytes> {
        self.store.get(&self.at(key)).await.unwrap().map(|(body, _)| body)
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        self.store.list(self.bucket, prefix).await.unwrap().into_iter().map(|(key, _)| key).collect()
    }

    /// An object of these pieces, written and not yet visible.
    async fn stage(&self, key: &str, pieces: &[Bytes]) -> Box<dyn Staged> {
        let mut upload = self.store.upload(&self.at(key), &WriteOptions::default()).await.unwrap();
        for piece in pieces {
            upload.write(piece.clone()).await.unwrap();
        }
        upload.finish().await.unwrap()
    }
}

/// Everything that is left of a reader.
pub(crate) async fn rest(reader: &mut dyn ObjectReader) -> Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(chunk) = reader.next().await? {
        assert!(!chunk.is_empty());
        body.extend_from_slice(&chunk);
    }
    assert!(reader.next().await?.is_none(), "the end stays the end");
    Ok(body.freeze())
}

/// Bytes of which no two places look alike.
pub(crate) fn noise(size: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

/// More than two of the smallest parts that S3 takes, and than any one read.
const LARGE: usize = 11 * 1024 * 1024 + 17;

/// Every case, on its own keys.
pub(crate) async fn every_case(on: &Subject<'_>) {
    a_small_object_comes_back(on).await;
    an_empty_object_comes_back(on).await;
    a_large_object_comes_back_in_order(on).await;
    what_does_not_exist_is_named(on).await;
    keys_are_taken_as_they_are(on).await;
    metadata_comes_back(on).await;
    an_entity_tag_pins(on).await;
    an_object_replaced_while_it_is_read_is_never_mixed(on).await;
    an_object_removed_while_it_is_read_is_never_cut(on).await;
    preconditions_hold_for_puts(on).await;
    preconditions_hold_for_uploads_of_any_size(on).await;
    a_copy_is_the_same_with_metadata_of_its_own(on).await;
    a_copy_is_of_the_version_that_was_asked_for(on).await;
    only_one_of_many_writers_is_first(on).await;
    only_one_of_many_writers_replaces(on).await;
    nothing_shows_before_publication(on).await;
    nothing_stays_of_what_is_given_up(on).await;
    removing_is_repeatable(on).await;
    only_what_was_looked_at_is_removed(on).await;
    a_listing_is_in_order(on).await;
}

async fn a_small_object_comes_back(on: &Subject<'_>) {
    let before = SystemTime::now();
    let etag = on.put("small/a.csv", "a,b\n1,2\n").await;
    assert!(!etag.is_empty() && !etag.contains('"'));

    let (body, meta) = on.store.get(&on.at("small/a.csv")).await.unwrap().unwrap();
    assert_eq!(body, "a,b\n1,2\n");
    assert_eq!((meta.size, &meta.etag), (8, &etag));
    let age = meta.last_modified.duration_since(before).unwrap_or_else(|e| e.duration());
    assert!(age.as_secs() < 60, "{age:?}");

    let mut reader = on.store.open(&on.at("small/a.csv"), &Pin::default()).await.unwrap();
    assert_eq!(reader.meta(), &meta);
    assert_eq!(rest(&mut *reader).await.unwrap(), "a,b\n1,2\n");
    assert_eq!(on.store.head(&on.at("small/a.csv")).await.unwrap().unwrap(), meta);
}

async fn an_empty_object_comes_back(on: &Subject<'_>) {
    let put = on.put("empty/put", "").await;
    let mut staged = on.stage("empty/upload", &[]).await;
    assert_eq!(staged.size(), 0);
    staged.publish(&Precondition::Absent).await.unwrap();
    for key in ["empty/put", "empty/upload"] {
        assert_eq!(on.content(key).await.unwrap(), "");
        let mut reader = on.store.open(&on.at(key), &Pin::default()).await.unwrap();
        assert_eq!(reader.meta().size, 0);
        assert_eq!(rest(&mut *reader).await.unwrap(), "");
    }
    let pinned = Pin { etag: Some(put), ..Pin::default() };
    assert_eq!(on.store.open(&on.at("empty/put"), &pinned).await.unwrap().meta().size, 0);
}

async fn a_large_object_comes_back_in_order(on: &Subject<'_>) {
    let body = noise(LARGE, 1);
    // One piece, and pieces that end nowhere near a part.
    let cut: Vec<_> = (0..LARGE).step_by(3_333_333).map(|i| body.slice(i..LARGE.min(i + 3_333_333))).collect();
    for (key, pieces) in [("large/whole", vec![body.clone()]), ("large/cut", cut)] {
        let mut staged = on.stage(key, &pieces).await;
        assert_eq!((staged.size(), staged.location()), (LARGE as u64, &on.at(key)));
        let etag = staged.publish(&Precondition::Absent).await.unwrap();
        let mut reader = on.store.open(&on.at(key), &Pin::default()).await.unwrap();
        assert_eq!((reader.meta().size, &reader.meta().etag), (LARGE as u64, &etag));
        assert!(rest(&mut *reader).await.unwrap() == body, "{key} differs");
        assert!(on.content(key).await.unwrap() == body, "{key} differs");
    }
}

async fn what_does_not_exist_is_named(on: &Subject<'_>) {
    let nothing = on.at("nothing/here");
    let pin = Pin::default();
    assert!(on.store.head(&nothing).await.unwrap().is_none());
    assert!(on.store.get(&nothing).await.unwrap().is_none());
    assert!(matches!(on.store.open(&nothing, &pin).await, Err(Error::NotFound(at)) if at == nothing));

    let bucket = format!("{}-that-is-not-there", on.bucket);
    let nowhere = Location::new(&bucket, "key");
    let options = WriteOptions::default();
    assert!(on.store.head(&nowhere).await.unwrap().is_none());
    let missing = |error: Error| matches!(error, Error::NoBucket(name) if name == bucket);
    assert!(missing(on.store.get(&nowhere).await.unwrap_err()));
    assert!(missing(on.store.open(&nowhere, &pin).await.unwrap_err()));
    assert!(missing(on.store.put(&nowhere, "x".into(), &Precondition::None, &options).await.unwrap_err()));
    assert!(missing(on.store.delete(std::slice::from_ref(&nowhere)).await.unwrap_err()));
    assert!(missing(on.store.list(&bucket, "").await.unwrap_err()));
    // A small upload may find out late.
    let late = async {
        let mut upload = on.store.upload(&nowhere, &options).await?;
        upload.write("x".into()).await?;
        upload.finish().await?.publish(&Precondition::None).await
    };
    assert!(missing(late.await.unwrap_err()));
}

async fn keys_are_taken_as_they_are(on: &Subject<'_>) {
    let keys = ["a b+c%20d.csv", "größe=ä/ß.csv", "q&a?x#y;z.csv", "(1)'2\"3!*.csv", "year=2026/month=11/..x"];
    for key in keys {
        on.put(&format!("keys/{key}"), key.to_owned()).await;
    }
    for key in keys {
        assert_eq!(on.content(&format!("keys/{key}")).await.unwrap(), key);
        assert_eq!(on.keys(&format!("keys/{key}")).await, [format!("keys/{key}")]);
    }
    assert_eq!(on.keys("keys/").await.len(), keys.len());
}

async fn metadata_comes_back(on: &Subject<'_>) {
    let metadata = BTreeMap::from([("made-by".to_owned(), "a test".to_owned()), ("rows".to_owned(), "3".to_owned())]);
    let options = WriteOptions { content_type: Some("text/csv"), metadata: metadata.clone() };
    on.store.put(&on.at("metadata/put"), "x".into(), &Precondition::None, &options).await.unwrap();
    for (key, size) in [("metadata/small", 1), ("metadata/large", LARGE)] {
        let mut upload = on.store.upload(&on.at(key), &options).await.unwrap();
        upload.write(noise(size, 2)).await.unwrap();
        upload.finish().await.unwrap().publish(&Precondition::None).await.unwrap();
    }
    for key in ["metadata/put", "metadata/small", "metadata/large"] {
        assert_eq!(on.store.head(&on.at(key)).await.unwrap().unwrap().metadata, metadata, "{key}");
        let reader = on.store.open(&on.at(key), &Pin::default()).await.unwrap();
        assert_eq!(reader.meta().metadata, metadata, "{key}");
    }
    // It belongs to what was written, not to the key.
    on.put("metadata/put", "y").await;
    assert!(on.store.head(&on.at("metadata/put")).await.unwrap().unwrap().metadata.is_empty());
}

async fn an_entity_tag_pins(on: &Subject<'_>) {
    let at = on.at("pin/etag");
    let first = on.put("pin/etag", "first").await;
    let pin = Pin { etag: Some(first), ..Pin::default() };
    let mut reader = on.store.open(&at, &pin).await.unwrap();
    assert_eq!(rest(&mut *reader).await.unwrap(), "first");
    on.put("pin/etag", "second").await;
    assert!(matches!(on.store.open(&at, &pin).await, Err(Error::Changed(found)) if found == at));
}

async fn an_object_replaced_while_it_is_read_is_never_mixed(on: &Subject<'_>) {
    let (old, new) = (noise(LARGE, 3), noise(LARGE, 4));
    on.put("replaced", old.clone()).await;
    let mut reader = on.store.open(&on.at("replaced"), &Pin::default()).await.unwrap();
    on.put("replaced", new).await;
    match rest(&mut *reader).await {
        Ok(read) => assert!(read == old),
        Err(Error::Changed(at)) => assert_eq!(at, on.at("replaced")),
        Err(error) => panic!("{error:?}"),
    }
}

async fn an_object_removed_while_it_is_read_is_never_cut(on: &Subject<'_>) {
    let body = noise(LARGE, 5);
    on.put("removed", body.clone()).await;
    let mut reader = on.store.open(&on.at("removed"), &Pin::default()).await.unwrap();
    on.store.delete(&[on.at("removed")]).await.unwrap();
    match rest(&mut *reader).await {
        Ok(read) => assert!(read == body),
        Err(Error::Changed(at)) => assert_eq!(at, on.at("removed")),
        Err(error) => panic!("{error:?}"),
    }
}

fn refused(outcome: &Result<String>, at: &Location) {
    assert!(matches!(outcome, Err(Error::Precondition(found)) if found == at), "{outcome:?}");
}

async fn preconditions_hold_for_puts(on: &Subject<'_>) {
    let at = on.at("when/put");
    refused(&on.put_if("when/put", "0", &Precondition::Matches("0123".into())).await, &at);
    let one = on.put_if("when/put", "1", &Precondition::Absent).await.unwrap();
    refused(&on.put_if("when/put", "2", &Precondition::Absent).await, &at);
    refused(&on.put_if("when/put", "2", &Precondition::Matches("0123".into())).await, &at);
    let two = on.put_if("when/put", "22", &Precondition::Matches(one.clone())).await.unwrap();
    refused(&on.put_if("when/put", "3", &Precondition::Matches(one)).await, &at);
    assert_eq!(on.content("when/put").await.unwrap(), "22");
    assert_eq!(on.store.head(&at).await.unwrap().unwrap().etag, two);
    on.store.delete(&[at]).await.unwrap();
    on.put_if("when/put", "4", &Precondition::Absent).await.unwrap();
}

async fn preconditions_hold_for_uploads_of_any_size(on: &Subject<'_>) {
    for (key, size) in [("when/small", 10), ("when/large", LARGE)] {
        let at = on.at(key);
        let other = on.put(key, "other").await;
        let body = noise(size, 6);
        let mut staged = on.stage(key, std::slice::from_ref(&body)).await;
        refused(&staged.publish(&Precondition::Absent).await, &at);
        refused(&staged.publish(&Precondition::Matches("0123".into())).await, &at);
        assert_eq!(on.content(key).await.unwrap(), "other");
        // It stays good for another attempt.
        let etag = staged.publish(&Precondition::Matches(other)).await.unwrap();
        assert!(on.content(key).await.unwrap() == body);
        assert_eq!(on.store.head(&at).await.unwrap().unwrap().etag, etag);
    }
}

async fn a_copy_is_the_same_with_metadata_of_its_own(on: &Subject<'_>) {
    let metadata = |name: &str| BTreeMap::from([(name.to_owned(), "a test".to_owned())]);
    let of = |name: &str| WriteOptions { content_type: Some("text/csv"), metadata: metadata(name) };
    for (key, size) in [("a b+c%20d/größe.csv", 1000), ("large", LARGE), ("empty", 0)] {
        let (from, to) = (on.at(&format!("metadata/copied/{key}")), on.at(&format!("metadata/copies/{key}")));
        let body = noise(size, 10);
        let mut upload = on.store.upload(&from, &of("original")).await.unwrap();
        upload.write(body.clone()).await.unwrap();
        upload.finish().await.unwrap().publish(&Precondition::None).await.unwrap();

        let etag = on.store.copy(&from, &Pin::default(), &to, &Precondition::None, &of("copy")).await.unwrap();
        let meta = on.store.head(&to).await.unwrap().unwrap();
        assert_eq!((meta.size, meta.etag, meta.metadata), (size as u64, etag, metadata("copy")), "{key}");
        assert!(on.content(&to.key).await.unwrap() == body, "{key} differs");
        assert_eq!(on.store.head(&from).await.unwrap().unwrap().metadata, metadata("original"), "{key}");
    }
}

async fn a_copy_is_of_the_version_that_was_asked_for(on: &Subject<'_>) {
    let (from, to) = (on.at("copied/pinned"), on.at("copies/pinned"));
    let options = WriteOptions::default();
    let copy = async |pin: &Pin| on.store.copy(&from, pin, &to, &Precondition::None, &options).await;
    let missing = copy(&Pin::default()).await;
    assert!(matches!(&missing, Err(Error::NotFound(at)) if *at == from), "{missing:?}");
    let first = Pin { etag: Some(on.put("copied/pinned", "first").await), version: None };
    let version = on.store.head(&from).await.unwrap().unwrap().version;
    on.put("copied/pinned", "second").await;
    let changed = copy(&first).await;
    assert!(matches!(&changed, Err(Error::Changed(at)) if *at == from), "{changed:?}");
    assert!(on.content("copies/pinned").await.is_none());
    if version.is_some() {
        copy(&Pin { version, etag: None }).await.unwrap();
        assert_eq!(on.content("copies/pinned").await.unwrap(), "first");
    }
    let nowhere = Location::new(format!("{}-that-is-not-there", on.bucket), "key");
    let lost = on.store.copy(&from, &Pin::default(), &nowhere, &Precondition::None, &options).await;
    assert!(matches!(&lost, Err(Error::NoBucket(name)) if *name == nowhere.bucket), "{lost:?}");
}

/// Beside [`every_case`], because the local lake does not look at the conditions of a `CopyObject`.
#[allow(dead_code, reason = "not for every store")]
pub(crate) async fn preconditions_hold_for_copies(on: &Subject<'_>, size: usize) {
    let body = noise(size, 11);
    let (from, to) = (on.at("when/copied"), on.at("when/copy"));
    on.put("when/copied", body.clone()).await;
    let options = WriteOptions::default();
    let copy = async |when: &Precondition| on.store.copy(&from, &Pin::default(), &to, when, &options).await;
    refused(&copy(&Precondition::Matches("0123".into())).await, &to);
    copy(&Precondition::Absent).await.unwrap();
    refused(&copy(&Precondition::Absent).await, &to);
    let other = on.put("when/copy", "other").await;
    refused(&copy(&Precondition::Matches("0123".into())).await, &to);
    assert_eq!(on.content("when/copy").await.unwrap(), "other");
    copy(&Precondition::Matches(other)).await.unwrap();
    assert!(on.content("when/copy").await.unwrap() == body);
}

async fn only_one_of_many_writers_is_first(on: &Subject<'_>) {
    let mut a = on.stage("first", &["a".into()]).await;
    let mut b = on.stage("first", &[noise(LARGE, 9)]).await;
    let when = Precondition::Absent;
    let (one, two, three) = tokio::join!(a.publish(&when), b.publish(&when), on.put_if("first", "c", &when));
    assert_eq!([one, two, three].iter().filter(|outcome| outcome.is_ok()).count(), 1);
    // To give up what is published already does nothing.
    let published = on.content("first").await;
    a.abort().await.unwrap();
    b.abort().await.unwrap();
    assert!(published.is_some() && on.content("first").await == published);
}

async fn only_one_of_many_writers_replaces(on: &Subject<'_>) {
    let when = Precondition::Matches(on.put("replaces", "0").await);
    let mut a = on.stage("replaces", &["a".into()]).await;
    let (one, two, three) =
        tokio::join!(a.publish(&when), on.put_if("replaces", "b", &when), on.put_if("replaces", "c", &when));
    let outcomes = ["a", "b", "c"].into_iter().zip([one, two, three]);
    let won: Vec<_> = outcomes.filter(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(on.content("replaces").await.unwrap(), won[0].0);
    a.abort().await.unwrap();
}

async fn nothing_shows_before_publication(on: &Subject<'_>) {
    for (key, size) in [("hidden/small", 10), ("hidden/large", LARGE)] {
        let mut staged = on.stage(key, &[noise(size, 7)]).await;
        assert!(on.store.head(&on.at(key)).await.unwrap().is_none());
        assert!(on.keys(key).await.is_empty());
        staged.publish(&Precondition::None).await.unwrap();
        assert_eq!(on.keys(key).await, [key]);
    }
}

async fn nothing_stays_of_what_is_given_up(on: &Subject<'_>) {
    let options = WriteOptions::default();
    for size in [0, 10, LARGE] {
        let mut upload = on.store.upload(&on.at("given-up"), &options).await.unwrap();
        upload.write(noise(size, 8)).await.unwrap();
        upload.abort().await.unwrap();
        on.stage("given-up", &[noise(size, 8)]).await.abort().await.unwrap();
    }
    assert!(on.keys("given-up").await.is_empty());
}

async fn removing_is_repeatable(on: &Subject<'_>) {
    on.store.delete(&[]).await.unwrap();
    for count in [1, 3, 1005] {
        let keys: Vec<_> = (0..count).map(|i| format!("gone/{count}/{i:04}")).collect();
        // Two of them are enough to see that a batch removes what is there and passes over what is not.
        for key in [&keys[0], &keys[count - 1]] {
            on.put(key, "x").await;
        }
        let at: Vec<_> = keys.iter().map(|key| on.at(key)).collect();
        on.store.delete(&at).await.unwrap();
        assert!(on.keys("gone/").await.is_empty());
        on.store.delete(&at).await.unwrap();
    }
}

async fn only_what_was_looked_at_is_removed(on: &Subject<'_>) {
    let at = on.at("removed-if");
    let old = on.put("removed-if", "old").await;
    let new = on.put("removed-if", "new!").await;
    let outcome = on.store.delete_if(&at, &old).await;
    assert!(matches!(&outcome, Err(Error::Precondition(found)) if *found == at), "{outcome:?}");
    assert_eq!(on.content("removed-if").await.unwrap(), "new!");
    on.store.delete_if(&at, &new).await.unwrap();
    assert!(on.content("removed-if").await.is_none());
    on.store.delete_if(&at, &new).await.unwrap();
}

async fn a_listing_is_in_order(on: &Subject<'_>) {
    for key in ["list/b/2", "list/a", "list/b/10", "list-1", "list/b-", "list/ä"] {
        on.put(key, key.to_owned()).await;
    }
    assert_eq!(on.keys("list/").await, ["list/a", "list/b-", "list/b/10", "list/b/2", "list/ä"]);
    assert_eq!(on.keys("list/b/1").await, ["list/b/10"]);
    assert_eq!(on.keys("list/b/").await, ["list/b/10", "list/b/2"]);
    for nothing in ["list/nothing/", "list/a/", "list//", "list/b/1/2/"] {
        assert!(on.keys(nothing).await.is_empty(), "{nothing}");
    }
    let (key, meta) = on.store.list(on.bucket, "list/a").await.unwrap().remove(0);
    assert_eq!(key, "list/a");
    let head = on.store.head(&on.at("list/a")).await.unwrap().unwrap();
    // A listing tells neither; and HTTP's dates, unlike its own, have whole seconds.
    let told = meta.last_modified.duration_since(head.last_modified).unwrap_or_default();
    assert!(told.as_secs() == 0, "{told:?}");
    let last_modified = meta.last_modified;
    assert_eq!(meta, cleanzone_storage::ObjectMeta { version: None, metadata: BTreeMap::new(), last_modified, ..head });
}
