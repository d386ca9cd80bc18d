use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    pin::pin,
    task::Poll,
};

use cleanzone_error::ErrorName;
use cleanzone_events::Failure;

/// Runs a future to its end; a panic in it becomes an `Internal` failure, so that one object's cannot take the others
/// of an event, or the function, with it. State that the future shares must not be relied on afterwards.
///
/// # Errors
/// Where the future panicked.
pub async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let mut future = pin!(future);
    poll_fn(|context| match panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Err(payload) => Poll::Ready(Err(failure(&*payload))),
    })
    .await
}

fn failure(payload: &(dyn Any + Send)) -> Failure {
    let message = match literal(payload) {
        Some(text) => format!("the function panicked: {text}; the log says where"),
        None => "the function panicked; the log says where".to_owned(),
    };
    Failure { name: ErrorName::Internal, message }
}

/// The message of a panic, where it is one of the program's own literals. One that was put together at run time can
/// hold values of the data (`byte index 1 is not a char boundary; it is inside 'é' of …`) and is kept back.
fn literal(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

/// Logs panics as errors, with their place.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            error = ErrorName::Internal.as_str(),
            location,
            "panic: {}",
            literal(info.payload()).unwrap_or("message kept back")
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_passes_and_a_panic_is_a_failure() {
        assert_eq!(catch_panic(async { 1 }).await, Ok(1));
        let caught = catch_panic(async {
            tokio::task::yield_now().await;
            panic!("on the moon")
        });
        let failure: Result<(), _> = caught.await;
        let failure = failure.unwrap_err();
        assert_eq!(failure.name, ErrorName::Internal);
        assert!(failure.message.contains("on the moon"), "{failure}");
    }

    #[tokio::test]
    async fn a_message_with_values_is_kept_back() {
        let secret = "s3cret".to_owned();
        let failure: Result<(), _> = catch_panic(async { panic!("cannot read {secret}") }).await;
        assert!(!failure.unwrap_err().message.contains("s3cret"));
    }
}
