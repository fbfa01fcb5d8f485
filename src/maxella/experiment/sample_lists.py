"""Lists of a few users, for the report: what a model makes of them."""

from typing import Any

import numpy as np

from maxella.recommend.bundle import Bundle
from maxella.seeds import numpy_generator

LENGTH = 6  # of what is shown of a user, and of their list
FEWEST = 5  # picks of a user who is shown
_SCORES = 20_000_000  # found at most
_MOST, _LEAST = 1000, 50  # users whose lists are looked at


def sample_lists(bundle: Bundle, n_users: int, seed: int) -> list[dict[str, Any]]:
    """What some users liked most, and what the finished model recommends to them.

    Of up to 1,000 users drawn out of those whom training had, with 5 picks and more, these: whose
    lists are least like popularity (the median of how many users picked each item is least), no two
    with an item in common. Only what is known is looked at, never the test. Users stay unnamed, as
    reports are passed on. Nothing of a model that does not rank.
    """
    goal = next((name for name, kind in bundle.tasks.items() if kind == "retrieval"), None)
    if goal is None or not n_users:
        return []
    picks = bundle.known.pairs(goal)
    counts = np.bincount(picks.items, minlength=bundle.items.n_rows)
    of_users = np.bincount(picks.users, minlength=bundle.users.n_rows)
    asked = np.flatnonzero(bundle.trained & (of_users >= FEWEST))
    most = int(np.clip(_SCORES // bundle.items.n_rows, _LEAST, _MOST))
    if len(asked) > most:
        asked = np.sort(numpy_generator(seed, "sample lists").choice(asked, most, replace=False))
    lists = bundle.recommender().recommend(list(bundle.users.ids_of(asked)), LENGTH, task=goal)
    n_picking = np.count_nonzero(of_users)
    share = counts[bundle.items.rows_of(lists["item_id"])] / max(1, n_picking)
    lists = bundle.names.beside(lists.with_columns(share=share))
    parts = lists.partition_by("user_id", maintain_order=True)
    parts.sort(key=lambda part: float(np.median(part["share"])))  # stable
    rating = next((name for name, kind in bundle.tasks.items() if kind == "rating"), None)
    shown: set[str] = set()
    found: list[dict[str, Any]] = []
    for part in parts:
        if len(found) == n_users or shown & {*part["item_id"]}:
            continue
        shown |= {*part["item_id"]}
        (row,) = bundle.users.rows_of(part["user_id"].head(1))
        found.append(
            {
                "picks": int(of_users[row]),
                "rated_by": rating,
                "liked": _liked(bundle, rating or goal, row),
                "recommended": [
                    _item(one, one[f"predicted_{rating}"] if rating else None)
                    | {"share": one["share"]}
                    for one in part.iter_rows(named=True)
                ],
            }
        )
    return found


def _liked(bundle: Bundle, task: str, user: int) -> list[dict[str, Any]]:
    """The items that a user has given the highest labels of a task, the latest of equals first."""
    pairs = bundle.known.pairs(task)
    pairs = pairs.take(np.flatnonzero(pairs.users == user)[::-1])
    if pairs.timestamps is not None:
        pairs = pairs.take(np.argsort(-pairs.timestamps, kind="stable"))
    pairs = pairs.take(np.argsort(-pairs.labels, kind="stable")[:LENGTH])
    items = bundle.names.beside(bundle.items.ids_of(pairs.items).rename("item_id").to_frame())
    is_rating = bundle.tasks[task] == "rating"
    return [
        _item(one, float(label) if is_rating else None)
        for one, label in zip(items.iter_rows(named=True), pairs.labels, strict=True)
    ]


def _item(row: dict[str, Any], rating: float | None) -> dict[str, Any]:
    name = row.get("item_name") or row["item_id"]
    return {"item_id": row["item_id"], "name": name, "rating": rating}
