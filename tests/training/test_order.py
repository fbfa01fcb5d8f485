"""The order of picks is learnt where it tells what comes next."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.model.build import build_model
from maxella.model.head import HeadSpec
from maxella.recommend.engine import Engine
from maxella.training import order
from maxella.training.order import DEFAULT_SHARE, Order

USERS, ITEMS = 120, 24


def log_of(rows, times=True):
    users, items, at = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    labels = {"buy": np.ones(len(users), dtype=np.float32)}
    return Log(Interactions(users, items, labels, at if times else None), USERS + 1, ITEMS + 1)


@pytest.fixture
def model(make_spec):
    facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "dim": 3, "history_dim": 0}
    heads = (HeadSpec("buy", "dot_product", order=8),)
    return build_model(replace(make_spec(**facts), heads=heads), 1).eval()


@pytest.fixture
def two_later(dataset_of):
    """Item i is followed by i + 12 two places later, what comes between is drawn.

    The first twelve items come at even places of six, the others at odd ones.
    """
    rng = np.random.default_rng(4)
    rows, held_out = [], []
    for user in range(1, USERS + 1):
        first = rng.permutation(12)[:4] + 1
        path = [first[0], first[1], first[0] + 12, first[1] + 12, first[2], first[3]]
        path += [first[2] + 12, first[3] + 12]
        rows += [(user, item, 100 * user + place) for place, item in enumerate(path[:7])]
        held_out.append((user, path[7], 100 * user + 7))
    return dataset_of(log_of(rng.permutation(rows))), log_of(held_out)


def test_what_comes_two_places_later_is_learnt(model, two_later, monkeypatch):
    monkeypatch.setattr(order, "MOST_WINDOWS", 4)
    monkeypatch.setattr(order, "PASSES", 20)
    dataset, validation = two_later
    stage = Order("buy", 1)
    stage(model, replace(dataset, validation=validation))
    assert stage.facts["share"] >= 1.0
    lists = Engine.of(model, dataset.train).recommend("buy", torch.arange(1, USERS + 1), 1)
    assert (lists.items == torch.from_numpy(validation.rows.items)).float().mean() > 0.9
