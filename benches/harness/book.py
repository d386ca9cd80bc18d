"""The function that this one replaces, as *Data Engineering with AWS* has it: AWS SDK for pandas, in Python.

Run by itself it is a Lambda function in a warm process: it asks the runtime API for events and answers them.
"""

import http.client
import json
import os
from urllib.parse import unquote_plus

import awswrangler as wr
import boto3

CLEAN = os.environ["CLEAN_BUCKET"]

# The book does without. But the library then makes a new session for every call, which takes 0.7 s of CPU an event.
boto3.setup_default_session()


def handler(event: dict) -> dict:
    # Only one record, as there.
    record = event["Records"][0]["s3"]
    bucket, key = record["bucket"]["name"], unquote_plus(record["object"]["key"])
    *_, database, table, _ = key.split("/")
    frame = wr.s3.read_csv([f"s3://{bucket}/{key}"])
    if database not in wr.catalog.databases().values:
        wr.catalog.create_database(database)
    return wr.s3.to_parquet(
        df=frame, path=f"s3://{CLEAN}/{database}/{table}", dataset=True, database=database, table=table, mode="append"
    )


def main() -> None:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        answer = api.getresponse()
        event, request_id = json.load(answer), answer.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            kind, reply = "response", handler(event)
        except Exception as error:
            kind, reply = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/{kind}", json.dumps(reply))
        api.getresponse().read()


if __name__ == "__main__":
    main()
