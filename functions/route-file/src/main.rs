//! An object that lands in S3 is recognised, by its content first and its name second, and sent on its way.

mod decide;
mod handler;
mod name;
mod routing;

use std::sync::Arc;

use cleanzone_lake::{Quarantine, Rulebook};
use cleanzone_runtime::{Error, PerObject, aws, run, settings::Env};
use cleanzone_storage::S3Store;

use handler::RouteFile;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(async || {
        let env = Env::process();
        let quarantines = env.parsed("QUARANTINE_INVALID", "true or false")?.unwrap_or(false);
        let aws = aws::config(&env)?;
        let store = Arc::new(S3Store::new(aws::s3(&aws), handler::one_read()));
        let quarantine = quarantines.then(|| Quarantine::new(store.clone()));
        let rulebook = match env.optional("LAKE_CONFIG")? {
            Some(config) => Rulebook::new(&config, store.clone(), env.optional("CLEAN_BUCKET")?.as_deref(), false)?,
            None => Rulebook::conventions(),
        };
        Ok(PerObject::from_env(RouteFile::new(store, rulebook, quarantine), &env, &aws)?)
    })
    .await
}
