"""Tables that cleanzone has written are read by every engine, cell by cell, and shared with AWS SDK for pandas."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import awswrangler
import boto3
import duckdb
import engines
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest
from doors import SideDoor
from engines import Registered, expect
from pyspark.sql import SparkSession
from zone import QUERY_RESULTS, Upload, Zone, pandas_session

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:awswrangler"),
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"),
]

DATABASE = "interop"
ENGINES = ["athena", "duckdb", "pyarrow", "polars", "spark", "spark row by row", "pandas"]
# They know the columns of the files, not those of the catalog that no file has yet. On AWS, Athena goes by the catalog.
FILES_ONLY = {"athena", "pandas"}
# They read files, not tables, and call it an error where there is none.
WANT_A_FILE = {"duckdb": duckdb.Error, "pandas": awswrangler.exceptions.NoFilesFound}

# Texts of a source, and the values that they are.
BOOLEANS = {"true": True, "False": False}
INTEGERS = {"0": 0, "-1": -1, "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63)}
DOUBLES = {
    "0.0": 0.0,
    "-0.0": -0.0,
    "0.1": 0.1,
    "-1.5": -1.5,
    "1.7976931348623157e308": 1.7976931348623157e308,
    "-1.7976931348623157e308": -1.7976931348623157e308,
    "2.2250738585072014e-308": 2.2250738585072014e-308,
    "2.225073858507201e-308": 2.225073858507201e-308,
    "5e-324": 5e-324,
    "-5e-324": -5e-324,
}
DATES = {
    "0001-01-01": date(1, 1, 1),
    "1582-10-04": date(1582, 10, 4),
    "1582-10-10": date(1582, 10, 10),
    "1582-10-15": date(1582, 10, 15),
    "1899-12-31": date(1899, 12, 31),
    "1969-12-31": date(1969, 12, 31),
    "1970-01-01": date(1970, 1, 1),
    "2024-02-29": date(2024, 2, 29),
    "9999-12-31": date(9999, 12, 31),
}
TIMESTAMPS = {
    "0001-01-01T00:00:00": datetime(1, 1, 1),
    "1582-10-04 23:59:59.999999": datetime(1582, 10, 4, 23, 59, 59, 999999),
    "1582-10-15 00:00:00": datetime(1582, 10, 15),
    "1677-09-21 00:12:43.145224": datetime(1677, 9, 21, 0, 12, 43, 145224),
    "1883-11-18 12:03:57": datetime(1883, 11, 18, 12, 3, 57),
    "1969-12-31 23:59:59.999999": datetime(1969, 12, 31, 23, 59, 59, 999999),
    "1970-01-01 00:00:00": datetime(1970, 1, 1),
    "2026-03-29 02:30:00": datetime(2026, 3, 29, 2, 30),
    "2262-04-11 23:47:16.854776": datetime(2262, 4, 11, 23, 47, 16, 854776),
    "9999-12-31T23:59:59.999999": datetime(9999, 12, 31, 23, 59, 59, 999999),
}
ZONED = {
    "2026-11-21T10:00:00.000001+05:30": datetime(2026, 11, 21, 4, 30, 0, 1),
    "1969-12-31T23:00:00-08:00": datetime(1970, 1, 1, 7),
    "1582-10-15T00:00:00+00:01": datetime(1582, 10, 14, 23, 59),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1),
}
STRINGS = [
    "",
    " blanks ",
    "007",
    "NULL",
    "NaN",
    "\\N",
    "true",
    "a,b;c\td",
    'She said "no"',
    "it's",
    "first\nsecond\r\nthird",
    "Zoë, naïve café",
    "顧客一覧",
    "e\u0301 🙂 \u200b\ufeff \u2028",
    "\x01\x7f",
    "\U0010ffff" * 40,
    "z" * 70_000,
]


@dataclass(frozen=True)
class Dataset:
    """What lands, by key below the table's folder, and what has to be in the table then."""

    files: dict[str, str]
    columns: dict[str, str]
    rows: list[dict]
    keys: dict[str, str] = field(default_factory=dict)
    # Files that land one after the other, for the order of the columns.
    in_turn: bool = False
    # Which of `VARIANTS` converts a file, where it is not the deployed function.
    variants: dict[str, str] = field(default_factory=dict)


def quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def lines(*records: str) -> str:
    return "".join(f"{record}\n" for record in records)


def every_type() -> Dataset:
    """One row a value, the other columns going round; rows of nulls at both ends and in the middle."""
    values = {
        "flag": list(BOOLEANS.items()),
        "whole": list(INTEGERS.items()),
        "broken": list(DOUBLES.items()),
        "day": list(DATES.items()),
        "moment": list(TIMESTAMPS.items()),
        "zoned": list(ZONED.items()),
        "text": [(quoted(text), text) for text in STRINGS],
    }
    count = 3 * max(map(len, values.values()))
    records, rows = [f"id,{','.join(values)},nothing"], []
    for i in range(count):
        chosen = [("", None) if i in (0, 20, count - 1) else column[i % len(column)] for column in values.values()]
        records.append(",".join([str(i), *(text for text, _ in chosen), ""]))
        rows.append({"id": i, **dict(zip(values, (value for _, value in chosen), strict=True)), "nothing": None})
    hive = ["bigint", "boolean", "bigint", "double", "date", "timestamp", "timestamp", "string", "string"]
    return Dataset({"a.csv": lines(*records)}, dict(zip(rows[0], hive, strict=True)), rows)


def many() -> Dataset:
    """Enough rows for several pages, with and without dictionaries, dense and sparse."""
    dice = random.Random(2026)  # noqa: S311 - repeatable is what is wanted
    words = [f"word {i}" for i in range(300)]
    start = datetime(2026, 1, 1)
    records, rows = ["id,coin,rising,wild,share,word,unique,day,moment,rare"], []
    for i in range(40_000):
        row = {
            "id": i,
            "coin": dice.random() < 0.5,
            "rising": i * 1000 + dice.randrange(1000),
            "wild": dice.randrange(-(2**63), 2**63),
            "share": dice.uniform(-1e6, 1e6),
            "word": dice.choice(words),
            "unique": dice.randbytes(12).hex() + "x",
            "day": (start + timedelta(days=dice.randrange(-4000, 4000))).date(),
            "moment": start + timedelta(microseconds=dice.randrange(10**15)),
            "rare": i if i % 5000 == 4999 else None,
        }
        if i % 7 == 3:
            row |= {"coin": None, "wild": None, "word": None}
        rows.append(row)
        texts = ("" if value is None else str(value) for value in row.values())
        records.append(",".join(texts))
    hive = ["bigint", "boolean", "bigint", "bigint", "double", "string", "string", "date", "timestamp", "bigint"]
    return Dataset({"a.csv": lines(*records)}, dict(zip(rows[0], hive, strict=True)), rows)


def evolved() -> Dataset:
    """Columns appear, disappear and change places; one waits for its type, and one still does."""
    files = {
        "1.csv": lines("id,a,waits,never", "1,x,,", "2,,,"),
        "2.csv": lines("B,id,a", "1.5,3,y", ",4,"),
        "3.csv": lines("id", "5"),
        "4.csv": lines("c,waits,id", "2026-11-21,true,6", ",,7"),
        "5.csv": lines("never,waits,id", ",,8"),
    }
    columns = {"id": "bigint", "a": "string", "waits": "boolean", "never": "string", "b": "double", "c": "date"}
    some = [
        {"id": 1, "a": "x"},
        {"id": 2},
        {"id": 3, "a": "y", "b": 1.5},
        {"id": 4},
        {"id": 5},
        {"id": 6, "c": date(2026, 11, 21), "waits": True},
        {"id": 7},
        {"id": 8},
    ]
    rows = [{name: row.get(name) for name in columns} for row in some]
    return Dataset(files, columns, rows, in_turn=True)


