"""Which rows of a log a task learns from: by event, or by a condition on a column."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from maxella.errors import ConfigError, unknown_name

EVENT = "event"  # the column of a log that names what happened
_CONDITION = re.compile(r"\s*(\S+)\s*(>=|<=|==|!=|>|<)\s*(.+?)\s*")
_COMPARISONS: dict[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    ">=": pl.Expr.ge,
    "<=": pl.Expr.le,
    "==": pl.Expr.eq,
    "!=": pl.Expr.ne,
    ">": pl.Expr.gt,
    "<": pl.Expr.lt,
}

RowsOf = str | Sequence[str] | None  # an event, several, a condition, or none for all rows


def chosen_rows(log: pl.DataFrame, rows: RowsOf, *, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row of a log is chosen, and whether it is one in question; both (n,) bool.

    `rows` is an event, a list of events, a condition such as `rating >= 4`, or several of
    these joined by `and`. In question is a row of the events that has a value in each column
    compared: of another event, or of a gap, nobody can say that the condition does not hold.

    >>> log = pl.DataFrame({"event": ["view", "buy", "buy"], "rating": [None, 5, 2]})
    >>> chosen, known = chosen_rows(log, "buy and rating >= 4", where="rows")
    >>> chosen.tolist(), known.tolist()
    ([False, True, False], [False, True, True])
    """
    if rows is None:
        everything = np.ones(log.height, dtype=bool)
        return everything, everything.copy()
    terms = [term.strip() for term in re.split(r"\s+and\s+", rows)] if isinstance(rows, str) else []
    events = [_is_event(log, [term], where) for term in terms if not is_condition(term)]
    if not isinstance(rows, str):
        events.append(_is_event(log, rows, where))
    conditions = [_condition(log, term, where) for term in terms if is_condition(term)]
    found = log.select(
        chosen=pl.all_horizontal(*events, *conditions).fill_null(value=False),
        known=pl.all_horizontal(*events, *(one.is_not_null() for one in conditions)),
    )
    return found["chosen"].to_numpy(), found["known"].fill_null(value=False).to_numpy()


def is_condition(rows: RowsOf) -> bool:
    """Whether rows are chosen by their values, not by their events alone.

    >>> is_condition("rating >= 4"), is_condition("buy"), is_condition(["buy", "cart"])
    (True, False, False)
    """
    return isinstance(rows, str) and any(
        _CONDITION.fullmatch(term) for term in re.split(r"\s+and\s+", rows.strip())
    )


def _condition(log: pl.DataFrame, term: str, where: str) -> pl.Expr:
    column, sign, value = _CONDITION.fullmatch(term).groups()  # type: ignore[union-attr]
    if column not in log.columns:
        raise ConfigError(f"{where} = '{term}': {unknown_name('column', column, log.columns)}")
    return _COMPARISONS[sign](pl.col(column), _value(log[column].dtype, value, term, where))


def _is_event(log: pl.DataFrame, events: Sequence[str], where: str) -> pl.Expr:
    if EVENT not in log.columns:
        raise ConfigError(
            f"{where} = {list(events)} names events; this log has none. Name their column "
            "(data.columns.event), or write a condition such as 'rating >= 4'."
        )
    known = log[EVENT].unique().drop_nulls().to_list()
    for event in events:
        if event not in known:
            raise ConfigError(f"{where}: {unknown_name('event', event, known)}")
    return pl.col(EVENT).is_in(list(events))


def _value(kind: pl.DataType, text: str, term: str, where: str) -> Any:
    """A value as the column has it: true, 4, "phone" or phone."""
    plain = text.strip("\"'")
    if kind == pl.Boolean and plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    if kind.is_numeric():
        try:
            return float(plain)
        except ValueError:
            pass
    elif kind in (pl.String, pl.Categorical, pl.Enum):
        return plain
    raise ConfigError(
        f"{where} = '{term}': the column is of type {kind}, which has no value {text}. Compare it "
        "with a value of that type."
    )
