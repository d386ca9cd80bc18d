//! One object copied to another, without its bytes coming here.

use std::{fmt::Write, ops::Range, sync::Arc};

use aws_sdk_s3::types::{CompletedPart, MetadataDirective, TaggingDirective};
use tokio::task::{JoinError, JoinSet};

use super::{
    Shared,
    failure::{Action, failure, unexpected},
    length, quoted, unquoted,
    upload::{Multipart, S3Staged},
    write::{self, WRITE_ID},
};
use crate::{Error, Location, Pin, Precondition, Result, Staged, WriteOptions};

/// As many parts as an upload takes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>.
const PARTS: u64 = 10_000;
/// Bytes of a copied part, unless so many were too few.
const PART: u64 = 1 << 30;

pub(super) async fn copy(
    shared: &Arc<Shared>,
    from: &Location,
    pin: &Pin,
    to: &Location,
    when: &Precondition,
    options: &WriteOptions,
) -> Result<String> {
    let source = Source::find(shared, from, pin).await?;
    let content_type = options.content_type.map(str::to_owned).or(source.content_type.clone());
    let job = Copy { shared, source: &source, to, content_type, options, id: write::new_id() };
    let outcome =
        if source.size <= shared.options.largest_copy { job.whole(when).await } else { job.parts(when).await };
    match outcome {
        // S3 does not say whether it was the condition on the copy or that on the source.
        Err(error @ Error::Precondition(_)) => {
            source.find_again(shared).await?;
            Err(error)
        }
        outcome => outcome,
    }
}

/// The version that is copied.
#[derive(Clone, Debug)]
struct Source {
    at: Location,
    version: Option<String>,
    etag: String,
    size: u64,
    content_type: Option<String>,
}

impl Source {
    async fn find(shared: &Shared, at: &Location, pin: &Pin) -> Result<Self> {
        let action = if pin.version.is_some() { Action::GetVersion } else { Action::Get };
        let request = shared.client.head_object().bucket(&at.bucket).key(&at.key);
        let request =
            request.set_version_id(pin.version.clone()).set_if_match(pin.etag.as_deref().map(quoted)).send().await;
        let found = request.map_err(|e| failure(action, at, e))?;
        let known = found.e_tag.zip(length(found.content_length));
        let (etag, size) = known.ok_or_else(|| unexpected(action, at, "the answer lacks size or entity tag"))?;
        let (version, content_type) = (pin.version.clone(), found.content_type);
        Ok(Self { at: at.clone(), version, etag: unquoted(&etag), size, content_type })
    }

    /// An error where it is no longer there, or no longer the same.
    async fn find_again(&self, shared: &Shared) -> Result<()> {
        let pin = Pin { version: self.version.clone(), etag: Some(self.etag.clone()) };
        Self::find(shared, &self.at, &pin).await.map(drop)
    }

    /// The header `x-amz-copy-source`: bucket and key, URL-encoded, and the version.
    fn header(&self) -> String {
        let mut header = format!("{}/", self.at.bucket);
        for byte in self.at.key.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                    header.push(char::from(byte));
                }
                _ => drop(write!(header, "%{byte:02X}")),
            }
        }
        if let Some(version) = &self.version {
            header.push_str("?versionId=");
            header.push_str(version);
        }
        header
    }
}

struct Copy<'a> {
    shared: &'a Arc<Shared>,
    source: &'a Source,
    to: &'a Location,
    content_type: Option<String>,
    options: &'a WriteOptions,
    /// The number of the write.
    id: String,
}

