"""What a data set holds: the notebook's table per column, and how ratings and activity spread."""

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from maxella.sources.tables import Tables

MOST_BARS = 20  # more distinct ratings than this are counted in ten bins of equal width
N_BINS = 10


@dataclass(frozen=True)
class ColumnSummary:
    """One row of the notebook's table."""

    name: str
    distinct: int  # missing values not counted
    type: str
    missing: int
    missing_percent: float  # of the table's rows


@dataclass(frozen=True)
class TableSummary:
    """A table's number of rows and its columns."""

    rows: int
    columns: tuple[ColumnSummary, ...]


@dataclass(frozen=True)
class Bar:
    """How many ratings lie in low ≤ rating < high; `low` = `high` for one value."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Distribution:
    """How counts spread over users or items; quartiles are linearly interpolated."""

    minimum: int
    lower_quartile: float
    median: float
    upper_quartile: float
    mean: float
    maximum: int


@dataclass(frozen=True)
class EventSummary:
    """The rows of one event: each is a pair of a user and an item."""

    name: str
    rows: int
    occurrences: int  # with repeats
    repeated: float  # share of the rows that stand for several
    users: int
    items: int
    visited: float  # share of the rows whose pair has another event too
    visited_before: float | None  # the same of an earlier time; None without times


@dataclass(frozen=True)
class Description:
    """A data set in figures. `users` and `items` may list ids that never occur in the log."""

    name: str
    n_interactions: int
    n_users: int  # with an interaction
    n_items: int  # with an interaction
    density: float  # n_interactions / (n_users · n_items)
    events: tuple[EventSummary, ...]  # the most frequent first; empty for a log without
    interactions: TableSummary
    users: TableSummary
    items: TableSummary
    mean_rating: float | None
    ratings: tuple[Bar, ...]  # ascending; empty where there are no ratings
    time_span: tuple[int, int] | None  # first and last, seconds since 1970
    activity: Distribution  # interactions of a user that has any
    popularity: Distribution  # interactions of an item that has any
    notes: tuple[str, ...]  # what reading changed

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def describe(tables: Tables) -> Description:
    """The figures of a data set, exact.

    >>> from maxella.sources.synthetic import read_synthetic
    >>> figures = describe(read_synthetic(n_users=20, n_items=10, n_interactions=100))
    >>> figures.n_users, figures.n_items, figures.density
    (20, 10, 0.5)
    """
    log = tables.interactions
    activity, popularity = _counts(log["user_id"]), _counts(log["item_id"])
    ratings = log["rating"].cast(pl.Float64).drop_nulls() if "rating" in log.columns else None
    times = log["timestamp"] if "timestamp" in log.columns else None
    return Description(
        name=tables.name,
        n_interactions=log.height,
        n_users=len(activity),
        n_items=len(popularity),
        density=log.height / (len(activity) * len(popularity)),
        events=_events(log),
        interactions=_summary(log),
        users=_summary(tables.users),
        items=_summary(tables.items),
        mean_rating=None if ratings is None or ratings.is_empty() else _number(ratings.mean()),
        ratings=() if ratings is None else _bars(ratings),
        time_span=None if times is None else (int(_number(times.min())), int(_number(times.max()))),
        activity=_distribution(activity),
        popularity=_distribution(popularity),
        notes=tables.notes,
    )


def _events(log: pl.DataFrame) -> tuple[EventSummary, ...]:
    if "event" not in log.columns:
        return ()
    time = "timestamp" if "timestamp" in log.columns else None
    count = pl.col("count") if "count" in log.columns else pl.lit(1)
    of_pair = log.group_by("user_id", "item_id").agg(
        events=pl.col("event").n_unique(), first=pl.col(time or "event").min()
    )
    rows = log.join(of_pair, on=["user_id", "item_id"], maintain_order="left")
    is_later = pl.col(time) > pl.col("first") if time else pl.lit(value=False)
    summaries = rows.group_by("event").agg(
        rows=pl.len(),
        occurrences=count.cast(pl.Int64).sum() if "count" in log.columns else pl.len(),
        repeated=(count > 1).mean(),
        users=pl.col("user_id").n_unique(),
        items=pl.col("item_id").n_unique(),
        visited=(pl.col("events") > 1).mean(),
        visited_before=(is_later & (pl.col("events") > 1)).mean() if time else pl.lit(None),
    )
    ordered = summaries.sort("rows", "event", descending=[True, False])
    return tuple(EventSummary(*row) for row in ordered.iter_rows())


def _summary(table: pl.DataFrame) -> TableSummary:
    columns = []
    for values in table:
        missing = values.null_count()
        columns.append(
            ColumnSummary(
                name=values.name,
                distinct=comparable(values).n_unique() - (missing > 0),
                type=str(values.dtype),
                missing=missing,
                missing_percent=100 * missing / max(len(values), 1),
            )
        )
    return TableSummary(table.height, tuple(columns))


def comparable(values: pl.Series) -> pl.Series:
    """Lists as text, which Polars counts for every type; other values as they are.

    A missing list of lists is a text too.
    """
    if not isinstance(values.dtype, pl.List):
        return values
    if isinstance(values.dtype.inner, pl.List):
        return values.to_frame().to_struct().struct.json_encode()
    return values.cast(pl.List(pl.String)).list.join("\x1f", ignore_nulls=False)


def _counts(ids: pl.Series) -> pl.Series:
    return ids.value_counts()["count"]


def _bars(ratings: pl.Series) -> tuple[Bar, ...]:
    values = ratings.value_counts().sort(ratings.name)
    if values.height <= MOST_BARS:
        return tuple(Bar(float(value), float(value), int(n)) for value, n in values.iter_rows())
    low, high = float(values[0, 0]), float(values[-1, 0])
    width = (high - low) / N_BINS
    bins = ((ratings - low) / width).floor().clip(0, N_BINS - 1).cast(pl.Int64)
    count_of = dict(bins.rename("bin").value_counts().iter_rows())
    return tuple(
        Bar(low + width * b, low + width * (b + 1), int(count_of.get(b, 0))) for b in range(N_BINS)
    )


def _distribution(counts: pl.Series) -> Distribution:
    lower, median, upper = (
        _number(counts.quantile(q, interpolation="linear")) for q in (0.25, 0.5, 0.75)
    )
    return Distribution(
        minimum=int(_number(counts.min())),
        lower_quartile=lower,
        median=median,
        upper_quartile=upper,
        mean=_number(counts.mean()),
        maximum=int(_number(counts.max())),
    )


def _number(value: Any) -> float:
    """What Polars gives for an aggregate of numbers, which it types as anything."""
    return float(value)
