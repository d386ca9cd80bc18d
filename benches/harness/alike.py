"""Whether two readers made the same of a file: shapes, names, kinds of columns, and values as canonical text."""

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache

# Words for nothing, as some reader of the four takes them.
_NOTHING = frozenset(
    [
        *("na", "n/a", "#n/a", "#n/a n/a", "#na", "nan", "-nan", "null", "none", "<na>", "nil", "-", ".", "?", "\\n"),
        *("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    ]
)
# What readers call a column without a name, and what they add to one that is there twice.
_MADE_UP = re.compile(r"(column_?|col_?|f|field_?|unnamed: ?|_duplicated_)?\d*(_level_\d+)?", re.IGNORECASE)
_AGAIN = re.compile(r"[._]\d+$")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
# A number would lose what these texts say: zeros that lead, a plus sign, more digits than a double keeps.
_LOSSY = re.compile(r"[+-]?0\d|\+|[+-]?\d{17,}$")
_PLAIN = re.compile(r"[+-]?\d{1,15}|[+-]?(?=[\d.]{1,16}$)\d*\.\d*")
_TWO_WAYS = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}\b")
_DAYS = [
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d-%b-%Y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%Y-%b-%d", "%b-%d-%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%b-%y", "%Y-%m", "%b %Y"),
]
_CLOCKS = [
    "",
    " %H:%M:%S",
    " %H:%M",
    "T%H:%M:%S",
    "T%H:%M",
    " %H:%M:%S.%f",
    "T%H:%M:%S.%f",
    " %I:%M:%S %p",
    " %I:%M %p",
]


@dataclass(frozen=True)
class Table:
    """What a reader made of a file: names, and for each column its kind and its values."""

    names: Sequence[str]
    kinds: Sequence[str]  # number, date, boolean, text; or nothing, where no row has a value
    columns: Sequence[Sequence]
    # The kinds that its reader tells from text.
    told: frozenset[str] = frozenset({"number", "date", "boolean"})

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    @property
    def digest(self) -> str:
        """Stands for all of it, so that what was found to be right can be known again."""
        whole = hashlib.sha256(repr((list(self.names), list(self.kinds))).encode())
        for column in self.columns:
            whole.update(repr([canonical(value) for value in column]).encode())
        return whole.hexdigest()[:8]


@dataclass
class Verdict:
    """The class of the first difference, or none; and what was seen."""

    reason: str = ""
    detail: str = ""
    columns: dict[str, str] = field(default_factory=dict)


def bare_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names without what readers make up."""
    found = []
    for name in names:
        plain = " ".join(str(name).replace("\ufeff", "").split())
        # The second `a` of a file is `a`, `a.1` or `a_1`.
        again = _AGAIN.sub("", plain)
        plain = again if again in found else plain
        found.append("" if _MADE_UP.fullmatch(plain) else plain)
    return tuple(found)


def canonical(value: object) -> object:  # noqa: PLR0911 - a line for each kind
    """Null, a boolean, a number, a day or moment, or text without blanks around it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value) if abs(value) < 2**53 else value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        plain = value.replace(tzinfo=None) - (value.utcoffset() or type(value - value)())
        return plain.isoformat(sep=" ") if plain.time() != time() else plain.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    text = str(value).replace("\r\n", "\n").replace("\r", "\n").strip()
    return text or None


def kind(values: Iterable) -> str:
    """Of a column whose reader does not say."""
    kinds = {_kind(value) for value in values} - {""}
    return "nothing" if not kinds else kinds.pop() if len(kinds) == 1 else "text"


