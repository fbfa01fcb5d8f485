"""What a data set holds: the notebook's table per column, and how ratings and activity spread."""

from typing import Any

import numpy as np
import polars as pl

from maxella.data.check_ratings import lone_ratings
from maxella.sources.tables import Tables, require_interactions

MOST_BARS = 20  # more distinct ratings than this are counted in ten bins of equal width
N_BINS = 10


def describe(tables: Tables) -> dict[str, Any]:
    """The figures of a data set, exact, as plain values for JSON.

    The tables `users` and `items` may list ids that never occur in the log.
    DataError: there is no interaction.

    >>> from maxella.sources.synthetic import read_synthetic
    >>> figures = describe(read_synthetic(n_users=20, n_items=10, n_interactions=100))
    >>> figures["n_users"], figures["n_items"], figures["density"]
    (20, 10, 0.5)
    """
    require_interactions(tables)
    log = tables.interactions
    activity, popularity = (log[key].value_counts()["count"] for key in ("user_id", "item_id"))
    times = log["timestamp"] if "timestamp" in log.columns else None
    ratings = pl.Series(dtype=pl.Float64)
    if "rating" in log.columns:
        ratings = log["rating"].cast(pl.Float64).drop_nulls()
    return {
        "name": tables.name,
        "n_interactions": log.height,
        "n_users": len(activity),  # with an interaction
        "n_items": len(popularity),  # with an interaction
        "density": log.height / (len(activity) * len(popularity)),
        "interactions": _summary(log),
        "users": _summary(tables.users),
        "items": _summary(tables.items),
        "mean_rating": ratings.mean(),  # None without ratings
        "ratings": rating_bars(ratings),
        # First and last, in seconds since 1970.
        "time_span": None if times is None else [times.min(), times.max()],
        "activity": _distribution(activity),  # interactions of a user that has any
        "popularity": _distribution(popularity),  # interactions of an item that has any
        # What reading changed, and ratings that may be none.
        "notes": [*tables.notes, *(told for *_, told in lone_ratings(ratings))],
    }


def _summary(table: pl.DataFrame) -> dict[str, Any]:
    columns = []
    for values in table:
        missing = values.null_count()
        columns.append(
            {
                "name": values.name,
                "distinct": comparable(values).n_unique() - (missing > 0),
                "type": str(values.dtype),
                "missing": missing,
                "missing_percent": 100 * missing / max(len(values), 1),
            }
        )
    return {"rows": table.height, "columns": columns}


def comparable(values: pl.Series) -> pl.Series:
    """Lists as text, which Polars counts for every type; other values as they are.

    A missing list of lists is a text too.
    """
    if not isinstance(values.dtype, pl.List):
        return values
    if isinstance(values.dtype.inner, pl.List):
        return values.to_frame().to_struct().struct.json_encode()
    return values.cast(pl.List(pl.String)).list.join("\x1f", ignore_nulls=False)


def rating_bars(ratings: pl.Series) -> list[dict[str, Any]]:
    """How many ratings lie in low ≤ rating < high, ascending; low = high for one value."""
    levels, counts = np.unique(ratings.to_numpy(), return_counts=True)
    lows = highs = levels
    if len(levels) > MOST_BARS:
        counts, edges = np.histogram(ratings.to_numpy(), N_BINS)
        lows, highs = edges[:-1], edges[1:]
    bars = zip(lows.tolist(), highs.tolist(), counts.tolist(), strict=True)
    return [{"low": low, "high": high, "count": count} for low, high, count in bars]


def bar_name(bar: dict[str, Any]) -> str:
    """The rating, or the range, that a bar stands for."""
    low, high = f"{bar['low']:g}", f"{bar['high']:g}"
    return low if bar["low"] == bar["high"] else f"{low} to {high}"


def _distribution(counts: pl.Series) -> dict[str, Any]:
    """How counts spread over users or items; quartiles are linearly interpolated."""
    lower, median, upper = (counts.quantile(q, interpolation="linear") for q in (0.25, 0.5, 0.75))
    return {
        "minimum": counts.min(),
        "lower_quartile": lower,
        "median": median,
        "upper_quartile": upper,
        "mean": counts.mean(),
        "maximum": counts.max(),
    }
