"""The deployed lake as a test sees it: files land, tables appear, failures are told, and the log says what happened."""

import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import boto3
import pyarrow
import pyarrow.parquet
import pytest
from botocore.exceptions import ClientError
from lake import ARCHITECTURE, ROOT, STACK, Lake

PATIENCE = 45
BUILT = ROOT / ".aws-sam" / ARCHITECTURE
BUILT_VAULT = ROOT / ".aws-sam" / f"vault-{ARCHITECTURE}"
BOOTSTRAP = BUILT / "CsvToParquetFunction" / "bootstrap"
QUERY_RESULTS = "cleanzone-tests-query-results"

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Upload:
    """One version of an object, as S3 has stored it."""

    bucket: str
    key: str
    version: str
    # When it landed, as the log writes it.
    at: str = ""

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def named(self) -> dict:
        """The event with which a person or a state machine names it."""
        return {"bucket": self.bucket, "key": self.key, "version_id": self.version}


@dataclass(frozen=True)
class Answer:
    """What an invocation returned: the payload, or the error that it ended with."""

    payload: dict
    error: str | None = None


@dataclass(frozen=True)
class Failure:
    """A message of the failure queue."""

    body: str
    attributes: dict[str, str]


@dataclass
class Variant:
    """What a copy of the function does otherwise than the deployed one."""

    environment: dict[str, str] = field(default_factory=dict)
    # The text of the role's policy, and what stands there instead.
    policy: dict[str, str] = field(default_factory=dict)
    without: str = ""
    and_also: list[dict] = field(default_factory=list)
    timeout: int = 60
    memory: int = 512


class Log:
    """All lines that the function and its copies have written, read as they come."""

    def __init__(self, client, group: str) -> None:
        self._client = client
        self._group = group
        self._lock = threading.Lock()
        self._seen: set[tuple] = set()
        self._since = 0
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        with self._lock:
            pages = self._client.get_paginator("filter_log_events").paginate(
                logGroupName=self._group, startTime=self._since
            )
            for event in (event for page in pages for event in page["events"]):
                name = (event["logStreamName"], event["timestamp"], event["message"])
                if name not in self._seen:
                    self._seen.add(name)
                    self._lines.append(event["message"])
                # What is written side by side may become visible in another order.
                self._since = max(self._since, event["timestamp"] - 5000)
            return list(self._lines)

    def about(self, uri: str) -> list[dict]:
        """The function's own lines about one object."""
        lines = [json.loads(line) for line in self.lines() if line.startswith("{")]
        return [line for line in lines if line.get("source") == uri]


