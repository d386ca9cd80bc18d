"""lake.toml: what it says of a dataset holds for the very next file, and what is wrong in it changes nothing."""

import json
from datetime import UTC, datetime

from zone import Variant, Zone, csv


def dates(zone: Zone, database: str, table: str) -> list[tuple]:
    return zone.query(f'SELECT * FROM "{database}"."{table}" ORDER BY 1')  # noqa: S608


def test_a_dataset_is_named_typed_and_cleansed_by_its_rules(zone: Zone, database: str):
    zone.rule(f'''
match = "partners/{database}/*/users-*.csv"
database = "{database}"
table = "{{1}}_users"
context = ["source_key", "source_row", "ingested_at"]
[dataset.format]
delimiter = ";"
[dataset.columns.Zip]
type = "string"
comment = "Postal code"
[dataset.columns.state]
map = {{ NY = "New York" }}
[dataset.columns.born]
type = "date"
date_format = "%d.%m.%Y"
[dataset.columns.balance]
type = "decimal(10,2)"
[dataset.columns.mail]
rename = "email"
case = "lower"
trim = true
[dataset.columns.internal]
drop = true
''')
    body = csv(
        "id;Zip;state;born;balance;mail;internal",
        "1;10001;NY;01.02.2003;12.50; Ann@Example.org ;x",
        "2;94016;CA;29.02.2004;-0.05;BO@example.org;y",
    )
    upload = zone.land(f"partners/{database}/eu/users-1.csv", body)
    report = zone.converted(upload)
    assert (report["database"], report["table"]) == (database, "eu_users")
    assert zone.columns(database, "eu_users") == {
        "id": "bigint",
        "zip": "string",
        "state": "string",
        "born": "date",
        "balance": "decimal(10,2)",
        "email": "string",
        "source_key": "string",
        "source_row": "bigint",
        "ingested_at": "timestamp",
    }
    [comment] = [
        c.get("Comment") for c in zone.table(database, "eu_users")["StorageDescriptor"]["Columns"] if c["Name"] == "zip"
    ]
    assert comment == "Postal code"
    rows = zone.query(
        f'SELECT id, zip, state, born, balance, email, source_key, source_row FROM "{database}".eu_users ORDER BY id'
    )  # noqa: S608
    assert rows == [
        ("1", "10001", "New York", "2003-02-01", "12.50", "ann@example.org", upload.uri, "1"),
        ("2", "94016", "CA", "2004-02-29", "-0.05", "bo@example.org", upload.uri, "2"),
    ]
    [[landed]] = zone.query(f'SELECT DISTINCT ingested_at FROM "{database}".eu_users')  # noqa: S608
    moment = datetime.fromisoformat(landed).replace(tzinfo=UTC)
    assert abs((moment - datetime.fromisoformat(upload.at)).total_seconds()) < 60


def test_rules_are_followed_without_a_new_deployment(zone: Zone, database: str):
    report = zone.convert(f"{database}/t/a.csv", csv("zip", "10001"))
    assert report["columns"][0]["type"] == "bigint"
    zone.rule(f'match = "{database}/u/*"\ncolumns.zip.type = "string"')
    report = zone.convert(f"{database}/u/a.csv", csv("zip", "10001"))
    assert report["columns"][0]["type"] == "string"


def test_a_broken_version_changes_nothing_and_raises_an_alarm(zone: Zone, database: str):
    zone.rule(f'match = "{database}/t/*"\ntable = "followed"')
    zone.convert(f"{database}/t/a.csv", csv("n", "1"))
    zone.write_rules(f'[[dataset]]\nmatch = "{database}/*"\ntabel = "typo"\n')
    try:
        upload = zone.land(f"{database}/t/b.csv", csv("n", "2"))
        assert zone.converted(upload)["table"] == "followed"
        # A process that begins now follows the same.
        arn = zone.copy_of_function(f"{database}-anew", Variant())
        answer = zone.invoke({"bucket": zone.landing, "key": upload.key}, arn)
        assert (answer.error, answer.payload["table"]) == (None, "followed")
    finally:
        zone.write_rules()
    metrics = [json.loads(line) for line in zone.log.lines() if '"StaleRules"' in line]
    [told] = [m for m in metrics if m.get("key") == upload.key and m["FunctionName"] == zone.function]
    assert told["StaleRules"] == 1
    [error] = {
        line["error"] for line in map(json.loads, zone.log.lines()) if "lake.toml is broken" in line.get("message", "")
    }
    assert "3:1" in error and "did you mean `table`" in error