def _kind(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    return "date" if isinstance(value, date | datetime) else "text"


def compare(ours: Table, peers: dict[str, Table]) -> Verdict:
    """Alike is what agrees with one of the others, in shape and names, and in each column."""
    ours, peers = _trimmed(ours), {name: _trimmed(peer) for name, peer in peers.items()}
    same_width = [peer for peer in peers.values() if len(peer.names) == len(ours.names)]
    if not same_width:
        widths = ", ".join(f"{name} {len(peer.names)}" for name, peer in peers.items())
        return Verdict("columns", f"{len(ours.names)}, others {widths}")
    same_shape = [peer for peer in same_width if peer.rows == ours.rows]
    if not same_shape:
        rows = ", ".join(f"{name} {peer.rows}" for name, peer in peers.items() if peer in same_width)
        header = all(abs(peer.rows - ours.rows) == 1 for peer in same_width) and (
            not any(bare_names(ours.names)) or not any(any(bare_names(peer.names)) for peer in same_width)
        )
        return Verdict("header" if header else "rows", f"{ours.rows}, others {rows}")
    mine = bare_names(ours.names)
    same = [peer for peer in same_shape if bare_names(peer.names) == mine]
    if not same:
        theirs = bare_names(same_shape[0].names)
        unlike = [(a, b) for a, b in zip(mine, theirs, strict=True) if a != b]
        return Verdict("names", str(unlike[:2]))
    columns, commas = {}, not _has_points(ours, same)
    for at, name in enumerate(ours.names):
        if (reason := _column(ours, same, at, commas)) is not None:
            columns[f"{at}: {name}"] = reason
    if columns:
        first = next(iter(columns.values()))
        return Verdict(first.partition(":")[0], f"{len(columns)} of {len(mine)} columns", columns)
    return Verdict()


def _trimmed(table: Table) -> Table:
    """Without the last columns that have neither a name nor a value: a delimiter at the end of each row makes them."""
    width = len(table.names)
    while width > 1 and not bare_names(table.names[width - 1 : width])[0] and table.kinds[width - 1] == "nothing":
        width -= 1
    return replace(table, names=table.names[:width], kinds=table.kinds[:width], columns=table.columns[:width])


def _column(ours: Table, peers: list[Table], at: int, commas: bool) -> str | None:
    """The way in which a column is like that of no peer; none if it is. Decimal commas may be believed, or not."""
    kind_of_ours = ours.kinds[at]
    reasons: list[str] = []
    said = {peer.kinds[at] for peer in peers} - {"text", "nothing"}
    # Who knows no such thing has no say in whether it is one.
    able = [peer for peer in peers if kind_of_ours != "text" or said <= peer.told]
    for peer in able:
        kind_of_peer = peer.kinds[at]
        pairs = {(canonical(a), canonical(b)) for a, b in zip(ours.columns[at], peer.columns[at], strict=True)}
        unlike = [pair for pair in pairs if not _same(*pair)]
        if not unlike and "nothing" in (kind_of_ours, kind_of_peer):
            return None
        if unlike and (_one_format(pairs) if kind_of_ours == "date" else _one_notation(unlike, commas)):
            unlike = []
        # Whoever has text has lost nothing; if all of it is what we say, we only say more.
        finer = kind_of_ours != "text" and kind_of_peer == "text"
        if not unlike and (kind_of_ours == kind_of_peer or finer):
            return None
        if kind_of_ours == kind_of_peer or finer:
            reasons.append(f"values: {len(unlike)} of {len(pairs)}, as {_oddest(unlike)}")
        else:
            reasons.append(f"{kind_of_ours} for {kind_of_peer}: as {_oddest(unlike or pairs)}")
    if kind_of_ours == "text" and _of_a_language(ours.columns[at]):
        return None
    # Text is right where a number would not be the text any more, whatever the others make of it.
    if kind_of_ours == "text" and any(_LOSSY.match(str(value).strip()) for value in ours.columns[at] if value):
        untyped = [peer for peer in peers if not peer.told]
        if not untyped or any(_equal_text(ours.columns[at], peer.columns[at]) for peer in untyped):
            return None
    return min(reasons, key=lambda reason: reason.startswith("values"))


def _of_a_language(values: Sequence) -> bool:
    """Words that one reader takes for booleans, and dates of which nobody can say which number is the day."""
    texts = {str(value).strip().lower() for value in values if value}
    if texts <= {"t", "f"} or texts <= {"y", "n", "yes", "no"}:
        return True
    dates = [_TWO_WAYS.match(text) for text in texts]
    return bool(dates) and all(date and int(date[1]) <= 12 and int(date[2]) <= 12 for date in dates)


def _oddest(pairs: Iterable[tuple]) -> str:
    """Of the differing pairs those that look least like a plain number, which are the ones that decide."""
    ordered = sorted(pairs, key=lambda pair: (bool(_PLAIN.fullmatch(str(pair[0]))), pair[0] is None, str(pair[0])))
    return ", ".join(repr(pair) for pair in ordered[:3])


def _equal_text(ours: Sequence, theirs: Sequence) -> bool:
    return all(_same(canonical(a), canonical(b)) for a, b in zip(ours, theirs, strict=True))


def _same(mine: object, other: object) -> bool:
    if mine == other and isinstance(mine, bool) == isinstance(other, bool):
        return True
    if mine is None or other is None:
        rest = other if mine is None else mine
        return isinstance(rest, str) and rest.lower() in _NOTHING
    if isinstance(mine, bool) or isinstance(other, bool):
        truth, rest = (mine, other) if isinstance(mine, bool) else (other, mine)
        if isinstance(rest, float):
            return rest == float(truth)
        return str(rest).lower() in (_TRUE if truth else _FALSE)
    if isinstance(mine, str) and isinstance(other, str):
        return " ".join(mine.split()) == " ".join(other.split())
    a, b = _number(mine), _number(other)
    return a is not None and b is not None and (a == b or math.isclose(a, b, rel_tol=1e-15))


@lru_cache(maxsize=100_000)
def _number(value: object) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _one_notation(unlike: list[tuple], commas: bool) -> bool:
    """Whether the texts of the other are our numbers, all with groups of three, or all with a decimal comma."""
    if not all(isinstance(mine, float | int) and isinstance(other, str) for mine, other in unlike):
        return False
    return all(mine == _number(other.replace(",", "")) for mine, other in unlike) or (
        commas and all(mine == _number(other.replace(".", "").replace(",", ".")) for mine, other in unlike)
    )


def _has_points(ours: Table, peers: list[Table]) -> bool:
    """Whether a column proves a decimal point for the file: another reader has our fractions without further ado."""
    for at, kind_of_ours in enumerate(ours.kinds):
        if kind_of_ours == "number" and any(isinstance(value, float) and value % 1 for value in ours.columns[at]):
            for peer in peers:
                pairs = zip(ours.columns[at], peer.columns[at], strict=True)
                if all(_same(canonical(a), canonical(b)) for a, b in pairs):
                    return True
    return False


def _one_format(pairs: set[tuple]) -> bool:
    """Whether one way of writing days turns all texts of the other into our dates."""
    dates = [(mine, other) for mine, other in pairs if not _same(mine, other)]
    if not all(isinstance(mine, str) and isinstance(other, str) for mine, other in dates):
        return False
    return all(mine == _moment(other) for mine, other in dates) or any(
        all(any(mine == _moment(other, f"{day}{clock}") for clock in _CLOCKS) for mine, other in dates) for day in _DAYS
    )


def _moment(text: str, form: str = "") -> object:
    try:
        if form:
            return canonical(datetime.strptime(text.removesuffix("Z"), form))
        return canonical(datetime.fromisoformat(text))
    except ValueError:
        return None
