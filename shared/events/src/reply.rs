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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Skip};

    fn delivery(trigger: Trigger, items: &[&str]) -> Delivery {
        let content = Ok(Content::Skip(Skip::TestEvent));
        let records = items.iter().map(|item| Record { item: (*item).to_owned(), content: content.clone() }).collect();
        Delivery { trigger, records }
    }

    fn failed(name: ErrorName, message: &str) -> Outcome {
        Err(Failure { name, message: message.to_owned() })
    }

    #[test]
    fn a_queue_hears_of_messages_to_send_again_and_of_nothing_else() {
        let delivery = delivery(Trigger::Sqs, &["a", "a", "b", "c", "c"]);
        let outcomes = vec![
            failed(ErrorName::Throttled, "slow"),
            failed(ErrorName::Conflict, "late"),
            failed(ErrorName::MalformedCsv, "broken"),
            Ok(json!({"rows": 1})),
            failed(ErrorName::ServiceUnavailable, "down"),
        ];
        let expected = json!({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "c"}]});
        assert_eq!(reply(&delivery, outcomes), Ok(expected));
    }

    #[test]
    fn what_was_not_dealt_with_is_handed_back() {
        let queue = delivery(Trigger::Sqs, &["a", "b"]);
        let expected = json!({"batchItemFailures": [{"itemIdentifier": "b"}]});
        assert_eq!(reply(&queue, vec![Ok(json!(1))]), Ok(expected));
        let failure = reply(&delivery(Trigger::Direct, &["0"]), vec![]).unwrap_err();
        assert!(failure.is_transient());
    }

    #[test]
    fn a_caller_gets_the_report_or_the_error_as_it_is() {
        let direct = delivery(Trigger::Direct, &["0"]);
        assert_eq!(reply(&direct, vec![Ok(json!({"rows": 4}))]), Ok(json!({"rows": 4})));
        let failure = reply(&direct, vec![failed(ErrorName::MalformedCsv, "line 3: a stray quote")]).unwrap_err();
        assert_eq!(failure.to_string(), "MalformedCsv: line 3: a stray quote");
    }

    #[test]
    fn a_batch_of_a_caller_fails_as_one() {
        let batch = delivery(Trigger::DirectBatch, &["0", "1", "2"]);
        let outcomes =
            vec![Ok(json!(1)), failed(ErrorName::MalformedCsv, "broken"), failed(ErrorName::Conflict, "late")];
        // A retry may do away with the transient one; what then remains is named.
        let failure = reply(&batch, outcomes.clone()).unwrap_err();
        assert_eq!(failure.to_string(), "Conflict: 2 of 3 records failed; late");
        let failure = reply(&batch, [&outcomes[..2], &[Ok(json!(3))]].concat()).unwrap_err();
        assert_eq!(failure.to_string(), "MalformedCsv: 1 of 3 records failed; broken");
        assert_eq!(reply(&batch, vec![Ok(json!(1)); 3]), Ok(json!({"results": [1, 1, 1]})));
    }

    #[test]
    fn a_permanent_failure_of_an_asynchronous_event_is_acknowledged() {
        let event = delivery(Trigger::S3, &["0", "1"]);
        let response = reply(&event, vec![Ok(json!({"rows": 4})), failed(ErrorName::MalformedCsv, "broken")]);
        let expected = json!({"results": [{"rows": 4}, {"error": "MalformedCsv", "message": "broken"}]});
        assert_eq!(response, Ok(expected));
    }

    #[test]
    fn a_job_gets_back_what_it_sent() {
        let invocation = BatchInvocation {
            schema_version: "2.0".to_owned(),
            invocation_id: "i-1".to_owned(),
            ..BatchInvocation::default()
        };
        let job = delivery(Trigger::BatchOperations(invocation), &["t-1", "t-2", "t-3"]);
        let outcomes = vec![
            Ok(json!({"rows": 4})),
            failed(ErrorName::Throttled, "slow"),
            failed(ErrorName::MalformedCsv, &"ä".repeat(2000)),
        ];
        let response = reply(&job, outcomes).unwrap();
        assert_eq!(response["invocationSchemaVersion"], "2.0");
        assert_eq!(response["invocationId"], "i-1");
        assert_eq!(response["treatMissingKeysAs"], "TemporaryFailure");
        let results = response["results"].as_array().unwrap();
        assert_eq!(results[0], json!({"taskId": "t-1", "resultCode": "Succeeded", "resultString": "{\"rows\":4}"}));
        assert_eq!(results[1]["resultCode"], "TemporaryFailure");
        assert_eq!(results[1]["resultString"], "Throttled: slow");
        assert_eq!(results[2]["resultCode"], "PermanentFailure");
        let text = results[2]["resultString"].as_str().unwrap();
        assert_eq!(text.chars().count(), RESULT_STRING);
        assert!(text.starts_with("MalformedCsv: ä") && text.ends_with("ä…"));
    }
}
