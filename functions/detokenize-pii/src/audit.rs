//! Records of every call, in a bucket in which the function may put, and nothing else.
//!
//! A call leaves up to three: *begun* as soon as it is known who calls, before the allow-list is read and anything is
//! done; *publishing* before an object becomes visible; and before it is answered, how it ended. So a function that is
//! killed in the middle, or a vault that fails there, leaves no call unrecorded, and an answer never leaves without its
//! record. The keys sort by time: `2026/11/21/2026-11-21T130000.000000Z-<id>-begun.json`.
//!
//! The key of the first record follows from the proof, and no object is ever replaced: that is how a proof that comes
//! a second time is found, by whichever instance of the function.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use cleanzone_storage::{Error as StorageError, Location, ObjectStore, Precondition, WriteOptions};
use serde::Serialize;

use crate::{error::Error, proof::Claim, request::Action};

/// What became of the tokens and values of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) asked: u64,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    pub(crate) not_found: u64,
    pub(crate) tampered: u64,
    /// Encrypted under a key that is not the vault's.
    pub(crate) unknown_key: u64,
    /// Not what the method makes.
    pub(crate) invalid: u64,
    /// Of those allowed, removed from the vault.
    pub(crate) forgotten: u64,
    /// Rows of an object.
    pub(crate) rows: u64,
    /// The allowed ones by `<scope>/<type>`.
    pub(crate) fields: BTreeMap<String, u64>,
}

/// An object that is asked for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Copied {
    pub(crate) source: String,
    /// The version that was read; before, the one asked for.
    pub(crate) version: Option<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) result: String,
}

/// What is kept of a call: neither values nor tokens.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Record {
    pub(crate) request_id: String,
    /// The ARN that STS confirmed, with the session's name; none where it did not.
    pub(crate) caller: Option<String>,
    pub(crate) action: Option<Action>,
    pub(crate) purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<Copied>,
    pub(crate) counts: Counts,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
}

/// Where the records go.
#[derive(Debug)]
pub(crate) struct Audit {
    store: Arc<dyn ObjectStore>,
    bucket: String,
}

impl Audit {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, bucket: String) -> Self {
        Self { store, bucket }
    }

    /// Writes the first record of a call.
    ///
    /// # Errors
    /// [`Error::Replayed`] where there is one of this proof.
    pub(crate) async fn begin(&self, record: &Record, claim: &Claim) -> Result<(), Error> {
        match self.put(record, "begun", claim.made, &claim.id).await {
            Err(StorageError::Precondition(_)) => Err(Error::Replayed),
            written => written.map_err(Error::Audit),
        }
    }

    /// Writes a further record of a call.
    pub(crate) async fn write(&self, record: &Record, outcome: &str) -> Result<(), Error> {
        self.put(record, outcome, SystemTime::now(), &record.request_id).await.map_err(Error::Audit)
    }

    async fn put(&self, record: &Record, outcome: &str, at: SystemTime, id: &str) -> Result<(), StorageError> {
        #[derive(Serialize)]
        struct Dated<'a> {
            time: &'a str,
            outcome: &'a str,
            #[serde(flatten)]
            record: &'a Record,
        }
        let (now, at) = (time(SystemTime::now()), time(at));
        let day = at.get(..10).unwrap_or("undated").replace('-', "/");
        let key = format!("{day}/{}-{id}-{outcome}.json", at.replace(':', ""));
        let body = serde_json::json!(Dated { time: &now, outcome, record }).to_string();
        // The SDK sends a checksum with it, which S3 wants where objects are locked.
        let options = WriteOptions { content_type: Some("application/json"), ..WriteOptions::default() };
        self.store.put(&Location::new(&self.bucket, key), body.into(), &Precondition::Absent, &options).await.map(drop)
    }
}

/// `2026-11-21T13:00:00.000000Z`: always as long, so that texts sort as times do.
fn time(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = DateTime::from_secs(i64::try_from(since.as_secs()).unwrap_or_default());
    let text = seconds.fmt(DateTimeFormat::DateTime).unwrap_or_default();
    format!("{}.{:06}Z", text.trim_end_matches('Z'), since.subsec_micros())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_sort_as_texts() {
        let at = |micros| time(SystemTime::UNIX_EPOCH + Duration::from_hours(498_685) + Duration::from_micros(micros));
        assert_eq!(at(0), "2026-11-21T13:00:00.000000Z");
        assert_eq!(at(1_020_003), "2026-11-21T13:00:01.020003Z");
    }
}
