"""Which features decide, on a world where one does and another is noise."""

import json

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.data.entity_features import EntityFeatures
from maxella.errors import ConfigError, DataError
from maxella.experiment.importance import importance
from maxella.report.files import read_report

OPTIONS = {
    "features": {
        "user": {"club": "category", "mood": "category"},
        "item": {"shelf": "category", "colour": "category"},
    },
    "model": {"dim": 6, "history_dim": 6, "start": "closed_form", "rating_head": "variational"},
    "tasks": {
        "retrieval_loss": "leave_one_out_softmax",
        "retrieval_every": 4,
        "rating_shapes_towers": False,
        "l2": 0.0,
    },
    "training": {
        "learning_rate": 0.02,
        "tower_learning_rate": 0.0005,
        "batch_size": 32,
        "epochs": 4,
    },
    "evaluation": {"resamples": 0},
    "compare": {"baselines": []},
}
PLANTED = {
    "model": {"dim": 4, "rating_dim": 4},
    # Towers stay as they start: ids say nothing but their biases.
    "tasks": {"retrieval_weight": 0.0, "rating_weight": 1.0, "l2": 0.0},
    "training": {
        "learning_rate": 0.02,
        "tower_learning_rate": 1e-9,
        "batch_size": 32,
        "epochs": 8,
    },
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """150 users of three clubs, 100 items on three shelves; moods and colours mean nothing.

    A club takes six times as much from its own shelf, and rates it 4 or 5, others 1 or 2.
    """
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(1)
    rows = []
    for user in range(150):
        chances = np.where(np.arange(100) % 3 == user % 3, 6.0, 1.0)
        for item in rng.choice(100, 12, replace=False, p=chances / chances.sum()):
            low = 4 if item % 3 == user % 3 else 1
            rows.append((f"u{user}", f"i{item}", float(low + rng.integers(2))))
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    log.write_csv(folder / "log.csv")
    users = [(f"u{n}", "ABC"[n % 3], f"m{rng.integers(3)}") for n in range(150)]
    items = [(f"i{n}", f"s{n % 3}", f"c{rng.integers(3)}") for n in range(100)]
    for name, table in (("user", users), ("item", items)):
        columns = [f"{name}_id", *OPTIONS["features"][name]]
        frame = pl.DataFrame(table, schema=columns, orient="row")
        frame.write_csv(folder / f"{name}s.csv")
    return folder


@pytest.fixture(scope="module")
def run(world, tmp_path_factory):
    def run(**changes):
        folder = tmp_path_factory.mktemp("run")
        data = {"path": str(world / "log.csv")}
        data |= {"users": str(world / "users.csv"), "items": str(world / "items.csv")}
        options = OPTIONS | {"data": data, "split": {"kind": "random", "test": 0.25}}
        return maxella.run(options | changes, folder), folder

    return run


@pytest.fixture(scope="module")
def cold_items(run):
    return run(split={"kind": "cold_item", "test": 0.25})


def of_features(found):
    return {f"{row['side']}.{row['name']}": row["losses"] for row in found["features"]}


def leaves_out_0(loss):
    low, high = loss["interval"]
    return low > 0 or high < 0


def test_what_decides_cold_items_is_told_from_noise(cold_items):
    report, folder = cold_items
    found = importance(folder)["importance"]
    rows = of_features(found)
    assert list(rows) == ["user.club", "user.mood", "item.shelf", "item.colour"]
    for metric in ("filtered.ndcg@10", "filtered.recall@20", "rmse"):
        assert rows["item.shelf"][metric]["interval"][0] > 0
        assert not leaves_out_0(rows["item.colour"][metric])
    (model,) = report["models"]
    filtered = {f"filtered.{name}": value for name, value in model["metrics"]["filtered"].items()}
    wanted = filtered | {"rmse": model["metrics"]["rmse"]}
    assert found["metrics"] == {name: wanted[name] for name in found["metrics"]}
    assert (found["note"], found["cross"]) == ("", {})


def test_what_decides_for_cold_users_is_told_from_noise(run):
    _, folder = run(split={"kind": "cold_user", "test": 0.2, "given": 0.0})
    rows = of_features(importance(folder)["importance"])
    assert rows["user.club"]["filtered.ndcg@10"]["interval"][0] > 0
    assert not leaves_out_0(rows["user.mood"]["filtered.ndcg@10"])


def test_a_report_says_what_a_warm_split_shows_and_counts_the_reading(run):
    _, folder = run()
    found = importance(folder, repeats=2)
    assert "100 % of the test interactions" in found["importance"]["note"]
    assert "split.kind = 'cold_item'" in found["importance"]["note"]
    for losses in of_features(found["importance"]).values():
        assert abs(losses["filtered.ndcg@10"]["value"]) < 0.01
        assert abs(losses["rmse"]["value"]) < 0.05
    kept = read_report(folder / "report.json")
    assert kept == json.loads(json.dumps(found))
    assert kept["test_reads"] == 2
    assert "Importance of features" in (folder / "report.html").read_text()


def test_dealing_nothing_changes_nothing(cold_items, monkeypatch):
    monkeypatch.setattr(EntityFeatures, "permuted", lambda self, name, rng: self)
    for losses in of_features(importance(cold_items[1], repeats=1)["importance"]).values():
        assert {loss["value"] for loss in losses.values()} == {0.0}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"features": {}}, ConfigError, r"Declare \[features\.user\] or \[features\.item\]"),
        ({"split": {"kind": "none"}}, DataError, "no test to read"),
    ],
)
def test_what_cannot_be_asked_is_named(run, changes, error, message):
    _, folder = run(**changes, training={"epochs": 1})
    with pytest.raises(error, match=message):
        importance(folder)


@pytest.fixture(scope="module")
def dot_rmse(run):
    return run(**PLANTED)[0]["models"][0]["metrics"]["rmse"]


@pytest.mark.parametrize("head", ["cross", "low_rank_cross"])
def test_a_cross_head_finds_what_a_user_and_an_item_make_together(run, dot_rmse, head):
    report, folder = run(**PLANTED | {"model": PLANTED["model"] | {"rating_head": head}})
    assert report["models"][0]["metrics"]["rmse"] < dot_rmse - 0.5
    found = importance(folder, repeats=1)["importance"]["cross"]["rating head"]
    names, norms = found["names"], np.array(found["norms"])
    row, column = np.unravel_index(norms.argmax(), norms.shape)
    assert {names[row], names[column]} == {"user.club", "item.shelf"}


def test_cross_layers_of_towers_are_shown_too(run):
    features = OPTIONS["features"] | {"layers": "cross"}
    _, folder = run(features=features, training={"epochs": 1})
    found = importance(folder, repeats=1)["importance"]["cross"]
    assert {place: of["names"] for place, of in found.items()} == {
        "user tower": ["club", "mood"],
        "item tower": ["shelf", "colour"],
    }
    assert (
        "What the cross layers of the item tower multiply" in (folder / "report.html").read_text()
    )
