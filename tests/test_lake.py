"""The local lake itself."""

import os
import queue
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import lake
import pytest
import run_ministack


def test_a_lake_is_known_by_a_command_longer_than_the_terminal_is_wide(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "20")
    process = subprocess.Popen([sys.executable, "-c", "input()", "x" * 200, "ministack"], stdin=subprocess.PIPE)
    try:
        assert lake._is_ministack(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not lake._is_ministack(process.pid)


class SlowQueue(queue.Queue):
    def put_nowait(self, line: str) -> None:
        time.sleep(0.2)
        super().put_nowait(line)


def test_what_a_function_has_written_is_in_its_log_however_late_it_is_read():
    output, function = (os.fdopen(end, mode, 0) for end, mode in zip(os.pipe(), ["rb", "wb"], strict=True))
    worker = run_ministack.Worker("function", {}, b"")
    worker._proc, worker._stderr_queue = SimpleNamespace(stdout=output), SlowQueue()
    pump = threading.Thread(target=worker._pump_output, args=(output, worker._stderr_queue))
    pump.start()
    function.write(b"one\r\ntwo\nthr")
    assert worker._drain_stderr_bounded() == "one\ntwo"
    function.write(b"ee\n")
    assert worker._drain_stderr_bounded() == "three"
    assert worker._drain_stderr_bounded() == ""
    function.write(b"four")
    function.close()
    pump.join(timeout=10)
    assert worker._drain_stderr_bounded() == "four"
    assert output.closed
