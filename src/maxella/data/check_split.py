"""Checks of the split: does training know the future, and whom does it not know?"""

import numpy as np
import polars as pl

from maxella.data.finding import Finding, found, percent
from maxella.data.indexed_log import IndexedLog

_MANY = 0.1  # of the test's interactions are of ids that training lacks: the figures show it
_OF_COLD = {
    "users": "Without a history they get what is popular: judge the figures of known users apart, "
    "or serve newcomers from a history (split.kind = 'cold_user' measures that).",
    "items": "No model can recommend them by their id: give items features, or a later split.",
}


def older_than_training(log: IndexedLog) -> Finding | None:
    """Test interactions that happened before a training one; None without times or a test part."""
    times, train = log.times, log.split.train
    if times is None or not len(log.split.test):
        return None
    last = times[train].max()
    last_of_user = np.full(len(log.user_table), np.iinfo(np.int64).min)
    np.maximum.at(last_of_user, log.users[train], times[train])
    examples = []
    for name in ("validation", "test"):  # the test last: the finding is on it
        rows = getattr(log.split, name)
        n_before = int((times[rows] < last).sum())
        n_of_user = int((times[rows] < last_of_user[log.users[rows]]).sum())
        if len(rows):
            examples.append(
                f"{name}: {_share(n_before, len(rows))} before the last training interaction, "
                f"{_share(n_of_user, len(rows))} before one of the same user"
            )
    return found(
        n_before,
        len(log.split.test),
        "test interactions",
        "happened before a training interaction",
        severity="note",
        examples=examples,
        advice="Figures then profit from the future; split.kind = 'temporal' shows how a model "
        "that knows the past alone would do.",
    )


def cold(log: IndexedLog, things: str) -> Finding | None:
    """Users, or items, of the test part of which nothing is known when it is served.

    Items may be in the validation part, too. None without a test part.
    """
    ids = log.ids(things)
    test = ids[log.split.test]
    if not len(test):
        return None
    known = [log.split.train, log.split.given] if things == "users" else [log.split.train]
    in_test, counts = np.unique(test, return_counts=True)
    is_cold = np.isin(in_test, ids[np.concatenate(known)], invert=True)
    unmet, counts = in_test[is_cold], counts[is_cold]
    n_rows = int(counts.sum())
    busiest = unmet[np.argsort(-counts, kind="stable")]
    return found(
        len(unmet),
        len(in_test),
        f"{things} of the test part",
        f"are not in training; they have {n_rows:,} of its {len(test):,} interactions "
        f"({percent(n_rows, len(test))})",
        severity="warning" if n_rows > _MANY * len(test) else "note",
        examples=(log.label(things, one) for one in busiest),
        advice=_OF_COLD[things],
    )


def visited_in_training(log: IndexedLog) -> Finding | None:
    """Test pairs that training has under another event; None without events or a test part.

    A warning where they are over a tenth of the test and may tell the answer: because there are
    no times, or because the other event was last seen after the test's.
    """
    train, test, events = log.split.train, log.split.test, log.events
    if events is None or not len(test):
        return None
    columns = {"pair": log.pairs, "event": events}
    if log.times is not None:
        columns["time"] = log.times
    rows = pl.DataFrame(columns).with_row_index("row")
    met = rows[test].join(rows[train], on="pair").filter(pl.col("event") != pl.col("event_right"))
    n_met = n_told = met["row"].n_unique()
    when = "; without times nobody knows whether before or after"
    if log.times is not None:
        is_later = pl.col("time_right").min() > pl.col("time").first()
        n_told = int(met.group_by("row").agg(is_later=is_later)["is_later"].sum())
        when = f"; {n_told:,} of them at later times alone"
    by_event = met.group_by("event_right").agg(pl.col("row").n_unique()).sort("event_right")
    return found(
        n_met,
        len(test),
        "test interactions",
        f"are pairs that training has under another event{when}",
        severity="warning" if n_told > _MANY * len(test) else "note",
        examples=(
            f"{log.event_names[event]}: {_share(n, len(test))}" for event, n in by_event.iter_rows()
        ),
        advice="Where the other event may come after the test's, it tells the answer. Look at the "
        "figures of new items, which are reported apart, and at a baseline of visited items.",
    )


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,} ({percent(count, total)})"
