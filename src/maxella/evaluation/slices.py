"""Slices of a test part: by how much is known of a user or item, or by a column.

All are cut where the test part is: what has no test interaction is in no slice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from maxella.errors import ConfigError, DataError
from maxella.evaluation.metric import Group
from maxella.features.values import DATES, as_categories

Side = Literal["user", "item"]
MOST_VALUES = 12  # of a column; numbers and dates with more are cut in quartiles
THIRDS = ("head", "middle", "tail")


@dataclass(frozen=True)
class Slice:
    """One value of one way to slice, such as `F` of `user.gender`.

    A slice of users holds all their held-out pairs, a slice of items the pairs with these items
    and the users who have any: at the ranks that they have among all candidates. Lists do not
    depend on what is held out, so slices of items have no metrics of lists.
    """

    name: str
    value: str
    side: Side
    is_in: np.ndarray  # (user rows,) or (item rows,) bool


def is_within(one: Slice | None, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """(n,) user rows and item rows → (n,) whether each pair is in a slice; all without one."""
    if one is None:
        return np.ones(len(users), dtype=bool)
    return np.asarray(one.is_in[users if one.side == "user" else items])


@dataclass(frozen=True)
class Answers:
    """Answers that were asked for once: how to measure them, and what is no metric."""

    user_rows: np.ndarray  # (users,) the row of the user at each position, whoever is asked
    group: Callable[[Slice | None], Group]  # the metrics over everything, or over a slice
    counts: Mapping[str, int]  # how much was asked
    ceiling: Mapping[str, float] = field(default_factory=dict)  # what a perfect ranking reaches
    curves: Mapping[str, Any] = field(default_factory=dict)  # points to be drawn, by name


def by_activity(known: np.ndarray, tests: np.ndarray) -> list[Slice]:
    """Quartiles of the evaluated users by known interactions; users who tie go together.

    (user rows,) interactions known before, (user rows,) test interactions.
    """
    users = tests.nonzero()[0]
    known = known[users]
    quartiles = bands(known, np.ones(len(users)), 4)
    texts = pl.Series(known).cast(pl.String)
    return [
        Slice("activity", value, "user", np.isin(np.arange(len(tests)), users[is_in]))
        for value, is_in in _named_bands(quartiles, known, texts)
    ]


def by_popularity(trained: np.ndarray, tests: np.ndarray) -> list[Slice]:
    """The items that hold the first, second and last third of the training interactions.

    The most popular come first, items that tie go together, and one on a border counts to the
    more popular side; `cold` are those that training lacks. (item rows,) training
    interactions, (item rows,) test interactions.
    """
    thirds = np.where(trained > 0, bands(-trained, trained, len(THIRDS)), len(THIRDS))
    return [
        Slice("popularity", value, "item", (thirds == band) & (tests > 0))
        for band, value in enumerate((*THIRDS, "cold"))
    ]


def by_column(name: str, side: Side, values: pl.Series, tests: np.ndarray) -> list[Slice]:
    """A slice for each value of a column, or for each label where a value is a list of them.

    (rows,) values and (rows,) test interactions. The values with most test interactions have
    slices of their own, up to 12; `other` holds the rest and `missing` what has no value.
    Numbers and dates of more than 12 values are cut in quartiles, of the evaluated users or of
    the test interactions. Raises ConfigError for a column of something else.
    """
    labels = _labels(name, values)
    labels = labels.filter(pl.Series(tests > 0)[labels["row"]])
    rows, texts, order = labels["row"].to_numpy(), labels["text"], labels["order"].to_numpy()
    is_number = labels["value"].dtype.is_numeric() or labels["value"].dtype in DATES
    if is_number and texts.n_unique() > MOST_VALUES:
        weights = np.ones(len(rows)) if side == "user" else tests[rows]
        groups = _named_bands(bands(order, weights, 4), order, texts)
    else:
        by_text = labels.with_columns(tests=tests[rows]).group_by("text")
        counted = by_text.agg(pl.sum("tests"), pl.first("order"))
        kept = counted.sort(["tests", "text"], descending=[True, False]).head(MOST_VALUES)
        if is_number:
            kept = kept.sort("order")
        groups = [(value, (texts == value).to_numpy()) for value in kept["text"]]
        groups.append((_free("other", texts), ~texts.is_in(kept["text"].implode()).to_numpy()))
    every = np.arange(len(tests))
    found = [(value, np.isin(every, rows[is_in])) for value, is_in in groups]
    found.append((_free("missing", texts), (tests > 0) & ~np.isin(every, rows)))
    return [Slice(name, value, side, is_in) for value, is_in in found if is_in.any()]


def bands(values: np.ndarray, weights: np.ndarray, n_bands: int) -> np.ndarray:
    """(n,) which n-th of the weight lies below each value, from 0; equal values share a band."""
    _, place = np.unique(values, return_inverse=True)
    of_value = np.bincount(place, weights=weights)
    below = np.cumsum(of_value) - of_value
    found: np.ndarray = (n_bands * below // of_value.sum()).astype(np.int64)[place]
    return found


def _labels(name: str, values: pl.Series) -> pl.DataFrame:
    """row, value, text, order (of the values): a line for each distinct label of a row."""
    lines = values.rename("value").to_frame().with_row_index("row")
    if isinstance(values.dtype, pl.List | pl.Array):
        lines = lines.explode("value")
    try:
        texts = as_categories(lines["value"])
    except DataError as error:
        raise ConfigError(
            "A slice wants a column of texts, numbers or dates, or of lists of these; "
            f"'{name}' is of type {values.dtype}. Leave it out of evaluation.slices."
        ) from error
    lines = lines.with_columns(text=texts, order=lines["value"].rank("dense"))
    return lines.drop_nulls("text").unique(["row", "text"], maintain_order=True)


def _named_bands(
    band_of: np.ndarray, values: np.ndarray, texts: pl.Series
) -> list[tuple[str, np.ndarray]]:
    """`lowest to highest` of each band, and where it is, (n,) bool."""
    found = []
    for band in np.unique(band_of):
        is_in = band_of == band
        inside = is_in.nonzero()[0]
        low, high = (
            texts[int(inside[at])] for at in (values[inside].argmin(), values[inside].argmax())
        )
        found.append((low if low == high else f"{low} to {high}", is_in))
    return found


def _free(name: str, taken: pl.Series) -> str:
    """The name, in brackets where a value is called so itself."""
    return f"({name})" if (taken == name).any() else name
