"""Asks the vault for what tokens stand for, and proves who asks.

    detokenize.py resolve --purpose fraud-investigation tok1_… tok1_…
    detokenize.py resolve --purpose fraud-investigation - < tokens
    detokenize.py resolve --purpose fraud-investigation --scope crm --type email --values < encrypted
    detokenize.py resolve --purpose product-recall --object s3://landing/crm/users/1.csv --columns email,phone
    detokenize.py forget --purpose erasure tok1_…
    detokenize.py forget --purpose erasure --scope crm --type email --values < addresses
    detokenize.py rotate --purpose yearly-rotation

With - tokens, and with --values values, are read from standard input, one a line: what is on the command line,
everybody on the machine can read. A column of --columns is a name, or name:scope:type[:alphabet] where a method has
encrypted it.

The function is DETOKENIZE_FUNCTION, or --function: its name, or its ARN where it is in another region or account. The
proof is a presigned URL of STS GetCallerIdentity; in a header that is signed it names the function and the SHA-256 of
the request, so that it is worth nothing for anything else. Answers are printed as JSON.

Ends with 0 if everything came back, 3 if only a part did, 1 if the call was refused or failed, and 2 if it was asked
wrongly.
"""

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterable
from typing import NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import ServiceId
from botocore.signers import RequestSigner

HEADER = "x-cleanzone-vault"
# How long a proof holds at least, and at most, which is as long as the function takes it.
SECONDS, LONGEST = 60, 300
MOST = 1000
FINE, FAILED, WRONG, PARTLY = 0, 1, 2, 3
# What becomes of tokens and values, if all is well.
DONE = {"resolved", "forgotten"}


class Function(NamedTuple):
    """What `--function` says."""

    name: str
    region: str | None
    qualifier: str | None

    @classmethod
    def of(cls, text: str) -> "Function":
        """`name`, `name:qualifier` or an ARN with or without a qualifier."""
        parts = text.split(":")
        if parts[0] != "arn":
            return cls(parts[0], None, parts[1] if len(parts) > 1 else None)
        if len(parts) not in {7, 8} or parts[2] != "lambda" or parts[5] != "function":
            raise ValueError("expected the name or ARN of a Lambda function")
        return cls(parts[6], parts[3], parts[7] if len(parts) > 7 else None)


class RefusedError(Exception):
    """The function gave an error instead of an answer."""


def region(session: boto3.Session, function: str) -> str:
    """Where the function is: STS is asked there."""
    found = Function.of(function).region or session.region_name
    if not found:
        raise ValueError("name the region: AWS_REGION, or the function's ARN")
    return found


def endpoint(session: boto3.Session, name: str) -> str:
    """The STS of a region, or of a local lake."""
    configured = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL")
    if configured:
        return configured.rstrip("/")
    suffix = "amazonaws.com.cn" if session.get_partition_for_region(name) == "aws-cn" else "amazonaws.com"
    return f"https://sts.{name}.{suffix}"


def header(function: str, request: str) -> str:
    """What is signed besides: this function, this request."""
    return f"{Function.of(function).name};{hashlib.sha256(request.encode()).hexdigest()}"


def proof(session: boto3.Session, function: str, request: str) -> str:
    """A URL that tells whoever opens it, with the header, who the session is. `request` is the text that is sent."""
    where = region(session, function)
    credentials = session.get_credentials()
    if credentials is None:
        raise ValueError("there are no AWS credentials")
    signer = RequestSigner(ServiceId("STS"), where, "sts", "v4", credentials, session.events)
    asked = {
        "method": "GET",
        "url": f"{endpoint(session, where)}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {HEADER: header(function, request)},
        "context": {},
    }
    # A proof is taken once, and two of one request in one second would be the same but for this.
    seconds = SECONDS + secrets.randbelow(LONGEST - SECONDS)
    return signer.generate_presigned_url(asked, region_name=where, expires_in=seconds, operation_name="")


def call(session: boto3.Session, function: str, request: dict) -> tuple[dict, bool]:
    """The function's answer, and whether it is one: otherwise it is the error."""
    text = json.dumps(request)
    payload = json.dumps({"request": text, "proof": proof(session, function, text)})
    # A proof is taken once, so that trying again by itself would be refused.
    config = Config(retries={"total_max_attempts": 1}, read_timeout=910)
    client = session.client("lambda", region_name=region(session, function), config=config)
    qualifier = Function.of(function).qualifier or "live"
    name = function.removesuffix(f":{qualifier}")
    answer = client.invoke(FunctionName=name, Qualifier=qualifier, Payload=payload)
    return json.load(answer["Payload"]), "FunctionError" not in answer


