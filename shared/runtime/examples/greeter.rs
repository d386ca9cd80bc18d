//! A whole function, as small as it gets. The tests of this crate run it under a runtime API of their own; a person can
//! do the same with `cargo lambda watch`.

use cleanzone_events::{Failure, Outcome, Record, Reply, decode, reply};
use cleanzone_runtime::{Error, Handler, Invocation, aws, logs, notify, run, settings::Env};
use serde_json::json;
use tokio::time::Instant;

struct Greeter {
    greeting: String,
}

impl Handler for Greeter {
    async fn handle(&self, invocation: Invocation) -> Reply {
        let delivery = decode(&invocation.payload).map_err(Failure::from).inspect_err(logs::failure)?;
        let outcomes = delivery.records.iter().map(|record| self.greet(record, &invocation));
        reply(&delivery, outcomes.collect())
    }
}

impl Greeter {
    fn greet(&self, record: &Record, invocation: &Invocation) -> Outcome {
        let object = match record.object() {
            Ok(object) => object,
            Err(known) => return known,
        };
        let _span = logs::object(&format!("s3://{}/{}", object.bucket, object.key)).entered();
        logs::table("hello.world");
        // Stands for any defect: this slice is out of bounds for a key without a dot.
        let extension = &object.key[object.key.find('.').unwrap_or(usize::MAX)..];
        let report = json!({"greeting": format!("{}, {}", self.greeting, object.key), "extension": extension});
        tracing::info!(%report, "greeted");
        let seconds = (invocation.deadline - Instant::now()).as_secs();
        Ok(json!({"report": report, "seconds": seconds}))
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(async || {
        let env = Env::process();
        let greeting = env.required("GREETING", "how to begin")?;
        let _notifier = notify::from_env(&env, &aws::config(&env)?)?;
        Ok(Greeter { greeting })
    })
    .await
}
