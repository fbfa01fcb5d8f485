"""Which interactions train, which validate, which test.

Validation comes out of the training side, so the test side of a seed is the same
whether or not a validation part is asked for.

A split by whole users tells a share of what each held-out user did when they are served, and
asks for the rest: those rows are `given`, known at the end but never trained on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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


def split_interactions(
    interactions: pl.DataFrame,
    *,
    kind: str,
    test: float,
    validation: float,
    seed: int,
    given: float = 0.5,
    column: str | None = None,
    is_target: np.ndarray | None = None,
) -> Split:
    """Cut an interactions table by one of `SPLITS`.

    `test` is a share of the rows, `validation` one of what is then left for training. Where the
    latest of each user are held out, `is_target`, (n,) bool, says which may be, such as the
    purchases of a log of several events; whatever a user did from that moment on is held out with
    them, as nobody knows it then. For `cold_user` they are shares of the users, of whose rows the
    share `given` is known when they are served, and for `cold_item` of the items. For
    `leave_last_out` each user gives one row to either side, so a share only says whether there is
    such a side at all (0 or above 0). `column` is the column that says train, validation or test
    of each row, for a split of that kind; where it says of none that it validates, `validation`
    is the share of the training rows (of `is_target`) that do.
    """
    _check(kind, test=test, validation=validation)
    every = np.arange(len(interactions))
    log = interactions.select(c for c in _READ if c in interactions.columns)
    if kind not in (*_LATEST, "column"):
        is_target = None
    free = every if is_target is None else np.flatnonzero(is_target)

    def hold_out(share: float, part: str, rows: np.ndarray) -> np.ndarray:
        held_out = _held_out(log, rows, kind, share, numpy_generator(seed, part))
        is_followed = kind in _LATEST and is_target is not None
        return _from_then_on(log, held_out) if is_followed else held_out

    if kind == "column":
        test_rows, validation_rows = _given_parts(interactions, column)
    else:
        test_rows, validation_rows = hold_out(test, "test", free), _NO_ROWS
    if not len(validation_rows):
        validation_rows = hold_out(validation, "validation", _without(free, test_rows))
        validation_rows = _without(validation_rows, test_rows)
    train_rows = _without(every, np.concatenate([test_rows, validation_rows]))
    if not len(train_rows):
        raise DataError(
            f"The split left no interaction to train on: {len(every)} in all, "
            f"{len(validation_rows)} for validation, {len(test_rows)} for test. "
            "Lower split.test or split.validation."
        )
    split = Split(train_rows, validation_rows, test_rows, _NO_ROWS)
    return _told_of_users(split, interactions, given, seed) if kind == "cold_user" else split


def _check(kind: str, **shares: float) -> None:
    if kind not in SPLITS:
        raise ConfigError(unknown_name("split", kind, SPLITS))
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ConfigError(f"split.{name} must lie in [0, 1); got {share}.")


def _without(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.setdiff1d(rows, others, assume_unique=True)


def _told_of_users(split: Split, interactions: pl.DataFrame, given: float, seed: int) -> Split:
    """A split by whole users, with a share of what each held-out one did as `given`."""
    users = interactions["user_id"].rank("dense").to_numpy()
    of_test, test = _shared(split.test, users, given, numpy_generator(seed, "given test"))
    rng = numpy_generator(seed, "given validation")
    of_validation, validation = _shared(split.validation, users, given, rng)
    return Split(split.train, validation, test, np.sort(np.concatenate([of_test, of_validation])))


def _held_out(
    log: pl.DataFrame, free: np.ndarray, kind: str, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Those of the free rows of a log, sorted, that a kind of split holds out."""
    if not share or not len(free):
        return _NO_ROWS
    rows = log if len(free) == len(log) else log[free]
    if kind in (*_LATEST, "temporal"):
        _need_times(rows)
    held_out: np.ndarray = free[SPLITS[kind](rows, share, rng)]
    return held_out


