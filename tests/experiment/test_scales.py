"""Ratings of another scale: what is learnt is the same, whatever the numbers are called."""

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.sources.synthetic import read_synthetic
from maxella.tasks.kinds import KINDS

HEADS = KINDS["rating"].heads
# 1 to 5 stars, and what they are called instead: of both, a factor and what is added.
SCALES = {"of 20 to 100": (20.0, 0.0), "of 0 to 1": (0.25, -0.25)}


def run(log, folder):
    """An experiment with a rating task for each head, with and without time; and its folder."""
    log.write_csv(folder / "log.csv")
    retrieval = {"name": "picks", "kind": "retrieval", "loss": "leave_one_out_softmax"}
    heads = [
        {"name": f"{head}_{'timed' if timed else 'plain'}", "kind": "rating", "head": head}
        | {
            "dim": 2,
            "weight": 0.3,
            "uses_time": "around" if timed else None,
            "shapes_encoders": head == "dot",
        }
        for head in HEADS
        for timed in (False, True)
    ]
    options = {
        "data": {"path": str(folder / "log.csv")},
        "split": {"kind": "random", "test": 0.25},
        "model": {"dim": 4, "history_dim": 4, "start": "closed_form"},
        "tasks": [retrieval, *heads],
        "training": {"learning_rate": 0.03, "l2": 0.01, "batch_size": 16, "epochs": 3},
        "evaluation": {"resamples": 0, "slices": []},
        "compare": {"baselines": ["bias"]},
    }
    return maxella.run(options, folder / "run"), maxella.load(folder / "run")


@pytest.fixture(scope="module")
def world():
    columns = ["user_id", "item_id", "rating", "timestamp"]
    tables = read_synthetic(n_users=40, n_items=25, n_interactions=600)
    return tables.interactions.select(columns)


@pytest.fixture(scope="module")
def stars(world, tmp_path_factory):
    """The experiment on 1 to 5."""
    return run(world, tmp_path_factory.mktemp("stars"))


@pytest.fixture(scope="module", params=SCALES.values(), ids=SCALES)
def scaled(request, world, tmp_path_factory):
    """A factor, what is added, and the experiment with ratings so counted."""
    factor, added = request.param
    log = world.with_columns(pl.col("rating") * factor + added)
    return factor, added, *run(log, tmp_path_factory.mktemp("scaled"))


def _flat(figures):
    """Name → figure, those within a part of the ratings (`past`) with them."""
    for name, figure in figures.items():
        if isinstance(figure, dict):
            yield from ((f"{inner}, {name}", one) for inner, one in _flat(figure))
        else:
            yield name, figure


def test_figures_are_those_of_stars(stars, scaled):
    factor, _, report, _ = scaled
    for model, same in zip(report["models"], stars[0]["models"], strict=True):
        for task, figures in same["metrics"].items():
            found = model["metrics"][task]
            if task == "picks":
                for protocol, of_lists in figures.items():
                    assert found[protocol] == pytest.approx(of_lists, abs=2e-3)
                continue
            for name, figure in _flat(figures):
                of_scale = factor if name.startswith(("rmse", "mae", "width")) else 1.0
                assert dict(_flat(found))[name] / of_scale == pytest.approx(figure, abs=2e-3), (
                    task,
                    name,
                )


@pytest.mark.parametrize("who", ["known", "newcomers"])
def test_answers_are_those_of_stars_in_the_other_scale(world, stars, scaled, who):
    factor, added, _, recommender = scaled
    pairs = world.select("user_id", "item_id").unique(maintain_order=True)[:300]
    few = world.filter(pl.col("user_id").is_in(["u0", "u1", "u2"]))
    asked = [stars[1], recommender]
    if who == "newcomers":
        told = few.with_columns(pl.col("rating") * factor + added)
        asked = [asked[0].for_newcomers(few), asked[1].for_newcomers(told)]
        pairs = few.select("user_id", "item_id")
    same, found = (one.predict(pairs) for one in asked)
    names = [name for name in same.columns if name.startswith("predicted")]
    assert len(names) == 2 * len(HEADS)
    for name in names:
        back = (found[name].to_numpy() - added) / factor
        np.testing.assert_allclose(back, same[name].to_numpy(), atol=5e-3, err_msg=name)


def test_the_losses_are_those_of_stars(stars, scaled):
    (same,), (found,) = (
        [model["history"] for model in report["models"] if model.get("history")]
        for report in (stars[0], scaled[2])
    )
    for epoch, other in zip(same, found, strict=True):
        losses = {name: epoch[name] for name in epoch if name.endswith("_loss")}
        assert {name: other[name] for name in losses} == pytest.approx(losses, abs=2e-3)
