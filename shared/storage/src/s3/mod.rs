//! Objects in S3.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    config::ResponseChecksumValidation,
    primitives::DateTime,
    types::{Delete, ObjectIdentifier},
};
use bytes::{Bytes, BytesMut};
use tokio::sync::Semaphore;

use self::{
    failure::{Action, by_code, failure, unexpected},
    read::S3Reader,
    upload::S3Upload,
    write::WRITE_ID,
};
use crate::{
    Error, Location, ObjectMeta, ObjectReader, ObjectStore, Pin, Precondition, Result, Retry, Upload, WriteOptions,
    backoff::Backoff,
};

mod copy;
mod failure;
mod read;
mod upload;
mod write;

const MIB: u64 = 1024 * 1024;
/// As many keys as `DeleteObjects` takes.
const DELETE_BATCH: usize = 1000;

/// How much is moved at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Options {
    /// Bytes of one ranged read (8 MiB).
    pub range_size: u64,
    /// Ranges being read ahead or waiting to be consumed, at most (4). A reader holds up to this many times
    /// `range_size` bytes.
    pub ranges: usize,
    /// Bytes of the first thousand parts of an upload (8 MiB, at least 5 MiB); each further thousand is twice as
    /// large, so that 10,000 parts reach beyond 5 TiB. An object of at most one part is
    /// written in one request, as far as [`S3Options::kept`] goes.
    pub part_size: usize,
    /// Parts under way, at most (3). An upload holds up to one more than this many times `part_size` bytes.
    pub parts: usize,
    /// Bytes of small objects that wait in memory to be published in one request each, at most (32 MiB), over all
    /// uploads. Beyond it they are sent as multipart uploads of one part, which costs two requests more.
    pub kept: usize,
    /// Bytes of the largest object that is copied in one request (5 GiB, more than which S3 refuses); a larger one is
    /// copied in parts.
    pub largest_copy: u64,
    /// What is tried again here because the SDK does not: a body that breaks off, a write that met another one (409),
    /// a key that `DeleteObjects` could not remove just now. Everything else is the SDK's own retry.
    pub retry: Retry,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            range_size: 8 * MIB,
            ranges: 4,
            part_size: 8 * 1024 * 1024,
            parts: 3,
            kept: 32 * 1024 * 1024,
            largest_copy: 5 * 1024 * MIB,
            retry: Retry::default(),
        }
    }
}

/// Objects in S3.
///
/// A read costs one `GetObject` for every [`S3Options::range_size`] bytes and nothing else; the ranges are pinned to
/// the entity tag of the first one, and to the version where the [`Pin`] names one (that needs
/// `s3:GetObjectVersion`). Without `s3:ListBucket`, S3 answers 403 instead of 404 for an object that does not exist:
/// it is then [`Error::AccessDenied`]. To write or delete on condition of an entity tag needs `s3:GetObject` too
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>). `HeadObject` has no
/// body, so [`ObjectStore::head`] cannot tell a missing bucket from a missing object.
///
/// A copy costs a `HeadObject` and a `CopyObject`, or for more than [`S3Options::largest_copy`] bytes a multipart
/// upload. Object tags are not copied, which would need further permissions.
///
/// A write carries a random number in its metadata (`x-amz-meta-cleanzone-write`, hidden from
/// [`ObjectMeta::metadata`]). Where the answer to a conditional write is lost, the SDK sends it again and S3 finds the
/// precondition broken: by ourselves. The number tells that from another writer, which an entity tag cannot, because
/// it depends on the content and, under KMS, on chance.
///
/// Every part and object is sent with the SDK's default checksum (CRC-32, which S3 verifies before it stores
/// anything); it costs next to nothing, and nothing needs to be computed over the whole object beforehand. The
/// signature of a part covers that checksum, but no SHA-256 of the content (`UNSIGNED-PAYLOAD`), which TLS makes
/// superfluous and which would double the CPU time of an upload; a bucket policy must not forbid it.
///
/// See <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
#[derive(Clone, Debug)]
pub struct S3Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    options: S3Options,
    /// Bytes of small objects that may still be kept in memory.
    room: Semaphore,
}

impl S3Store {
    /// The objects that `client` can reach. Its retry and timeout settings apply to each request.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a store owns its client; that it keeps a variant is its own affair"
    )]
    pub fn new(client: Client, mut options: S3Options) -> Self {
        options.range_size = options.range_size.max(1);
        options.ranges = options.ranges.max(1);
        options.part_size = options.part_size.max(upload::SMALLEST_PART);
        options.parts = options.parts.max(1);
        options.largest_copy = options.largest_copy.max(upload::SMALLEST_PART as u64);
        // S3's checksums cover whole objects or parts; a range cannot be held against them.
        let config =
            client.config().to_builder().response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let room = Semaphore::new(options.kept.min(Semaphore::MAX_PERMITS));
        Self { shared: Arc::new(Shared { client: Client::from_conf(config.build()), options, room }) }
    }
}

impl Shared {
    fn backoff(&self) -> Backoff {
        Backoff::new(self.options.retry)
    }

