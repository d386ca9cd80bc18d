"""Many datasets in one `lake.toml`: what it takes to read them, in a process that does nothing else."""

import statistics

import terminal

from harness.process import measured
from harness.tools import WORK, Programs

COUNTS = (1_000, 10_000, 50_000)
DATASET = """\
[[dataset]]
match = "tenant_{0}/orders/**"
database = "sales"
table = "orders_{0}"
mode = "append"
partition_by = ["country", "month(ordered) as month"]
columns.zip = {{ type = "string" }}
columns.ordered = {{ type = "date", date_format = "%d.%m.%Y" }}
columns.mail = {{ pii = "token" }}

"""


def rules(programs: Programs, runs: int) -> dict:
    """`cleanzone check`, which also looks for datasets that never apply; medians."""
    figures, path = {}, WORK / "lake.toml"
    for count in COUNTS:
        path.write_text("".join(DATASET.format(number) for number in range(count)))
        title = f"lake.toml of {count:,} datasets"
        with terminal.Step(title) as step:
            command = [programs.cleanzone, "check", path, "--key", f"s3://b/tenant_{count - 1}/orders/1.csv"]
            costs = [measured(command) for _ in range(runs)]
            wall, peak = (statistics.median(getattr(cost, of) for cost in costs) for of in ("wall", "peak"))
            step.text = f"{title}: {wall:.2f} s, {peak:.0f} MiB"
        figures[f"{count}"] = {"wall_s": wall, "peak_mib": peak, "bytes": path.stat().st_size}
    path.unlink()
    return figures
