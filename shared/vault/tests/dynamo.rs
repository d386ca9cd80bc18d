//! The vault in `DynamoDB` keeps what every vault promises, against a local lake.

#![allow(clippy::unwrap_used, clippy::panic)]

mod suite;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
    types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use cleanzone_error::{ErrorName, Fault, chain};
use cleanzone_testlake::{LocalLake, unique_name};
use cleanzone_vault::{DynamoVault, Error, Field, TokenVault};
use suite::{Backend, Suite, one, values};

fn dynamodb(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

fn kms(endpoint: &str) -> aws_sdk_kms::Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .build();
    aws_sdk_kms::Client::from_conf(config)
}

/// A table and a key of its own.
struct Dynamo {
    dynamodb: Client,
    kms: aws_sdk_kms::Client,
    table: String,
    key: String,
}

impl Dynamo {
    async fn new(lake: &LocalLake) -> Self {
        let (dynamodb, kms) = (dynamodb(lake.endpoint()), kms(lake.endpoint()));
        let table = unique_name("tokens");
        let attribute = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
        dynamodb
            .create_table()
            .table_name(&table)
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap())
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
        let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
        Self { dynamodb, kms, table, key }
    }

    fn open(&self) -> DynamoVault {
        DynamoVault::new(self.dynamodb.clone(), self.kms.clone(), &self.table, &self.key).unwrap()
    }

    async fn get(&self, item: &str) -> HashMap<String, AttributeValue> {
        let key = AttributeValue::S(item.to_owned());
        self.dynamodb.get_item().table_name(&self.table).key("pk", key).send().await.unwrap().item.unwrap()
    }
}

/// What the vault has not written for itself.
const APART: [&str; 3] = ["pk", "made", "expires"];

#[async_trait]
impl Backend for Dynamo {
    fn vault(&self) -> Arc<dyn TokenVault> {
        Arc::new(self.open())
    }

    async fn items(&self) -> Vec<String> {
        let pages = self.dynamodb.scan().table_name(&self.table).into_paginator().items().send();
        let items = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        items.into_iter().map(|item| item["pk"].as_s().unwrap().clone()).collect()
    }

    async fn attributes(&self, item: &str) -> Vec<(String, usize)> {
        let length = |value: &AttributeValue| match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            other => panic!("{other:?}"),
        };
        let item = self.get(item).await;
        let ours = item.into_iter().filter(|(name, _)| !APART.contains(&&**name));
        ours.map(|(name, value)| (name, length(&value))).collect()
    }

    async fn flip_bit(&self, item: &str, attribute: &str, bit: usize) {
        let mut item = self.get(item).await;
        let value = item.get_mut(attribute).unwrap();
        let flip = |mut bytes: Vec<u8>| {
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        *value = match &*value {
            AttributeValue::S(text) => AttributeValue::S(String::from_utf8(flip(text.clone().into_bytes())).unwrap()),
            AttributeValue::B(bytes) => AttributeValue::B(Blob::new(flip(bytes.as_ref().to_vec()))),
            other => panic!("{other:?}"),
        };
        self.dynamodb.put_item().table_name(&self.table).set_item(Some(item)).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_a_vault_promises() {
    let lake = LocalLake::connect().unwrap();
    let backend = Box::new(Dynamo::new(&lake).await);
    Suite { backend, prefix: "suite".into() }.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_may_expire_and_their_pointers_later_and_keys_never() {
    let lake = LocalLake::connect().unwrap();
    let dynamo = Dynamo::new(&lake).await;
    let vault = dynamo.open().with_expiry(Duration::from_hours(24));
    one(&vault, &Field::new("crm", "name").unwrap(), "jane").await;
    let mut expiries = Vec::new();
    for id in dynamo.items().await {
        let item = dynamo.get(&id).await;
        let number = |name: &str| item.get(name).map(|value| value.as_n().unwrap().parse::<u64>().unwrap());
        let made = number("made").unwrap();
        expiries.push((id.split('#').next().unwrap().to_owned(), number("expires").map(|at| (at - made) / 3600)));
    }
    expiries.sort();
    let key = ("key".to_owned(), None);
    let (pointer, entry) = (("token".to_owned(), Some(15 * 24)), ("value".to_owned(), Some(24)));
    assert_eq!(expiries, [key.clone(), key.clone(), key, pointer, entry]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrapped_keys_belong_into_their_place() {
    let lake = LocalLake::connect().unwrap();
    let dynamo = Dynamo::new(&lake).await;
    let field = Field::new("crm", "name").unwrap();
    let token = one(&dynamo.open(), &field, "jane").await;
    // A data key in the place of the index key.
    let (mut index, current) = (dynamo.get("key#index").await, dynamo.get("key#current").await);
    let own = index.insert("wrapped".to_owned(), current["wrapped"].clone()).unwrap();
    let put = |item| dynamo.dynamodb.put_item().table_name(&dynamo.table).set_item(Some(item)).send();
    put(index.clone()).await.unwrap();
    let error = dynamo.open().tokenize(&field, &["jane"]).await.unwrap_err();
    assert!(matches!(&error, Error::Tampered { item } if item == "key#index"), "{error}");
    index.insert("wrapped".to_owned(), own);
    put(index).await.unwrap();

    // The same table under another name, as after a restoration.
    let restored = Dynamo::new(&lake).await;
    for id in dynamo.items().await {
        let item = dynamo.get(&id).await;
        dynamo.dynamodb.put_item().table_name(&restored.table).set_item(Some(item)).send().await.unwrap();
    }
    let vault = DynamoVault::new(dynamo.dynamodb.clone(), dynamo.kms.clone(), &restored.table, &dynamo.key).unwrap();
    assert_eq!(values(&vault, &[token]).await, [Some("jane".to_owned())]);
    assert_eq!(one(&vault, &field, "jane").await, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let lake = LocalLake::connect().unwrap();
    let dynamo = Dynamo::new(&lake).await;
    let field = Field::new("crm", "email").unwrap();
    let open = |table: &str, key: &str| DynamoVault::new(dynamo.dynamodb.clone(), dynamo.kms.clone(), table, key);

    let error = open("no-such-table", &dynamo.key).unwrap().tokenize(&field, &["jane@x.org"]).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::ResourceNotFound);
    let text = chain(&error);
    assert!(text.starts_with("dynamodb:BatchGetItem on no-such-table: not found;"), "{text}");

    let missing = "00000000-0000-0000-0000-000000000000";
    let error = open(&dynamo.table, missing).unwrap().tokenize(&field, &["jane@x.org"]).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::ResourceNotFound);
    let text = chain(&error);
    assert!(text.starts_with(&format!("kms:GenerateDataKey on {missing}: not found;")), "{text}");
    assert!(!text.contains("jane"), "{text}");

    for bad in ["x", "tokens\" VALUE", &"x".repeat(256)] {
        assert!(matches!(open(bad, missing), Err(Error::Table { .. })), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_cannot_be_reached_is_unavailable() {
    // Port 9 (discard) is closed.
    let endpoint = "http://127.0.0.1:9";
    let vault = DynamoVault::new(dynamodb(endpoint), kms(endpoint), "tokens", "key").unwrap();
    let vault = vault.with_patience(Duration::from_millis(10));
    let error = vault.tokenize(&Field::new("crm", "email").unwrap(), &["jane@x.org"]).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::ServiceUnavailable);
    assert!(!chain(&error).contains("jane"));
}
