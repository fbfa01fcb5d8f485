"""Checks of the split: does training know the future, and whom does it not know?"""

from collections.abc import Callable

import numpy as np

from maxella.data.coded import Coded
from maxella.data.finding import Finding, found, percent

_MANY = 0.1  # of the test's interactions are of ids that training lacks: the figures show it


def older_than_training(coded: Coded) -> Finding | None:
    """Test interactions that happened before a training one; None without times or a test part."""
    times, train = coded.times, coded.split.train
    if times is None or not len(coded.split.test):
        return None
    last = times[train].max()
    last_of_user = np.full(len(coded.user_table), np.iinfo(np.int64).min)
    np.maximum.at(last_of_user, coded.users[train], times[train])
    examples = []
    for name in ("validation", "test"):
        rows = getattr(coded.split, name)
        if len(rows):
            examples.append(
                f"{name}: {_share(times[rows] < last)} before the last training interaction, "
                f"{_share(times[rows] < last_of_user[coded.users[rows]])} before one of the "
                "same user"
            )
    test = times[coded.split.test]
    return found(
        int((test < last).sum()),
        len(test),
        "test interactions",
        "happened before a training interaction",
        severity="note",
        examples=examples,
        advice="Figures then profit from the future; split.kind = 'temporal' shows how a model "
        "that knows the past alone would do.",
    )


def cold_users(coded: Coded) -> Finding | None:
    """Test users of whom nothing is known when they are served."""
    known = np.concatenate([coded.split.train, coded.split.given])
    return _cold(
        coded,
        coded.users,
        known,
        "users",
        coded.user_name,
        "Without a history they get what is popular: judge the figures of known users apart, or "
        "serve newcomers from a history (split.kind = 'cold_user' measures that).",
    )


def cold_items(coded: Coded) -> Finding | None:
    """Items that are rated in the test part only, or there and in the validation part."""
    return _cold(
        coded,
        coded.items,
        coded.split.train,
        "items",
        coded.item_name,
        "No model can recommend them by their id: give items features, or a later split.",
    )


def _cold(
    coded: Coded,
    ids: np.ndarray,
    known_rows: np.ndarray,
    things: str,
    name_of: Callable[[int], str],
    advice: str,
) -> Finding | None:
    test = ids[coded.split.test]
    if not len(test):
        return None
    is_known = np.zeros(int(ids.max()) + 1, dtype=bool)
    is_known[ids[known_rows]] = True
    in_test, counts = np.unique(test, return_counts=True)
    cold = in_test[~is_known[in_test]]
    n_rows = int(counts[~is_known[in_test]].sum())
    busiest = cold[np.argsort(-counts[~is_known[in_test]], kind="stable")]
    return found(
        len(cold),
        len(in_test),
        f"{things} of the test part",
        f"are not in training; they have {n_rows:,} of its {len(test):,} interactions "
        f"({percent(n_rows, len(test))})",
        severity="warning" if n_rows > _MANY * len(test) else "note",
        examples=map(name_of, busiest),
        advice=advice,
    )


def _share(is_so: np.ndarray) -> str:
    return f"{int(is_so.sum()):,} of {len(is_so):,} ({percent(int(is_so.sum()), len(is_so))})"
