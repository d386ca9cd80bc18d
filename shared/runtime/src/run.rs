use std::{future::Future, sync::Arc};

use cleanzone_events::{Failure, Reply};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{Error, catch_panic, deadline, logs, panics};

/// Answers invocations, one after the other.
pub trait Handler {
    /// Does the work of one event. Logs its own failures, with what they are about.
    fn handle(&self, invocation: Invocation) -> impl Future<Output = Reply>;
}

/// One event, and the time there is for it.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The event.
    pub payload: Value,
    /// When the work has to end, with time left to clean up and answer: 5 % of the time there is, at least 2 s, but
    /// never more than half.
    pub deadline: Instant,
    /// When the answer has to be given: a moment before Lambda kills the function.
    pub end: Instant,
    /// Lambda's ID of the request.
    pub request_id: String,
}

impl Invocation {
    fn new(event: LambdaEvent<Value>) -> Self {
        let Context { request_id, .. } = &event.context;
        Self {
            deadline: deadline::before(event.context.deadline()),
            end: deadline::end(event.context.deadline()),
            request_id: request_id.clone(),
            payload: event.payload,
        }
    }
}

/// Runs a function: logs, then `set_up` once, then its handler for every event, for ever.
///
/// An error ends an invocation with its stable name as the error type. That is also so where `set_up` fails: the
/// function then answers every event with that error, which a caller, an alarm and a failure destination can read, as
/// they could not read a process that ends before it is asked.
///
/// # Errors
/// Where Lambda's runtime API cannot be reached.
pub async fn run<H: Handler>(set_up: impl AsyncFnOnce() -> Result<H, Failure>) -> Result<(), Error> {
    logs::init();
    panics::log_panics();
    let handler = catch_panic(set_up()).await.and_then(|handler| handler);
    if let Err(failure) = &handler {
        tracing::error!(error = failure.name.as_str(), "set-up failed: {}", failure.message);
    }
    let handler = Arc::new(handler);
    Runtime::new(service_fn(move |event: LambdaEvent<Value>| answer(Arc::clone(&handler), Invocation::new(event))))
        .run()
        .await
}

async fn answer<H: Handler>(handler: Arc<Result<H, Failure>>, invocation: Invocation) -> Result<Value, Diagnostic> {
    let span = logs::invocation(&invocation.request_id);
    let reply = async {
        match &*handler {
            Ok(handler) => catch_panic(handler.handle(invocation)).await.and_then(|reply| reply),
            Err(failure) => {
                logs::failure(failure);
                Err(failure.clone())
            }
        }
    };
    reply.instrument(span).await.map_err(diagnostic)
}

/// The error as Lambda, and a state machine behind it, sees it: `errorType` is the stable name.
fn diagnostic(failure: Failure) -> Diagnostic {
    Diagnostic { error_type: failure.name.to_string(), error_message: failure.message }
}
