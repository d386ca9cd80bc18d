"""One small table, and some thousands of files that hold it, each polluted in one way.

The kinds of pollution are those that G. Vitagliano, M. Hameed, L. Jiang, L. Reisener, E. Wu, F. Naumann found in the
files of open-data portals (*Pollock: a data loading benchmark*, 2023); the table, the files and the code are ours.
Every file is the same every time.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

NAMES = ["order_id", "customer", "ordered_on", "ordered_at", "product", "quantity", "unit_price", "remark", "city"]
COLUMNS = len(NAMES)
ROWS = 90
_SEED = 2023

Row = tuple[str, ...]


@dataclass(frozen=True)
class Dialect:
    """How a file is written, as a reader may be told it."""

    delimiter: str = ","
    quote: str = '"'  # empty: none
    escape: str = '"'  # the quote itself where it is doubled; empty: none
    line_end: str = "\n"
    encoding: str = "utf-8"
    header: bool = True
    skip: int = 0  # lines before the header


@dataclass(frozen=True)
class Broken:
    """The text of a record that can be read in more than one way."""

    text: str


@dataclass(frozen=True)
class File:
    kind: str
    name: str
    data: bytes
    dialect: Dialect
    # What a column may be called; nothing where the file does not say it.
    header: list[set[str]] | Broken
    records: list[Row | Broken]
    # Cells may stand in any column that is called like theirs; where the header is polluted, in the same place.
    by_place: bool = False


@dataclass
class _Text:
    """A file while it is made."""

    dialect: Dialect = Dialect()
    all_quoted: bool = False
    header: list[str] | None = field(default_factory=lambda: list(NAMES))
    rows: list[Row] = field(default_factory=lambda: list(_TABLE))

    def cell(self, cell: str) -> str:
        quote, escape = self.dialect.quote, self.dialect.escape
        special = [self.dialect.delimiter, "\n", "\r"]
        if not quote:
            for mark in [escape, *special] if escape else []:
                cell = cell.replace(mark, "".join(escape + c for c in mark))
            return cell
        needs = cell.startswith(" ") or any(mark in cell for mark in [quote, *special])
        # A backslash is one in quotes only.
        needs = needs or (escape != quote and escape in cell)
        return self.quoted(cell) if needs or self.all_quoted else cell

    def quoted(self, cell: str, quote: str = "") -> str:
        quote = quote or self.dialect.quote
        escape = self.dialect.escape if self.dialect.escape != self.dialect.quote else quote
        if escape != quote:
            cell = cell.replace(escape, escape * 2)
        return quote + cell.replace(quote, escape + quote) + quote

    def line(self, cells: list[str] | Row) -> str:
        return self.dialect.delimiter.join(self.cell(cell) for cell in cells)

    def lines(self) -> list[str]:
        """The header, if there is one, and the records; without the ends of the lines."""
        header = [self.line(self.header)] if self.header is not None else []
        return header + [self.line(row) for row in self.rows]


def _draw() -> random.Random:
    return random.Random(_SEED)  # noqa: S311 - nothing is to be kept secret


def _make_table() -> list[Row]:
    """Numbers, dates, times and texts: with commas, quotes and line ends in them, not only ASCII, and some empty."""
    draw = _draw()
    first = ["Ana", "Björn", "Chloé", "Dave", "Elif", "François", "Grace", "Hồng", "Íñigo", "Jo"]
    last = ["Müller", "O'Brien", "de la Cruz", "Smith", "Ångström", "Nguyễn", "Peña", "van Dyk"]
    things = [
        '27" monitor',
        "desk lamp",
        "USB cable, 2 m",
        "chair (oak)",
        '"Classic" mug',
        "paper A4; 500 sheets",
        "pen",
    ]
    notes = [
        "",
        "",
        "deliver in the morning",
        "call before, please",
        'gate says "no entry"',
        "ring twice\nthen wait",
        '"urgent", she wrote',
        "50% paid; rest later",
        "leave at door: No. 7",
    ]
    cities = ["Zürich", "São Paulo", "Leeds", "Århus", "Málaga", "New York", "Köln"]
    made = []
    for i in range(ROWS):
        day = f"20{draw.randint(18, 26)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        time = f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:{draw.randint(0, 59):02}"
        count = "" if i % 11 == 5 else str(draw.randint(1, 40))
        price = f"{draw.randint(1, 900)}.{draw.randint(0, 99):02}"
        name = f"{draw.choice(last)}, {draw.choice(first)}" if i % 3 else f"{draw.choice(first)} {draw.choice(last)}"
        remark = draw.choice(notes)
        # So that most rows can be told apart by more than their number.
        remark += f" {i * 7}" if remark and i % 2 else ""
        made.append((str(10001 + i), name, day, time, draw.choice(things), count, price, remark, draw.choice(cities)))
    return made


_TABLE = _make_table()


def _western(row: Row) -> Row:
    """Without the letters that Latin-1 lacks."""
    return tuple(cell.replace("ồ", "ô").replace("ễ", "ê") for cell in row)


def _known(names: list[str]) -> list[set[str]]:
    return [{name} for name in names]


def _file(kind: str, name: str, text: _Text, **changes: object) -> File:
    """A file as it is written; `changes` say what is otherwise than that implies."""
    joined = "".join(line + text.dialect.line_end for line in text.lines())
    header = _known(text.header) if text.header is not None else []
    made = File(kind, name, b"", text.dialect, header, list(text.rows))
    data = changes.pop("data", joined)
    if isinstance(data, str):
        data = data.encode(text.dialect.encoding)
    return replace(made, data=data, **changes)


def files() -> Iterator[File]:
    """All of them, in an order that stays."""
    yield from _line_ends()
    yield from _encodings()
    yield from _sizes()
    yield from _preambles()
    yield from _headers()
    yield from _blank_lines()
    yield from _footers()
    yield from _two_tables()
    yield from _dialects()
    yield from _broken_rows()
    yield from _broken_rows_without_header()


def _line_ends() -> Iterator[File]:
    kind = "line ends"
    for name, end in {"LF": "\n", "CRLF": "\r\n", "CR": "\r"}.items():
        for all_quoted in (False, True):
            text = _Text(Dialect(line_end=end), all_quoted)
            lines = end.join(text.lines())
            yield _file(kind, f"{name}, quoted: {all_quoted}", text)
            yield _file(kind, f"{name}, quoted: {all_quoted}, none at the end", text, data=lines)
            yield _file(kind, f"{name}, quoted: {all_quoted}, two at the end", text, data=lines + end + end)


def _encodings() -> Iterator[File]:
    kind = "encodings"
    for delimiter in (",", ";", "\t"):
        for end in ("\n", "\r\n"):
            dialect = Dialect(delimiter=delimiter, line_end=end)
            plain = _Text(dialect)
            lines = "".join(line + end for line in plain.lines())
            for encoding, mark in [
                ("utf-8", b"\xef\xbb\xbf"),
                ("utf-16-le", b"\xff\xfe"),
                ("utf-16-be", b"\xfe\xff"),
                ("utf-16-le", b""),
                ("utf-16-be", b""),
            ]:
                told = replace(dialect, encoding=encoding)
                what = f"{encoding} {'with' if mark else 'without'} BOM, {delimiter!r}, {end!r}"
                yield _file(kind, what, plain, data=mark + lines.encode(encoding), dialect=told)
            for encoding in ("latin-1", "cp1252"):
                text = _Text(replace(dialect, encoding=encoding), rows=[_western(row) for row in _TABLE])
                yield _file(kind, f"{encoding}, {delimiter!r}, {end!r}", text)


def _sizes() -> Iterator[File]:
    kind = "few rows"
    for delimiter in (",", ";", "\t", "|"):
        for rows in range(5):
            yield _file(kind, f"{rows}, {delimiter!r}", _Text(Dialect(delimiter=delimiter), rows=_TABLE[:rows]))


def _preambles() -> Iterator[File]:
    kind = "preamble"
    prose = ["Orders of all branches", "made by the back office, not checked", "valid from: 2026-01-01", "Page 1 of 3"]
    for delimiter in (",", ";"):
        text = _Text(Dialect(delimiter=delimiter))
        lines = text.lines()
        for count in (1, 2, 3, 4, 6, 10):
            words = [prose[i % len(prose)] for i in range(count)]
            fill = delimiter * (COLUMNS - 1)
            kinds = {
                "prose": words,
                "prose and a blank line": [*words, ""],
                "filled up": [word.replace(",", "") + fill for word in words],
                "filled up and a blank row": [*(word.replace(",", "") + fill for word in words), fill],
                "comments": [f"# {word}" for word in words],
                "quoted": [text.quoted(word) for word in words],
                "keys": [f"key{i}{delimiter}value {i}" for i in range(count)],
            }
            for name, before in kinds.items():
                told = replace(text.dialect, skip=len(before))
                data = "".join(line + "\n" for line in before + lines)
                yield _file(kind, f"{count} lines of {name}, {delimiter!r}", text, data=data, dialect=told)


def _headers() -> Iterator[File]:
    kind = "header"
    units = ["no.", "", "date", "time", "", "pieces", "EUR", "", ""]
    groups = ["order", "order", "order", "order", "item", "item", "item", "other", "other"]
    for delimiter in (",", ";", "\t", "|"):
        text = _Text(Dialect(delimiter=delimiter))
        unnamed = _Text(replace(text.dialect, header=False), header=None)
        yield _file(kind, f"none, {delimiter!r}", unnamed)
        one, *rest = text.lines()
        for name, rows in {
            "and units": [NAMES, units],
            "and groups": [groups, NAMES],
            "groups and units": [groups, NAMES, units],
        }.items():
            names = [set(column) | {" ".join(filter(None, column))} - {""} for column in zip(*rows, strict=True)]
            lines = [text.line(row) for row in rows] + rest
            # Whoever can be told of one row only is told of the one that names all columns.
            told = replace(text.dialect, skip=rows.index(NAMES))
            data = "".join(line + "\n" for line in lines)
            yield _file(kind, f"{name}, {delimiter!r}", text, data=data, dialect=told, header=names)
        for at in (1, 2, 30, ROWS):
            lines = [one, *rest[:at], one, *rest[at:]]
            records = [*text.rows[:at], Broken(one), *text.rows[at:]]
            data = "".join(line + "\n" for line in lines)
            yield _file(kind, f"again after {at} rows, {delimiter!r}", text, data=data, records=records)


def _blank_lines() -> Iterator[File]:
    kind = "blank lines"
    for end in ("\n", "\r\n"):
        text = _Text(Dialect(line_end=end))
        lines = [line + end for line in text.lines()]
        for blank, name in {end: "empty", f"  {end}": "blank"}.items():
            for at in (0, 1, 2, 40, ROWS + 1):
                for count in (1, 3):
                    data = "".join(lines[:at]) + blank * count + "".join(lines[at:])
                    told = replace(text.dialect, skip=count if at == 0 else 0)
                    yield _file(kind, f"{count} {name} before line {at}, {end!r}", text, data=data, dialect=told)
            yield _file(kind, f"{name} after every line, {end!r}", text, data=blank.join(lines))


def _footers() -> Iterator[File]:
    kind = "footer"
    for delimiter in (",", ";", "\t"):
        text = _Text(Dialect(delimiter=delimiter))
        for name, after in {
            "a sentence": ["90 rows in all"],
            "a blank line and a sentence": ["", "90 rows in all"],
            "three lines": ["End of report", "Source: the back office", "Not checked"],
            "a sum": [delimiter.join(["Total", "", "", "", "", "1801", "40404.13", "", ""])],
            "a short sum": [delimiter.join(["Total", "90"])],
            "a comment": ["# end of report"],
            "rows without cells": [delimiter * (COLUMNS - 1)],
        }.items():
            data = "".join(line + "\n" for line in text.lines() + after)
            records = text.rows + [Broken(line) for line in after if line]
            yield _file(kind, f"{name}, {delimiter!r}", text, data=data, records=records)


def _two_tables() -> Iterator[File]:
    kind = "two tables"
    draw = _draw()
    for delimiter in (",", ";"):
        text = _Text(Dialect(delimiter=delimiter))
        for columns in (2, 5, COLUMNS, COLUMNS + 3):
            for rows in (2, 4, 12):
                for gap in (0, 1):
                    second = [[f"name{i}" for i in range(columns)]]
                    second += [[str(draw.randint(100, 999)) for _ in range(columns)] for _ in range(rows)]
                    after = [delimiter.join(row) for row in second]
                    data = "".join(line + "\n" for line in text.lines() + [""] * gap + after)
                    records = text.rows + [Broken(line) for line in after]
                    what = f"{rows} rows of {columns} columns, gap of {gap}, {delimiter!r}"
                    yield _file(kind, what, text, data=data, records=records)


def _dialects() -> Iterator[File]:
    for delimiter in [",", ";", "\t", "|", "^", "~", ":", " ", "\x01", "\x1f", "||", "::", ", ", " | "]:
        kind = "dialects" if len(delimiter) == 1 else "long delimiters"
        for end in ("\n", "\r\n"):
            for quote in ('"', "'"):
                for escape in (quote, "\\"):
                    for all_quoted in (False, True):
                        text = _Text(Dialect(delimiter, quote, escape, end), all_quoted)
                        how = "all" if all_quoted else "some"
                        yield _file(kind, f"{delimiter!r}, {how} quoted by {quote}, {escape!r}, {end!r}", text)
            yield _file(kind, f"{delimiter!r}, escaped by backslash, {end!r}", _Text(Dialect(delimiter, "", "\\", end)))
            # What cannot be written is left out of the cells.
            clean = [
                tuple(cell.replace("\n", " / ").replace(delimiter, "_" if delimiter == " " else "") for cell in row)
                for row in _TABLE
            ]
            yield _file(
                kind, f"{delimiter!r}, nothing quoted, {end!r}", _Text(Dialect(delimiter, "", "", end), rows=clean)
            )


_STYLES = [
    Dialect(),
    Dialect(delimiter=";", line_end="\r\n"),
    Dialect(),
    Dialect(delimiter="\t"),
    Dialect(),
    Dialect(delimiter="|", escape="\\"),
    Dialect(delimiter=";", quote="'", escape="'"),
]


def _pollutions(draw: random.Random) -> dict[str, Callable[[_Text, list[str], int], str]]:
    """By kind: a line of these cells in which something is wrong at one of them."""

    def with_cell(change: Callable[[_Text, str, str], str]) -> Callable[[_Text, list[str], int], str]:
        def apply(text: _Text, cells: list[str], at: int) -> str:
            raw = [text.cell(cell) for cell in cells]
            raw[at] = change(text, cells[at], raw[at])
            return text.dialect.delimiter.join(raw)

        return apply

    def extra(text: _Text, cells: list[str], at: int) -> str:
        raw = [text.cell(cell) for cell in cells]
        raw.insert(at if at < COLUMNS - 1 else draw.choice([at, COLUMNS]), "")
        return text.dialect.delimiter.join(raw)

    def missing(text: _Text, cells: list[str], at: int) -> str:
        raw = [text.cell(cell) for cell in cells]
        at = min(at, COLUMNS - 2)
        raw[at : at + 2] = [raw[at] + raw[at + 1]]
        return text.dialect.delimiter.join(raw)

    def other(text: _Text, cells: list[str], at: int) -> str:
        others = [d for d in (",", ";", "\t", "|", ":", " ", ", ") if d != text.dialect.delimiter]
        return others[at % len(others)].join(text.cell(cell) for cell in cells)

    def fewer(text: _Text, cells: list[str], at: int) -> str:
        return text.line(cells[: max(at, 1)])

    def more(text: _Text, cells: list[str], at: int) -> str:
        return text.line([*cells, *(f"more{i}" for i in range(1 + at % 4))])

    def other_quote(text: _Text, cell: str, _: str) -> str:
        return text.quoted(cell, "'" if text.dialect.quote == '"' else '"')

    def middle(raw: str, mark: str) -> str:
        at = max(1, len(raw) // 2)
        return raw[:at] + mark + raw[at:]

    return {
        "extra delimiter": extra,
        "missing delimiter": missing,
        "other delimiter": other,
        "fewer fields": fewer,
        "more fields": more,
        "quote before": with_cell(lambda text, _, raw: text.dialect.quote + raw),
        "open quote": with_cell(lambda text, cell, _: text.quoted(cell)[:-1]),
        "quote within": with_cell(lambda text, _, raw: middle(raw, text.dialect.quote)),
        "quote after": with_cell(lambda text, _, raw: raw + text.dialect.quote),
        "other quote": with_cell(other_quote),
        "escape within": with_cell(lambda _, __, raw: middle(raw, "\\")),
    }


def _broken_rows() -> Iterator[File]:
    """One record, or the header, in which something is wrong at one cell."""
    draw = _draw()
    for kind, change in _pollutions(draw).items():
        # Every column of the header and of the first and the last row; of all others, two columns each.
        for at in range(ROWS + 1):
            columns = range(COLUMNS) if at in (0, 1, ROWS) else sorted(draw.sample(range(COLUMNS), 2))
            for column in columns:
                text = _Text(_STYLES[(at + column) % len(_STYLES)])
                lines = text.lines()
                lines[at] = change(text, list(text.rows[at - 1]) if at else NAMES, column)
                data = "".join(line + text.dialect.line_end for line in lines)
                what = f"line {at}, column {column}, {text.dialect.delimiter!r}"
                broken = Broken(lines[at])
                if at:
                    records = [*text.rows[: at - 1], broken, *text.rows[at:]]
                    yield _file(kind, what, text, data=data, records=records)
                else:
                    yield _file(kind, what, text, data=data, header=broken, by_place=True)


def _broken_rows_without_header() -> Iterator[File]:
    """A first line in which something is wrong, and which is a record."""
    for kind, change in _pollutions(_draw()).items():
        for column in range(COLUMNS):
            style = replace(_STYLES[column % len(_STYLES)], header=False)
            text = _Text(style, header=None)
            first, *rest = text.lines()
            first = change(text, list(text.rows[0]), column)
            data = "".join(line + style.line_end for line in [first, *rest])
            what = f"{kind}, column {column}, {style.delimiter!r}"
            yield _file("no header", what, text, data=data, records=[Broken(first), *text.rows[1:]])
