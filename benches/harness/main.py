"""The order of the measurements."""

import json
import os
import platform
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import terminal

from harness import buckets, files, people
from harness.many import many
from harness.pollution import pollution
from harness.process import FailedError
from harness.real import real
from harness.rules import rules
from harness.tools import GB, MB, ROOT, WORK, Programs, install_peers, lineitem, packed
from harness.zones import open_zones


@dataclass(frozen=True)
class Settings:
    sf: str
    runs: int
    input_mb: int
    keys: int
    many: int
    rows: int
    people: int
    starts: int
    parts: set[str]
    quick: bool

    @classmethod
    def from_environment(cls) -> "Settings":
        quick = _flag("QUICK")
        parts = os.environ.get("ONLY") or "size,files,inputs,lake,tokenize" + (",big" if _flag("BIG") else "")
        return cls(
            sf=os.environ.get("SF") or ("0.1" if quick else "1"),
            runs=int(os.environ.get("RUNS") or (2 if quick else 5)),
            input_mb=int(os.environ.get("INPUT_MB") or (20 if quick else 200)),
            keys=10 if quick else 50,
            many=int(os.environ.get("FILES") or (1000 if quick else 10_000)),
            rows=100_000 if quick else 1_000_000,
            people=6_667 if quick else 66_667,
            starts=5 if quick else 20,
            parts=set(parts.split(",")),
            quick=quick,
        )


def run() -> None:
    # So that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    settings = Settings.from_environment()
    if unknown := settings.parts - PARTS.keys():
        raise terminal.fail(f"ONLY={','.join(sorted(unknown))}: expected some of {','.join(PARTS)}")
    terminal.title("cleanzone", "measured beside its peers")
    install_peers(needed=bool(settings.parts - {"size", "many", "partitions", "tokenize", "rules"}))
    programs = Programs.build(
        function=bool(settings.parts & {"size", "lake", "big", "many"}),
        partitions="partitions" in settings.parts,
        tokenize="tokenize" in settings.parts,
        inputs=bool(settings.parts - {"pollution", "real", "rules"}),
    )
    buckets.LOG.unlink(missing_ok=True)
    load = os.getloadavg()[0]
    print(f"\n  {_cpu()}, {os.cpu_count()} cores, load {load:.1f}\n")
    results: dict = {
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "kernel": platform.release(), "load_before": load},
        "settings": {"sf": settings.sf, "runs": settings.runs, "input_mb": settings.input_mb},
    }
    for part, measure in PARTS.items():
        if part in settings.parts:
            try:
                results[part] = measure(programs, settings)
            except FailedError as failure:
                raise terminal.fail(str(failure)) from None
            results["machine"]["load_after"] = os.getloadavg()[0]
            (WORK / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n  All figures are in {WORK.relative_to(ROOT)}/results.json")


def _size(programs: Programs, _: Settings) -> dict:
    return buckets.size(programs)


def _files(programs: Programs, settings: Settings) -> dict:
    name = f"TPC-H lineitem, SF {settings.sf}"
    return {
        name: files.compare(programs, name, lineitem(settings.sf), settings.runs),
        "one row": files.one_row(programs, 20 if settings.quick else 200),
    }


def _inputs(programs: Programs, settings: Settings) -> dict:
    figures = {}
    for kind in ("numeric", "reviews", "wide"):
        source = programs.made_up(kind, settings.input_mb * MB)
        figures[kind] = files.compare(programs, kind, source, settings.runs)
    name, source = "reviews, gzipped", programs.made_up("reviews", settings.input_mb * MB)
    figures[name] = files.compare(programs, name, packed(source), settings.runs, source.stat().st_size)
    return figures


def _lake(programs: Programs, settings: Settings) -> dict:
    # The book's function needs five times the file in memory.
    book = float(settings.sf) <= 1
    with open_zones() as zones:
        return {
            "start-up": buckets.start_up(programs, zones, settings.starts),
            "4 rows": buckets.four_rows(programs, zones, settings.keys),
            "lineitem": buckets.large(programs, zones, lineitem(settings.sf), settings.runs, book),
        }


def _big(programs: Programs, _: Settings) -> dict:
    """Whether the peak depends on the size."""
    sizes = {"1 GB": GB, "10 GB": 10 * GB}
    figures = {name: files.peak(programs, "reviews", size) for name, size in sizes.items()}
    with open_zones() as zones:
        for name, size in sizes.items():
            figures[f"{name}, S3 to S3"] = buckets.peak(programs, zones, "reviews", size)
    return figures


def _many(programs: Programs, settings: Settings) -> dict:
    with open_zones() as zones:
        return many(programs, zones, settings.many)


def _partitions(programs: Programs, settings: Settings) -> dict:
    """One file with rows in 5,000 partitions, and beside it the same file unparted."""
    size = 100 * MB if settings.quick else GB
    with open_zones() as zones:
        return {
            title: buckets.partitions(programs, zones, "orders", size, columns)
            for title, columns in {"unparted": [], "5,000 partitions": ["shop"], "2 partitions": ["express"]}.items()
        }


def _tokenize(programs: Programs, settings: Settings) -> dict:
    rows, some = settings.rows, settings.people
    figures = {"in memory": people.in_memory(programs, rows, some, settings.runs)}
    with open_zones() as zones:
        figures["on the lake"] = people.on_the_lake(programs, zones, rows, some)
    return figures


def _rules(programs: Programs, settings: Settings) -> dict:
    return rules(programs, settings.runs)


def _pollution(programs: Programs, _: Settings) -> dict:
    return pollution(programs, shards=os.cpu_count() or 1)


def _real(programs: Programs, settings: Settings) -> dict:
    return real(programs, settings.quick)


PARTS = {
    "size": _size,
    "files": _files,
    "inputs": _inputs,
    "lake": _lake,
    "big": _big,
    "many": _many,
    "partitions": _partitions,
    "tokenize": _tokenize,
    "rules": _rules,
    "pollution": _pollution,
    "real": _real,
}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def _flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0", "false")
