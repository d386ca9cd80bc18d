//! One object as a sequence of ranges, read ahead.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use async_trait::async_trait;
use aws_sdk_s3::{operation::get_object::GetObjectOutput, primitives::ByteStream};
use bytes::Bytes;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
};

use super::{
    Shared,
    failure::{Action, failure, unexpected},
    length, meta, quoted,
};
use crate::{Error, Location, ObjectMeta, ObjectReader, Pin, Result, backoff::Backoff};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Requests for one object.
#[derive(Clone, Debug)]
struct Source {
    shared: Arc<Shared>,
    at: Location,
    pin: Pin,
}

impl Source {
    fn action(&self) -> Action {
        if self.pin.version.is_some() { Action::GetVersion } else { Action::Get }
    }

    /// The bytes in `range`, or all; `None` where the object has no byte in it.
    async fn request(&self, range: Option<&Range<u64>>) -> Result<Option<GetObjectOutput>> {
        let request = self.shared.client.get_object().bucket(&self.at.bucket).key(&self.at.key);
        let request = request
            .set_version_id(self.pin.version.clone())
            .set_if_match(self.pin.etag.as_deref().map(quoted))
            .set_range(range.map(|r| format!("bytes={}-{}", r.start, r.end.saturating_sub(1))));
        match request.send().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.raw_response().is_some_and(|r| r.status().as_u16() == 416) => Ok(None),
            Err(error) => Err(failure(self.action(), &self.at, error)),
        }
    }

    /// The rest of a range of an object that was there before.
    async fn rest(&self, range: &Range<u64>) -> Result<ByteStream> {
        match self.request(Some(range)).await {
            Ok(Some(answer)) if starts_at(&answer, range.start) => Ok(answer.body),
            Ok(Some(_)) => Err(self.other_range()),
            Ok(None) | Err(Error::NotFound(_)) => Err(Error::Changed(self.at.clone())),
            Err(error) => Err(error),
        }
    }

    fn other_range(&self) -> Error {
        unexpected(self.action(), &self.at, "the answer is another range than was asked for")
    }

    fn unavailable(&self, cause: impl Into<Cause>) -> Error {
        Error::Unavailable(self.at.clone(), cause.into())
    }
}

/// `Content-Range: bytes 0-99/1000`: the first number and the last one.
fn content_range(answer: &GetObjectOutput) -> Option<(u64, u64)> {
    let (range, total) = answer.content_range()?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}

fn starts_at(answer: &GetObjectOutput, start: u64) -> bool {
    content_range(answer).map_or(start == 0, |(first, _)| first == start)
}

/// The bytes of one range; where the body breaks off, it goes on with a new request from that byte.
#[derive(Debug)]
struct RangeBody {
    source: Arc<Source>,
    body: ByteStream,
    left: Range<u64>,
    backoff: Backoff,
}

impl RangeBody {
    fn new(source: Arc<Source>, body: ByteStream, left: Range<u64>) -> Self {
        let backoff = source.shared.backoff();
        Self { source, body, left, backoff }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let broken: Cause = match self.body.next().await {
                Some(Ok(chunk)) if chunk.is_empty() => continue,
                Some(Ok(chunk)) => {
                    self.left.start += chunk.len() as u64;
                    if self.left.start > self.left.end {
                        return Err(self.source.unavailable("more bytes came than were asked for"));
                    }
                    self.backoff.reset();
                    return Ok(Some(chunk));
                }
                None if self.left.is_empty() => return Ok(None),
                None => "the body ended early".into(),
                Some(Err(error)) if self.left.is_empty() => return Err(self.source.unavailable(error)),
                Some(Err(error)) => error.into(),
            };
            if !self.backoff.wait().await {
                return Err(self.source.unavailable(broken));
            }
            self.body = self.source.rest(&self.left).await?;
        }
    }
}

/// Where the bytes come from just now.
#[derive(Debug)]
enum Current {
    /// The connection itself: the first range, so that a small object is there as soon as it arrives.
    First(Box<RangeBody>),
    /// A range that a task reads. Holds at most one range, whatever the consumer does.
    Ahead(UnboundedReceiver<Result<Bytes>>),
}

#[derive(Debug)]
pub(super) struct S3Reader {
    source: Arc<Source>,
    meta: ObjectMeta,
    current: Current,
    ahead: VecDeque<UnboundedReceiver<Result<Bytes>>>,
    /// Ends with the reader.
    tasks: JoinSet<()>,
    /// Up to here, ranges have been asked for.
    asked: u64,
    /// Up to here, bytes have been handed out.
    position: u64,
}

impl S3Reader {
    pub(super) async fn open(shared: &Arc<Shared>, at: &Location, pin: &Pin) -> Result<Self> {
        let mut source = Source { shared: Arc::clone(shared), at: at.clone(), pin: pin.clone() };
        let range = 0..shared.options.range_size;
        let answer = if let Some(answer) = source.request(Some(&range)).await? {
            answer
        } else {
            // Not even a first byte: S3 answers 416 and says nothing else of an empty object.
            let whole = source.request(None).await?;
            whole.ok_or_else(|| unexpected(source.action(), at, "416 without a range"))?
        };
        let (size, first) = match content_range(&answer) {
            Some((0, size)) => (Some(size), range.end.min(size)),
            Some(_) => return Err(source.other_range()),
            None => {
                let size = length(answer.content_length);
                (size, size.unwrap_or_default())
            }
        };
        let GetObjectOutput { body, e_tag, version_id, last_modified, metadata, .. } = answer;
        let meta = meta(source.action(), at, size, e_tag, version_id, last_modified, metadata)?;

        source.pin.etag = Some(meta.etag.clone());
        let source = Arc::new(source);
        let body = RangeBody::new(Arc::clone(&source), body, 0..first);
        Ok(Self {
            source,
            meta,
            current: Current::First(Box::new(body)),
            ahead: VecDeque::new(),
            tasks: JoinSet::new(),
            asked: first,
            position: 0,
        })
    }

    /// Asks for the ranges that may be under way beside `current` others.
    fn read_ahead(&mut self, current: usize) {
        while self.tasks.try_join_next().is_some() {}
        let options = &self.source.shared.options;
        while self.asked < self.meta.size && self.ahead.len() + current < options.ranges {
            let range = self.asked..self.meta.size.min(self.asked + options.range_size);
            self.asked = range.end;
            let (sender, receiver) = mpsc::unbounded_channel();
            self.ahead.push_back(receiver);
            self.tasks.spawn(read_range(Arc::clone(&self.source), range, sender));
        }
    }
}

async fn read_range(source: Arc<Source>, range: Range<u64>, to: UnboundedSender<Result<Bytes>>) {
    let mut body = match source.rest(&range).await {
        Ok(body) => RangeBody::new(source, body, range),
        Err(error) => {
            let _ = to.send(Err(error));
            return;
        }
    };
    // An error to send means that nobody reads any more.
    while let Some(chunk) = body.next().await.transpose() {
        if to.send(chunk).is_err() {
            return;
        }
    }
}

#[async_trait]
impl ObjectReader for S3Reader {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            self.read_ahead(1);
            let chunk = match &mut self.current {
                Current::First(body) => body.next().await?,
                Current::Ahead(receiver) => receiver.recv().await.transpose()?,
            };
            if let Some(chunk) = chunk {
                self.position += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            self.read_ahead(0);
            match self.ahead.pop_front() {
                Some(receiver) => self.current = Current::Ahead(receiver),
                None if self.position == self.meta.size => return Ok(None),
                None => return Err(self.source.unavailable("reading has failed before")),
            }
        }
    }
}
