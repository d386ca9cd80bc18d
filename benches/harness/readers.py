"""Every reader's way with a polluted file: cleanzone is told nothing, the others what is true of the file.

Run by itself, by the Python that has the peers, it reads each `n`th of the files, and writes one line of JSON for each:

    python -m harness.readers CLEANZONE FOLDER SHARD SHARDS
"""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from harness import polluted
from harness.polluted import Dialect
from harness.score import Read, Score, lost, score

CLEANZONE = "cleanzone"
# Wide enough for every record of every file.
_WIDEST = 64
_DATABASE = duckdb.connect(config={"threads": 1})


class Unable(Exception):  # noqa: N818 - a reader that cannot be told is not an error
    """The reader has no way to be told the dialect."""


def _cleanzone(program: str, source: Path, *flags: str) -> Read:
    target = source.with_suffix(".parquet")
    rejected = source.with_suffix(".rejected.csv")
    target.unlink(missing_ok=True)
    rejected.unlink(missing_ok=True)
    command = [program, "convert", str(source), str(target), "--all-strings", "--json", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[0])
    report = json.loads(done.stdout)
    if not target.exists():
        return Read([column["source_name"] for column in report["columns"]], [])
    columns = [column.to_pylist() for column in pq.read_table(target).columns]
    names = [column["source_name"] for column in report["columns"]]
    records = [list(record) for record in zip(*columns, strict=True)]
    if report["columns"] and report["columns"][-1]["name"] == "_rescued":
        names.pop()
        for record in records:
            rest = record.pop()
            record.extend(json.loads(rest).get("extra", []) if rest else [])
    raw = []
    if rejected.exists():
        with rejected.open(newline="", encoding="utf-8") as rows:
            raw = [row["raw"] for row in csv.DictReader(rows)]
    return Read(names, records, raw)


def _duckdb(source: Path, told: Dialect | None, **more: object) -> Read:
    options: dict[str, object] = {"all_varchar": True, "sample_size": -1} | more
    if told:
        encoding = told.encoding.replace("-le", "").replace("-be", "")
        options |= {
            "delim": told.delimiter,
            "quote": told.quote,
            "escape": told.escape,
            "header": told.header,
            "skip": told.skip,
            "new_line": told.line_end,
            "encoding": {"cp1252": "latin-1"}.get(encoding, encoding),
            "comment": "",
        }
    text = ", ".join(f"{name} = {_sql(value)}" for name, value in options.items())
    _DATABASE.execute("drop table if exists reject_errors; drop table if exists reject_scans")
    answer = _DATABASE.execute(f"from read_csv('{source}', {text})")
    names = [column[0] for column in answer.description or []]
    records = answer.fetchall()
    rejected = []
    if options.get("store_rejects"):
        # A line with several errors is there several times.
        lines = _DATABASE.execute("select any_value(csv_line) from reject_errors group by line order by line")
        rejected = [line for (line,) in lines.fetchall() if line]
    return Read(names, records, rejected)


