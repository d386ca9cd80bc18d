"""The local lake: MiniStack on 127.0.0.1 with the stack of template.yaml deployed into it.

    lake.py up     start it, or go on with the one that runs, and deploy what was built
    lake.py env    print the lines that point a shell at it
    lake.py down   stop what `up` started

LAKE_PORT chooses the port (4566), so that several lakes can run side by side. With --auth (AUTH=true) the lake
enforces IAM as AWS does, over HTTPS, because the template's policies refuse anything else. --ingest (INGEST) is the
template's parameter of this name; without it, that stays as it was.
"""

import argparse
import fcntl
import json
import os
import platform
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import terminal

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REGION = "us-east-1"
STACK = "cleanzone"
VAULT_STACK = "cleanzone-vault"
# What `env` says of the stack, where it has that.
EXPORTED = {
    "LANDING_BUCKET": "LandingBucketName",
    "CLEAN_BUCKET": "CleanBucketName",
    "FAILURE_QUEUE_URL": "FailureQueueUrl",
    "INGEST_QUEUE_URL": "IngestQueueUrl",
    "INGEST_DEAD_LETTER_QUEUE_URL": "IngestDeadLetterQueueUrl",
    "PROCESS_FILES_STATE_MACHINE_ARN": "ProcessFilesStateMachineArn",
}
# The same of the PII stack.
EXPORTED_BY_VAULT = {
    "PII_LANDING_BUCKET": "PiiLandingBucketName",
    "PII_CONFIG_BUCKET": "PiiConfigBucketName",
    "PII_FAILURE_QUEUE_URL": "FailureQueueUrl",
    "TOKEN_TABLE": "TokenTableName",
    "TOKENIZE_FUNCTION": "TokenizeFunctionName",
    "DETOKENIZE_FUNCTION": "DetokenizeFunctionName",
    "AUDIT_BUCKET": "AuditBucketName",
    "VAULT_KEY_ARN": "VaultKeyArn",
}
START_LIMIT = 60
STOP_LIMIT = 10
# A parameter's empty value, as sam wants it written.
EMPTY = '""'
ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")


# Whoever starts a lake on this machine waits here for his turn.
_TURNS = Path(tempfile.gettempdir()) / f"cleanzone-lake-{os.getuid()}.lock"


@dataclass(frozen=True)
class Lake:
    """One lake: its port, and the folder with its process id, log, certificate and temporary files."""

    port: int
    auth: bool = False

    @property
    def folder(self) -> Path:
        return ROOT / ".lake" / str(self.port)

    @property
    def log(self) -> Path:
        return self.folder / "ministack.log"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def _record(self) -> Path:
        return self.folder / "process.json"

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.auth else 'http'}://{HOST}:{self.port}"

    @property
    def client_environment(self) -> dict[str, str]:
        """What points the AWS SDKs and tools at this lake."""
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
        if self.auth:
            variables["AWS_CA_BUNDLE"] = str(self.certificate)
        return variables

    @classmethod
    def running(cls, port: int) -> "Lake | None":
        """The lake that an earlier `up` of this checkout left running on this port."""
        lake = cls(port)
        try:
            record = json.loads(lake._record.read_text())
            lake = cls(port, record["auth"])
            pid = record["pid"]
        except (OSError, ValueError, KeyError):
            return None
        return lake if _is_ministack(pid) and lake.health() is not None else None

    def health(self) -> dict | None:
        """What MiniStack says of itself; None where nothing, or something else, listens."""
        context = ssl.create_default_context(cafile=self.certificate) if self.auth else None
        try:
            url = f"{self.endpoint}/_ministack/health"
            with urllib.request.urlopen(url, timeout=5, context=context) as answer:  # noqa: S310 - our own address
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def start(self) -> dict:
        """Starts MiniStack and waits until it answers."""
        # MiniStack also takes port 443 where it may and finds it free; two that begin at once both do, and one dies.
        with _TURNS.open("w") as turns:
            fcntl.flock(turns, fcntl.LOCK_EX)
            return self._start()

    def _start(self) -> dict:
        self._refuse_busy_port()
        shutil.rmtree(self.folder, ignore_errors=True)
        scratch = self.folder / "tmp"
        scratch.mkdir(parents=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [ROOT / ".venv/bin/python", ROOT / "scripts/run_ministack.py"],
                cwd=self.folder,
                env=self._server_environment(scratch),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._record.write_text(json.dumps({"pid": process.pid, "auth": self.auth}))
        deadline = time.monotonic() + START_LIMIT
        while (health := self.health()) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise terminal.fail(f"MiniStack did not start; see {self.log}", _tail(self.log))
            time.sleep(0.05)
        return health

    def stop(self) -> bool:
        """Stops the process that `start` started, and no other. False where it had ended already."""
        try:
            pid = json.loads(self._record.read_text())["pid"]
        except (OSError, ValueError, KeyError):
            return False
        stopped = _is_ministack(pid)
        if stopped:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_LIMIT
            while _is_ministack(pid):
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)
        self._record.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        return stopped

    def deploy_vault(self) -> None:
        """Deploys the PII stack beside the lake, whose landing bucket it sends files on to."""
        self.deploy(VAULT_STACK, f"vault-{ARCHITECTURE}", LakeLandingBucketName=self.outputs["LandingBucketName"])

    def deploy(self, stack: str = STACK, build: str = ARCHITECTURE, **parameters: str) -> None:
        """Deploys what `assemble.py` or `sam build` left in .aws-sam; nothing changed is fine."""
        template = ROOT / ".aws-sam" / build / "template.yaml"
        if not template.exists():
            raise terminal.fail("nothing is built yet: run `make up`")
        parameters = {"Architecture": ARCHITECTURE, "EndpointUrl": self.endpoint} | parameters
        log = self.folder / f"deploy-{stack}.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [
                    *[ROOT / ".venv/bin/sam", "deploy", "--template-file", template, "--stack-name", stack],
                    *["--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"],
                    *["--no-fail-on-empty-changeset", "--no-progressbar", "--region", REGION],
                    *["--parameter-overrides", *(f"{name}={value or EMPTY}" for name, value in parameters.items())],
                ],
                cwd=self.folder,
                env=os.environ
                | self.client_environment
                | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5", "AWS_CONFIG_FILE": os.devnull},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise terminal.fail(f"`sam deploy` failed; see {log}", _tail(log))
        self.__dict__.pop("outputs", None)

    def client(self, service: str):
        """A boto3 client of this lake, whatever the caller's environment says."""
        import boto3  # noqa: PLC0415 - `down` needs to be quick, and boto3 is not
        from botocore.config import Config  # noqa: PLC0415

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - MiniStack's root key
            verify=str(self.certificate) if self.auth else None,
            config=Config(retries={"mode": "standard"}, s3={"addressing_style": "path"}),
        )

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the deployed stack, by name."""
        return self.outputs_of(STACK)

    def outputs_of(self, stack: str) -> dict[str, str]:
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def _refuse_busy_port(self) -> None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, self.port)) != 0:
                return
        whose = "a MiniStack that this checkout did not start" if self.health() else "another program"
        raise terminal.fail(
            f"port {self.port} is in use by {whose}. Stop it, or choose a port: make up LAKE_PORT={self.port + 1}"
        )

    def _server_environment(self, scratch: Path) -> dict[str, str]:
        # Nothing of the caller's AWS settings: functions inherit MiniStack's environment.
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(scratch),
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # What a state machine waits before it tries again takes a hundredth of the time here.
            "SFN_WAIT_SCALE": "0.01",
        }
        if self.auth:
            key = self.folder / "key.pem"
            _make_certificate(self.certificate, key)
            variables |= {
                "AUTH": "true",
                # Who called what, so that a test can tell which permissions are used.
                "CLOUDTRAIL_RECORDING": "1",
                "USE_SSL": "1",
                "MINISTACK_SSL_CERT": str(self.certificate),
                "MINISTACK_SSL_KEY": str(key),
                # So that the functions trust it too.
                "SSL_CERT_FILE": str(self.certificate),
            }
        return variables


def _make_certificate(certificate: Path, key: Path) -> None:
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=local lake"],
            *["-keyout", key, "-out", certificate],
            *["-addext", f"subjectAltName=IP:{HOST},DNS:localhost"],
            *["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"],
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)


def _is_ministack(pid: int) -> bool:
    """Whether this process lives and is MiniStack: a process id may have passed to another program."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours stays a zombie until it is waited for
    # Without -ww a long command is cut off where COLUMNS is set, as some libraries do.
    seen = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, command = seen.stdout.strip().partition(" ")
    return "ministack" in command and not state.startswith("Z")


