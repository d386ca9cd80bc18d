//! Whatever triggered the function becomes a list of created objects; outcomes become the reply that the trigger
//! expects.
//!
//! [`decode`] recognises who called from the payload alone, so the same function can be wired to any [`Trigger`]
//! without configuration. It yields one [`Record`] for everything that the payload tells of, and a record that is
//! broken is an error of its own: it never hides its neighbours. When each record has an [`Outcome`], [`reply`] puts
//! them together as the trigger wants to hear them.
//!
//! ```
//! use cleanzone_events::{decode, reply};
//! use serde_json::json;
//!
//! let delivery = decode(&json!({"bucket": "landing", "key": "crm/sales/users/1.csv"}))?;
//! let outcomes = delivery
//!     .records
//!     .iter()
//!     .map(|record| match record.object() {
//!         Ok(object) => Ok(json!({"source": object.key})), // the work goes here
//!         Err(known) => known,
//!     })
//!     .collect();
//! assert_eq!(reply(&delivery, outcomes), Ok(json!({"source": "crm/sales/users/1.csv"})));
//! # Ok::<(), cleanzone_events::Error>(())
//! ```

mod decode;
mod error;
mod key;
mod node;
mod reply;
mod sequencer;

use std::fmt;

use serde_json::{Value, json};

pub use decode::decode;
pub use error::Error;
pub use reply::{Failure, Outcome, Reply, reply};
pub use sequencer::{NotHexadecimal, Sequencer};

/// Everything that one invocation of the function was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who called, and so who reads the reply.
    pub trigger: Trigger,
    /// What it told of, in its order. Never empty.
    pub records: Vec<Record>,
}

/// Who called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// An S3 event notification.
    S3,
    /// A topic, to which S3 (or a rule of `EventBridge`) publishes.
    Sns,
    /// A queue, through an event source mapping with `ReportBatchItemFailures`.
    Sqs,
    /// A rule of `EventBridge` for *Object Created*.
    EventBridge,
    /// An S3 Batch Operations job.
    BatchOperations(BatchInvocation),
    /// A state machine or a person who names one object and waits for the answer.
    Direct,
    /// A Distributed Map that names several objects (`ItemBatcher`) and waits for the answer.
    DirectBatch,
}

impl Trigger {
    /// Whether nobody but the function itself can tell people of a permanent failure: the trigger has no use for an
    /// answer, and the event is acknowledged. A synchronous caller (direct, Batch Operations) sees the failure in the
    /// reply.
    pub fn notifies(&self) -> bool {
        match self {
            Self::S3 | Self::Sns | Self::Sqs | Self::EventBridge => true,
            Self::BatchOperations(_) | Self::Direct | Self::DirectBatch => false,
        }
    }
}

/// What a reply to S3 Batch Operations must repeat, and what the job was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchInvocation {
    /// `1.0` or `2.0`.
    pub schema_version: String,
    /// The invocation.
    pub invocation_id: String,
    /// The job.
    pub job_id: Option<String>,
    /// The job's `userArguments` (schema 2.0), in order of name.
    pub arguments: Vec<(String, String)>,
}

/// One thing that the payload told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the trigger calls the part that succeeds or fails as one: the SQS message ID, the Batch task ID, otherwise
    /// the position in the payload. Records of one SQS message share it.
    pub item: String,
    /// What happened, or why that could not be understood.
    pub content: Result<Content, Error>,
}

impl Record {
    /// The object to work on; or the outcome, where that is known without any work.
    ///
    /// # Errors
    /// Not an error as such: the outcome of a record that is skipped or broken.
    #[allow(clippy::result_large_err, reason = "the outcome is the other half of the answer, not a rare error")]
    pub fn object(&self) -> Result<&ObjectCreated, Outcome> {
        match &self.content {
            Ok(Content::Created(object)) => Ok(object),
            Ok(Content::Skip(skip)) => Err(Ok(skip.report())),
            Err(error) => Err(Err(Failure::of(error))),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An object was created.
    Created(ObjectCreated),
    /// Something that needs no work.
    Skip(Skip),
}

/// Why a record needs no work. It is acknowledged and reported, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skip {
    /// `s3:TestEvent`, which S3 sends when a notification is configured.
    TestEvent,
    /// The placeholder of a folder: a key that ends in `/`, of size 0. Where the trigger does not tell the size
    /// (direct, Batch Operations), the key alone decides: it leaves no file name.
    FolderMarker {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// An event other than the creation of an object.
    OtherEvent(String),
}

impl Skip {
    /// What a report says of it: `{"skipped": reason}`, with `bucket` and `key` where there are.
    pub fn report(&self) -> Value {
        match self {
            Self::FolderMarker { bucket, key } => json!({"skipped": self.to_string(), "bucket": bucket, "key": key}),
            _ => json!({"skipped": self.to_string()}),
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TestEvent => f.write_str("test event of S3"),
            Self::FolderMarker { .. } => f.write_str("folder marker"),
            Self::OtherEvent(name) => write!(f, "event {name} creates no object"),
        }
    }
}

/// An object that was created, as far as the trigger tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The bucket's name.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// The version, in a versioned bucket. Never `null`, the version ID that S3 gives to an object without a version
    /// of its own: it pins nothing.
    pub version_id: Option<String>,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// Where this event stands among those of the same key.
    pub sequencer: Option<Sequencer>,
    /// When it was created, as the trigger wrote it (RFC 3339).
    pub event_time: Option<String>,
}