def second_day() -> Dataset:
    """Files in the notations of several countries, one after the other."""
    files = {
        "1.csv": lines("id;amount;day;moment", "1;1.234,50;31.01.2026;31.01.2026 14:30", "2;0,05;01.02.2026;"),
        "2.csv": lines("id;amount;day;moment", "3;2.500;03.04.2026;05.06.2026 00:00:01"),
        "3.csv": lines("id|amount|day|moment", "4|-7,654,321.5|13/02/2026|02/13/2026 1:05 PM"),
        "4.csv": lines("id,amount,day,moment", "5,52.5200065999999987,2026-02-14,2026-02-14T10:00:00.1234560"),
        "5.csv": lines("id;amount;day;moment", "6.0;1 000,25;15-02-2026;"),
    }
    columns = {"id": "bigint", "amount": "double", "day": "date", "moment": "timestamp"}
    values = [
        (1, 1234.5, date(2026, 1, 31), datetime(2026, 1, 31, 14, 30)),
        (2, 0.05, date(2026, 2, 1), None),
        (3, 2500.0, date(2026, 4, 3), datetime(2026, 6, 5, 0, 0, 1)),
        (4, -7654321.5, date(2026, 2, 13), datetime(2026, 2, 13, 13, 5)),
        (5, 52.5200066, date(2026, 2, 14), datetime(2026, 2, 14, 10, 0, 0, 123456)),
        (6, 1000.25, date(2026, 2, 15), None),
    ]
    return Dataset(files, columns, [dict(zip(columns, row, strict=True)) for row in values], in_turn=True)


def partitioned() -> Dataset:
    """Values that a path cannot hold as they are, none, and such as look like numbers and dates."""
    places = {
        "Lisbon": "Lisbon",
        "": None,
        "S%C3%A3o Paulo%2FBR": "São Paulo/BR",
        "50%25 off": "50% off",
        "%41": "A",
        "a+b&c": "a+b&c",
        "a%3Db": "a=b",
        "it%27s %22q%22": 'it\'s "q"',
        "a%3Ab%3Fc%23d": "a:b?c#d",
        "[x]{y}^z": "[x]{y}^z",
        "東京": "東京",
        "007": "007",
        "1.0": "1.0",
        "true": "true",
        "NULL": "NULL",
    }
    days = ["2026-11-21", "2026-02-30"]
    files, rows = {}, []
    for i, (folder, place) in enumerate(places.items()):
        day = days[i % 2]
        # Half of the files have a column more.
        files[f"place={folder}/day={day}/a.csv"] = lines("id,n", f"{i},x") if i % 2 else lines("id", f"{i}")
        rows.append({"id": i, "n": "x" if i % 2 else None, "place": place, "day": day})
    files["place=Lisbon/day=2026-11-21/b.csv"] = lines("id,n", "100,y")
    rows.append({"id": 100, "n": "y", "place": "Lisbon", "day": "2026-11-21"})
    return Dataset(files, {"id": "bigint", "n": "string"}, rows, {"place": "string", "day": "string"})


def compressed() -> Dataset:
    """Files of one table in all compressions."""
    bodies = {
        codec: [(n * 2000 + i, f"{codec} {i % 10} {'-' * 50}") for i in range(2000)]
        for n, codec in enumerate(["snappy", "zstd", "none"])
    }
    files = {f"{codec}.csv": lines("id,text", *(f"{i},{text}" for i, text in rows)) for codec, rows in bodies.items()}
    rows = [{"id": i, "text": text} for some in bodies.values() for i, text in some]
    return Dataset(
        files,
        {"id": "bigint", "text": "string"},
        rows,
        variants={"zstd.csv": "zstd", "none.csv": "none"},
    )


def rescued() -> Dataset:
    """What does not fit stays in the table, in a column of its own."""
    files = {"1.csv": lines("id,n", "1,1"), "2.csv": lines("id,n", "2,two", "3,3")}
    rows = [
        {"id": 1, "n": 1, "_rescued": None},
        {"id": 2, "n": None, "_rescued": '{"n":"two"}'},
        {"id": 3, "n": 3, "_rescued": None},
    ]
    columns = {"id": "bigint", "n": "bigint", "_rescued": "string"}
    return Dataset(files, columns, rows, in_turn=True, variants={"2.csv": "rescue"})


