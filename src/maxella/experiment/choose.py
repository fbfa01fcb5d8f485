"""Options of split, model, tasks and training that suit a log: its size, and what it has."""

from typing import Any

import numpy as np
import polars as pl

from maxella.data.roles import MOST_LEVELS
from maxella.data.split import split_interactions
from maxella.errors import DataError

TEST = 0.2
# Items from which on a step's softmax is over drawn items, dimensions are 64 at most, the rating
# head has one factorisation, and EASE, whose time grows with the cube of the items, is left out.
MANY_ITEMS = 10_000
MANY = 5_000_000  # interactions from which on a head of one factorisation is enough to wait for
# Interactions from which on → dimensions of each part of the towers, factors of the rating head.
SIZES = ((500_000, 128, 16), (50_000, 64, 8), (5_000, 32, 8), (0, 16, 4))


def choose_options(log: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """The sections of a config for an interactions table of `maxella.sources.tables.Tables`."""
    n_items = log["item_id"].n_unique()
    n_users = log["user_id"].n_unique()
    ratings = log["rating"].drop_nulls() if "rating" in log.columns else pl.Series([])
    is_large = n_items >= MANY_ITEMS
    n_levels = ratings.n_unique()
    dim, rating_dim = next(sizes[1:] for sizes in SIZES if log.height >= sizes[0])
    dim = min(dim, 64) if is_large else dim
    model: dict[str, Any] = {"dim": dim, "history_dim": dim, "start": "closed_form"}
    tasks: dict[str, Any] = {"retrieval_loss": "leave_one_out_softmax"}
    if is_large:
        tasks["uniform_negatives"] = 2000
    tasks |= {"distillation": 0.8, "l2": 0.0}
    training: dict[str, Any] = {"optimiser": "adam"}
    training |= {"learning_rate": 0.03, "tower_learning_rate": 0.0005}
    training["epochs"] = 4 if not n_levels else 30 if log.height < MANY else 10
    if n_levels:
        is_plain = n_levels > MOST_LEVELS or log.height >= MANY or is_large
        model |= {"rating_head": "variational" if is_plain else "mixed", "rating_dim": rating_dim}
        tasks |= {"rating_weight": 1.0, "rating_shapes_towers": False, "retrieval_every": 8}
    else:
        tasks["rating_weight"] = 0.0
    training["schedule"] = "one_cycle"
    training["batch_size"] = 256 if n_users >= 4000 else 64 if n_users >= 400 else 16
    baselines = ["popularity", *["bias"] * bool(n_levels), *["ease"] * (not is_large), "ials"]
    return {
        "split": choose_split(log),
        "model": model,
        "tasks": tasks,
        "training": training,
        "compare": {"baselines": baselines},
    }


def choose_split(log: pl.DataFrame) -> dict[str, Any]:
    """A split in time where it leaves most of the test to known users and items.

    Else the last of each user, else random rows.
    """
    random = {"kind": "random", "seed": 42, "test": TEST}
    if "timestamp" not in log.columns:
        return random
    shares = {kind: _known_share(log, kind) for kind in ("temporal", "leave_last_out")}
    if shares["temporal"] >= 0.5:
        return {"kind": "temporal", "test": TEST}
    return {"kind": "leave_last_out", "test": TEST} if shares["leave_last_out"] else random


def _known_share(log: pl.DataFrame, kind: str) -> float:
    """The share of a split's test rows of which training has the user and the item."""
    try:
        split = split_interactions(log, kind=kind, test=TEST, validation=0.0, seed=42)
    except DataError:  # nothing would be left to train on
        return 0.0
    train, test = (log[rows].select("user_id", "item_id") for rows in (split.train, split.test))
    known = [test[key].is_in(train[key].unique().implode()).to_numpy() for key in test.columns]
    return float(np.logical_and(*known).mean()) if len(test) else 0.0
