//! One object at a time: what every function does around the work itself.

use std::{collections::BTreeMap, fmt::Debug, future::Future};

use aws_config::SdkConfig;
use cleanzone_error::ErrorName;
use cleanzone_events::{
    Content, Delivery, Failure, ObjectCreated, Outcome, Record, Reply, Skip, Trigger, decode, reply,
};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::{
    Handler, Invocation, catch_panic,
    faults::Faults,
    logs,
    metrics::{Measured, Measures, Metrics},
    notify::{self, About, Notice, Notifier},
    settings::{self, Env},
};

/// The work of a function that deals with each object by itself.
pub trait ObjectHandler {
    /// Deals with one object. Runs inside of its span, with its table.
    fn work(&self, object: &ObjectCreated, invocation: &Invocation) -> impl Future<Output = Result<Done, Failure>>;

    /// The database and the table that the object belongs to, where it names any.
    fn table(&self, object: &ObjectCreated) -> impl Future<Output = Option<(String, String)>>;

    /// What is reported of an object that is not to be looked at; `None` for all others.
    fn passes_over(&self, object: &ObjectCreated) -> Option<Value>;

    /// Puts the object by that failed for good, and says so in the failure.
    ///
    /// # Errors
    /// The failure to do so, where the event has to be handed back for it.
    fn keep(&self, object: &ObjectCreated, failure: Failure) -> impl Future<Output = Result<Failure, Failure>>;

    /// What is reported of a record that needs no work.
    fn skipped(&self, skip: &Skip) -> Value {
        skip.report()
    }

    /// Who reads the reply, where the function knows better than the event.
    fn trigger(&self, told: Trigger) -> Trigger {
        told
    }
}

/// What became of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// What is told to whoever called.
    pub report: Value,
    /// What is counted.
    pub measures: Measures,
    /// Warnings by their kind, where there are any.
    pub warnings: BTreeMap<String, u64>,
    /// Why the object was refused, where that is itself the result: people hear of it as of a failure.
    pub refused: Option<Failure>,
}

/// A function made of an [`ObjectHandler`]. It decodes the event, deals with all objects side by side so that one that
/// fails never hides the others, logs and counts each, tells people of those that failed for good where nobody else
/// would hear of it, and replies.
#[derive(Debug)]
pub struct PerObject<H> {
    handler: H,
    notifier: Box<dyn Notifier>,
    metrics: Metrics,
    faults: Faults,
}

impl<H: ObjectHandler> PerObject<H> {
    /// Tells and counts as told.
    pub fn new(handler: H, notifier: Box<dyn Notifier>, metrics: Metrics, faults: Faults) -> Self {
        Self { handler, notifier, metrics, faults }
    }

    /// Tells and counts as `FAILURE_TOPIC_ARN`, `METRICS` and `INJECT_FAULTS` say.
    ///
    /// # Errors
    /// Where one of them is wrong.
    pub fn from_env(handler: H, env: &Env, aws: &SdkConfig) -> Result<Self, settings::Error> {
        Ok(Self::new(handler, notify::from_env(env, aws)?, Metrics::from_env(env)?, Faults::from_env(env)?))
    }

    async fn record(&self, record: &Record, delivery: &Delivery, invocation: &Invocation) -> Outcome {
        let skipped = |report| {
            let measures = Measures { skipped: true, ..Measures::default() };
            self.metrics.emit(&Measured { measures, request_id: &invocation.request_id, ..Measured::default() });
            Ok(report)
        };
        match &record.content {
            Ok(Content::Skip(skip)) => skipped(self.handler.skipped(skip)),
            Ok(Content::Created(object)) => {
                if let Some(report) = self.handler.passes_over(object) {
                    return skipped(report);
                }
                let span = logs::object(&format!("s3://{}/{}", object.bucket, object.key));
                self.object(object, delivery, invocation).instrument(span).await
            }
            Err(error) => {
                let failure = Failure::of(error);
                let outcome = self.tell(&failure, None, delivery, invocation).await.and(Err(failure));
                let error = outcome.as_ref().err().map(|failure| failure.name);
                self.metrics.emit(&Measured { error, request_id: &invocation.request_id, ..Measured::default() });
                outcome
            }
        }
    }

