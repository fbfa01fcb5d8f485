"""A check of the columns of the log: which give away the rating that a model is to predict?"""

import numpy as np
import polars as pl

from maxella.data.describe import comparable
from maxella.data.finding import Finding, found, percent
from maxella.data.indexed_log import IndexedLog
from maxella.data.means import damped_means
from maxella.seeds import numpy_generator

# Of what the bias model leaves unexplained. All that MovieLens 1M's users did together explains
# a sixth of it (RMSE .825 against .909); a single column that explains a tenth knows too much.
_LEAK = 0.1
_HELD_OUT = 0.2
_LEAST = 100  # rows to learn from and to be tested on
_MOST_BINS = 50  # of a number
_LEAST_IN_BIN = 10
_SWEEPS = 3  # of the bias model
_DAMPING = 5.0  # of its effects
_DAMPING_OF_VALUES = 1.0


def leaking_columns(log: IndexedLog) -> Finding | None:
    """Columns of the log that tell the rating beyond what user and item biases tell.

    The bias model and, of what it leaves over, a mean for each value of a column (numbers in
    bins of equal counts) are learnt on four fifths of the training rows. A suspect explains
    more than a tenth of what is left over in the others. Rows without a rating are not looked at.
    None without columns, or with too few ratings.
    """
    rows = log.split.train
    rows = rows[~np.isnan(log.ratings[rows])]
    columns = log.tables.interactions.drop("user_id", "item_id", "rating", strict=False)
    if len(rows) < _LEAST or not columns.width:
        return None
    is_held_out = numpy_generator(0, "leaks").random(len(rows)) < _HELD_OUT
    left = _left_over(log, rows, ~is_held_out)
    shares = {
        f"interactions.{values.name}": _explained_share(values[rows], left, is_held_out)
        for values in columns
    }
    suspects = sorted((name for name in shares if shares[name] > _LEAK), key=lambda n: -shares[n])
    return found(
        len(suspects),
        len(shares),
        "columns of the interactions",
        "tell the rating beyond what user and item explain",
        severity="warning",
        examples=(
            f"{name} explains {percent(round(1000 * shares[name]), 1000)} of what biases leave over"
            for name in suspects
        ),
        advice="If a column is not known before the rating is, leave it out of the features.",
    )


def _explained_share(values: pl.Series, left: np.ndarray, is_held_out: np.ndarray) -> float:
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
