"""Runs MiniStack with one thing put right: as on AWS, all that a function has written is in its log.

MiniStack waits some milliseconds for what a function writes. On a busy machine that is too short; the lines then stay
in the worker until this very one is invoked again, which may be never.
"""

import fcntl
import os
import queue
import select
import struct
import termios
import threading
import time
from contextlib import suppress
from typing import BinaryIO

from ministack import app
from ministack.core import lambda_runtime


class Worker(lambda_runtime.ProvidedWorker):
    """A worker that waits for what is in the pipe: a function has written its lines there before it answers."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        # Held while lines are between the pipe and the queue.
        self._moving = threading.Lock()

    def _pump_output(self, stream: BinaryIO, log_queue: queue.Queue) -> None:
        written = select.poll()
        written.register(stream)
        begun, more = b"", True
        while more:
            written.poll()
            with self._moving:
                more = os.read(stream.fileno(), 1 << 16)
                *lines, begun = (begun + more).split(b"\n")
                if not more:
                    lines = [begun] if begun else []
                    stream.close()
                # Whoever writes more lines than the queue takes loses the rest, rather than being stopped.
                with suppress(queue.Full):
                    for line in lines:
                        log_queue.put_nowait(line.decode(errors="replace").rstrip("\r"))

    def _drain_stderr_bounded(self, **_limits: float) -> str:
        while self._is_unread():
            time.sleep(0.001)
        return self._drain_stderr()

    def _is_unread(self) -> bool:
        with self._moving:
            stream = self._proc and self._proc.stdout
            if stream is None or stream.closed:
                return False
            (unread,) = struct.unpack("i", fcntl.ioctl(stream, termios.FIONREAD, bytes(4)))
            return unread > 0


if __name__ == "__main__":
    lambda_runtime.ProvidedWorker = Worker
    app.main()
