from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from maxella.data.dataset import Dataset
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.features.id import Vocabulary
from maxella.model.build import build_model
from maxella.model.head import HeadSpec
from maxella.model.heads import HEADS
from maxella.tasks.losses import LOSSES
from maxella.tasks.objective import Objective
from maxella.tasks.task import Task
from maxella.training.gradient_steps import GradientSteps


@pytest.fixture(scope="session")
def objective():
    """Both tasks, the retrieval loss at every second step, for a head of ratings."""

    def make(head, loss="leave_one_out_softmax", teacher=None):
        tasks = [
            Task(
                "retrieval",
                "retrieval",
                loss=LOSSES[loss],
                every=2,
                distillation=0.5 if teacher else 0.0,
            ),
            Task("rating", "binary" if HEADS[head].kinds == ("binary",) else "rating"),
        ]
        return Objective(tasks, l2=0.01, teacher=teacher)

    return make


@pytest.fixture(scope="session")
def fit():
    """Trains a model by gradient steps; how far it came."""

    def run(model, objective, batches, plan, **options):
        steps = GradientSteps(objective, batches, plan, torch.device("cpu"), **options)
        steps(model, None)
        return steps.progress

    return run


@pytest.fixture(scope="session")
def dataset_of():
    """A data set of which all rows train, with names of no meaning."""

    def make(log, **facts):
        none = log.of(log.rows.take(np.array([], dtype=np.int64)))
        users, items = (
            Vocabulary.fit(pl.Series([str(row) for row in range(1, n)]))
            for n in (log.n_user_rows, log.n_item_rows)
        )
        return Dataset(users, items, log, none, none, none, **facts)

    return make


@pytest.fixture(scope="session")
def picks_of():
    """A log of picks alone: the task retrieval, and ratings where there are any."""

    def make(users, items, shape, ratings=None):
        labels = {"retrieval": np.ones(len(users), dtype=np.float32)}
        if ratings is not None:
            labels["rating"] = ratings
        return Log(Interactions(users, items, labels), *shape)

    return make


@pytest.fixture(scope="session")
def buys_of():
    """(user, item, time) rows of the task buy, and (user rows, item rows) → a log."""

    def make(rows, shape, *, times=True):
        users, items, at = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        labels = {"buy": np.ones(len(users), dtype=np.float32)}
        return Log(Interactions(users, items, labels, at if times else None), *shape)

    return make


@pytest.fixture(scope="session")
def buyer(make_spec):
    """A model of the task buy alone, of so many users and items, with a part of the head's."""

    def make(shape, **part):
        facts = {"n_user_rows": shape[0], "n_item_rows": shape[1], "dim": 3, "history_dim": 0}
        heads = (HeadSpec("buy", "dot_product", **part),)
        return build_model(replace(make_spec(**facts), heads=heads), 1).eval()

    return make


@pytest.fixture(scope="session")
def scores_of():
    """A model and a log → (user rows, item rows) scores of a task, by plain products."""

    @torch.no_grad()
    def score(model, log, task="retrieval", *, sink_seen=False):
        history = log.history(model.events, in_time_order=model.user_encoder.reads_order)
        everyone = torch.arange(log.n_user_rows)
        queries = model.user_encoder(everyone, history.bags(everyone))
        head, items = model.heads[task], torch.arange(log.n_item_rows)
        scores = head.queries(queries) @ model.item_encoder(items).T
        biases = head.biases(items)
        scores = scores if biases is None else scores + biases
        if sink_seen:
            users, of_items = model.seen_penalty.embeddings(history.bags(everyone))
            scores = scores + users @ of_items.T
        return scores

    return score


@pytest.fixture(scope="session")
def changed():
    """Which weights of a model are no longer those of a state."""

    def names(model, before):
        return {
            name
            for name, weight in model.state_dict().items()
            if not torch.equal(weight, before[name])
        }

    return names
