"""What `maxella init` chooses by the size of a log, and that it trains at both ends."""

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.experiment.propose import choose_options


def log_of(n_users, n_items, per_user, n_levels=5):
    """Each user takes so many items, every item at least once where there are rows enough."""
    draw = np.random.default_rng(1)
    users = np.repeat(np.arange(n_users), per_user)
    items = draw.permutation(np.arange(len(users)) % n_items)
    log = pl.DataFrame({"user_id": users, "item_id": items}).cast(pl.String)
    ratings = 1 + draw.integers(0, max(n_levels, 1), len(users))
    return log.with_columns(rating=pl.Series(ratings, dtype=pl.Float32) if n_levels else None)


@pytest.mark.parametrize("n_levels", [0, 5])
def test_a_large_catalogue_differs_in_cost_alone(n_levels):
    small, large = (choose_options(log_of(2000, n, 30, n_levels)) for n in (500, 12_000))
    closed_form = {"start": "closed_form"}
    assert large.options["model"] == closed_form | {"dim": 64, "history_dim": 64}
    assert small.options["model"] == closed_form | {"dim": 128, "history_dim": 128}
    tasks = [task.options for task in small.tasks]
    if n_levels:
        tasks[1]["head"] = "variational"
    assert [task.options for task in large.tasks] == tasks
    sampled = small.options["training"] | {"uniform_negatives": 2000}
    assert large.options["training"] == sampled


def test_a_catalogue_of_25_000_trains_as_init_wrote_it(tmp_path):
    log = log_of(600, 25_000, 45)
    log.write_csv(tmp_path / "log.csv")
    choices = choose_options(log)
    options = choices.options | {"tasks": [task.options for task in choices.tasks]}
    options["training"]["epochs"] = 1
    options["compare"] = {"baselines": ["popularity"]}
    options["evaluation"] = {"resamples": 0}
    report = maxella.run(options | {"data": {"path": tmp_path / "log.csv"}})
    assert report["dataset"]["items"] > 20_000
    assert report["models"][0]["metrics"]["rating"]["rmse"] < 2
