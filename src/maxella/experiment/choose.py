"""Options of split, tasks, model and training that suit a log: its size, and what it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from maxella.data.split import split_interactions
from maxella.errors import DataError
from maxella.experiment.propose import MANY, MANY_ITEMS, Proposal, propose_tasks, target_rows

TEST = 0.2
# Interactions from which on → dimensions of each part of the encoders, factors of the heads. From
# MANY_ITEMS on dimensions are 64 at most.
SIZES = ((500_000, 128, 16), (50_000, 64, 8), (5_000, 32, 8), (0, 16, 4))


@dataclass(frozen=True)
class Choices:
    """The sections of a config, its tasks, and why others are no tasks."""

    options: dict[str, dict[str, Any]]
    tasks: list[Proposal]
    left_out: list[str]


def choose_options(
    log: pl.DataFrame, *, part: str | None = None, flags: Sequence[str] = ()
) -> Choices:
    """What suits an interactions table of `maxella.sources.tables.Tables`.

    `part` is the column that gives the split, where there is one; `flags` say yes or no.
    """
    n_users = log["user_id"].n_unique()
    is_large = log["item_id"].n_unique() >= MANY_ITEMS
    dim, head_dim = next(sizes[1:] for sizes in SIZES if log.height >= sizes[0])
    dim = min(dim, 64) if is_large else dim
    tasks, left_out = propose_tasks(log, flags, head_dim)
    kinds = {task.options["kind"] for task in tasks}
    has_heads = len(kinds) > 1
    training: dict[str, Any] = {"optimiser": "adam"}
    training |= {"learning_rate": 0.03, "encoder_learning_rate": 0.0005, "schedule": "one_cycle"}
    training["batch_size"] = 256 if n_users >= 4000 else 64 if n_users >= 400 else 16
    training["epochs"] = 4 if not has_heads else 30 if log.height < MANY else 10
    training["l2"] = 0.0
    if is_large:  # a step's softmax is over drawn items
        training["uniform_negatives"] = 2000
    options = {
        "split": {"kind": "column", "column": part}
        if part is not None
        else choose_split(log, target_rows(log, tasks[0])),
        "model": {"dim": dim, "history_dim": dim, "start": "closed_form"},
        "training": training,
    }
    return Choices(options, tasks, left_out)


def choose_split(log: pl.DataFrame, is_target: np.ndarray | None = None) -> dict[str, Any]:
    """A split in time where it leaves most of the test to known users and items.

    Else the last of each user, else random rows; `is_target`, (n,) bool, says which rows test.
    """
    random = {"kind": "random", "seed": 42, "test": TEST}
    if "timestamp" not in log.columns:
        return random
    shares = {kind: _known_share(log, kind, is_target) for kind in ("temporal", "leave_last_out")}
    if shares["temporal"] >= 0.5:
        return {"kind": "temporal", "test": TEST}
    return {"kind": "leave_last_out", "test": TEST} if shares["leave_last_out"] else random


def _known_share(log: pl.DataFrame, kind: str, is_target: np.ndarray | None) -> float:
    """The share of a split's test rows of which training has the user and the item."""
    try:
        split = split_interactions(
            log, kind=kind, test=TEST, validation=0.0, seed=42, is_target=is_target
        )
    except DataError:  # nothing would be left to train on
        return 0.0
    asked = split.test if is_target is None else split.test[is_target[split.test]]
    train, test = (log[rows].select("user_id", "item_id") for rows in (split.train, asked))
    known = [test[key].is_in(train[key].unique().implode()).to_numpy() for key in test.columns]
    return float(np.logical_and(*known).mean()) if len(test) else 0.0
