"""Polluted files: what cleanzone makes of them by itself, and what its peers make of them that are told everything.

The files are those of `harness.polluted`: a table of 90 rows and 9 columns, polluted in about 2,900 ways. cleanzone is
told nothing (`convert --all-strings`). Every peer is told what is true of the file: delimiter, quote, escape, line end,
encoding, whether there is a header, how many lines precede it, and that all is text. Each is run with several settings
of how to deal with what is broken; the one that scores best over all files is the one that counts. What a peer has no
way to be told (a delimiter of several characters, big-endian UTF-16 without an extension) it cannot read. `DuckDB+` is
told the names of the columns as well, `DuckDB?` nothing; `csv` is Python's module.

The measure, after the idea of Pollock (see `harness.polluted`). A file is worth from 0 to 10: one for success, and one
each for precision, recall and F1 of header, records and cells. A reader that ends with an error has 0.

- Success: it ended without an error.
- Header: the names, in any order. Where the file has several rows of names, any of a column's names is right, and so
  are all of them, joined by blanks; where it has none, no cell may be taken for a name. Names that readers make up
  (`column3`, `f3`, `Unnamed: 3`) count as none.
- Records: the multiset of rows. An unpolluted row is right if all its cells are; empty cells at its end count for
  nothing, and nothing, null and the empty text are the same.
- Cells: the multiset of pairs of column and cell, a column being told by its name, or by its place where the header is
  polluted or missing.

A polluted row has no one right reading. It is right, with all its cells, if all its letters and digits are there in
their order: in a record of any width, in several that follow one another, or in what the reader set aside (the rejected
rows of cleanzone, `reject_errors` of DuckDB, the bad lines that pandas and pyarrow hand to a function). It may not take
any other row with it. So are the rows of a second table, a header that comes again, and footers. A polluted header is
right if all its letters and digits are there in their order, and else by the names that can still be read in it.

Apart from that, every file is converted with `--bad-rows=rescue`: each row, polluted or not, and a polluted header have
to be there then, by the same rule, in columns and `_rescued`. What precedes the header is none of the table.
"""

import json
import statistics
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import terminal

from harness.process import FailedError
from harness.tools import PYTHON, ROOT, Programs

CLEANZONE = "cleanzone"


def pollution(programs: Programs, shards: int) -> dict:
    """Scores by reader and by kind of pollution; read by so many processes at once."""
    with terminal.Step("Polluted files") as step:
        files = _read(programs, shards)
        step.text = f"{len(files)} polluted files"
    kinds: dict[str, list[dict]] = defaultdict(list)
    for file in files:
        kinds[file["kind"]].append(file)
    settings = {reader: _best(files, reader) for reader in files[0]["scores"]}
    scores = {
        kind: {reader: _mean(some, reader, setting) for reader, setting in settings.items()}
        for kind, some in {**kinds, "all": files}.items()
    }
    rows = [
        [kind, str(len(kinds.get(kind, files))), *(f"{score:.2f}" for score in by.values())]
        for kind, by in scores.items()
    ]
    terminal.table(["", "files", *settings], rows)
    lost = {f"{file['kind']}: {file['name']}": file["lost"] for file in files if file.get("lost")}
    print("\n    ".join([f"  With --bad-rows=rescue {len(lost)} files lose a row or a header", *lost]))
    return {
        "settings": settings,
        "scores": scores,
        "of_every_setting": {
            reader: {setting: _mean(files, reader, setting) for setting in files[0]["scores"][reader]}
            for reader in settings
        },
        "files": {kind: len(some) for kind, some in kinds.items()},
        "lost_by_rescue": lost,
        "below_10": {
            f"{file['kind']}: {file['name']}": file["failures"].get(CLEANZONE, total)
            for file in files
            if (total := round(_total(file, CLEANZONE, ""), 3)) < 10
        },
    }


def _read(programs: Programs, shards: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            subprocess.Popen(
                [PYTHON, "-W", "ignore", "-m", "harness.readers", programs.cleanzone, folder, str(shard), str(shards)],
                cwd=ROOT / "benches",
                stdout=(Path(folder) / f"{shard}.json").open("w"),
                stderr=subprocess.PIPE,
                text=True,
            )
            for shard in range(shards)
        ]
        for process in processes:
            _, errors = process.communicate()
            if process.returncode:
                raise FailedError(errors.strip().splitlines()[-1] if errors.strip() else "a reader of files failed")
        lines = [(Path(folder) / f"{shard}.json").read_text().splitlines() for shard in range(shards)]
    # In the order in which they were made.
    files = [json.loads(line) for of_shard in lines for line in of_shard]
    return sorted(files, key=lambda file: file["number"])


def _best(files: list[dict], reader: str) -> str:
    return max(files[0]["scores"][reader], key=lambda setting: _mean(files, reader, setting))


def _mean(files: list[dict], reader: str, setting: str) -> float:
    return statistics.mean(_total(file, reader, setting) for file in files)


def _total(file: dict, reader: str, setting: str) -> float:
    return file["scores"][reader][setting]["total"]
