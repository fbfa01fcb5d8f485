"""Worlds in which the moment of a request decides, and what a model makes of it."""

import numpy as np
import polars as pl
import pytest

import maxella

DAY = 86_400
N_USERS, N_ITEMS = 150, 60


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """On a phone people take even items and rate them a star higher than the odd ones on a TV."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(N_USERS):
        for device in ("phone", "tv"):
            own = np.arange(N_ITEMS) % 2 == (device == "tv")
            chances = np.where(own, 12.0, 1.0)
            for item in rng.choice(N_ITEMS, 12, replace=False, p=chances / chances.sum()):
                rating = 3.0 + (device == "phone") + rng.integers(2)
                rows.append((f"u{user}", f"i{item}", rating, device))
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "rating", "device"], orient="row")
    path = tmp_path_factory.mktemp("world") / "log.csv"
    table.unique(["user_id", "item_id"], maintain_order=True).write_csv(path)
    return path


@pytest.fixture(scope="module")
def runs(log, tmp_path_factory):
    """Whether the model reads requests → the report, and the folder of the run."""

    def run(*, reads):
        out = tmp_path_factory.mktemp("run")
        options = {
            "data": {"path": str(log)},
            "split": {"kind": "random", "test": 0.25},
            "features": {"request": {"device": "category"}},
            "model": {
                "dim": 6,
                "history_dim": 6,
                "start": "closed_form",
                "rating_head": "variational",
                "reads_requests": reads,
            },
            "tasks": {"retrieval_loss": "leave_one_out_softmax", "rating_shapes_towers": False},
            "training": {"learning_rate": 0.02, "batch_size": 64, "epochs": 8},
            "evaluation": {"resamples": 0},
            "compare": {"baselines": ["popularity"]},
        }
        return maxella.run(options, out), out

    return {reads: run(reads=reads) for reads in (True, False)}


def test_a_model_that_reads_the_moment_finds_what_it_decides(runs):
    read, unread = (runs[reads][0]["models"][0]["metrics"] for reads in (True, False))
    assert read["filtered"]["ndcg@10"] > 1.3 * unread["filtered"]["ndcg@10"]
    assert read["rmse"] < unread["rmse"] - 0.05
