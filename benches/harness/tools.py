"""What is measured and with what: our own programs, the peers, and the inputs, made where they are missing."""

import gzip
import os
import platform
import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

import terminal

ROOT = Path(__file__).resolve().parent.parent.parent
WORK = ROOT / ".peers"
PYTHON = WORK / "venv/bin/python"
MB, GB = 10**6, 10**9

_TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
_ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True)
class Programs:
    """Our own. Those that the environment names are taken as they are, the others built."""

    cleanzone: Path
    generate: Path
    bootstrap: Path
    partitions: Path
    # The measuring of tokens, and the function itself.
    tokenize: Path
    tokenizer: Path

    @classmethod
    def build(cls, function: bool, partitions: bool, tokenize: bool, inputs: bool = True) -> "Programs":
        names = ("cleanzone", "generate", "bootstrap", "partitions", "tokenize", "tokenizer")
        given = {name: os.environ.get(name.upper()) for name in names}
        packages = {"cleanzone": "cleanzone"} | ({"generate": "cleanzone-benches"} if inputs else {})
        wanted = [f"--package={package}" for name, package in packages.items() if not given[name]]
        if wanted:
            _quietly("Building the command line", ["cargo", "build", "--release", "--locked", *wanted])
        if (function and not given["bootstrap"]) or (tokenize and not given["tokenizer"]):
            _quietly("Building the functions", ["make", "build", f"ARCH={_ARCHITECTURE}"])
        if partitions and not given["partitions"]:
            command = ["cargo", "build", "--release", "--locked", "--package=cleanzone-benches", "--features=lake"]
            _quietly("Building the conversion into partitions", [*command, "--bin=partitions"])
        if tokenize and not given["tokenize"]:
            command = ["cargo", "build", "--release", "--locked", "--package=cleanzone-benches", "--features=vault"]
            _quietly("Building the tokenizing with a vault in memory", [*command, "--bin=tokenize"])
        return cls(
            Path(given["cleanzone"] or _TARGET / "release/cleanzone").absolute(),
            Path(given["generate"] or _TARGET / "release/generate").absolute(),
            Path(given["bootstrap"] or _TARGET / "lambda/csv-to-parquet/bootstrap").absolute(),
            Path(given["partitions"] or _TARGET / "release/partitions").absolute(),
            Path(given["tokenize"] or _TARGET / "release/tokenize").absolute(),
            Path(given["tokenizer"] or _TARGET / "lambda/tokenize-pii/bootstrap").absolute(),
        )

    def convert(self, source: Path, target: Path, *flags: str) -> list:
        return [self.cleanzone, "convert", source, target, *flags]

    def write(self, kind: str, size: int, target: Path) -> None:
        with target.open("wb") as out:
            subprocess.run([self.generate, kind, str(size)], stdout=out, check=True)

    def made_up(self, kind: str, size: int) -> Path:
        """A text of this kind and size, which is kept; the same every time."""
        path = WORK / f"{kind}-{size}.csv"
        if not path.exists():
            self.write(kind, size, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
        return path

    def write_packed(self, kind: str, size: int, target: Path) -> None:
        """A gzip file of so many bytes of text: the header, and the same rows again and again, each a member."""
        block = 100 * MB
        header, rows = self.made_up(kind, block).read_bytes().split(b"\n", 1)
        rows = gzip.compress(rows, 6)
        with target.open("wb") as out:
            out.write(gzip.compress(header + b"\n"))
            for _ in range(size // block):
                out.write(rows)


def install_peers(needed: bool) -> None:
    WORK.mkdir(exist_ok=True)
    if not needed:
        return
    wanted, done = ROOT / "benches/requirements.txt", WORK / "venv/.complete"
    if done.exists() and done.stat().st_mtime > wanted.stat().st_mtime:
        return
    with terminal.Step("Installing the peers into .peers/venv"):
        venv.create(WORK / "venv", clear=True, with_pip=True)
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", wanted], check=True)
        done.touch()


def lineitem(sf: str) -> Path:
    """TPC-H's largest table, at a scale factor; 1 is 6 million rows."""
    path = WORK / f"sf{sf}" / "lineitem.csv"
    if not path.exists():
        unfinished = path.parent.with_suffix(path.parent.suffix + ".part")
        make = [WORK / "venv/bin/tpchgen-cli", "csv", "-s", sf, "--tables=lineitem", f"--output-dir={unfinished}"]
        _quietly(f"Making TPC-H lineitem, SF {sf}", make)
        unfinished.rename(path.parent)
    return path


def packed(source: Path) -> Path:
    path = source.with_suffix(source.suffix + ".gz")
    if not path.exists():
        unfinished = path.with_suffix(".part")
        with source.open("rb") as text, gzip.open(unfinished, "wb", compresslevel=6) as out:
            shutil.copyfileobj(text, out, 1 << 20)
        unfinished.rename(path)
    return path


def _quietly(text: str, command: list) -> None:
    with terminal.Step(text):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise terminal.fail(f"{text} failed", done.stdout.decode(errors="replace")[-4000:])
