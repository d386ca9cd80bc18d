//! `partitions BUCKET KEY COLUMN`: converts an object from bucket to bucket, partitioned by a column, as the function
//! would: S3 and Glue at `AWS_ENDPOINT_URL`, into `CLEAN_BUCKET`. Prints what it wrote as JSON.

use std::{env, process::ExitCode, sync::Arc};

use cleanzone_catalog::GlueCatalog;
use cleanzone_events::ObjectCreated;
use cleanzone_lake::{Lake, Mode, PartitionBy, Report, Settings, Transform};
use cleanzone_runtime::{aws, settings::Env};
use cleanzone_storage::{S3Options, S3Store};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [bucket, key, columns @ ..] = &arguments[..] else {
        eprintln!("usage: partitions BUCKET KEY [COLUMN]...");
        return ExitCode::FAILURE;
    };
    match convert(bucket, key, columns).await {
        Ok(report) => {
            let Report { content, paths, bytes_out, duration_ms, .. } = report;
            let (rows, passes, files) = (content.rows, content.passes, paths.len());
            println!(
                r#"{{"rows": {rows}, "passes": {passes}, "files": {files}, "bytes": {bytes_out}, "ms": {duration_ms}}}"#
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

async fn convert(bucket: &str, key: &str, columns: &[String]) -> Result<Report, Box<dyn std::error::Error>> {
    let env = Env::process();
    let aws = aws::config(&env)?;
    let store = S3Store::new(aws::s3(&aws), S3Options::default());
    let catalog = GlueCatalog::new(aws_sdk_glue::Client::new(&aws));
    let by = columns.iter().map(|column| PartitionBy {
        name: column.clone(),
        column: column.clone(),
        transform: Transform::Identity,
        hive_type: "string".to_owned(),
    });
    let settings = Settings {
        clean_bucket: env.required("CLEAN_BUCKET", "the bucket that tables are written to")?,
        mode: Mode::Replace,
        partition_by: by.collect(),
        ..Settings::default()
    };
    let lake = Lake::new(Arc::new(store), Arc::new(catalog), settings);
    let source = ObjectCreated { bucket: bucket.to_owned(), key: key.to_owned(), ..ObjectCreated::default() };
    Ok(lake.convert(&source, None).await?)
}
