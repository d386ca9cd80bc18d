"""Hive folders become partitions, and AWS SDK for pandas is at home in our tables as we are in its."""

import awswrangler
import boto3
import pandas
import pytest
from zone import QUERY_RESULTS, Zone, csv

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:awswrangler")

RESULTS = f"s3://{QUERY_RESULTS}/pandas/"


def sales(zone: Zone, database: str) -> dict[str, dict]:
    """Four files in three partitions."""
    files = {
        "year=2025/month=12/a.csv": csv("item,price", "lamp,12.5", "chair,80"),
        "year=2026/month=01/a.csv": csv("item,price", "desk,210.0"),
        "year=2026/month=01/b.csv": csv("item,price", "lamp,13.5"),
        "year=2026/month=02/a.csv": csv("item,price,colour", "lamp,14.5,red"),
    }
    uploads = {file: zone.land(f"{database}/sales/{file}", body) for file, body in files.items()}
    return {file: zone.converted(upload) for file, upload in uploads.items()}


def test_hive_folders_become_partitions(zone: Zone, database: str):
    reports = sales(zone, database)
    table = zone.table(database, "sales")
    assert [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [("year", "string"), ("month", "string")]
    assert zone.columns(database, "sales") == {"item": "string", "price": "double", "colour": "string"}

    partitions = zone.glue.get_partitions(DatabaseName=database, TableName="sales")["Partitions"]
    root = f"s3://{zone.clean}/{database}/sales"
    assert {tuple(p["Values"]): p["StorageDescriptor"]["Location"] for p in partitions} == {
        ("2025", "12"): f"{root}/year=2025/month=12/",
        ("2026", "01"): f"{root}/year=2026/month=01/",
        ("2026", "02"): f"{root}/year=2026/month=02/",
    }
    # Every partition carries the columns that the table has now.
    for partition in partitions:
        assert len(partition["StorageDescriptor"]["Columns"]) == 3, partition["Values"]

    december = reports["year=2025/month=12/a.csv"]
    assert december["partitions_values"] == {f"{root}/year=2025/month=12/": ["2025", "12"]}
    assert december["paths"][0].startswith(f"{root}/year=2025/month=12/a-")


def test_athena_asks_by_partition(zone: Zone, database: str):
    sales(zone, database)
    answer = zone.query(
        f'SELECT year, month, count(*) AS n, sum(price) AS total, max(colour) AS colour FROM "{database}".sales '  # noqa: S608
        "WHERE year = '2026' GROUP BY year, month ORDER BY month"
    )
    assert [(y, m, n, float(total), colour) for y, m, n, total, colour in answer] == [
        ("2026", "01", "2", 223.5, None),
        ("2026", "02", "1", 14.5, "red"),
    ]


def test_values_of_partitions_survive_their_escapes(zone: Zone, database: str):
    zone.convert(f"{database}/t/city=S%C3%A3o Paulo%2FBR/empty=/a.csv", csv("n", "1"))
    [partition] = zone.glue.get_partitions(DatabaseName=database, TableName="t")["Partitions"]
    assert partition["Values"] == ["São Paulo/BR", "__HIVE_DEFAULT_PARTITION__"]
    [key] = zone.objects(f"{database}/t/")
    assert key.startswith(f"{database}/t/city=São Paulo%2FBR/empty=__HIVE_DEFAULT_PARTITION__/a-")


def test_a_table_with_partitions_refuses_a_file_without(zone: Zone, database: str):
    zone.convert(f"{database}/t/year=2026/a.csv", csv("n", "1"))
    upload = zone.land(f"{database}/t/b.csv", csv("n", "2"))
    assert zone.failed(upload).attributes["error"] == "SchemaConflict"
    assert zone.count(database, "t") == 1


def test_aws_sdk_for_pandas_reads_our_tables(zone: Zone, session: boto3.Session, database: str):
    sales(zone, database)
    expected = [("lamp", 12.5), ("chair", 80.0), ("desk", 210.0), ("lamp", 13.5), ("lamp", 14.5)]

    settings = {"EnforceWorkGroupConfiguration": True, "ResultConfiguration": {"OutputLocation": RESULTS}}
    zone.athena.create_work_group(Name="pandas", Configuration=settings)
    frame = awswrangler.athena.read_sql_query(
        "SELECT * FROM sales",
        database=database,
        ctas_approach=False,
        workgroup="pandas",
        boto3_session=session,
    )
    assert sorted(zip(frame["item"], frame["price"], strict=True)) == sorted(expected)
    assert set(zip(frame["year"], frame["month"], strict=True)) == {("2025", "12"), ("2026", "01"), ("2026", "02")}

    january = awswrangler.s3.read_parquet_table(
        "sales", database, partition_filter=lambda values: values["month"] == "01", boto3_session=session
    )
    assert sorted(zip(january["item"], january["price"], strict=True)) == [("desk", 210.0), ("lamp", 13.5)]
    # Not every file has every column.
    frame = awswrangler.s3.read_parquet_table("sales", database, validate_schema=False, boto3_session=session)
    assert sorted(zip(frame["item"], frame["price"], strict=True)) == sorted(expected)

    partitions = awswrangler.catalog.get_parquet_partitions(database, "sales", boto3_session=session)
    assert sorted(partitions.values()) == [["2025", "12"], ["2026", "01"], ["2026", "02"]]


def test_aws_sdk_for_pandas_appends_to_our_table_and_we_to_what_it_left(
    zone: Zone, session: boto3.Session, database: str
):
    sales(zone, database)
    frame = pandas.DataFrame(
        {"item": ["sofa"], "price": [990.0], "colour": ["grey"], "weight": [41], "year": ["2026"], "month": ["03"]}
    )
    awswrangler.s3.to_parquet(
        frame,
        path=f"s3://{zone.clean}/{database}/sales/",
        dataset=True,
        mode="append",
        database=database,
        table="sales",
        partition_cols=["year", "month"],
        boto3_session=session,
    )
    # It has recognised the table, and added to it.
    assert list(zone.columns(database, "sales")) == ["item", "price", "colour", "weight"]

    report = zone.convert(f"{database}/sales/year=2026/month=03/b.csv", csv("item,price,weight,new", "bed,700,60,x"))
    assert (report["rows"], report["rejected"]) == (1, 0)
    assert zone.columns(database, "sales") == {
        "item": "string",
        "price": "double",
        "colour": "string",
        "weight": "bigint",
        "new": "string",
    }
    answer = zone.query(
        f"SELECT item, weight, colour, new FROM \"{database}\".sales WHERE month = '03' ORDER BY item"  # noqa: S608
    )
    assert answer == [("bed", "60", None, "x"), ("sofa", "41", "grey", None)]

    awswrangler.s3.to_parquet(
        frame.assign(item="stool"),
        path=f"s3://{zone.clean}/{database}/sales/",
        dataset=True,
        mode="append",
        database=database,
        table="sales",
        partition_cols=["year", "month"],
        boto3_session=session,
    )
    assert zone.count(database, "sales") == 8


def test_we_append_to_a_table_that_aws_sdk_for_pandas_has_made(zone: Zone, session: boto3.Session, database: str):
    awswrangler.catalog.create_database(database, boto3_session=session)
    frame = pandas.DataFrame(
        {"id": [1, 2], "at": pandas.to_datetime(["2026-11-20", "2026-11-21"]), "code": ["007", "8"]}
    )
    awswrangler.s3.to_parquet(
        frame,
        path=f"s3://{zone.clean}/{database}/t/",
        dataset=True,
        database=database,
        table="t",
        boto3_session=session,
    )
    report = zone.convert(f"{database}/t/a.csv", csv("id,at,code", "3,2026-11-22 10:00:00,9"))
    assert (report["rows"], report["rejected"]) == (1, 0)
    assert zone.columns(database, "t") == {"id": "bigint", "at": "timestamp", "code": "string"}
    answer = zone.query(f'SELECT id, code FROM "{database}".t ORDER BY id')  # noqa: S608
    assert answer == [("1", "007"), ("2", "8"), ("3", "9")]
