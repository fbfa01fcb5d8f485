import numpy as np
import polars as pl
import pytest

import maxella

OPTIONS = {
    "data": {"kind": "synthetic"},
    "split": {"kind": "random", "test": 0.25, "validation": 0.2},
    "model": {"dim": 8},
    "training": {"batch_size": 32, "epochs": 4, "monitor": "retrieval.filtered.ndcg@100"},
    "evaluation": {"resamples": 50},
}
CLUBS = {
    "split": {"kind": "random", "test": 0.25},
    "model": {"dim": 6, "history_dim": 6, "start": "closed_form"},
    "tasks": [
        {
            "name": "retrieval",
            "kind": "retrieval",
            "loss": "leave_one_out_softmax",
            "every": 4,
        },
        {
            "name": "rating",
            "kind": "rating",
            "weight": 0.3,
            "head": "variational",
            "shapes_encoders": False,
        },
    ],
    "training": {
        "learning_rate": 0.02,
        "encoder_learning_rate": 0.0005,
        "l2": 0.0,
        "batch_size": 64,
        "epochs": 8,
    },
    "evaluation": {"resamples": 0},
    "compare": {"baselines": []},
}


@pytest.fixture
def options():
    """A small experiment on the synthetic world, with a validation part."""
    return {section: dict(values) for section, values in OPTIONS.items()}


@pytest.fixture(scope="module")
def clubs(tmp_path_factory):
    """Tables of users and items of three kinds in turn → experiments on a log of theirs.

    A user takes six times as much from their own kind, and rates it 4 or 5, others 1 or 2.
    """

    def make(users, items, n_taken, **own):
        folder = tmp_path_factory.mktemp("world")
        rng = np.random.default_rng(1)
        rows = []
        for user in range(len(users)):
            is_own = np.arange(len(items)) % 3 == user % 3
            chances = np.where(is_own, 6.0, 1.0)
            for item in rng.choice(len(items), n_taken, replace=False, p=chances / chances.sum()):
                low = 4 if is_own[item] else 1
                rows.append((f"u{user}", f"i{item}", float(low + rng.integers(2))))
        log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
        tables = {"path": log, "users": users, "items": items}
        for name, table in tables.items():
            table.write_csv(folder / f"{name}.csv")
        data = {name: str(folder / f"{name}.csv") for name in tables}

        def run(**changes):
            """The report of an experiment, and its folder."""
            out = tmp_path_factory.mktemp("run")
            return maxella.run(CLUBS | {"data": data} | own | changes, out), out

        return run

    return make
