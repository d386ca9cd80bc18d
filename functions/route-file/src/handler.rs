use std::sync::Arc;

use cleanzone_error::ErrorName;
use cleanzone_events::{Failure, ObjectCreated, Skip, Trigger};
use cleanzone_lake::{Naming, Quarantine, Rulebook, is_deidentified};
use cleanzone_rules::Dataset;
use cleanzone_runtime::{Done, Invocation, ObjectHandler, metrics::Measures};
use cleanzone_storage::{Error as StorageError, Location, ObjectMeta, ObjectStore, Pin, S3Options};
use futures_util::future::join;
use serde_json::Value;
use tokio::time::timeout_at;

use crate::{
    decide::{Decision, HEAD, decide},
    routing::{Route, Routing},
};

/// How the head of an object is read: in one request, and nothing ahead.
pub(crate) fn one_read() -> S3Options {
    S3Options { range_size: HEAD as u64, ranges: 1, ..S3Options::default() }
}

/// Says of every object that an event tells of which way it goes.
#[derive(Debug)]
pub(crate) struct RouteFile {
    store: Arc<dyn ObjectStore>,
    rulebook: Rulebook,
    quarantine: Option<Quarantine>,
}

impl RouteFile {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, rulebook: Rulebook, quarantine: Option<Quarantine>) -> Self {
        Self { store, rulebook, quarantine }
    }

    /// The first bytes of the version that the event tells of.
    async fn head(&self, object: &ObjectCreated) -> Result<(Vec<u8>, ObjectMeta), StorageError> {
        let pin = Pin { version: object.version_id.clone(), etag: object.etag.clone() };
        let mut reader = self.store.open(&Location::new(&object.bucket, &object.key), &pin).await?;
        let meta = reader.meta().clone();
        let mut head = Vec::new();
        // Not a byte further: the next one would be another request.
        let wanted = usize::try_from(meta.size).unwrap_or(HEAD).min(HEAD);
        while head.len() < wanted
            && let Some(bytes) = reader.next().await?
        {
            head.extend_from_slice(&bytes);
        }
        head.truncate(wanted);
        Ok((head, meta))
    }

    /// A file that no function deals with, or none may.
    async fn refuse(
        &self,
        object: &ObjectCreated,
        routing: &mut Routing,
        invocation: &Invocation,
    ) -> Result<Failure, Failure> {
        let message = format!("the file is {}", routing.reason);
        let name = match routing.route {
            Route::Quarantine => ErrorName::PiiNotTokenized,
            _ => ErrorName::InvalidFileFormat,
        };
        let failure = Failure { name, message: message.clone() };
        // Exactly what was looked at.
        let seen =
            ObjectCreated { version_id: routing.version_id.clone(), etag: routing.etag.clone(), ..object.clone() };
        let kept = timeout_at(invocation.deadline, self.keep(&seen, failure)).await;
        let failure = kept.unwrap_or_else(|_| Err(out_of_time()))?;
        routing.reason.push_str(failure.message.strip_prefix(&message).unwrap_or_default());
        Ok(failure)
    }
}

fn out_of_time() -> Failure {
    let message = "S3 did not answer in the time that the function has".to_owned();
    Failure { name: ErrorName::ServiceUnavailable, message }
}

impl ObjectHandler for RouteFile {
    async fn work(&self, object: &ObjectCreated, invocation: &Invocation) -> Result<Done, Failure> {
        let read = timeout_at(invocation.deadline, async { join(self.head(object), self.rulebook.current()).await });
        let (read, current) = read.await.map_err(|_| out_of_time())?;
        let current = current.map_err(|error| Failure::of(&error))?;
        let rules = current.rules.find(&object.bucket, &object.key).dataset;
        let (head, meta) = match read {
            Ok(read) => read,
            // As csv-to-parquet has it: what has taken its place has an event of its own.
            Err(StorageError::Changed(_)) => {
                let reason = "the object was overwritten after this event; the newer one has its own";
                let measures = Measures { skipped: true, ..Measures::default() };
                return Ok(Done {
                    report: Routing::unseen(object, &rules, reason).to_value(),
                    measures,
                    ..Done::default()
                });
            }
            Err(error) => return Err(Failure::of(&error)),
        };
        let mut decision = decide(&object.key, &head, meta.size);
        if decision.route != Route::Skip && rules.declares_pii() && !is_deidentified(&meta) {
            let reason = "of a dataset with personal data, and has not been tokenized".to_owned();
            decision = Decision { route: Route::Quarantine, reason, ..decision };
        }
        let mut routing = Routing::decided(object, &rules, &meta, decision);
        let refused = match routing.route {
            Route::Reject | Route::Quarantine => Some(self.refuse(object, &mut routing, invocation).await?),
            Route::Convert | Route::Skip => None,
        };
        let report = routing.to_value();
        tracing::info!(%report, "{:?}", routing.route);
        let skipped = routing.route == Route::Skip;
        let stale_rules = current.broken.is_some();
        let measures = Measures { bytes_in: Some(head.len() as u64), skipped, stale_rules, ..Measures::default() };
        Ok(Done { report, measures, refused, ..Done::default() })
    }

