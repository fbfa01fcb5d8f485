"""Worlds in which the context decides, and what a model makes of it."""

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.errors import ConfigError, DataError
from maxella.experiment.importance import importance
from maxella.experiment.read_config import parse_config
from maxella.experiment.reevaluate import reevaluate
from maxella.experiment.run import compare
from maxella.recommend.bundle import load_bundle
from maxella.recommend.new_items import with_items

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


OPTIONS = {
    "split": {"kind": "random", "test": 0.25},
    "features": {"context": {"device": "category"}},
    "model": {"dim": 6, "history_dim": 6, "start": "closed_form"},
    "tasks": [
        {"name": "retrieval", "kind": "retrieval", "loss": "leave_one_out_softmax"},
        {
            "name": "rating",
            "kind": "rating",
            "weight": 0.3,
            "head": "variational",
            "shapes_encoders": False,
        },
    ],
    "training": {"learning_rate": 0.02, "batch_size": 64, "epochs": 8},
    "evaluation": {"resamples": 0},
    "compare": {"baselines": ["popularity"]},
}


@pytest.fixture(scope="module")
def devices(log, tmp_path_factory):
    """The report and the folder of a comparison: a model that reads the device, and one not."""
    out = tmp_path_factory.mktemp("devices")
    models = [{"name": "reads"}, {"name": "unread", "model": {"reads_context": False}}]
    options = OPTIONS | {"data": {"path": str(log)}}
    options["compare"] = {"baselines": ["popularity"], "models": models}
    report = compare(parse_config(options, where="here"), out)
    return {model["name"]: model for model in report["models"]}, report, out


def test_a_model_that_reads_the_context_finds_what_it_decides(devices):
    models, report, _ = devices
    read, unread = (models[name]["metrics"] for name in ("reads", "unread"))
    assert (
        read["retrieval"]["filtered"]["ndcg@10"] > 1.5 * unread["retrieval"]["filtered"]["ndcg@10"]
    )
    # Half a star to either side is what the phone makes; half a star is noise.
    assert read["rating"]["rmse"] < unread["rating"]["rmse"] - 0.05
    assert "once for each user and context of the test (device)" in report["dataset"]["notes"][-1]
    assert models["reads"]["uses_time"] == []


@pytest.fixture(scope="module")
def bundle(devices):
    return load_bundle(devices[2] / "models" / "reads")


def test_answers_are_for_the_context_that_they_are_asked_for(bundle):
    recommender = bundle.recommender()
    shares = {}
    for device in ("phone", "tv"):
        found = recommender.recommend(["u1", "u2", "u3"], 5, context={"device": device})
        shares[device] = np.mean([int(item[1:]) % 2 for item in found["item_id"]])
    assert shares["phone"] < 0.2
    assert shares["tv"] > 0.8
    lists = recommender.recommend(["u1"], 3, context={"device": "phone"})
    pairs = lists.select("user_id", "item_id").with_columns(device=pl.lit("phone"))
    again = recommender.predict(pairs)
    for column in ("score", "predicted_rating"):
        assert again[column].to_list() == pytest.approx(lists[column].to_list(), abs=1e-5)
    on_tv = recommender.predict(pairs.with_columns(device=pl.lit("tv")))
    assert (again["predicted_rating"] - on_tv["predicted_rating"]).min() > 0.4


def test_without_a_context_answers_are_those_of_a_model_that_reads_none(bundle, devices):
    unread = load_bundle(devices[2] / "models" / "unread").recommender()
    read = bundle.recommender()
    asked = ["u1", "u2", "nobody"]
    assert read.recommend(asked).equals(unread.recommend(asked))
    pairs = pl.DataFrame({"user_id": ["u1"], "item_id": ["i3"]})
    assert read.predict(pairs).equals(unread.predict(pairs))
    # A device that training did not have says nothing of scores.
    other = read.recommend(["u1"], context={"device": "watch"})
    assert other["item_id"].equals(read.recommend(["u1"])["item_id"])


def test_whom_nobody_knows_gets_what_is_picked_in_such_contexts(bundle):
    found = bundle.recommender().recommend(["nobody"], 5, context={"device": "tv"})
    assert set(found["source"]) == {"popularity"}
    assert all(int(item[1:]) % 2 for item in found["item_id"])


