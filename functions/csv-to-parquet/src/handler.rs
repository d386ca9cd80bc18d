use cleanzone_error::{ErrorName, chain};
use cleanzone_events::{Delivery, Failure, ObjectCreated, Outcome, Record, Reply, decode, reply};
use cleanzone_lake::{Lake, Naming};
use cleanzone_runtime::{
    Handler, Invocation, catch_panic, logs,
    notify::{Notice, Notifier},
};
use futures_util::future::join_all;
use tokio::time::timeout_at;
use tracing::Instrument;

use crate::budget::Budget;

/// Bytes of input that one invocation has under way at once.
const UNDER_WAY: u64 = 64 << 20;

/// Converts every object that an event tells of; one that fails never hides the others.
#[derive(Debug)]
pub(crate) struct CsvToParquet {
    lake: Lake,
    notifier: Box<dyn Notifier>,
    budget: Budget,
}

impl Handler for CsvToParquet {
    async fn handle(&self, invocation: Invocation) -> Reply {
        let delivery = decode(&invocation.payload)?;
        let records = delivery.records.iter();
        let outcomes = join_all(records.map(|record| self.record(record, &delivery, &invocation))).await;
        reply(&delivery, outcomes)
    }
}

impl CsvToParquet {
    pub(crate) fn new(lake: Lake, notifier: Box<dyn Notifier>) -> Self {
        Self { lake, notifier, budget: Budget::new(UNDER_WAY) }
    }

    async fn record(&self, record: &Record, delivery: &Delivery, invocation: &Invocation) -> Outcome {
        let object = record.object();
        let outcome = match &object {
            Ok(object) => {
                let span = logs::object(&format!("s3://{}/{}", object.bucket, object.key));
                // A panic over one object must not hide the others.
                catch_panic(self.object(object, invocation)).instrument(span).await.and_then(|outcome| outcome)
            }
            Err(known) => known.clone(),
        };
        match outcome {
            // Nobody else would hear of it: the event is acknowledged.
            Err(failure) if !failure.is_transient() && delivery.trigger.notifies() => {
                let notice = notice(&failure, object.ok(), invocation);
                self.notifier.notify(&notice).await?;
                Err(failure)
            }
            other => other,
        }
    }

    async fn object(&self, object: &ObjectCreated, invocation: &Invocation) -> Outcome {
        if let Ok(naming) = Naming::from_key(&object.key) {
            logs::table(&format!("{}.{}", naming.database, naming.table));
        }
        let turn = timeout_at(invocation.deadline, self.budget.take(object.size)).await;
        let Ok((_place, waited)) = turn else { return Err(out_of_turn()) };
        match self.lake.convert(object, Some(invocation.deadline)).await {
            Ok(report) => {
                let status = report.status;
                let report = serde_json::to_value(&report).map_err(|e| internal(&e))?;
                tracing::info!(%report, "{status:?}");
                Ok(report)
            }
            // Alone it may well have the time.
            Err(cleanzone_lake::Error::Deadline) if waited => Err(out_of_turn()),
            Err(error) => {
                let failure = Failure::of(&error);
                tracing::error!(error = failure.name.as_str(), "{}", failure.message);
                Err(failure)
            }
        }
    }
}

fn notice(failure: &Failure, object: Option<&ObjectCreated>, invocation: &Invocation) -> Notice {
    let naming = object.and_then(|object| Naming::from_key(&object.key).ok());
    Notice {
        failure: failure.clone(),
        bucket: object.map(|o| o.bucket.clone()),
        key: object.map(|o| o.key.clone()),
        version_id: object.and_then(|o| o.version_id.clone()),
        database: naming.as_ref().map(|n| n.database.clone()),
        table: naming.map(|n| n.table),
        request_id: invocation.request_id.clone(),
    }
}

fn out_of_turn() -> Failure {
    let message = "the time ran out while other objects of the same event were converted; send it again";
    Failure { name: ErrorName::ServiceUnavailable, message: message.to_owned() }
}

fn internal(error: &serde_json::Error) -> Failure {
    Failure { name: ErrorName::Internal, message: chain(error) }
}
