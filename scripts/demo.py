"""Four files land, four tables appear, and of a fifth nobody sees who is in it: the local lake, to watch."""

import io
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import boto3
import detokenize
import pyarrow.parquet
import terminal
from botocore.exceptions import ClientError
from lake import REGION, ROOT, VAULT_STACK, Lake

sys.path.append(str(ROOT / "tests/data"))
import demo_files

QUERY_RESULTS = "cleanzone-demo-query-results"
PATIENCE = 60


@dataclass(frozen=True)
class Arrival:
    """A file, what is special about it, the table it should become, and a question to that table."""

    key: str
    story: str
    table: str
    query: str


ARRIVALS = [
    Arrival(
        "cleanzonedb/csvtoparquet/test.csv",
        "the book's first file",
        "cleanzonedb.csvtoparquet",
        "SELECT name, favorite_num FROM {table} ORDER BY favorite_num",
    ),
    Arrival(
        "sakila-db/sakila/film/LOAD00000001.csv",
        "a full load, by AWS DMS",
        "sakila.film",
        "SELECT rating, count(*) AS films, round(avg(length), 1) AS minutes, max(rental_rate) AS dearest\n"
        "FROM {table} GROUP BY rating ORDER BY films DESC",
    ),
    Arrival(
        "partners/shop/product_reviews/reviews-2026.tsv.gz",
        "tabs, quotes, line breaks; gzip",
        "shop.product_reviews",
        "SELECT product_category, count(*) AS reviews, round(avg(star_rating), 2) AS stars,\n"
        "       max(review_date) AS latest FROM {table} WHERE verified_purchase\n"
        "GROUP BY product_category ORDER BY stars DESC",
    ),
    Arrival(
        "partners/shop/orders/year=2026/month=11/orders.csv",
        "Hive folders",
        "shop.orders",
        "SELECT year, month, postcode, count(*) AS orders, CAST(sum(total) AS decimal(10, 2)) AS revenue\n"
        "FROM {table} GROUP BY year, month, postcode ORDER BY revenue DESC",
    ),
]


PERSONAL = Arrival(
    demo_files.CUSTOMERS_KEY,
    "names, email addresses, telephone and card numbers",
    "shop.customers",
    "SELECT id, name, email, phone, born, card, state FROM {table} ORDER BY id LIMIT 3",
)
RULES = """
[[dataset]]                       # for the demo
match = "partners/shop/customers/*"
pii.scope = "shop"
columns.name.pii = "token"
columns.email.pii = "token"
columns.phone.pii = { method = "mask", keep_last = 4 }
columns.born.pii = { method = "generalize", to = "year" }
columns.card.pii = "redact"
"""
ACCESS = """
[[allow]]                         # for the demo
role = "{role}"
purpose = ["fraud-investigation"]
scope = "shop"
types = ["email", "name"]
actions = ["resolve"]
max_tokens = 10
"""
DESK = "cleanzone-demo-fraud-desk"


@dataclass(frozen=True)
class ParquetFile:
    key: str
    size: int
    rows: int