def nothing_but_nulls() -> Dataset:
    """The first file has rows and not a single value; the second one decides the types."""
    files = {"1.csv": lines("id,a", ",", ","), "2.csv": lines("id,a", "1,true", "2,")}
    rows = [{"id": None, "a": None}] * 2 + [{"id": 1, "a": "true"}, {"id": 2, "a": None}]
    # The file of nulls needs a column, and that has the type that nulls have.
    return Dataset(files, {"id": "bigint", "a": "string"}, rows, in_turn=True)


def called_oddly() -> Dataset:
    """Files and columns whose names mean something elsewhere."""
    names = ["x=1", "a+b", "顧客 (1)", "%41", "_hidden", ".dot", "a#b?c", "*.parquet", "e\u0301"]
    header = ["id", "select", "2026", "_x", "größe (cm)", "a.b", "__index_level_0__", "x", ""]
    columns = ["id", "select", "2026", "_x", "gro_e_cm_", "a_b", "__index_level_0__", "x", "column_9"]
    rows = [{column: i * 10 + j for j, column in enumerate(columns)} for i in range(len(names))]
    files = {
        f"{name}.csv": lines(",".join(header), ",".join(map(str, row.values())))
        for name, row in zip(names, rows, strict=True)
    }
    return Dataset(files, dict.fromkeys(columns, "bigint"), rows)


def without_rows() -> Dataset:
    """No file, and so no type, but a table."""
    return Dataset({"a.csv": "id,a\n"}, {"id": "string", "a": "string"}, [])


def wide() -> Dataset:
    names = ["id", *(f"c{i}" for i in range(1, 1000))]
    rows = [{name: row * 1000 + i for i, name in enumerate(names)} for row in range(3)]
    files = {"a.csv": lines(",".join(names), *(",".join(map(str, row.values())) for row in rows))}
    return Dataset(files, dict.fromkeys(names, "bigint"), rows)


DATASETS = {
    made.__name__: made()
    for made in (
        every_type,
        many,
        evolved,
        second_day,
        partitioned,
        compressed,
        rescued,
        called_oddly,
        nothing_but_nulls,
        without_rows,
        wide,
    )
}


# What copies of the function do otherwise than the deployed one.
VARIANTS = {
    "zstd": {"OUTPUT_COMPRESSION": "zstd"},
    "none": {"OUTPUT_COMPRESSION": "none"},
    "rescue": {"BAD_ROWS": "rescue"},
}