    async fn object(&self, object: &ObjectCreated, delivery: &Delivery, invocation: &Invocation) -> Outcome {
        let begun = Instant::now();
        let named = timeout_at(invocation.deadline, self.handler.table(object)).await.ok().flatten();
        let table = named.as_ref().map(|(database, table)| format!("{database}.{table}"));
        if let Some(table) = &table {
            logs::table(table);
        }
        let done = match self.faults.attempt(object) {
            // A panic over one object must not hide the others.
            Ok(()) => catch_panic(Box::pin(self.handler.work(object, invocation))).await.and_then(|done| done),
            Err(injected) => Err(injected),
        };
        let done = match done {
            Err(failure) if !failure.is_transient() => {
                let kept =
                    in_time(invocation, "to put the object by", self.handler.keep(object, failure.clone())).await;
                Err(kept.unwrap_or_else(|instead| {
                    logs::failure(&failure);
                    instead
                }))
            }
            done => done,
        };
        let wrong = match &done {
            Ok(done) => done.refused.as_ref(),
            Err(failure) => Some(failure),
        };
        let told = match wrong {
            Some(failure) => self.tell(failure, Some((object, named)), delivery, invocation).await,
            None => Ok(()),
        };
        let error = told.as_ref().err().or(wrong).map(|failure| failure.name);
        let measures = done.as_ref().map(|done| done.measures).unwrap_or_default();
        self.metrics.emit(&Measured {
            object: Some(object),
            table: table.as_deref(),
            request_id: &invocation.request_id,
            duration: begun.elapsed(),
            measures,
            error,
        });
        if let Ok(done) = &done {
            self.metrics.emit_warnings(&done.warnings);
        }
        told.and(done.map(|done| done.report))
    }

    /// Logs a failure, and tells people of one that is for good, where nobody else would hear of it because the event
    /// is acknowledged.
    async fn tell(
        &self,
        failure: &Failure,
        object: Option<(&ObjectCreated, Option<(String, String)>)>,
        delivery: &Delivery,
        invocation: &Invocation,
    ) -> Result<(), Failure> {
        logs::failure(failure);
        if failure.is_transient() || !delivery.trigger.notifies() {
            return Ok(());
        }
        let (object, named) = object.unzip();
        let notice = notice(failure, object, named.flatten(), invocation);
        let notified = async { self.notifier.notify(&notice).await.map_err(Failure::from) };
        in_time(invocation, "to tell the failure topic", notified).await.inspect_err(logs::failure)
    }
}

impl<H: ObjectHandler> Handler for PerObject<H> {
    async fn handle(&self, invocation: Invocation) -> Reply {
        let mut delivery = decode(&invocation.payload).map_err(Failure::from).inspect_err(|failure| {
            logs::failure(failure);
            let error = Some(failure.name);
            self.metrics.emit(&Measured { error, request_id: &invocation.request_id, ..Measured::default() });
        })?;
        delivery.trigger = self.handler.trigger(delivery.trigger);
        let records = delivery.records.iter();
        let outcomes = join_all(records.map(|record| self.record(record, &delivery, &invocation))).await;
        reply(&delivery, outcomes)
    }
}

/// What has to be over when the answer is given.
async fn in_time<T>(
    invocation: &Invocation,
    what: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout_at(invocation.end, work).await.unwrap_or_else(|_| {
        let message = format!("the time that the function has was not enough {what}");
        Err(Failure { name: ErrorName::ServiceUnavailable, message })
    })
}

