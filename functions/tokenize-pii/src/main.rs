//! A file with personal data lands in a bucket of its own; a copy without it goes on to the lake.

use std::{sync::Arc, time::Duration};

use cleanzone_lake::{Rulebook, Settings};
use cleanzone_runtime::{Error, PerObject, aws, run, settings::Env};
use cleanzone_storage::{S3Options, S3Store};
use cleanzone_vault::DynamoVault;
use tokenize_pii::{TokenizePii, Tokenizer, limit_memory};

fn main() -> Result<(), Error> {
    limit_memory();
    serve()
}

#[tokio::main]
async fn serve() -> Result<(), Error> {
    run(async || {
        let env = Env::process();
        let aws = aws::config(&env)?;
        let store = Arc::new(S3Store::new(aws::s3(&aws), S3Options::default()));
        let (table, key) = (env.required("TOKEN_TABLE", "a table")?, env.required("VAULT_KEY", "a KMS key")?);
        let (dynamodb, kms) = (aws_sdk_dynamodb::Client::new(&aws), aws_sdk_kms::Client::new(&aws));
        let mut vault = DynamoVault::new(dynamodb, kms, &table, &key)?;
        if let Some(days) = env.parsed::<u64>("TOKEN_DAYS", "a number of days")?.filter(|days| *days > 0) {
            vault = vault.with_expiry(Duration::from_hours(24 * days));
        }
        let config = env.required("LAKE_CONFIG", "where lake.toml is")?;
        let rulebook = Rulebook::new(&config, store.clone(), env.optional("CONFIG_COPY_BUCKET")?.as_deref(), true)?;
        let lake = env.required("LAKE_LANDING_BUCKET", "the bucket that files go on to")?;
        let mode = env.parsed("WRITE_MODE", "replace, append or overwrite_partitions")?.unwrap_or_default();
        let settings = Settings { mode, ..Settings::default() };
        let tokenizer = Tokenizer { store, vault: Arc::new(vault), rulebook, lake, settings };
        Ok(PerObject::from_env(TokenizePii::new(tokenizer), &env, &aws)?)
    })
    .await
}
