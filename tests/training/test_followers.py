"""Followers are found where order tells what comes next, and say nothing where it does not."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from maxella.recommend.engine import Engine
from maxella.training.followers import DEFAULT_SHARE, Followers

USERS, ITEMS = 80, 30
SHAPE = USERS + 1, ITEMS + 1


@pytest.fixture
def log_of(buys_of):
    return partial(buys_of, shape=SHAPE)


@pytest.fixture
def model(buyer):
    return buyer(SHAPE, followers=5)


@pytest.fixture
def ring(dataset_of, log_of):
    """Users go round 30 items, one further each time; rows stand in any order."""
    rng = np.random.default_rng(4)
    rows, held_out = [], []
    for user in range(1, USERS + 1):
        first = rng.integers(ITEMS)
        path = [(user, (first + step) % ITEMS + 1, 100 * user + step) for step in range(7)]
        rows += path[:6]
        held_out.append(path[6])
    return dataset_of(log_of(rng.permutation(rows))), log_of(held_out)


def test_what_comes_next_is_said_by_what_came_before_it(model, ring):
    dataset, validation = ring
    stage = Followers("buy")
    stage(model, replace(dataset, validation=validation))
    assert stage.facts["share"] >= 3.0
    lists = Engine.of(model, dataset.train).recommend("buy", torch.arange(1, USERS + 1), 1)
    assert (lists.items == torch.from_numpy(validation.rows.items)).float().mean() > 0.9


def test_order_that_tells_nothing_is_not_listened_to(model, ring):
    # All users hold out one item, whose vector all queries meet: the dot product is perfect.
    dataset, validation = ring
    with torch.no_grad():
        model.user_encoder.ids.table.weight.fill_(1.0)
        model.item_encoder.table.weight.zero_()
        model.item_encoder.table.weight[ITEMS] = 5.0
    train = dataset.train.of(dataset.train.rows.take(dataset.train.rows.items != ITEMS))
    held_out = replace(validation.rows, items=np.full(USERS, ITEMS))
    stage = Followers("buy")
    stage(model, replace(dataset, train=train, validation=validation.of(held_out)))
    assert stage.facts == {"share": 0.0}
    assert not model.followers["buy"].weights.any()


def test_without_a_validation_part_they_vary_as_the_other_scores_do(model, ring):
    dataset = ring[0]
    stage = Followers("buy")
    stage(model, dataset)
    assert stage.facts["share"] == DEFAULT_SHARE
    (part,) = model.beside("buy", dataset.train).parts
    users = torch.arange(1, USERS + 1)
    queries, items = model.embed(dataset.train.picks("buy"))
    products = (queries[users] @ items.T).detach().std(dim=1)
    ratio = (products / part.scores(users).std(dim=1)).median()
    assert ratio == pytest.approx(DEFAULT_SHARE, rel=1e-5)


def test_counts_are_smoothed_and_the_strongest_are_kept(model, dataset_of, log_of):
    # Item 1 is followed at once by 2 three times, by 3 once; by 4 to 8, further on, less.
    rows = [(user, item, place) for user in (1, 2, 3) for place, item in enumerate((1, 2))]
    rows += [(4, item, place) for place, item in enumerate((1, 3, 4, 5, 6, 7, 8))]
    Followers("buy")(model, dataset_of(log_of(rows)))
    part = model.followers["buy"]
    near, far = np.exp(-1 / 5), np.exp(-2 / 5)
    of_2, of_3 = (part.weights[item][part.items[item] == 1].item() for item in (2, 3))
    assert of_2 / of_3 == pytest.approx(3.0, rel=1e-5)
    assert of_3 / part.weights[4][part.items[4] == 1].item() == pytest.approx(near / far, rel=1e-5)
    assert int((part.weights[8] > 0).sum()) == 5  # of six items that it came after


def test_a_log_of_single_picks_has_no_followers(model, dataset_of, log_of):
    Followers("buy")(model, dataset_of(log_of([(1, 1, 5), (2, 2, 6)])))
    assert not model.followers["buy"].weights.any()
    assert model.followers["buy"].weights.isfinite().all()