    async fn table(&self, object: &ObjectCreated) -> Option<(String, String)> {
        let current = self.rulebook.current().await.unwrap_or_default();
        Naming::dataset(&object.key, &current.rules.find(&object.bucket, &object.key).dataset)
    }

    fn passes_over(&self, object: &ObjectCreated) -> Option<Value> {
        let none = Dataset::default();
        Quarantine::holds(&object.key).then(|| Routing::unseen(object, &none, "copy in quarantine").to_value())
    }

    async fn keep(&self, object: &ObjectCreated, failure: Failure) -> Result<Failure, Failure> {
        match &self.quarantine {
            Some(quarantine) => quarantine.keep(object, failure).await,
            None => Ok(failure),
        }
    }

    fn skipped(&self, skip: &Skip) -> Value {
        Routing::skipped(skip).to_value()
    }

    /// A state machine that a rule of `EventBridge` starts hands the event on as it is, and waits for the answer.
    fn trigger(&self, told: Trigger) -> Trigger {
        if told == Trigger::EventBridge { Trigger::Direct } else { told }
    }
}

#[cfg(test)]
mod tests {
    use cleanzone_events::Reply;
    use cleanzone_runtime::{
        Handler, PerObject, faults::Faults, metrics::Metrics, notify::MemoryNotifier, settings::Env,
    };
    use cleanzone_storage::{Call, Fault, MemoryStore};
    use serde_json::json;
    use tokio::time::{Duration, Instant};

    use super::*;

    const CSV: &str = "name,n\nsentinel,1\nsentinel,2\n";
    const PNG: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR";

    struct World {
        store: MemoryStore,
        notifier: MemoryNotifier,
        metrics: Metrics,
        function: PerObject<RouteFile>,
    }

    impl World {
        fn new() -> Self {
            Self::with(Faults::default(), true)
        }

        fn with(faults: Faults, quarantines: bool) -> Self {
            let store = MemoryStore::new(["landing", "rules"]).versioned();
            let (notifier, metrics) = (MemoryNotifier::default(), Metrics::kept("route-file"));
            let quarantine = quarantines.then(|| Quarantine::new(Arc::new(store.clone())));
            let rules = Rulebook::new("s3://rules/lake.toml", Arc::new(store.clone()), None, false).unwrap();
            let handler = RouteFile::new(Arc::new(store.clone()), rules, quarantine);
            let function = PerObject::new(handler, Box::new(notifier.clone()), metrics.clone(), faults);
            Self { store, notifier, metrics, function }
        }

        fn land(&self, key: &str, content: impl Into<Vec<u8>>) -> ObjectMeta {
            self.store.insert(&Location::new("landing", key), content.into())
        }

        async fn handle(&self, payload: Value) -> Reply {
            let deadline = Instant::now() + Duration::from_mins(1);
            self.function.handle(Invocation { payload, deadline, end: deadline, request_id: "r".into() }).await
        }

        async fn route(&self, key: &str) -> Reply {
            self.handle(json!({"bucket": "landing", "key": key})).await
        }
    }

    fn from_bus(key: &str, version: &str, size: u64) -> Value {
        json!({
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": {
                "bucket": {"name": "landing"},
                "object": {"key": key, "size": size, "version-id": version, "sequencer": "00A1"}
            }
        })
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