def _sql(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\r", "\\r").replace("\n", "\\n")
        return "'" + escaped.replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pandas(source: Path, told: Dialect | None, **more: object) -> Read:
    assert told
    long = len(told.delimiter) > 1
    rejected: list[str] = []
    options: dict = {
        "sep": re.escape(told.delimiter) if long else told.delimiter,
        "header": 0 if told.header else None,
        "skiprows": told.skip,
        "encoding": _with_mark(source, told),
        "dtype": str,
        "keep_default_na": False,
        "index_col": False,
        "doublequote": told.escape == told.quote,
        "escapechar": None if told.escape in ("", told.quote) else told.escape,
        "engine": "python" if long else "c",
    } | more
    if told.quote:
        options["quotechar"] = told.quote
    else:
        options["quoting"] = csv.QUOTE_NONE
    if options.get("on_bad_lines") == "keep":
        options |= {"engine": "python", "on_bad_lines": lambda cells: rejected.append(" ".join(cells))}
    if options["engine"] == "c" and told.line_end != "\r\n":
        options["lineterminator"] = told.line_end
    frame = pd.read_csv(source, **options)
    names = [str(name) for name in frame.columns] if told.header else []
    return Read(names, frame.fillna("").to_numpy().tolist(), rejected)


def _with_mark(source: Path, told: Dialect) -> str:
    """The encoding, as Python calls it where the file begins with a byte order mark."""
    start = source.read_bytes()[:3]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-8-sig" if start == b"\xef\xbb\xbf" else told.encoding


def _polars(source: Path, told: Dialect | None, **more: object) -> Read:
    assert told
    if len(told.delimiter) > 1:
        raise Unable("the delimiter is one byte")
    frame = pl.read_csv(
        source,
        separator=told.delimiter,
        quote_char=told.quote or None,
        has_header=told.header,
        skip_lines=told.skip,
        # It knows LF and CRLF as one.
        eol_char="\r" if told.line_end == "\r" else "\n",
        encoding="utf8" if told.encoding == "utf-8" else _with_mark(source, told),
        infer_schema=False,
        **more,
    )
    return Read(frame.columns if told.header else [], frame.rows())


def _pyarrow(source: Path, told: Dialect | None, keep: bool = False) -> Read:
    assert told
    if len(told.delimiter) > 1:
        raise Unable("the delimiter is one character")
    rejected = []

    def handler(row: pa_csv.InvalidRow) -> str:
        rejected.append(row.text)
        return "skip"

    encoding = _with_mark(source, told)
    frame = pa_csv.read_csv(
        source,
        # All types have to be told by name, so names are made up, and the header is the first record.
        pa_csv.ReadOptions(
            use_threads=False,
            skip_rows=told.skip,
            autogenerate_column_names=True,
            encoding="utf8" if encoding == "utf-8-sig" else encoding,
        ),
        pa_csv.ParseOptions(
            delimiter=told.delimiter,
            quote_char=told.quote or False,
            double_quote=told.escape == told.quote != "",
            escape_char=False if told.escape in ("", told.quote) else told.escape,
            newlines_in_values=True,
            invalid_row_handler=handler if keep else None,
        ),
        pa_csv.ConvertOptions(column_types={f"f{i}": pa.string() for i in range(_WIDEST)}),
    )
    records = [list(record) for record in zip(*(column.to_pylist() for column in frame.columns), strict=True)]
    return Read(records.pop(0) if told.header and records else [], records, rejected)


def _csv(source: Path, told: Dialect | None, strict: bool = False) -> Read:
    assert told
    if len(told.delimiter) > 1:
        raise Unable("the delimiter is one character")
    options: dict = {"delimiter": told.delimiter, "strict": strict, "doublequote": told.escape == told.quote}
    if told.escape not in ("", told.quote):
        options["escapechar"] = told.escape
    if told.quote:
        options["quotechar"] = told.quote
    else:
        options["quoting"] = csv.QUOTE_NONE
    text = io.StringIO(source.read_bytes().decode(_with_mark(source, told)), newline="")
    for _ in range(told.skip):
        text.readline()
    records = [record for record in csv.reader(text, **options) if record]
    names = records.pop(0) if told.header and records else []
    return Read(names, records)


def _with(read: Callable[..., Read], told: bool = True, **settings: object) -> Callable[[Path, Dialect], Read]:
    return lambda source, dialect: read(source, dialect if told else None, **settings)


_COLUMNS: dict = {"columns": dict.fromkeys(polluted.NAMES, "varchar"), "auto_detect": False}
_LENIENT: dict = {"store_rejects": True, "strict_mode": False}
_PADDED: dict = {"null_padding": True, "parallel": False}
# Each with every setting that may be its best.
PEERS: dict[str, dict[str, Callable[[Path, Dialect], Read]]] = {
    "DuckDB": {
        "": _with(_duckdb),
        "store_rejects": _with(_duckdb, store_rejects=True),
        "store_rejects, strict_mode=false": _with(_duckdb, **_LENIENT),
        "store_rejects, strict_mode=false, null_padding": _with(_duckdb, **_LENIENT, **_PADDED),
    },
    # Told its columns, too: their names and their number are no part of a dialect.
    "DuckDB+": {
        "store_rejects": _with(_duckdb, **_COLUMNS, store_rejects=True),
        "store_rejects, strict_mode=false": _with(_duckdb, **_COLUMNS, **_LENIENT),
        "store_rejects, strict_mode=false, null_padding": _with(_duckdb, **_COLUMNS, **_LENIENT, **_PADDED),
    },
    # Told nothing.
    "DuckDB?": {
        "": _with(_duckdb, told=False),
        "store_rejects": _with(_duckdb, told=False, store_rejects=True),
        "store_rejects, strict_mode=false": _with(_duckdb, told=False, **_LENIENT),
        "store_rejects, strict_mode=false, null_padding": _with(_duckdb, told=False, **_LENIENT, **_PADDED),
    },
    "pandas": {
        "": _with(_pandas),
        "on_bad_lines=skip": _with(_pandas, on_bad_lines="skip"),
        "on_bad_lines=function": _with(_pandas, on_bad_lines="keep"),
    },
    "Polars": {
        "": _with(_polars),
        "truncate_ragged_lines": _with(_polars, truncate_ragged_lines=True),
        "truncate_ragged_lines, ignore_errors": _with(_polars, truncate_ragged_lines=True, ignore_errors=True),
    },
    "pyarrow": {"": _with(_pyarrow), "invalid_row_handler": _with(_pyarrow, keep=True)},
    "csv": {"": _with(_csv), "strict": _with(_csv, strict=True)},
}


def main(cleanzone: str, folder: Path, shard: int, shards: int) -> None:
    source = folder / f"{shard}.csv"
    for number, file in enumerate(polluted.files()):
        if number % shards != shard:
            continue
        source.write_bytes(file.data)

        def measure(read: Callable[[], Read], file: polluted.File = file) -> tuple[Score, str]:
            try:
                return score(file, read()), ""
            except Exception as error:  # whatever it is, the reader has not read the file
                return Score(), f"{type(error).__name__}: {error}"[:300]

        figures: dict = {"number": number, "kind": file.kind, "name": file.name, "scores": {}, "failures": {}}

        def take(reader: str, setting: str, measured: tuple[Score, str], figures: dict = figures) -> None:
            parts = asdict(measured[0]) | {"total": measured[0].total}
            figures["scores"].setdefault(reader, {})[setting] = parts
            if measured[1]:
                figures["failures"][f"{reader} {setting}".strip()] = measured[1]

        take(CLEANZONE, "", measure(lambda: _cleanzone(cleanzone, source)))
        for peer, settings in PEERS.items():
            for setting, read in settings.items():
                take(peer, setting, measure(lambda read=read, told=file.dialect: read(source, told)))
        try:
            rescued = _cleanzone(cleanzone, source, "--bad-rows=rescue")
            figures["lost"] = lost(file, rescued)
        except ValueError as error:
            figures["failures"]["rescue"] = str(error)
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
