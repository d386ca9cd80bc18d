"""However S3's events reach the function, the same happens: every way in is deployed, beside the others, and tried."""

import gzip
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from ways import TOKENIZER, Way, Workflow
from zone import Upload, Variant, Zone, csv

BODY = csv("name,n", "a,1", "b,2")
TORN = gzip.compress(csv("n", *map(str, range(500))).encode())[:-200]
PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
KEYS = [
    "two words.csv",
    "a+b.csv",
    "50%.csv",
    "%41.csv",
    "a%2Fb.csv",
    "a&b=c;d.csv",
    "naïve café.csv",
    "🙂 done ✅.csv",
]
UPLOADS, TABLES = 200, 10
# Lambda tries an event again after one second and after two more.
SILENCE = 4


def test_the_stack_says_what_its_way_in_has(way: Way):
    everywhere = {"LandingBucketName", "CleanBucketName", "CsvToParquetFunctionName", "LakeConfigUri"}
    outputs = way.zone.outputs.keys() - everywhere - {"FailureTopicArn", "FailureQueueUrl"}
    assert (
        outputs
        == {
            "direct": set(),
            "queue": {"IngestQueueUrl", "IngestDeadLetterQueueUrl"},
            "workflow": {"ProcessFilesStateMachineArn", "RouteFileFunctionName", "IngestDeadLetterQueueUrl"},
        }[way.name]
    )


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".csv.gz"])
def test_a_file_becomes_a_table(way: Way, database: str, suffix: str):
    body = gzip.compress(BODY.encode()) if suffix.endswith("gz") else BODY
    assert way.convert(f"{database}/t/file{suffix}", body)["rows"] == 2
    assert way.zone.columns(database, "t") == {"name": "string", "n": "bigint"}
    assert way.zone.count(database, "t") == 2


def test_any_key_is_understood(way: Way, database: str):
    uploads = [way.land(f"{database}/t/{key}", BODY) for key in KEYS]
    for upload in uploads:
        assert way.zone.converted(upload)["source"]["key"] == upload.key
    assert way.zone.count(database, "t") == 2 * len(KEYS)


def test_an_empty_file_is_no_table_and_no_failure(way: Way, database: str):
    upload = way.land(f"{database}/t/empty.csv", b"")
    report = way.zone.converted(upload)
    assert (report["records"], report["paths"]) == (0, [])
    assert way.zone.table(database, "t") is None
    assert way.zone.told_of(upload) == []


def test_a_folder_that_is_made_in_the_console_ends_quietly(way: Way, database: str):
    marker = way.land(f"{database}/t/", b"")
    way.convert(f"{database}_other/t/after.csv", BODY)
    time.sleep(1)
    assert way.zone.told_of(marker) == []
    assert not way.zone.has_database(database)


def test_nothing_happens_outside_the_prefix_or_in_quarantine(way: Way, database: str):
    folders = ["_quarantine", *(["elsewhere"] if way.prefix else [])]
    others = [way.zone.land(f"{folder}/{database}/t/file.csv", BODY) for folder in folders]
    way.convert(f"{database}/t/after.csv", BODY)
    time.sleep(1)
    for other in others:
        assert way.zone.log.about(other.uri) == []
    assert way.zone.count(database, "t") == 2


def test_a_broken_file_is_told_of_once_and_put_aside_where_that_is_wished(way: Way, database: str):
    zone = way.zone
    upload = way.land(f"{database}/t/two words, 100% + 🙂.csv.gz", TORN)
    zone.until("the failure is told", lambda: zone.told_of(upload))
    time.sleep(SILENCE)
    [told] = zone.told_of(upload)
    assert "InvalidCompression" in told.body
    assert "What to do" in told.body
    assert zone.table(database, "t") is None
    assert zone.read(upload.uri) == TORN

    aside = [key for key in zone.objects("_quarantine/", zone.landing) if database in key]
    assert aside == ([] if way.name == "direct" else [f"_quarantine/{upload.key}"])
    for key in aside:
        copy = zone.s3.get_object(Bucket=zone.landing, Key=key)
        assert copy["Body"].read() == TORN
        assert copy["Metadata"]["cleanzone-error"] == "InvalidCompression"
        assert copy["Metadata"]["cleanzone-source"] == upload.version
        # Whoever names it is told that there is nothing to do.
        answer = zone.invoke({"bucket": zone.landing, "key": key})
        assert (answer.error, "skipped" in answer.payload) == (None, True), answer
        # And nobody did.
        assert zone.told_of(Upload(zone.landing, key, "")) == []


def test_what_is_no_table_is_reported_where_every_name_is_looked_at(way: Way, database: str):
    pdf = way.land(f"{database}/t/report.pdf", PDF)
    if way.name == "direct":
        way.convert(f"{database}_other/t/after.csv", BODY)
        assert (way.zone.log.about(pdf.uri), way.zone.told_of(pdf)) == ([], [])
        return
    [told] = way.zone.until("the failure is told", lambda: way.zone.told_of(pdf))
    assert "InvalidFileFormat" in told.body


