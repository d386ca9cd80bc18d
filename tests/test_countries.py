"""Files of ten countries land at once, in any order, each in its own notation: every row is as it was meant."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import pytest
from zone import Zone, csv

FILES, ROWS = 24, 6


@dataclass(frozen=True)
class Country:
    """How a country writes numbers and dates."""

    delimiter: str
    thousands: str
    decimal: str
    date_format: str

    def number(self, cents: int) -> str:
        whole = f"{cents // 100:,}".replace(",", self.thousands)
        return f"{whole}{self.decimal}{cents % 100:02}"


COUNTRIES = {
    "de": Country(";", ".", ",", "%d.%m.%Y"),
    "fr": Country(";", "\u202f", ",", "%d/%m/%Y"),
    "it": Country(";", ".", ",", "%d/%m/%Y"),
    "ch": Country(";", "'", ".", "%d.%m.%Y"),
    "pl": Country("\t", "\u00a0", ",", "%d.%m.%Y"),
    "nl": Country(";", "", ",", "%d-%m-%Y"),
    "br": Country(";", ".", ",", "%d/%m/%Y"),
    "gb": Country("|", ",", ".", "%d/%m/%Y"),
    "us": Country("|", ",", ".", "%m/%d/%Y"),
    "se": Country(";", " ", ",", "%Y-%m-%d"),
}


def facts(id: int) -> tuple[int, date]:
    """The amount of a row in cents, and its day; one day in each file proves the order of day and month."""
    return 100_000 + id * 791_901 % 99_900_000, date(2026, id % 12 + 1, 13 + id % 15 if id % ROWS == 0 else id % 12 + 1)


def drifting(country: Country, n: int) -> str:
    """Columns come and go, and change places."""
    columns = ["id", "amount", "day", *(["note"] if n % 3 else [])]
    random.Random(n).shuffle(columns)  # noqa: S311

    def value(column: str, id: int) -> str:
        cents, day = facts(id)
        match column:
            case "id":
                return str(id)
            case "amount":
                return country.number(cents)
            case "day":
                return day.strftime(country.date_format)
        return f"note {id}"

    rows = range(n * ROWS, (n + 1) * ROWS)
    return csv(country.delimiter.join(columns), *(country.delimiter.join(value(c, id) for c in columns) for id in rows))


@pytest.mark.parametrize("name", COUNTRIES)
def test_files_of_a_country_are_read_alike_in_whatever_order(zone: Zone, database: str, name: str):
    files = [(f"{n:02}.csv", drifting(COUNTRIES[name], n)) for n in range(FILES)]
    random.Random(name).shuffle(files)  # noqa: S311
    with ThreadPoolExecutor(8) as crowd:
        uploads = list(crowd.map(lambda file: zone.land(f"{database}/{name}/{file[0]}", file[1]), files))
    reports = [zone.converted(upload) for upload in uploads]

    assert all(report["rejected"] == 0 and "warnings" not in report for report in reports)
    columns = {"id": "bigint", "amount": "double", "day": "date", "note": "string"}
    assert zone.columns(database, name) == columns
    query = f'SELECT id, amount, day FROM "{database}".{name} ORDER BY id'  # noqa: S608
    found = [(int(id), round(float(amount) * 100), day) for id, amount, day in zone.query(query)]
    assert found == [(id, facts(id)[0], facts(id)[1].isoformat()) for id in range(FILES * ROWS)]


def test_a_file_that_contradicts_earlier_ones_is_told_of(zone: Zone, database: str):
    zone.convert(f"{database}/t/1.csv", "id;amount\n1;1.234,50\n")
    report = zone.convert(f"{database}/t/2.csv", "id;amount\n2;1,234.50\n")
    assert [(told["kind"], told["column"]) for told in report["warnings"]] == [("NotationChanged", "amount")]
    failure = zone.failed(zone.land(f"{database}/t/3.csv", "id;amount\n3;1.234\n"))
    assert "another notation" in failure.body
    [[rows, total]] = zone.query(f'SELECT count(*), sum(amount) FROM "{database}".t')  # noqa: S608
    assert (rows, float(total)) == ("2", 2469.0)
