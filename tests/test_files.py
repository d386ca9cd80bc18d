"""Files as they come: the smallest, the emptiest, compressed under any name, with every line end."""

import csv as csv_module
import gzip
import io
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from doors import SideDoor
from zone import Upload, Zone, csv, plain

NAMES = [{"name": "Gareth", "n": 23}, {"name": "Zoë", "n": 28}]
TYPES = {"name": "string", "n": "bigint"}
TEXT = csv("name,n", "Gareth,23", "Zoë,28")


@dataclass(frozen=True)
class File:
    body: bytes | str
    rows: list[dict] = field(default_factory=lambda: NAMES)
    columns: dict[str, str] = field(default_factory=lambda: TYPES)
    name: str = "file.csv"


FILES = {
    "four rows": File(csv("n", "1", "2", "3", "4"), [{"n": n} for n in (1, 2, 3, 4)], {"n": "bigint"}),
    "one row": File(csv("n", "1"), [{"n": 1}], {"n": "bigint"}),
    "gzip by its name": File(gzip.compress(TEXT.encode()), name="file.csv.gz"),
    "gzip under the name of plain text": File(gzip.compress(TEXT.encode())),
    "plain text under the name of gzip": File(TEXT, name="file.csv.gz"),
    "tabs": File(TEXT.replace(",", "\t"), name="file.tsv"),
    "tabs under the name of commas": File(TEXT.replace(",", "\t")),
    "gzip of tabs": File(gzip.compress(TEXT.replace(",", "\t").encode()), name="file.tsv.gz"),
    "byte order mark": File("\ufeff" + TEXT),
    "line ends of Windows": File(TEXT.replace("\n", "\r\n")),
    "byte order mark, line ends of Windows, gzip": File(
        gzip.compress(("\ufeff" + TEXT.replace("\n", "\r\n")).encode())
    ),
    "no end of the last line": File(TEXT.rstrip("\n")),
    "lines inside of fields": File(
        'name,note\n"Gareth","first\nsecond, ""quoted""\r\nthird"\nZoë,one\n',
        [{"name": "Gareth", "note": 'first\nsecond, "quoted"\r\nthird'}, {"name": "Zoë", "note": "one"}],
        {"name": "string", "note": "string"},
    ),
    "nulls and empty texts": File(
        'a,b,c\n1,,x\n,"",\n3,z,"y"\n',
        [{"a": 1, "b": None, "c": "x"}, {"a": None, "b": "", "c": None}, {"a": 3, "b": "z", "c": "y"}],
        {"a": "bigint", "b": "string", "c": "string"},
    ),
    "columns of the same name": File(
        csv("Name,name,,Größe (cm)", "a,b,c,1.5"),
        [{"name": "a", "name_1": "b", "column_3": "c", "gro_e_cm_": 1.5}],
        {"name": "string", "name_1": "string", "column_3": "string", "gro_e_cm_": "double"},
    ),
    "every type": File(
        csv("flag,whole,broken,day,moment,code", "true,1,1.5,2026-11-20,2026-11-20T10:00:00,007"),
        columns={
            "flag": "boolean",
            "whole": "bigint",
            "broken": "double",
            "day": "date",
            "moment": "timestamp",
            "code": "string",
        },
    ),
}


def database_of(name: str) -> str:
    return f"file_{plain(name)}"


@pytest.fixture(scope="module")
def uploads(zone: Zone) -> dict[str, Upload]:
    """All of them at once: each is then waited for by its own test."""
    return {name: zone.land(f"{database_of(name)}/t/{file.name}", file.body) for name, file in FILES.items()}


@pytest.mark.parametrize("name", FILES)
def test_a_file_becomes_the_rows_that_it_holds(zone: Zone, uploads: dict[str, Upload], name: str):
    file, database = FILES[name], database_of(name)
    report = zone.converted(uploads[name])
    assert zone.columns(database, "t") == file.columns
    rows = zone.parquet(*report["paths"]).to_pylist()
    assert (report["records"], report["rows"], report["rejected"]) == (len(rows), len(rows), 0)
    assert zone.count(database, "t") == len(rows)
    if file.rows is not NAMES or file.columns is TYPES:
        assert rows == file.rows


def test_an_empty_file_is_no_table_and_no_failure(zone: Zone, database: str):
    upload = zone.land(f"{database}/t/empty.csv", b"")
    report = zone.converted(upload)
    assert (report["records"], report["rows"], report["paths"]) == (0, 0, [])
    assert zone.objects(f"{database}/") == []
    assert zone.failures_of(upload) == []
    # Nor does it stand in the way of tomorrow's file.
    zone.convert(f"{database}/t/full.csv", csv("n", "1"))
    assert zone.columns(database, "t") == {"n": "bigint"}


def test_a_header_alone_makes_columns_whose_types_the_first_values_decide(zone: Zone, database: str):
    report = zone.convert(f"{database}/t/header.csv", "name,n\n")
    assert (report["records"], report["rows"], report["paths"]) == (0, 0, [])
    assert zone.columns(database, "t") == {"name": "string", "n": "string"}
    assert zone.objects(f"{database}/") == []
    zone.convert(f"{database}/t/full.csv", TEXT)
    assert zone.columns(database, "t") == TYPES
    assert zone.count(database, "t") == 2


def test_a_new_table_is_empty_until_a_row_comes(zone: Zone, database: str):
    zone.convert(f"{database}/t/header.csv", "name,n\n")
    assert zone.count(database, "t") == 0


