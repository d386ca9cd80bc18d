"""A landing and a clean zone on a local lake of their own."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import terminal
from lake import HOST, REGION, Lake

LANDING, CLEAN = "bench-landing", "bench-clean"


@contextmanager
def open_zones() -> Iterator["Zones"]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        lake = Lake(probe.getsockname()[1])
    try:
        with terminal.Step("Starting a local lake"):
            lake.start()
        s3 = lake.client("s3")
        for bucket in (LANDING, CLEAN):
            s3.create_bucket(Bucket=bucket)
        environment = lake.client_environment | {"AWS_REGION": REGION, "CLEAN_BUCKET": CLEAN}
        yield Zones(s3, lake.client("glue"), lake.client, environment)
    finally:
        lake.stop()
        shutil.rmtree(lake.folder, ignore_errors=True)


@dataclass(frozen=True)
class Zones:
    s3: Any
    glue: Any
    # Of any other service.
    client: Callable[[str], Any]
    # What a function needs to know of them.
    environment: dict[str, str]

    def upload(self, key: str, content: bytes | Path) -> dict:
        """Puts an object into the landing zone, and returns the event that S3 would send of it."""
        if isinstance(content, Path):
            self.s3.upload_file(str(content), LANDING, key)
        else:
            self.s3.put_object(Bucket=LANDING, Key=key, Body=content)
        head = self.s3.head_object(Bucket=LANDING, Key=key)
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": head["LastModified"].strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AWS:BENCH"},
            "requestParameters": {"sourceIPAddress": HOST},
            "responseElements": {"x-amz-request-id": "BENCH", "x-amz-id-2": "BENCH"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "bench",
                "bucket": {
                    "name": LANDING,
                    "ownerIdentity": {"principalId": "BENCH"},
                    "arn": f"arn:aws:s3:::{LANDING}",
                },
                "object": {
                    "key": quote_plus(key, safe="/"),
                    "size": head["ContentLength"],
                    "eTag": head["ETag"].strip('"'),
                    "sequencer": "0055AED6DCD90281E5",
                },
            },
        }
        return {"Records": [record]}

    def files(self, folder: str) -> list[int]:
        """Sizes of the Parquet files in a folder of the clean zone."""
        return [found["Size"] for found in self._objects(CLEAN, folder) if found["Key"].endswith(".parquet")]

    def empty(self, folder: str) -> None:
        """Removes a folder from both: the lake keeps all objects in memory."""
        for bucket in (LANDING, CLEAN):
            for found in self._objects(bucket, folder):
                self.s3.delete_object(Bucket=bucket, Key=found["Key"])

    def forget(self, database: str, table: str) -> None:
        """Removes a table from the catalog."""
        self.glue.delete_table(DatabaseName=database, Name=table)

    def _objects(self, bucket: str, folder: str) -> list[dict]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
        return [found for page in pages for found in page.get("Contents", [])]
