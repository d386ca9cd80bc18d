"""How the scripts talk to a person: steps with their time, tables, colour only where there is a terminal."""

import os
import shutil
import sys
import threading
import time
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress

TTY = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
COLOUR = TTY and "NO_COLOR" not in os.environ
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def _styled(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def bold(text: str) -> str:
    return _styled("1", text)


def dim(text: str) -> str:
    return _styled("2", text)


def green(text: str) -> str:
    return _styled("32", text)


def red(text: str) -> str:
    return _styled("31", text)


def cyan(text: str) -> str:
    return _styled("36", text)


def width() -> int:
    """Columns to write in: those of the terminal, within reason."""
    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 110))


def size(count: int) -> str:
    """Bytes for people: `512 B`, `96.3 kB`, `4.1 MB`."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"


def title(text: str, remark: str = "") -> None:
    print(f"\n{bold(text)}  {dim(remark)}".rstrip() + "\n", flush=True)


class Step:
    """One line of progress: a spinner with a clock while it lasts, a tick or a cross when it is over.

    >>> with Step("Deploying") as step:
    ...     step.text = "Deployed"
    """

    def __init__(self, text: str, begin: float | None = None) -> None:
        """Its clock runs from `begin` (of `time.monotonic`), or from now."""
        self.text = text
        self._begin = time.monotonic() if begin is None else begin
        self._over = threading.Event()
        self._spinner = threading.Thread(target=self._spin, daemon=True)

    def _line(self, mark: str) -> str:
        room = width() - 14
        text = self.text if len(self.text) <= room else self.text[: room - 1] + "…"
        return f"  {mark} {text:<{room}}{dim(f'{time.monotonic() - self._begin:6.1f} s')}"

    def _spin(self) -> None:
        turn = 0
        while not self._over.wait(0.1):
            print(f"\r{self._line(cyan(SPINNER[turn % len(SPINNER)]))}", end="", flush=True)
            turn += 1

    def __enter__(self) -> "Step":
        if TTY:
            self._spinner.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        if self._spinner.is_alive():
            self._spinner.join()
        mark = green("✓") if kind is None else red("✗")
        print(f"{chr(13) if TTY else ''}{self._line(mark)}", flush=True)


def fail(message: str, detail: str = "") -> "SystemExit":
    """The way out: `raise fail(...)`."""
    sys.stdout.flush()
    if detail:
        print(dim(detail.rstrip()), file=sys.stderr)
    return SystemExit(f"{red('error:')} {message}")


def _columns(text: str) -> int:
    """How wide a text stands in a terminal: an ideograph takes two columns, an accent of its own none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _fit(text: str, limit: int) -> str:
    text = " ".join(text.split())
    if _columns(text) <= limit:
        return text
    while _columns(text) > limit - 1:
        text = text[:-1]
    return text + "…"


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def table(header: Sequence[str], rows: Iterable[Sequence[str]], indent: int = 4) -> None:
    """A boxed table, numbers to the right, the widest columns shortened until it fits."""
    body = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(_columns(row[i]) for row in [list(header), *body]) for i in range(len(header))]
    room = max(width() - indent - 3 * len(header) - 1, 4 * len(header))
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    right = [bool(body) and all(_is_number(row[i]) or not row[i] for row in body) for i in range(len(header))]

    def line(cells: Sequence[str], paint=lambda text: text) -> str:
        out = []
        for cell, room, to_right in zip(cells, widths, right, strict=True):
            text = _fit(cell, room)
            gap = " " * (room - _columns(text))
            out.append(gap + paint(text) if to_right else paint(text) + gap)
        bar = dim("│")
        return " " * indent + f"{bar} " + f" {bar} ".join(out) + f" {bar}"

    def rule(left: str, middle: str, end: str) -> str:
        return " " * indent + dim(left + middle.join("─" * (w + 2) for w in widths) + end)

    print(rule("┌", "┬", "┐"))
    print(line(header, bold))
    print(rule("├", "┼", "┤"))
    for row in body:
        print(line(row))
    print(rule("└", "┴", "┘"), flush=True)