class Stack:
    """What one stack has deployed into the lake: a bucket that files land in, and a function that sees to them."""

    built = BUILT
    resource = "CsvToParquet"

    def __init__(self, lake: Lake, stack: str, landing: str, function: str) -> None:
        self.lake = lake
        self.name = stack
        self.outputs = lake.outputs_of(stack)
        self._clients: list = []
        self.s3 = self.client("s3")
        self.functions = self.client("lambda")
        self.iam = self.client("iam")
        self.sqs = self.client("sqs")
        self.landing = self.home = self.outputs[landing]
        self.function = self.outputs[function]
        self._failure_queue = self.outputs["FailureQueueUrl"]
        self._failures: list[Failure] = []
        self._rules = ""
        self._receiving = threading.Lock()
        configuration = self.functions.get_function_configuration(FunctionName=self.function)
        self.role = configuration["Role"].rsplit("/", 1)[-1]
        self.log = Log(self.client("logs"), configuration["LoggingConfig"]["LogGroup"])
        self.s3.create_bucket(Bucket=QUERY_RESULTS)

    def client(self, service: str):
        client = self.lake.client(service)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Closes all connections: MiniStack waits for them before it stops."""
        for client in self._clients:
            client.close()

    # Files land.

    def land(self, key: str, body: bytes | str, bucket: str | None = None) -> Upload:
        bucket = bucket or self.landing
        content = body.encode() if isinstance(body, str) else body
        now = datetime.now(UTC).isoformat()
        return Upload(bucket, key, self.s3.put_object(Bucket=bucket, Key=key, Body=content)["VersionId"], now)

    def converted(self, upload: Upload, status: str = "converted") -> dict:
        """Waits for the report on this very version."""

        def report() -> dict | None:
            lines = [line for line in self.log.about(upload.uri) if line["timestamp"] >= upload.at]
            reports = [line["report"] for line in lines if "report" in line]
            errors = [line for line in lines if line["level"] == "ERROR"]
            for report in reports:
                if self.version_of(report) == upload.version and report["status"] == status:
                    return report
            if errors and not reports:
                pytest.fail(f"{upload.uri} was not converted: {errors[-1]['error']}: {errors[-1]['message']}")
            return None

        return self.until(f"{upload.uri} is {status}", report)

    @staticmethod
    def version_of(report: dict) -> str | None:
        """The version of the object that a report is about."""
        return report["source"].get("version")

    def convert(self, key: str, body: bytes | str, bucket: str | None = None) -> dict:
        return self.converted(self.land(key, body, bucket))

    def rule(self, *datasets: str) -> None:
        """Adds datasets to lake.toml, and waits until the function has to follow them."""
        self._rules += "".join(f"[[dataset]]\n{dataset}\n" for dataset in datasets)
        self.write_rules(self._rules)

    def change_rule(self, before: str, after: str) -> None:
        """Puts another dataset in the place of one that `rule` has added: two that match the same are refused."""
        assert before in self._rules, before
        self._rules = self._rules.replace(f"[[dataset]]\n{before}\n", f"[[dataset]]\n{after}\n")
        self.write_rules(self._rules)

    def write_rules(self, text: str | None = None) -> None:
        bucket, _, key = self.outputs["LakeConfigUri"].removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=key, Body=(self._rules if text is None else text).encode())
        # For so long the function follows what it has read.
        time.sleep(1.1)

    # Objects are there.

    def objects(self, prefix: str, bucket: str | None = None) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket or self.home, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    # Failures are told.

    def failures(self) -> list[Failure]:
        """Every message that the failure queue has had so far."""
        with self._receiving:
            while True:
                answer = self.sqs.receive_message(
                    QueueUrl=self._failure_queue, MessageAttributeNames=["All"], MaxNumberOfMessages=10
                )
                messages = answer.get("Messages", [])
                if not messages:
                    return list(self._failures)
                for message in messages:
                    attributes = message.get("MessageAttributes", {})
                    told = {name: attribute["StringValue"] for name, attribute in attributes.items()}
                    self._failures.append(Failure(message["Body"], told))
                    self.sqs.delete_message(QueueUrl=self._failure_queue, ReceiptHandle=message["ReceiptHandle"])

    def failures_of(self, upload: Upload) -> list[Failure]:
        named = (upload.bucket, upload.key)
        told = [f for f in self.failures() if (f.attributes.get("bucket"), f.attributes.get("key")) == named]
        return [failure for failure in told if failure.attributes.get("kind") != "warning"]

    def warnings_of(self, database: str) -> list[Failure]:
        """The warnings that were told of the tables of a database."""
        told = [f for f in self.failures() if f.attributes.get("database") == database]
        return [warning for warning in told if warning.attributes.get("kind") == "warning"]

    def told_of(self, upload: Upload) -> list[Failure]:
        """The messages about this object, as a person finds them: a state machine's have no attributes on MiniStack."""
        told = [failure for failure in self.failures() if f"File:    {upload.uri}\n" in failure.body]
        return [failure for failure in told if failure.attributes.get("kind") != "warning"]

    def failed(self, upload: Upload) -> Failure:
        """Waits until the failure queue has been told of this object."""
        return self.until(f"the failure queue has been told of {upload.uri}", lambda: self.failures_of(upload))[0]

    # Functions are called.

    def invoke(self, event: object, function: str | None = None) -> Answer:
        answer = self.functions.invoke(FunctionName=function or self.function, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return Answer(payload, payload["errorType"])
        return Answer(payload)

    def copy_of_function(self, name: str, variant: Variant, of: str | None = None) -> str:
        """Creates a function with the deployed one's code and settings, or those of the one named, and a role with the
        deployed one's policy, but for `variant`. What the stack has deployed stays as it is. Returns its ARN."""
        role = self.copy_of_role(name, variant, {"Service": "lambda.amazonaws.com"})
        template = self.functions.get_function_configuration(
            FunctionName=self.outputs[f"{of}FunctionName"] if of else self.function
        )
        environment = template["Environment"]["Variables"] | variant.environment
        function = self.functions.create_function(
            FunctionName=name,
            Role=role,
            Runtime=template["Runtime"],
            Handler=template["Handler"],
            Architectures=template["Architectures"],
            LoggingConfig=template["LoggingConfig"],
            Timeout=variant.timeout,
            MemorySize=variant.memory,
            Environment={"Variables": environment},
            Code=self._code(of or self.resource),
        )
        invocations = self.functions.get_function_event_invoke_config(FunctionName=self.function, Qualifier="live")
        self.functions.put_function_event_invoke_config(
            FunctionName=name,
            Qualifier="$LATEST",
            MaximumRetryAttempts=invocations["MaximumRetryAttempts"],
            DestinationConfig=invocations["DestinationConfig"],
        )
        return function["FunctionArn"]

    def copy_of_role(self, name: str, variant: Variant, principal: dict, of: str = "") -> str:
        """A role that says the same as the function's, or as another one, but for `variant`."""
        document = json.dumps(self.policy(of))
        for text, other in variant.policy.items():
            assert text in document, f"the policy does not say {text}"
            document = document.replace(text, other)
        statements = json.loads(document)["Statement"]
        if variant.without:
            assert variant.without in document, f"the policy does not allow {variant.without}"
            for statement in statements:
                actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                statement["Action"] = [action for action in actions if action != variant.without]
        statements = [statement for statement in statements if statement["Action"]] + variant.and_also
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        role = self.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]
        self.iam.put_role_policy(
            RoleName=name,
            PolicyName="copy",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )
        return role["Arn"]

    def policy(self, role: str = "") -> dict:
        """What the deployed function may do, or whoever has this role: all of it, which is one policy."""
        role = role or self.role
        names = self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        attached = self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        assert (len(names), attached) == (1, []), (names, attached)
        return self.iam.get_role_policy(RoleName=role, PolicyName=names[0])["PolicyDocument"]

    def _code(self, of: str) -> dict:
        """The zip that a copy is made from, uploaded once."""
        place = {"S3Bucket": QUERY_RESULTS, "S3Key": f"{of}.zip"}
        try:
            self.s3.head_object(Bucket=place["S3Bucket"], Key=place["S3Key"])
        except ClientError:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.write(self.built / f"{of}Function" / "bootstrap", "bootstrap")
            self.s3.put_object(Bucket=place["S3Bucket"], Key=place["S3Key"], Body=packed.getvalue())
        return place

    # And all of it takes a moment.

    def until(self, what: str, look: Callable[[], Seen | None], patience: float = PATIENCE) -> Seen:
        """Looks again and again until there is something to see."""
        deadline = time.monotonic() + patience
        while not (seen := look()):
            if time.monotonic() > deadline:
                told = "\n".join(failure.body for failure in self.failures()[-3:])
                pytest.fail(
                    f"waited {patience} s in vain: {what}\n\n"
                    f"The last lines of the function's log:\n{chr(10).join(self.log.lines()[-20:])}\n\n"
                    f"The last messages in the failure queue:\n{told}\n\nMiniStack's log: {self.lake.log}",
                    pytrace=False,
                )
            time.sleep(0.05)
        return seen


