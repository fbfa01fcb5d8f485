"""How a file of delimited text is laid out, found out from its start: nobody says it."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from maxella.sources.lines import SPACES, cut_line
from maxella.sources.mapping import guess_columns

SEPARATORS = ("::", "\t", ";", "|", ",", " ", SPACES)  # of several that fit alike, the first
SHOWN = {"\t": "tabs", " ": "spaces", SPACES: "spaces"}
USUAL = ("\t", ";", "|", ",")
MOST_LINES = 200  # that are looked at for a separator
MOST_STRAYS = 20  # lines before the table
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel writes and reads it
NO_FIT = (False, False, 0.0, 0, False, 0)
_COMMENT = re.compile(r"\s*[#%]+\s*")
_VALUE = re.compile(
    r"\s*(?:[-+]?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b.*)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dialect:
    """How fields are parted, where the table begins, and what its columns are called."""

    separator: str
    n_skipped: int = 0  # lines before that of the names; with `columns`, before the first row
    columns: tuple[str, ...] | None = None  # None: the first line that isn't skipped names them
    has_header: bool = True
    notes: tuple[str, ...] = ()  # what was assumed, a sentence each


@dataclass(frozen=True)
class _Cut:
    """The lines of a text cut by one separator."""

    separator: str
    rows: list[list[str]]
    n_columns: int  # of most rows
    n_strays: int  # rows before the table
    fit: tuple[bool, bool, float, int, bool, int]  # how well the separator does; greater is better

    @classmethod
    def by(cls, separator: str, lines: Sequence[str]) -> "_Cut":
        rows = [cut_line(line, separator) for line in lines]
        n_columns = Counter(map(len, rows)).most_common(1)[0][0]  # of equals the first line's
        first = enumerate(zip(lines, rows[: MOST_STRAYS + 1], strict=False))
        with_ids = (n for n, (line, row) in first if _names_ids(row) and not _COMMENT.match(line))
        named = next(with_ids, None)
        if named is not None:
            n_columns, n_strays = len(rows[named]), named
            n_columns += _has_row_names(rows[named:], n_columns + 1)
        else:
            n_strays = _n_strays(lines, rows, n_columns)
        table = rows[n_strays:]
        is_whole = [len(row) == n_columns for row in table]
        is_whole[0] |= _has_row_names(table, n_columns)
        share = sum(is_whole) / len(table)
        is_cut = n_columns > 1
        is_loose = separator in (" ", SPACES)
        if is_loose:
            # Texts have spaces too: these part fields only where no row has one more or less,
            # and any number of them only where none can stand within quotes.
            is_cut &= named is not None or share == 1
            is_cut &= not any("" in row for row in table)
            is_cut &= separator == " " or not any('"' in line for line in lines)
        share = min(share, 0.9)
        fit = (named is not None, is_whole[0], share, -n_strays, not is_loose, n_columns)
        return cls(separator, rows, n_columns, n_strays, fit if is_cut else NO_FIT)


def find_dialect(
    start: str, file: str, *, separator: str | None = None, header: bool | None = None
) -> Dialect:
    """The dialect of a file that starts so; `separator` and `header` are what is known of it.

    Before the table may stand a line `sep=;`, comments, and lines that are no rows. Without a
    line of names columns are called column_1, column_2 and so on.
    """
    lines = re.split(r"\r\n|\n|\r", start)
    n_first = 0
    if found := _SEP_LINE.fullmatch(lines[0]):
        n_first, separator = 1, separator or found[1]
    numbered = [(n, line) for n, line in enumerate(lines) if n >= n_first and line.strip()]
    if not numbered:
        return Dialect(separator or ",", n_first)
    texts = [line for _, line in numbered]
    cut = _best(texts[:MOST_LINES], separator)
    n_before, table = numbered[cut.n_strays][0], cut.rows[cut.n_strays :]
    notes = []
    if cut.n_strays:
        filled = (" ".join(filter(None, row)).strip()[:60] for row in cut.rows[: cut.n_strays])
        shown = "; ".join(filter(None, filled))
        notes.append(f"The first {n_before} lines of {file} are no rows: {shown}")
    if separator is None and cut.separator not in USUAL and cut.n_columns > 1:
        shown = SHOWN.get(cut.separator, cut.separator)
        notes.append(f"The fields of {file} are parted by {shown}.")
    named = _names_in_comment(texts[: cut.n_strays], cut)
    if header is None and named is None and _has_row_names(table, cut.n_columns):
        notes.append(
            f"The first line of {file} has one name less than there are columns: the first "
            "column, called row, numbers the rows."
        )
        columns = ("row", *table[0])
        return Dialect(cut.separator, n_before + 1, columns, notes=tuple(notes))
    later = (cut_line(line, cut.separator) for line in texts[cut.n_strays + 1 :])
    if header or (header is None and named is None and _is_header(table[0], later)):
        return Dialect(cut.separator, n_before, notes=tuple(notes))
    by_place = tuple(f"column_{n + 1}" for n in range(len(table[0])))
    if header is False or named is None:
        first_row = ", ".join(field[:20] for field in table[0])
        notes.append(
            f"{file} has no line of names, as its first row is {first_row}: its columns are "
            f"called {by_place[0]} to {by_place[-1]}, by their places. With a line of names first "
            "they can be told better."
        )
        named = by_place
    return Dialect(cut.separator, n_before, named, has_header=False, notes=tuple(notes))


def _best(lines: Sequence[str], separator: str | None) -> _Cut:
    candidates: tuple[str, ...]
    if separator is None:
        candidates = SEPARATORS
    else:  # one space on the command line stands for any number of them
        candidates = (" ", SPACES) if separator in (" ", SPACES) else (separator,)
    cuts = [_Cut.by(one, lines) for one in candidates]
    fitting = [cut for cut in cuts if any(cut.fit)]
    # Commas in numbers alone part nothing, if anything else does.
    decimal = all(re.fullmatch(r"(?:\d,\d|[^,])*", line) for line in lines[1:])
    fitting = [cut for cut in fitting if cut.separator != "," or not decimal] or fitting
    if fitting:
        return max(fitting, key=lambda cut: cut.fit)
    return max(cuts, key=lambda cut: (len(cut.rows[0]), cut.separator == ","))


def _n_strays(lines: Sequence[str], rows: list[list[str]], n_columns: int) -> int:
    """Comments, and lines that fill half of the columns at most before a line of names."""
    n_comments = 0
    while n_comments < len(rows) - 1 and _COMMENT.match(lines[n_comments]):
        n_comments += 1
    if n_comments and not all(_COMMENT.match(line) for line in lines):
        return n_comments
    for n, row in enumerate(rows[: MOST_STRAYS + 1]):
        n_filled = sum(bool(field.strip()) for field in row)
        if n_filled > n_columns / 2:
            is_table = len(row) == n_columns and _is_header(row, rows[n + 1 :])
            return n if is_table else 0
    return 0


def _names_in_comment(comments: Sequence[str], cut: _Cut) -> tuple[str, ...] | None:
    """The names in the comment just before the first row, if it has one for each column."""
    if not comments or not _COMMENT.match(comments[-1]):
        return None
    names = cut_line(_COMMENT.sub("", comments[-1], count=1), cut.separator)
    first = cut.rows[cut.n_strays]
    is_named = len(names) == cut.n_columns == len(set(names)) and not any(map(_is_value, names))
    return tuple(names) if is_named and any(map(_is_value, first)) else None


def _has_row_names(table: list[list[str]], n_columns: int) -> bool:
    """Whether rows begin with their numbers, for which the first line, as R writes it, has none."""
    if len(table) < 2 or len(table[0]) != n_columns - 1 or len(table[1]) != n_columns:
        return False
    return [row[0] for row in table[1:]] == [str(n) for n in range(1, len(table))]


def _is_header(fields: Sequence[str], later: Iterable[list[str]]) -> bool:
    """Whether a line names columns: nothing in it is a number or stands in its column again."""
    if _names_ids(fields) or fields[0] in guess_columns(fields).values():
        return True
    if any(map(_is_value, fields)):
        return False
    again = set()
    for row in later:
        again |= {n for n, field in enumerate(row[: len(fields)]) if field == fields[n]}
    n_again = sum(bool(fields[n].strip()) for n in again)
    return n_again < max(1, len(fields) / 2)


def _names_ids(fields: Sequence[str]) -> bool:
    return {"user_id", "item_id"} <= guess_columns(fields).keys()


def _is_value(field: str) -> bool:
    return _VALUE.fullmatch(field) is not None
