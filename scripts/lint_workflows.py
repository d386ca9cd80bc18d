"""Checks the state machines of workflows/: the language, as CloudFormation's linter knows it, and our own rules.

- Only what may pass is tried again: by our own names of transient errors, and the services' names of theirs.
- Each try waits longer than the last, by chance, and within a limit.
- Whatever fails is caught, and every state can be reached.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import terminal

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "shared/error/src/lib.rs"
# A service that is throttled, out of order or out of reach. What AWS has no name for, it names after its client.
OF_SERVICES = re.compile(
    r"Lambda\.(TooManyRequests|Service|AWSLambda|SdkClient)Exception"
    r"|SNS\.(InternalError|Throttled|KMSThrottling|AmazonSNS|SdkClient)Exception"
    r"|SQS\.(AmazonSQS|SdkClient)Exception"
    r"|StepFunctions\.(Throttling|ExecutionLimitExceeded|AWSStepFunctions|SdkClient)Exception"
)
# A failure to keep an event is for the alarm alone: there is nowhere left to put it.
UNCAUGHT = {("start-process-file.asl.json", "Keep Event")}


def transient() -> set[str]:
    return set(re.findall(r"^    (\w+): transient\b", NAMES.read_text(), re.MULTILINE))


def complaints(file: str, machine: dict, ours: set[str]) -> Iterator[str]:
    states = machine["States"]
    targets = {machine["StartAt"]}
    for name, state in states.items():
        branches = [*state.get("Choices", []), *state.get("Catch", [])]
        targets |= {state.get("Next"), state.get("Default"), *(branch["Next"] for branch in branches)}
        for retrier in state.get("Retry", []):
            for error in retrier["ErrorEquals"]:
                if error not in ours and not OF_SERVICES.fullmatch(error):
                    yield f"{name}: {error} is tried again, and is not known to pass"
            if retrier.get("JitterStrategy") != "FULL" or retrier.get("BackoffRate", 0) <= 1:
                yield f"{name}: {retrier['ErrorEquals']} are tried again without backoff or jitter"
            if not 0 < retrier.get("MaxDelaySeconds", 0) <= 300 or not 0 < retrier.get("MaxAttempts", 0) <= 12:
                yield f"{name}: {retrier['ErrorEquals']} are tried again without a limit"
        if state["Type"] != "Task":
            continue
        if not state.get("Retry"):
            yield f"{name}: nothing is tried again"
        caught = [error for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]]
        if "States.ALL" not in caught and (file, name) not in UNCAUGHT:
            yield f"{name}: not everything is caught"
        if ":lambda:" in state["Resource"]:
            tried = {error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]}
            yield from (f"{name}: {error} may pass, and is not tried again" for error in sorted(ours - tried))
    targets.discard(None)
    yield from (f"{name} cannot be reached" for name in sorted(states.keys() - targets))
    yield from (f"{name} does not exist" for name in sorted(targets - states.keys()))


def lint(files: list[Path]) -> str:
    """What cfn-lint says of them, in a template made for it."""
    resources = {
        re.sub(r"\W", "", file.name): {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": "arn:aws:iam::111122223333:role/role",
                # The linter knows no partition but this one.
                "Definition": json.loads(file.read_text().replace("${Partition}", "aws")),
                "DefinitionSubstitutions": {
                    name: "value" for name in sorted(set(re.findall(r"\$\{(\w+)\}", file.read_text())))
                },
            },
        }
        for file in files
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as template:
        json.dump({"Resources": resources}, template)
        template.flush()
        done = subprocess.run(["cfn-lint", "--", template.name], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def main() -> None:
    files = sorted((ROOT / "workflows").glob("*.asl.json"))
    ours = transient()
    if not files or not ours:
        raise terminal.fail("there are no workflows, or no transient errors")
    said = [
        f"{file.relative_to(ROOT)}: {complaint}"
        for file in files
        for complaint in complaints(file.name, json.loads(file.read_text()), ours)
    ]
    said += [text for text in [lint(files).strip()] if text]
    if said:
        raise terminal.fail("the workflows are not right", "\n".join(said))


if __name__ == "__main__":
    sys.exit(main())
