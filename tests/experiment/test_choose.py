"""What `maxella init` chooses by the size of a log, and that it trains at both ends."""

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.experiment.choose import choose_options


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
    small = choose_options(log_of(2000, 500, 30, n_levels))
    large = choose_options(log_of(2000, 12_000, 30, n_levels))
    assert large["model"] == small["model"] | ({"rating_head": "variational"} if n_levels else {})
    assert large["model"]["start"] == "closed_form"
    assert large["tasks"] == small["tasks"] | {"uniform_negatives": 2000}
    assert large["training"] == small["training"]
    assert set(small["compare"]["baselines"]) - set(large["compare"]["baselines"]) == {"ease"}


def test_a_catalogue_of_25_000_trains_as_init_wrote_it(tmp_path):
    log = log_of(600, 25_000, 45)
    log.write_csv(tmp_path / "log.csv")
    options = choose_options(log)
    options["training"]["epochs"] = 1
    options["compare"] = {"baselines": ["popularity"]}
    options["evaluation"] = {"resamples": 0}
    report = maxella.run(options | {"data": {"path": tmp_path / "log.csv"}})
    assert report["dataset"]["items"] > 20_000
    assert report["models"][0]["metrics"]["rmse"] < 2