    #[tokio::test]
    async fn the_answer_is_an_event_for_the_next_function() {
        let world = World::new();
        let meta = world.land("sales/orders/a b+c.CSV", CSV);
        let answer =
            world.handle(from_bus("sales/orders/a b+c.CSV", meta.version.as_deref().unwrap(), 30)).await.unwrap();
        assert_eq!(
            answer,
            json!({
                "file_extension": ".csv", "bucket": "landing", "key": "sales/orders/a b+c.CSV",
                "version_id": meta.version, "etag": meta.etag, "sequencer": "a1", "size": CSV.len(), "format": "csv",
                "compression": null, "route": "convert", "dataset": "sales.orders", "reason": "delimited text",
                "agrees": true
            })
        );
        let delivery = cleanzone_events::decode(&answer).unwrap();
        let object = delivery.records[0].object().unwrap();
        assert_eq!((&object.key, &object.version_id), (&"sales/orders/a b+c.CSV".to_owned(), &meta.version));
        assert!(object.sequencer.is_some());
        assert_eq!(world.store.calls(Call::Open), 1);
    }

    #[tokio::test]
    async fn a_rejected_file_is_an_answer_to_who_waits_and_a_notice_to_who_does_not() {
        let world = World::new();
        world.land("db/t/a.csv", PNG);
        let answer = world.route("db/t/a.csv").await.unwrap();
        assert_eq!(
            (&answer["route"], &answer["format"], &answer["agrees"]),
            (&json!("reject"), &json!("png"), &json!(false))
        );
        assert_eq!(world.notifier.notices().len(), 0);
        let reply = world.handle(notification(&["db/t/a.csv"])).await.unwrap();
        assert_eq!(reply["results"][0]["route"], "reject");
        let notices = world.notifier.notices();
        assert_eq!((notices.len(), notices[0].failure.name), (1, ErrorName::InvalidFileFormat));
        assert_eq!(
            (notices[0].about.key.as_deref(), notices[0].about.table.as_deref()),
            (Some("db/t/a.csv"), Some("t"))
        );
        let count = |name: &str| world.metrics.lines().iter().filter_map(|line| line[name].as_u64()).sum::<u64>();
        assert_eq!(["Objects", "DataErrors", "FunctionErrors"].map(count), [2, 2, 0]);
    }

    #[tokio::test]
    async fn a_rejected_file_is_kept_once_where_it_is_wanted() {
        let (world, copy) = (World::new(), Location::new("landing", "_quarantine/db/t/a.csv"));
        world.land("db/t/a.csv", PNG);
        for _ in 0..2 {
            let reason = world.route("db/t/a.csv").await.unwrap()["reason"].to_string();
            assert!(reason.ends_with("; a copy is kept as s3://landing/_quarantine/db/t/a.csv\""), "{reason}");
        }
        assert_eq!(world.store.content(&copy).unwrap(), PNG);
        assert_eq!(world.store.calls(Call::Copy), 1);
        let answer = world.route(&copy.key).await.unwrap();
        assert_eq!((&answer["route"], &answer["reason"]), (&json!("skip"), &json!("copy in quarantine")));

        let world = World::with(Faults::default(), false);
        world.land("db/t/a.csv", PNG);
        assert_eq!(world.route("db/t/a.csv").await.unwrap()["route"], "reject");
        assert_eq!(world.store.keys("landing"), ["db/t/a.csv"]);
    }

    #[tokio::test]
    async fn personal_data_goes_to_quarantine_unless_it_came_through_the_vault() {
        let world = World::new();
        let rules = "[[dataset]]\nmatch = \"crm/people/*\"\ntable = \"persons\"\ncolumns.name.pii = \"token\"\n";
        world.store.insert(&Location::new("rules", "lake.toml"), rules);
        world.land("crm/people/a.csv", CSV);
        world.land("crm/people/a.png", PNG);
        world.land("crm/pets/a.csv", CSV);
        let people = world.handle(notification(&["crm/people/a.csv"])).await.unwrap();
        let [answer] = people["results"].as_array().unwrap().as_slice() else { panic!("{people}") };
        assert_eq!((&answer["route"], &answer["dataset"]), (&json!("quarantine"), &json!("crm.persons")));
        let notices = world.notifier.notices();
        assert_eq!(notices[0].failure.name, ErrorName::PiiNotTokenized);
        assert!(world.store.keys("landing").contains(&"_quarantine/crm/people/a.csv".to_owned()));
        // Whatever it is: nobody has looked into it for persons.
        assert_eq!(world.route("crm/people/a.png").await.unwrap()["route"], "quarantine");
        assert_eq!(world.route("crm/pets/a.csv").await.unwrap()["route"], "convert");

        let metadata = [(cleanzone_lake::DEIDENTIFIED.to_owned(), "true".to_owned())].into();
        let options = cleanzone_storage::WriteOptions { content_type: None, metadata };
        let at = Location::new("landing", "crm/people/b.csv");
        world.store.put(&at, CSV.into(), &cleanzone_storage::Precondition::None, &options).await.unwrap();
        assert_eq!(world.route("crm/people/b.csv").await.unwrap()["route"], "convert");
    }

