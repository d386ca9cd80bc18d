"""One file to one file: cleanzone beside the peers."""

import shutil
import statistics
import subprocess
import time
from pathlib import Path

import terminal

from harness import peers
from harness.process import Cost, FailedError, measured
from harness.tools import GB, MB, PYTHON, WORK, Programs


def compare(programs: Programs, name: str, source: Path, runs: int, text_bytes: int | None = None) -> dict:
    """Medians over runs in which all tools take turns; the first round is for the page cache only.

    `text_bytes` is how long the text is in a file that is packed.
    """
    out = WORK / "out"
    out.mkdir(exist_ok=True)
    commands = {
        tool: (target := out / f"{number}.parquet", _command(programs, tool, source, target))
        for number, tool in enumerate(["cleanzone", ONE_CORE, *peers.SCRIPTS])
    }
    costs: dict[str, list[Cost]] = {tool: [] for tool in commands}
    failures: dict[str, str] = {}
    size = source.stat().st_size
    with terminal.Step(name) as step:
        for run in range(runs + 1):
            for tool, (target, command) in commands.items():
                if tool in failures:
                    continue
                step.text = f"{name}: {tool}, {run} of {runs}"
                target.unlink(missing_ok=True)
                try:
                    cost = measured(command)
                except FailedError as failure:
                    failures[tool] = str(failure)
                    continue
                if run:
                    costs[tool].append(cost)
        step.text = f"{name}: {size / MB:.0f} MB, median of {runs}"
    written = {tool: target for tool, (target, _) in commands.items() if tool not in failures}
    rows = _rows(list(written.values()))
    figures = {tool: {"failure": message} for tool, message in failures.items()}
    for (tool, target), count in zip(written.items(), rows, strict=True):
        wall, cpu, peak = (statistics.median(getattr(c, of) for c in costs[tool]) for of in ("wall", "cpu", "peak"))
        out_bytes = target.stat().st_size
        figures[tool] = {"wall_s": wall, "cpu_s": cpu, "peak_mib": peak, "out_bytes": out_bytes, "rows": count}
    shutil.rmtree(out)
    _show(figures, text_bytes or size)
    return {"bytes": size, "text_bytes": text_bytes or size, "tools": figures}


ONE_ROW = "id,name,at,share\n1,Ada,2026-11-20,0.5\n"


def one_row(programs: Programs, runs: int) -> dict:
    """What a file of one row takes beyond the start of a process, in ms: medians of programs that take turns."""
    source, target = WORK / "one.csv", WORK / "one.parquet"
    source.write_text(ONE_ROW)
    commands = {
        "start": [programs.cleanzone, "--version"],
        "inspect": [programs.cleanzone, "inspect", source],
        "convert": programs.convert(source, target),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with terminal.Step("One row") as step:
        for _ in range(runs):
            for name, command in commands.items():
                begin = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
                times[name].append((time.perf_counter() - begin) * 1000)
        start, inspect, convert = (statistics.median(of) for of in times.values())
        step.text = (
            f"one row: inspect {inspect - start:.2f} ms, convert {convert - start:.2f} ms, process {start:.2f} ms"
        )
    source.unlink()
    target.unlink()
    return {"start_ms": start, "inspect_ms": inspect - start, "convert_ms": convert - start}


def peak(programs: Programs, kind: str, size: int) -> dict:
    """What a made-up text of this size costs; it is removed afterwards."""
    source, target = WORK / "big.csv", WORK / "big.parquet"
    try:
        with terminal.Step(f"{size // GB} GB of {kind}") as step:
            programs.write(kind, size, source)
            cost = measured(programs.convert(source, target))
            step.text += f": peak {cost.peak:.0f} MiB, {cost.wall:.1f} s"
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
    return {"peak_mib": cost.peak, "wall_s": cost.wall, "cpu_s": cost.cpu}


ONE_CORE = "cleanzone, 1 core"


def _command(programs: Programs, tool: str, source: Path, target: Path) -> list:
    if tool == "cleanzone":
        return programs.convert(source, target)
    if tool == ONE_CORE:
        return ["taskset", "--cpu-list", "0", *programs.convert(source, target, "--threads", "1")]
    return peers.command(PYTHON, tool, source, target)


def _rows(files: list[Path]) -> list[int]:
    count = subprocess.run([PYTHON, "-c", peers.ROWS, *files], stdout=subprocess.PIPE, check=True)
    return [int(line) for line in count.stdout.split()]


def _show(figures: dict[str, dict], text_bytes: int) -> None:
    """Ratios are to cleanzone on all cores. Where a tool finds another number of rows, one of the two is wrong."""
    own = figures["cleanzone"]
    table = []
    for tool, figure in figures.items():
        if "failure" in figure:
            table.append([f"{tool} failed: {figure['failure']}", *[""] * 7])
            continue
        wall, cpu = figure["wall_s"], figure["cpu_s"]
        ratios = [f"{wall / own['wall_s']:.2f}", f"{cpu / own['cpu_s']:.2f}"] if "wall_s" in own else ["", ""]
        name = tool if figure["rows"] == own.get("rows") else f"{tool}: {figure['rows']} rows"
        cells = [f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / text_bytes * GB:.2f}", f"{figure['peak_mib']:.0f}"]
        table.append([name, *cells, f"{figure['out_bytes'] / MB:.0f}", *ratios])
    terminal.table(["", "wall s", "CPU s", "CPU s/GB", "peak MiB", "out MB", "x wall", "x CPU"], table)
