import numpy as np
import pytest
import torch

from maxella.baselines.rates import Rates


@pytest.fixture
def world(make):
    """4,800 labels of 80 users and 60 items, drawn from effects that add up."""
    pairs_of, task_of = make
    draw = np.random.default_rng(2)
    of_users, of_items = draw.normal(0, 1.5, 80), draw.normal(0, 1.5, 60)
    users, items = (rows.ravel() for rows in np.indices((80, 60)))
    chances = 1 / (1 + np.exp(1.5 - of_users[users] - of_items[items]))
    labels = draw.random(4800) < chances
    return task_of(pairs_of(users + 1, items + 1, labels), 82, 62, "binary"), chances


def probabilities(rates, pairs):
    return rates.predict(torch.from_numpy(pairs.users), torch.from_numpy(pairs.items)).numpy()


def test_effects_are_at_the_minimum_of_the_damped_log_loss(world):
    # There the gradient vanishes: Σ over a row of (label - probability) = damping · effect.
    train, _ = world
    rates = Rates.fit(train, damping=2.0)
    left = train.pairs.labels - probabilities(rates, train.pairs).astype(float)
    for rows, effects in (
        (train.pairs.users, rates.user_effects),
        (train.pairs.items, rates.item_effects),
    ):
        np.testing.assert_allclose(np.bincount(rows, left, len(effects)), 2 * effects, atol=1e-3)
    assert rates.user_effects.abs().max() > 1
    assert rates.user_effects[[0, 81]].tolist() == [0, 0]
    assert rates.item_effects[[0, 61]].tolist() == [0, 0]


def test_planted_probabilities_are_found(world):
    train, chances = world
    found = probabilities(Rates.fit(train), train.pairs)
    assert np.corrcoef(found, chances)[0, 1] > 0.95
    assert np.abs(found - chances).mean() < 0.07


def test_a_damping_is_chosen_that_lets_no_noise_in(make):
    # Labels that no one's row says anything of: the strongest damping.
    pairs_of, task_of = make
    draw = np.random.default_rng(5)
    users, items = draw.integers(1, 301, 900), draw.integers(1, 301, 900)
    train = task_of(pairs_of(users, items, draw.random(900) < 0.3), 301, 301, "binary")
    asked = pairs_of(users[::-1], items, draw.random(900) < 0.3)
    rates = Rates.fit(train, asked)
    assert rates.tuned == {"trials": 5, "damping": 30.0}


def test_labels_all_alike_give_a_probability_short_of_one(make):
    pairs_of, task_of = make
    train = task_of(pairs_of([1, 2, 3], [1, 1, 2]), 4, 3, "binary")
    found = Rates.fit(train).predict(torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert found.tolist()[0] == pytest.approx(3.5 / 4)
    assert 3.5 / 4 < found[1] < 1
