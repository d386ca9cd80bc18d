"""Asks the vault for what tokens stand for, and proves who asks.

    detokenize.py resolve --purpose fraud-investigation tok1_… tok1_…
    detokenize.py forget --purpose erasure tok1_…
    detokenize.py rotate --purpose yearly-rotation

The function is DETOKENIZE_FUNCTION, or --function. The proof is a presigned URL of STS GetCallerIdentity, signed with
the function's name in a header, so that it is worth nothing elsewhere. The answer is printed as JSON.
"""

import argparse
import json
import os
import sys

import boto3
from botocore.signers import RequestSigner

HEADER = "x-cleanzone-vault"
SECONDS = 60


def proof(session: boto3.Session, function: str) -> str:
    """A URL that tells whoever opens it, with the header, who the session is."""
    sts = session.client("sts", region_name=session.region_name)
    signer = RequestSigner(
        sts.meta.service_model.service_id,
        session.region_name,
        "sts",
        "v4",
        session.get_credentials(),
        session.events,
    )
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or f"https://sts.{session.region_name}.amazonaws.com"
    request = {
        "method": "GET",
        "url": f"{endpoint.rstrip('/')}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {HEADER: function},
        "context": {},
    }
    return signer.generate_presigned_url(
        request, region_name=session.region_name, expires_in=SECONDS, operation_name=""
    )


def call(session: boto3.Session, function: str, request: dict) -> tuple[dict, bool]:
    """The function's answer, and whether it is one: otherwise it is the error."""
    payload = request | {"proof": proof(session, function)}
    answer = session.client("lambda").invoke(FunctionName=function, Qualifier="live", Payload=json.dumps(payload))
    return json.load(answer["Payload"]), "FunctionError" not in answer


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("action", choices=["resolve", "forget", "rotate"])
    arguments.add_argument("tokens", nargs="*")
    arguments.add_argument("--purpose", required=True)
    arguments.add_argument("--function", default=os.environ.get("DETOKENIZE_FUNCTION"))
    chosen = arguments.parse_args()
    if not chosen.function:
        arguments.error("name the function: --function or DETOKENIZE_FUNCTION")
    request = {"action": chosen.action, "purpose": chosen.purpose}
    if chosen.tokens:
        request["tokens"] = chosen.tokens
    answer, fine = call(boto3.Session(), chosen.function, request)
    print(json.dumps(answer, indent=2), file=sys.stdout if fine else sys.stderr)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
