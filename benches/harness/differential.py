"""cleanzone beside DuckDB, pandas and Python's `csv` on one file after another, all of them told nothing but its name.

Run by itself, by the Python that has the peers; it reads a list of files, and writes one line of JSON for each:

    python -m harness.differential CLEANZONE FILES.json
"""

import csv
import gzip
import io
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from harness.alike import Table, compare, kind

_SECONDS = 20
# pandas parses in Python where it sniffs: beyond that size it would not end in time.
_SNIFFED = 5_000_000
_KINDS = {
    "bigint": "number",
    "int": "number",
    "double": "number",
    "date": "date",
    "timestamp": "date",
    "boolean": "boolean",
}
# pandas sniffs with `csv`; so that is one opinion.
_FAMILIES = {"DuckDB": 0, "csv": 1, "pandas": 1, "pandas by name": 2, "pandas by blanks": 2}
_BY_NAME = {".csv": ",", ".tsv": "\t", ".tab": "\t"}


class TooLongError(Exception):
    """A reader took more than its time."""


def _cleanzone(program: str, source: Path, folder: Path) -> tuple[Table | None, dict]:
    """What it made of the file, and what it said of it."""
    target = folder / "out.parquet"
    for left in folder.iterdir():
        left.unlink()
    command = [program, "convert", str(source), str(target), "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return None, {"refused": "timeout"}
    if done.returncode == 1 and done.stderr.startswith("error["):
        name, _, message = done.stderr[len("error[") :].partition("]: ")
        return None, {"refused": name, "message": message.strip()[:300]}
    if done.returncode:
        return None, {"refused": "crash", "message": done.stderr.strip()[-300:]}
    report = json.loads(done.stdout)
    said = {key: report.get(key) for key in ("rows", "rejected", "rejected_by_reason", "dialect", "encoding")}
    names = [column["source_name"] for column in report["columns"]]
    if not target.exists():
        return Table(names, ["nothing"] * len(names), [[] for _ in names]), said
    frame = pq.read_table(target)
    by_name = dict(zip(frame.column_names, frame.columns, strict=True))
    columns, kinds = [], []
    for column in report["columns"]:
        values = by_name[column["name"]].to_pylist() if column["name"] in by_name else [None] * frame.num_rows
        columns.append(values)
        empty = all(value is None for value in values)
        kinds.append("nothing" if empty else _kind_of(column["type"] if "type" in column else column["hive_type"]))
    return Table(names, kinds, columns), said


def _is_given(name: str) -> bool:
    """Whether a name stands in the file: numbers are names as well, but not those that cleanzone makes."""
    return bool(name) and not re.fullmatch(r"column_\d+", name)


def _kind_of(named: str) -> str:
    return "number" if named.startswith("decimal") else _KINDS.get(named, "text")


def _duckdb(source: Path) -> Table:
    with duckdb.connect(config={"threads": 1}) as database:
        clock = threading.Timer(_SECONDS, database.interrupt)
        clock.start()
        try:
            answer = database.execute("from read_csv(?, sample_size = -1)", [str(source)])
            # Through Arrow, as moments with a zone would need another package.
            table = answer.to_arrow_table()
        finally:
            clock.cancel()
    names, columns = table.column_names, [column.to_pylist() for column in table.columns]
    return Table(names, [kind(column) for column in columns], columns)


def _pandas(source: Path, sep: str | None) -> Table:
    options: dict = {"sep": sep, "engine": "c" if sep and len(sep) == 1 else "python"}
    if options["engine"] == "c":
        options["low_memory"] = False
    frame = pd.read_csv(io.StringIO(_text(source)), **options)
    # Where rows are longer than the header, the first cells become an index.
    if not isinstance(frame.index, pd.RangeIndex):
        frame.insert(0, "", frame.index)
    names = [str(name) for name in frame.columns]
    columns = [
        [None if gone else value for value, gone in zip(column.tolist(), column.isna(), strict=True)]
        for column in (frame.iloc[:, at] for at in range(frame.shape[1]))
    ]
    return Table(names, [kind(column) for column in columns], columns, told=frozenset({"number", "boolean"}))


def _csv(source: Path) -> Table:
    text = _text(source)
    sample = text[:65536]
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(sample)
        if dialect.delimiter.isalnum():
            raise ValueError(f"no delimiter but {dialect.delimiter}")
    except csv.Error:
        dialect = csv.excel_tab if _BY_NAME.get(_ending(source)) == "\t" else csv.excel
    records = [record for record in csv.reader(io.StringIO(text, newline=""), dialect) if record]
    width = max(map(len, records))
    if width - min(map(len, records)) > 1:
        # Records of any width are no table.
        usual, count = Counter(map(len, records)).most_common(1)[0]
        if count < 0.95 * len(records):
            raise ValueError("the records are of many widths")
        width = max(usual, len(records[0]))
    records = [(record + [""] * (width - len(record)))[:width] for record in records]
    try:
        header = csv.Sniffer().has_header(sample)
    except csv.Error:
        header = True
    names = records.pop(0) if header else [f"column{at}" for at in range(width)]
    columns = list(map(list, zip(*records, strict=True))) if records else [[] for _ in names]
    return Table(names, ["text"] * width, columns, told=frozenset())


def _text(source: Path) -> str:
    data = source.read_bytes()
    data = gzip.decompress(data) if source.suffix == ".gz" else data
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _ending(source: Path) -> str:
    return Path(source.name.removesuffix(".gz")).suffix


def _within_time(read: Callable[[], Table]) -> Table:
    def over(*_: object) -> None:
        raise TooLongError(f"more than {_SECONDS} s")

    signal.signal(signal.SIGALRM, over)
    signal.alarm(_SECONDS)
    try:
        return read()
    finally:
        signal.alarm(0)


def _peers(source: Path) -> tuple[dict[str, Table], dict[str, str]]:
    ending = _ending(source)
    readers = {"DuckDB": lambda: _duckdb(source), "csv": lambda: _csv(source)}
    if source.stat().st_size <= _SNIFFED:
        readers["pandas"] = lambda: _pandas(source, None)
    if ending in _BY_NAME:
        readers["pandas by name"] = lambda: _pandas(source, _BY_NAME[ending])
    else:
        readers["pandas by blanks"] = lambda: _pandas(source, r"\s+")
    tables, failures = {}, {}
    for name, read in readers.items():
        try:
            tables[name] = _within_time(read)
        except Exception as error:  # whatever it is, the reader has not read the file
            failures[name] = f"{type(error).__name__}: {error}"[:200]
    return {name: table for name, table in tables.items() if table.names}, failures


def _delimited(peers: dict[str, Table], ending: str) -> bool:
    """Whether its name says so and any can read it, or two of the three make tables of one shape but for a header."""
    if ending in _BY_NAME and peers:
        return True
    return any(
        one.rows and _FAMILIES[a] != _FAMILIES[b] and len(one.names) == len(two.names) and abs(one.rows - two.rows) <= 1
        for a, one in peers.items()
        for b, two in peers.items()
        if a < b
    )


def judge(program: str, source: Path, folder: Path) -> dict:
    ours, said = _cleanzone(program, source, folder)
    peers, failures = _peers(source)
    shapes = {name: [table.rows, len(table.names)] for name, table in peers.items()}
    judged: dict = {
        "said": said,
        "others": shapes,
        "failures": failures,
        "delimited": _delimited(peers, _ending(source)),
    }
    if ours is None:
        refused = f"refused {said['refused']}"
        return judged | {"reason": refused, "detail": said.get("message", ""), "ours": refused}
    judged |= {"shape": [ours.rows, len(ours.names)], "named": any(_is_given(name) for name in ours.names)}
    if not peers:
        return judged | {"reason": "alone", "detail": "", "ours": ours.digest}
    verdict = compare(ours, peers)
    judged |= {"reason": verdict.reason, "detail": verdict.detail, "columns": verdict.columns}
    return judged | ({"ours": ours.digest} if verdict.reason else {})


def main(program: str, listed: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path in json.loads(listed.read_text()):
            print(json.dumps({"path": path} | judge(program, Path(path), Path(folder))), flush=True)


if __name__ == "__main__":
    csv.field_size_limit(1 << 30)
    main(sys.argv[1], Path(sys.argv[2]))
