//! Every shape that a trigger sends, as AWS documents it: one file each in `fixtures/`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{collections::BTreeSet, fs, path::Path};

use cleanzone_error::{ErrorName, Fault};
use cleanzone_events::{Content, Delivery, ObjectCreated, Record, Skip, Trigger, decode};
use serde_json::Value;

const BUCKET: &str = "landing-zone";
const VERSION: &str = "kV2.pTq8RzXw5NcYb0LmHs7GdJeUf1Ao";
const ETAG: &str = "5d41402abc4b2a76b9719d911017c592";

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn decoded(name: &str) -> Delivery {
    decode(&fixture(name)).unwrap()
}

/// A record in a word: the key of an object, `-` and why it is skipped, or `!` and the error's name.
fn word(record: &Record) -> String {
    match &record.content {
        Ok(Content::Created(object)) => {
            assert_eq!(object.bucket, BUCKET);
            object.key.clone()
        }
        Ok(Content::Skip(skip)) => format!("- {skip}"),
        Err(error) => format!("! {} {error}", error.name()),
    }
}

fn words(delivery: &Delivery) -> Vec<String> {
    delivery.records.iter().map(word).collect()
}

fn only(delivery: &Delivery) -> &ObjectCreated {
    assert_eq!(delivery.records.len(), 1);
    delivery.records[0].object().unwrap()
}

fn items(delivery: &Delivery) -> Vec<&str> {
    delivery.records.iter().map(|record| record.item.as_str()).collect()
}

#[test]
fn s3() {
    let delivery = decoded("s3-put");
    assert_eq!(delivery.trigger, Trigger::S3);
    let expected = ObjectCreated {
        bucket: BUCKET.to_owned(),
        key: "crm/sales/users/2026-11-20.csv".to_owned(),
        version_id: Some(VERSION.to_owned()),
        etag: Some(ETAG.to_owned()),
        size: Some(1024),
        sequencer: Some("68f3a1b2c4d5e6f7".parse().unwrap()),
        event_time: Some("2026-11-20T09:15:30.123Z".to_owned()),
    };
    assert_eq!(only(&delivery), &expected);
}

#[test]
fn s3_keys_are_decoded() {
    let delivery = decoded("s3-keys");
    let expected = [
        "crm/sales/two words/a b+c.csv",
        "crm/sales/percent/100% of it.csv",
        "crm/sales/straße/ärger🎲.csv.gz",
        "crm/sales/orders/year=2026/month=11/a.csv",
    ];
    assert_eq!(words(&delivery), expected);
}

#[test]
fn a_record_never_hides_another() {
    let delivery = decoded("s3-mixed");
    assert_eq!(items(&delivery), ["0", "1", "2", "3", "4", "5"]);
    let expected = [
        "crm/sales/users/first.csv",
        "- folder marker",
        "- event ObjectRemoved:Delete creates no object",
        "! InvalidObjectKey Records[3].s3.object.key: the key is not UTF-8 once it is decoded",
        "! InvalidEvent Records[4].s3: expected the bucket and the object",
        "crm/sales/users/last.csv",
    ];
    assert_eq!(words(&delivery), expected);
}

#[test]
fn sequencers_of_different_lengths_are_ordered() {
    let delivery = decoded("s3-sequencers");
    let mut objects: Vec<_> = delivery.records.iter().map(|record| record.object().unwrap().clone()).collect();
    objects.reverse();
    objects.sort_by(|a, b| a.sequencer.cmp(&b.sequencer));
    let etags: Vec<_> = objects.iter().map(|object| object.etag.as_deref().unwrap()).collect();
    assert_eq!(etags, ["aa", "bb", "cc"]);
}

#[test]
fn what_is_not_needed_may_be_missing() {
    let delivery = decoded("s3-minimal");
    let expected =
        ObjectCreated { bucket: BUCKET.to_owned(), key: "crm/sales/users/1.csv".to_owned(), ..Default::default() };
    assert_eq!(only(&delivery), &expected);
}

#[test]
fn test_events_are_acknowledged_wherever_they_come_from() {
    let triggers = [
        ("s3-test-event", Trigger::S3),
        ("sns-test-event", Trigger::Sns),
        ("sqs-test-event", Trigger::Sqs),
        ("sqs-sns-test-event", Trigger::Sqs),
    ];
    for (name, trigger) in triggers {
        let delivery = decoded(name);
        assert_eq!(delivery.trigger, trigger, "{name}");
        assert_eq!(delivery.records.len(), 1, "{name}");
        assert_eq!(delivery.records[0].content, Ok(Content::Skip(Skip::TestEvent)), "{name}");
    }
}

#[test]
fn sns() {
    let delivery = decoded("sns-s3");
    assert_eq!(delivery.trigger, Trigger::Sns);
    assert_eq!(words(&delivery), ["crm/sales/users/a b.csv", "crm/sales/users/c.csv"]);
}

