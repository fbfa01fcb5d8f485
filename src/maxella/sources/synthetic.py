"""A small world with planted tastes, for a first look without data and for tests."""

import numpy as np
import polars as pl

from maxella.errors import ConfigError
from maxella.sources.tables import Tables

START = 1_000_000_000  # seconds since 1970; the log spans a year from here
YEAR = 365 * 24 * 3600
WITHIN_GROUP = 0.8  # the share of interactions with items of the user's own group


def read_synthetic(
    *,
    n_users: int = 400,
    n_items: int = 200,
    n_interactions: int = 8000,
    n_groups: int = 4,
    seed: int = 0,
) -> Tables:
    """Users and items in groups; four of five interactions stay within the group.

    rating = 3.2 + user bias + item bias + (0.7 within the group, -0.7 outside) + noise,
    rounded to 1 to 5. Within a group an item's popularity falls as 1/rank. Every user
    has an interaction; pairs are distinct, so there are at most `n_interactions`.
    """
    if not 1 <= n_groups <= min(n_users, n_items) or n_interactions < n_users:
        raise ConfigError(
            "Wanted 1 ≤ n_groups ≤ n_users and n_items, and n_interactions ≥ n_users; got "
            f"{n_groups}, {n_users}, {n_items} and {n_interactions}. Change them."
        )
    rng = np.random.default_rng(seed)
    user_group = np.arange(n_users) % n_groups
    item_group = np.arange(n_items) % n_groups
    users, items = _pairs(rng, user_group, n_items, n_groups, n_interactions)
    match = np.where(user_group[users] == item_group[items], 0.7, -0.7)
    user_bias, item_bias = rng.normal(0, 0.4, n_users), rng.normal(0, 0.4, n_items)
    wish = 3.2 + user_bias[users] + item_bias[items] + match + rng.normal(0, 0.5, len(users))
    times = np.sort(rng.integers(START, START + YEAR, len(users)))
    interactions = pl.DataFrame(
        {
            "user_id": _names("u", users),
            "item_id": _names("i", items),
            "rating": np.clip(np.rint(wish), 1, 5).astype(np.float32),
            "timestamp": times,
        }
    )
    return Tables(
        name="synthetic",
        interactions=interactions,
        users=pl.DataFrame(
            {"user_id": _names("u", np.arange(n_users)), "group": _names("g", user_group)}
        ),
        items=pl.DataFrame(
            {
                "item_id": _names("i", np.arange(n_items)),
                "title": _names("Item ", np.arange(n_items)),
                "genres": _names("g", item_group).reshape((n_items, 1)).arr.to_list(),
                "year": 1980 + np.arange(n_items, dtype=np.int32) % 40,
            }
        ),
    )


def _pairs(
    rng: np.random.Generator, user_group: np.ndarray, n_items: int, n_groups: int, wanted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct (user, item) rows in random order, at most `wanted`, each user among them."""
    n_users = len(user_group)
    pairs = np.empty(0, dtype=np.int64)  # user · n_items + item, in order of drawing
    for _ in range(8):  # what falls to repeats is drawn again, until the world is nearly full
        n = max(2 * (wanted - len(pairs)), n_users)
        users = np.concatenate([np.arange(n_users), rng.integers(0, n_users, n - n_users)])
        own = rng.random(n) < WITHIN_GROUP
        group = np.where(own, user_group[users], rng.integers(0, n_groups, n))
        size = (n_items - 1 - group) // n_groups + 1  # items of the group: group + j · n_groups
        # exp(U · log(size + 1)) has density 1/x on [1, size + 1): popularity falls as 1/rank.
        rank = np.floor(np.exp(rng.random(n) * np.log(size + 1))).astype(np.int64) - 1
        items = group + np.minimum(rank, size - 1) * n_groups
        drawn = np.concatenate([pairs, users * n_items + items])
        _, first = np.unique(drawn, return_index=True)
        pairs = drawn[np.sort(first)][:wanted]
        if len(pairs) == wanted:
            break
    pairs = rng.permutation(pairs)
    return pairs // n_items, pairs % n_items


def _names(prefix: str, numbers: np.ndarray) -> pl.Series:
    return pl.Series(numbers).cast(pl.String).str.replace("^", prefix)
