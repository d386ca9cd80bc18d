"""Bucket to bucket and into the catalog: the real function, and beside it the book's, under the same runtime API."""

import statistics
import zipfile
from pathlib import Path

import terminal

from harness.function import Function
from harness.process import FailedError, measured
from harness.tools import GB, MB, PYTHON, ROOT, WORK, Programs
from harness.zones import LANDING, Zones

TEST_CSV = b"name,favorite_num\nGareth,23\nTracy,28\nChris,16\nEmma,14\n"
LOG = WORK / "function.log"


def commands(programs: Programs) -> dict[str, list]:
    return {"cleanzone": [programs.bootstrap], "book": [PYTHON, ROOT / "benches/harness/book.py"]}


def size(programs: Programs) -> dict:
    """Of the function, as it is deployed."""
    packed = WORK / "function.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(programs.bootstrap, "bootstrap")
    sizes = {"zipped": packed.stat().st_size, "unpacked": programs.bootstrap.stat().st_size}
    packed.unlink()
    terminal.table(["the function", "MB"], [[name, f"{count / MB:.2f}"] for name, count in sizes.items()])
    return sizes


def start_up(programs: Programs, zones: Zones, starts: int) -> dict:
    """From the start of a process to its first question for an event."""
    figures = {}
    with terminal.Step("Start to first poll"):
        for name, command in commands(programs).items():
            times = []
            for _ in range(starts if name == "cleanzone" else 3):
                with Function(command, zones.environment, LOG) as function:
                    times.append(function.start_up * 1000)
            figures[name] = {"first_poll_ms": statistics.median(times), "slowest_ms": max(times)}
    _show(figures, {"median ms": "first_poll_ms", "slowest ms": "slowest_ms"})
    return figures


def four_rows(programs: Programs, zones: Zones, keys: int) -> dict:
    """The book's first file under many keys of one table, one after the other, in a warm process."""
    figures = {}
    with terminal.Step(f"The 4-row file, median of {keys} keys of one table"):
        for name, command in commands(programs).items():
            folder = f"{name}/small"
            events = [zones.upload(f"{folder}/part-{i:03}.csv", TEST_CSV) for i in range(keys + 1)]
            with Function(command, zones.environment, LOG) as function:
                first, *warm = [function.invoke(event)[0] * 1000 for event in events]
                figures[name] = {
                    "first_ms": first,
                    "warm_ms": statistics.median(warm),
                    "p90_ms": statistics.quantiles(warm, n=10)[-1],
                    "peak_mib": function.peak,
                }
            _written(zones, folder, keys + 1)
    _show(figures, {"first call ms": "first_ms", "warm ms": "warm_ms", "p90 ms": "p90_ms", "peak MiB": "peak_mib"})
    return figures


def large(programs: Programs, zones: Zones, source: Path, runs: int, book: bool) -> dict:
    """A large file in a warm process. The lake works on the same cores, so the function's own CPU tells more."""
    figures = {}
    name = f"{source.stem}, {source.stat().st_size / MB:.0f} MB, S3 to S3"
    with terminal.Step(name) as step:
        for tool, command in commands(programs).items():
            if tool == "book" and not book:
                continue
            folder, walls, cpus, sizes = f"{tool}/large", [], [], []
            with Function(command, zones.environment, LOG) as function:
                function.invoke(zones.upload(f"{tool}/warm/test.csv", TEST_CSV))
                for run in range(runs):
                    step.text = f"{name}: {tool}, {run + 1} of {runs}"
                    # Another key, so that nothing is replaced.
                    wall, cpu = function.invoke(zones.upload(f"{folder}/part-{run}.csv", source))
                    walls.append(wall)
                    cpus.append(cpu)
                    sizes.append(_written(zones, folder))
                    zones.empty(folder)
                peak = function.peak
            wall, cpu = statistics.median(walls), statistics.median(cpus)
            figures[tool] = {"wall_s": wall, "cpu_s": cpu, "peak_mib": peak, "out_bytes": sizes[0]}
        step.text = f"{name}, median of {runs}"
    _show(figures, {"wall s": "wall_s", "CPU s": "cpu_s", "peak MiB": "peak_mib", "out bytes": "out_bytes"})
    return figures


def peak(programs: Programs, zones: Zones, kind: str, size: int) -> dict:
    """What a made-up text of this size costs, packed because the lake keeps it in memory."""
    source = WORK / "big.csv.gz"
    try:
        with terminal.Step(f"{size // GB} GB of {kind}, gzipped, S3 to S3") as step:
            programs.write_packed(kind, size, source)
            event = zones.upload("cleanzone/big/big.csv.gz", source)
            with Function([programs.bootstrap], zones.environment, LOG) as function:
                wall, cpu = function.invoke(event)
                figures = {"peak_mib": function.peak, "wall_s": wall, "cpu_s": cpu}
            _written(zones, "cleanzone/big")
            step.text += f": peak {figures['peak_mib']:.0f} MiB, {wall:.1f} s"
    finally:
        source.unlink(missing_ok=True)
        zones.empty("cleanzone/big")
    return figures


def partitions(programs: Programs, zones: Zones, kind: str, size: int, columns: list[str]) -> dict:
    """What a made-up text of this size costs, partitioned by these columns, in a process of its own."""
    by = f"by {', '.join(columns)}" if columns else "unparted"
    source, folder = programs.made_up(kind, size), "cleanzone/parted"
    with terminal.Step(f"{size // MB} MB of {kind}, {by}, S3 to S3") as step:
        zones.upload(f"{folder}/{kind}.csv", source)
        command = [programs.partitions, LANDING, f"{folder}/{kind}.csv", *columns]
        cost = measured(command, zones.environment)
        files = zones.files(folder)
        step.text += f": {len(files)} files, peak {cost.peak:.0f} MiB, {cost.wall:.1f} s, CPU {cost.cpu:.1f} s"
    zones.forget(*folder.split("/"))
    zones.empty(folder)
    figures = {"files": len(files), "out_bytes": sum(files)}
    return figures | {"peak_mib": cost.peak, "wall_s": cost.wall, "cpu_s": cost.cpu}


def _written(zones: Zones, folder: str, count: int | None = None) -> int:
    """Bytes of the files of a table, which have to be there: an event can be answered without a conversion."""
    files = zones.files(folder)
    if not files or count not in (None, len(files)):
        raise FailedError(f"{len(files)} Parquet files in {folder}; see {LOG}")
    return sum(files)


def _show(figures: dict[str, dict], columns: dict[str, str]) -> None:
    titles = {"cleanzone": "cleanzone", "book": "the book's function"}
    cells = [[titles[name], *[_number(figure[of]) for of in columns.values()]] for name, figure in figures.items()]
    terminal.table(["", *columns], cells)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}" if value < 10 else f"{value:.1f}"