def test_partitions_come_from_columns(zone: Zone, database: str):
    zone.rule(f'match = "{database}/*/*"\npartition_by = ["country", "month(day) as month"]')
    body = csv("country,day,n", "DE,2026-01-31,1", "FR,2026-02-01,2", "DE,2026-01-01,3", ",2026-01-05,4")
    report = zone.convert(f"{database}/t/a.csv", body)
    assert (report["rows"], len(report["paths"])) == (4, 3)
    assert zone.columns(database, "t") == {"day": "date", "n": "bigint"}
    keys = zone.table(database, "t")["PartitionKeys"]
    assert [(key["Name"], key["Type"]) for key in keys] == [("country", "string"), ("month", "int")]
    assert sorted(path.split("/t/")[1].rsplit("/", 1)[0] for path in report["paths"]) == [
        "country=DE/month=1",
        "country=FR/month=2",
        "country=__HIVE_DEFAULT_PARTITION__/month=1",
    ]
    assert zone.query(f"SELECT n FROM \"{database}\".t WHERE country = 'DE' ORDER BY n") == [("1",), ("3",)]  # noqa: S608


def test_a_file_overwrites_the_partitions_that_it_has_rows_in(zone: Zone, database: str):
    zone.rule(f'match = "{database}/*/*"\nmode = "overwrite_partitions"\npartition_by = ["day"]')
    zone.convert(f"{database}/t/a.csv", csv("day,n", "1,1", "2,2"))
    zone.convert(f"{database}/t/b.csv", csv("day,n", "2,3", "3,4"))
    answer = zone.query(f'SELECT "day", n FROM "{database}".t ORDER BY n')  # noqa: S608
    assert answer == [("1", "1"), ("2", "3"), ("3", "4")]
    assert len(zone.objects(f"{database}/t/")) == 3


def test_columns_that_a_table_lacks_do_as_its_rules_say(zone: Zone, database: str):
    for schema in ["evolve", "rescue", "fail", "fixed"]:
        zone.rule(f'match = "{database}/{schema}/*"\nschema = "{schema}"')
        zone.convert(f"{database}/{schema}/a.csv", csv("a,b", "1,x"))
    body = csv("b,new,a", "y,7,2")
    added = {schema: zone.land(f"{database}/{schema}/b.csv", body) for schema in ["evolve", "rescue", "fixed", "fail"]}
    assert zone.failed(added.pop("fail")).attributes["error"] == "SchemaConflict"
    for upload in added.values():
        zone.converted(upload)
    columns = {schema: list(zone.columns(database, schema)) for schema in ["evolve", "rescue", "fixed", "fail"]}
    assert columns == {
        "evolve": ["a", "b", "new"],
        "rescue": ["a", "b", "_rescued"],
        "fixed": ["a", "b"],
        "fail": ["a", "b"],
    }
    assert zone.query(f'SELECT * FROM "{database}".evolve WHERE a = 2') == [("2", "y", "7")]  # noqa: S608
    assert zone.query(f'SELECT * FROM "{database}".rescue WHERE a = 2') == [
        ("2", "y", '{{"new":"7"}}'.replace("{{", "{").replace("}}", "}"))
    ]  # noqa: S608
    assert zone.query(f'SELECT * FROM "{database}".fixed WHERE a = 2') == [("2", "y")]  # noqa: S608


def test_personal_data_that_has_not_been_tokenized_never_reaches_the_lake(zone: Zone, database: str):
    zone.rule(f'match = "{database}/people/*"\ncolumns.email.pii = "token"')
    upload = zone.land(f"{database}/people/a.csv", csv("id,email", "1,sentinel@example.org"))
    failure = zone.failed(upload)
    assert failure.attributes["error"] == "PiiNotTokenized"
    assert "sentinel" not in failure.body
    assert not zone.has_database(database)
    # Of the other tables it says nothing.
    zone.convert(f"{database}/pets/a.csv", csv("id,email", "1,none"))
