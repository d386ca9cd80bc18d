"""A Lambda function under a runtime API of our own.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: the function asks for an event, and posts its answer.
The time in between is what is measured; neither Lambda's own part nor a network is in it.
"""

import json
import queue
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.process import FailedError, cpu_of, peak_of

HOST = "127.0.0.1"
NAME = "bench"
LIMIT = 600  # seconds for one event


class _Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Exchange)
        self.polled: queue.Queue[float] = queue.Queue()
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.answers: queue.Queue[tuple[float, str, bytes]] = queue.Queue()
        self.handed_over = 0.0


class _Exchange(BaseHTTPRequestHandler):
    server: _Api
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one piece

    def do_GET(self) -> None:
        self.server.polled.put(time.perf_counter())
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + LIMIT) * 1000)))
        self.send_header(
            "Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
        )
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)
        self.server.handed_over = time.perf_counter()
        self.wfile.flush()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seconds = time.perf_counter() - self.server.handed_over
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.flush()
        self.server.answers.put((seconds, self.path.rpartition("/")[2], body))

    def log_message(self, *_: object) -> None:
        pass


class Function:
    """A running function: `with Function([path], environment, log) as function`."""

    def __init__(self, command: list, environment: dict[str, str], log: Path) -> None:
        self._command, self._log = command, log
        self._environment = environment | {
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
        }

    def __enter__(self) -> "Function":
        self._api = _Api()
        threading.Thread(target=self._api.serve_forever, daemon=True).start()
        environment = self._environment | {"AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self._api.server_port}"}
        with self._log.open("ab") as log:
            begin = time.perf_counter()
            self._process = subprocess.Popen(self._command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            # Seconds from start to the first question for an event.
            self.start_up = self._api.polled.get(timeout=60) - begin
        except queue.Empty:
            self.__exit__()
            raise FailedError(f"asked for no event; see {self._log}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._api.events.put(None)
        self._api.shutdown()
        self._api.server_close()

    def invoke(self, event: dict) -> tuple[float, float]:
        """Seconds, and seconds of CPU, that an event takes the function."""
        before = cpu_of(self._process.pid)
        self._api.events.put(json.dumps(event).encode())
        try:
            seconds, kind, body = self._api.answers.get(timeout=LIMIT)
        except queue.Empty:
            raise FailedError(f"no answer; see {self._log}") from None
        if kind != "response":
            raise FailedError(f"{body.decode(errors='replace')[:500]}; see {self._log}")
        return seconds, cpu_of(self._process.pid) - before

    @property
    def peak(self) -> float:
        """MiB, so far."""
        return peak_of(self._process.pid)