class Demo:
    def __init__(self, lake: Lake) -> None:
        self.landing = lake.outputs["LandingBucketName"]
        self.clean = lake.outputs["CleanBucketName"]
        self.failures = lake.outputs["FailureQueueUrl"]
        self.folder = lake.folder / "demo"
        self.s3 = lake.client("s3")
        self.sqs = lake.client("sqs")
        self.glue = lake.client("glue")
        self.athena = lake.client("athena")
        self.vault = lake.outputs_of(VAULT_STACK)
        self.lake = lake

    def run(self, arrivals: list[Arrival]) -> None:
        terminal.title("Four files land", f"s3://{self.landing}")
        files = {arrival.key: self.folder / arrival.key for arrival in arrivals}
        rows = [[a.key, terminal.size(files[a.key].stat().st_size), a.story] for a in arrivals]
        terminal.table(["key", "size", "what it is"], rows, indent=2)
        print()
        begin = time.monotonic()
        versions = {key: self.upload(key, file) for key, file in files.items()}
        outputs = {}
        for arrival in arrivals:
            with terminal.Step(f"{arrival.key} is read", begin) as step:
                outputs[arrival] = self.wait(arrival, versions[arrival.key])
                step.text = f"{arrival.key} → {arrival.table}"
        seconds = time.monotonic() - begin

        terminal.title("Four tables stand", f"s3://{self.clean}")
        for arrival, written in outputs.items():
            self.show(arrival, written)
        self.show_tokens(PERSONAL)
        rows = sum(file.rows for written in outputs.values() for file in written)
        print(terminal.bold(f"{rows:,} rows in {len(outputs)} tables, {seconds:.1f} s after the first upload."))
        print(
            f"Put a file of your own under s3://{self.landing}/<database>/<table>/,\n"
            'after eval "$(make -s env)"; its table is there a moment later.'
        )

    def show_tokens(self, arrival: Arrival) -> None:
        """A file with personal data becomes a table of tokens, of which few may know what they stand for."""
        pii, desk = self.vault["PiiLandingBucketName"], self.desk()
        terminal.title("One with personal data", f"s3://{pii}")
        self.add(self.vault["LakeConfigUri"], RULES)
        self.add(self.vault["AccessConfigUri"], ACCESS.format(role=desk["Arn"]))
        with terminal.Step(f"{arrival.key} is read") as step:
            version = self.upload(arrival.key, self.folder / arrival.key, pii)
            written = self.wait(arrival, self.sent_on(arrival, version))
            step.text = f"{arrival.key} → {arrival.table}"
        print()
        self.show(arrival, written)

        query = f"SELECT email, name FROM {arrival.table} ORDER BY id LIMIT 1"  # noqa: S608 - it is ours
        [tokens] = self.ask(query)[1]
        print(f"    What two of the tokens stand for, asked by {terminal.bold(DESK)}\n")
        answers = [[purpose, *self.resolve(desk, purpose, tokens)] for purpose in ("fraud-investigation", "marketing")]
        terminal.table(["for the purpose", "the first is", "the second is"], answers)
        print()

    def add(self, uri: str, text: str) -> None:
        """Adds to a document, where it does not say so yet."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            said = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        except self.s3.exceptions.NoSuchKey:
            said = ""
        if text not in said:
            self.s3.put_object(Bucket=bucket, Key=key, Body=(said + text).encode())
            # For so long the function follows what it has read.
            time.sleep(1.1)

    def sent_on(self, arrival: Arrival, version: str) -> str:
        """Waits for the copy made of this very version; its own version."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                copy = self.s3.head_object(Bucket=self.landing, Key=arrival.key)
                if copy["Metadata"].get("cleanzone-source") == version:
                    return copy["VersionId"]
            except ClientError as error:
                if error.response["Error"]["Code"] != "404":
                    raise
            self.raise_failure(arrival, self.vault["FailureQueueUrl"])
            if time.monotonic() > deadline:
                raise terminal.fail(f"{arrival.key} was not sent on after {PATIENCE} s; see {self.folder.parent}")
            time.sleep(0.1)

    def desk(self) -> dict:
        """A role whose owners may call detokenize-pii; for what, the list says."""
        iam = self.lake.client("iam")
        account = self.lake.client("sts").get_caller_identity()["Account"]
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=DESK, AssumeRolePolicyDocument=policy(trust))
        name = self.vault["DetokenizeFunctionName"]
        function = self.lake.client("lambda").get_function_configuration(FunctionName=name)["FunctionArn"]
        may = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [function, f"{function}:live"]}
        iam.put_role_policy(RoleName=DESK, PolicyName="ask", PolicyDocument=policy(may))
        return iam.get_role(RoleName=DESK)["Role"]

    def resolve(self, role: dict, purpose: str, tokens: list[str]) -> list[str]:
        """What each of the tokens stands for, or why that is not told."""
        assumed = self.lake.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="demo")["Credentials"]
        session = boto3.Session(
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
            region_name=REGION,
        )
        request = {"action": "resolve", "purpose": purpose, "tokens": tokens}
        answer, fine = detokenize.call(session, self.vault["DetokenizeFunctionName"], request)
        if not fine:
            return [answer["errorType"]] * len(tokens)
        return [result.get("value", result["status"]) for result in answer["results"]]

    def upload(self, key: str, file: Path, bucket: str = "") -> str:
        return self.s3.put_object(Bucket=bucket or self.landing, Key=key, Body=file.read_bytes())["VersionId"]

    def wait(self, arrival: Arrival, version: str) -> list[ParquetFile]:
        """Waits for the Parquet files made of this very version, which comes after the catalog has learned of it."""
        deadline = time.monotonic() + PATIENCE
        while not (written := self.made_of(arrival, version)):
            self.raise_failure(arrival)
            if time.monotonic() > deadline:
                raise terminal.fail(f"{arrival.key} is no table after {PATIENCE} s; see {self.folder.parent}")
            time.sleep(0.1)
        return written

    def made_of(self, arrival: Arrival, version: str) -> list[ParquetFile]:
        prefix = arrival.table.replace(".", "/") + "/"
        found = []
        for item in self.s3.list_objects_v2(Bucket=self.clean, Prefix=prefix).get("Contents", []):
            try:
                content = self.s3.get_object(Bucket=self.clean, Key=item["Key"])["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    continue  # replaced between the two calls
                raise
            metadata = pyarrow.parquet.read_metadata(io.BytesIO(content))
            if (metadata.metadata or {}).get(b"cleanzone.source.version", b"").decode() == version:
                found.append(ParquetFile(item["Key"], len(content), metadata.num_rows))
        return found

    def raise_failure(self, arrival: Arrival, queue: str = "") -> None:
        """Ends the demo if the failure queue has a message about this file."""
        answer = self.sqs.receive_message(
            QueueUrl=queue or self.failures, MessageAttributeNames=["All"], MaxNumberOfMessages=10, VisibilityTimeout=5
        )
        for message in answer.get("Messages", []):
            if arrival.key in message["Body"] or arrival.key in json.dumps(message.get("MessageAttributes", {})):
                raise terminal.fail(f"{arrival.key} failed", message["Body"])

    def show(self, arrival: Arrival, written: list[ParquetFile]) -> None:
        database, name = arrival.table.split(".")
        table = self.glue.get_table(DatabaseName=database, Name=name)["Table"]
        print(f"{terminal.green('●')} {terminal.bold(arrival.table)}  {terminal.dim('from ' + arrival.key)}\n")
        for file in written:
            print(f"    {file.key}  {terminal.dim(f'{terminal.size(file.size)}, {file.rows:,} rows')}")
        print()
        columns = [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]]
        partitions = [(c["Name"], f"{c['Type']}, partition") for c in table.get("PartitionKeys", [])]
        print_columns(columns + partitions)
        query = arrival.query.format(table=arrival.table)
        print("\n" + "\n".join(f"    {terminal.cyan(line)}" for line in query.split("\n")))
        header, rows = self.ask(query)
        terminal.table(header, rows)
        print()

    def ask(self, query: str) -> tuple[list[str], list[list[str]]]:
        """Header and rows of a query that Athena runs."""
        execution = self.athena.start_query_execution(
            QueryString=query, ResultConfiguration={"OutputLocation": f"s3://{QUERY_RESULTS}/"}
        )["QueryExecutionId"]
        while True:
            status = self.athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            match status["State"]:
                case "SUCCEEDED":
                    break
                case "FAILED" | "CANCELLED":
                    raise terminal.fail(f"Athena: {status.get('StateChangeReason', status['State'])}", query)
            time.sleep(0.05)
        results = self.athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
        header, *rows = [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in results]
        return header, rows


def policy(statement: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def print_columns(columns: list[tuple[str, str]]) -> None:
    """Names and types, as many beside each other as fit."""
    longest = max(len(name) + len(kind) for name, kind in columns) + 4
    abreast = max(1, (terminal.width() - 4) // longest)
    down = -(-len(columns) // abreast)
    for line in range(down):
        cells = columns[line::down]
        texts = [f"{n} {terminal.dim(k)}" + " " * (longest - len(n) - len(k) - 1) for n, k in cells]
        print("    " + "".join(texts).rstrip())


def main() -> None:
    lake = Lake.running(int(os.environ.get("LAKE_PORT") or 4566))
    if lake is None:
        raise terminal.fail("no lake runs here: `make up`")
    # Where whoever asks the vault finds the lake.
    os.environ.update(lake.client_environment)
    demo = Demo(lake)
    demo_files.write(demo.folder)
    lake.client("s3").create_bucket(Bucket=QUERY_RESULTS)
    demo.run(ARRIVALS)


if __name__ == "__main__":
    main()
