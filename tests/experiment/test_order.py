"""A model that reads the order of picks, from the log to lists of what comes next."""

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.errors import ConfigError

USERS, ITEMS = 100, 30


@pytest.fixture(scope="module")
def log():
    """Users go round 30 items, one further each time."""
    firsts = np.random.default_rng(3).integers(ITEMS, size=USERS)
    rows = [
        (f"u{user}", f"i{(first + step) % ITEMS}", 1000 * user + step)
        for user, first in enumerate(firsts)
        for step in range(9)
    ]
    return pl.DataFrame(rows, ["user_id", "item_id", "timestamp"], orient="row")


@pytest.fixture(scope="module")
def trained(log, tmp_path_factory):
    folder = tmp_path_factory.mktemp("order")
    log.write_csv(folder / "log.csv")
    task = {"name": "buy", "kind": "retrieval", "loss": "leave_one_out_softmax", "order": 8}
    report = maxella.run(options(folder, task), folder / "run")
    return report, folder


def options(folder, task):
    return {
        "data": {"path": folder / "log.csv"},
        "split": {"kind": "leave_last_out", "test": 0.1, "validation": 0.1},
        # Without an id part newcomers are read as those are whom training had.
        "model": {"dim": 0, "history_dim": 8, "start": "closed_form"},
        "tasks": [task],
        "training": {"epochs": 0},
        "evaluation": {"resamples": 0},
    }


def test_what_comes_next_is_found(trained):
    report, _ = trained
    model = report["models"][0]
    assert model["metrics"]["buy"]["filtered"]["ndcg@10"] > 0.8
    (stage,) = (stage for stage in model["stages"] if stage["name"] == "order")
    assert stage["share"] > 0
    assert stage["passes"] > 0
    assert stage["seconds"] > 0
    assert model["uses_time"] == ["retrieval"]


def test_loaded_it_answers_newcomers_as_those_it_knows(trained, log):
    recommender = maxella.load(trained[1] / "run")
    # The last row was the test.
    known = log.sort("timestamp").filter(pl.int_range(pl.len()).over("user_id") < 8)
    users = [f"u{user}" for user in range(USERS)]
    newcomers = recommender.for_newcomers(known.sample(fraction=1.0, shuffle=True, seed=5))
    columns = ["user_id", "item_id"]
    of_known, of_new = (one.recommend(users, k=1) for one in (recommender, newcomers))
    assert of_known.sort("user_id")[columns].equals(of_new.sort("user_id")[columns])
    turned = known.with_columns(timestamp=-pl.col("timestamp"))
    backwards = recommender.for_newcomers(turned).recommend(users, k=5)
    forwards = newcomers.recommend(users, k=5)
    assert not backwards.sort("user_id", "rank").equals(forwards.sort("user_id", "rank"))


def test_without_times_there_is_no_order_to_learn(log, trained, tmp_path):
    log.drop("timestamp").write_csv(tmp_path / "log.csv")
    task = {"name": "buy", "kind": "retrieval", "loss": "leave_one_out_softmax", "order": 8}
    wanted = options(tmp_path, task) | {"split": {"kind": "random"}}
    with pytest.raises(ConfigError, match=r"tasks.buy.order wants a timestamp"):
        maxella.run(wanted)
