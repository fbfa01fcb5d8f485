"""The whole joint model: history, closed-form start, distillation, variational ratings."""

import math

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.errors import ConfigError
from maxella.experiment.build import build_data, build_spec
from maxella.experiment.read_config import parse_config
from maxella.experiment.reevaluate import reevaluate
from maxella.sources.tables import Tables

JOINT = {
    "split": {"kind": "random", "test": 0.25},
    "model": {"dim": 8, "history_dim": 8, "start": "closed_form"},
    "training": {
        "learning_rate": 0.02,
        "encoder_learning_rate": 0.0005,
        "l2": 0.0,
        "batch_size": 64,
        "epochs": 40,
    },
    "evaluation": {"resamples": 0},
    "compare": {"baselines": ["popularity", "bias"]},
}
RETRIEVAL = {"name": "retrieval", "kind": "retrieval", "loss": "leave_one_out_softmax"}
RATING = {"name": "rating", "kind": "rating", "dim": 4, "members": 2, "shapes_encoders": False}


def tasks(head="variational", **changes):
    """Both tasks, with another head for ratings or another retrieval."""
    retrieval = RETRIEVAL | {"every": 5, "distillation": 0.8} | changes
    return [retrieval, RATING | {"head": head}]


@pytest.fixture
def log():
    """300 users in two camps, 40 items; each camp takes its own half three times as often.

    Users rate their own half 4 or 5, the other 1 or 2.
    """
    rng = np.random.default_rng(1)
    rows = []
    for user in range(300):
        chances = np.where(np.arange(40) // 20 == user % 2, 3.0, 1.0)
        for item in rng.choice(40, 12, replace=False, p=chances / chances.sum()):
            low = 4 if item // 20 == user % 2 else 1
            rows.append((f"u{user}", f"i{item}", float(low + rng.integers(2))))
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")


def run(log, folder, **changes):
    log.write_csv(folder / "log.csv")
    options = {**JOINT, "tasks": tasks(), **changes, "data": {"path": str(folder / "log.csv")}}
    report = maxella.run(options, folder / "run", overwrite=True)
    return {model["name"]: model["metrics"] for model in report["models"]}


def ndcg(metrics):
    return metrics["retrieval"]["filtered"]["ndcg@10"]


def test_both_tasks_learn_the_camps(log, tmp_path):
    found = run(log, tmp_path)
    assert found["joint"]["rating"]["rmse"] < 0.8 < found["bias"]["rating"]["rmse"]
    assert ndcg(found["joint"]) > ndcg(found["popularity"]) + 0.05


def test_ratings_as_levels_learn_the_camps_and_come_back_with_intervals(log, tmp_path):
    found = run(log, tmp_path, tasks=tasks("ordinal"))
    assert found["joint"]["rating"]["rmse"] < 0.8 < found["bias"]["rating"]["rmse"]
    # Between 4 and 5, or 1 and 2, nothing can be told: one bit, or .69 nats.
    assert math.log(2) - 0.1 < found["joint"]["rating"]["log_loss"] < 1.1
    assert found["joint"]["rating"]["pit_coverage_80"] == pytest.approx(0.8, abs=0.06)
    assert "log_loss" not in found["bias"]["rating"]
    items = pl.DataFrame(
        {"item_id": [f"i{n}" for n in range(40)], "own": [True] * 20 + [False] * 20}
    )
    camp = pl.DataFrame({"user_id": [f"u{n}" for n in range(0, 40, 2)]})
    predicted = maxella.load(tmp_path / "run").predict(camp.join(items, how="cross"), intervals=0.5)
    assert (predicted.filter("own")["rating_low"] >= 4).mean() > 0.9
    assert (predicted.filter(~pl.col("own"))["rating_high"] <= 2).mean() > 0.9


def test_a_level_that_training_lacks(log, tmp_path):
    # The last rows alone rate 3, which is no level then: it is judged, and no figure breaks.
    is_last = pl.int_range(pl.len()) % 50 == 0
    rating = pl.when(is_last).then(3.0).otherwise(pl.col("rating"))
    timed = log.with_columns(rating=rating, timestamp=is_last.cast(pl.Int64))
    found = run(timed, tmp_path, tasks=tasks("ordinal"), split={"kind": "temporal", "test": 0.02})
    assert found["joint"]["rating"]["log_loss"] == pytest.approx(math.log(1e6))
    assert found["joint"]["rating"]["rmse"] < 2


def test_shuffled_ratings_teach_nothing(log, tmp_path):
    # A model that saw the rating it predicts would beat the mean here.
    shuffled = log.with_columns(pl.col("rating").shuffle(seed=1))
    found = run(shuffled, tmp_path)
    assert found["joint"]["rating"]["rmse"] > log["rating"].std() - 0.02


def test_a_saved_model_answers_as_the_trained_one(log, tmp_path):
    found = run(log, tmp_path)
    again = maxella.load(tmp_path / "run").recommend(["u0", "u1", "stranger"], k=3)
    assert again["source"].to_list() == ["model"] * 6 + ["popularity"] * 3
    own = [int(item[1:]) // 20 for item in again["item_id"][:6]]
    assert own.count(0) >= 2
    assert found["joint"]["rating"]["rmse"] > 0


def test_without_ratings_there_is_retrieval_alone(log, tmp_path):
    found = run(log.drop("rating"), tmp_path, tasks=[RETRIEVAL | {"distillation": 0.8}])
    lists = maxella.load(tmp_path / "run").recommend(["u0"], k=2)
    assert not [name for name in lists.columns if name.startswith("predicted")]
    assert found.keys() == {"two-tower", "popularity"}
    assert found["two-tower"].keys() == {"retrieval"}
    assert ndcg(found["two-tower"]) > ndcg(found["popularity"])


@pytest.mark.parametrize("head", ["variational", "ordinal"])
def test_equal_ratings_and_one_item_and_users_with_one_row(log, tmp_path, head):
    equal = run(log.with_columns(rating=pl.lit(3.0)), tmp_path, tasks=tasks(head))
    assert equal["joint"]["rating"]["rmse"] < 0.01
    assert equal["joint"]["rating"]["log_loss"] == 0  # one level, which is certain
    assert equal["joint"]["rating"]["width_80"] == 0
    lonely = pl.concat([log.head(200), log.tail(50).unique("user_id", keep="first")])
    found = run(lonely, tmp_path, tasks=tasks(head))
    assert np.isfinite(found["joint"]["rating"]["rmse"])
    one = log.with_columns(item_id=pl.lit("only")).unique("user_id", keep="first")
    found = run(one, tmp_path, tasks=tasks(head))
    assert np.isfinite(found["joint"]["rating"]["rmse"])


@pytest.mark.parametrize(
    ("loss", "uniform_negatives"),
    [
        ("leave_one_out_softmax", 0),
        ("leave_one_out_softmax", 10),
        ("gramian", None),
        ("gramian", 10),
        ("bpr", None),
    ],
)
def test_every_loss_with_a_history_learns_both_tasks_from_scratch(
    log, tmp_path, loss, uniform_negatives
):
    model = JOINT["model"] | {"start": "random"}
    training = {"learning_rate": 0.02, "batch_size": 16, "epochs": 10, "l2": 0.01}
    training["uniform_negatives"] = uniform_negatives
    both = [RETRIEVAL | {"loss": loss}, RATING | {"head": "variational", "members": 1, "dim": 32}]
    found = run(log, tmp_path, model=model, tasks=both, training=training)
    assert ndcg(found["joint"]) > ndcg(found["popularity"]) + 0.05
    assert found["joint"]["rating"]["rmse"] < 0.9 < found["bias"]["rating"]["rmse"]


def test_ratings_of_any_number_are_no_levels(log):
    measured = log.with_columns(rating=pl.col("rating") + pl.int_range(pl.len()) / 1e4)
    tables = Tables("toy", measured, measured[["user_id"]].unique(), measured[["item_id"]].unique())

    def spec(head):
        split = {"kind": "none"}
        options = {"data": {"name": "x"}, "split": split, "tasks": [RATING | {"head": head}]}
        options["model"], options["tasks"][0]["shapes_encoders"] = {"dim": 2}, True
        config = parse_config(options, where="here")
        return build_spec(config, build_data(config, tables))

    assert spec("variational").heads[0].levels == ()
    for head in ("ordinal", "mixed"):
        with pytest.raises(ConfigError, match=rf"'{head}' wants at most 101 .*'variational'"):
            spec(head)


def test_a_penalty_on_seen_items_raises_the_raw_figures_and_changes_no_other(log, tmp_path):
    without = run(log, tmp_path)["joint"]
    model = JOINT["model"] | {"seen_penalty_dim": 24}
    found = run(log, tmp_path, model=model)["joint"]
    raw, raw_without = (of["retrieval"].pop("raw") for of in (found, without))
    assert found == without  # filtered, rmse and all, to the last bit
    assert raw["ndcg@10"] > raw_without["ndcg@10"] + 0.02
    report = reevaluate(tmp_path / "run")
    again = report["models"][0]["metrics"]
    assert again["retrieval"].pop("raw") == raw
    assert again == found
    (note,) = [note for note in report["dataset"]["notes"] if "penalty" in note]
    assert note.startswith("Raw figures of joint rank by its score with the 24 dimensions")


def test_who_wants_seen_items_again_gets_them_without_a_penalty(log, tmp_path):
    answers = []
    for dim in (0, 24):
        run(log, tmp_path, model=JOINT["model"] | {"seen_penalty_dim": dim})
        recommender = maxella.load(tmp_path / "run")
        answers.append(recommender.recommend(["u0", "u1"], k=5, include_seen=True))
    assert answers[0].equals(answers[1])
