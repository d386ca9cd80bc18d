"""The order of the measurements, and how they are shown."""

import gzip
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus

import terminal
from lake import Lake

from harness import peers
from harness.function import Function
from harness.process import Cost, FailedError, measured

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / ".peers"
HOST_ARCH = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
LANDING, CLEAN = "bench-landing", "bench-clean"
SMALL = b"name,favorite_num\nGareth,23\nTracy,28\nChris,16\nEmma,14\n"
MB, GB = 10**6, 10**9


@dataclass
class Bench:
    """What is measured, with what, and what came out."""

    sf: str
    runs: int
    input_mb: int
    small_files: int
    starts: int
    parts: list[str]
    cleanzone: Path = Path()
    bootstrap: Path = Path()
    generate: Path = Path()
    results: dict = field(default_factory=dict)

    @classmethod
    def from_environment(cls) -> "Bench":
        quick, big = _flag("QUICK"), _flag("BIG")
        parts = os.environ.get("ONLY") or "size,files,inputs,lake" + (",big" if big else "")
        return cls(
            sf=os.environ.get("SF") or ("0.1" if quick else "1"),
            runs=int(os.environ.get("RUNS") or (2 if quick else 5)),
            input_mb=int(os.environ.get("INPUT_MB") or (20 if quick else 200)),
            small_files=10 if quick else 50,
            starts=5 if quick else 20,
            parts=parts.split(","),
        )

    @property
    def python(self) -> Path:
        return WORK / "venv/bin/python"

    @property
    def lineitem(self) -> Path:
        return WORK / f"sf{self.sf}" / "lineitem.csv"

    def prepare(self) -> None:
        WORK.mkdir(exist_ok=True)
        self._install_peers()
        self._build()
        if {"files", "lake"} & {*self.parts} and not self.lineitem.exists():
            tpch = [WORK / "venv/bin/tpchgen-cli", "csv", "-s", self.sf, "--tables=lineitem"]
            _quietly(f"Making TPC-H lineitem, SF {self.sf}", [*tpch, f"--output-dir={self.lineitem.parent}"])

    def _install_peers(self) -> None:
        wanted, done = ROOT / "benches/requirements.txt", WORK / "venv/.complete"
        if done.exists() and done.stat().st_mtime > wanted.stat().st_mtime:
            return
        with terminal.Step("Installing the peers into .peers/venv"):
            venv.create(WORK / "venv", clear=True, with_pip=True)
            pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "-r", wanted], check=True)
            done.touch()

    def _build(self) -> None:
        target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
        given = {name: os.environ.get(name.upper()) for name in ("cleanzone", "generate", "bootstrap")}
        self.cleanzone = Path(given["cleanzone"] or target / "release/cleanzone").absolute()
        self.generate = Path(given["generate"] or target / "release/generate").absolute()
        self.bootstrap = Path(given["bootstrap"] or target / "lambda/csv-to-parquet/bootstrap").absolute()
        packages = {"cleanzone": "cleanzone", "generate": "cleanzone-benches"}
        wanted = [f"--package={package}" for name, package in packages.items() if not given[name]]
        if wanted:
            _quietly("Building the command line", ["cargo", "build", "--release", "--locked", *wanted])
        if {"lake", "size"} & {*self.parts} and not given["bootstrap"]:
            _quietly("Building the function", ["make", "build", f"ARCH={HOST_ARCH}"])

    def made_up(self, kind: str, size: int) -> Path:
        """A text of this kind and size; the same every time."""
        path = WORK / f"{kind}-{size}.csv"
        if not path.exists():
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as out:
                subprocess.run([self.generate, kind, str(size)], stdout=out, check=True)
            unfinished.rename(path)
        return path

    # ---- file to file

    def convert(self, source: Path, target: Path, *flags: str) -> list:
        return [self.cleanzone, "convert", source, target, *flags]

    def compare(self, name: str, source: Path, text_bytes: int | None = None, one_core: bool = False) -> None:
        """cleanzone beside the peers on one file: interleaved, the first round for the page cache only."""
        tools = {"cleanzone": lambda target: self.convert(source, target)}
        if one_core:
            tools["cleanzone, 1 core"] = lambda target: [
                *["taskset", "--cpu-list", "0"],
                *self.convert(source, target, "--threads", "1"),
            ]
        for peer in peers.SCRIPTS:
            tools[peer] = lambda target, peer=peer: peers.command(self.python, peer, source, target)
        targets = {tool: WORK / "out" / f"{tool.replace(', ', '-').replace(' ', '-')}.parquet" for tool in tools}
        (WORK / "out").mkdir(exist_ok=True)
        costs: dict[str, list[Cost]] = {tool: [] for tool in tools}
        failures: dict[str, str] = {}
        with terminal.Step(name) as step:
            for run in range(self.runs + 1):
                for tool, command in tools.items():
                    if tool in failures:
                        continue
                    step.text = f"{name}: {tool}, {run} of {self.runs}"
                    targets[tool].unlink(missing_ok=True)
                    try:
                        cost = measured(command(targets[tool]))
                    except FailedError as failure:
                        failures[tool] = str(failure)
                        continue
                    if run:
                        costs[tool].append(cost)
            step.text = f"{name}: {source.stat().st_size / MB:.0f} MB, median of {self.runs}"
        rows = self._rows([targets[tool] for tool in tools if tool not in failures])
        text_bytes = text_bytes or source.stat().st_size
        figures = {}
        for tool in tools:
            if tool in failures:
                figures[tool] = {"failure": failures[tool]}
                continue
            wall, cpu, peak = (statistics.median(getattr(c, of) for c in costs[tool]) for of in ("wall", "cpu", "peak"))
            size = targets[tool].stat().st_size
            figures[tool] = {"wall_s": wall, "cpu_s": cpu, "peak_mib": peak, "out_bytes": size, "rows": rows.pop(0)}
        self.results[name] = {"bytes": source.stat().st_size, "text_bytes": text_bytes, "tools": figures}
        _show_comparison(figures, text_bytes)
        shutil.rmtree(WORK / "out")

    def _rows(self, files: list[Path]) -> list[int]:
        script = [self.python, "-c", peers.rows_script(), *files]
        return [int(line) for line in subprocess.run(script, stdout=subprocess.PIPE, check=True).stdout.split()]

    def files(self) -> None:
        self.compare(f"TPC-H lineitem, SF {self.sf}", self.lineitem, one_core=True)

    def inputs(self) -> None:
        size = self.input_mb * MB
        for kind in ("numeric", "reviews", "wide"):
            self.compare(kind, self.made_up(kind, size), one_core=True)
        source = self.made_up("reviews", size)
        packed = source.with_suffix(".csv.gz")
        if not packed.exists():
            with source.open("rb") as text, gzip.open(packed, "wb", compresslevel=6) as out:
                shutil.copyfileobj(text, out, 1 << 20)
        self.compare("reviews, gzipped", packed, source.stat().st_size, one_core=True)

    def big(self) -> None:
        """Whether the peak depends on the size of the input."""
        peaks = {}
        for size in (GB, 10 * GB):
            name = f"{size // GB} GB of reviews"
            source, target = WORK / "big.csv", WORK / "big.parquet"
            try:
                with terminal.Step(name) as step:
                    with source.open("wb") as out:
                        subprocess.run([self.generate, "reviews", str(size)], stdout=out, check=True)
                    cost = measured(self.convert(source, target))
                    step.text = f"{name}: peak {cost.peak:.0f} MiB, {cost.wall:.1f} s"
                peaks[name] = {"peak_mib": cost.peak, "wall_s": cost.wall, "cpu_s": cost.cpu}
            finally:
                source.unlink(missing_ok=True)
                target.unlink(missing_ok=True)
        self.results["big"] = peaks

    # ---- the function

    def size(self) -> None:
        packed = WORK / "function.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
            out.write(self.bootstrap, "bootstrap")
        self.results["function"] = {"zip_bytes": packed.stat().st_size, "bytes": self.bootstrap.stat().st_size}
        terminal.table(
            ["the function", "MB"],
            [
                ["zipped", f"{packed.stat().st_size / MB:.2f}"],
                ["unpacked", f"{self.bootstrap.stat().st_size / MB:.2f}"],
            ],
        )
        packed.unlink()

    def lake(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            lake = Lake(probe.getsockname()[1])
        try:
            with terminal.Step("Starting a local lake"):
                lake.start()
            s3 = lake.client("s3")
            for bucket in (LANDING, CLEAN):
                s3.create_bucket(Bucket=bucket)
            functions = {"cleanzone": [self.bootstrap], "the book's": [self.python, ROOT / "benches/harness/book.py"]}
            environment = lake.client_environment | {"AWS_REGION": "us-east-1", "CLEAN_BUCKET": CLEAN}
            self._start_up(functions, environment)
            self._small(functions, environment, s3)
            self._large(functions, environment, s3)
        finally:
            lake.stop()
            shutil.rmtree(lake.folder, ignore_errors=True)

    def _start_up(self, functions: dict[str, list], environment: dict[str, str]) -> None:
        figures = {}
        with terminal.Step("From start to the first question for an event") as step:
            for name, command in functions.items():
                starts = []
                for _ in range(self.starts if name == "cleanzone" else 3):
                    with Function(command, environment, WORK / "function.log") as function:
                        starts.append(function.start_up * 1000)
                figures[name] = {"first_poll_ms": statistics.median(starts), "slowest_ms": max(starts)}
            step.text += ": " + ", ".join(f"{n} {f['first_poll_ms']:.1f} ms" for n, f in figures.items())
        self.results["start-up"] = figures

    def _small(self, functions: dict[str, list], environment: dict[str, str], s3) -> None:
        """The four-row file under many keys of one table, one after the other, in a warm process."""
        figures = {}
        with terminal.Step(f"The 4-row file, {self.small_files} keys of one table") as step:
            for name, command in functions.items():
                keys = [f"{_database(name)}/small/part-{i:03}.csv" for i in range(self.small_files + 1)]
                events = [_upload(s3, key, SMALL) for key in keys]
                with Function(command, environment, WORK / "function.log") as function:
                    first, *warm = [function.invoke(event)[0] * 1000 for event in events]
                    figures[name] = {
                        "first_ms": first,
                        "warm_ms": statistics.median(warm),
                        "p90_ms": statistics.quantiles(warm, n=10)[-1],
                        "peak_mib": function.peak,
                    }
                _expect_files(s3, f"{_database(name)}/small/", len(keys))
            step.text += f", median of {self.small_files}"
        self.results["4 rows"] = figures
        columns = [
            ("first call ms", "first_ms"),
            ("warm ms", "warm_ms"),
            ("p90 ms", "p90_ms"),
            ("peak MiB", "peak_mib"),
        ]
        _show(["", *[title for title, _ in columns]], figures, lambda f: [f"{f[of]:.1f}" for _, of in columns])

    def _large(self, functions: dict[str, list], environment: dict[str, str], s3) -> None:
        """lineitem from bucket to bucket, in a warm process; the lake works on the same cores."""
        if float(self.sf) > 1:
            functions = {"cleanzone": functions["cleanzone"]}
        figures = {}
        with terminal.Step(f"lineitem, SF {self.sf}, S3 to S3") as step:
            for name, command in functions.items():
                walls, cpus, sizes = [], [], []
                with Function(command, environment, WORK / "function.log") as function:
                    function.invoke(_upload(s3, f"{_database(name)}/warm/test.csv", SMALL))
                    for run in range(self.runs if name == "cleanzone" else min(self.runs, 3)):
                        step.text = f"lineitem, SF {self.sf}, S3 to S3: {name}, {run + 1}"
                        # Another key and the same table: nothing is replaced.
                        event = _upload(s3, f"{_database(name)}/lineitem/part-{run}.csv", self.lineitem)
                        wall, cpu = function.invoke(event)
                        walls.append(wall)
                        cpus.append(cpu)
                        sizes.append(_expect_files(s3, f"{_database(name)}/lineitem/", 1))
                        # MiniStack keeps all objects in memory.
                        _empty(s3, LANDING, f"{_database(name)}/lineitem/")
                        _empty(s3, CLEAN, f"{_database(name)}/lineitem/")
                    wall, cpu = statistics.median(walls), statistics.median(cpus)
                    figures[name] = {"wall_s": wall, "cpu_s": cpu, "peak_mib": function.peak, "out_bytes": sizes[0]}
            step.text = f"lineitem, SF {self.sf}, S3 to S3, median of {self.runs}"
        self.results[f"lineitem SF {self.sf}, S3 to S3"] = figures
        _show(
            ["", "wall s", "CPU s", "peak MiB", "out MB"],
            figures,
            lambda f: [f"{f['wall_s']:.2f}", f"{f['cpu_s']:.2f}", f"{f['peak_mib']:.0f}", f"{f['out_bytes'] / MB:.0f}"],
        )


def run() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench.from_environment()
    measure: dict[str, Callable[[], None]] = {
        "size": bench.size,
        "files": bench.files,
        "inputs": bench.inputs,
        "lake": bench.lake,
        "big": bench.big,
    }
    if unknown := {*bench.parts} - {*measure}:
        raise terminal.fail(f"ONLY={','.join(unknown)}: expected some of {','.join(measure)}")
    terminal.title("cleanzone", "measured beside its peers")
    bench.prepare()
    load = os.getloadavg()[0]
    machine = {"cpu": _cpu(), "cores": os.cpu_count(), "load_before": load, "runs": bench.runs, "sf": bench.sf}
    print(f"\n  {machine['cpu']}, {machine['cores']} cores, load {load:.1f} before\n")
    for part, work in measure.items():
        if part in bench.parts:
            work()
            results = {"machine": machine | {"load_after": os.getloadavg()[0]}} | bench.results
            (WORK / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n  All figures are in {WORK.relative_to(ROOT)}/results.json")


def _show(header: list[str], figures: dict[str, dict], cells: Callable[[dict], list[str]]) -> None:
    terminal.table(header, [[name, *cells(figure)] for name, figure in figures.items()])


def _show_comparison(figures: dict[str, dict], text_bytes: int) -> None:
    """Ratios are to cleanzone on all cores. Where a tool finds another number of rows, one of the two is wrong."""
    own = figures["cleanzone"]
    rows = []
    for tool, figure in figures.items():
        if "failure" in figure:
            rows.append([f"{tool} failed: {figure['failure']}", *[""] * 7])
            continue
        wall, cpu = figure["wall_s"], figure["cpu_s"]
        ratios = [f"{wall / own['wall_s']:.2f}", f"{cpu / own['cpu_s']:.2f}"] if "wall_s" in own else ["", ""]
        name = tool if figure["rows"] == own.get("rows") else f"{tool}: {figure['rows']} rows"
        cells = [f"{wall:.2f}", f"{cpu:.2f}", f"{cpu / text_bytes * GB:.2f}", f"{figure['peak_mib']:.0f}"]
        rows.append([name, *cells, f"{figure['out_bytes'] / MB:.0f}", *ratios])
    terminal.table(["", "wall s", "CPU s", "CPU s/GB", "peak MiB", "out MB", "x wall", "x CPU"], rows)


def _database(function: str) -> str:
    return "".join(c for c in function if c.isalnum())


def _upload(s3, key: str, content: bytes | Path) -> dict:
    """Puts an object into the landing zone, and returns the event that S3 would send of it."""
    if isinstance(content, Path):
        s3.upload_file(str(content), LANDING, key)
    else:
        s3.put_object(Bucket=LANDING, Key=key, Body=content)
    head = s3.head_object(Bucket=LANDING, Key=key)
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": head["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:BENCH"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "BENCH", "x-amz-id-2": "BENCH"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "bench",
            "bucket": {
                "name": LANDING,
                "ownerIdentity": {"principalId": "BENCH"},
                "arn": f"arn:aws:s3:::{LANDING}",
            },
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": head["ContentLength"],
                "eTag": head["ETag"].strip('"'),
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    return {"Records": [record]}


def _objects(s3, bucket: str, prefix: str) -> list[dict]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found for page in pages for found in page.get("Contents", [])]


def _expect_files(s3, prefix: str, count: int) -> int:
    """Bytes of the table's files, which have to be there: an event can be answered without a conversion."""
    files = [found for found in _objects(s3, CLEAN, prefix) if found["Key"].endswith(".parquet")]
    if len(files) != count:
        raise terminal.fail(f"{len(files)} files under {prefix} instead of {count}; see {WORK / 'function.log'}")
    return sum(found["Size"] for found in files)


def _empty(s3, bucket: str, prefix: str) -> None:
    for found in _objects(s3, bucket, prefix):
        s3.delete_object(Bucket=bucket, Key=found["Key"])


def _quietly(text: str, command: list) -> None:
    with terminal.Step(text):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise terminal.fail(f"{text.lower()} failed", done.stdout.decode(errors="replace")[-4000:])


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def _flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0", "false")
