"""Checks of columns: which give away the rating that a model is to predict?

Only training interactions are looked at, and of them only those with a rating.
"""

import numpy as np
import polars as pl

from maxella.data.describe import comparable
from maxella.data.finding import Finding, found, percent
from maxella.data.indexed_log import IndexedLog
from maxella.data.means import damped_means
from maxella.seeds import numpy_generator

# Of what the bias model leaves unexplained. All that MovieLens 1M's users did together explains
# a sixth of it (RMSE .825 against .909); a single column that explains a tenth knows too much.
LEAK = 0.1
AVERAGE = 0.8  # of the differences between the mean ratings of users, or of items
_HELD_OUT = 0.2
_LEAST = 100  # rows, or ids, to learn from and to be tested on
_LEAST_RATINGS = 5  # of an id whose mean counts
_MOST_BINS = 50  # of a number
_LEAST_IN_BIN = 10
_SWEEPS = 3  # of the bias model
_DAMPING = 5.0  # of its effects
_DAMPING_OF_VALUES = 1.0


def leaking_columns(log: IndexedLog) -> Finding | None:
    """Columns of the log that tell the rating beyond what user and item biases tell.

    The bias model and, of what it leaves over, a mean for each value of a column (numbers in
    bins of equal counts) are learnt on four fifths of the training rows. A suspect explains
    more than a tenth of what is left over in the others. None without columns, or with too
    few ratings.
    """
    rows = _rated_rows(log)
    columns = log.tables.interactions.drop("user_id", "item_id", "rating", strict=False)
    if len(rows) < _LEAST or not columns.width:
        return None
    is_held_out = _drawn(len(rows))
    left = _left_over(log, rows, ~is_held_out)
    shares = {
        f"interactions.{values.name}": explained_share(values[rows], left, is_held_out)
        for values in columns
    }
    return _suspects(
        shares,
        LEAK,
        "columns of the interactions",
        "tell the rating beyond what user and item explain",
        "of what biases leave over",
        "If a column is not known before the rating is, leave it out of the features.",
    )


def rating_averages(log: IndexedLog) -> Finding | None:
    """Columns of users and items that are a mean of ratings in disguise.

    A mean for each value of a column is learnt on four fifths of the users (items) with five
    ratings or more. A suspect explains more than four fifths of the differences between the
    mean ratings of the others. None without columns, or with too few ratings.
    """
    rows = _rated_rows(log)
    shares = {}
    for name, table, ids in (
        ("users", log.user_table.drop("user_id"), log.users),
        ("items", log.item_table.drop("item_id"), log.items),
    ):
        known = np.flatnonzero(np.bincount(ids[rows], minlength=len(table)) >= _LEAST_RATINGS)
        if len(known) < _LEAST:
            continue
        ratings = log.ratings[rows].astype(np.float64)
        means = damped_means(ids[rows], ratings, len(table), 0.0)[known]
        is_held_out = _drawn(len(known))
        left = means - means[~is_held_out].mean()
        for values in table:
            share = explained_share(values[known], left, is_held_out)
            shares[f"{name}.{values.name}"] = share
    if not shares:
        return None
    return _suspects(
        shares,
        AVERAGE,
        "columns of users and items",
        "are as good as the mean of the ratings",
        "of the differences between mean ratings",
        "If they were made of these ratings, those of the test part are in them: make them anew "
        "of training ratings, or leave them out.",
    )


def explained_share(values: pl.Series, left: np.ndarray, is_held_out: np.ndarray) -> float:
    """(n,) values of a column, (n,) what is to be explained, (n,) a mask → a share, at most 1.

    Of the sum of squares of the held-out part, what the means of the other part for each value
    explain; below 0 where they make it worse. A missing value is a value too.
    """
    codes = _codes(values, int((~is_held_out).sum()) // _LEAST_IN_BIN)
    fit, held_out = ~is_held_out, left[is_held_out]
    means = damped_means(codes[fit], left[fit], int(codes.max()) + 1, _DAMPING_OF_VALUES)
    total = float(np.square(held_out).sum())
    rest = float(np.square(held_out - means[codes[is_held_out]]).sum())
    return 1 - rest / total if total > 0 else 0.0


def _codes(values: pl.Series, most_bins: int) -> np.ndarray:
    """(n,) whole numbers from 0: one for each value, or for each bin of a number's values."""
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        numbers = values.to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy()
        finite = numbers[np.isfinite(numbers)]
        n_bins = max(2, min(_MOST_BINS, most_bins))
        if values.n_unique() > n_bins and len(finite):
            edges = np.unique(np.quantile(finite, np.arange(1, n_bins) / n_bins))
            # NaN sorts behind every edge; it gets a place of its own behind the last bin.
            bins = np.searchsorted(edges, numbers, side="right")
            codes: np.ndarray = np.where(np.isnan(numbers), len(edges) + 1, bins)
            return codes
    ranks: np.ndarray = comparable(values).rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    return ranks


def _rated_rows(log: IndexedLog) -> np.ndarray:
    """Positions of training rows whose rating may be looked at."""
    rows = log.split.train
    rated: np.ndarray = rows[~np.isnan(log.ratings[rows])]
    return rated


def _drawn(n: int) -> np.ndarray:
    """(n,) which are held out; the same for the same n."""
    return numpy_generator(0, "leaks").random(n) < _HELD_OUT


def _left_over(log: IndexedLog, rows: np.ndarray, is_fit: np.ndarray) -> np.ndarray:
    """(m,) rated rows, (m,) which to learn from → (m,) rating − (mean + item + user effect)."""
    users, items = log.users[rows], log.items[rows]
    ratings = log.ratings[rows].astype(np.float64)
    ratings -= ratings[is_fit].mean()
    of_user, of_item = np.zeros(len(log.user_table)), np.zeros(len(log.item_table))
    fit_users, fit_items, fit_ratings = users[is_fit], items[is_fit], ratings[is_fit]
    for _ in range(_SWEEPS):
        left = fit_ratings - of_user[fit_users]
        of_item = damped_means(fit_items, left, len(of_item), _DAMPING)
        left = fit_ratings - of_item[fit_items]
        of_user = damped_means(fit_users, left, len(of_user), _DAMPING)
    left_over: np.ndarray = ratings - of_user[users] - of_item[items]
    return left_over


def _suspects(
    shares: dict[str, float], bound: float, things: str, what: str, of: str, advice: str
) -> Finding:
    over = sorted((name for name in shares if shares[name] > bound), key=lambda n: -shares[n])
    return found(
        len(over),
        len(shares),
        things,
        what,
        severity="warning",
        examples=(
            f"{name} explains {percent(round(1000 * shares[name]), 1000)} {of}" for name in over
        ),
        advice=advice,
    )
