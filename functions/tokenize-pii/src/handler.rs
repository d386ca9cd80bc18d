use cleanzone_error::{ErrorName, chain};
use cleanzone_events::{Failure, ObjectCreated};
use cleanzone_runtime::{Done, Invocation, ObjectHandler, metrics::Measures};
use serde_json::{Value, json};

use crate::{
    rejected,
    tokenize::{Report, Status, Tokenizer},
};

/// Folders of the PII landing bucket that hold no originals: what was rejected, the rules, and what was put back in
/// the clear.
const NOT_ORIGINALS: [&str; 3] = [rejected::FOLDER, "_cleanzone/", "_detokenized/"];

/// Sends on every object that an event tells of, without what is personal in it.
#[derive(Debug)]
pub struct TokenizePii {
    tokenizer: Tokenizer,
}

impl TokenizePii {
    /// The handler that has this done.
    pub fn new(tokenizer: Tokenizer) -> Self {
        Self { tokenizer }
    }
}

impl ObjectHandler for TokenizePii {
    async fn work(&self, object: &ObjectCreated, invocation: &Invocation) -> Result<Done, Failure> {
        let report = self.tokenizer.run(object, invocation.deadline).await.map_err(|error| Failure::of(&error))?;
        let measures = measures(&report);
        let value = serde_json::to_value(&report)
            .map_err(|error| Failure { name: ErrorName::Internal, message: chain(&error) })?;
        tracing::info!(report = %value, "{:?}", report.status);
        Ok(Done { report: value, measures, ..Done::default() })
    }

    async fn table(&self, object: &ObjectCreated) -> Option<(String, String)> {
        self.tokenizer.table(object).await
    }

    fn passes_over(&self, object: &ObjectCreated) -> Option<Value> {
        NOT_ORIGINALS
            .iter()
            .any(|folder| object.key.starts_with(folder))
            .then(|| json!({"skipped": "no original", "bucket": object.bucket, "key": object.key}))
    }

    /// The original stays where it is, which is where it is safest.
    async fn keep(&self, _: &ObjectCreated, failure: Failure) -> Result<Failure, Failure> {
        Ok(failure)
    }
}

fn measures(report: &Report) -> Measures {
    let stale_rules = report.stale_rules;
    match report.status {
        Status::Tokenized => Measures {
            rows: Some(report.rows),
            rejected_rows: Some(report.rejected),
            bytes_in: Some(report.bytes_in),
            bytes_out: Some(report.bytes_out),
            skipped: false,
            stale_rules,
            warnings: None,
        },
        Status::Unchanged | Status::Superseded => Measures { skipped: true, stale_rules, ..Measures::default() },
    }
}
