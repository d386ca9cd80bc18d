"""lake.toml: what it says of a dataset holds for the very next file, and what is wrong in it changes nothing."""

import json
from datetime import UTC, datetime

from zone import Variant, Zone, csv


def rows(zone: Zone, database: str, table: str, what: str = "*", then: str = "") -> list[tuple]:
    return zone.query(f'SELECT {what} FROM "{database}"."{table}" {then}')  # noqa: S608


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
    what = "id, zip, state, born, balance, email, source_key, source_row"
    assert rows(zone, database, "eu_users", what, "ORDER BY id") == [
        ("1", "10001", "New York", "2003-02-01", "12.50", "ann@example.org", upload.uri, "1"),
        ("2", "94016", "CA", "2004-02-29", "-0.05", "bo@example.org", upload.uri, "2"),
    ]
    [[landed]] = rows(zone, database, "eu_users", "DISTINCT ingested_at")
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
    lines = [json.loads(line) for line in zone.log.lines() if "lake.toml is broken" in line]
    [error] = {line["error"] for line in lines}
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
    assert rows(zone, database, "t", "n", "WHERE country = 'DE' ORDER BY n") == [("1",), ("3",)]


def test_a_file_overwrites_the_partitions_that_it_has_rows_in(zone: Zone, database: str):
    zone.rule(f'match = "{database}/*/*"\nmode = "overwrite_partitions"\npartition_by = ["day"]')
    zone.convert(f"{database}/t/a.csv", csv("day,n", "1,1", "2,2"))
    zone.convert(f"{database}/t/b.csv", csv("day,n", "2,3", "3,4"))
    answer = rows(zone, database, "t", '"day", n', "ORDER BY n")
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
    assert rows(zone, database, "evolve", then="WHERE a = 2") == [("2", "y", "7")]
    assert rows(zone, database, "rescue", then="WHERE a = 2") == [("2", "y", '{"new":"7"}')]
    assert rows(zone, database, "fixed", then="WHERE a = 2") == [("2", "y")]


def test_personal_data_that_has_not_been_tokenized_never_reaches_the_lake(zone: Zone, database: str):
    zone.rule(f'match = "{database}/people/*"\ncolumns.email.pii = "token"')
    upload = zone.land(f"{database}/people/a.csv", csv("id,email", "1,sentinel@example.org"))
    failure = zone.failed(upload)
    assert failure.attributes["error"] == "PiiNotTokenized"
    assert "sentinel" not in failure.body
    assert not zone.has_database(database)
    # Of the other tables it says nothing.
    zone.convert(f"{database}/pets/a.csv", csv("id,email", "1,none"))


def test_the_catalog_knows_how_much_there_is(zone: Zone, database: str):
    zone.rule(f'match = "{database}/t/*"\nstatistics = "columns"\npartition_by = ["day"]')
    zone.convert(f"{database}/t/a.csv", csv("day,n,s", "1,1,xy", "1,2,x", "2,,"))
    zone.convert(f"{database}/t/b.csv", csv("day,n,s", "2,7,abcd"))

    def numbers(parameters: dict) -> tuple:
        return tuple(int(parameters[name]) for name in ("numRows", "recordCount", "numFiles"))

    assert numbers(zone.table(database, "t")["Parameters"]) == (4, 4, 3)
    partitions = zone.glue.get_partitions(DatabaseName=database, TableName="t")["Partitions"]
    assert {p["Values"][0]: numbers(p["Parameters"]) for p in partitions} == {"1": (2, 2, 1), "2": (2, 2, 2)}
    found = zone.glue.get_column_statistics_for_table(DatabaseName=database, TableName="t", ColumnNames=["n", "s"])
    data = {column["ColumnName"]: column["StatisticsData"] for column in found["ColumnStatisticsList"]}
    assert data["n"]["LongColumnStatisticsData"] == {
        "MinimumValue": 1,
        "MaximumValue": 7,
        "NumberOfNulls": 1,
        "NumberOfDistinctValues": 3,
    }
    assert data["s"]["StringColumnStatisticsData"]["MaximumLength"] == 4

    # Another version takes the place of its rows.
    zone.convert(f"{database}/t/b.csv", csv("day,n,s", "2,7,abcd", "2,8,e"))
    assert numbers(zone.table(database, "t")["Parameters"]) == (5, 5, 3)


def test_numbers_that_are_switched_off_or_on_late_are_not_there(zone: Zone, database: str):
    def known(table: str) -> set[str]:
        held = zone.table(database, table)["Parameters"].keys()
        return {name for name in held if name.startswith(("num", "record", "size", "cleanzone.statistics"))}

    on, late = f'match = "{database}/on/**"', f'match = "{database}/late/**"'
    counted = '\nstatistics = "counts"'
    zone.rule(on + counted, late)
    for table in ("on", "late"):
        zone.convert(f"{database}/{table}/year=2026/a.csv", csv("n", "1", "2", "3"))
    assert "numRows" in known("on")
    assert known("late") == set()
    zone.change_rule(on + counted, on)
    zone.change_rule(late, late + counted)
    for table in ("on", "late"):
        zone.convert(f"{database}/{table}/year=2026/b.csv", csv("n", "4"))
        assert known(table) == set(), table
        [partition] = zone.glue.get_partitions(DatabaseName=database, TableName=table)["Partitions"]
        assert not partition.get("Parameters"), table