@pytest.fixture(scope="module")
def tables(zone: Zone, side_door: SideDoor, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Registered]:
    """All of them, landed at once."""
    functions = {
        name: side_door.copy(f"cleanzone-tests-interop-{name}", environment=environment)
        for name, environment in VARIANTS.items()
    }
    landed: list[Upload] = []
    for name, dataset in DATASETS.items():
        for file, body in dataset.files.items():
            key = f"{DATABASE}/{name}/{file}"
            if variant := dataset.variants.get(file):
                answer = zone.invoke(side_door.land(key, body).named, functions[variant])
                assert answer.error is None, answer.payload
            else:
                landed.append(zone.land(key, body))
                if dataset.in_turn:
                    zone.converted(landed.pop())
    for upload in landed:
        zone.converted(upload)
    folder = tmp_path_factory.mktemp("interop")
    return {name: Registered.of(zone, DATABASE, name, folder / name) for name in DATASETS}


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with engines.spark_session(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture
def read(request: pytest.FixtureRequest, session: boto3.Session) -> Callable[[str], engines.Reader]:
    """How an engine, called by its name, reads a table."""

    def reader(engine: str) -> engines.Reader:
        match engine:
            case "athena":
                return engines.athena
            case "duckdb":
                return engines.duckdb_files
            case "pyarrow":
                return engines.arrow
            case "polars":
                return engines.polars_scan
            case "pandas":
                return lambda table: engines.pandas_table(session, table)
            case _:
                spark = request.getfixturevalue("spark")
                return lambda table: engines.spark_table(spark, table, vectorised=engine == "spark")

    return reader


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", DATASETS)
def test_every_engine_reads_every_cell(tables: dict[str, Registered], read, name: str, engine: str):
    dataset, table = DATASETS[name], tables[name]
    assert (table.columns, table.keys) == (dataset.columns, dataset.keys)
    if not table.files and engine in WANT_A_FILE:
        with pytest.raises(WANT_A_FILE[engine]):
            read(engine)(table)
        return
    expect(read(engine)(table), dataset.rows, table.schema if engine not in FILES_ONLY else table.schema_of_files)


def test_the_files_of_a_table_are_compressed_each_in_its_own_way(tables: dict[str, Registered]):
    footers = {file.stem.split("-")[0]: pyarrow.parquet.read_metadata(file) for file in tables["compressed"].files}
    codecs = {name: footer.row_group(0).column(1).compression for name, footer in footers.items()}
    assert codecs == {"snappy": "SNAPPY", "zstd": "ZSTD", "none": "UNCOMPRESSED"}


def points() -> list[tuple[str, object, str]]:
    """Values that a wrong bound would hide: a column, a value of it, and how Spark's SQL writes that."""
    extremes = {
        "whole": [(value, f"CAST('{value}' AS BIGINT)") for value in INTEGERS.values()],
        "broken": [(value, f"CAST('{text}' AS DOUBLE)") for text, value in DOUBLES.items()],
        "day": [(value, f"DATE'{text}'") for text, value in DATES.items()],
        "moment": [(value, f"TIMESTAMP'{value.isoformat()}'") for value in TIMESTAMPS.values()],
    }
    return [(column, *point) for column, some in extremes.items() for point in some]


def ids(column: str, value: object) -> list[int]:
    return [row["id"] for row in DATASETS["every_type"].rows if row[column] is not None and row[column] == value]


@pytest.mark.parametrize("engine", ["duckdb", "pyarrow", "polars"])
def test_the_bounds_in_a_file_hide_no_row(tables: dict[str, Registered], engine: str):
    [file] = tables["every_type"].files
    texts = [("text", text, "") for text in STRINGS]
    for column, value, _ in [*points(), *texts]:
        match engine:
            case "duckdb":
                question = f"SELECT id FROM read_parquet(?) WHERE {column} = ?"  # noqa: S608
                with duckdb.connect() as connection:
                    found = [i for (i,) in connection.execute(question, [str(file), value]).fetchall()]
            case "pyarrow":
                found = pyarrow.parquet.read_table(file, filters=[(column, "=", value)])["id"].to_pylist()
            case _:
                found = polars.scan_parquet(file).filter(polars.col(column) == value).collect()["id"].to_list()
        assert sorted(found) == ids(column, value), (column, value)


def test_the_bounds_in_a_file_hide_no_row_from_spark(tables: dict[str, Registered], read, spark: SparkSession):
    read("spark")(tables["every_type"])
    # All in one question, each with a scan and a filter of its own.
    scans = [
        f"SELECT {i} AS point, id FROM {DATABASE}_every_type WHERE {column} = {literal}"  # noqa: S608
        for i, (column, _, literal) in enumerate(points())
    ]
    found = spark.sql(" UNION ALL ".join(scans)).toArrow().to_pylist()
    for i, (column, value, _) in enumerate(points()):
        assert sorted(row["id"] for row in found if row["point"] == i) == ids(column, value), (column, value)


def test_spark_3_wants_to_be_told_how_to_read_days_before_1582(
    tables: dict[str, Registered], read, spark: SparkSession
):
    # Spark 2 counted such days by the Julian calendar. Spark 3 cannot know that cleanzone is no Spark 2, and by default
    # refuses them, which is mode EXCEPTION; CORRECTED, by default since Spark 4, reads what is written.
    table = tables["every_type"]
    setting = "spark.sql.parquet.datetimeRebaseModeInRead"
    assert spark.conf.get(setting) == "CORRECTED"
    try:
        spark.conf.set(setting, "EXCEPTION")
        with pytest.raises(Exception, match="INCONSISTENT_BEHAVIOR_CROSS_VERSION"):
            read("spark")(table)
        spark.conf.set(setting, "CORRECTED")
        expect(read("spark")(table), DATASETS["every_type"].rows, table.schema)
    finally:
        spark.conf.set(setting, "CORRECTED")


@pytest.mark.parametrize("name", DATASETS)
def test_aws_sdk_for_pandas_finds_our_tables_in_the_catalog(
    tables: dict[str, Registered], session: boto3.Session, name: str
):
    table = tables[name]
    types = awswrangler.catalog.get_table_types(DATABASE, name, boto3_session=session)
    assert list(types.items()) == list((DATASETS[name].columns | DATASETS[name].keys).items())
    partitions = awswrangler.catalog.get_parquet_partitions(DATABASE, name, boto3_session=session)
    assert partitions == {f"{table.location}{path}/": values for path, values in table.partitions.items()}


def test_aws_sdk_for_pandas_asks_athena(zone: Zone, tables: dict[str, Registered], session: boto3.Session):
    settings = {
        "EnforceWorkGroupConfiguration": True,
        "ResultConfiguration": {"OutputLocation": f"s3://{QUERY_RESULTS}/interop/"},
    }
    zone.athena.create_work_group(Name="interop", Configuration=settings)
    # What comes back is CSV, which it reads in its own way: `NaN` and an empty text are null, every line end is `\n`,
    # and moments are within the years that pandas counts in nanoseconds. (Fractions of a second are cut off because
    # MiniStack writes them otherwise than Athena, which always gives three digits.)
    frame = awswrangler.athena.read_sql_query(
        "SELECT id, flag, whole, broken, day, date_trunc('second', moment) AS moment, text FROM every_type "
        "WHERE moment > TIMESTAMP '1700-01-01' AND moment < TIMESTAMP '2200-01-01' AND text <> ''",
        database=DATABASE,
        ctas_approach=False,
        workgroup="interop",
        boto3_session=session,
        dtype_backend="pyarrow",
    )
    as_csv = {"NaN": None, "first\nsecond\r\nthird": "first\nsecond\nthird"}
    inside = [
        {name: row[name] for name in frame.columns}
        | {"moment": row["moment"].replace(microsecond=0), "text": as_csv.get(row["text"], row["text"])}
        for row in DATASETS["every_type"].rows
        if row["moment"] and row["text"] and 1700 < row["moment"].year < 2200
    ]
    assert len(inside) > 10
    schema = pyarrow.schema([tables["every_type"].schema.field(name) for name in frame.columns])
    expect(pyarrow.Table.from_pandas(frame, preserve_index=False), inside, schema)


# Tables that AWS SDK for pandas and cleanzone write to.

ORDERS = {
    "id": "bigint",
    "tiny": "tinyint",
    "small": "smallint",
    "n": "int",
    "ratio": "float",
    "share": "double",
    "price": "decimal(10,2)",
    "total": "decimal(18,4)",
    "mass": "decimal(38,10)",
    "code": "varchar(10)",
    "note": "string",
    "flag": "boolean",
    "day": "date",
    "at": "timestamp",
}
THEIRS = [
    {
        "id": 1,
        "tiny": 1,
        "small": 1000,
        "n": 1_000_000,
        "ratio": 0.5,
        "share": 0.1,
        "price": Decimal("12.50"),
        "total": Decimal("0.0001"),
        "mass": Decimal("1234567890123456789012345678.0123456789"),
        "code": "007",
        "note": "theirs, with a comma",
        "flag": True,
        "day": date(2026, 11, 20),
        "at": datetime(2026, 11, 20, 10, 30, 0, 123000),
        "year": 2026,
    },
    {"id": 2, "year": 2025} | dict.fromkeys(list(ORDERS)[1:]),
]
OURS = [
    {
        "id": 11,
        "tiny": -128,
        "small": -32768,
        "n": -(2**31),
        "ratio": 0.10000000149011612,
        "share": -0.0,
        "price": Decimal("-99999999.99"),
        "total": Decimal("99999999999999.9999"),
        "mass": Decimal("-9999999999999999999999999999.9999999999"),
        "code": "üü",
        "note": "",
        "flag": False,
        "day": date(1, 1, 1),
        "at": datetime(1582, 10, 4, 23, 59, 59, 999999),
        "year": 2026,
    },
    {
        "id": 12,
        "tiny": 127,
        "small": 32767,
        "n": 2**31 - 1,
        "ratio": 3.4028234663852886e38,
        "share": 5e-324,
        "price": Decimal("0.00"),
        "total": Decimal("-0.0001"),
        "mass": Decimal("0E-10"),
        "code": "x",
        "note": "ours",
        "flag": True,
        "day": date(9999, 12, 31),
        "at": datetime(9999, 12, 31, 23, 59, 59, 999999),
        "year": 2026,
    },
    {"id": 13, "year": 2026} | dict.fromkeys(list(ORDERS)[1:]),
]
OUR_FILE = lines(
    ",".join(ORDERS),
    "11,-128,-32768,-2147483648,0.1,-0.0,-99999999.99,99999999999999.9999,"
    "-9999999999999999999999999999.9999999999,üü,"
    '"",false,0001-01-01,1582-10-04 23:59:59.999999',
    "12,127,32767,2147483647,3.4028235e38,5e-324,0.00,-0.0001,0,x,ours,true,9999-12-31,9999-12-31T23:59:59.999999",
    "13" + "," * (len(ORDERS) - 1),
)


@pytest.fixture(scope="module")
def shared(zone: Zone, tmp_path_factory: pytest.TempPathFactory) -> Registered:
    """Made by AWS SDK for pandas, added to by cleanzone: in a partition that is there and, with a column more, in a new
    one."""
    with pytest.MonkeyPatch.context() as environment:
        session = pandas_session(zone, environment)
        awswrangler.catalog.create_database("interop_shared", boto3_session=session)
        add(session, f"s3://{zone.clean}/interop_shared/orders/", THEIRS, ORDERS | {"year": "int"})
    report = zone.convert("interop_shared/orders/year=2026/ours.csv", OUR_FILE)
    assert (report["rows"], report["rejected"]) == (3, 0)
    report = zone.convert("interop_shared/orders/year=2027/more.csv", lines("id,price,colour", "14,1.50,red"))
    assert (report["rows"], report["rejected"]) == (1, 0)
    folder = tmp_path_factory.mktemp("shared")
    return Registered.of(zone, "interop_shared", "orders", folder)


def add(session: boto3.Session, place: str, rows: list[dict], types: dict[str, str], mode: str = "append") -> None:
    """What a user of AWS SDK for pandas does, with a table whose files are at `place`."""
    database, table = place.rstrip("/").split("/")[-2:]
    awswrangler.s3.to_parquet(
        pandas.DataFrame(rows),
        path=place,
        dataset=True,
        mode=mode,
        database=database,
        table=table,
        partition_cols=["year"],
        dtype=types,
        boto3_session=session,
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_reads_what_two_have_written(shared: Registered, read, engine: str):
    assert shared.columns == ORDERS | {"colour": "string"}
    assert shared.keys == {"year": "int"}
    rows = [row | {"colour": None} for row in THEIRS + OURS]
    rows.append(dict.fromkeys(rows[0]) | {"id": 14, "price": Decimal("1.50"), "colour": "red", "year": 2027})
    expect(read(engine)(shared), rows, shared.schema)


def test_what_the_types_of_their_table_cannot_hold_is_put_aside(zone: Zone, shared: Registered):
    good = [f"{i},1,1.25" for i in range(100, 160)]
    bad = ["200,128,1.25", "201,1,1.255", "202,1,100000000.00"]
    report = zone.convert("interop_shared/orders/year=2028/b.csv", lines("id,tiny,price", *good, *bad))
    assert (report["rows"], report["rejected"]) == (60, 3)


@pytest.fixture(scope="module")
def back_and_forth(zone: Zone, tmp_path_factory: pytest.TempPathFactory) -> Registered:
    """Made by cleanzone, added to by AWS SDK for pandas, which then replaces a partition, and by cleanzone again."""
    place = "interop_shared/sales"
    types = {"id": "bigint", "item": "string", "price": "double", "at": "timestamp", "year": "string"}
    zone.convert(f"{place}/year=2025/a.csv", lines("id,item,price,at,waits", "1,lamp,12.5,2025-01-01 00:00:00.000001,"))
    gone = zone.convert(f"{place}/year=2026/a.csv", lines("id,item,price,at", "2,chair,80,1582-10-04 00:00:00"))
    moment = datetime(2026, 11, 21, 9, 0, 0, 5000)
    theirs = {"item": "sofa", "price": 990.0, "at": moment}
    with pytest.MonkeyPatch.context() as environment:
        session = pandas_session(zone, environment)
        add(session, f"s3://{zone.clean}/{place}/", [theirs | {"id": i, "year": "2025"} for i in (3, 4)], types)
        new = [theirs | {"id": 5, "year": "2026", "colour": "grey"}]
        add(session, f"s3://{zone.clean}/{place}/", new, types | {"colour": "string"}, "overwrite_partitions")
    assert not set(gone["paths"]) & {f"s3://{zone.clean}/{key}" for key in zone.objects(f"{place}/")}
    # The source whose rows were replaced lands again, as do others.
    again = zone.convert(f"{place}/year=2026/a.csv", lines("id,item,price,at", "6,bench,80,1582-10-15 00:00:00"))
    assert again["paths"] == gone["paths"]
    zone.convert(f"{place}/year=2027/a.csv", lines("colour,id,waits", "red,7,2026-11-21"))
    return Registered.of(zone, "interop_shared", "sales", tmp_path_factory.mktemp("sales"))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_reads_what_two_have_written_in_turn(back_and_forth: Registered, read, engine: str):
    table = back_and_forth
    assert table.columns == {
        "id": "bigint",
        "item": "string",
        "price": "double",
        "at": "timestamp",
        "waits": "date",
        "colour": "string",
    }
    theirs = {"item": "sofa", "price": 990.0, "at": datetime(2026, 11, 21, 9, 0, 0, 5000)}
    rows = [
        {"id": 1, "item": "lamp", "price": 12.5, "at": datetime(2025, 1, 1, 0, 0, 0, 1), "year": "2025"},
        {"id": 3, "year": "2025"} | theirs,
        {"id": 4, "year": "2025"} | theirs,
        {"id": 5, "year": "2026", "colour": "grey"} | theirs,
        {"id": 6, "item": "bench", "price": 80.0, "at": datetime(1582, 10, 15), "year": "2026"},
        {"id": 7, "colour": "red", "waits": date(2026, 11, 21), "year": "2027"},
    ]
    expect(read(engine)(table), [{name: row.get(name) for name in table.types} for row in rows], table.schema)


def test_a_column_that_waits_for_its_type_is_settled_before_others_fill_it(
    zone: Zone, session: boto3.Session, read, tmp_path: Path
):
    place = "interop_shared/waiting"
    zone.convert(f"{place}/year=2025/a.csv", lines("id,waits", "1,"))
    # Nothing tells cleanzone that another writer has filled the column. Without its mark it is the string that it says.
    table = zone.table("interop_shared", "waiting")
    for column in table["StorageDescriptor"]["Columns"]:
        column.pop("Parameters", None)
    kept = ("Name", "TableType", "StorageDescriptor", "PartitionKeys", "Parameters")
    zone.glue.update_table(DatabaseName="interop_shared", TableInput={name: table[name] for name in kept})
    add(session, f"s3://{zone.clean}/{place}/", [{"id": 2, "waits": "seven", "year": "2025"}], {"year": "string"})
    zone.convert(f"{place}/year=2025/b.csv", lines("id,waits", "3,8"))
    table = Registered.of(zone, "interop_shared", "waiting", tmp_path)
    assert table.columns == {"id": "bigint", "waits": "string"}
    rows = [{"id": i, "waits": waits, "year": "2025"} for i, waits in ((1, None), (2, "seven"), (3, "8"))]
    for engine in ENGINES:
        expect(read(engine)(table), rows, table.schema)
