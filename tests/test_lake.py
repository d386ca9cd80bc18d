"""The local lake itself."""

import subprocess
import sys

import lake
import pytest


def test_a_lake_is_known_by_a_command_longer_than_the_terminal_is_wide(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "20")
    process = subprocess.Popen([sys.executable, "-c", "input()", "x" * 200, "ministack"], stdin=subprocess.PIPE)
    try:
        assert lake._is_ministack(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not lake._is_ministack(process.pid)
