"""Events come twice, ten times, all at once, or in the wrong order: the table holds what landed last, once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from doors import Queue, SideDoor
from zone import Zone, csv


@pytest.fixture(scope="module")
def captured(side_door: SideDoor) -> tuple[str, Queue]:
    """Events of this prefix come to the test, which hands them to the function as often and in the order it likes."""
    return side_door.captured("versions")


@pytest.fixture(scope="module")
def appending(side_door: SideDoor) -> str:
    return side_door.copy("cleanzone-tests-append", environment={"WRITE_MODE": "append"})


def numbers(*values: int) -> str:
    return csv("n", *map(str, values))


def in_table(zone: Zone, database: str) -> list[int]:
    return [int(n) for (n,) in zone.query(f'SELECT n FROM "{database}".t ORDER BY n')]  # noqa: S608


def statuses(zone: Zone, function: str, *events: dict) -> list[str]:
    """Hands over events one after the other."""
    answers = [zone.invoke(event, function) for event in events]
    return [result.get("error") or result["status"] for a in answers for result in a.payload["results"]]


def versions(zone: Zone, prefix: str) -> list[str]:
    """Every version of every object that the clean bucket has ever had, and every deletion."""
    answer = zone.s3.list_object_versions(Bucket=zone.clean, Prefix=prefix)
    return [item["Key"] for item in answer.get("Versions", []) + answer.get("DeleteMarkers", [])]


def test_an_event_that_comes_ten_times_makes_one_copy(
    zone: Zone, side_door: SideDoor, captured: tuple[str, Queue], database: str
):
    prefix, queue = captured
    [event] = side_door.capture(queue, [side_door.land(f"{prefix}/{database}/t/a.csv", numbers(1, 2, 3, 4))])
    answers = statuses(zone, side_door.function, *[event] * 10)
    assert answers == ["converted"] + ["unchanged"] * 9
    # Not only does the same object stand there: it was written a single time.
    assert len(versions(zone, f"{database}/")) == 1
    assert in_table(zone, database) == [1, 2, 3, 4]


def test_ten_deliveries_at_once_make_one_copy(
    zone: Zone, side_door: SideDoor, captured: tuple[str, Queue], database: str
):
    prefix, queue = captured
    [event] = side_door.capture(queue, [side_door.land(f"{prefix}/{database}/t/a.csv", numbers(1, 2, 3, 4))])
    with ThreadPoolExecutor(10) as crowd:
        answers = list(crowd.map(lambda _: statuses(zone, side_door.function, event), range(10)))
    assert {status for [status] in answers} <= {"converted", "unchanged"}, answers
    assert len(zone.objects(f"{database}/")) == 1
    assert in_table(zone, database) == [1, 2, 3, 4]


def test_a_new_version_replaces_the_rows_of_the_old_one(zone: Zone, database: str):
    zone.convert(f"{database}/t/other.csv", numbers(100))
    first = zone.convert(f"{database}/t/a.csv", numbers(1, 2, 3, 4))
    second = zone.convert(f"{database}/t/a.csv", numbers(5, 6))
    assert first["paths"] == second["paths"]
    assert in_table(zone, database) == [5, 6, 100]


def test_a_late_event_never_overwrites_a_newer_version(
    zone: Zone, side_door: SideDoor, captured: tuple[str, Queue], database: str
):
    prefix, queue = captured
    key = f"{prefix}/{database}/t/a.csv"
    uploads = [side_door.land(key, numbers(1, 2, 3)), side_door.land(key, numbers(4, 5))]
    old, new = side_door.capture(queue, uploads)
    answers = statuses(zone, side_door.function, new, old, new, old)
    assert answers == ["converted", "superseded", "unchanged", "superseded"]
    assert in_table(zone, database) == [4, 5]


def test_versions_that_come_all_at_once_end_with_the_newest(
    zone: Zone, side_door: SideDoor, captured: tuple[str, Queue], database: str
):
    prefix, queue = captured
    key = f"{prefix}/{database}/t/a.csv"
    uploads = [side_door.land(key, numbers(*range(version * 10, version * 10 + 8 - version))) for version in range(8)]
    events = side_door.capture(queue, uploads)
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda event: statuses(zone, side_door.function, event), reversed(events)))
    assert {status for [status] in answers} <= {"converted", "superseded"}, answers
    assert in_table(zone, database) == [70]
    assert len(zone.objects(f"{database}/")) == 1


def test_what_only_the_old_version_had_disappears(zone: Zone, database: str):
    zone.convert(f"{database}/t/contract.csv", numbers(1))
    wrong = csv("n", *map(str, range(40)), "no number")
    report = zone.convert(f"{database}/t/a.csv", wrong)
    assert (report["rows"], report["rejected"]) == (40, 1)
    assert len(zone.objects(f"_rejected/{database}/")) == 1
    zone.convert(f"{database}/t/a.csv", numbers(7))
    assert zone.objects(f"_rejected/{database}/") == []
    # Nothing but rejected rows would be too many of them; an empty file, too, takes the rows of the old one away.
    zone.convert(f"{database}/t/a.csv", "n\n")
    assert in_table(zone, database) == [1]


def test_in_append_mode_every_version_adds_its_rows_once(
    zone: Zone, side_door: SideDoor, captured: tuple[str, Queue], appending: str, database: str
):
    prefix, queue = captured
    key = f"{prefix}/{database}/t/a.csv"
    uploads = [side_door.land(key, numbers(1, 2, 3)), side_door.land(key, numbers(4, 5))]
    old, new = side_door.capture(queue, uploads)
    assert statuses(zone, appending, new, old, old, new) == ["converted", "converted", "unchanged", "unchanged"]
    assert in_table(zone, database) == [1, 2, 3, 4, 5]
    assert len(zone.objects(f"{database}/")) == 2
