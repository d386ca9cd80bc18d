"""The PII stack: nothing of it is the lake's, and nobody gets a value who does not prove who asks."""

import json

import boto3
import detokenize
import pytest
from lake import VAULT_STACK, Lake
from test_permissions import Twin, refused
from zone import Zone

PURPOSE = "fraud-investigation"


@pytest.fixture(scope="module")
def vault(lake: Lake) -> dict[str, str]:
    lake.deploy_vault()
    return lake.outputs_of(VAULT_STACK)


@pytest.fixture(scope="module")
def lakes_role(zone: Zone) -> Twin:
    return Twin(zone, "cleanzone-tests-vault-twin")


def records(lake: Lake, vault: dict[str, str]) -> list[dict]:
    s3, bucket = lake.client("s3"), vault["AuditBucketName"]
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return [json.load(s3.get_object(Bucket=bucket, Key=key)["Body"]) for key in sorted(keys)]


def invoke(lake: Lake, vault: dict[str, str], proof: str) -> dict:
    request = {"action": "rotate", "purpose": PURPOSE, "proof": proof}
    function = vault["DetokenizeFunctionName"]
    answer = lake.client("lambda").invoke(FunctionName=function, Qualifier="live", Payload=json.dumps(request))
    assert "FunctionError" in answer
    return json.load(answer["Payload"])


def test_the_lakes_role_reaches_nothing_of_the_vault(vault: dict[str, str], lakes_role: Twin):
    s3, table = lakes_role.client("s3"), vault["TokenTableName"]
    for bucket in (vault["PiiLandingBucketName"], vault["AuditBucketName"]):
        assert refused(s3.get_object, Bucket=bucket, Key="a/b/c.csv")
        assert refused(s3.list_objects_v2, Bucket=bucket)
    assert refused(lakes_role.client("dynamodb").scan, TableName=table)
    assert refused(lakes_role.client("kms").generate_data_key, KeyId=vault["VaultKeyArn"], KeySpec="AES_256")
    assert refused(lakes_role.client("lambda").invoke, FunctionName=vault["DetokenizeFunctionName"])


@pytest.mark.parametrize("proof", ["", "forged", "https://sts.example.com/?Action=GetCallerIdentity"])
def test_a_call_without_a_proof_is_denied_and_recorded(lake: Lake, vault: dict[str, str], proof: str):
    before = len(records(lake, vault))
    assert invoke(lake, vault, proof)["errorType"] == "AccessDenied"
    written = records(lake, vault)[before:]
    assert [(record["outcome"], record["caller"]) for record in written] == [("denied", None)]


def test_whoever_is_not_on_the_list_is_denied(lake: Lake, vault: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", lake.endpoint)
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")  # noqa: S106
    proof = detokenize.proof(session, vault["DetokenizeFunctionName"])
    assert invoke(lake, vault, proof)["errorType"] == "AccessDenied"
    last = records(lake, vault)[-1]
    assert last["outcome"] == "denied" and last["caller"] is not None