def test_a_column_that_no_feature_reads_is_refused(bundle, devices):
    with pytest.raises(ConfigError, match=r"columns of the features of contexts \(device: "):
        bundle.recommender().recommend(["u1"], context={"browser": "x"})
    unread = load_bundle(devices[2] / "models" / "unread").recommender()
    with pytest.raises(ConfigError, match=r"contexts \(none: "):
        unread.recommend(["u1"], context={"device": "tv"})
    with pytest.raises(DataError, match="dict from columns to values"):
        bundle.recommender().recommend(["u1"], context=["device"])


def test_a_reopened_run_is_asked_in_the_same_contexts(devices):
    models, _, out = devices
    for name in ("reads", "unread"):
        again = reevaluate(out / "models" / name)["models"][0]["metrics"]
        assert again == models[name]["metrics"]


def test_permuting_the_contexts_costs_what_they_brought(devices):
    models, _, out = devices
    found = importance(out / "models" / "reads", repeats=2)["importance"]["features"]
    assert [(one["side"], one["name"]) for one in found] == [("context", "device")]
    loss = found[0]["losses"]["retrieval.filtered.ndcg@10"]
    gain = (
        models["reads"]["metrics"]["retrieval"]["filtered"]["ndcg@10"]
        - models["unread"]["metrics"]["retrieval"]["filtered"]["ndcg@10"]
    )
    assert loss["interval"][0] > 0.5 * gain  # permuted, half of the devices are wrong


def test_noise_is_not_read(log, tmp_path):
    noise = pl.read_csv(log).with_columns(
        device=pl.Series(np.random.default_rng(5).integers(3, size=pl.read_csv(log).height)).cast(
            pl.String
        )
    )
    noise.write_csv(tmp_path / "log.csv")
    maxella.run(OPTIONS | {"data": {"path": str(tmp_path / "log.csv")}}, tmp_path / "run")
    parts = load_bundle(tmp_path / "run").model.contexts
    assert not parts["retrieval"].table.any()
    assert parts["rating"].table.abs().max() < 0.1


def test_a_model_may_not_be_asked_otherwise_than_the_others():
    models = [{"name": "other", "features": {"context": {}}}]
    options = OPTIONS | {"data": {"kind": "synthetic"}, "compare": {"models": models}}
    with pytest.raises(ConfigError, match="reads_context = false"):
        parse_config(options, where="here")


def test_the_hour_is_a_context_too_also_of_items_that_come_later(log, tmp_path):
    on_phone = pl.col("device") == "phone"
    hours = pl.read_csv(log).with_columns(timestamp=pl.when(on_phone).then(DAY).otherwise(DAY // 2))
    hours.write_csv(tmp_path / "log.csv")
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(N_ITEMS)], "odd": [0, 1] * 30})
    items.write_csv(tmp_path / "items.csv")
    hour = {"kind": "time", "column": "timestamp", "parts": ["hour"]}
    data = {"path": str(tmp_path / "log.csv"), "items": str(tmp_path / "items.csv")}
    features = {"item": {"odd": "category"}, "context": {"hour": hour}}
    report = maxella.run(OPTIONS | {"data": data, "features": features}, tmp_path / "run")
    assert report["models"][0]["uses_time"] == ["context"]
    bundle = load_bundle(tmp_path / "run")
    arrivals = pl.DataFrame({"item_id": ["new"], "odd": [1]})
    for known in (bundle, with_items(bundle, arrivals)):
        recommender = known.recommender()
        for timestamp, is_odd in ((5 * DAY, 0), (5 * DAY + DAY // 2, 1)):
            found = recommender.recommend(["u1"], 5, context={"timestamp": timestamp})
            assert [int(item[1:]) % 2 for item in found["item_id"]] == [is_odd] * 5
    asked = {"user_id": ["u1"] * 2, "item_id": ["new"] * 2, "timestamp": [0, DAY // 2]}
    on_phone, on_tv = recommender.predict(pl.DataFrame(asked))["predicted_rating"]
    assert on_phone > on_tv + 0.4