#[test]
fn sqs_messages_are_the_items() {
    let delivery = decoded("sqs-s3");
    assert_eq!(delivery.trigger, Trigger::Sqs);
    assert_eq!(words(&delivery), ["crm/sales/users/a b.csv", "crm/sales/users/c.csv", "crm/sales/users/d.csv"]);
    let [a, b] = ["c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e01", "c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e02"];
    assert_eq!(items(&delivery), [a, a, b]);
}

#[test]
fn sns_in_sqs_with_and_without_raw_delivery() {
    for name in ["sqs-sns-s3", "sqs-sns-raw-s3"] {
        let delivery = decoded(name);
        assert_eq!(delivery.trigger, Trigger::Sqs, "{name}");
        assert_eq!(words(&delivery), ["crm/sales/users/a b.csv", "crm/sales/users/c.csv"], "{name}");
    }
}

#[test]
fn a_broken_message_never_hides_another() {
    let delivery = decoded("sqs-mixed");
    let words = words(&delivery);
    assert_eq!(words[0], "crm/sales/users/good.csv");
    assert_eq!(words[1], "! InvalidEvent Records[1].body: expected JSON, found none at line 1, column 2");
    assert!(words[2].starts_with("! InvalidEvent Records[2].body is none of the events"), "{}", words[2]);
    assert!(words[2].contains("fields `hello`") && !words[2].contains("world"), "{}", words[2]);
    assert!(words[3].starts_with("! InvalidObjectKey Records[3].body.Records[0].s3.object.key"), "{}", words[3]);
    assert_eq!(words[4], "crm/sales/users/neighbour.csv");
    assert_eq!(words[5], "crm/sales/users/by hand.csv");
    assert_eq!(delivery.records[3].item, delivery.records[4].item);
}

#[test]
fn eventbridge_keys_are_verbatim() {
    for (name, trigger) in [("eventbridge", Trigger::EventBridge), ("sqs-eventbridge", Trigger::Sqs)] {
        let delivery = decoded(name);
        assert_eq!(delivery.trigger, trigger);
        let object = only(&delivery);
        assert_eq!(object.key, "crm/sales/two words/a+b%20ä.csv");
        assert_eq!(object.version_id.as_deref(), Some(VERSION));
        assert_eq!(object.etag.as_deref(), Some(ETAG));
        assert_eq!(object.size, Some(1024));
        assert_eq!(object.event_time.as_deref(), Some("2026-11-20T09:15:30Z"));
        assert!(object.sequencer.is_some());
    }
    assert_eq!(words(&decoded("eventbridge-folder-marker")), ["- folder marker"]);
    assert_eq!(words(&decoded("eventbridge-deleted")), ["- event Object Deleted creates no object"]);
}

#[test]
fn direct_invocations() {
    for name in ["direct", "map-item"] {
        let delivery = decoded(name);
        assert_eq!(delivery.trigger, Trigger::Direct, "{name}");
        let object = only(&delivery);
        assert_eq!(object.key, "crm/sales/two words/a+b%20ä.csv", "{name}");
        assert_eq!(object.version_id.as_deref(), Some(VERSION), "{name}");
    }
    assert_eq!(only(&decoded("map-item")).size, Some(1024));
    let routed = decoded("direct-routed");
    assert_eq!((only(&routed).size, &only(&routed).version_id), (Some(1024), &None));
}

#[test]
fn a_batch_of_a_distributed_map() {
    let delivery = decoded("map-batch");
    assert_eq!(delivery.trigger, Trigger::DirectBatch);
    assert_eq!(delivery.records[0].object().unwrap().etag.as_deref(), Some(ETAG));
    let expected =
        ["crm/sales/users/1.csv", "- folder marker", "! InvalidEvent Items[2].Key: expected the key of an object"];
    assert_eq!(words(&delivery), expected);
}

#[test]
fn batch_operations_1_0() {
    let delivery = decoded("batch-1.0");
    let object = only(&delivery);
    assert_eq!((object.bucket.as_str(), object.key.as_str()), (BUCKET, "crm/sales/two words/a+b.csv"));
    assert_eq!(object.version_id.as_deref(), Some(VERSION));
    assert_eq!(delivery.records[0].item, "dGFzay1vbmUK");
    let Trigger::BatchOperations(invocation) = delivery.trigger else { panic!("{:?}", delivery.trigger) };
    assert_eq!(invocation.schema_version, "1.0");
    assert_eq!(invocation.invocation_id, "aW52b2NhdGlvbi1vbmUK");
    assert_eq!(invocation.job_id.as_deref(), Some("2f4e6d8c-1a3b-4c5d-9e7f-0b1a2c3d4e5f"));
}

#[test]
fn batch_operations_2_0() {
    let delivery = decoded("batch-2.0");
    let expected = [
        "crm/sales/users/1.csv",
        "- folder marker",
        "! InvalidObjectKey tasks[2].s3Key: the key is not UTF-8 once it is decoded",
    ];
    assert_eq!(words(&delivery), expected);
    let Trigger::BatchOperations(invocation) = delivery.trigger else { panic!("{:?}", delivery.trigger) };
    assert_eq!(invocation.schema_version, "2.0");
    let arguments: Vec<_> = invocation.arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(arguments, [("MODE", "replace"), ("reason", "backfill")]);
}