impl Copy<'_> {
    /// One `CopyObject`, again while another write is under way.
    async fn whole(&self, when: &Precondition) -> Result<String> {
        let (if_match, if_none_match) = write::headers(when);
        let mut backoff = self.shared.backoff();
        loop {
            let request = self.shared.client.copy_object().bucket(&self.to.bucket).key(&self.to.key);
            let request = request
                .copy_source(self.source.header())
                .copy_source_if_match(quoted(&self.source.etag))
                .metadata_directive(MetadataDirective::Replace)
                .tagging_directive(TaggingDirective::Replace)
                .set_content_type(self.content_type.clone())
                .set_metadata(Some(self.options.metadata.clone().into_iter().collect()))
                .metadata(WRITE_ID, &self.id)
                .set_if_match(if_match.clone())
                .set_if_none_match(if_none_match.clone());
            match request.send().await {
                Ok(done) => return write::etag(self.to, done.copy_object_result.and_then(|result| result.e_tag)),
                Err(error) => match self.failure(error) {
                    Error::Conflict(_) if backoff.wait().await => {}
                    error => return self.shared.ours_after_all(self.to, &self.id, error).await,
                },
            }
        }
    }

    /// A multipart upload whose parts are ranges of the source.
    async fn parts(&self, when: &Precondition) -> Result<String> {
        let (shared, content_type) = (self.shared, self.content_type.clone());
        let mut multipart = Multipart::create(shared, self.to, content_type, self.options, &self.id).await?;
        let mut under_way = JoinSet::new();
        let parts = match self.copy_parts(&multipart, &mut under_way).await {
            Ok(parts) => parts,
            Err(error) => {
                // A part that arrives after the abort would stay; what failed first is what the caller should hear.
                under_way.shutdown().await;
                drop(multipart.abort().await);
                return Err(error);
            }
        };
        let mut staged = Box::new(S3Staged::of_parts(multipart, self.id.clone(), self.source.size, parts));
        let outcome = staged.publish(when).await;
        if outcome.is_err() {
            drop(staged.abort().await);
        }
        outcome
    }

    async fn copy_parts(
        &self,
        multipart: &Multipart,
        under_way: &mut JoinSet<Result<CompletedPart>>,
    ) -> Result<Vec<CompletedPart>> {
        let joined =
            |joined: std::result::Result<_, JoinError>| joined.map_err(|e| unexpected(Action::Put, self.to, e))?;
        let mut done = Vec::new();
        for (number, range) in (1..).zip(ranges(self.source.size, self.shared.options.largest_copy)) {
            while under_way.len() >= self.shared.options.parts {
                done.extend(under_way.join_next().await.map(joined).transpose()?);
            }
            under_way.spawn(part(
                self.shared.clone(),
                self.source.clone(),
                self.to.clone(),
                multipart.id(),
                number,
                range,
            ));
        }
        while let Some(part) = under_way.join_next().await {
            done.push(joined(part)?);
        }
        done.sort_unstable_by_key(CompletedPart::part_number);
        Ok(done)
    }

    fn failure<E>(&self, error: aws_sdk_s3::error::SdkError<E, aws_sdk_s3::config::http::HttpResponse>) -> Error
    where
        E: std::error::Error + aws_sdk_s3::error::ProvideErrorMetadata + Send + Sync + 'static,
    {
        on_either(&self.source.at, failure(Action::Put, self.to, error))
    }
}

/// An error of a request that names both objects, as far as it can only be about the source.
fn on_either(from: &Location, error: Error) -> Error {
    match error {
        Error::Archived(_) => Error::Archived(from.clone()),
        error => error,
    }
}

async fn part(
    shared: Arc<Shared>,
    source: Source,
    to: Location,
    upload: String,
    number: i32,
    range: Range<u64>,
) -> Result<CompletedPart> {
    let request = shared.client.upload_part_copy().bucket(&to.bucket).key(&to.key).upload_id(upload);
    let request = request
        .part_number(number)
        .copy_source(source.header())
        .copy_source_if_match(quoted(&source.etag))
        .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1));
    let sent = request.send().await.map_err(|e| on_either(&source.at, failure(Action::Put, &to, e)))?;
    let copied = sent.copy_part_result;
    let copied = copied.ok_or_else(|| unexpected(Action::Put, &to, "the answer lacks the part that was copied"))?;
    // S3 wants the checksums again on completion where it was told to keep them per part.
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(copied.e_tag)
        .set_checksum_crc32(copied.checksum_crc32)
        .set_checksum_crc64_nvme(copied.checksum_crc64_nvme)
        .build())
}

/// The parts of a copy: as few as can be, none larger than it may be.
fn ranges(size: u64, largest: u64) -> impl Iterator<Item = Range<u64>> {
    let part = PART.min(largest).max(size.div_ceil(PARTS)).max(1);
    (0..size.div_ceil(part)).map(move |n| n * part..size.min((n + 1) * part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(key: &str, version: Option<&str>) -> Source {
        Source {
            at: Location::new("b", key),
            version: version.map(str::to_owned),
            etag: "e".to_owned(),
            size: 1,
            content_type: None,
        }
    }

    #[test]
    fn a_source_is_named_byte_by_byte() {
        assert_eq!(source("a b/ü+%?x", None).header(), "b/a%20b/%C3%BC%2B%25%3Fx");
        assert_eq!(source("k~1_2-3.csv", Some("v1")).header(), "b/k~1_2-3.csv?versionId=v1");
    }

    #[test]
    fn parts_cover_the_object_and_nothing_else() {
        const GIB: u64 = 1 << 30;
        for (size, largest) in [(5 * GIB + 1, 5 * GIB), (50_000_000_000_000, 5 * GIB), (11, 5), (10, 5)] {
            let parts: Vec<_> = ranges(size, largest).collect();
            assert!(parts.len() as u64 <= PARTS && parts.len() > 1);
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, size));
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start));
            assert!(parts.iter().all(|part| !part.is_empty() && part.end - part.start <= 5 * GIB));
        }
    }
}
