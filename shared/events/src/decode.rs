//! The shapes of every trigger, read leniently: fields that are not needed may be missing, `null` counts as missing,
//! and fields that are not known are ignored, as [AWS asks of consumers][s3].
//!
//! [s3]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

use serde_json::Value;

use crate::{BatchInvocation, Content, Delivery, Error, ObjectCreated, Record, Skip, Trigger, key, node::Node};

/// How many envelopes may lie around a notification in a message. The deepest chain that AWS builds by itself is
/// SNS → SQS: one.
const MAX_ENVELOPES: usize = 3;

/// Recognises who called and reads what it tells of.
///
/// # Errors
/// Where the payload as a whole is not understood. What is wrong with one record stands in that [`Record`].
pub fn decode(payload: &Value) -> Result<Delivery, Error> {
    let event = Node::root(payload);
    if let Some(records) = event.list("Records") {
        return lambda_records(&event, &records);
    }
    if let Some(tasks) = event.list("tasks").filter(|_| event.get("invocationSchemaVersion").is_some()) {
        return batch_operations(&event, &tasks);
    }
    if is_test_event(&event) {
        return Ok(single(Trigger::S3, Ok(Content::Skip(Skip::TestEvent))));
    }
    if event.get("detail-type").is_some() {
        return Ok(single(Trigger::EventBridge, event_bridge(&event)?));
    }
    if let Some(items) = event.list("Items").filter(|items| !items.is_empty()) {
        let common = event.get("BatchInput");
        let records = items.iter().map(|item| named(item, common.as_ref()));
        return Ok(Delivery { trigger: Trigger::DirectBatch, records: by_position(records) });
    }
    if is_named(&event) {
        return Ok(single(Trigger::Direct, named(&event, None)));
    }
    Err(event.unknown())
}

type Read = Result<Content, Error>;

fn single(trigger: Trigger, content: Read) -> Delivery {
    Delivery { trigger, records: by_position([content]) }
}

fn by_position(contents: impl IntoIterator<Item = Read>) -> Vec<Record> {
    contents.into_iter().enumerate().map(|(i, content)| Record { item: i.to_string(), content }).collect()
}

/// What Lambda itself delivers as `Records`: all from one source.
fn lambda_records(event: &Node<'_>, records: &[Node<'_>]) -> Result<Delivery, Error> {
    // By the first record that shows its source: a broken one must not decide for the others.
    let Some(source) = records.iter().find_map(source) else {
        return Err(records.first().unwrap_or(event).unknown());
    };
    let records = match source {
        Trigger::Sqs => records.iter().flat_map(sqs_message).collect(),
        Trigger::Sns => {
            let message = |record: &Node<'_>| match record.need("Sns", "an SNS message") {
                Ok(message) => envelope(&message, MAX_ENVELOPES),
                Err(error) => vec![Err(error)],
            };
            by_position(records.iter().flat_map(message))
        }
        _ => by_position(records.iter().map(s3_record)),
    };
    Ok(Delivery { trigger: source, records })
}

fn source(record: &Node<'_>) -> Option<Trigger> {
    if record.get("body").is_some() && record.get("messageId").is_some() {
        Some(Trigger::Sqs)
    } else if record.get("Sns").is_some() {
        Some(Trigger::Sns)
    } else if record.get("s3").is_some() {
        Some(Trigger::S3)
    } else {
        None
    }
}

fn sqs_message(message: &Node<'_>) -> Vec<Record> {
    // Without an ID nothing can be said of the message but that the batch failed; the empty string says that.
    let id = message.need("messageId", "a message ID").and_then(|id| id.text("a message ID").map(str::to_owned));
    let item = id.unwrap_or_default();
    let contents = match message.need("body", "a message") {
        Ok(body) => embedded(&body, MAX_ENVELOPES),
        Err(error) => vec![Err(error)],
    };
    contents.into_iter().map(|content| Record { item: item.clone(), content }).collect()
}

/// The message of SNS, as it stands in a Lambda record (`Sns`) and in an SQS body without raw delivery.
fn envelope(message: &Node<'_>, envelopes: usize) -> Vec<Read> {
    match message.need("Message", "the message") {
        Ok(text) => embedded(&text, envelopes),
        Err(error) => vec![Err(error)],
    }
}

