"""Rows of one key as one row that keeps what was given last."""

from collections.abc import Sequence

import numpy as np
import polars as pl

KEY = ("user_id", "item_id", "event")  # what a row of a log is about; a log may lack events
MOST_COUNT = 2**32 - 1


def one_row_each(log: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """A log with one row for each user, item and event, and how many rows that unites.

    A row has the last time, and in each column the value given last; where some row stands for
    several, the last column, `count`, says for how many. Counts that the log has add up.
    """
    key = [column for column in KEY if column in log.columns]
    given = log["count"].cast(pl.Float64).to_numpy() if "count" in log.columns else None
    time = "timestamp" if "timestamp" in log.columns else None
    united, counts = unite_repeats(log.drop("count", strict=False), key, time=time, counts=given)
    if given is not None:
        united = united.with_columns(pl.Series("count", counts))
    elif (counts > 1).any():
        of_rows = pl.Series("count", np.minimum(counts, MOST_COUNT), pl.UInt32)
        united = united.with_columns(of_rows)
    return united, log.height - united.height


def unite_repeats(
    frame: pl.DataFrame,
    key: Sequence[str],
    *,
    time: str | None = None,
    counts: np.ndarray | None = None,
) -> tuple[pl.DataFrame, np.ndarray]:
    """(n,) rows → (m,) rows, one for each key, and (m,) how many each stands for.

    The last row of a key stays where it is, and a value it lacks is the last one that a row of
    its key has. Last is by `time`, and among equal times, or without, by the order of the rows.
    `counts` are (n,) of how many each row stands already.
    """
    counts = np.ones(frame.height, dtype=np.int64) if counts is None else counts
    # Sorted whole numbers take a fraction of the time and memory of a table of hashes, and only the
    # rows of repeated keys are looked at more closely: key by key, the last at the end.
    codes = _codes(frame, key)
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    is_new = np.append(True, np.diff(codes) != 0)[: len(codes)]
    if is_new.all():
        return frame, counts
    sizes = np.diff(np.flatnonzero(is_new), append=len(codes))
    is_repeated = np.repeat(sizes > 1, sizes)
    rows, codes = order[is_repeated], codes[is_repeated]
    if time is not None:
        rows = rows[np.lexsort((frame[time].gather(rows).to_numpy(), codes))]
    ends = np.cumsum(sizes[sizes > 1]) - 1
    starts = np.append(0, ends[:-1] + 1)
    is_kept = np.ones(frame.height, dtype=bool)
    is_kept[rows] = False
    is_kept[rows[ends]] = True
    united = frame.filter(is_kept)
    for name in frame.columns:
        if united[name].null_count():
            united = united.with_columns(_last_given(frame[name], rows, starts, ends, is_kept))
    counts = counts.copy()
    counts[rows[ends]] = np.add.reduceat(counts[rows], starts)
    return united, counts[is_kept]


def _codes(frame: pl.DataFrame, key: Sequence[str]) -> np.ndarray:
    """(n,) int64, equal where all columns of the key are."""
    codes = np.zeros(frame.height, dtype=np.int64)
    for column in key:
        of_column = frame[column].cast(pl.Categorical).to_physical().cast(pl.Int64)
        codes *= int(of_column.max() or 0) + 2  # type: ignore[arg-type]
        codes += of_column.fill_null(-1).to_numpy() + 1
    return codes


def _last_given(
    values: pl.Series, rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, is_kept: np.ndarray
) -> pl.Series:
    """(n,) values → (m,) kept ones; `rows` from each of `starts` to `ends` are of one key."""
    is_given = values.gather(rows).is_not_null().to_numpy()
    last = np.maximum.accumulate(np.where(is_given, np.arange(len(rows)), -1))[ends]
    is_known = last >= starts
    place = np.arange(len(values))
    place[rows[ends[is_known]]] = rows[last[is_known]]
    return values.gather(place[is_kept])
