"""How well a reader has read a polluted file: the measure that `harness.pollution` describes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.polluted import COLUMNS, Broken, File

# What readers call a column without a name.
_MADE_UP = re.compile(r"(column_?|f|field_?|unnamed: |_duplicated_)?\d*(_level_\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Read:
    """What a reader made of a file: names, records in their order, and the text of what it set aside."""

    names: Sequence[str]
    records: Sequence[Sequence[str | None]]
    rejected: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Score:
    """Each from 0 to 1."""

    success: float = 0.0
    header: tuple[float, float, float] = (0.0, 0.0, 0.0)  # precision, recall, F1
    records: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cells: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def total(self) -> float:
        """From 0 to 10."""
        return self.success + sum(self.header) + sum(self.records) + sum(self.cells)


def bare(cells: Iterable[str | None]) -> str:
    """Letters and digits alone: what is left of a text whichever way it is cut up and unquoted."""
    return "".join(c for cell in cells if cell for c in cell if c.isalnum())


def score(file: File, read: Read) -> Score:
    records = [_trimmed(record) for record in read.records]
    expected = Counter(_trimmed(row) for row in file.records if not isinstance(row, Broken))
    spare, matched = [], []
    for at, record in enumerate(records):
        if expected[record] > 0:
            expected[record] -= 1
            matched.append(at)
        elif record:
            spare.append(at)
    kept = _broken(file, [(at, bare(records[at])) for at in spare], bare(read.rejected))
    right = len(matched) + len(kept)
    taken = {at for run in kept for at in run}
    # A broken record that is read as several counts as one.
    found = right + len([at for at in spare if at not in taken])
    return Score(
        1.0,
        _header(file, read.names),
        _measures(right, found, len(file.records)),
        _cells(file, read, [at for at in range(len(records)) if records[at] and at not in taken], len(kept)),
    )


def lost(file: File, read: Read) -> list[str]:
    """The records, broken or not, and the header, whose text is nowhere in what was read."""
    records = [_trimmed(record) for record in read.records]
    there = Counter(records)
    gone = []
    for row in file.records:
        if isinstance(row, Broken):
            continue
        if there[_trimmed(row)] > 0:
            there[_trimmed(row)] -= 1
        else:
            gone.append(row)
    spare = [(at, bare(record)) for at, record in enumerate(records)]
    spare = [(at, text) for at, text in spare if text]
    rejected = bare(read.rejected)
    missing = [str(row) for row in gone if bare(row) not in rejected and not any(bare(row) == t for _, t in spare)]
    broken = [row for row in file.records if isinstance(row, Broken)]
    for row in broken:
        if not _broken(File("", "", b"", file.dialect, [], [row]), spare, rejected):
            missing.append(row.text)
    # The header, or every column's name, is among the names or somewhere else.
    places = [bare(read.names), rejected, *(text for _, text in spare)]
    header = [{file.header.text}] if isinstance(file.header, Broken) else file.header
    for known in header:
        if not any(bare([name]) in place for name in known for place in places):
            missing.append(" / ".join(sorted(known)))
    return missing


def _broken(file: File, spare: list[tuple[int, str]], rejected: str) -> list[tuple[int, ...]]:
    """For each broken record that is there, which records it is read as; none where it was set aside."""
    free = dict(spare)
    kept = []
    for row in file.records:
        if not isinstance(row, Broken):
            continue
        text = bare([row.text])
        run = _run(free, text, rejected)
        if run or not text or text in rejected:
            kept.append(run)
            for at in run:
                del free[at]
    return kept


def _run(free: dict[int, str], text: str, rejected: str) -> tuple[int, ...]:
    """Records in a row that are this text together; its end, or its beginning, may have been set aside."""
    for at, start in free.items() if text else ():
        if text.startswith(start):
            run, rest = [at], text[len(start) :]
            while rest and free.get(run[-1] + 1) and rest.startswith(free[run[-1] + 1]):
                run.append(run[-1] + 1)
                rest = rest[len(free[run[-1]]) :]
            if rest in rejected:
                return tuple(run)
        elif text.endswith(start) and text[: -len(start)] in rejected:
            return (at,)
    return ()


def _header(file: File, names: Sequence[str]) -> tuple[float, float, float]:
    names = [name for name in names if not _MADE_UP.fullmatch(name)]
    if isinstance(file.header, Broken):
        if bare(names) == bare([file.header.text]):
            return (1.0, 1.0, 1.0)
        # What can be read of it, that is: the clean names that are still there.
        from_text = {bare([name]) for name in re.split(r"[,;|:\t ]+", file.header.text)} - {""}
        right = len(from_text & {bare([name]) for name in names})
        return _measures(right, len(names), len(from_text))
    if not file.header:
        # Nothing is named, so no name may be taken from the file.
        return (0.0, 0.0, 0.0) if names else (1.0, 1.0, 1.0)
    free = list(file.header)
    right = 0
    for name in names:
        at = next((at for at, known in enumerate(free) if name in known), None)
        if at is not None:
            del free[at]
            right += 1
    return _measures(right, len(names), len([known for known in file.header if known]))


def _cells(file: File, read: Read, remaining: list[int], kept: int) -> tuple[float, float, float]:
    """Cells that are right: of clean records by value and column, of broken ones all or none."""
    named = not file.by_place and bool(file.header) and not isinstance(file.header, Broken)
    keys: list[object] = list(range(max([len(read.names), *(len(record) for record in read.records)], default=0)))
    if named:
        free = dict(enumerate(file.header))
        for place, name in enumerate(read.names):
            key = next((at for at, known in free.items() if name in known), None)
            keys[place] = name if key is None else key
            free.pop(key, None)
    expected = Counter(
        (key, cell) for row in file.records if not isinstance(row, Broken) for key, cell in enumerate(row)
    )
    found: Counter = Counter()
    for at in remaining:
        for key, cell in zip(keys, read.records[at], strict=False):
            # A column more than there should be, with nothing in it, is no cell.
            if cell or (isinstance(key, int) and key < COLUMNS):
                found[key, cell or ""] += 1
    broken = len(file.records) - (sum(expected.values()) // COLUMNS)
    right = (expected & found).total() + kept * COLUMNS
    return _measures(right, found.total() + kept * COLUMNS, expected.total() + broken * COLUMNS)


def _measures(right: int, found: int, wanted: int) -> tuple[float, float, float]:
    precision = right / found if found else float(not wanted)
    recall = right / wanted if wanted else float(not found)
    return (precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0)


def _trimmed(record: Sequence[str | None]) -> tuple[str, ...]:
    """Without the empty cells at its end: nothing, null and the empty text are the same here."""
    cells = [cell or "" for cell in record]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)