def test_rows_that_projection_hides_are_told_of_and_properties_go_with_their_rules(zone: Zone, database: str):
    def projection() -> dict:
        held = zone.table(database, "t")["Parameters"]
        return {name: value for name, value in held.items() if "projection" in name}

    keys = f'match = "{database}/t/*"\npartition_by = ["country"]\nmax_rejected_ratio = 0.5'
    projected = f'{keys}\n[dataset.projection]\ncountry = {{ values = ["DE", "FR"] }}'
    zone.rule(projected)
    report = zone.convert(f"{database}/t/a.csv", csv("id,country", "1,DE", "2,sentinel", "3,"))
    [warning] = report["warnings"]
    assert (warning["kind"], warning["column"]) == ("ProjectionMiss", "country")
    assert warning["message"].startswith("2 rows in 2 partitions")
    assert "sentinel" not in warning["message"]
    assert projection()["projection.country.values"] == "DE,FR"

    rejecting = projected.replace(" }", ', on_miss = "reject" }')
    zone.change_rule(projected, rejecting)
    report = zone.convert(f"{database}/t/b.csv", csv("id,country", "4,FR", "5,sentinel"))
    assert (report["rows"], report["rejected"], report.get("warnings")) == (1, 1, None)
    assert "5,sentinel" in zone.read(report["rejected_path"]).decode()

    zone.change_rule(rejecting, keys)
    zone.convert(f"{database}/t/c.csv", csv("id,country", "6,IT"))
    assert projection() == {"projection.enabled": "false"}


def test_rejected_rows_hold_no_values_of_columns_that_are_dropped(zone: Zone, database: str):
    rules = 'max_rejected_ratio = 0.9\n[dataset.columns]\nn = { type = "bigint" }\nssn = { drop = true }'
    zone.rule(f'match = "{database}/t/*"\n{rules}')
    report = zone.convert(f"{database}/t/a.csv", csv("n,ssn,name", "1,sentinel,Ann", "x,sentinel,Bo", "2,sentinel"))
    rejected = zone.read(report["rejected_path"]).decode()
    assert (report["rows"], report["rejected"]) == (1, 2)
    assert '"x,,Bo"' in rejected
    assert "sentinel" not in rejected


def test_a_folder_of_the_key_is_typed_by_the_rule_of_its_name(zone: Zone, database: str):
    zone.rule(f'match = "{database}/t/**"\ndatabase = "{database}"\ntable = "t"\n[dataset.columns]\nyear.type = "int"')
    zone.convert(f"{database}/t/year=2026/a.csv", csv("id", "1"))
    assert [(key["Name"], key["Type"]) for key in zone.table(database, "t")["PartitionKeys"]] == [("year", "int")]
    failure = zone.failed(zone.land(f"{database}/t/year=soon/b.csv", csv("id", "2")))
    assert failure.attributes["error"] == "SchemaConflict"


def test_senders_whose_folders_look_alike_have_tables_of_their_own(zone: Zone, database: str):
    zone.rule(f'match = "{database}/*/*.csv"\ndatabase = "{database}"\ntable = "{{1}}_daily"')
    for n, (folder, table) in enumerate(
        [("日本", "日本_daily"), ("中国", "中国_daily"), ("ACME Inc", "acme_inc_daily")]
    ):
        assert zone.convert(f"{database}/{folder}/1.csv", csv("n", str(n)))["table"] == table
        assert zone.query(f'SELECT n FROM "{database}"."{table}"') == [(str(n),)]  # noqa: S608
    failure = zone.failed(zone.land(f"{database}/acme-inc/1.csv", csv("n", "9")))
    assert failure.attributes["error"] == "SchemaConflict"
    assert '"ACME Inc"' in failure.body


def test_a_name_stands_for_one_thing_in_every_file(zone: Zone, database: str):
    zone.rule(f'match = "{database}/t/*"\ncolumns.a = {{ type = "bigint", on_misfit = "sibling" }}')
    zone.convert(f"{database}/t/1.csv", csv("a,b", "1,x", "misfit,y"))
    report = zone.convert(f"{database}/t/2.csv", csv("a_string,a", "own,2"))
    assert [(w["kind"], w["column"]) for w in report["warnings"]] == [("NamesMet", "a_string_")]
    found = set(zone.query(f'SELECT a, a_string, a_string_ FROM "{database}".t'))  # noqa: S608
    assert found == {("1", None, None), (None, "misfit", None), ("2", None, "own")}
