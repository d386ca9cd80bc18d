"""Files of one table that never look alike land at once, in any order: all of it can be queried."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from zone import Zone, csv

FILES, ROWS = 48, 20


def drifting(seed: int) -> dict[str, str]:
    """Columns come and go, change places, case and content."""
    draw = random.Random(seed)  # noqa: S311
    files = {}
    for n in range(FILES):
        columns = ["id", "amount", "day", *draw.sample(["note", "flag", "code", f"new_{n % 5}"], draw.randint(0, 4))]
        draw.shuffle(columns)

        def value(column: str, row: int, n: int = n) -> str:
            match column:
                case "id":
                    return str(n * ROWS + row)
                case "amount":
                    return [str(row), f"{row}.5", "pending" if row == 3 else f"{row}.25"][n * 3 // FILES]
                case "day":
                    return f"2026-11-{row % 28 + 1:02}" if n % 2 else f"{row % 28 + 1:02}.11.2026"
                case "code":
                    return f"{row:03}"
                case "flag":
                    return "true" if row % 2 else ""
            return f"{column} {row}" if n % 6 else ""

        rows = 0 if n % 16 == 15 else ROWS
        header = [column.upper() if n % 7 == 0 else column for column in columns]
        files[f"{n:02}.csv"] = csv(
            ",".join(header), *(",".join(value(column, row) for column in columns) for row in range(rows))
        )
    return files


@pytest.mark.parametrize("seed", [1, 2])
def test_files_that_drift_end_in_one_table(zone: Zone, database: str, seed: int):
    zone.rule(
        f'match = "{database}/t/*"\n'
        'columns.amount = { type = "double", on_misfit = "sibling" }\n'
        'columns.day = { type = "date", on_misfit = "sibling" }\ncolumns.code.type = "string"'
    )
    files = list(drifting(seed).items())
    random.Random(seed).shuffle(files)  # noqa: S311
    with ThreadPoolExecutor(8) as crowd:
        uploads = list(crowd.map(lambda file: zone.land(f"{database}/t/{file[0]}", file[1]), files))
    reports = [zone.converted(upload) for upload in uploads]

    ids = [int(id) for (id,) in zone.query(f'SELECT id FROM "{database}".t')]  # noqa: S608
    assert len(ids) == len(set(ids)) == sum(report["records"] for report in reports)
    assert sum(report["rejected"] for report in reports) == 0
    columns = zone.columns(database, "t")
    assert (
        columns.items()
        >= {
            "id": "bigint",
            "amount": "double",
            "amount_string": "string",
            "day": "date",
            "code": "string",
            "new_0": "string",
        }.items()
    )
    # Another notation of the declared type is no misfit.
    assert "day_date" not in columns
    [[without]] = zone.query(f'SELECT count(*) FROM "{database}".t WHERE day IS NULL')  # noqa: S608
    assert without == "0"
