"""However S3's events reach the function, the same happens: every way in is deployed, beside the others, and tried."""

import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from lake import Lake
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


@dataclass(frozen=True)
class Way:
    """One way in, and the keys that it looks at."""

    name: str
    zone: Zone
    prefix: str

    def land(self, key: str, body: bytes | str) -> Upload:
        return self.zone.land(self.prefix + key, body)

    def convert(self, key: str, body: bytes | str) -> dict:
        return self.zone.converted(self.land(key, body))


@dataclass(frozen=True)
class Stack:
    ingest: str
    prefix: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"cleanzone-{self.ingest}"


STACKS = [Stack("direct", "incoming/"), Stack("queue", "incoming/")]


@pytest.fixture(scope="module")
def ways(lake: Lake) -> Iterator[dict[str, Way]]:
    def deploy(stack: Stack) -> Way:
        parameters = {"EnvironmentName": f"by{stack.ingest}", "Ingest": stack.ingest, "IngestPrefix": stack.prefix}
        lake.deploy(stack.name, **parameters, **stack.parameters)
        return Way(stack.ingest, Zone(lake, stack.name), stack.prefix)

    with ThreadPoolExecutor() as crowd:
        deployed = {way.name: way for way in crowd.map(deploy, STACKS)}
    yield deployed
    for way in deployed.values():
        way.zone.close()


@pytest.fixture(params=[stack.ingest for stack in STACKS])
def way(request: pytest.FixtureRequest, ways: dict[str, Way]) -> Way:
    return ways[request.param]


@pytest.fixture
def queue(ways: dict[str, Way]) -> Way:
    return ways["queue"]


def test_the_stack_says_what_its_way_in_has(way: Way):
    outputs = {name for name in way.zone.outputs if "Ingest" in name}
    assert (
        outputs
        == {
            "direct": set(),
            "queue": {"IngestQueueUrl", "IngestDeadLetterQueueUrl"},
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


def test_nothing_happens_outside_the_prefix(way: Way, database: str):
    other = way.zone.land(f"elsewhere/{database}/t/file.csv", BODY)
    way.convert(f"{database}/t/after.csv", BODY)
    time.sleep(1)
    assert way.zone.log.about(other.uri) == []
    assert way.zone.count(database, "t") == 2


def test_a_broken_file_is_told_of_once(way: Way, database: str):
    upload = way.land(f"{database}/t/two words, 100% + 🙂.csv.gz", TORN)
    way.zone.until("the failure is told", lambda: way.zone.told_of(upload))
    time.sleep(SILENCE)
    [told] = way.zone.told_of(upload)
    assert "InvalidCompression" in told.body
    assert "What to do" in told.body
    assert way.zone.table(database, "t") is None


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

    with ThreadPoolExecutor(20) as crowd:
        uploads = list(crowd.map(land, range(UPLOADS)))
    before = len(way.zone.failures())
    for upload in uploads:
        way.zone.converted(upload)
    union = " UNION ALL ".join(f'SELECT n FROM "{database}".t{table}' for table in range(TABLES))  # noqa: S608
    [answer] = way.zone.query(f"SELECT count(*), count(DISTINCT n), sum(n) FROM ({union})")  # noqa: S608
    assert [int(value) for value in answer] == [UPLOADS, UPLOADS, sum(range(UPLOADS))]
    assert len(way.zone.failures()) == before


# What only a queue has.


def attributes(zone: Zone, url: str) -> dict[str, str]:
    return zone.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


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
    zone.sqs.set_queue_attributes(QueueUrl=main, Attributes={"VisibilityTimeout": "0"})
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
    errors = [line["error"] for line in zone.log.about(upload.uri)]
    assert errors == ["InvalidCompression", "ServiceUnavailable"] * 5
    assert zone.told_of(upload) == []

    # As `aws sqs start-message-move-task` does, which MiniStack lacks.
    zone.sqs.send_message(QueueUrl=main, MessageBody=message["Body"])
    zone.sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    [told] = zone.until("the failure is told at last", lambda: zone.told_of(upload))
    assert "InvalidCompression" in told.body
    assert zone.count(database, "t") == 2
