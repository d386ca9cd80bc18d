use cleanzone_error::{ErrorName, chain};
use cleanzone_events::{Delivery, Failure, ObjectCreated, Outcome, Record, Reply, decode, reply};
use cleanzone_lake::{Lake, Naming};
use cleanzone_runtime::{
    Handler, Invocation, catch_panic, logs,
    notify::{Notice, Notifier},
};
use futures_util::future::join_all;
use tokio::time::timeout_at;
use tracing::{Instrument, Span};

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
        let delivery = decode(&invocation.payload).map_err(Failure::from).inspect_err(logs::failure)?;
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
        let span = match &object {
            Ok(object) => logs::object(&format!("s3://{}/{}", object.bucket, object.key)),
            Err(_) => Span::current(),
        };
        let work = async {
            let outcome = match &object {
                // A panic over one object must not hide the others.
                Ok(object) => catch_panic(Box::pin(self.object(object, invocation))).await.and_then(|outcome| outcome),
                Err(known) => known.clone(),
            };
            if let Err(failure) = &outcome {
                logs::failure(failure);
                // Nobody else would hear of it: the event is acknowledged.
                if !failure.is_transient() && delivery.trigger.notifies() {
                    self.notify(&notice(failure, object.ok(), invocation), invocation)
                        .await
                        .inspect_err(logs::failure)?;
                }
            }
            outcome
        };
        work.instrument(span).await
    }

    async fn notify(&self, notice: &Notice, invocation: &Invocation) -> Result<(), Failure> {
        match timeout_at(invocation.end, self.notifier.notify(notice)).await {
            Ok(notified) => Ok(notified?),
            Err(_) => Err(Failure {
                name: ErrorName::ServiceUnavailable,
                message: "the failure topic did not answer in the time that the function has".to_owned(),
            }),
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
            Err(error) => Err(Failure::of(&error)),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use cleanzone_catalog::MemoryCatalog;
    use cleanzone_lake::{Layout, Mode, Settings};
    use cleanzone_runtime::notify::{self, MemoryNotifier};
    use cleanzone_storage::{Call, Error as StorageError, Fault, Location, MemoryStore};
    use serde_json::{Value, json};
    use tokio::time::{Duration, Instant};

    use super::*;

    struct World {
        store: MemoryStore,
        notifier: Arc<MemoryNotifier>,
        function: CsvToParquet,
    }

    #[derive(Debug)]
    struct Shared(Arc<MemoryNotifier>);

    #[async_trait]
    impl Notifier for Shared {
        async fn notify(&self, notice: &Notice) -> Result<(), notify::Error> {
            self.0.notify(notice).await
        }
    }

    impl World {
        fn new() -> Self {
            let store = MemoryStore::new(["landing", "clean"]);
            let settings = Settings {
                clean_bucket: "clean".into(),
                mode: Mode::Replace,
                layout: Layout { threads: 1, ..Layout::default() },
                read: cleanzone_tabular::Options { threads: 1, ..Default::default() },
            };
            let lake = Lake::new(Arc::new(store.clone()), Arc::new(MemoryCatalog::default()), settings);
            let notifier = Arc::new(MemoryNotifier::default());
            let function = CsvToParquet::new(lake, Box::new(Shared(notifier.clone())));
            Self { store, notifier, function }
        }

        fn land(&self, key: &str) {
            self.store.insert(&Location::new("landing", key), "name,n\nsentinel,1\n");
        }

        async fn handle(&self, payload: Value) -> Reply {
            let deadline = Instant::now() + Duration::from_mins(1);
            self.function.handle(Invocation { payload, deadline, end: deadline, request_id: "r".into() }).await
        }
    }

    fn notification(keys: &[&str]) -> Value {
        let record = |key: &&str| {
            json!({
                "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": "landing"}, "object": {"key": key, "size": 9}}
            })
        };
        json!({"Records": keys.iter().map(record).collect::<Vec<_>>()})
    }

    fn message(id: &str, key: &str) -> Value {
        json!({"messageId": id, "eventSource": "aws:sqs", "body": notification(&[key]).to_string()})
    }

    #[tokio::test]
    async fn one_failing_record_hides_none_of_the_others() {
        let world = World::new();
        world.land("db/t/a.csv");
        world.land("db/t/c.csv");
        let reply = world.handle(notification(&["db/t/a.csv", "shallow.csv", "db/t/c.csv"])).await.unwrap();
        let results = reply["results"].as_array().unwrap();
        assert_eq!(results[0]["status"], "converted");
        assert_eq!(results[1]["error"], "InvalidObjectKey");
        assert_eq!(results[2]["status"], "converted");
        let notices = world.notifier.notices();
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].key.as_deref(), Some("shallow.csv"));
        assert_eq!(notices[0].table, None);
    }

    #[tokio::test]
    async fn a_queue_gets_back_only_what_can_succeed_later() {
        let world = World::new();
        world.land("db/t/a.csv");
        world.land("db/t/b.csv");
        let gone = StorageError::Unavailable(Location::new("clean", "x"), "gone".into());
        world.store.inject(Call::Publish, Fault::Before(gone));
        let messages = [message("1", "db/t/a.csv"), message("2", "missing/t/x.csv"), message("3", "db/t/b.csv")];
        let reply = world.handle(json!({"Records": messages})).await.unwrap();
        let failures = reply["batchItemFailures"].as_array().unwrap();
        assert_eq!(failures.len(), 1, "{reply}");
        assert_ne!(failures[0]["itemIdentifier"], "2");
        assert_eq!(world.notifier.notices().len(), 1);
    }

    #[tokio::test]
    async fn a_caller_who_waits_sees_the_error_itself_and_nobody_else_does() {
        let world = World::new();
        let failure = world.handle(json!({"bucket": "landing", "key": "db/t/x.csv"})).await.unwrap_err();
        assert_eq!(failure.name, ErrorName::SourceNotFound);
        assert_eq!(world.notifier.notices().len(), 0);
        world.land("db/t/x.csv");
        let report = world.handle(json!({"bucket": "landing", "key": "db/t/x.csv"})).await.unwrap();
        assert_eq!((&report["rows"], &report["database"]), (&json!(1), &json!("db")));
    }

    #[tokio::test]
    async fn an_unknown_event_is_an_error_of_its_own() {
        let failure = World::new().handle(json!({"hello": 1})).await.unwrap_err();
        assert_eq!(failure.name, ErrorName::InvalidEvent);
    }

    #[tokio::test]
    async fn no_value_of_the_file_is_in_a_reply() {
        let world = World::new();
        world.land("db/t/a.csv");
        let reply = world.handle(notification(&["db/t/a.csv"])).await.unwrap();
        assert!(!reply.to_string().contains("sentinel"), "{reply}");
    }
}