def column(text: str) -> str | dict:
    """A column of `--columns`."""
    parts = text.split(":")
    if len(parts) == 1:
        return text
    if len(parts) not in {3, 4}:
        raise ValueError("a column is a name, or name:scope:type[:alphabet]")
    return dict(zip(("name", "scope", "type", "alphabet"), parts, strict=False))


def located(uri: str, version: str | None) -> dict:
    """An object as the function wants it named."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValueError("an object is s3://<bucket>/<key>")
    return {"bucket": bucket, "key": key} | ({"version_id": version} if version else {})


def lines(source: Iterable[str]) -> list[str]:
    """One item a line; empty lines are none."""
    return [text for text in (line.rstrip("\r\n") for line in source) if text]


def requests(chosen: argparse.Namespace, source: Iterable[str]) -> list[dict]:
    """What has to be asked, in calls that are not too large. No error repeats a token or value."""
    request = {"action": chosen.action, "purpose": chosen.purpose}
    field = {name: value for name, value in (("scope", chosen.scope), ("type", chosen.type)) if value}
    if chosen.alphabet:
        field["alphabet"] = chosen.alphabet
    if chosen.object:
        if chosen.tokens or chosen.values or field or not chosen.columns:
            raise ValueError("--object goes with --columns, and with nothing else")
        columns = [column(text) for text in chosen.columns.split(",")]
        return [request | {"object": located(chosen.object, chosen.version_id), "columns": columns}]
    if chosen.columns or chosen.version_id:
        raise ValueError("--columns and --version-id go with --object")
    if chosen.values:
        if chosen.tokens or not (chosen.scope and chosen.type):
            raise ValueError("--values go with --scope and --type, and are read from standard input")
        kind, items = "values", lines(source)
    else:
        if field:
            raise ValueError("--scope, --type and --alphabet go with --values")
        kind, items = "tokens", lines(source) if chosen.tokens == ["-"] else chosen.tokens
    if chosen.action == "rotate":
        if items:
            raise ValueError("rotate takes nothing")
        return [request]
    if not items:
        raise ValueError(f"there are no {kind}")
    return [request | field | {kind: items[at : at + MOST]} for at in range(0, len(items), MOST)]


def ask(session: boto3.Session, function: str, asked: list[dict]) -> dict:
    """One answer of all."""
    answers = []
    for number, request in enumerate(asked, 1):
        answer, fine = call(session, function, request)
        if not fine:
            which = f"call {number} of {len(asked)}: " if len(asked) > 1 else ""
            raise RefusedError(f"{which}{answer.get('errorType')}: {answer.get('errorMessage')}")
        answers.append(answer)
    if "results" in answers[0]:
        return {"results": [result for answer in answers for result in answer["results"]]}
    return answers[0]


def outcome(answer: dict) -> int:
    """How to end with this answer."""
    if "results" in answer:
        whole = all(result["status"] in DONE for result in answer["results"])
    else:
        counts = answer.get("counts", {})
        whole = counts.get("asked") == counts.get("allowed") and not answer.get("rejected")
    return FINE if whole else PARTLY


class Parser(argparse.ArgumentParser):
    """Does not say what it has not understood: it may be personal."""

    def error(self, message: str):
        known = message if message.startswith("the following arguments are required") else "the arguments are wrong"
        print(f"{self.prog}: {known}; see --help", file=sys.stderr)
        sys.exit(WRONG)


def parser() -> argparse.ArgumentParser:
    arguments = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    arguments.add_argument("action", choices=["resolve", "forget", "rotate"])
    arguments.add_argument("tokens", nargs="*", help="tokens, or - for standard input")
    arguments.add_argument("--purpose", required=True)
    arguments.add_argument("--values", action="store_true", help="read values from standard input")
    arguments.add_argument("--scope")
    arguments.add_argument("--type")
    arguments.add_argument("--alphabet", help="of fpe: digits, alphanumeric, or the characters")
    arguments.add_argument("--object", help="s3://<bucket>/<key>")
    arguments.add_argument("--version-id")
    arguments.add_argument("--columns", help="separated by commas")
    arguments.add_argument("--function", default=os.environ.get("DETOKENIZE_FUNCTION"))
    return arguments


def main(arguments: list[str] | None = None) -> int:
    chosen = parser().parse_intermixed_args(arguments)
    try:
        if not chosen.function:
            raise ValueError("name the function: --function or DETOKENIZE_FUNCTION")
        session, asked = boto3.Session(), requests(chosen, sys.stdin)
        region(session, chosen.function)
    except ValueError as error:
        print(f"detokenize.py: {error}", file=sys.stderr)
        return WRONG
    try:
        answer = ask(session, chosen.function, asked)
    except (RefusedError, BotoCoreError, ClientError, ValueError) as error:
        print(f"detokenize.py: {error}", file=sys.stderr)
        return FAILED
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    return outcome(answer)


if __name__ == "__main__":
    sys.exit(main())
