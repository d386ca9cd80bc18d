//! An object written in parts, out of sight until it is complete.

use std::{mem, sync::Arc};

use async_trait::async_trait;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::{
    runtime::Handle,
    task::{JoinError, JoinSet},
};

use super::{
    Shared,
    failure::{Action, failure, unexpected},
    write::{self, WRITE_ID},
};
use crate::{Error, Location, Precondition, Result, Staged, Upload, WriteOptions};

/// S3 takes no smaller part but the last one.
pub(super) const SMALLEST_PART: usize = 5 * 1024 * 1024;
/// The part size doubles after so many parts. From 8 MiB, 10,000 parts hold 8 TiB and the largest part is 4 GiB, of
/// 5 GiB that S3 takes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>.
const PARTS_OF_A_SIZE: usize = 1000;

/// Bytes of the part after `before` others.
fn part_size(first: usize, before: usize) -> usize {
    first << (before / PARTS_OF_A_SIZE)
}

/// A multipart upload that exists in S3; aborted as well as can be when it is dropped. What escapes (a process that
/// ends, a frozen Lambda) is left to the bucket's lifecycle rule.
#[derive(Debug)]
pub(super) struct Multipart {
    shared: Arc<Shared>,
    at: Location,
    /// `None` once there is nothing left to abort.
    id: Option<String>,
}

impl Multipart {
    pub(super) async fn create(
        shared: &Arc<Shared>,
        at: &Location,
        content_type: Option<String>,
        options: &WriteOptions,
        write_id: &str,
    ) -> Result<Self> {
        let request = shared.client.create_multipart_upload().bucket(&at.bucket).key(&at.key);
        let request = request
            .set_content_type(content_type)
            .set_metadata(Some(options.metadata.clone().into_iter().collect()))
            .metadata(WRITE_ID, write_id);
        let created = request.send().await.map_err(|e| failure(Action::Put, at, e))?;
        let id = created.upload_id.ok_or_else(|| unexpected(Action::Put, at, "the answer lacks an upload ID"))?;
        Ok(Self { shared: Arc::clone(shared), at: at.clone(), id: Some(id) })
    }

    /// What names it in S3; empty once there is nothing left to abort.
    pub(super) fn id(&self) -> String {
        self.id.clone().unwrap_or_default()
    }

    pub(super) async fn abort(&mut self) -> Result<()> {
        match self.id.take() {
            Some(id) => abort(&self.shared, &self.at, &id).await,
            None => Ok(()),
        }
    }
}

async fn abort(shared: &Shared, at: &Location, id: &str) -> Result<()> {
    let request = shared.client.abort_multipart_upload().bucket(&at.bucket).key(&at.key).upload_id(id);
    match request.send().await.map_err(|e| failure(Action::AbortUpload, at, e)) {
        // It is gone already.
        Err(Error::Conflict(_) | Error::NotFound(_)) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), Handle::try_current()) {
            let (shared, at) = (Arc::clone(&self.shared), self.at.clone());
            runtime.spawn(async move { abort(&shared, &at, &id).await });
        }
    }
}

#[derive(Debug)]
pub(super) struct S3Upload {
    shared: Arc<Shared>,
    at: Location,
    options: WriteOptions,
    write_id: String,
    /// The part being filled.
    buffer: Vec<u8>,
    size: u64,
    /// From the second part on.
    multipart: Option<Multipart>,
    /// Parts begun.
    parts: usize,
    under_way: JoinSet<Result<CompletedPart>>,
    done: Vec<CompletedPart>,
    /// A call has begun and not ended well.
    incomplete: bool,
}

impl S3Upload {
    pub(super) fn new(shared: &Arc<Shared>, at: &Location, options: &WriteOptions) -> Self {
        Self {
            shared: Arc::clone(shared),
            at: at.clone(),
            options: options.clone(),
            write_id: write::new_id(),
            buffer: Vec::new(),
            size: 0,
            multipart: None,
            parts: 0,
            under_way: JoinSet::new(),
            done: Vec::new(),
            incomplete: false,
        }
    }

