"""The template's policies: all that the function needs, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from doors import SideDoor
from zone import Stack, Upload, Variant, Zone, csv, plain

BODY = csv("n", "1", "2")
# What the services around the function do in its name: Lambda writes its logs, X-Ray its traces.
OF_THE_SERVICES = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}
# Each has a test among the failures, the files or the rules. Only s3:ListBucket has none that MiniStack can fail:
# without it, AWS answers 403 instead of 404 where nothing lies.
ELSEWHERE = {"sns:Publish", "s3:AbortMultipartUpload", "s3:ListBucket", "glue:UpdateColumnStatisticsForTable"}
NEEDED = [
    "glue:BatchCreatePartition",
    "glue:BatchGetPartition",
    "glue:BatchUpdatePartition",
    "glue:CreateDatabase",
    "glue:CreateTable",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:UpdateTable",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
]


class Twin:
    """Whoever has the role's policy. The role itself trusts Lambda alone, so a role that says the same is assumed."""

    def __init__(self, zone: Stack, name: str = "cleanzone-tests-twin", of: str = "") -> None:
        self._zone = zone
        sts = zone.client("sts")
        account = sts.get_caller_identity()["Account"]
        role = zone.copy_of_role(name, Variant(), {"AWS": f"arn:aws:iam::{account}:root"}, of)
        credentials = sts.assume_role(RoleArn=role, RoleSessionName="twin")["Credentials"]
        self._session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=zone.s3.meta.region_name,
        )

    def client(self, service: str):
        return self._session.client(
            service,
            endpoint_url=self._zone.lake.endpoint,
            verify=str(self._zone.lake.certificate),
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
        )


@pytest.fixture(scope="module")
def twin(zone: Zone) -> Twin:
    return Twin(zone)


def refused(call, **arguments) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("AccessDenied", "AccessDeniedException", "403", "AuthorizationError"), code
        return True
    return False


def test_the_twin_may_do_what_the_function_does(zone: Zone, twin: Twin, database: str):
    upload = zone.land(f"{database}/t/a.csv", BODY)
    zone.converted(upload)
    s3 = twin.client("s3")
    assert s3.get_object(Bucket=upload.bucket, Key=upload.key)["Body"].read().decode() == BODY
    assert twin.client("glue").get_table(DatabaseName=database, Name="t")["Table"]["Name"] == "t"
    s3.put_object(Bucket=zone.clean, Key=f"{database}/mine", Body=b"")
    s3.delete_object(Bucket=zone.clean, Key=f"{database}/mine")


def test_what_landed_stays_as_it_landed(zone: Zone, twin: Twin, database: str):
    upload = zone.land(f"{database}/t/a.csv", BODY)
    s3 = twin.client("s3")
    here = {"Bucket": upload.bucket, "Key": upload.key}
    assert refused(s3.put_object, **here, Body=b"")
    assert refused(s3.delete_object, **here)
    assert refused(s3.delete_object, **here, VersionId=upload.version)
    assert refused(s3.put_object_tagging, **here, Tagging={"TagSet": []})
    assert refused(s3.delete_bucket, Bucket=upload.bucket)


def test_other_buckets_are_closed(zone: Zone, twin: Twin):
    other = "cleanzone-tests-private"
    zone.s3.create_bucket(Bucket=other)
    zone.s3.put_object(Bucket=other, Key="secret", Body=b"x")
    s3 = twin.client("s3")
    assert refused(s3.get_object, Bucket=other, Key="secret")
    assert refused(s3.list_objects_v2, Bucket=other)
    assert refused(s3.put_object, Bucket=other, Key="mine", Body=b"")
    assert refused(s3.list_buckets)
    assert refused(s3.create_bucket, Bucket="cleanzone-tests-mine")


def test_tables_are_never_dropped(zone: Zone, twin: Twin, database: str):
    zone.convert(f"{database}/t/day=1/a.csv", BODY)
    glue = twin.client("glue")
    assert refused(glue.delete_table, DatabaseName=database, Name="t")
    assert refused(glue.delete_database, Name=database)
    assert refused(glue.delete_partition, DatabaseName=database, TableName="t", PartitionValues=["1"])
    assert refused(glue.get_connections)


def test_everything_else_is_closed(zone: Zone, twin: Twin):
    assert refused(twin.client("lambda").invoke, FunctionName=zone.function, Payload=b"{}")
    assert refused(twin.client("iam").list_roles)
    assert refused(twin.client("secretsmanager").list_secrets)
    assert refused(twin.client("dynamodb").list_tables)
    sns = twin.client("sns")
    assert refused(sns.create_topic, Name="mine")
    assert refused(sns.subscribe, TopicArn=zone.outputs["FailureTopicArn"], Protocol="email", Endpoint="a@b.c")
    assert refused(twin.client("sqs").receive_message, QueueUrl=zone.outputs["FailureQueueUrl"])


def test_the_role_trusts_lambda_alone_and_names_no_action_by_a_pattern(zone: Zone):
    trust = zone.iam.get_role(RoleName=zone.role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert [(s["Effect"], s["Principal"], s["Action"]) for s in trust] == [
        ("Allow", {"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    ]
    for statement in zone.policy()["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        if not set(actions) <= OF_THE_SERVICES:
            assert statement["Resource"] != "*"


def life_of_a_table(zone: Zone, door: SideDoor, function: str, database: str) -> Iterator[str]:
    """The errors with which a table and its files meet all that can happen to them."""
    root = f"{database}/t"

    def hand_over(upload: Upload) -> str:
        answer = zone.invoke(upload.named, function)
        return answer.payload["errorMessage"] if answer.error else ""

    first = door.land(f"{root}/day=1/a.csv", csv("n", *map(str, range(40)), "1"))
    yield hand_over(first)
    # An event that comes again.
    yield hand_over(first)
    # A column, and a partition, that were not there; the old partition has to learn of the column.
    yield hand_over(door.land(f"{root}/day=2/b.csv", csv("n,m", "1,x")))
    # Rejected rows, and a version in which there are none: what was put aside disappears.
    yield hand_over(door.land(f"{root}/day=1/a.csv", csv("n", *map(str, range(40)), "no number")))
    yield hand_over(door.land(f"{root}/day=1/a.csv", csv("n", "1")))


@pytest.fixture(scope="module")
def lives(zone: Zone, side_door: SideDoor) -> dict[str, list[str]]:
    """What happens without each action, and with all of them."""

    def without(action: str) -> list[str]:
        name = f"cleanzone-tests-without-{plain(action) or 'nothing'}"
        function = side_door.copy(name, without=action)
        try:
            return list(life_of_a_table(zone, side_door, function, plain(name)))
        finally:
            zone.functions.delete_function(FunctionName=name)

    with ThreadPoolExecutor(4) as crowd:
        return dict(zip(["", *NEEDED], crowd.map(without, ["", *NEEDED]), strict=True))


def test_the_policy_suffices(lives: dict[str, list[str]]):
    assert lives[""] == [""] * 5


@pytest.mark.parametrize("action", NEEDED)
def test_no_action_of_the_policy_is_spare(lives: dict[str, list[str]], action: str):
    assert action in " ".join(lives[action])


def test_every_action_of_the_policy_is_accounted_for(zone: Zone):
    allowed = set()
    for statement in zone.policy()["Statement"]:
        allowed |= {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
    assert allowed == {*NEEDED, *OF_THE_SERVICES, *ELSEWHERE}
