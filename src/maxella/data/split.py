"""Which interactions train, which validate, which test.

Validation comes out of the training side, so the test side of a seed is the same
whether or not a validation part is asked for.

A split by whole users tells a share of what each held-out user did when they are served, and
asks for the rest: those rows are `given`, known at the end but never trained on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from maxella.data.ranges import ranges
from maxella.errors import ConfigError, DataError, unknown_name
from maxella.seeds import numpy_generator


@dataclass(frozen=True)
class Split:
    """Positions in the interactions table, each sorted; together they hold every row once."""

    train: np.ndarray  # (n_train,) int64
    validation: np.ndarray  # (n_validation,) int64, empty where none is asked for
    test: np.ndarray  # (n_test,) int64
    given: np.ndarray  # (n_given,) int64, empty but for a split by whole users
    unrated: np.ndarray  # those of `train` whose rating is withheld


def split_interactions(
    interactions: pl.DataFrame,
    *,
    kind: str,
    test: float,
    validation: float,
    seed: int,
    rated: float = 1.0,
    given: float = 0.5,
) -> Split:
    """Cut an interactions table by one of `SPLITS`.

    `test` is a share of all rows, `validation` a share of what is then left for
    training; for `cold_user` shares of the users, of whose rows the share `given` is known when
    they are served; for `cold_item` shares of the items. For `leave_last_out` each user gives one
    row to either side, so a share only says whether there is such a side at all (0 or above 0).
    `rated` is the share of the training rows that keep their rating.
    """
    if kind not in SPLITS:
        raise ConfigError(unknown_name("split", kind, SPLITS))
    for name, share in (("test", test), ("validation", validation)):
        if not 0 <= share < 1:
            raise ConfigError(f"split.{name} must lie in [0, 1); got {share}.")
    held_out = SPLITS[kind]
    every = np.arange(len(interactions))
    test_rows = held_out(interactions, test, numpy_generator(seed, "test"))
    rest = np.setdiff1d(every, test_rows, assume_unique=True)
    chosen = held_out(interactions[rest], validation, numpy_generator(seed, "validation"))
    validation_rows = rest[chosen]
    train_rows = np.setdiff1d(rest, validation_rows, assume_unique=True)
    given_rows = _NO_ROWS
    if kind == "cold_user":
        users = interactions["user_id"].rank("dense").to_numpy()
        of_test, test_rows = _shared(test_rows, users, given, numpy_generator(seed, "given test"))
        of_validation, validation_rows = _shared(
            validation_rows, users, given, numpy_generator(seed, "given validation")
        )
        given_rows = np.sort(np.concatenate([of_test, of_validation]))
    if not len(train_rows):
        raise DataError(
            f"The split left no interaction to train on: {len(every)} in all, "
            f"{len(validation_rows)} for validation, {len(test_rows)} for test. "
            "Lower split.test or split.validation."
        )
    n_unrated = len(train_rows) - round(rated * len(train_rows))
    unrated = numpy_generator(seed, "unrated").permutation(train_rows)[:n_unrated]
    return Split(train_rows, validation_rows, test_rows, given_rows, np.sort(unrated))


def _no_rows(interactions: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """Nothing is held out: train on everything."""
    del interactions, share, rng
    return np.empty(0, dtype=np.int64)


def _random_rows(interactions: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random share of the rows; the training side is rounded down, as the notebook does."""
    n_kept = int((1 - share) * len(interactions))
    return np.sort(rng.permutation(len(interactions))[n_kept:]) if share else _NO_ROWS


def _last_rows(interactions: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """The last row in time of each user who has another; equal times keep file order."""
    del rng
    if not share:
        return _NO_ROWS
    _need_times(interactions)
    in_time = (
        interactions.select("user_id", "timestamp")
        .with_row_index("row")
        .sort("timestamp", maintain_order=True)
    )
    last = in_time.group_by("user_id").agg(pl.col("row").last(), pl.len())
    return np.sort(last.filter(pl.col("len") > 1)["row"].to_numpy().astype(np.int64))


def _latest_rows(interactions: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """All rows from one moment on, the latest moment that gives at least this share.

    Rows of one second never fall on both sides.
    """
    del rng
    if not share or interactions.is_empty():
        return _NO_ROWS
    _need_times(interactions)
    times = interactions["timestamp"].to_numpy()
    n_kept = int((1 - share) * len(times))
    moment = np.sort(times)[n_kept]
    return np.flatnonzero(times >= moment)


def _latest_rows_of_each(
    interactions: pl.DataFrame, share: float, rng: np.random.Generator
) -> np.ndarray:
    """The last share of each user's rows in time, rounded down; equal times keep file order."""
    del rng
    if not share:
        return _NO_ROWS
    _need_times(interactions)
    in_time = interactions.select("user_id", "timestamp").with_row_index("row")
    in_time = in_time.sort("timestamp", maintain_order=True).with_columns(
        left=pl.len().over("user_id") - pl.int_range(pl.len()).over("user_id"),
        held_out=(pl.len().over("user_id") * share).floor(),
    )
    latest = in_time.filter(pl.col("left") <= pl.col("held_out"))["row"]
    return np.sort(latest.to_numpy().astype(np.int64))


def _rows_of_users(
    interactions: pl.DataFrame, share: float, rng: np.random.Generator
) -> np.ndarray:
    """All rows of a random share of the users, rounded down to whole users."""
    return _rows_of_some(interactions["user_id"], share, rng)


def _rows_of_items(
    interactions: pl.DataFrame, share: float, rng: np.random.Generator
) -> np.ndarray:
    """All rows of a random share of the items, rounded down to whole items."""
    return _rows_of_some(interactions["item_id"], share, rng)


def _rows_of_some(column: pl.Series, share: float, rng: np.random.Generator) -> np.ndarray:
    ids = column.unique(maintain_order=True)
    chosen = ids[rng.permutation(len(ids))[: int(share * len(ids))]]
    return np.flatnonzero(column.is_in(chosen.implode()).to_numpy())


def _shared(
    rows: np.ndarray, users: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the table, the user of every row of it → a random share of each user's, the rest.

    Both sorted. The first part is rounded up, so that of an odd number it has the larger half.
    """
    shuffled = rows[rng.permutation(len(rows))]
    shuffled = shuffled[np.argsort(users[shuffled], kind="stable")]
    _, counts = np.unique(users[shuffled], return_counts=True)
    place, within = ranges(np.zeros(len(counts), dtype=np.int64), counts)
    is_first = within < np.ceil(share * counts)[place]
    return np.sort(shuffled[is_first]), np.sort(shuffled[~is_first])


def _need_times(interactions: pl.DataFrame) -> None:
    if "timestamp" not in interactions.columns or interactions["timestamp"].null_count():
        raise DataError(
            "A split in time wants a timestamp in every interaction; this source has "
            f"{'gaps in them' if 'timestamp' in interactions.columns else 'none'}. "
            "Map the column (data.columns) or use split.kind = 'random'."
        )


_NO_ROWS = np.empty(0, dtype=np.int64)

SPLITS: dict[str, Callable[[pl.DataFrame, float, np.random.Generator], np.ndarray]] = {
    "none": _no_rows,
    "random": _random_rows,
    "leave_last_out": _last_rows,
    "temporal": _latest_rows,
    "user_temporal": _latest_rows_of_each,
    "cold_user": _rows_of_users,
    "cold_item": _rows_of_items,
}
