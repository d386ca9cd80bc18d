use cleanzone_error::{ErrorName, chain};
use cleanzone_events::{Failure, ObjectCreated};
use cleanzone_lake::{Lake, Quarantine, Report, Status};
use cleanzone_runtime::{Done, Invocation, ObjectHandler, metrics::Measures};
use serde_json::{Value, json};
use tokio::time::timeout_at;

use crate::{
    budget::Budget,
    warner::{self, Warner},
};

/// Bytes of input that one invocation has under way at once.
const UNDER_WAY: u64 = 64 << 20;

/// Converts every object that an event tells of.
#[derive(Debug)]
pub(crate) struct CsvToParquet {
    lake: Lake,
    quarantine: Option<Quarantine>,
    warner: Option<Warner>,
    budget: Budget,
}

impl CsvToParquet {
    pub(crate) fn new(lake: Lake, quarantine: Option<Quarantine>, warner: Option<Warner>) -> Self {
        Self { lake, quarantine, warner, budget: Budget::new(UNDER_WAY) }
    }

    /// Counts what was done, and tells people what they should know of it.
    async fn done(&self, report: &Report, object: &ObjectCreated, invocation: &Invocation) -> Result<Done, Failure> {
        let value = serde_json::to_value(report).map_err(|e| internal(&e))?;
        tracing::info!(report = %value, "{:?}", report.status);
        let measures = measures(report);
        if report.status != Status::Converted || report.warnings.is_empty() {
            return Ok(Done { report: value, measures, ..Done::default() });
        }
        warner::log(&report.warnings);
        if let Some(warner) = &self.warner {
            warner.tell(report, object, invocation).await;
        }
        let warnings = report.warnings_by_kind.iter().map(|(kind, count)| (kind.to_string(), *count)).collect();
        Ok(Done { report: value, measures, warnings, refused: None })
    }
}

