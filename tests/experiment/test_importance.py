"""Which features decide, on a world where one does and another is noise."""

import json

import numpy as np
import polars as pl
import pytest

from maxella.data.entity_features import EntityFeatures
from maxella.errors import ConfigError, DataError
from maxella.experiment.importance import importance
from maxella.report.files import read_report

FEATURES = {
    "user": {"club": "category", "mood": "category"},
    "item": {"shelf": "category", "colour": "category"},
}
PLANTED = {
    "model": {"dim": 4},
    "tasks": [{"name": "rating", "kind": "rating", "dim": 4}],
    # Encoders stay as they start: ids say nothing but their biases.
    "training": {
        "learning_rate": 0.02,
        "encoder_learning_rate": 1e-9,
        "l2": 0.0,
        "batch_size": 32,
        "epochs": 8,
    },
}


@pytest.fixture(scope="module")
def run(clubs):
    """150 users of three clubs, 100 items on three shelves; moods and colours mean nothing."""
    rng = np.random.default_rng(2)
    users = [(f"u{n}", "ABC"[n % 3], f"m{rng.integers(3)}") for n in range(150)]
    items = [(f"i{n}", f"s{n % 3}", f"c{rng.integers(3)}") for n in range(100)]
    tables = [
        pl.DataFrame(rows, schema=[f"{side}_id", *FEATURES[side]], orient="row")
        for side, rows in (("user", users), ("item", items))
    ]
    return clubs(*tables, 12, features=FEATURES)


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
    for metric in (
        "retrieval.filtered.ndcg@10",
        "retrieval.filtered.recall@20",
        "rating.rmse",
    ):
        assert rows["item.shelf"][metric]["interval"][0] > 0
        assert not leaves_out_0(rows["item.colour"][metric])
    (model,) = report["models"]
    filtered, rating = model["metrics"]["retrieval"]["filtered"], model["metrics"]["rating"]
    wanted = {f"retrieval.filtered.{name}": value for name, value in filtered.items()}
    wanted |= {f"rating.{name}": value for name, value in rating.items()}
    assert found["metrics"] == {name: wanted[name] for name in found["metrics"]}
    assert (found["note"], found["cross"]) == ("", {})


def test_what_decides_for_cold_users_is_told_from_noise(run):
    _, folder = run(split={"kind": "cold_user", "test": 0.4, "given": 0.0})
    rows = of_features(importance(folder)["importance"])
    assert rows["user.club"]["retrieval.filtered.ndcg@10"]["interval"][0] > 0
    assert not leaves_out_0(rows["user.mood"]["retrieval.filtered.ndcg@10"])


def test_a_report_says_what_a_warm_split_shows_and_counts_the_reading(run):
    _, folder = run()
    found = importance(folder, repeats=2)
    assert "100 % of the test interactions" in found["importance"]["note"]
    assert "split.kind = 'cold_item'" in found["importance"]["note"]
    for losses in of_features(found["importance"]).values():
        assert abs(losses["retrieval.filtered.ndcg@10"]["value"]) < 0.01
        assert abs(losses["rating.rmse"]["value"]) < 0.05
    kept = read_report(folder / "report.json")
    assert kept == json.loads(json.dumps(found))
    assert kept["test_reads"] == 2
    assert "Importance of features" in (folder / "report.html").read_text()


def test_permuting_nothing_changes_nothing(cold_items, monkeypatch):
    monkeypatch.setattr(EntityFeatures, "permuted", lambda self, name, rng: self)
    for losses in of_features(importance(cold_items[1], repeats=1)["importance"]).values():
        assert {loss["value"] for loss in losses.values()} == {0.0}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"features": {}}, ConfigError, r"Declare \[features\.user\], \[features\.item\]"),
        ({"split": {"kind": "none"}}, DataError, "no test to read"),
    ],
)
def test_what_cannot_be_asked_is_named(run, changes, error, message):
    _, folder = run(**changes, training={"epochs": 1})
    with pytest.raises(error, match=message):
        importance(folder)


@pytest.fixture(scope="module")
def dot_rmse(run):
    return run(**PLANTED)[0]["models"][0]["metrics"]["rating"]["rmse"]


@pytest.mark.parametrize("head", ["cross", "low_rank_cross"])
def test_a_cross_head_finds_what_a_user_and_an_item_make_together(run, dot_rmse, head):
    report, folder = run(**PLANTED | {"tasks": [PLANTED["tasks"][0] | {"head": head}]})
    assert report["models"][0]["metrics"]["rating"]["rmse"] < dot_rmse - 0.5
    found = importance(folder, repeats=1)["importance"]["cross"]["head of rating"]
    names, norms = found["names"], np.array(found["norms"])
    row, column = np.unravel_index(norms.argmax(), norms.shape)
    assert {names[row], names[column]} == {"user.club", "item.shelf"}


def test_cross_layers_of_encoders_are_shown_too(run):
    features = FEATURES | {"layers": "cross"}
    _, folder = run(features=features, training={"epochs": 1})
    found = importance(folder, repeats=1)["importance"]["cross"]
    assert {place: of["names"] for place, of in found.items()} == {
        "user encoder": ["club", "mood"],
        "item encoder": ["shelf", "colour"],
    }
    assert (
        "What the cross layers of the item encoder multiply" in (folder / "report.html").read_text()
    )