def test_of_two_hundred_uploads_at_once_none_is_lost_and_none_doubled(way: Way, database: str):
    def land(n: int) -> Upload:
        return way.land(f"{database}/t{n % TABLES}/file {n}.csv", csv("n", str(n)))

    before = len(way.zone.failures())
    with ThreadPoolExecutor(20) as crowd:
        uploads = list(crowd.map(land, range(UPLOADS)))
    for upload in uploads:
        way.zone.converted(upload)
    union = " UNION ALL ".join(f'SELECT n FROM "{database}".t{table}' for table in range(TABLES))  # noqa: S608
    [answer] = way.zone.query(f"SELECT count(*), count(DISTINCT n), sum(n) FROM ({union})")  # noqa: S608
    assert [int(value) for value in answer] == [UPLOADS, UPLOADS, sum(range(UPLOADS))]
    assert len(way.zone.failures()) == before
    if way.name == "workflow":
        executions = Workflow(way.zone).all_of(f"{way.prefix}{database}/")
        assert [execution.status for execution in executions] == ["SUCCEEDED"] * UPLOADS


# What only a queue has.


def attributes(zone: Zone, url: str) -> dict[str, str]:
    return zone.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_a_tokenizer_in_another_account_may_send_files_and_no_more(way: Way):
    policy = json.loads(way.zone.s3.get_bucket_policy(Bucket=way.zone.landing)["Policy"])
    allowed = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    if way.name != "queue":
        assert allowed == []
        return
    bucket = f"arn:aws:s3:::{way.zone.landing}"
    assert [(s["Principal"], s["Action"], s["Resource"]) for s in allowed] == [
        ({"AWS": TOKENIZER}, ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], f"{bucket}/*"),
        ({"AWS": TOKENIZER}, "s3:ListBucket", bucket),
    ]


def test_the_queue_gives_the_function_its_time_and_keeps_what_fails(queue: Way):
    zone = queue.zone
    main = attributes(zone, zone.outputs["IngestQueueUrl"])
    dead = attributes(zone, zone.outputs["IngestDeadLetterQueueUrl"])
    timeout = zone.functions.get_function_configuration(FunctionName=zone.function)["Timeout"]
    assert int(main["VisibilityTimeout"]) >= 6 * timeout
    redrive = json.loads(main["RedrivePolicy"])
    assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (dead["QueueArn"], 5)
    # A message keeps its age when it moves.
    assert int(dead["MessageRetentionPeriod"]) > int(main["MessageRetentionPeriod"])
    [mapping] = mappings(zone, main["QueueArn"])
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def mappings(zone: Zone, queue_arn: str) -> list[dict]:
    return zone.functions.list_event_source_mappings(EventSourceArn=queue_arn)["EventSourceMappings"]


def test_what_comes_back_five_times_is_kept_and_can_be_sent_again(queue: Way, database: str):
    zone = queue.zone
    main, dead = zone.outputs["IngestQueueUrl"], zone.outputs["IngestDeadLetterQueueUrl"]
    before = attributes(zone, main)
    [mapping] = mappings(zone, before["QueueArn"])
    # A function that can tell nobody hands its failures back, for ever.
    gone = {"FAILURE_TOPIC_ARN": zone.outputs["FailureTopicArn"] + "-gone"}
    speechless = zone.copy_of_function("cleanzone-tests-speechless-queue", Variant(environment=gone))
    zone.sqs.set_queue_attributes(QueueUrl=main, Attributes={"VisibilityTimeout": "1"})
    zone.functions.update_event_source_mapping(UUID=mapping["UUID"], FunctionName=speechless)
    try:
        good = queue.land(f"{database}/t/good.csv", BODY)
        upload = queue.land(f"{database}/t/torn.csv.gz", TORN)

        def given_up() -> list[dict]:
            return zone.sqs.receive_message(QueueUrl=dead, VisibilityTimeout=60).get("Messages", [])

        [message] = zone.until("the message is in the dead-letter queue", given_up)
        zone.converted(good)
    finally:
        zone.functions.update_event_source_mapping(UUID=mapping["UUID"], FunctionName=mapping["FunctionArn"])
        visibility = {"VisibilityTimeout": before["VisibilityTimeout"]}
        zone.sqs.set_queue_attributes(QueueUrl=main, Attributes=visibility)

    def errors() -> Counter[str]:
        return Counter(line["error"] for line in zone.log.about(upload.uri))

    # Each try says what is wrong, and that nobody could be told; the last one may still be at it.
    every = Counter({"InvalidCompression": 5, "ServiceUnavailable": 5})
    zone.until("it was tried five times", lambda: errors() >= every)
    assert errors() == every
    assert zone.told_of(upload) == []

    # As `aws sqs start-message-move-task` does, which MiniStack lacks.
    zone.sqs.send_message(QueueUrl=main, MessageBody=message["Body"])
    zone.sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    [told] = zone.until("the failure is told at last", lambda: zone.told_of(upload))
    assert "InvalidCompression" in told.body
    assert zone.count(database, "t") == 2
