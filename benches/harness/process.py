"""What a whole process costs, by the operating system's own accounting."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

MIB = 1 << 20


class FailedError(Exception):
    """A measured program ended with an error; its message is the last line it wrote."""


@dataclass(frozen=True)
class Cost:
    wall: float  # seconds
    cpu: float  # seconds, all threads, user and system
    peak: float  # MiB of resident memory


def measured(command: list, environment: dict[str, str] | None = None) -> Cost:
    """Runs a program to its end. Its standard output is not looked at.

    A small process stands in between: Linux counts into a program's peak what its parent held when it forked.
    """
    between = [sys.executable, "-I", "-S", __file__, *map(str, command)]
    done = subprocess.run(between, env=environment, capture_output=True, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise FailedError(lines[-1] if lines else f"exit status {done.returncode}")
    return Cost(**json.loads(done.stdout))


def peak_of(pid: int) -> float:
    """The peak of a process that lives, MiB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process that lives has used."""
    with open(f"/proc/{pid}/stat") as stat:
        # The name, which comes second, may have blanks in it, but ends with the last bracket.
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _between(command: list[str]) -> int:
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    print(json.dumps({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024 / MIB}))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_between(sys.argv[1:]) != 0)
