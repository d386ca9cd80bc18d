use std::fmt;

use aws_lambda_events::{
    s3::batch_job::{S3BatchJobResponse, S3BatchJobResult},
    sqs::{BatchItemFailure, SqsBatchResponse},
};
use cleanzone_error::{ErrorName, Fault, chain};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{BatchInvocation, Delivery, Record, Trigger};

/// What became of a record: its report, or why there is none.
pub type Outcome = Result<Value, Failure>;

/// What the function returns: the response, or the error that it ends with.
pub type Reply = Result<Value, Failure>;

/// An error as it is known outside: by its name and one line of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The name; says by itself whether trying again can help.
    #[serde(rename = "error")]
    pub name: ErrorName,
    /// What happened, without any value of a data file.
    pub message: String,
}

impl Failure {
    /// The error with all its sources.
    pub fn of(fault: &impl Fault) -> Self {
        Self { name: fault.name(), message: chain(fault) }
    }

    /// Whether trying again, later and unchanged, can succeed.
    pub fn is_transient(&self) -> bool {
        self.name.is_transient()
    }
}

impl<F: Fault> From<F> for Failure {
    fn from(fault: F) -> Self {
        Self::of(&fault)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for Failure {}

/// Puts the outcomes of `delivery.records`, in their order, together as the trigger wants to hear them. A record
/// without an outcome was not dealt with (the function ran out of time): it is handed back like a transient failure.
///
/// | trigger | response | what the sender does with it |
/// |---|---|---|
/// | [`Sqs`](Trigger::Sqs) | `{"batchItemFailures": […]}`: the messages with a transient failure | keeps these in the queue, [deletes the others][sqs]; after `maxReceiveCount` they go to the dead-letter queue |
/// | [`S3`](Trigger::S3), [`Sns`](Trigger::Sns), [`EventBridge`](Trigger::EventBridge) | `{"results": […]}`; with a transient failure, that error | discards a response; on an error [invokes the function twice more][async], then hands the event to the failure destination |
/// | [`BatchOperations`](Trigger::BatchOperations) | a result a task | [redrives][batch] a `TemporaryFailure`; the others end in the job's completion report |
/// | [`Direct`](Trigger::Direct) | the report, or the error | gives it to the caller; a state machine can [name the error][asl] in `Retry` and `Catch` |
/// | [`DirectBatch`](Trigger::DirectBatch) | `{"results": […]}`, or, with any failure, one error | the same |
///
/// In `results` stand, in order, reports and `{"error", "message"}`. Permanent failures of asynchronous triggers are
/// acknowledged, so that nothing is redelivered for ever: [`Trigger::notifies`] says that people have to hear of them
/// in another way.
///
/// # Errors
/// The error to end the invocation with. Of several, the first transient one, otherwise the first.
///
/// [sqs]: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
/// [async]: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
/// [batch]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
/// [asl]: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
pub fn reply(delivery: &Delivery, outcomes: Vec<Outcome>) -> Reply {
    let handed_back = || {
        Err(Failure {
            name: ErrorName::ServiceUnavailable,
            message: "the function ended before it came to this record".to_owned(),
        })
    };
    let outcomes = outcomes.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    let outcomes = outcomes.map(|outcome| outcome.unwrap_or_else(handed_back));
    let mut settled: Vec<(&Record, Outcome)> = delivery.records.iter().zip(outcomes).collect();
    match &delivery.trigger {
        Trigger::Sqs => to_value(&sqs(&settled)),
        Trigger::BatchOperations(invocation) => to_value(&batch_operations(invocation, &settled)),
        Trigger::Direct if settled.len() == 1 => settled.remove(0).1,
        Trigger::Direct | Trigger::DirectBatch => results(settled, |_| true),
        Trigger::S3 | Trigger::Sns | Trigger::EventBridge => results(settled, Failure::is_transient),
    }
}

fn to_value(response: &impl Serialize) -> Reply {
    serde_json::to_value(response)
        .map_err(|error| Failure { name: ErrorName::Internal, message: format!("cannot write the reply: {error}") })
}

fn sqs(settled: &[(&Record, Outcome)]) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for (record, outcome) in settled {
        let again = outcome.as_ref().is_err_and(Failure::is_transient);
        // The records of a message stand side by side.
        if again && response.batch_item_failures.last().is_none_or(|last| last.item_identifier != record.item) {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier.clone_from(&record.item);
            response.batch_item_failures.push(failure);
        }
    }
    response
}

fn batch_operations(invocation: &BatchInvocation, settled: &[(&Record, Outcome)]) -> S3BatchJobResponse {
    let mut response = S3BatchJobResponse::default();
    response.invocation_schema_version = Some(invocation.schema_version.clone());
    response.invocation_id = Some(invocation.invocation_id.clone());
    // Every task has its result; should one get lost on the way, it was not dealt with.
    response.treat_missing_keys_as = Some("TemporaryFailure".to_owned());
    for (record, outcome) in settled {
        let (code, text) = match outcome {
            Ok(report) => ("Succeeded", report.to_string()),
            Err(failure) if failure.is_transient() => ("TemporaryFailure", failure.to_string()),
            Err(failure) => ("PermanentFailure", failure.to_string()),
        };
        let mut result = S3BatchJobResult::default();
        result.task_id = Some(record.item.clone());
        result.result_code = Some(code.to_owned());
        result.result_string = Some(shorten(text, RESULT_STRING));
        response.results.push(result);
    }
    response
}

/// Characters of a `resultString` that reach the job's completion report.
const RESULT_STRING: usize = 1024;

fn shorten(mut text: String, characters: usize) -> String {
    if text.chars().count() > characters {
        let end = text.char_indices().nth(characters - 1).map_or(text.len(), |(at, _)| at);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// All results; or one error for all, where a failure `ends` the invocation.
fn results(settled: Vec<(&Record, Outcome)>, ends: fn(&Failure) -> bool) -> Reply {
    let failures = || settled.iter().filter_map(|(_, outcome)| outcome.as_ref().err());
    let ending = failures().find(|f| f.is_transient()).or_else(|| failures().find(|f| ends(f)));
    if let Some(failure) = ending {
        let message = match settled.len() {
            1 => failure.message.clone(),
            all => format!("{} of {all} records failed; {}", failures().count(), failure.message),
        };
        return Err(Failure { name: failure.name, message });
    }
    let results = settled.into_iter().map(|(_, outcome)| outcome.unwrap_or_else(|failure| json!(failure)));
    Ok(json!({ "results": results.collect::<Vec<_>>() }))
}