    async fn head(&self, at: &Location) -> Result<Option<ObjectMeta>> {
        match self.client.head_object().bucket(&at.bucket).key(&at.key).send().await {
            Ok(found) => meta(
                Action::Get,
                at,
                length(found.content_length),
                found.e_tag,
                found.version_id,
                found.last_modified,
                found.metadata,
            )
            .map(Some),
            Err(error) => match failure(Action::Get, at, error) {
                Error::NotFound(_) | Error::NoBucket(_) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// One object; with an entity tag, only the one that has it.
    async fn delete_one(&self, at: &Location, etag: Option<&str>) -> Result<()> {
        let mut backoff = self.backoff();
        loop {
            let request = self.client.delete_object().bucket(&at.bucket).key(&at.key);
            let sent = request.set_if_match(etag.map(quoted)).send().await;
            match sent.map_err(|e| failure(Action::Delete, at, e)) {
                Err(Error::NotFound(_)) | Ok(_) => return Ok(()),
                Err(Error::Conflict(_)) if backoff.wait().await => {}
                // An attempt whose answer was lost may have removed it.
                Err(error @ Error::Precondition(_)) => {
                    let current = self.head(at).await;
                    return if matches!(current, Ok(None)) { Ok(()) } else { Err(error) };
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Up to [`DELETE_BATCH`] objects of one bucket.
    async fn delete_batch(&self, bucket: &str, mut keys: Vec<String>) -> Result<()> {
        let mut backoff = self.backoff();
        loop {
            let whole = Location::new(bucket, "");
            let identifiers = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build());
            let identifiers = identifiers.collect::<std::result::Result<_, _>>();
            let batch = identifiers.and_then(|keys| Delete::builder().set_objects(Some(keys)).quiet(true).build());
            let batch = batch.map_err(|e| unexpected(Action::Delete, &whole, e))?;
            let answer = self.client.delete_objects().bucket(bucket).delete(batch).send().await;
            let answer = answer.map_err(|e| failure(Action::Delete, &whole, e))?;

            let mut again = Vec::new();
            let mut last = None;
            for refusal in answer.errors.unwrap_or_default() {
                let at = Location::new(bucket, refusal.key.unwrap_or_default());
                let code = refusal.code.unwrap_or_default();
                let said = format!("{code}: {}", refusal.message.unwrap_or_default());
                match by_code(Action::Delete, &at, Some(&code), None, said.into()) {
                    Error::NotFound(_) => {}
                    error @ (Error::Throttled(..) | Error::Unavailable(..)) => {
                        again.push(at.key);
                        last = Some(error);
                    }
                    error => return Err(error),
                }
            }
            match last {
                None => return Ok(()),
                Some(error) if !backoff.wait().await => return Err(error),
                Some(_) => keys = again,
            }
        }
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn head(&self, at: &Location) -> Result<Option<ObjectMeta>> {
        self.shared.head(at).await
    }

    async fn open(&self, at: &Location, pin: &Pin) -> Result<Box<dyn ObjectReader>> {
        Ok(Box::new(S3Reader::open(&self.shared, at, pin).await?))
    }

    async fn get(&self, at: &Location) -> Result<Option<(Bytes, ObjectMeta)>> {
        let mut reader = match S3Reader::open(&self.shared, at, &Pin::default()).await {
            Err(Error::NotFound(_)) => return Ok(None),
            opened => opened?,
        };
        let mut body = BytesMut::new();
        while let Some(chunk) = reader.next().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(Some((body.freeze(), reader.meta().clone())))
    }

    async fn put(&self, at: &Location, body: Bytes, when: &Precondition, options: &WriteOptions) -> Result<String> {
        self.shared.put(at, body, when, options, &write::new_id()).await
    }

    async fn copy(
        &self,
        from: &Location,
        pin: &Pin,
        to: &Location,
        when: &Precondition,
        options: &WriteOptions,
    ) -> Result<String> {
        copy::copy(&self.shared, from, pin, to, when, options).await
    }

    async fn upload(&self, at: &Location, options: &WriteOptions) -> Result<Box<dyn Upload>> {
        Ok(Box::new(S3Upload::new(&self.shared, at, options)))
    }

    async fn delete(&self, at: &[Location]) -> Result<()> {
        if let [at] = at {
            return self.shared.delete_one(at, None).await;
        }
        let mut buckets: HashMap<&str, Vec<&str>> = HashMap::new();
        for at in at {
            buckets.entry(&at.bucket).or_default().push(&at.key);
        }
        for (bucket, keys) in buckets {
            for keys in keys.chunks(DELETE_BATCH) {
                self.shared.delete_batch(bucket, keys.iter().map(|&k| k.to_owned()).collect()).await?;
            }
        }
        Ok(())
    }

    async fn delete_if(&self, at: &Location, etag: &str) -> Result<()> {
        self.shared.delete_one(at, Some(etag)).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, ObjectMeta)>> {
        let at = Location::new(bucket, prefix);
        let mut pages = self.shared.client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| failure(Action::List, &at, e))?;
            for object in page.contents.unwrap_or_default() {
                let key = object.key.unwrap_or_default();
                let at = Location::new(bucket, &key);
                let known =
                    meta(Action::List, &at, length(object.size), object.e_tag, None, object.last_modified, None)?;
                found.push((key, known));
            }
        }
        Ok(found)
    }
}

/// What an answer says of an object.
fn meta(
    action: Action,
    at: &Location,
    size: Option<u64>,
    etag: Option<String>,
    version: Option<String>,
    last_modified: Option<DateTime>,
    metadata: Option<HashMap<String, String>>,
) -> Result<ObjectMeta> {
    let known = || {
        Some(ObjectMeta {
            size: size?,
            etag: unquoted(&etag?),
            version,
            last_modified: last_modified?.try_into().ok()?,
            metadata: metadata.into_iter().flatten().filter(|(name, _)| name != WRITE_ID).collect(),
        })
    };
    known().ok_or_else(|| unexpected(action, at, "the answer lacks size, entity tag or date"))
}

fn length(length: Option<i64>) -> Option<u64> {
    length.and_then(|n| n.try_into().ok())
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}