class Zone(Stack):
    """The lake itself."""

    def __init__(self, lake: Lake, stack: str = STACK) -> None:
        super().__init__(lake, stack, "LandingBucketName", "CsvToParquetFunctionName")
        self.glue = self.client("glue")
        self.athena = self.client("athena")
        self.clean = self.home = self.outputs["CleanBucketName"]

    # Tables appear.

    def table(self, database: str, table: str) -> dict | None:
        try:
            return self.glue.get_table(DatabaseName=database, Name=table)["Table"]
        except self.glue.exceptions.EntityNotFoundException:
            return None

    def columns(self, database: str, table: str) -> dict[str, str]:
        found = self.table(database, table)
        assert found is not None, f"there is no table {database}.{table}"
        return {column["Name"]: column["Type"] for column in found["StorageDescriptor"]["Columns"]}

    def has_database(self, database: str) -> bool:
        try:
            self.glue.get_database(Name=database)
        except self.glue.exceptions.EntityNotFoundException:
            return False
        return True

    def parquet(self, *uris: str) -> pyarrow.Table:
        # One file at a time: the folders of a path would become columns otherwise.
        tables = [pyarrow.parquet.read_table(io.BytesIO(self.read(uri))) for uri in uris]
        return pyarrow.concat_tables(tables, promote_options="permissive")

    def query(self, question: str) -> list[tuple[str | None, ...]]:
        """The rows that Athena answers, each value as text."""
        execution = self.athena.start_query_execution(
            QueryString=question, ResultConfiguration={"OutputLocation": f"s3://{QUERY_RESULTS}/"}
        )["QueryExecutionId"]

        def status() -> dict | None:
            now = self.athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            return now if now["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

        end = self.until(f"Athena has answered {question}", status)
        assert end["State"] == "SUCCEEDED", f"{question}: {end.get('StateChangeReason')}"
        pages = self.athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution)
        rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        return [tuple(cell.get("VarCharValue") for cell in row) for row in rows[1:]]

    def count(self, database: str, table: str) -> int:
        return int(self.query(f'SELECT count(*) AS n FROM "{database}"."{table}"')[0][0])  # noqa: S608


def pandas_session(zone: Zone, environment: pytest.MonkeyPatch) -> boto3.Session:
    """What AWS SDK for pandas works with, as long as the environment is this one."""
    for name, value in zone.lake.client_environment.items():
        environment.setenv(name, value)
    session = boto3.Session()

    # Where MiniStack answers otherwise than AWS: a table without an owner has an empty one, which cannot be sent back,
    # and the results of a query lie one folder deeper than it says.
    def table(parsed: dict, **_) -> None:
        if parsed.get("Table", {}).get("Owner") == "":
            del parsed["Table"]["Owner"]

    def execution(parsed: dict, **_) -> None:
        location = parsed["QueryExecution"]["ResultConfiguration"]["OutputLocation"]
        name = location.rsplit("/", 1)[-1]
        parsed["QueryExecution"]["ResultConfiguration"]["OutputLocation"] = f"{location}/{name}"

    session.events.register("after-call.glue.GetTable", table)
    session.events.register("after-call.athena.GetQueryExecution", execution)
    return session


def csv(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def plain(name: str) -> str:
    """A name that stays as it is where a table is named after it."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
