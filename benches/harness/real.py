"""Real files: what cleanzone makes of them by itself, beside what DuckDB, pandas and Python's `csv` make of them.

The files are those that packages of PyPI and npm ship (`harness.shipped`, `real.toml`): `.csv`, `.tsv`, `.tab`, `.txt`,
`.dat` and `.data`, plain or gzipped, up to 20 MB of text, each content once, and of some packages with very many only a
part. All readers are told nothing but the file's name: cleanzone by `convert`, DuckDB by `read_csv` with a sample of
the whole file, pandas with `sep=None` and with the delimiter that the name suggests (else blanks), `csv` by
its `Sniffer`. Each has 20 s.

A file is alike if cleanzone agrees with one of them

- in the number of rows and of columns,
- in the names, without those that readers make up, and without what they add to a name that is there twice,
- and, column by column, in the kind (number, date, boolean, text) and in all values: numbers equal, dates the same day
  and moment, texts the same but for blanks, and any of several words the same as null. Who has no dates, or no types at
  all, has no say in what is text.

Where one says text and cleanzone more, that is alike if all its texts mean just that; of dates, in one way of writing
them. Text is alike, too, where a value would not be what it was as a number (a zero in front, a plus sign, 17 digits),
where it is a word of a language (`yes`, `t`), and where nobody can say which number of a date is the day. A last column
with neither a name nor a value, as a delimiter at the end of each row makes it, is no difference.

No delimited text, and not counted, is a `.txt`, `.dat` or `.data` of which no two of the three make tables of one
width and, but for a header, of one length; and whatever none of them reads. `csv` and pandas' `sep=None` are one
opinion here, as the one asks the other.

Every disagreement is in `.peers/real.json`, with the class of the first difference. `verdicts.toml` has what somebody
found who looked at them: where ours is right, which counts as right for as long as it stays what was looked at; and,
with whomever we agree, where the first line has the names, which without names counts as another shape, and what is no
table but text, of which several columns count as another shape.
"""

import json
import subprocess
import tomllib
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import terminal

from harness import shipped
from harness.process import FailedError
from harness.tools import PYTHON, ROOT, WORK, Programs

_VERDICTS = Path(__file__).with_name("verdicts.toml")


def real(programs: Programs, quick: bool) -> dict:
    """Shares of all files, or of each tenth, and how often which difference comes first."""
    with terminal.Step("Fetching what packages ship") as step:
        listed = shipped.packages()
        for at, package in enumerate(listed, 1):
            step.text = f"Fetching what packages ship: {at} of {len(listed)}"
            shipped.fetch(package)
        files = shipped.unpack(listed)[:: 10 if quick else 1]
        step.text = f"{len(files):,} files of {len(listed)} packages"
    with terminal.Step("Real files") as step:
        judged = _judge(programs, files, step)
    verdicts = tomllib.loads(_VERDICTS.read_text())
    names = {file.path: file.name for file in files}
    counted, differing = Counter(), []
    for verdict in judged:
        name = names[verdict["path"]]
        if not verdict["delimited"]:
            continue
        reason = verdict["reason"]
        if verdict.get("named") is False and _looked_at(name, verdicts["header"]):
            verdict["reason"] = reason = "header"
        known = _looked_at(name, verdicts["right"]) if reason else None
        right = known["why"] if known and verdict["ours"] in known["as"] else None
        if text := _looked_at(name, verdicts["text"]):
            no_table = verdict.get("shape", [0, 1])[1] <= 1
            reason, right = (reason, text) if no_table else ("columns", None)
            verdict["reason"] = reason
        counted["alike" if not reason else "right" if right else reason] += 1
        if reason:
            differing.append({"file": name, "right": right} | verdict)
    total = counted.total()
    (WORK / "real.json").write_text(json.dumps(differing, indent=1) + "\n")
    shares = {
        "alike": counted["alike"],
        "ours looked at and right": counted["right"],
        "refused": sum(count for reason, count in counted.items() if reason.startswith("refused")),
        "another shape": sum(counted[reason] for reason in ("columns", "rows", "header", "alone")),
        "other names": counted["names"],
    }
    shares["other kinds or values"] = total - sum(shares.values())
    terminal.table(["", "files", "%"], [[name, f"{n:,}", f"{100 * n / total:.2f}"] for name, n in shares.items()])
    open_ones = {reason: n for reason, n in counted.most_common() if reason not in ("alike", "right")}
    terminal.table(["first difference", "files"], [[reason, f"{n:,}"] for reason, n in open_ones.items()])
    print(
        f"  {len(files) - total:,} files are no delimited text. Differences are in {WORK.relative_to(ROOT)}/real.json"
    )
    return {"packages": len(listed), "files": total, "undelimited": len(files) - total} | {
        "shares": shares,
        "first_difference": open_ones,
    }


def _looked_at(name: str, verdicts: dict) -> Any:
    """What somebody found; a verdict may be on all files that a pattern names."""
    return next((found for pattern, found in verdicts.items() if fnmatchcase(name, pattern)), None)


def _judge(programs: Programs, files: list[shipped.DataFile], step: terminal.Step) -> list[dict]:
    listed = WORK / "real/listed.json"
    listed.write_text(json.dumps([file.path for file in files]))
    command = [PYTHON, "-W", "ignore", "-m", "harness.differential", programs.cleanzone, listed]
    judged = []
    with subprocess.Popen(
        command, cwd=ROOT / "benches", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        assert run.stderr
        for line in run.stdout:
            judged.append(json.loads(line))
            step.text = f"Real files: {len(judged):,} of {len(files):,}"
        errors = run.stderr.read().strip()
    if run.returncode:
        raise FailedError(errors.splitlines()[-1] if errors else "the readers of real files failed")
    return judged
