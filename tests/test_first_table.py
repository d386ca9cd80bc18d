"""The hands-on of the book: a file of names and favourite numbers becomes a table."""

import json
import re

import duckdb
import pyarrow
import pyarrow.parquet
from zone import Zone, csv

FAVOURITES = csv("Name,favorite_num", "Gareth,23", "Tracy,28", "Chris,16", "Emma,14")
ROWS = [("Chris", 16), ("Emma", 14), ("Gareth", 23), ("Tracy", 28)]


def test_the_hands_on_of_the_book_works_as_written(zone: Zone, tmp_path):
    upload = zone.land("cleanzonedb/csvtoparquet/test.csv", FAVOURITES)
    report = zone.converted(upload)

    table = zone.table("cleanzonedb", "csvtoparquet")
    storage = table["StorageDescriptor"]
    assert [(c["Name"], c["Type"]) for c in storage["Columns"]] == [("name", "string"), ("favorite_num", "bigint")]
    assert table["PartitionKeys"] == []
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"]["classification"] == "parquet"
    assert storage["Location"] == f"s3://{zone.clean}/cleanzonedb/csvtoparquet/"
    hive = "org.apache.hadoop.hive.ql.io.parquet."
    assert storage["InputFormat"] == f"{hive}MapredParquetInputFormat"
    assert storage["OutputFormat"] == f"{hive}MapredParquetOutputFormat"
    assert storage["SerdeInfo"]["SerializationLibrary"] == f"{hive}serde.ParquetHiveSerDe"

    answer = zone.query("SELECT name, favorite_num FROM cleanzonedb.csvtoparquet ORDER BY name")
    assert answer == [(name, str(number)) for name, number in ROWS]

    [key] = zone.objects("cleanzonedb/")
    assert re.fullmatch(r"cleanzonedb/csvtoparquet/test-[0-9a-f]{16}\.parquet", key)
    file = tmp_path / "test.parquet"
    file.write_bytes(zone.read(f"s3://{zone.clean}/{key}"))
    read = pyarrow.parquet.read_table(file)
    assert read.schema.types == [pyarrow.string(), pyarrow.int64()]
    assert sorted(zip(*read.to_pydict().values(), strict=True)) == ROWS
    assert duckdb.sql(f"FROM '{file}' ORDER BY name").fetchall() == ROWS

    assert report["paths"] == [f"s3://{zone.clean}/{key}"]
    assert report["partitions_values"] == {}
    assert (report["records"], report["rows"], report["rejected"]) == (4, 4, 0)
    assert report["columns"] == [
        {"name": "name", "source_name": "Name", "type": "string", "nulls": 0},
        {"name": "favorite_num", "source_name": "favorite_num", "type": "bigint", "nulls": 0},
    ]


def test_a_file_knows_where_it_comes_from(zone: Zone, database: str):
    upload = zone.land(f"{database}/t/a.csv", FAVOURITES)
    report = zone.converted(upload)
    file = pyarrow.BufferReader(zone.read(report["paths"][0]))
    metadata = {key.decode(): value.decode() for key, value in pyarrow.parquet.read_metadata(file).metadata.items()}
    etag = zone.s3.head_object(Bucket=upload.bucket, Key=upload.key)["ETag"].strip('"')
    lineage = {name: value for name, value in metadata.items() if name.startswith("cleanzone.source.")}
    assert lineage == {
        "cleanzone.source.bucket": upload.bucket,
        "cleanzone.source.key": upload.key,
        "cleanzone.source.etag": etag,
        "cleanzone.source.version": upload.version,
    }


def test_the_log_is_json_and_tells_the_whole_story(zone: Zone, database: str):
    upload = zone.land(f"{database}/t/a.csv", FAVOURITES)
    zone.converted(upload)
    [line] = zone.log.about(upload.uri)
    assert (line["level"], line["table"]) == ("INFO", f"{database}.t")
    assert line["report"]["source"] == {
        "bucket": upload.bucket,
        "key": upload.key,
        "version": upload.version,
        "etag": line["report"]["source"]["etag"],
        "size": len(FAVOURITES),
    }
    assert "Gareth" not in json.dumps(line)
