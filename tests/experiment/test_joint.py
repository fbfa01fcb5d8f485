"""The whole joint model: history, closed-form start, distillation, variational ratings."""

import math

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.data.dataset import build_dataset
from maxella.data.split import split_interactions
from maxella.errors import ConfigError
from maxella.experiment.build import model_spec
from maxella.experiment.config import ModelOptions
from maxella.experiment.reevaluate import reevaluate

JOINT = {
    "split": {"kind": "random", "test": 0.25},
    "model": {
        "dim": 8,
        "history_dim": 8,
        "start": "closed_form",
        "rating_head": "variational",
        "rating_dim": 4,
        "rating_members": 2,
    },
    "tasks": {
        "retrieval_loss": "leave_one_out_softmax",
        "retrieval_every": 5,
        "distillation": 0.8,
        "rating_weight": 1.0,
        "rating_shapes_towers": False,
        "l2": 0.0,
    },
    "training": {
        "learning_rate": 0.02,
        "tower_learning_rate": 0.0005,
        "batch_size": 64,
        "epochs": 40,
    },
    "evaluation": {"resamples": 0},
    "compare": {"baselines": ["popularity", "bias"]},
}
ORDINAL = JOINT["model"] | {"rating_head": "ordinal"}


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
    options = {**JOINT, **changes, "data": {"path": str(folder / "log.csv")}}
    report = maxella.run(options, folder / "run", overwrite=True)
    return {model["name"]: model["metrics"] for model in report["models"]}


def test_both_tasks_learn_the_camps(log, tmp_path):
    found = run(log, tmp_path)
    assert found["joint"]["rmse"] < 0.8 < found["bias"]["rmse"]
    gain = found["joint"]["filtered"]["ndcg@10"] - found["popularity"]["filtered"]["ndcg@10"]
    assert gain > 0.05


def test_ratings_as_levels_learn_the_camps_and_come_back_with_intervals(log, tmp_path):
    found = run(log, tmp_path, model=ORDINAL)
    assert found["joint"]["rmse"] < 0.8 < found["bias"]["rmse"]
    # Between 4 and 5, or 1 and 2, nothing can be told: one bit, or .69 nats.
    assert math.log(2) - 0.1 < found["joint"]["log_loss"] < 1.1
    assert found["joint"]["pit_coverage_80"] == pytest.approx(0.8, abs=0.06)
    assert "log_loss" not in found["bias"]
    pairs = pl.DataFrame({"user_id": ["u0", "u0"], "item_id": ["i0", "i39"]})
    own, other = maxella.load(tmp_path / "run").predict(pairs, intervals=0.5).to_dicts()
    assert own["rating_low"] >= 4
    assert other["rating_high"] <= 2


def test_a_level_that_training_lacks(log, tmp_path):
    # The last rows alone rate 3, which is no level then: it is judged, and no figure breaks.
    is_last = pl.int_range(pl.len()) % 50 == 0
    rating = pl.when(is_last).then(3.0).otherwise(pl.col("rating"))
    timed = log.with_columns(rating=rating, timestamp=is_last.cast(pl.Int64))
    found = run(timed, tmp_path, model=ORDINAL, split={"kind": "temporal", "test": 0.02})
    assert found["joint"]["log_loss"] == pytest.approx(math.log(1e6))
    assert found["joint"]["rmse"] < 2


def test_shuffled_ratings_teach_nothing(log, tmp_path):
    # A model that saw the rating it predicts would beat the biases here.
    shuffled = log.with_columns(pl.col("rating").shuffle(seed=1))
    found = run(shuffled, tmp_path)
    assert found["joint"]["rmse"] > found["bias"]["rmse"] - 0.02
    assert found["bias"]["rmse"] > 1.4  # ratings of 1 to 5 deviate by about 1.5