/// A notification inside a string.
fn embedded(text: &Node<'_>, envelopes: usize) -> Vec<Read> {
    let value: Value = match text.text("text") {
        Ok(json) => match serde_json::from_str(json) {
            Ok(value) => value,
            Err(error) => return vec![Err(text.not_json(&error))],
        },
        Err(error) => return vec![Err(error)],
    };
    notification(&text.with(&value), envelopes)
}

/// What a queue or a topic can carry. Never empty.
fn notification(event: &Node<'_>, envelopes: usize) -> Vec<Read> {
    if let Some(records) = event.list("Records").filter(|records| !records.is_empty()) {
        return records.iter().map(s3_record).collect();
    }
    if is_test_event(event) {
        return vec![Ok(Content::Skip(Skip::TestEvent))];
    }
    if event.get("detail-type").is_some() {
        return vec![event_bridge(event).unwrap_or_else(Err)];
    }
    if envelopes > 0 && event.get("Message").is_some() {
        return envelope(event, envelopes - 1);
    }
    if is_named(event) {
        return vec![named(event, None)];
    }
    vec![Err(event.unknown())]
}

/// [What S3 sends once, when a notification is configured][test].
///
/// [test]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html
fn is_test_event(event: &Node<'_>) -> bool {
    event.get("Event").is_some_and(|name| name.value() == "s3:TestEvent")
}

fn s3_record(record: &Node<'_>) -> Read {
    let name = record.need("eventName", "the name of the event")?;
    let name = name.text("the name of the event")?;
    // AWS writes `ObjectCreated:Put`; S3-compatible stores write it as one configures it, `s3:ObjectCreated:Put`.
    let name = name.strip_prefix("s3:").unwrap_or(name);
    if name == "TestEvent" {
        return Ok(Content::Skip(Skip::TestEvent));
    }
    if !name.starts_with("ObjectCreated:") {
        return Ok(Content::Skip(Skip::OtherEvent(name.to_owned())));
    }
    let entity = record.need("s3", "the bucket and the object")?;
    let object = entity.need("object", "the object")?;
    Ok(created(ObjectCreated {
        bucket: entity.need("bucket", "the bucket")?.need_text("name", BUCKET)?,
        key: encoded_key(&object, "key")?,
        version_id: version(&object, &["versionId"])?,
        etag: etag(&object, &["eTag"])?,
        size: object.size("size")?,
        sequencer: sequencer(&object)?,
        event_time: record.opt_text("eventTime", "a time")?,
    }))
}

/// [An event of S3 as EventBridge delivers it][eb]: the key is not encoded.
///
/// [eb]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
fn event_bridge(event: &Node<'_>) -> Result<Read, Error> {
    if event.opt_text("source", "a source")?.as_deref() != Some("aws.s3") {
        return Err(event.unknown());
    }
    let kind = event.need_text("detail-type", "the type of the event")?;
    if kind != "Object Created" {
        return Ok(Ok(Content::Skip(Skip::OtherEvent(kind))));
    }
    let read = || {
        let detail = event.need("detail", "the bucket and the object")?;
        let object = detail.need("object", "the object")?;
        Ok(created(ObjectCreated {
            bucket: detail.need("bucket", "the bucket")?.need_text("name", BUCKET)?,
            key: object.need_text("key", KEY)?,
            version_id: version(&object, &["version-id"])?,
            etag: etag(&object, &["etag"])?,
            size: object.size("size")?,
            sequencer: sequencer(&object)?,
            event_time: event.opt_text("time", "a time")?,
        }))
    };
    Ok(read())
}

/// [S3 Batch Operations][batch]: schema 1.0 names the bucket by its ARN, 2.0 by its name.
///
/// [batch]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-invoke-lambda.html
fn batch_operations(event: &Node<'_>, tasks: &[Node<'_>]) -> Result<Delivery, Error> {
    let job = event.get("job");
    let arguments = job.as_ref().and_then(|job| job.get("userArguments"));
    let invocation = BatchInvocation {
        schema_version: event.need_text("invocationSchemaVersion", "`1.0` or `2.0`")?,
        invocation_id: event.need_text("invocationId", "the ID of the invocation")?,
        job_id: job.as_ref().map_or(Ok(None), |job| job.opt_text("id", "the ID of the job"))?,
        arguments: arguments.map_or(Ok(Vec::new()), |arguments| arguments.texts())?,
    };
    if tasks.is_empty() {
        return Err(event.unknown());
    }
    let records = tasks.iter().map(|task| {
        // Without its ID a task cannot be answered, and the job has to hear of it.
        Ok(Record { item: task.need_text("taskId", "the ID of the task")?, content: batch_task(task) })
    });
    Ok(Delivery { trigger: Trigger::BatchOperations(invocation), records: records.collect::<Result<_, Error>>()? })
}

