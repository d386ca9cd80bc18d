"""A tap on the line between a function and the lake: bytes pass unchanged, and requests are counted."""

import asyncio
import re
import threading
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

HOST = "127.0.0.1"
CHUNK = 1 << 16
# The head of a request. Glue's calls are all POST, told apart by a header.
_REQUEST = re.compile(rb"(?:^|\n)(GET|PUT|POST|HEAD|DELETE) /[^\r\n]* HTTP/1\.1\r\n", re.MULTILINE)
_CALL = re.compile(rb"x-amz-target: AWSGlue\.(\w+)\r\n", re.IGNORECASE)


class Tap:
    """`with Tap(endpoint) as tap`: what connects to `tap.endpoint` talks to `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        address = urlsplit(endpoint)
        self._upstream = (address.hostname, address.port)
        self._loop = asyncio.new_event_loop()
        # Calls to Glue by their names, and requests to S3 by their methods.
        self.glue: Counter[str] = Counter()
        self.s3: Counter[str] = Counter()

    def __enter__(self) -> "Tap":
        self._server = self._loop.run_until_complete(asyncio.start_server(self._connect, HOST, 0))
        self.endpoint = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def take(self) -> tuple[Counter[str], Counter[str]]:
        """What was counted since the last time, to Glue and to S3."""
        taken = (self.glue, self.s3)
        self.glue, self.s3 = Counter(), Counter()
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
            self.glue[call[1].decode()] += 1
        elif request := _REQUEST.match(data):
            self.s3[request[1].decode()] += 1
