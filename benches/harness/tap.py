"""A tap on the line between a function and the lake: bytes pass unchanged, and requests are counted."""

import asyncio
import re
import threading
from collections import Counter
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

HOST = "127.0.0.1"
CHUNK = 1 << 16
# The head of a request. All calls but those of S3 are POST, told apart by a header.
_REQUEST = re.compile(rb"(?:^|\n)(GET|PUT|POST|HEAD|DELETE) /[^\r\n]* HTTP/1\.1\r\n", re.MULTILINE)
_CALL = re.compile(rb"x-amz-target: (\w+)\.(\w+)\r\n", re.IGNORECASE)


class Taken(NamedTuple):
    """Calls to Glue and DynamoDB by their names, and requests to S3 by their methods."""

    glue: Counter[str]
    s3: Counter[str]
    dynamodb: Counter[str]

    @classmethod
    def nothing(cls) -> "Taken":
        return cls(Counter(), Counter(), Counter())


class Tap:
    """`with Tap(endpoint) as tap`: what connects to `tap.endpoint` talks to `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._upstream = (address.hostname, address.port)
        self._loop = asyncio.new_event_loop()
        self._taken = Taken.nothing()

    def __enter__(self) -> "Tap":
        self._server = self._loop.run_until_complete(asyncio.start_server(self._connect, HOST, 0))
        self.endpoint = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def take(self) -> Taken:
        """What was counted since the last time."""
        taken, self._taken = self._taken, Taken.nothing()
        return taken

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._upstream)
        await asyncio.gather(self._pass(reader, back, self._count), self._pass(there, writer, lambda _: None))

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, look: object) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                look(data)
                writer.write(data)
                await writer.drain()
        with suppress(ConnectionError, RuntimeError):
            writer.close()

    def _count(self, data: bytes) -> None:
        # A head is sent in one piece, at the beginning of one.
        if call := _CALL.search(data):
            services = {b"AWSGlue": self._taken.glue, b"DynamoDB_20120810": self._taken.dynamodb}
            if (calls := services.get(call[1])) is not None:
                calls[call[2].decode()] += 1
        elif request := _REQUEST.match(data):
            self._taken.s3[request[1].decode()] += 1