fn batch_task(task: &Node<'_>) -> Read {
    let bucket = match task.get("s3Bucket") {
        Some(name) => name.non_empty(BUCKET)?,
        None => bucket_of_arn(&task.need("s3BucketArn", ARN)?)?,
    };
    Ok(created(ObjectCreated {
        bucket,
        key: encoded_key(task, "s3Key")?,
        version_id: version(task, &["s3VersionId"])?,
        ..ObjectCreated::default()
    }))
}

fn bucket_of_arn(at: &Node<'_>) -> Result<String, Error> {
    let arn = at.text(ARN)?;
    let resource = arn.starts_with("arn:").then(|| arn.splitn(6, ':').nth(5)).flatten();
    match resource {
        // An access point is addressed by its whole ARN.
        Some(resource) if resource.contains('/') => Ok(arn.to_owned()),
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(at.expected(ARN)),
    }
}

fn is_named(event: &Node<'_>) -> bool {
    event.first(&["key", "Key", "bucket", "Bucket"]).is_some()
}

/// An object that a caller names, as a person writes it or [as a Distributed Map lists it][map]; `common` holds what
/// all items of a batch share, such as the bucket. The key is taken as it is.
///
/// [map]: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
fn named(item: &Node<'_>, common: Option<&Node<'_>>) -> Read {
    const BUCKETS: &[&str] = &["bucket", "Bucket"];
    let bucket = item.first(BUCKETS).or_else(|| common?.first(BUCKETS));
    let bucket = bucket.ok_or_else(|| item.child("bucket").expected(BUCKET))?;
    let key = item.first(&["key", "Key"]).ok_or_else(|| item.child("key").expected(KEY))?;
    let size = item.first(&["size", "Size"]);
    Ok(created(ObjectCreated {
        bucket: bucket.non_empty(BUCKET)?,
        key: key.non_empty(KEY)?,
        version_id: version(item, &["version_id", "versionId", "VersionId"])?,
        etag: etag(item, &["etag", "ETag", "Etag"])?,
        size: size.map(|size| size.number()).transpose()?,
        sequencer: sequencer(item)?,
        event_time: None,
    }))
}

fn created(object: ObjectCreated) -> Content {
    if object.key.ends_with('/') && object.size.unwrap_or(0) == 0 {
        return Content::Skip(Skip::FolderMarker { bucket: object.bucket, key: object.key });
    }
    Content::Created(object)
}

const BUCKET: &str = "the name of a bucket";
const ARN: &str = "the ARN of a bucket";
const KEY: &str = "the key of an object";

fn encoded_key(object: &Node<'_>, name: &str) -> Result<String, Error> {
    let at = object.need(name, KEY)?;
    key::form_decode(&at.non_empty(KEY)?).ok_or_else(|| at.key_not_utf8())
}

fn version(object: &Node<'_>, names: &[&str]) -> Result<Option<String>, Error> {
    let Some(at) = object.first(names) else { return Ok(None) };
    let text = at.text("a version ID")?;
    Ok((!text.is_empty() && text != "null").then(|| text.to_owned()))
}

fn etag(object: &Node<'_>, names: &[&str]) -> Result<Option<String>, Error> {
    let Some(at) = object.first(names) else { return Ok(None) };
    let text = at.text("an entity tag")?.trim_matches('"');
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn sequencer(object: &Node<'_>) -> Result<Option<crate::Sequencer>, Error> {
    const EXPECTED: &str = "a hexadecimal number";
    let Some(at) = object.get("sequencer") else { return Ok(None) };
    match at.text(EXPECTED)? {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| at.expected(EXPECTED)),
    }
}
