"""The PII stack as a test sees it: files with personal data land, copies without it go on, and few may ask back."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
import detokenize
import pytest
from botocore.config import Config
from lake import REGION, ROOT, VAULT_STACK
from zone import BUILT_VAULT, Answer, Log, Stack, Upload, Zone

SCOPE = "people"


@dataclass(frozen=True)
class Caller:
    """Somebody with a role of his own, who may call detokenize-pii; what he gets, access.toml says."""

    arn: str
    session: boto3.Session
    function: str
    zone: Zone
    # What makes the proof of who asks.
    prove: Callable[..., str] = detokenize.proof

    def ask(self, action: str, purpose: str, **request: object) -> Answer:
        request |= {"action": action, "purpose": purpose}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(detokenize, "proof", self.prove)
            answer, fine = detokenize.call(self.session, self.function, request)
        return Answer(answer, None if fine else answer["errorType"])

    def client(self, service: str):
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0})
        return self.session.client(
            service, endpoint_url=self.zone.lake.endpoint, verify=str(self.zone.lake.certificate), config=config
        )

    def resolve(self, purpose: str, *tokens: str) -> dict[str, str | None]:
        """The value of each token that is resolved, and none for all others."""
        answer = self.ask("resolve", purpose, tokens=list(tokens))
        assert answer.error is None, answer.payload
        return {result["token"]: result.get("value") for result in answer.payload["results"]}


class Vault(Stack):
    """The PII stack, and the lake that it sends files on to."""

    built = BUILT_VAULT
    resource = "TokenizePii"

    def __init__(self, zone: Zone) -> None:
        super().__init__(zone.lake, VAULT_STACK, "PiiLandingBucketName", "TokenizeFunctionName")
        self.zone = zone
        self.config = self.outputs["PiiConfigBucketName"]
        self.audit = self.outputs["AuditBucketName"]
        self.table = self.outputs["TokenTableName"]
        self.detokenizer = self.outputs["DetokenizeFunctionName"]
        self.dynamodb = self.client("dynamodb")
        self._sts = self.client("sts")
        configuration = self.functions.get_function_configuration(FunctionName=self.detokenizer)
        self.detokenizers_role = configuration["Role"].rsplit("/", 1)[-1]
        self.detokenizers_log = Log(self.client("logs"), configuration["LoggingConfig"]["LogGroup"])
        # The examples hold here, and what a test adds.
        self.allowed = (ROOT / "examples/access.toml").read_text()
        self._rules = (ROOT / "examples/pii.toml").read_text()

    @staticmethod
    def version_of(report: dict) -> str | None:
        return report.get("version")

    # Files go on.

    def sent_on(self, upload: Upload) -> dict:
        """Waits until the lake has made a table of this very version; its report."""
        self.converted(upload, "tokenized")
        copy = self.copy_of(upload)
        there = Upload(self.zone.landing, upload.key, copy["VersionId"], upload.at)
        return self.zone.converted(there)

    def send(self, key: str, body: bytes | str) -> dict:
        return self.sent_on(self.land(key, body))

    def copy_of(self, upload: Upload) -> dict:
        """The object that has gone on, and all that S3 says of it."""
        return self.s3.get_object(Bucket=self.zone.landing, Key=upload.key)

    def sent(self, key: str) -> str:
        return self.zone.read(f"s3://{self.zone.landing}/{key}").decode()

    def versions(self, key: str) -> list[dict]:
        """The versions of what has gone on under this key, the newest first."""
        found = self.s3.list_object_versions(Bucket=self.zone.landing, Prefix=key)
        return [version for version in found.get("Versions", []) if version["Key"] == key]

    def lose(self, upload: Upload) -> None:
        """Removes the one copy that has gone on, so that a copy of the function has something to do."""
        [copy] = self.versions(upload.key)
        self.s3.delete_object(Bucket=self.zone.landing, Key=upload.key, VersionId=copy["VersionId"])

    # People ask.

    def caller(self, name: str, *may: dict) -> Caller:
        """Who has a role of this name, which allows to call detokenize-pii, and this."""
        account = self._sts.get_caller_identity()["Account"]
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]
        function = self.functions.get_function_configuration(FunctionName=self.detokenizer)["FunctionArn"]
        ask = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [function, f"{function}:live"]}
        self.iam.put_role_policy(RoleName=name, PolicyName="ask", PolicyDocument=_policy(ask, *may))
        credentials = self._sts.assume_role(RoleArn=role["Arn"], RoleSessionName="somebody")["Credentials"]
        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=REGION,
        )
        return Caller(role["Arn"], session, self.detokenizer, self.zone)

    def allow(self, caller: Caller, purpose: str, actions: list[str], types: list[str], more: str = "") -> None:
        """Adds an entry to access.toml, which holds from the next call on."""
        self.allowed += f"""
[[allow]]
role = "{caller.arn}"
purpose = ["{purpose}"]
scope = "{SCOPE}"
types = {json.dumps(types)}
actions = {json.dumps(actions)}
max_tokens = 100
{more}
"""
        bucket, _, key = self.outputs["AccessConfigUri"].removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=key, Body=self.allowed.encode())

    def records(self) -> dict[str, dict]:
        """The audit records so far, by their keys."""
        return {key: json.loads(self.read(f"s3://{self.audit}/{key}")) for key in self.objects("", self.audit)}

    def ends(self, since: dict[str, dict]) -> list[dict]:
        """How the calls have ended of which there are records now that were not there before."""
        new = [record for key, record in sorted(self.records().items()) if key not in since]
        return [record for record in new if record["outcome"] in ("answered", "denied", "failed")]

    # All that could leak.

    def items(self) -> list[dict]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


@contextmanager
def environment(zone: Zone) -> Iterator[None]:
    """What the scripts of a person take the lake's address from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", zone.lake.endpoint)
        patch.setenv("AWS_CA_BUNDLE", str(zone.lake.certificate))
        yield


def _policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
