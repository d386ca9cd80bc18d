//! What holds of any payload and of any outcome.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeSet, fs, path::Path};

use cleanzone_error::ErrorName;
use cleanzone_events::{
    BatchInvocation, Content, Delivery, Failure, ObjectCreated, Outcome, Record, Trigger, decode, reply,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn any_json() -> impl Strategy<Value = Value> {
    // The names that mean something, so that the branches are reached.
    let name = prop_oneof![
        prop::sample::select(vec![
            "Records",
            "s3",
            "object",
            "bucket",
            "key",
            "name",
            "body",
            "messageId",
            "Sns",
            "Message",
            "tasks",
            "taskId",
            "s3Key",
            "s3BucketArn",
            "invocationSchemaVersion",
            "invocationId",
            "detail",
            "detail-type",
            "source",
            "Items",
            "BatchInput",
            "Event",
            "eventName",
            "size",
            "sequencer",
            "versionId",
            "job",
            "userArguments",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "ObjectCreated:Put",
            "aws.s3",
            "Object Created",
            "s3:TestEvent",
            "%",
            "%f",
            "arn:",
            "{}",
            "[",
            ""
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner.clone(), 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

fn fixtures() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
}

/// Replaces the value at the `at`-th place of the tree, counted from its root.
fn replace(value: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *value = with.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|child| replace(child, at, with)),
        Value::Object(map) => map.values_mut().for_each(|child| replace(child, at, with)),
        _ => {}
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Ok(json!({"rows": 4}))),
        prop::sample::select(ErrorName::ALL.to_vec()).prop_map(|name| Err(Failure { name, message: "why".to_owned() })),
    ]
}

fn delivery(trigger: Trigger, items: &[u8]) -> Delivery {
    let content = Ok(Content::Created(ObjectCreated::default()));
    let records = items.iter().map(|item| Record { item: item.to_string(), content: content.clone() }).collect();
    Delivery { trigger, records }
}

proptest! {
    #[test]
    fn any_payload_is_read_or_refused(payload in any_json()) {
        if let Ok(delivery) = decode(&payload) {
            prop_assert!(!delivery.records.is_empty());
        }
    }

    #[test]
    fn one_wrong_value_never_panics(at in 0_usize..64, with in any_json()) {
        for mut payload in fixtures() {
            replace(&mut payload, &mut at.clone(), &with);
            if let Ok(delivery) = decode(&payload) {
                // What cannot be read is answered all the same.
                let outcomes = delivery.records.iter().map(|r| r.object().map_or_else(|known| known, |_| Ok(json!(null))));
                let _ = reply(&delivery, outcomes.collect());
            }
        }
    }

    #[test]
    fn a_queue_keeps_exactly_what_can_succeed_later(
        outcomes in prop::collection::vec((0_u8..4, outcome()), 1..12),
    ) {
        let mut outcomes = outcomes;
        outcomes.sort_by_key(|(item, _)| *item);
        let items: Vec<_> = outcomes.iter().map(|(item, _)| *item).collect();
        let expected: BTreeSet<_> = outcomes
            .iter()
            .filter(|(_, outcome)| outcome.as_ref().is_err_and(Failure::is_transient))
            .map(|(item, _)| item.to_string())
            .collect();
        let response = reply(&delivery(Trigger::Sqs, &items), outcomes.into_iter().map(|(_, o)| o).collect()).unwrap();
        let kept: Vec<_> = response["batchItemFailures"].as_array().unwrap().iter()
            .map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(kept.len(), expected.len(), "no message twice");
        prop_assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn an_asynchronous_event_is_repeated_only_if_that_can_help(
        outcomes in prop::collection::vec(outcome(), 1..6),
        trigger in prop::sample::select(vec![Trigger::S3, Trigger::Sns, Trigger::EventBridge]),
    ) {
        let transient = outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(Failure::is_transient));
        let items: Vec<_> = (0..outcomes.len()).map(|i| u8::try_from(i).unwrap()).collect();
        match reply(&delivery(trigger, &items), outcomes.clone()) {
            Ok(response) => {
                prop_assert!(!transient);
                prop_assert_eq!(response["results"].as_array().unwrap().len(), outcomes.len());
            }
            Err(failure) => prop_assert!(transient && failure.is_transient()),
        }
    }

    #[test]
    fn every_task_gets_its_result(outcomes in prop::collection::vec(outcome(), 1..6)) {
        let items: Vec<_> = (0..outcomes.len()).map(|i| u8::try_from(i).unwrap()).collect();
        let trigger = Trigger::BatchOperations(BatchInvocation::default());
        let response = reply(&delivery(trigger, &items), outcomes.clone()).unwrap();
        let results = response["results"].as_array().unwrap();
        prop_assert_eq!(results.len(), outcomes.len());
        for (i, (result, outcome)) in results.iter().zip(&outcomes).enumerate() {
            prop_assert_eq!(&result["taskId"], &json!(i.to_string()));
            let code = match outcome {
                Ok(_) => "Succeeded",
                Err(failure) if failure.is_transient() => "TemporaryFailure",
                Err(_) => "PermanentFailure",
            };
            prop_assert_eq!(&result["resultCode"], code);
        }
    }
}