    #[tokio::test]
    async fn what_needs_no_work_is_skipped() {
        let world = World::new();
        let test = world.handle(json!({"Event": "s3:TestEvent", "Bucket": "landing"})).await.unwrap();
        assert_eq!(test["results"][0]["route"], "skip");
        let marker = world.handle(from_bus("db/t/", "v1", 0)).await.unwrap();
        assert_eq!(
            (&marker["route"], &marker["key"], &marker["reason"]),
            (&json!("skip"), &json!("db/t/"), &json!("folder marker"))
        );
        world.land("db/t/a.csv", CSV);
        let event = json!({"bucket": "landing", "key": "db/t/a.csv", "etag": "0123"});
        assert_eq!(world.handle(event).await.unwrap()["route"], "skip");
        assert_eq!(world.store.calls(Call::Open), 1);
    }

    #[tokio::test]
    async fn several_records_are_answered_in_order_and_one_that_fails_hides_no_other() {
        let world = World::new();
        world.land("db/t/a.csv", CSV);
        world.land("db/t/b.json", "{}");
        let reply = world.handle(notification(&["db/t/a.csv", "db/t/missing.csv", "db/t/b.json"])).await.unwrap();
        assert_eq!(reply["results"][0]["route"], "convert");
        assert_eq!(reply["results"][1]["error"], "SourceNotFound");
        assert_eq!(reply["results"][2]["format"], "json");
    }

    #[tokio::test]
    async fn an_error_keeps_its_name() {
        let world = World::new();
        let at = || Location::new("landing", "a.csv");
        for (error, name) in [
            (StorageError::NotFound(at()), ErrorName::SourceNotFound),
            (StorageError::Archived(at()), ErrorName::SourceArchived),
            (StorageError::NoBucket("landing".into()), ErrorName::ResourceNotFound),
            (StorageError::Throttled(at(), "slow".into()), ErrorName::Throttled),
            (
                StorageError::AccessDenied { action: "s3:GetObject", at: at(), source: "no".into() },
                ErrorName::AccessDenied,
            ),
        ] {
            world.store.inject(Call::Open, Fault::Before(error));
            // From the bus too, as a state machine hands it on.
            assert_eq!(world.handle(from_bus("a.csv", "v1", 1)).await.unwrap_err().name, name);
        }
        assert_eq!(world.handle(json!({"hello": 1})).await.unwrap_err().name, ErrorName::InvalidEvent);
        assert_eq!(world.notifier.notices().len(), 0);
    }

    #[tokio::test]
    async fn injected_faults_come_first_and_then_pass() {
        let env = Env::of([("INJECT_FAULTS", "Throttled:1,MalformedCsv:1"), ("ENVIRONMENT_NAME", "test")]);
        let world = World::with(Faults::from_env(&env).unwrap(), true);
        world.land("db/t/a.csv", CSV);
        assert_eq!(world.route("db/t/a.csv").await.unwrap_err().name, ErrorName::Throttled);
        let failure = world.route("db/t/a.csv").await.unwrap_err();
        assert!(failure.message.contains("a copy is kept"), "{failure}");
        assert_eq!(world.route("db/t/a.csv").await.unwrap()["route"], "convert");
    }

    #[tokio::test]
    async fn only_the_beginning_is_read_and_none_of_it_told() {
        let world = World::new();
        world.land("db/t/a.csv", CSV.repeat(HEAD));
        let answer = world.route("db/t/a.csv").await.unwrap();
        assert_eq!(answer["size"], CSV.len() * HEAD);
        assert_eq!(world.store.calls(Call::Read), HEAD.div_ceil(64 << 10) as u64);
        assert!(!answer.to_string().contains("sentinel"), "{answer}");
    }
}
