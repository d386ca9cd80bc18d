//! A delimited file that lands in S3 becomes Parquet in the clean zone and a table in the Glue Data Catalog.

mod budget;
mod handler;
mod settings;
mod warner;

use std::sync::Arc;

use cleanzone_allocator::{limit, of_function};
use cleanzone_catalog::GlueCatalog;
use cleanzone_lake::{DailyMarks, Lake, Quarantine, Rulebook};
use cleanzone_runtime::{
    Error, PerObject, aws,
    faults::Faults,
    metrics::Metrics,
    notify::{self, Notifier},
    run,
    settings::Env,
};
use cleanzone_storage::{S3Options, S3Store};

use handler::CsvToParquet;
use warner::{Notify, Warner};

fn main() -> Result<(), Error> {
    // One heap is enough: a single thread converts, and those that wait for S3 seldom ask for memory at the same time.
    limit(&of_function(1));
    serve()
}

#[tokio::main]
async fn serve() -> Result<(), Error> {
    run(async || {
        let env = Env::process();
        let settings = settings::from(&env)?;
        let quarantines = env.parsed("QUARANTINE_INVALID", "true or false")?.unwrap_or(false);
        let aws = aws::config(&env)?;
        let store = Arc::new(S3Store::new(aws::s3(&aws), S3Options::default()));
        let catalog = Arc::new(GlueCatalog::new(aws_sdk_glue::Client::new(&aws)));
        let quarantine = quarantines.then(|| Quarantine::new(store.clone()));
        let rulebook = match env.optional("LAKE_CONFIG")? {
            Some(config) => Rulebook::new(&config, store.clone(), Some(&settings.clean_bucket), true)?,
            None => Rulebook::conventions(),
        };
        let notifier: Arc<dyn Notifier> = notify::from_env(&env, &aws)?.into();
        let warner = match settings::notify_warnings(&env)? {
            Notify::Daily => {
                Some(Warner::new(DailyMarks::new(store.clone(), &settings.clean_bucket), notifier.clone()))
            }
            Notify::Off => None,
        };
        let lake = Lake::new(store, catalog, settings).following(rulebook);
        let function = CsvToParquet::new(lake, quarantine, warner);
        let (metrics, faults) = (Metrics::from_env(&env)?, Faults::from_env(&env)?);
        Ok(PerObject::new(function, Box::new(notifier), metrics, faults))
    })
    .await
}
