//! A record of every call, written before it is answered.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use cleanzone_storage::{Location, ObjectStore, Precondition, WriteOptions};
use serde::Serialize;

use crate::{error::Error, request::Action};

/// What became of the tokens or values of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) asked: usize,
    pub(crate) allowed: usize,
    pub(crate) denied: usize,
    pub(crate) not_found: usize,
    pub(crate) tampered: usize,
    /// The allowed ones by `<scope>/<type>`.
    pub(crate) fields: BTreeMap<String, usize>,
}

/// What is kept of a call: neither values nor tokens.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) request_id: String,
    /// The ARN that STS confirmed; none where it did not.
    pub(crate) caller: Option<String>,
    pub(crate) action: Option<Action>,
    pub(crate) purpose: Option<String>,
    pub(crate) counts: Counts,
}

/// Where the records go: a bucket in which the function may put, and nothing else.
#[derive(Debug)]
pub(crate) struct Audit {
    store: Arc<dyn ObjectStore>,
    bucket: String,
}

impl Audit {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, bucket: String) -> Self {
        Self { store, bucket }
    }

    /// Writes a record with its outcome, under a key that sorts by time.
    pub(crate) async fn write(&self, record: &Record, outcome: &str) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Dated<'a> {
            time: &'a str,
            outcome: &'a str,
            #[serde(flatten)]
            record: &'a Record,
        }
        let time = DateTime::from(SystemTime::now()).fmt(DateTimeFormat::DateTime).unwrap_or_default();
        let day = time.get(..10).unwrap_or("undated").replace('-', "/");
        let key = format!("{day}/{}-{}-{outcome}.json", time.replace(':', ""), record.request_id);
        let body = serde_json::json!(Dated { time: &time, outcome, record }).to_string();
        let options = WriteOptions { content_type: Some("application/json"), ..WriteOptions::default() };
        let at = Location::new(&self.bucket, key);
        let written = self.store.put(&at, body.into(), &Precondition::Absent, &options).await;
        written.map(drop).map_err(Error::Audit)
    }
}
