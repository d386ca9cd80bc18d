"""Many writers at once, many databases: nobody's columns or rows are lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from zone import Zone, csv

WRITERS = 20
ROWS = 5
DATABASES = 150


def test_twenty_files_at_once_bring_a_column_each_and_none_is_lost(zone: Zone, database: str):
    def body(i: int) -> str:
        return csv(f"writer,own_{i}", *[f"{i},{i * 1000 + row}" for row in range(ROWS)])

    with ThreadPoolExecutor(WRITERS) as crowd:
        uploads = list(crowd.map(lambda i: zone.land(f"{database}/t/file-{i}.csv", body(i)), range(WRITERS)))
    reports = [zone.converted(upload) for upload in uploads]

    assert all(report["rows"] == ROWS for report in reports)
    own = {f"own_{i}": "bigint" for i in range(WRITERS)}
    assert zone.columns(database, "t") == {"writer": "bigint"} | own
    sums = ", ".join(f"count({name}), sum({name})" for name in own)
    [answer] = zone.query(f'SELECT count(*), {sums} FROM "{database}".t')  # noqa: S608
    expected = [WRITERS * ROWS]
    for i in range(WRITERS):
        expected += [ROWS, ROWS * i * 1000 + sum(range(ROWS))]
    assert [int(value) for value in answer] == expected


def test_twenty_files_at_once_bring_a_partition_each_to_a_new_table(zone: Zone, database: str):
    def land(i: int):
        return zone.land(f"{database}/t/day={i:02}/file.csv", csv("n", str(i)))

    with ThreadPoolExecutor(WRITERS) as crowd:
        uploads = list(crowd.map(land, range(WRITERS)))
    for upload in uploads:
        zone.converted(upload)
    answer = zone.query(f'SELECT day, n FROM "{database}".t ORDER BY day')  # noqa: S608
    assert answer == [(f"{i:02}", str(i)) for i in range(WRITERS)]


@pytest.fixture
def many_databases(zone: Zone) -> None:
    for i in range(DATABASES):
        zone.glue.create_database(DatabaseInput={"Name": f"crowd_{i:03}"})


@pytest.mark.usefixtures("many_databases")
def test_a_hundred_and_fifty_databases_are_not_too_many(zone: Zone, database: str):
    assert zone.convert(f"{database}/t/a.csv", csv("n", "1"))["rows"] == 1
    assert zone.count(database, "t") == 1
    # Also one that exists, far down the list, is found.
    last = f"crowd_{DATABASES - 1}"
    zone.convert(f"{last}/t/a.csv", csv("n", "1", "2"))
    assert zone.count(last, "t") == 2
