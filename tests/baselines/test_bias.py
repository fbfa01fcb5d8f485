import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maxella.baselines.bias import Bias
from maxella.errors import DataError

# User 1 gives item 1 five stars and item 2 three; user 2 gives item 1 four. μ = 4.
USERS, ITEMS = np.array([1, 1, 2]), np.array([1, 2, 1])


@pytest.fixture(scope="module")
def rated(make):
    pairs_of, task_of = make

    def task(users, items, ratings, n_user_rows=3, n_item_rows=3):
        return task_of(pairs_of(users, items, ratings), n_user_rows, n_item_rows, "rating")

    return task


@pytest.fixture
def train(rated):
    return rated(USERS, ITEMS, [5.0, 3.0, 4.0])


def test_one_sweep_by_hand(train):
    bias = Bias.fit(train, sweeps=1)
    # Items first, damped by 3: (1 + 0) / (2 + 3) and -1 / (1 + 3). Then what is left to the
    # users, damped by 5: (0.8 - 0.75) / (2 + 5) and -0.2 / (1 + 5).
    assert bias.mean == 4.0
    assert bias.item_effects.tolist() == pytest.approx([0, 0.2, -0.25])
    assert bias.user_effects.tolist() == pytest.approx([0, 0.05 / 7, -0.2 / 6])
    users, items = torch.tensor([1, 2, 0, 1, 0]), torch.tensor([1, 2, 1, 0, 0])
    wanted = [4.2 + 0.05 / 7, 3.75 - 0.2 / 6, 4.2, 4 + 0.05 / 7, 4.0]
    assert bias.predict(users, items).tolist() == pytest.approx(wanted)


def test_sweeps_lead_to_the_least_damped_squared_error(train):
    # There the gradient vanishes: Σ over a row of (r - prediction) = damping · effect.
    bias = Bias.fit(train, sweeps=50)
    left = train.pairs.labels - 4.0 - (bias.user_effects[USERS] + bias.item_effects[ITEMS]).numpy()
    np.testing.assert_allclose(np.bincount(USERS, left), 5 * bias.user_effects, atol=1e-9)
    np.testing.assert_allclose(np.bincount(ITEMS, left), 3 * bias.item_effects, atol=1e-9)


def test_without_damping_an_additive_world_is_found(rated):
    # r = 3 + a_u + b_i with a = ±0.5 and b = ±1; every pair is there, so one sweep is enough.
    users, items = np.array([1, 1, 2, 2]), np.array([1, 2, 1, 2])
    train = rated(users, items, [4.5, 2.5, 3.5, 1.5], 4, 4)
    bias = Bias.fit(train, user_damping=0.0, item_damping=0.0, sweeps=1)
    pairs = torch.from_numpy(users), torch.from_numpy(items)
    assert bias.predict(*pairs).tolist() == pytest.approx(train.pairs.labels.tolist())
    # Row 3 has nothing to take a mean of.
    assert bias.predict(torch.tensor([3]), torch.tensor([3])).item() == 3.0


def test_predictions_stay_within_the_ratings_of_training(rated):
    # Three low ratings and a high one: user 2 and item 2 are both far above the mean.
    users, items = (
        np.array([1] * 30 + [2] * 30 + [1] * 30),
        np.array([1] * 30 + [1] * 30 + [2] * 30),
    )
    bias = Bias.fit(rated(users, items, [1.0] * 30 + [5.0] * 60))
    unclipped = bias.mean + bias.user_effects[2] + bias.item_effects[2]
    assert unclipped > 5.0
    assert bias.predict(torch.tensor([2]), torch.tensor([2])).item() == 5.0


@given(
    stars=st.lists(st.integers(1, 5), min_size=6, max_size=6),
    shift=st.integers(-3, 3),
)
def test_a_shift_of_all_ratings_shifts_the_predictions(stars, shift, rated):
    users, items = np.array([1, 1, 2, 2, 3, 3]), np.array([1, 2, 2, 3, 3, 1])
    ratings = np.array(stars, dtype=np.float32)
    here = Bias.fit(rated(users, items, ratings, 4, 4))
    there = Bias.fit(rated(users, items, ratings + shift, 4, 4))
    pairs = (torch.arange(4).repeat(4), torch.arange(4).repeat_interleave(4))
    torch.testing.assert_close(there.predict(*pairs), here.predict(*pairs) + shift)


def test_without_ratings_it_says_what_to_do(rated):
    with pytest.raises(DataError, match=r"wants training labels of task.*Leave 'bias'"):
        Bias.fit(rated([], [], []))
