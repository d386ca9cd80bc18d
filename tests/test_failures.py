"""What cannot be converted is told of once, leaves nothing behind, and comes back to nobody."""

import gzip
import json
import struct
import time
import zlib
from dataclasses import dataclass

import pytest
from doors import SideDoor
from zone import Failure, Upload, Zone, csv

# Stands in every file here, and may stand nowhere else.
SENTINEL = "Quixotry-5391"
ROWS = [f"{SENTINEL} {n},{n}" for n in range(200)]
# Lambda tries an event again after one second and after two more; here nothing may come in twice that time.
SILENCE = 6


def png() -> bytes:
    """A picture of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    text = b"Comment\0" + SENTINEL.encode()
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"tEXt", text), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


@dataclass(frozen=True)
class Case:
    error: str
    body: bytes | str
    # What the message has to name.
    names: str
    key: str = "t/file.csv"
    # What stands in the table before.
    before: str = ""
    # A copy of the function that differs by this; the deployed one where it is empty.
    copy: str = ""


PACKED = gzip.compress(csv("name,n", *ROWS).encode())
GOOD = csv("name,n", *ROWS)
CASES = {
    "picture": Case("InvalidFileFormat", png(), "image"),
    "parquet": Case("InvalidFileFormat", b"PAR1" + bytes(range(256)) * 8 + SENTINEL.encode() + b"PAR1", "Parquet"),
    "shallow": Case("InvalidObjectKey", GOOD, "two folders", key="shallow.csv"),
    "no_latin": Case("InvalidObjectKey", GOOD, "Latin", key="日本/表/file.csv"),
    "torn_gzip": Case("InvalidCompression", PACKED[: len(PACKED) // 2], "gzip"),
    "damaged_gzip": Case("InvalidCompression", PACKED[:-8] + bytes(8), "gzip"),
    "too_many_rejected": Case(
        "TooManyRejectedRows",
        csv("name,n", *ROWS, *[f"x,{SENTINEL}" for _ in range(20)]),
        "20 of 220",
        before=csv("name,n", "a,1"),
    ),
    "no_bucket": Case("ResourceNotFound", GOOD, "cleanzone-tests-nowhere", copy="nowhere"),
    "may_not_write": Case("AccessDenied", GOOD, "s3:PutObject", copy="s3:PutObject"),
    "may_not_read": Case("AccessDenied", GOOD, "s3:GetObjectVersion", copy="s3:GetObjectVersion"),
    "may_not_create": Case("AccessDenied", GOOD, "glue:CreateTable", copy="glue:CreateTable"),
}


@dataclass(frozen=True)
class Failed:
    upload: Upload
    message: Failure
    before: list[str]
    database: str


@pytest.fixture(scope="module")
def failed(zone: Zone, side_door: SideDoor) -> dict[str, Failed]:
    """All of them at once: to wait for silence takes its time."""
    doors = {"": ("", zone.landing)}
    for case in CASES.values():
        if case.copy and case.copy not in doors:
            name = "cleanzone-tests-" + case.copy.replace(":", "-")
            if case.copy == "nowhere":
                bucket = "cleanzone-tests-nowhere"
                environment = {"CLEAN_BUCKET": bucket, "LAKE_CONFIG": f"s3://{bucket}/lake.toml"}
                settings = {"environment": environment, "policy": {zone.clean: bucket}}
            else:
                settings = {"without": case.copy}
            prefix = side_door.direct(name, side_door.copy(name, **settings))
            doors[case.copy] = (f"{prefix}/", side_door.bucket)

    before, uploads = {}, {}
    for name, case in CASES.items():
        key = case.key if case.key.count("/") != 1 else f"failure_{name}/{case.key}"
        if case.before:
            zone.convert(key.replace("file", "before"), case.before)
        before[name] = zone.objects("")
        prefix, bucket = doors[case.copy]
        uploads[name] = zone.land(prefix + key, case.body, bucket)
    messages = {name: zone.failed(upload) for name, upload in uploads.items()}

    begin, known = time.monotonic(), len(zone.failures())
    zone.until("nothing more happens", lambda: time.monotonic() - begin > SILENCE or len(zone.failures()) > known)
    return {name: Failed(uploads[name], messages[name], before[name], f"failure_{name}") for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_the_failure_has_its_name_and_names_its_cause(failed: dict[str, Failed], name: str):
    case, found = CASES[name], failed[name]
    told = found.message.attributes
    assert (told["error"], told["kind"]) == (case.error, "permanent"), found.message.body
    assert (told["bucket"], told["key"]) == (found.upload.bucket, found.upload.key)
    assert case.names in found.message.body
    assert "What to do" in found.message.body
    if case.error != "InvalidObjectKey":
        assert (told["database"], told["table"]) == (found.database, "t")


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_once_and_never_delivered_again(zone: Zone, failed: dict[str, Failed], name: str):
    upload = failed[name].upload
    assert len(zone.failures_of(upload)) == 1
    assert [line["error"] for line in zone.log.about(upload.uri)] == [CASES[name].error]


@pytest.mark.parametrize("name", CASES)
def test_nothing_of_it_is_in_the_clean_zone_or_the_catalog(zone: Zone, failed: dict[str, Failed], name: str):
    case, found = CASES[name], failed[name]
    stem = found.upload.key.rsplit("/", 1)[-1].removesuffix(".csv")
    assert [key for key in zone.objects(f"{found.database}/") if f"/{stem}-" in key] == []
    assert zone.objects(f"_rejected/{found.database}/") == []
    if case.before:
        assert zone.columns(found.database, "t") == {"name": "string", "n": "bigint"}
        assert zone.count(found.database, "t") == 1
    else:
        assert zone.table(found.database, "t") is None
        assert not zone.s3.list_object_versions(Bucket=zone.clean, Prefix=f"{found.database}/").get("Versions")


def test_no_upload_is_left_unfinished(zone: Zone, failed: dict[str, Failed]):
    assert zone.s3.list_multipart_uploads(Bucket=zone.clean).get("Uploads", []) == []


def test_a_database_appears_only_with_a_table(zone: Zone, failed: dict[str, Failed]):
    for name in ("picture", "torn_gzip", "no_bucket", "may_not_write", "may_not_read"):
        assert not zone.has_database(failed[name].database), name


def test_no_value_of_a_file_is_in_a_message_or_in_the_log(zone: Zone, failed: dict[str, Failed]):
    assert len(failed) == len(CASES)
    assert [failure.body for failure in zone.failures() if SENTINEL in str(failure)] == []
    assert [line for line in zone.log.lines() if SENTINEL in line] == []
    for found in failed.values():
        answer = zone.invoke(found.upload.named)
        assert SENTINEL not in str(answer.payload)


def test_a_file_that_is_right_at_last_becomes_a_table(zone: Zone, database: str):
    upload = zone.land(f"{database}/t/file.csv", PACKED[: len(PACKED) // 2])
    assert zone.failed(upload).attributes["error"] == "InvalidCompression"
    zone.convert(upload.key, PACKED)
    assert zone.count(database, "t") == len(ROWS)


def test_a_failure_that_cannot_be_told_is_handed_back_until_lambda_tells_of_it(
    zone: Zone, side_door: SideDoor, database: str
):
    name = "cleanzone-tests-speechless"
    topic = zone.outputs["FailureTopicArn"] + "-gone"
    prefix = side_door.direct(name, side_door.copy(name, environment={"FAILURE_TOPIC_ARN": topic}))
    upload = side_door.land(f"{prefix}/{database}/t/file.csv", png())

    def given_up() -> list[dict]:
        bodies = [json.loads(f.body) for f in zone.failures() if f.body.startswith("{")]
        return [body for body in bodies if upload.key in str(body["requestPayload"])]

    [event] = zone.until("Lambda has given the event up", given_up)
    assert event["responsePayload"]["errorType"] == "ServiceUnavailable"
    # Once, and twice more.
    errors = [line["error"] for line in zone.log.about(upload.uri)]
    assert errors == ["InvalidFileFormat", "ServiceUnavailable"] * 3