def test_a_saved_model_answers_as_the_trained_one(log, tmp_path):
    found = run(log, tmp_path)
    again = maxella.load(tmp_path / "run").recommend(["u0", "u1", "stranger"], k=3)
    assert again["source"].to_list() == ["model"] * 6 + ["popularity"] * 3
    own = [int(item[1:]) // 20 for item in again["item_id"][:6]]
    assert own.count(0) >= 2
    assert found["joint"]["rmse"] > 0


@pytest.mark.parametrize("head", ["variational", "ordinal"])
def test_without_ratings_there_is_retrieval_alone(log, tmp_path, head):
    tasks = JOINT["tasks"] | {"rating_weight": 0.0, "retrieval_every": 1}
    model = JOINT["model"] | {"rating_head": head}
    found = run(log.drop("rating"), tmp_path, tasks=tasks, model=model)
    lists = maxella.load(tmp_path / "run").recommend(["u0"], k=2)
    assert lists["predicted_rating"].is_null().all()
    assert "rmse" not in found["retrieval"]
    assert found["retrieval"]["filtered"]["ndcg@10"] > found["popularity"]["filtered"]["ndcg@10"]


@pytest.mark.parametrize("head", ["variational", "ordinal"])
def test_equal_ratings_and_one_item_and_users_with_one_row(log, tmp_path, head):
    model = JOINT["model"] | {"rating_head": head}
    equal = run(log.with_columns(rating=pl.lit(3.0)), tmp_path, model=model)
    assert equal["joint"]["rmse"] < 0.01
    assert equal["joint"]["log_loss"] == 0  # one level, which is certain
    assert equal["joint"]["width_80"] == 0
    lonely = pl.concat([log.head(200), log.tail(50).unique("user_id", keep="first")])
    assert np.isfinite(run(lonely, tmp_path, model=model)["joint"]["rmse"])
    one = log.with_columns(item_id=pl.lit("only")).unique("user_id", keep="first")
    assert np.isfinite(run(one, tmp_path, model=model)["joint"]["rmse"])


@pytest.mark.parametrize(
    "tasks",
    [
        {"retrieval_loss": "leave_one_out_softmax", "uniform_negatives": 0},
        {"retrieval_loss": "leave_one_out_softmax", "uniform_negatives": 10},
        {"retrieval_loss": "gramian"},
        {"retrieval_loss": "gramian", "uniform_negatives": 10},
        {"retrieval_loss": "bpr"},
    ],
    ids=lambda tasks: "-".join(map(str, tasks.values())),
)
def test_every_loss_with_a_history_learns_both_tasks_from_scratch(log, tmp_path, tasks):
    model = JOINT["model"] | {"start": "random"}
    tasks = {"rating_weight": 1.0, "rating_shapes_towers": False, "l2": 0.01} | tasks
    training = {"learning_rate": 0.02, "batch_size": 16, "epochs": 10}
    found = run(log, tmp_path, model=model, tasks=tasks, training=training)
    gain = found["joint"]["filtered"]["ndcg@10"] - found["popularity"]["filtered"]["ndcg@10"]
    assert gain > 0.05
    assert found["joint"]["rmse"] < 0.9 < found["bias"]["rmse"]


def test_ratings_of_any_number_are_no_levels(log):
    measured = log.with_columns(rating=pl.col("rating") + pl.int_range(pl.len()) / 1e4)
    split = split_interactions(measured, kind="none", test=0.0, validation=0.0, seed=0)
    dataset = build_dataset(measured, split)
    assert model_spec(ModelOptions(rating_head="variational"), dataset).rating_levels == ()
    for head in ("ordinal", "mixed"):
        with pytest.raises(ConfigError, match=rf"'{head}' wants at most 101 .*'variational'"):
            model_spec(ModelOptions(rating_head=head), dataset)


def test_a_demotion_part_raises_the_raw_figures_and_changes_no_other(log, tmp_path):
    without = run(log, tmp_path)["joint"]
    model = JOINT["model"] | {"demotion_dim": 24}
    found = run(log, tmp_path, model=model)["joint"]
    raw, raw_without = found.pop("raw"), without.pop("raw")
    assert found == without  # filtered, rmse and all, to the last bit
    assert raw["ndcg@10"] > raw_without["ndcg@10"] + 0.02
    report = reevaluate(tmp_path / "run")
    assert report["models"][0]["metrics"] == found | {"raw": raw}
    (note,) = [note for note in report["dataset"]["notes"] if "demotion" in note]
    assert note.startswith("Raw figures of joint rank by its score with the 24 demotion")


def test_who_wants_seen_items_again_gets_them_undemoted(log, tmp_path):
    answers = []
    for dim in (0, 24):
        run(log, tmp_path, model=JOINT["model"] | {"demotion_dim": dim})
        recommender = maxella.load(tmp_path / "run")
        answers.append(recommender.recommend(["u0", "u1"], k=5, include_seen=True))
    assert answers[0].equals(answers[1])