/// The fixtures are in AWS's shape, not only in one that we happen to read: the types of `aws_lambda_events`, which are
/// stricter, read them too. Missing here are those that they refuse: the test event on its own, minimal records, and
/// task buckets of schema 2.0.
#[test]
fn others_read_the_fixtures_too() {
    fn reads<T: serde::de::DeserializeOwned>(names: &[&str]) {
        for name in names {
            serde_json::from_value::<T>(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    reads::<aws_lambda_events::s3::S3Event>(&["s3-put", "s3-keys", "s3-sequencers"]);
    reads::<aws_lambda_events::sns::SnsEvent>(&["sns-s3", "sns-test-event"]);
    reads::<aws_lambda_events::sqs::SqsEvent>(&["sqs-s3", "sqs-mixed", "sqs-sns-s3", "sqs-eventbridge"]);
    reads::<aws_lambda_events::eventbridge::EventBridgeEvent<Value>>(&["eventbridge", "eventbridge-deleted"]);
    reads::<aws_lambda_events::s3::batch_job::S3BatchJobEvent>(&["batch-1.0", "batch-2.0"]);
}

/// The payloads that the README invokes the function with.
#[test]
fn samples_name_one_object() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(samples).unwrap() {
        let path = entry.unwrap().path();
        let payload = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let delivery = decode(&payload).unwrap();
        assert_eq!(only(&delivery).key, "cleanzonedb/csvtoparquet/test.csv", "{}", path.display());
        seen.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert!(seen.contains("s3-put.json"), "{seen:?}");
}

#[test]
fn an_unknown_event_says_what_was_expected_and_shows_no_value() {
    let payloads = [
        (r#""text""#, "(text)"),
        ("null", "(nothing)"),
        ("[]", "(a list)"),
        ("{}", "(no fields)"),
        (r#"{"Records": []}"#, "(fields `Records`)"),
        (r#"{"Records": [{"kinesis": {"data": "c2VjcmV0"}}]}"#, "Records[0] is none"),
        (r#"{"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}"#, "fields `detail`"),
        (r#"{"Items": []}"#, "(fields `Items`)"),
        (r#"{"tasks": [{"taskId": "c2VjcmV0"}]}"#, "(fields `tasks`)"),
        (r#"{"invocationSchemaVersion": "1.0", "invocationId": "c2VjcmV0", "tasks": []}"#, "`tasks`"),
    ];
    for (payload, found) in payloads {
        let error = decode(&serde_json::from_str(payload).unwrap()).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.name(), ErrorName::InvalidEvent, "{payload}");
        assert!(text.contains(found), "{payload}: {text}");
        assert!(text.contains("an S3 notification (`Records`)"), "{payload}: {text}");
        assert!(!text.contains("c2VjcmV0"), "{payload}: {text}");
    }
}

#[test]
fn a_wrong_field_is_named() {
    let payloads = [
        (r#"{"bucket": "b"}"#, "key: expected the key of an object"),
        (r#"{"key": "k"}"#, "bucket: expected the name of a bucket"),
        (r#"{"bucket": {"name": "b"}, "key": "k"}"#, "bucket: expected the name of a bucket"),
        (r#"{"bucket": "b", "key": ""}"#, "key: expected the key of an object"),
        (r#"{"bucket": "b", "key": "k", "size": -1}"#, "size: expected a number of bytes"),
        (r#"{"bucket": "b", "key": "k", "version_id": 3}"#, "version_id: expected a version ID"),
        (r#"{"bucket": "b", "key": "k", "sequencer": "xyz"}"#, "sequencer: expected a hexadecimal number"),
        (r#"{"Records": [{"messageId": 1, "body": 2}]}"#, "Records[0].body: expected text"),
        (r#"{"Records": [{"Sns": {"Type": "Notification"}}]}"#, "Records[0].Sns.Message: expected the message"),
    ];
    for (payload, expected) in payloads {
        let delivery = decode(&serde_json::from_str(payload).unwrap()).unwrap();
        let error = delivery.records[0].content.as_ref().unwrap_err();
        assert_eq!(error.to_string(), expected, "{payload}");
        assert_eq!(error.name(), ErrorName::InvalidEvent, "{payload}");
    }
}

#[test]
fn the_null_version_pins_nothing() {
    for payload in
        [r#"{"bucket": "b", "key": "k", "versionId": "null"}"#, r#"{"bucket": "b", "key": "k", "VersionId": ""}"#]
    {
        let delivery = decode(&serde_json::from_str(payload).unwrap()).unwrap();
        assert_eq!(delivery.records[0].object().unwrap().version_id, None);
    }
}

#[test]
fn envelopes_are_opened_only_so_deep() {
    let mut message = r#"{"bucket": "landing-zone", "key": "k"}"#.to_owned();
    for depth in 0..8 {
        let body = serde_json::json!({"Records": [{"messageId": "m", "body": message}]});
        let found = decode(&body).unwrap().records[0].object().is_ok();
        assert_eq!(found, depth <= 3, "{depth} envelopes");
        message = serde_json::json!({"Type": "Notification", "Message": message}).to_string();
    }
}