def _from_then_on(log: pl.DataFrame, held_out: np.ndarray) -> np.ndarray:
    """Held-out rows, and all that their users did at the time of the first of them or later."""
    first = log[held_out].group_by("user_id").agg(first=pl.col("timestamp").min())
    times = log.select("user_id", "timestamp").join(
        first, on="user_id", how="left", maintain_order="left"
    )
    is_later = (times["timestamp"] >= times["first"]).fill_null(value=False).to_numpy()
    return np.union1d(np.flatnonzero(is_later), held_out)


def _given_parts(interactions: pl.DataFrame, column: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the test and of the validation, as a column says."""
    if column not in interactions.columns:
        raise ConfigError(
            "split.kind = 'column' wants in split.column the name of the column that says train, "
            f"validation or test; got {column}. There are {', '.join(interactions.columns)}."
        )
    parts = interactions[column].cast(pl.String)
    others = parts.filter(~parts.is_in(PARTS).fill_null(value=False))
    if len(others):
        raise DataError(
            f"Wanted {', '.join(PARTS)} in the column '{column}' that gives the split; "
            f"{len(others):,} rows have another value, such as {others[0]}. Mend the column, or "
            "choose another split.kind."
        )
    test, validation = (np.flatnonzero((parts == part).to_numpy()) for part in PARTS[:0:-1])
    return test, validation


def _no_rows(log: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """Nothing is held out: train on everything."""
    del log, share, rng
    return _NO_ROWS


def _random_rows(log: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random share of the rows; the training side is rounded down, as the notebook does."""
    return np.sort(rng.permutation(len(log))[int((1 - share) * len(log)) :])


def _last_rows(log: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """The last row in time of each user who has another; equal times keep file order."""
    del share, rng
    return _last_of_each(log, (_N_OF_USER > 1).cast(pl.Int64))


def _latest_rows_of_each(log: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """The last share of each user's rows in time, rounded down; equal times keep file order."""
    del rng
    return _last_of_each(log, (_N_OF_USER * share).floor())


def _last_of_each(log: pl.DataFrame, n_last: pl.Expr) -> np.ndarray:
    """So many of each user's last rows in time."""
    in_time = log.with_row_index("row").sort("timestamp", maintain_order=True)
    n_left = _N_OF_USER - pl.int_range(pl.len()).over("user_id")
    last = in_time.filter(n_left <= n_last)["row"]
    return np.sort(last.to_numpy().astype(np.int64))


def _latest_rows(log: pl.DataFrame, share: float, rng: np.random.Generator) -> np.ndarray:
    """All rows from one moment on, the latest moment that gives at least this share.

    Rows of one second never fall on both sides.
    """
    del rng
    times = log["timestamp"].to_numpy()
    moment = np.sort(times)[int((1 - share) * len(times))]
    return np.flatnonzero(times >= moment)


def _rows_of_some(
    log: pl.DataFrame, share: float, rng: np.random.Generator, key: str
) -> np.ndarray:
    """All rows of a random share of the users (items), rounded down to whole ones."""
    ids = log[key].unique(maintain_order=True)
    chosen = ids[rng.permutation(len(ids))[: int(share * len(ids))]]
    return np.flatnonzero(log[key].is_in(chosen.implode()).to_numpy())


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
_READ = ("user_id", "item_id", "timestamp")  # what a split looks at
_N_OF_USER = pl.len().over("user_id")
_LATEST = ("leave_last_out", "user_temporal")  # hold out the latest rows of each user
PARTS = ("train", "validation", "test")  # values of a column that gives the split

SPLITS: dict[str, Callable[[pl.DataFrame, float, np.random.Generator], np.ndarray]] = {
    "none": _no_rows,
    "random": _random_rows,
    "leave_last_out": _last_rows,
    "temporal": _latest_rows,
    "user_temporal": _latest_rows_of_each,
    "cold_user": partial(_rows_of_some, key="user_id"),
    "cold_item": partial(_rows_of_some, key="item_id"),
    "column": _random_rows,  # for the validation, where the column names no row
}
