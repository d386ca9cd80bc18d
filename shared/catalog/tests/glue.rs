//! The Glue catalog keeps what every catalog promises, against a local lake.

#![allow(clippy::unwrap_used, clippy::panic)]

mod suite;

use std::sync::Arc;

use arrow::datatypes::DataType;
use aws_sdk_glue::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    types::{Column, DatabaseInput, Order, SerDeInfo, StorageDescriptor, TableInput},
};
use cleanzone_catalog::{Catalog, Committer, GlueCatalog, TableName};
use cleanzone_error::{ErrorName, Fault};
use cleanzone_testlake::{LocalLake, unique_name};
use suite::{Suite, commit, file, file_by_year, location, types, year};

fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

fn committer(client: &Client) -> Committer {
    Committer::new(Arc::new(GlueCatalog::new(client.clone())))
}

/// A Parquet table as AWS SDK for pandas leaves it, and as people go on to edit it.
async fn their_table(client: &Client, name: &TableName) -> TableInput {
    let column = |name: &str, hive_type: &str| Column::builder().name(name).r#type(hive_type);
    let serde = SerDeInfo::builder()
        .serialization_library("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe")
        .parameters("serialization.format", "1");
    let storage = StorageDescriptor::builder()
        .columns(column("id", "bigint").comment("the number").parameters("unit", "none").build().unwrap())
        .columns(column("tags", "array<struct<k:string,v:double>>").build().unwrap())
        .location(location(name))
        .input_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
        .output_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat")
        .serde_info(serde.build())
        .sort_columns(Order::builder().column("id").sort_order(1).build().unwrap())
        .parameters("CrawlerSchemaDeserializerVersion", "1.0")
        .build();
    let input = TableInput::builder()
        .name(&name.table)
        .description("All orders")
        .owner("finance")
        .table_type("EXTERNAL_TABLE")
        .parameters("classification", "parquet")
        .parameters("team", "finance")
        .partition_keys(column("year", "int").build().unwrap())
        .storage_descriptor(storage)
        .build()
        .unwrap();
    let database = DatabaseInput::builder().name(&name.database).build().unwrap();
    client.create_database().database_input(database).send().await.unwrap();
    client.create_table().database_name(&name.database).table_input(input.clone()).send().await.unwrap();
    input
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_catalog_promises() {
    let lake = LocalLake::connect().unwrap();
    let catalog = Arc::new(GlueCatalog::new(client(lake.endpoint())));
    Suite { catalog, prefix: unique_name("suite").replace('-', "_") }.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_put_into_a_table_stays() {
    let lake = LocalLake::connect().unwrap();
    let client = client(lake.endpoint());
    let name = TableName::new(unique_name("theirs").replace('-', "_"), "orders");
    let before = their_table(&client, &name).await;

    let schema = file_by_year(&[("id", Some(DataType::Int64)), ("tags", None), ("zip", Some(DataType::Utf8))]);
    let done = commit(&committer(&client), &name, &schema, &[year(&name, "2026")], None).await.unwrap();
    assert_eq!(done.added, ["zip"]);

    let after = client.get_table().database_name(&name.database).name(&name.table).send().await.unwrap();
    let after = after.table.unwrap();
    assert_eq!((after.description(), after.owner()), (Some("All orders"), Some("finance")));
    assert_eq!(after.parameters, before.parameters);
    assert_eq!(after.partition_keys, before.partition_keys);
    let mut expected = before.storage_descriptor.unwrap();
    expected.columns.as_mut().unwrap().push(Column::builder().name("zip").r#type("string").build().unwrap());
    assert_eq!(after.storage_descriptor.unwrap(), expected);

    let error = commit(&committer(&client), &name, &schema, &[year(&name, "late")], None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
    let filled = file_by_year(&[("tags", Some(DataType::Utf8))]);
    let error = commit(&committer(&client), &name, &filled, &[year(&name, "2026")], None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::SchemaConflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_table_reads_back_as_it_was_meant() {
    let lake = LocalLake::connect().unwrap();
    let client = client(lake.endpoint());
    let name = TableName::new(unique_name("new").replace('-', "_"), "orders");
    let schema = file(&[("id", Some(DataType::Int64)), ("total", Some(DataType::Decimal128(10, 2))), ("note", None)]);
    commit(&committer(&client), &name, &schema, &[], None).await.unwrap();
    let raw = client.get_table().database_name(&name.database).name(&name.table).send().await.unwrap().table.unwrap();
    assert_eq!(raw.table_type(), Some("EXTERNAL_TABLE"));
    assert_eq!(raw.parameters().unwrap()["EXTERNAL"], "TRUE");
    let read = GlueCatalog::new(client).table(&name).await.unwrap().unwrap();
    assert_eq!(types(&read.columns), [("id", "bigint"), ("total", "decimal(10,2)"), ("note", "string")]);
    assert!(read.columns[2].is_provisional());
    assert_eq!(read.location, location(&name));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_catalog_is_unavailable() {
    // Port 9 (discard) is closed.
    let error = GlueCatalog::new(client("http://127.0.0.1:9")).table(&TableName::new("a", "b")).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::ServiceUnavailable);
}
