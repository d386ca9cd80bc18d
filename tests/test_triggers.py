"""Whatever tells the function of an object, it becomes rows, and the sender gets the reply that it understands."""

import json
import uuid
from urllib.parse import quote_plus

import pytest
from doors import Queue, SideDoor
from zone import Upload, Zone, csv

BODY = csv("name,n", "a,1", "b,2")
KEYS = [
    "two words.csv",
    "a+b.csv",
    "50%.csv",
    "%41.csv",
    "100%25.csv",
    "a&b=c;d.csv",
    'it\'s "quoted".csv',
    "(1) [2] {3} ~.csv",
    "naïve café.csv",
    "Übergrößenträger.csv",
    "顧客一覧.csv",
    "клиенты.csv",
    "🙂 done ✅.csv",
]


@pytest.fixture(scope="module")
def by_topic(side_door: SideDoor) -> str:
    return side_door.by_topic("topic")


@pytest.fixture(scope="module")
def by_queue(side_door: SideDoor) -> tuple[str, Queue]:
    return side_door.by_queue("queue")


@pytest.fixture(scope="module")
def by_topic_and_queue(side_door: SideDoor) -> tuple[str, Queue]:
    return side_door.by_topic_and_queue("topic-queue")


@pytest.fixture(scope="module")
def by_event_bridge(side_door: SideDoor) -> str:
    return side_door.by_event_bridge("bus")


@pytest.fixture(scope="module")
def captured(side_door: SideDoor) -> tuple[str, Queue]:
    return side_door.captured("captured")


@pytest.fixture(scope="module")
def strange_keys(zone: Zone, side_door: SideDoor, by_event_bridge: str) -> dict[tuple[str, str], Upload]:
    """All of them at once: each is then waited for by its own test."""
    uploads = {("S3", key): zone.land(f"strange_s3/t/{key}", BODY) for key in KEYS}
    return uploads | {("bus", key): side_door.land(f"{by_event_bridge}/strange_bus/t/{key}", BODY) for key in KEYS}


def is_table(zone: Zone, database: str, rows: int = 2) -> None:
    assert zone.columns(database, "t") == {"name": "string", "n": "bigint"}
    assert zone.count(database, "t") == rows


