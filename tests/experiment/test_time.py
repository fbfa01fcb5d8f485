"""Models that look at the order in which their users did things."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

import maxella
from maxella.errors import ConfigError
from maxella.experiment.reevaluate import reevaluate
from maxella.recommend.bundle import load_bundle
from maxella.recommend.engine import Engine
from maxella.report.findings import findings

OPTIONS = {
    "split": {"kind": "random", "test": 0.25},
    "model": {"dim": 4, "history_dim": 4, "start": "closed_form"},
    "training": {"l2": 0.0, "learning_rate": 0.02, "batch_size": 64, "epochs": 10},
    "evaluation": {"resamples": 0},
    "compare": {"baselines": []},
}


RETRIEVAL = {"name": "retrieval", "kind": "retrieval", "loss": "leave_one_out_softmax"}
RATING = {"name": "rating", "kind": "rating", "weight": 0.3, "head": "mixed"}


def tasks(uses_time):
    """Retrieval and rating, and what of time they use, by name."""
    rating = RATING | {"shapes_encoders": False}
    return [
        task | ({"uses_time": uses_time[task["name"]]} if task["name"] in uses_time else {})
        for task in (RETRIEVAL, rating)
    ]


@pytest.fixture
def log():
    """100 users, who go through most of the twenty items of three of six shelves in turn.

    Each rates 4 or 5 during one half of it, 1 or 2 during the other.
    """
    rng = np.random.default_rng(1)
    rows = []
    for user in range(100):
        shelves = rng.permutation(6)[:3]
        items = [20 * shelf + book for shelf in shelves for book in rng.permutation(20)[:16]]
        likes_late = rng.integers(2)
        for time, item in enumerate(items):
            low = 4 if (time >= 24) == likes_late else 1
            rows.append((f"u{user}", f"i{item}", float(low + rng.integers(2)), 7 * time))
    columns = ["user_id", "item_id", "rating", "timestamp"]
    return pl.DataFrame(rows, schema=columns, orient="row")


@pytest.fixture
def run(log, tmp_path):
    def run(uses_time, split="random", log=log):
        log.write_csv(tmp_path / "log.csv")
        changes = {"tasks": tasks(uses_time), "split": {"kind": split, "test": 0.25}}
        data = {"path": str(tmp_path / "log.csv")}
        return maxella.run(OPTIONS | changes | {"data": data}, tmp_path / "run", overwrite=True)

    return run


def test_ratings_follow_how_the_user_rated_around_then(run):
    plain, timed = (run(uses)["models"][0]["metrics"] for uses in ({}, {"rating": "around"}))
    assert timed["rating"]["rmse"] < plain["rating"]["rmse"] - 0.2
    assert timed["rating"]["log_loss"] < plain["rating"]["log_loss"] - 0.1
    assert timed["retrieval"] == plain["retrieval"]


def test_neighbours_do_not_tell_a_shuffled_rating(run, log):
    shuffled = log.with_columns(pl.col("rating").shuffle(seed=1))
    plain, timed = (
        run(uses, log=shuffled)["models"][0]["metrics"] for uses in ({}, {"rating": "around"})
    )
    assert timed["rating"]["rmse"] > plain["rating"]["rmse"] - 0.01


@pytest.mark.parametrize(("split", "stands"), [("random", False), ("user_temporal", True)])
def test_the_markov_chain_stands_beside_where_the_split_is_in_time(split, stands, log, tmp_path):
    log.write_csv(tmp_path / "log.csv")
    options = OPTIONS | {
        "tasks": [RETRIEVAL],
        "compare": {},
        "data": {"path": tmp_path / "log.csv"},
    }
    options |= {"split": {"kind": split}, "training": OPTIONS["training"] | {"epochs": 0}}
    rows = {row["name"]: row for row in maxella.run(options)["models"]}
    assert ("markov_chain" in rows) == stands
    assert {"popularity", "ease", "ials", "item_knn"} <= rows.keys()
    if stands:  # who moves from shelf to shelf is best told by the last item
        hits = {n: of["metrics"]["retrieval"]["filtered"]["ndcg@10"] for n, of in rows.items()}
        assert max(hits.values()) == hits["markov_chain"]


def test_lists_follow_the_latest_items(run):
    plain, timed = (
        run(uses, split="leave_last_out")["models"][0]["metrics"]
        for uses in ({}, {"retrieval": "past"})
    )
    hits, hits_plain = (of["retrieval"]["filtered"]["top_k_accuracy@5"] for of in (timed, plain))
    assert hits > hits_plain + 0.3
    assert timed["rating"] == plain["rating"]


def test_the_report_says_what_uses_time(run, tmp_path):
    report = run({"rating": "around", "retrieval": "past"})
    both = [line for line in findings(report) if "uses time" in line]
    assert [line.split(":")[0] for line in both] == ["joint uses time"] * 2
    assert report["models"][0]["uses_time"] == ["retrieval", "ratings"]
    around = report["models"][0]["metrics"]["rating"]
    figures = f"RMSE {around['rmse']:.4f}, and {around['past']['rmse']:.4f} from earlier ones alone"
    assert figures in both[1]
    assert "joint uses time: a held-out rating" in (tmp_path / "run/report.html").read_text()
    assert "joint uses time: a held-out" in (tmp_path / "run/bundle/MODEL_CARD.md").read_text()
    assert not [line for line in findings(run({})) if "time" in line]


def test_a_saved_model_answers_for_any_time(run, log, tmp_path):
    report = run({"rating": "around"})
    assert reevaluate(tmp_path / "run")["models"][0]["metrics"] == report["models"][0]["metrics"]
    recommender = maxella.load(tmp_path / "run")
    pairs = log.select("user_id", "item_id").unique(maintain_order=True)[:400]
    early, late = (
        recommender.predict(pairs.with_columns(timestamp=pl.lit(time)))["predicted_rating"]
        for time in (0, 7 * 48)
    )
    now = recommender.predict(pairs)["predicted_rating"]
    assert now.equals(late)
    assert (early - late).abs().mean() > 0.7
    # Somebody new is read like who was there.
    new = recommender.for_newcomers(log).predict(pairs)["predicted_rating"]
    assert (new - now).abs().mean() < 0.5 < (new - early).abs().mean()


def test_a_log_without_times_is_refused(run, log, tmp_path):
    log.drop("timestamp").write_csv(tmp_path / "without.csv")
    options = OPTIONS | {"data": {"path": str(tmp_path / "without.csv")}}
    options["tasks"] = tasks({"rating": "past"})
    with pytest.raises(ConfigError, match="wants a timestamp in every interaction"):
        maxella.run(options)


def test_lists_want_a_history():
    options = {"data": {"kind": "synthetic"}, "tasks": [RETRIEVAL | {"uses_time": "past"}]}
    with pytest.raises(ConfigError, match=r"wanted model\.history_dim above 0"):
        maxella.run(options)


def test_lists_are_not_for_a_time_that_has_passed():
    options = {"data": {"kind": "synthetic"}, "tasks": [RETRIEVAL | {"uses_time": "around"}]}
    with pytest.raises(ConfigError, match="uses_time = 'around' is for tasks of the kind rating"):
        maxella.run(options)


def test_the_past_alone_is_what_a_model_of_the_past_has(run):
    around, past = (run({"rating": uses})["models"][0] for uses in ("around", "past"))
    assert past["uses_time"] == ["past_ratings"]
    found, beside = past["metrics"]["rating"], around["metrics"]["rating"]["past"]
    assert beside["rmse"] == pytest.approx(found["rmse"])
    assert around["metrics"]["rating"]["rmse"] < beside["rmse"] - 0.01
    assert "past" not in found


@pytest.mark.parametrize("uses", ["around", "past"])
def test_what_came_later_is_read_by_a_model_of_both_sides_alone(run, tmp_path, uses):
    run({"rating": uses})
    engine = load_bundle(tmp_path / "run").engine()
    known, moment = engine.known, 7 * 24
    ratings = known.rows.labels["rating"]
    turned = np.where(known.rows.timestamps >= moment, 6 - ratings, ratings).astype(np.float32)
    labels = known.rows.labels | {"rating": turned}
    other = replace(known, rows=replace(known.rows, labels=labels))
    told = [Engine.of(engine.model, log).answers("rating") for log in (known, other)]
    asked = torch.from_numpy(known.rows.users), torch.from_numpy(known.rows.items)
    then = [of.predict(*asked, np.full(len(known), moment)) for of in told]
    assert torch.equal(*then) == (uses == "past")
    assert not torch.equal(*(of.predict(*asked) for of in told))
