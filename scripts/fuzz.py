"""Fuzzes what reads bytes from outside: builds the targets of `fuzz/`, and lets libFuzzer try inputs for a while.

    fuzz.py                           each target for a minute
    fuzz.py --seconds 3600 read       one target for an hour
    fuzz.py --seconds 20 --bounded    what `make test` does: two targets at a time, from the seeds alone
    fuzz.py read FILE…                tries these files and nothing else: what was found before, or any file

Needs no nightly compiler and no cargo-fuzz; with both, `cargo fuzz run read fuzz/corpus/read fuzz/seeds/read` does much
the same, and with stable Rust `-s none` behind `run`. Inputs that reached something new are kept in fuzz/corpus, those
that made a target fail in fuzz/artifacts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import terminal

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "fuzz"
BUILT = ROOT / "target/fuzz"
TARGETS = ("read", "charset", "archive")

# An input is at most 4 KiB, so what takes longer or more has gone wrong.
LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=4096")


def build() -> None:
    if not shutil.which(os.environ.get("CXX", "c++")):
        sys.exit("error: libFuzzer is compiled first, and needs a C++ compiler: install g++ or clang, or set CXX")
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", FUZZ / "Cargo.toml"]
    subprocess.run(
        [*command, "--target-dir", BUILT],
        env=os.environ | {"RUSTC_WRAPPER": str(FUZZ / "rustc")},
        check=True,
    )


def fuzz(target: str, seconds: int, *, bounded: bool) -> str | None:
    """Lets libFuzzer try inputs, and tells what it says of one that fails."""
    artifacts = FUZZ / "artifacts" / target
    artifacts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as nothing:
        corpus = Path(nothing) if bounded else FUZZ / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        command = [BUILT / "release" / target, *LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={artifacts}/"]
        # A change should not fail for what it has nothing to do with, so it meets the same inputs as the one before.
        command += ["-seed=1"] if bounded else []
        dictionary = FUZZ / f"{target}.dict"
        command += [f"-dict={dictionary}"] if dictionary.exists() else []
        begun = time.monotonic()
        done = run([*command, corpus, FUZZ / "seeds" / target])
    if done.returncode:
        return done.stderr
    lines = done.stderr.splitlines()
    runs = next((line.split()[1] for line in lines if line.startswith("Done ")), "?")
    covered = next((line.partition("cov: ")[2].split()[0] for line in reversed(lines) if "cov: " in line), "?")
    print(f"fuzz {target}: {runs} inputs in {time.monotonic() - begun:.0f} s, {covered} branches", flush=True)
    return None


def replay(target: str, files: list[Path]) -> str | None:
    done = run([BUILT / "release" / target, *LIMITS, *files])
    if done.returncode:
        return done.stderr
    print(f"fuzz {target}: {len(files)} files, none fails")
    return None


def gist(text: str) -> str:
    """Of what libFuzzer says when a target fails: why, where in our own code, and which input it was."""
    gist = []
    panic = False
    for line in text.splitlines():
        panic = (panic or line.startswith("thread '")) and not line.startswith("stack backtrace")
        ours = line.lstrip().startswith(("at ./", "at src/", "at fuzz_targets/"))
        if panic or ours or "ERROR: libFuzzer" in line or "Test unit written" in line or line.startswith("Base64"):
            gist.append(line[:2000])
    running = [line for line in text.splitlines() if line.startswith("Running: ")]
    return "\n".join(gist + running[-1:])


def run(command: list) -> subprocess.CompletedProcess:
    env = os.environ | {"RUST_BACKTRACE": "1"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, errors="replace", check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", nargs="?", choices=TARGETS, help="all, unless told")
    parser.add_argument("files", nargs="*", type=Path, help="try these alone")
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs")
    parser.add_argument("--bounded", action="store_true", help="the same inputs each time, and nothing is kept")
    asked = parser.parse_args()

    build()
    targets = [asked.target] if asked.target else TARGETS
    if asked.files:
        told = {asked.target: replay(asked.target, [file.resolve() for file in asked.files])}
    else:
        # The reader has threads of its own.
        with ThreadPoolExecutor(max_workers=min(len(targets), max(1, (os.cpu_count() or 1)))) as pool:
            all_told = pool.map(lambda target: fuzz(target, asked.seconds, bounded=asked.bounded), targets)
            told = dict(zip(targets, all_told, strict=True))
    failed = {target: text for target, text in told.items() if text}
    for target, text in failed.items():
        print(gist(text), file=sys.stderr)
        print(terminal.red(f"fuzz {target}: failed") + f"; again: make fuzz TARGET={target} FILES=<that file>")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