def _tail(file: Path, lines: int = 25) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])


def up(port: int, auth: bool, ingest: str) -> Lake:
    lake = Lake.running(port)
    if lake is not None and lake.auth != auth:
        is_, other = ("enforces", "`make up`") if lake.auth else ("does not enforce", "`make up AUTH=true`")
        raise terminal.fail(f"the lake on port {port} {is_} IAM; `make down` before {other}")
    terminal.title("cleanzone", "the local lake" + (", with IAM enforced" if auth else ""))
    with terminal.Step("Starting MiniStack") as step:
        if lake is None:
            lake = Lake(port, auth)
            lake.start()
            step.text = f"MiniStack listens on {lake.endpoint}"
        else:
            step.text = f"MiniStack already listens on {lake.endpoint}"
    with terminal.Step(f"Deploying the stack {STACK}") as step:
        lake.deploy(**({"Ingest": ingest} if ingest else {}))
        step.text = f"Stack {STACK} is deployed"
    with terminal.Step(f"Deploying the stack {VAULT_STACK}") as step:
        lake.deploy_vault()
        step.text = f"Stack {VAULT_STACK} is deployed"
    return lake


def print_environment(lake: Lake) -> None:
    outputs = {name: lake.outputs[output] for name, output in EXPORTED.items() if output in lake.outputs}
    found = lake.outputs_of(VAULT_STACK)
    outputs |= {name: found[output] for name, output in EXPORTED_BY_VAULT.items() if output in found}
    for name, value in (lake.client_environment | outputs).items():
        print(f"export {name}={value}")
    # For cargo lambda; last, so that nothing of the shell's own is hidden.
    print(f'export PATH="$PATH":{shlex.quote(str(ROOT / ".venv/bin"))}')


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("command", choices=["up", "env", "down"])
    arguments.add_argument("--port", type=int, default=int(os.environ.get("LAKE_PORT") or 4566))
    arguments.add_argument("--auth", action="store_true", default=os.environ.get("AUTH", "").lower() == "true")
    arguments.add_argument("--ingest", default=os.environ.get("INGEST", ""), help="how files come in")
    chosen = arguments.parse_args()
    match chosen.command:
        case "up":
            lake = up(chosen.port, chosen.auth, chosen.ingest)
            print()
            print_environment(lake)
        case "env":
            lake = Lake.running(chosen.port)
            if lake is None:
                raise terminal.fail(f"no lake runs on port {chosen.port}: `make up`")
            print_environment(lake)
        case "down":
            stopped = Lake(chosen.port).stop()
            print(f"The lake on port {chosen.port} {'is stopped' if stopped else 'was not running'}.")


if __name__ == "__main__":
    sys.exit(main())