def test_types_of_a_table_are_a_contract_and_what_breaks_it_is_put_aside(zone: Zone, database: str):
    zone.convert(f"{database}/t/contract.csv", csv("name,n", "a,1"))
    good = [f"row {i},{i}" for i in range(60)]
    lines = ["name,n", *good[:30], "ünfit,twelve", *good[30:], 'torn,"1\n2"']
    body = "\n".join(lines) + "\n"
    report = zone.convert(f"{database}/t/broken.csv", body)
    assert (report["records"], report["rows"], report["rejected"]) == (62, 60, 2)
    assert sum(report["rejected_by_reason"].values()) == 2
    assert zone.columns(database, "t") == TYPES
    assert zone.count(database, "t") == 61

    [key] = zone.objects(f"_rejected/{database}/")
    assert key.startswith(f"_rejected/{database}/t/broken-")
    assert report["rejected_path"] == f"s3://{zone.clean}/{key}"
    rejected = list(csv_module.DictReader(io.StringIO(zone.read(report["rejected_path"]).decode(), newline="")))
    assert [row["raw"] for row in rejected] == ["ünfit,twelve", 'torn,"1\n2"']
    assert [int(row["line"]) for row in rejected] == [32, 63]
    for row in rejected:
        assert body.encode()[int(row["offset"]) :].startswith(row["raw"].encode())
        assert row["reason"].split(":")[0] in report["rejected_by_reason"]
        assert '"n"' in row["reason"]
    # Query engines do not see it.
    assert "_rejected" not in str(zone.query(f'SELECT name FROM "{database}".t'))  # noqa: S608


def test_a_new_column_is_added_and_a_missing_one_is_null(zone: Zone, database: str):
    zone.convert(f"{database}/t/a.csv", csv("a,b", "1,x"))
    zone.convert(f"{database}/t/b.csv", csv("c,a", "true,2"))
    assert zone.columns(database, "t") == {"a": "bigint", "b": "string", "c": "boolean"}
    answer = zone.query(f'SELECT a, b, c FROM "{database}".t ORDER BY a')  # noqa: S608
    assert answer == [("1", "x", None), ("2", None, "true")]


def memory_of(function: str) -> list[int]:
    """The most MiB that each process of this function has had, where the system tells."""
    peaks = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            if f"AWS_LAMBDA_FUNCTION_NAME={function}".encode() in variables:
                status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
                peaks.append(int(status["VmHWM"].split()[0]) // 1024)
        except OSError:
            continue  # another user's, or gone by now
    return peaks


ROWS = 520_000


@pytest.fixture(scope="module")
def large() -> str:
    dice = random.Random(2026)  # noqa: S311 - repeatable is what is wanted
    words = [dice.randbytes(24).hex() for _ in range(5000)]
    lines = [
        f"{i},{words[i % 5000]}{dice.randrange(10**9):x},{i / 8},{'true' if i % 7 == 0 else 'false'}"
        for i in range(ROWS)
    ]
    body = csv("id,word,share,flag", *lines)
    assert len(body) > 40_000_000
    return body


def test_a_large_file_goes_in_parts_and_does_not_need_its_size_in_memory(
    zone: Zone, side_door: SideDoor, large: str, database: str
):
    name = "cleanzone-tests-large"
    prefix = side_door.direct(name, side_door.copy(name, memory=128))
    report = zone.converted(side_door.land(f"{prefix}/{database}/t/large.csv", large))
    assert (report["records"], report["rows"], report["rejected"]) == (ROWS, ROWS, 0)
    assert report["bytes_in"] == len(large)
    [(rows, ids, words, shares, flags)] = zone.query(
        f'SELECT count(*), sum(id), count(DISTINCT word), sum(share), count_if(flag) FROM "{database}".t'  # noqa: S608
    )
    assert (int(rows), int(ids)) == (ROWS, sum(range(ROWS)))
    assert int(words) == len({line.split(",")[1] for line in large.splitlines()[1:]})
    assert (float(shares), int(flags)) == (sum(range(ROWS)) / 8, -(-ROWS // 7))

    [path] = report["paths"]
    entity_tag = zone.s3.head_object(Bucket=zone.clean, Key=path.removeprefix(f"s3://{zone.clean}/"))["ETag"]
    assert "-" in entity_tag, "it was not uploaded in parts"
    assert unfinished(zone) == []
    if os.path.exists("/proc/self/status"):
        [peak] = memory_of(name)
        assert peak <= 128, f"{peak} MiB"


def unfinished(zone: Zone) -> list[dict]:
    return zone.s3.list_multipart_uploads(Bucket=zone.clean).get("Uploads", [])


def test_a_large_file_that_breaks_off_leaves_no_parts_behind(
    zone: Zone, side_door: SideDoor, large: str, database: str
):
    packed = gzip.compress(large.encode(), compresslevel=1)
    upload = side_door.land(f"{database}/t/torn.csv.gz", packed[:-100_000])
    assert zone.invoke(upload.named, side_door.function).error == "InvalidCompression"
    assert unfinished(zone) == []
    # That is because they were aborted: who may not abort leaves them.
    feeble = side_door.copy("cleanzone-tests-feeble", without="s3:AbortMultipartUpload")
    assert zone.invoke(upload.named, feeble).error == "InvalidCompression"
    [left] = unfinished(zone)
    zone.s3.abort_multipart_upload(Bucket=zone.clean, Key=left["Key"], UploadId=left["UploadId"])
    assert zone.table(database, "t") is None
