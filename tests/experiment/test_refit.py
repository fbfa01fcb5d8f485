"""Once settings are chosen, the model is trained anew on training and validation together."""

import copy

import numpy as np
import pytest
import torch

from maxella.baselines.table import BASELINES
from maxella.experiment import judge
from maxella.experiment.judge import Experiment
from maxella.experiment.read_config import parse_config
from maxella.experiment.run import learn
from maxella.experiment.run_folder import new_run

CLUBS = {
    "data": {"kind": "synthetic"},
    "split": {"kind": "random", "test": 0.25, "validation": 0.2},
    "model": {"dim": 6, "history_dim": 6, "start": "closed_form"},
    "tasks": [
        {
            "name": "retrieval",
            "kind": "retrieval",
            "loss": "leave_one_out_softmax",
            "distillation": 0.5,
            "neighbours": 5,
        }
    ],
    "training": {"learning_rate": 0.02, "batch_size": 64, "epochs": 1},
    "evaluation": {"resamples": 0},
    "compare": {"baselines": []},
}


def learnt(**training):
    """(row of the report, bundle) with other options of training, or another validation part."""
    options = copy.deepcopy(CLUBS)
    options["split"]["validation"] = training.pop("validation", 0.2)
    options["training"] |= training
    with new_run(None) as folder:
        report, bundle = learn(Experiment.of(parse_config(options, where="the test")), folder)
    return report["models"][0], bundle


def weights(bundle, name):
    return bundle.model.state_dict()[name].numpy()


@pytest.fixture(scope="module")
def anew():
    return learnt()


def test_what_is_learnt_is_what_a_log_without_a_validation_part_teaches(anew):
    """Where the usual settings were chosen; so the log is one in which they do well."""
    row, bundle = anew
    assert [stage["name"] for stage in row["stages"]] == [
        "closed form",
        "gradient steps",
        "mixture",
        "neighbours",
        "refit",
    ]
    (chosen,) = (stage["chosen"] for stage in row["stages"] if "chosen" in stage)
    whole = Experiment.of(parse_config(CLUBS, where="the test")).dataset.settled
    assert len(bundle.known) == len(whole.train)
    if set(chosen.values()) == {1.0}:
        _, other = learnt(validation=0.0)
        for name in ("item_encoder.table.weight", "user_encoder.ids.table.weight"):
            np.testing.assert_allclose(weights(bundle, name), weights(other, name), atol=1e-4)
    share = next(stage["share"] for stage in row["stages"] if "share" in stage)
    ratio = next(stage["ratio"] for stage in row["stages"] if "ratio" in stage)
    gains = weights(bundle, "heads.retrieval.gains")
    np.testing.assert_allclose(gains[-1] / gains[0], ratio, rtol=1e-5)
    assert bool(weights(bundle, "neighbours.retrieval.weights").any()) == (share > 0)


def test_it_may_be_left_out(anew):
    row, bundle = learnt(refit=False)
    assert [stage["name"] for stage in row["stages"]] == [
        stage["name"] for stage in anew[0]["stages"][:-1]
    ]
    for one, other in zip(row["stages"], anew[0]["stages"], strict=False):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    name = "item_encoder.table.weight"
    assert not np.allclose(weights(bundle, name), weights(anew[1], name), atol=1e-3)


def test_without_a_validation_part_there_is_one_pass():
    row, _ = learnt(validation=0.0)
    assert [stage["name"] for stage in row["stages"]] == [
        "closed form",
        "gradient steps",
        "neighbours",
    ]


def test_as_many_epochs_as_were_best():
    monitored = {"monitor": "retrieval.filtered.ndcg@100", "epochs": 3, "learning_rate": 3.0}
    row, bundle = learnt(**monitored)
    best = row["best_epoch"]
    assert len(row["history"]) == 3
    options = {"epochs": best, "learning_rate": 3.0, "validation": 0.2}
    _, other = learnt(**options)
    name = "item_encoder.table.weight"
    np.testing.assert_allclose(weights(bundle, name), weights(other, name), atol=1e-4)


def test_the_report_says_how_popular_what_validates_is():
    experiment = Experiment.of(parse_config(CLUBS, where="the test"))
    with new_run(None) as folder:
        report, _ = learn(experiment, folder)
    (note,) = (one for one in report["dataset"]["notes"] if "validation part" in one)
    train, validation, test = (
        part.rows.items
        for part in (
            experiment.dataset.train,
            experiment.dataset.validation,
            experiment.dataset.test,
        )
    )
    for part in (validation, test):
        logs = [np.log(max(1, (train == item).sum())) for item in part]
        assert f"{np.exp(np.mean(logs)):,.1f}" in note


def test_baselines_learn_from_the_validation_part_once_they_have_chosen(monkeypatch):
    experiment = Experiment.of(
        parse_config(CLUBS | {"compare": {"baselines": ["item_knn"]}}, where="the test")
    )
    asked = []
    held_out = experiment.held_out
    monkeypatch.setattr(type(held_out), "judge", lambda self, answers: asked.append(answers))
    monkeypatch.setattr(judge, "model_row", lambda *of: {})
    judge.judge_baselines(experiment, lambda *of: None)
    (answers,) = asked
    dataset = experiment.dataset
    wanted = BASELINES["item_knn"].fit(
        dataset.train.task_data("retrieval", "retrieval"), dataset.validation.pairs("retrieval")
    )
    settings = {name: wanted.tuned[name] for name in wanted.tuned if name != "trials"}
    both = dataset.settled.train.task_data("retrieval", "retrieval")
    everyone = torch.arange(dataset.users.n_rows)
    found = answers["retrieval"].score(everyone)
    torch.testing.assert_close(found, type(wanted).of(both, **settings).score(everyone))
    assert not torch.allclose(found, wanted.told(both).score(everyone))


def test_two_runs_give_the_same_bytes(anew):
    row, _ = learnt()
    assert row["checkpoint"] == anew[0]["checkpoint"]