def record(upload: Upload, **changes) -> dict:
    """A record of an S3 notification."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-20T09:15:30.123Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": upload.bucket},
            "object": {"key": quote_plus(upload.key), "size": len(BODY), "versionId": upload.version},
        },
    } | changes


SUFFIXES = ".csv .CSV .csv.gz .CSV.GZ .tsv .TSV .tsv.gz .TSV.GZ .csv.zst .tsv.bz2 .csv.xz .tsv.zip"


@pytest.mark.parametrize("suffix", SUFFIXES.split())
def test_s3_tells_of_every_suffix_that_the_function_reads(zone: Zone, database: str, suffix: str):
    # What the name says of the content does not matter.
    assert zone.convert(f"{database}/t/file{suffix}", BODY)["rows"] == 2
    is_table(zone, database)


@pytest.mark.parametrize("suffix", [".parquet", ".txt", ".csv.tmp", ""])
def test_s3_does_not_tell_of_other_suffixes(zone: Zone, database: str, suffix: str):
    other = zone.land(f"{database}/t/file{suffix}", BODY)
    # An event of this later upload overtakes none that would have been sent before it by seconds.
    zone.convert(f"{database}/t/after.csv", BODY)
    assert zone.log.about(other.uri) == []
    is_table(zone, database, rows=2)


def test_s3_by_a_topic(zone: Zone, side_door: SideDoor, by_topic: str, database: str):
    zone.converted(side_door.land(f"{by_topic}/{database}/t/a+b c.csv", BODY))
    is_table(zone, database)


def test_s3_by_a_queue(zone: Zone, side_door: SideDoor, by_queue: tuple[str, Queue], database: str):
    prefix, queue = by_queue
    zone.converted(side_door.land(f"{prefix}/{database}/t/a+b c.csv", BODY))
    is_table(zone, database)
    zone.until("the queue is empty", lambda: side_door.waiting(queue) == 0)


def test_s3_by_a_topic_and_a_queue(
    zone: Zone, side_door: SideDoor, by_topic_and_queue: tuple[str, Queue], database: str
):
    prefix, queue = by_topic_and_queue
    zone.converted(side_door.land(f"{prefix}/{database}/t/a+b c.csv", BODY))
    is_table(zone, database)
    zone.until("the queue is empty", lambda: side_door.waiting(queue) == 0)


def test_s3_by_event_bridge(zone: Zone, side_door: SideDoor, by_event_bridge: str, database: str):
    zone.converted(side_door.land(f"{by_event_bridge}/{database}/t/a+b c.csv", BODY))
    is_table(zone, database)


def test_s3_by_event_bridge_and_a_queue(zone: Zone, side_door: SideDoor, database: str):
    prefix, queue = side_door.by_event_bridge_and_queue("bus-queue")
    zone.converted(side_door.land(f"{prefix}/{database}/t/a+b c.csv", BODY))
    is_table(zone, database)
    zone.until("the queue is empty", lambda: side_door.waiting(queue) == 0)


@pytest.mark.parametrize("way", ["S3", "bus"])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_read_as_its_sender_writes_it(zone: Zone, strange_keys: dict, key: str, way: str):
    upload = strange_keys[way, key]
    report = zone.converted(upload)
    assert report["source"]["key"] == upload.key
    assert zone.parquet(*report["paths"]).num_rows == 2


def test_athena_reads_files_of_any_name(zone: Zone, strange_keys: dict):
    for (way, _), upload in strange_keys.items():
        zone.converted(upload)
        assert way in ("S3", "bus")
    for database in ("strange_s3", "strange_bus"):
        is_table(zone, database, rows=2 * len(KEYS))


@pytest.mark.parametrize(("bucket", "key"), [("bucket", "key"), ("Bucket", "Key")])
def test_a_person_or_a_state_machine_names_the_object(zone: Zone, side_door: SideDoor, database: str, bucket, key):
    upload = side_door.land(f"{database}/t/a+b%20c d.csv", BODY)
    answer = zone.invoke({bucket: upload.bucket, key: upload.key}, side_door.function)
    assert answer.error is None, answer.payload
    assert answer.payload["status"] == "converted"
    assert answer.payload["source"]["version"] == upload.version
    is_table(zone, database)


def test_a_distributed_map_hands_over_a_batch(zone: Zone, side_door: SideDoor, database: str):
    uploads = [side_door.land(f"{database}/t/{n}.csv", BODY) for n in "ab"]
    items = [{"Key": upload.key, "Size": len(BODY), "Etag": "", "StorageClass": "STANDARD"} for upload in uploads]
    batch = {"BatchInput": {"Bucket": side_door.bucket}, "Items": items}
    answer = zone.invoke(batch, side_door.function)
    assert answer.error is None, answer.payload
    assert [result["status"] for result in answer.payload["results"]] == ["converted"] * 2
    is_table(zone, database, rows=4)
    # One that fails fails the batch, by its name, so that the state machine can catch it.
    items.append({"Key": f"{database}/t/gone.csv"})
    assert zone.invoke(batch, side_door.function).error == "SourceNotFound"


@pytest.mark.parametrize(
    ("schema", "bucket"),
    [
        ("1.0", {"s3BucketArn": "arn:aws:s3:::cleanzone-tests-side-door"}),
        ("2.0", {"s3Bucket": "cleanzone-tests-side-door"}),
    ],
)
def test_s3_batch_operations_gets_a_result_for_every_task(
    zone: Zone, side_door: SideDoor, database: str, schema: str, bucket: dict
):
    upload = side_door.land(f"{database}/t/a+b c ü.csv", BODY)
    tasks = {
        "good": (quote_plus(upload.key), upload.version),
        "marker": (f"{database}/t/", None),
        "shallow": ("shallow.csv", None),
        "gone": (f"{database}/t/gone.csv", None),
        "not-utf-8": (f"{database}/t/%ff.csv", None),
    }
    event = {
        "invocationSchemaVersion": schema,
        "invocationId": str(uuid.uuid4()),
        "job": {"id": str(uuid.uuid4())},
        "tasks": [{"taskId": i, "s3Key": key, "s3VersionId": v} | bucket for i, (key, v) in tasks.items()],
    }
    answer = zone.invoke(event, side_door.function)
    assert answer.error is None, answer.payload
    assert answer.payload["invocationSchemaVersion"] == schema
    assert answer.payload["invocationId"] == event["invocationId"]
    results = {result["taskId"]: result for result in answer.payload["results"]}
    assert {i: result["resultCode"] for i, result in results.items()} == {
        "good": "Succeeded",
        "marker": "Succeeded",
        "shallow": "PermanentFailure",
        "gone": "PermanentFailure",
        "not-utf-8": "PermanentFailure",
    }
    assert json.loads(results["good"]["resultString"])["rows"] == 2
    assert results["shallow"]["resultString"].startswith("InvalidObjectKey: ")
    assert results["gone"]["resultString"].startswith("SourceNotFound: ")
    is_table(zone, database)


def test_the_test_event_of_s3_is_acknowledged(zone: Zone, side_door: SideDoor):
    event = {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-20T09:15:30.123Z",
        "Bucket": side_door.bucket,
        "RequestId": "B7QX4M2NE5T8WZ1K",
        "HostId": "q0Zr8vLx2n",
    }
    answer = zone.invoke(event)
    assert answer.error is None, answer.payload
    assert "skipped" in answer.payload["results"][0]
    body = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(event)}
    assert zone.invoke({"Records": [body]}).payload == {"batchItemFailures": []}


def test_a_folder_that_is_made_in_the_console_is_acknowledged(
    zone: Zone, side_door: SideDoor, captured: tuple[str, Queue], database: str
):
    prefix, queue = captured
    marker = side_door.land(f"{prefix}/{database}/t/", b"")
    [event] = side_door.capture(queue, [marker])
    answer = zone.invoke(event, side_door.function)
    assert answer.error is None, answer.payload
    [result] = answer.payload["results"]
    assert (result["bucket"], result["key"]) == (marker.bucket, marker.key)
    assert "skipped" in result
    assert not zone.has_database(database)


def test_every_record_of_an_event_is_handled_and_one_that_fails_hides_none(
    zone: Zone, side_door: SideDoor, database: str
):
    first = side_door.land(f"{database}/t/first.csv", BODY)
    shallow = side_door.land("shallow.csv", BODY)
    last = side_door.land(f"{database}/t/last.csv", BODY)
    gone = Upload(side_door.bucket, f"{database}/t/gone.csv", first.version)
    removed = record(first, eventName="ObjectRemoved:Delete")
    broken = {key: value for key, value in record(first).items() if key != "s3"}
    event = {"Records": [record(first), record(shallow), removed, broken, record(gone), record(last)]}
    answer = zone.invoke(event, side_door.function)
    assert answer.error is None, answer.payload
    results = [result.get("error") or result.get("status") or "skipped" for result in answer.payload["results"]]
    assert results == ["converted", "InvalidObjectKey", "skipped", "InvalidEvent", "SourceNotFound", "converted"]
    assert "ObjectRemoved:Delete" in answer.payload["results"][2]["skipped"]
    is_table(zone, database, rows=4)
    assert zone.failed(gone).attributes["error"] == "SourceNotFound"
    assert zone.failed(shallow).attributes["error"] == "InvalidObjectKey"


def test_a_message_that_fails_for_good_leaves_the_queue_with_the_others(
    zone: Zone, side_door: SideDoor, by_queue: tuple[str, Queue], database: str
):
    _, queue = by_queue
    uploads = [side_door.land(f"elsewhere/{database}/t/{n}.csv", BODY) for n in range(3)]
    shallow = Upload(side_door.bucket, f"{database}.csv", uploads[0].version)
    bodies = [{"Records": [record(upload)]} for upload in [uploads[0], shallow, uploads[1]]]
    bodies += [{"hello": "world"}, uploads[2].named]
    entries = [{"Id": str(i), "MessageBody": json.dumps(body)} for i, body in enumerate(bodies)]
    assert not zone.sqs.send_message_batch(QueueUrl=queue.url, Entries=entries).get("Failed")
    for upload in uploads:
        zone.converted(upload)
    assert zone.failed(shallow).attributes["kind"] == "permanent"
    zone.until(
        "the message that is no event is told of",
        lambda: [f for f in zone.failures() if f.attributes.get("error") == "InvalidEvent" and "`hello`" in f.body],
    )
    zone.until("the queue is empty", lambda: side_door.waiting(queue) == 0)
    is_table(zone, database, rows=6)


@pytest.mark.parametrize("event", [{"hello": 1}, {}, [], "text", 7, None, {"Records": []}, {"Records": [{}]}])
def test_an_event_that_nobody_knows_is_an_error_that_says_what_is_expected(zone: Zone, event: object):
    answer = zone.invoke(event)
    assert answer.error == "InvalidEvent"
    assert "expected" in answer.payload["errorMessage"]


def test_a_direct_caller_gets_the_error_by_its_name(zone: Zone, side_door: SideDoor, database: str):
    gone = {"bucket": side_door.bucket, "key": f"{database}/t/gone.csv"}
    answer = zone.invoke(gone, side_door.function)
    assert answer.error == "SourceNotFound"
    assert gone["key"] in answer.payload["errorMessage"]
