"""The ways in: each deployed as a stack of its own, beside the others, with keys of its own to look at."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lake import Lake
from zone import Upload, Zone

WAYS = ["direct", "queue", "workflow"]
# What each stack watches. The workflow has no prefix, so that its rule has to exclude what is in quarantine.
PREFIXES = {"direct": "incoming/", "queue": "incoming/", "workflow": ""}

# Of another account, which one of the stacks takes files from.
TOKENIZER = "arn:aws:iam::111122223333:role/tokenize-pii"


@dataclass(frozen=True)
class Way:
    """One way in, and the keys that it looks at."""

    name: str
    zone: Zone
    prefix: str

    @property
    def stack(self) -> str:
        return f"cleanzone-{self.name}"

    def land(self, key: str, body: bytes | str) -> Upload:
        return self.zone.land(self.prefix + key, body)

    def convert(self, key: str, body: bytes | str) -> dict:
        return self.zone.converted(self.land(key, body))


def parameters(name: str) -> dict[str, str]:
    """Of the stack of this way."""
    return {
        "EnvironmentName": f"by{name}",
        "Ingest": name,
        "IngestPrefix": PREFIXES[name],
        "QuarantineInvalid": "false" if name == "direct" else "true",
        "TokenizeRoleArn": TOKENIZER if name == "queue" else "",
    }


def deploy(lake: Lake) -> dict[str, Way]:
    def stack(name: str) -> Way:
        lake.deploy(f"cleanzone-{name}", **parameters(name))
        return Way(name, Zone(lake, f"cleanzone-{name}"), PREFIXES[name])

    with ThreadPoolExecutor() as crowd:
        return dict(zip(WAYS, crowd.map(stack, WAYS), strict=True))


@dataclass(frozen=True)
class Execution:
    """One execution of a state machine that has ended."""

    arn: str
    status: str
    input: dict
    output: dict | None
    error: str
    cause: str
    client: Any = field(repr=False)

    @cached_property
    def _history(self) -> list[dict]:
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=self.arn)
        return [event for page in pages for event in page["events"]]

    @property
    def states(self) -> list[tuple[str, dict]]:
        """The names of its states, and what each made, in their order."""
        left = [e["stateExitedEventDetails"] for e in self._history if "stateExitedEventDetails" in e]
        return [(state["name"], json.loads(state["output"])) for state in left]

    @property
    def failures(self) -> list[str]:
        """The errors that its tasks ended with, each time they were tried."""
        return [e["taskFailedEventDetails"]["error"] for e in self._history if "taskFailedEventDetails" in e]


@dataclass
class Workflow:
    """The executions of the deployed state machine, or of a copy of it."""

    zone: Zone
    machine: str = ""
    _ended: dict[str, Execution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = self.zone.client("stepfunctions")
        self.machine = self.machine or self.zone.outputs["ProcessFilesStateMachineArn"]

    def start(self, event: dict) -> Execution:
        arn = self.client.start_execution(stateMachineArn=self.machine, input=json.dumps(event))["executionArn"]
        return self.zone.until("the execution ends", lambda: self._end(arn))

    def copy(self, name: str, **changes: str) -> "Workflow":
        """The same state machine with other functions, or whatever else its definition names."""
        deployed = self.client.describe_state_machine(stateMachineArn=self.machine)
        definition = deployed["definition"]
        for text, other in changes.items():
            assert text in definition, f"the state machine does not say {text}"
            definition = definition.replace(text, other)
        made = self.client.create_state_machine(
            name=name, definition=definition, roleArn=deployed["roleArn"], type=deployed["type"]
        )
        return Workflow(self.zone, made["stateMachineArn"])

    def all_of(self, prefix: str) -> list[Execution]:
        """Every execution so far for a key that begins so; waits for their ends."""
        pages = self.client.get_paginator("list_executions").paginate(stateMachineArn=self.machine)
        arns = [execution["executionArn"] for page in pages for execution in page["executions"]]
        ended = [self.zone.until("the execution ends", lambda arn=arn: self._end(arn)) for arn in arns]
        return [execution for execution in ended if execution.input.get("key", "").startswith(prefix)]

    def of(self, upload: Upload) -> Execution:
        """The one execution for this object."""
        [execution] = self.zone.until(f"{upload.uri} has an execution", lambda: self.all_of(upload.key))
        return execution

    def _end(self, arn: str) -> Execution | None:
        if arn in self._ended:
            return self._ended[arn]
        now = self.client.describe_execution(executionArn=arn)
        if now["status"] == "RUNNING":
            return None
        self._ended[arn] = Execution(
            arn=arn,
            status=now["status"],
            input=json.loads(now["input"]),
            output=json.loads(now["output"]) if now["status"] == "SUCCEEDED" else None,
            error=now.get("error", ""),
            cause=now.get("cause", ""),
            client=self.client,
        )
        return self._ended[arn]
