//! Tokens get back their values, for the few who may, and are forgotten, for those who ask for it.
//!
//! [`request`] has the forms of a call, [`proof`] how it is known who calls, [`access`] who may, [`audit`] what is kept
//! of it.

mod access;
mod audit;
mod error;
mod handler;
mod object;
mod parquet_file;
mod proof;
mod request;
mod reveal;
mod sts;

use std::sync::Arc;

use cleanzone_events::Failure;
use cleanzone_runtime::{Error, aws, run, settings::Env};
use cleanzone_storage::{Location, S3Options, S3Store};
use cleanzone_vault::DynamoVault;

use audit::Audit;
use handler::DetokenizePii;
use sts::Sts;

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(async || {
        let env = Env::process();
        let aws = aws::config(&env)?;
        let store = Arc::new(S3Store::new(aws::s3(&aws), S3Options::default()));
        let (table, key) = (env.required("TOKEN_TABLE", "a table")?, env.required("VAULT_KEY", "a KMS key")?);
        let (dynamodb, kms) = (aws_sdk_dynamodb::Client::new(&aws), aws_sdk_kms::Client::new(&aws));
        let region = aws.region().map(ToString::to_string).unwrap_or_default();
        let function = env.required("AWS_LAMBDA_FUNCTION_NAME", "the function's name, which Lambda sets")?;
        let uri = env.required("ACCESS_CONFIG", "where access.toml is")?;
        let allow_list = location("ACCESS_CONFIG", &uri)?;
        let results = env.optional("DETOKENIZED_BUCKET")?.unwrap_or_else(|| allow_list.bucket.clone());
        Ok(DetokenizePii {
            vault: Arc::new(DynamoVault::new(dynamodb, kms, &table, &key)?),
            allow_list,
            results,
            identity: Box::new(Sts::new(aws.endpoint_url(), &region, function)),
            audit: Audit::new(store.clone(), env.required("AUDIT_BUCKET", "the bucket of the audit records")?),
            store,
        })
    })
    .await
}

fn location(name: &'static str, uri: &str) -> Result<Location, Failure> {
    let parts = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let (bucket, key) = parts
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        .ok_or_else(|| error::Error::Uri { name, found: uri.to_owned() })?;
    Ok(Location::new(bucket, key))
}