fn notice(
    failure: &Failure,
    object: Option<&ObjectCreated>,
    named: Option<(String, String)>,
    invocation: &Invocation,
) -> Notice {
    let (database, table) = named.unzip();
    let about = About {
        bucket: object.map(|o| o.bucket.clone()),
        key: object.map(|o| o.key.clone()),
        version_id: object.and_then(|o| o.version_id.clone()),
        database,
        table,
        request_id: invocation.request_id.clone(),
    };
    Notice { failure: failure.clone(), about }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::json;
    use tokio::time::Duration;

    use super::*;
    use crate::{WarningNotice, notify::MemoryNotifier};

    /// Does what the key says.
    #[derive(Debug)]
    struct Obedient;

    impl ObjectHandler for Obedient {
        async fn work(&self, object: &ObjectCreated, _: &Invocation) -> Result<Done, Failure> {
            let named = |name| Failure { name, message: "as told".to_owned() };
            match object.key.as_str() {
                "panic" => panic!("as told"),
                "malformed" | "unkept" => Err(named(ErrorName::MalformedCsv)),
                "throttled" => Err(named(ErrorName::Throttled)),
                "refused" => {
                    let refused = Some(named(ErrorName::InvalidFileFormat));
                    Ok(Done { report: json!("refused"), refused, ..Done::default() })
                }
                _ => Ok(Done { report: json!({"rows": 2}), ..Done::default() }),
            }
        }

        async fn table(&self, object: &ObjectCreated) -> Option<(String, String)> {
            (object.key != "refused").then(|| ("db".to_owned(), "t".to_owned()))
        }

        fn passes_over(&self, object: &ObjectCreated) -> Option<Value> {
            (object.key == "passed").then(|| json!("passed over"))
        }

        async fn keep(&self, object: &ObjectCreated, failure: Failure) -> Result<Failure, Failure> {
            match object.key.as_str() {
                "unkept" => Err(Failure { name: ErrorName::Throttled, message: "not now".to_owned() }),
                _ => Ok(Failure { message: failure.message + "; kept", ..failure }),
            }
        }
    }

    /// Cannot tell of an event that names no object.
    #[derive(Debug)]
    struct Unreliable(MemoryNotifier);

    #[async_trait]
    impl Notifier for Unreliable {
        async fn notify(&self, notice: &Notice) -> Result<(), notify::Error> {
            if notice.about.key.is_none() {
                return Err(notify::Error::Unavailable { topic: "topic".to_owned(), source: "gone".into() });
            }
            self.0.notify(notice).await
        }

        async fn warn(&self, notice: &WarningNotice) -> Result<(), notify::Error> {
            self.0.warn(notice).await
        }
    }

    struct World {
        notifier: MemoryNotifier,
        metrics: Metrics,
        function: PerObject<Obedient>,
    }

    impl World {
        fn new(faults: &str) -> Self {
            let env = Env::of([("INJECT_FAULTS", faults), ("ENVIRONMENT_NAME", "test")]);
            let (notifier, metrics) = (MemoryNotifier::default(), Metrics::kept("f"));
            let faults = Faults::from_env(&env).unwrap();
            let function = PerObject::new(Obedient, Box::new(Unreliable(notifier.clone())), metrics.clone(), faults);
            Self { notifier, metrics, function }
        }

        async fn handle(&self, payload: Value) -> Reply {
            let deadline = Instant::now() + Duration::from_mins(1);
            self.function.handle(Invocation { payload, deadline, end: deadline, request_id: "r".into() }).await
        }

        fn counted(&self, name: &str) -> u64 {
            self.metrics.lines().iter().filter_map(|line| line[name].as_u64()).sum()
        }
    }

    /// A message for each key; one that names none is broken.
    fn queue(keys: &[&str]) -> Value {
        let message = |(n, key): (usize, &&str)| {
            let body = if key.is_empty() { json!({"bucket": "b"}) } else { json!({"bucket": "b", "key": key}) };
            json!({"messageId": n.to_string(), "eventSource": "aws:sqs", "body": body.to_string()})
        };
        json!({"Records": keys.iter().enumerate().map(message).collect::<Vec<_>>()})
    }

    fn handed_back(reply: &Value) -> Vec<&str> {
        let failures = reply["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn each_object_is_dealt_with_told_and_counted_by_itself() {
        let world = World::new("");
        let reply =
            world.handle(queue(&["fine", "panic", "malformed", "throttled", "refused", "passed"])).await.unwrap();
        assert_eq!(handed_back(&reply), ["3"]);
        let told = world.notifier.notices();
        let told: Vec<_> = told
            .iter()
            .map(|n| (n.about.key.as_deref().unwrap(), n.failure.name.as_str(), n.about.table.as_deref()))
            .collect();
        let expected = [
            ("panic", "Internal", Some("t")),
            ("malformed", "MalformedCsv", Some("t")),
            ("refused", "InvalidFileFormat", None),
        ];
        assert_eq!(told, expected);
        assert!(world.notifier.notices()[1].failure.message.ends_with("; kept"));
        let names = ["Objects", "Skipped", "DataErrors", "FunctionErrors", "Errors"];
        assert_eq!(names.map(|name| world.counted(name)), [5, 1, 2, 2, 4]);
    }

    #[tokio::test]
    async fn what_could_not_be_kept_or_told_is_handed_back() {
        let world = World::new("");
        let reply = world.handle(queue(&["unkept", "", "malformed"])).await.unwrap();
        assert_eq!(handed_back(&reply), ["0", "1"]);
        assert_eq!(world.notifier.notices().len(), 1);
        assert_eq!((world.counted("DataErrors"), world.counted("FunctionErrors")), (1, 2));
    }

    #[tokio::test]
    async fn who_waits_for_the_answer_hears_of_it_and_nobody_else() {
        let world = World::new("");
        let failure = world.handle(json!({"bucket": "b", "key": "malformed"})).await.unwrap_err();
        assert_eq!(failure.to_string(), "MalformedCsv: as told; kept");
        assert_eq!(world.handle(json!({"bucket": "b", "key": "refused"})).await, Ok(json!("refused")));
        assert_eq!(world.notifier.notices().len(), 0);
    }

    #[tokio::test]
    async fn an_event_that_is_not_understood_is_counted_without_an_object() {
        let world = World::new("");
        world.handle(json!({"hello": 1})).await.unwrap_err();
        assert_eq!((world.counted("Objects"), world.counted("FunctionErrors")), (0, 1));
        assert_eq!(world.metrics.lines()[0]["ErrorName"], "InvalidEvent");
    }

    #[tokio::test]
    async fn injected_faults_come_before_the_work() {
        let world = World::new("Throttled:2,MalformedCsv:1");
        let event = || queue(&["fine"]);
        for expected in [vec!["0"], vec!["0"], vec![], vec![]] {
            assert_eq!(handed_back(&world.handle(event()).await.unwrap()), expected);
        }
        assert_eq!(world.notifier.notices().len(), 1);
        // What is passed over is left out of it.
        assert_eq!(
            World::new("Internal:1").handle(json!({"bucket": "b", "key": "passed"})).await,
            Ok(json!("passed over"))
        );
    }
}
