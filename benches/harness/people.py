"""Personal data into tokens: with a vault in memory, and with the one that the function has, on a local lake."""

import json
import shutil
import subprocess
from pathlib import Path

import terminal

from harness.buckets import LOG
from harness.function import Function
from harness.process import FailedError
from harness.tap import Tap
from harness.tools import WORK, Programs
from harness.zones import CLEAN, LANDING, Zones

RULES = """\
[[dataset]]
match = "**"

[dataset.columns]
email.pii = { method = "token", type = "email" }
phone.pii = { method = "token", type = "phone" }
full_name.pii = { method = "token", type = "name" }
"""
# What each person has that becomes a token.
COLUMNS = 3
FOLDER = "crm/orders"


def in_memory(programs: Programs, rows: int, people: int, runs: int) -> dict:
    """File to file in one process, with a table in its own memory: what the function itself takes.

    Two files, with the same people in another order.
    """
    title = f"{rows:,} rows, {COLUMNS * people:,} different values into tokens, vault in memory"
    folder = WORK / "tokenize"
    best: list[dict] = []
    try:
        with terminal.Step(title) as progress:
            keys = [_original(programs, folder / "pii", rows, people, order) for order in (1, 2)]
            (folder / "lake.toml").write_text(RULES)
            for run in range(runs):
                progress.text = f"{title}: {run + 1} of {runs}"
                shutil.rmtree(folder / "lake", ignore_errors=True)
                (folder / "lake").mkdir()
                files = _run([programs.tokenize, folder, "0", *keys])
                if not best or files[0]["wall_s"] < best[0]["wall_s"]:
                    best = files
            progress.text = f"{title}, best of {runs}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures = dict(zip(("first file", "second file"), best, strict=True))
    for file in figures.values():
        file["rows_per_s"] = file["rows"] / file["wall_s"]
        file["peak_without_table_mib"] = file["peak_mib"] - file["table_mib"]
    titles = {
        "rows/s": "rows_per_s",
        "wall s": "wall_s",
        "CPU s": "cpu_s",
        "peak MiB": "peak_mib",
        "less table": "peak_without_table_mib",
        "reads": "reads",
        "writes": "inserts",
    }
    _show(figures, titles)
    return figures


def on_the_lake(programs: Programs, zones: Zones, rows: int, people: int) -> dict:
    """The function itself, bucket to bucket, with DynamoDB and KMS; the lake works on the same cores."""
    title = f"{rows:,} rows, {COLUMNS * people:,} different values into tokens, S3 to S3 with DynamoDB"
    figures = {}
    with terminal.Step(title) as progress, Tap(zones.environment["AWS_ENDPOINT_URL"]) as tap:
        environment = zones.environment | _vault(zones) | {"AWS_ENDPOINT_URL": tap.endpoint}
        folder = WORK / "tokenize"
        try:
            keys = [_original(programs, folder, rows, people, order) for order in (1, 2)]
            events = {key: zones.upload(key, folder / key) for key in keys}
            again = f"{FOLDER}/again.csv"
            events[again] = zones.upload(again, folder / keys[1])
        finally:
            shutil.rmtree(folder, ignore_errors=True)

        def invoke(name: str, function: Function, key: str) -> None:
            progress.text = f"{title}: {name}"
            tap.take()
            wall, cpu = function.invoke(events[key])
            calls = tap.take().dynamodb
            copies = zones.s3.list_objects_v2(Bucket=CLEAN, Prefix=key)
            if not copies["KeyCount"]:
                raise FailedError(f"nothing was sent on; see {LOG}")
            figures[name] = {
                "rows_per_s": rows / wall,
                "wall_s": wall,
                "cpu_s": cpu,
                "peak_mib": function.peak,
                "reads": calls["BatchGetItem"],
                "writes": calls.total() - calls["BatchGetItem"],
                "dynamodb": dict(calls),
            }

        command = [programs.tokenizer]
        with Function(command, environment, LOG) as function:
            invoke("first file", function, keys[0])
            invoke("second file", function, keys[1])
        with Function(command, environment, LOG) as function:
            invoke("new process", function, again)
        progress.text = title
    zones.empty(FOLDER)
    titles = ["rows_per_s", "wall_s", "cpu_s", "peak_mib", "reads", "writes"]
    _show(figures, dict(zip(["rows/s", "wall s", "CPU s", "peak MiB", "reads", "writes"], titles, strict=True)))
    values, calls = COLUMNS * people, figures["first file"]
    if calls["reads"] > values / 25 or calls["writes"] > values:
        raise FailedError(f"{calls['reads']} reads and {calls['writes']} writes of DynamoDB for {values} values")
    for name, file in figures.items():
        if file["writes"] and name != "first file":
            raise FailedError(f"{file['writes']} writes of DynamoDB for people who were there before")
    return figures


def _original(programs: Programs, folder: Path, rows: int, people: int, order: int) -> str:
    """Writes a file with personal data; the same people in an order of its own."""
    key = f"{FOLDER}/{order}.csv"
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        subprocess.run([programs.generate, "people", str(rows), str(people), str(order)], stdout=out, check=True)
    return key


def _run(command: list) -> list[dict]:
    """One process; it tells of each file in a line."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise FailedError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _vault(zones: Zones) -> dict[str, str]:
    """Makes a vault; what the function needs to know of it."""
    table = "bench-tokens"
    zones.client("dynamodb").create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    key = zones.client("kms").create_key()["KeyMetadata"]["KeyId"]
    zones.s3.put_object(Bucket=LANDING, Key="_cleanzone/lake.toml", Body=RULES.encode())
    config = f"s3://{LANDING}/_cleanzone/lake.toml"
    return {"TOKEN_TABLE": table, "VAULT_KEY": key, "LAKE_CONFIG": config, "LAKE_LANDING_BUCKET": CLEAN}


def _show(figures: dict[str, dict], titles: dict[str, str]) -> None:
    def cell(value: float) -> str:
        return f"{value:,.2f}" if value < 10 and isinstance(value, float) else f"{value:,.0f}"

    rows = [[name, *[cell(file[of]) for of in titles.values()]] for name, file in figures.items()]
    terminal.table(["", *titles], rows)