    /// Fills parts, and sends each that is full as soon as more follows. Bytes are copied into a part, except a part
    /// that arrives in one piece.
    async fn add(&mut self, mut bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let part = part_size(self.shared.options.part_size, self.parts);
            if self.buffer.len() == part {
                let full = mem::take(&mut self.buffer);
                self.send(full.into()).await?;
            } else if self.buffer.is_empty() && bytes.len() > part {
                self.send(bytes.split_to(part)).await?;
            } else {
                let taken = bytes.split_to(bytes.len().min(part - self.buffer.len()));
                self.reserve(taken.len(), part);
                self.buffer.extend_from_slice(&taken);
            }
        }
        Ok(())
    }

    /// Makes room as a vector does, but never beyond the part: a small object takes little, a large one no more than
    /// it must.
    fn reserve(&mut self, more: usize, part: usize) {
        let needed = self.buffer.len() + more;
        if needed > self.buffer.capacity() {
            let wanted = if self.parts == 0 { (2 * self.buffer.capacity()).clamp(needed, part) } else { part };
            self.buffer.reserve_exact(wanted - self.buffer.len());
        }
    }

    /// Sends a part as soon as fewer than the limit are under way.
    async fn send(&mut self, part: Bytes) -> Result<()> {
        let multipart = match &mut self.multipart {
            Some(multipart) => multipart,
            none => {
                let content_type = self.options.content_type.map(str::to_owned);
                none.insert(
                    Multipart::create(&self.shared, &self.at, content_type, &self.options, &self.write_id).await?,
                )
            }
        };
        let id = multipart.id();
        while self.under_way.len() >= self.shared.options.parts {
            self.join().await?;
        }
        self.parts += 1;
        let number = i32::try_from(self.parts).map_err(|e| unexpected(Action::Put, &self.at, e))?;
        let (shared, at) = (Arc::clone(&self.shared), self.at.clone());
        self.under_way.spawn(async move {
            let request = shared.client.upload_part().bucket(&at.bucket).key(&at.key).upload_id(id);
            let request = request.part_number(number).body(part.into());
            // Half of the CPU time of an upload; see `S3Store` on what guards the content instead.
            let sent = request.customize().disable_payload_signing().send().await;
            let sent = sent.map_err(|e| failure(Action::Put, &at, e))?;
            // S3 wants the checksums again on completion where it was told to keep them per part.
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .set_checksum_crc32(sent.checksum_crc32)
                .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
                .build())
        });
        Ok(())
    }

    /// Waits for one part, if any is under way; false if none is.
    async fn join(&mut self) -> Result<bool> {
        match self.under_way.join_next().await {
            None => Ok(false),
            Some(joined) => {
                let part = joined.map_err(|e: JoinError| unexpected(Action::Put, &self.at, e))??;
                self.done.push(part);
                Ok(true)
            }
        }
    }

    async fn add_rest(&mut self) -> Result<()> {
        let rest = mem::take(&mut self.buffer);
        self.send(rest.into()).await?;
        while self.join().await? {}
        Ok(())
    }

    /// After a failure, or a call that was given up halfway, nothing may be added: the object would have a hole.
    async fn settle(&mut self, outcome: Result<()>) -> Result<()> {
        match outcome {
            Ok(()) => self.incomplete = false,
            // What failed first is what the caller should hear.
            Err(_) => drop(self.give_up().await),
        }
        outcome
    }

    async fn give_up(&mut self) -> Result<()> {
        self.buffer = Vec::new();
        // A part that arrives after the abort would stay.
        self.under_way.shutdown().await;
        match &mut self.multipart {
            Some(multipart) => multipart.abort().await,
            None => Ok(()),
        }
    }

    /// The object as it is kept until it is published; `None` where it is not small, or there is no room.
    fn keep(&mut self) -> Option<Kept> {
        if self.multipart.is_some() {
            return None;
        }
        let bytes = self.buffer.len();
        self.shared.room.try_acquire_many(u32::try_from(bytes).ok()?).ok()?.forget();
        self.buffer.shrink_to_fit();
        Some(Kept { shared: Arc::clone(&self.shared), body: mem::take(&mut self.buffer).into(), bytes })
    }

    fn begin(&mut self) -> Result<()> {
        if mem::replace(&mut self.incomplete, true) {
            return Err(Error::Unavailable(self.at.clone(), "an earlier part could not be written".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.begin()?;
        let outcome = self.add(bytes).await;
        self.settle(outcome).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Box<dyn Staged>> {
        self.begin()?;
        let content = if let Some(kept) = self.keep() {
            Content::Whole(kept)
        } else {
            let outcome = self.add_rest().await;
            self.settle(outcome).await?;
            let mut parts = mem::take(&mut self.done);
            parts.sort_unstable_by_key(CompletedPart::part_number);
            Content::Parts(parts)
        };
        let Self { shared, at, options, write_id, size, multipart, .. } = *self;
        Ok(Box::new(S3Staged { shared, at, options, write_id, size, multipart, content }))
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        self.give_up().await
    }
}

#[derive(Debug)]
enum Content {
    /// Still here; written in one request.
    Whole(Kept),
    /// In S3 already.
    Parts(Vec<CompletedPart>),
}

/// A small object in memory, which has its share of [`S3Options::kept`](super::S3Options::kept).
#[derive(Debug)]
struct Kept {
    shared: Arc<Shared>,
    body: Bytes,
    bytes: usize,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.shared.room.add_permits(self.bytes);
    }
}

#[derive(Debug)]
pub(super) struct S3Staged {
    shared: Arc<Shared>,
    at: Location,
    options: WriteOptions,
    write_id: String,
    size: u64,
    multipart: Option<Multipart>,
    content: Content,
}

impl S3Staged {
    /// An object whose parts are in S3 already.
    pub(super) fn of_parts(multipart: Multipart, write_id: String, size: u64, parts: Vec<CompletedPart>) -> Self {
        let (shared, at) = (Arc::clone(&multipart.shared), multipart.at.clone());
        let (multipart, content) = (Some(multipart), Content::Parts(parts));
        Self { shared, at, options: WriteOptions::default(), write_id, size, multipart, content }
    }

    async fn complete(&self, parts: Vec<CompletedPart>, when: &Precondition) -> Result<String> {
        let at = &self.at;
        let (if_match, if_none_match) = write::headers(when);
        let request = self.shared.client.complete_multipart_upload().bucket(&at.bucket).key(&at.key);
        let request = request
            .set_upload_id(self.multipart.as_ref().and_then(|m| m.id.clone()))
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            // S3 compares: a lost part cannot pass.
            .set_mpu_object_size(self.size.try_into().ok())
            .set_if_match(if_match)
            .set_if_none_match(if_none_match);
        match request.send().await {
            Ok(done) => write::etag(at, done.e_tag),
            Err(error) => {
                let error = failure(Action::Put, at, error);
                self.shared.ours_after_all(at, &self.write_id, error).await
            }
        }
    }
}

#[async_trait]
impl Staged for S3Staged {
    fn location(&self) -> &Location {
        &self.at
    }

    fn size(&self) -> u64 {
        self.size
    }

    async fn publish(&mut self, when: &Precondition) -> Result<String> {
        match &self.content {
            Content::Whole(kept) => {
                self.shared.put(&self.at, kept.body.clone(), when, &self.options, &self.write_id).await
            }
            Content::Parts(parts) => {
                let etag = self.complete(parts.clone(), when).await?;
                if let Some(multipart) = &mut self.multipart {
                    multipart.id = None;
                }
                Ok(etag)
            }
        }
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        match &mut self.multipart {
            Some(multipart) => multipart.abort().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_hold_the_largest_object() {
        const MIB: usize = 1024 * 1024;
        let total: usize = (0..10_000).map(|before| part_size(8 * MIB, before)).sum();
        assert!(total >= 5 * MIB * MIB);
        assert!(part_size(8 * MIB, 9_999) <= 5 * 1024 * MIB);
        assert_eq!([0, 999, 1000].map(|before| part_size(8 * MIB, before)), [8 * MIB, 8 * MIB, 16 * MIB]);
    }
}