impl ObjectHandler for CsvToParquet {
    async fn work(&self, object: &ObjectCreated, invocation: &Invocation) -> Result<Done, Failure> {
        let turn = timeout_at(invocation.deadline, self.budget.take(object.size)).await;
        let Ok((_place, waited)) = turn else { return Err(out_of_turn()) };
        match self.lake.convert(object, Some(invocation.deadline)).await {
            Ok(report) => self.done(&report, object, invocation).await,
            // Alone it may well have the time.
            Err(cleanzone_lake::Error::Deadline) if waited => Err(out_of_turn()),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    async fn table(&self, object: &ObjectCreated) -> Option<(String, String)> {
        self.lake.table(object).await
    }

    fn passes_over(&self, object: &ObjectCreated) -> Option<Value> {
        Quarantine::holds(&object.key)
            .then(|| json!({"skipped": "copy in quarantine", "bucket": object.bucket, "key": object.key}))
    }

    async fn keep(&self, object: &ObjectCreated, failure: Failure) -> Result<Failure, Failure> {
        match &self.quarantine {
            Some(quarantine) => quarantine.keep(object, failure).await,
            None => Ok(failure),
        }
    }
}

/// What was done just now; an earlier conversion, of which the report of a repeated event tells, was counted then.
fn measures(report: &Report) -> Measures {
    let stale_rules = report.stale_rules;
    match report.status {
        Status::Converted => Measures {
            rows: Some(report.content.rows),
            rejected_rows: Some(report.content.rejected),
            bytes_in: Some(report.content.bytes_in),
            bytes_out: Some(report.bytes_out),
            skipped: false,
            stale_rules,
            warnings: Some(report.warnings_by_kind.values().sum()),
        },
        Status::Unchanged | Status::Superseded => Measures { skipped: true, stale_rules, ..Measures::default() },
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

    use cleanzone_catalog::MemoryCatalog;
    use cleanzone_events::Reply;
    use cleanzone_lake::{DailyMarks, Layout, Settings, Warning, WarningKind};
    use cleanzone_runtime::{Handler, PerObject, faults::Faults, metrics::Metrics, notify::MemoryNotifier};
    use cleanzone_storage::{Call, Error as StorageError, Fault, Location, MemoryStore, ObjectStore as _};
    use tokio::time::{Duration, Instant};

    use super::*;

    struct World {
        store: MemoryStore,
        notifier: MemoryNotifier,
        metrics: Metrics,
        function: PerObject<CsvToParquet>,
    }

    impl World {
        fn new() -> Self {
            let store = MemoryStore::new(["landing", "clean"]);
            let settings = Settings {
                clean_bucket: "clean".into(),
                layout: Layout { threads: 1, ..Layout::default() },
                read: cleanzone_tabular::Options { threads: 1, ..Default::default() },
                ..Settings::default()
            };
            let lake = Lake::new(Arc::new(store.clone()), Arc::new(MemoryCatalog::default()), settings);
            let (notifier, metrics) = (MemoryNotifier::default(), Metrics::kept("csv-to-parquet"));
            let warner = warner(&store, &notifier);
            let function = CsvToParquet::new(lake, Some(Quarantine::new(Arc::new(store.clone()))), Some(warner));
            let function = PerObject::new(function, Box::new(notifier.clone()), metrics.clone(), Faults::default());
            Self { store, notifier, metrics, function }
        }

        fn land(&self, key: &str) {
            self.store.insert(&Location::new("landing", key), "name,n\nsentinel,1\n");
        }

        async fn handle(&self, payload: Value) -> Reply {
            let deadline = Instant::now() + Duration::from_mins(1);
            self.function.handle(Invocation { payload, deadline, end: deadline, request_id: "r".into() }).await
        }
    }

    fn warner(store: &MemoryStore, notifier: &MemoryNotifier) -> Warner {
        Warner::new(DailyMarks::new(Arc::new(store.clone()), "clean"), Arc::new(notifier.clone()))
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
        assert_eq!(notices[0].about.key.as_deref(), Some("shallow.csv"));
        assert_eq!(notices[0].about.table, None);
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

    #[tokio::test]
    async fn every_object_is_counted() {
        let world = World::new();
        world.land("db/t/a.csv");
        world.handle(notification(&["db/t/a.csv", "db/t/missing.csv", "_quarantine/db/t/a.csv"])).await.unwrap();
        world.handle(notification(&["db/t/a.csv"])).await.unwrap();
        let count = |name: &str| world.metrics.lines().iter().filter_map(|line| line[name].as_u64()).sum::<u64>();
        assert_eq!(["Objects", "Rows", "Skipped", "DataErrors", "FunctionErrors"].map(count), [3, 1, 2, 1, 0]);
        let lines = world.metrics.lines();
        let missing = lines.iter().find(|line| line["ErrorName"] == "SourceNotFound").unwrap();
        assert_eq!((&missing["key"], &missing["table"]), (&json!("db/t/missing.csv"), &json!("db.t")));
    }

    #[tokio::test]
    async fn what_cannot_be_converted_is_kept_and_never_looked_at_again() {
        let world = World::new();
        let (landed, copy) =
            (Location::new("landing", "db/t/a.csv"), Location::new("landing", "_quarantine/db/t/a.csv"));
        world.store.insert(&landed, b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".as_slice());
        for _ in 0..2 {
            world.handle(notification(&["db/t/a.csv"])).await.unwrap();
        }
        assert_eq!((world.store.content(&copy), world.store.calls(Call::Copy)), (world.store.content(&landed), 1));
        let notices = world.notifier.notices();
        assert_eq!(notices[0].failure.name, ErrorName::InvalidFileFormat);
        assert!(notices[0].failure.message.ends_with("; a copy is kept as s3://landing/_quarantine/db/t/a.csv"));
        // The copy sends an event of its own.
        let reply = world.handle(notification(&["_quarantine/db/t/a.csv"])).await.unwrap();
        assert_eq!(reply["results"][0]["skipped"], "copy in quarantine");
        assert_eq!(world.notifier.notices().len(), 2);
    }

    fn with_warnings(status: Status) -> Report {
        let kind = WarningKind::AbsentColumn;
        Report {
            status,
            database: "db".into(),
            table: "t".into(),
            warnings: (0..50).map(|n| Warning::of_column(kind, format!("c{n}"), "absent")).collect(),
            warnings_by_kind: [(kind, 70)].into(),
            ..Report::default()
        }
    }

    async fn done(function: &CsvToParquet, report: &Report) -> Done {
        let deadline = Instant::now() + Duration::from_mins(1);
        let invocation = Invocation { payload: Value::Null, deadline, end: deadline, request_id: "r".into() };
        let object = ObjectCreated { bucket: "landing".into(), key: "db/t/a.csv".into(), ..Default::default() };
        function.done(report, &object, &invocation).await.unwrap()
    }

    #[tokio::test]
    async fn warnings_are_counted_with_each_file_and_told_once() {
        let (store, notifier) = (MemoryStore::new(["clean"]), MemoryNotifier::default());
        let lake = Lake::new(Arc::new(store.clone()), Arc::new(MemoryCatalog::default()), Settings::default());
        let function = CsvToParquet::new(lake.clone(), None, Some(warner(&store, &notifier)));
        for _ in 0..2 {
            let done = done(&function, &with_warnings(Status::Converted)).await;
            assert_eq!(done.measures.warnings, Some(70));
            assert_eq!(done.warnings, [("AbsentColumn".to_owned(), 70)].into());
            assert_eq!(done.report["warnings"].as_array().unwrap().len(), 50);
        }
        assert_eq!(notifier.warnings().len(), 1);
        let silent = CsvToParquet::new(lake, None, None);
        assert_eq!(done(&silent, &with_warnings(Status::Converted)).await.measures.warnings, Some(70));
    }

    #[tokio::test]
    async fn what_was_converted_before_warns_of_nothing_again() {
        let (store, notifier) = (MemoryStore::new(["clean"]), MemoryNotifier::default());
        let lake = Lake::new(Arc::new(store.clone()), Arc::new(MemoryCatalog::default()), Settings::default());
        let function = CsvToParquet::new(lake, None, Some(warner(&store, &notifier)));
        for status in [Status::Unchanged, Status::Superseded] {
            let done = done(&function, &with_warnings(status)).await;
            assert_eq!((done.measures.warnings, done.warnings.len()), (None, 0));
        }
        assert_eq!((notifier.warnings().len(), store.calls(Call::Put)), (0, 0));
    }

    #[tokio::test]
    async fn without_warnings_nothing_is_claimed() {
        let world = World::new();
        world.land("db/t/a.csv");
        world.handle(notification(&["db/t/a.csv"])).await.unwrap();
        let line = &world.metrics.lines()[0];
        assert_eq!((&line["Rows"], &line["Warnings"]), (&json!(1), &json!(0)));
        assert_eq!(world.metrics.lines().len(), 1);
        assert_eq!(world.store.list("clean", "_cleanzone/warnings/").await.unwrap(), []);
    }
}
