"""Many small files into one table: whether a file costs more the more there have been."""

import random

import terminal

from harness.buckets import LOG
from harness.function import Function
from harness.process import FailedError
from harness.tap import Tap
from harness.tools import Programs
from harness.zones import CLEAN, LANDING, Zones

ROWS, PARTITIONS = 1000, 365
# Different texts; each is used again and again, under other keys.
TEXTS = 20
FOLDER = "many/orders"


def many(programs: Programs, zones: Zones, files: int) -> dict:
    """Files of 1,000 rows into one table with 365 partitions, through one warm function, one after the other.

    Figures are for each tenth of the files. The function's own CPU tells more than the wall, in which the lake's
    share is, and the tap's.
    """
    texts = [_text(random.Random(seed)) for seed in range(TEXTS)]  # noqa: S311 - nothing secret
    step, tenths = files // 10, []
    title = f"{files:,} files of {ROWS:,} rows into {PARTITIONS} partitions"
    with terminal.Step(title) as progress, Tap(zones.environment["AWS_ENDPOINT_URL"]) as tap:
        environment = zones.environment | {"AWS_ENDPOINT_URL": tap.endpoint}
        with Function([programs.bootstrap], environment, LOG) as function:
            for first in range(0, files, step):
                progress.text = f"{title}: {first:,}"
                keys = [_key(number) for number in range(first, first + step)]
                events = [zones.upload(key, texts[number % TEXTS]) for number, key in enumerate(keys)]
                tap.take()
                costs = [function.invoke(event) for event in events]
                glue, s3, _ = tap.take()
                tenths.append(
                    {
                        "files": first + step,
                        "wall_s": sum(wall for wall, _ in costs),
                        "cpu_s": sum(cpu for _, cpu in costs),
                        "glue": dict(glue),
                        "s3": dict(s3),
                        "peak_mib": function.peak,
                    }
                )
                # The lake keeps all objects in memory.
                for key in keys:
                    zones.s3.delete_object(Bucket=LANDING, Key=key)
        progress.text = title
    written = len(zones.files(FOLDER))
    if written != files:
        raise FailedError(f"{written} Parquet files in {CLEAN}/{FOLDER} of {files}; see {LOG}")
    titles = ["files", "wall s", "CPU s", "Glue calls a file", "S3 requests a file", "peak MiB"]
    terminal.table(titles, [_row(tenth, step) for tenth in tenths])
    return {"files": files, "tenths": tenths}


def _row(tenth: dict, step: int) -> list[str]:
    calls = [f"{sum(tenth[service].values()) / step:.2f}" for service in ("glue", "s3")]
    return [
        f"{tenth['files']:,}",
        f"{tenth['wall_s']:.1f}",
        f"{tenth['cpu_s']:.1f}",
        *calls,
        f"{tenth['peak_mib']:.0f}",
    ]


def _key(number: int) -> str:
    # All partitions come up early, and in no order.
    day = number * 97 % PARTITIONS
    return f"{FOLDER}/month={day // 31 + 1}/day={day % 31 + 1}/part-{number:05}.csv"


def _text(rng: random.Random) -> bytes:
    lines = ["order_id,customer,amount,ordered_at,note"]
    lines += [
        f"{rng.randrange(10**9)},{rng.randrange(10**5)},{rng.randrange(10**5) / 100:.2f},"
        f"2026-{rng.randrange(12) + 1:02}-{rng.randrange(28) + 1:02} {rng.randrange(24):02}:00:00,"
        f"note {rng.randrange(100)}"
        for _ in range(ROWS)
    ]
    return ("\n".join(lines) + "\n").encode()
