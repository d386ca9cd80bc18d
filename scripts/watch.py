"""Runs csv-to-parquet from source, rebuilt on every change, and lets the local lake send its events there.

While this runs, an upload to the landing bucket reaches the code being edited, and so does
`cargo lambda invoke csv-to-parquet --data-file events/s3-put.json` from another shell.
"""

import os
import socket
import subprocess
from contextlib import suppress

import terminal
from lake import HOST, ROOT, Lake

FUNCTION = "csv-to-parquet"
# Whatever calls the function calls this alias, so it has to point at a version that hands its events on.
ALIAS = "live"
PORT = 9000
# MiniStack hands the invocations of a function with this variable to the URL in it.
PROXY = "MINISTACK_LAMBDA_PROXY_URL"


def loopback() -> str:
    """Where to listen: `cargo lambda invoke` looks at ::1 unless told, but not every machine has it."""
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return "::1"
    return HOST


def main() -> None:
    lake = Lake.running(int(os.environ.get("LAKE_PORT") or 4566))
    if lake is None:
        raise terminal.fail("no lake runs here: `make up`")
    functions = lake.client("lambda")
    name = lake.outputs["CsvToParquetFunctionName"]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables.pop(PROXY, None)

    deployed = functions.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]

    def send_events_to(proxy: dict[str, str]) -> None:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables | proxy})
        version = functions.publish_version(FunctionName=name)["Version"] if proxy else deployed
        functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)

    address = loopback()
    url = f"http://{f'[{address}]' if ':' in address else address}:{PORT}/2015-03-31/functions/{FUNCTION}/invocations"
    terminal.title(f"Watching {FUNCTION}", f"every event of s3://{lake.outputs['LandingBucketName']} comes here")
    send_events_to({PROXY: url})
    try:
        subprocess.run(
            [
                ROOT / ".venv/bin/cargo-lambda",
                "lambda",
                "watch",
                "--bin",
                FUNCTION,
                "--invoke-address",
                address,
                "--invoke-port",
                str(PORT),
            ],
            cwd=ROOT,
            env=os.environ | variables | lake.client_environment | {"AWS_LAMBDA_LOG_FORMAT": "Text"},
            check=False,
        )
    except KeyboardInterrupt:
        pass
    finally:
        send_events_to({})
        print("\nThe local lake runs the deployed function again.")


if __name__ == "__main__":
    main()
