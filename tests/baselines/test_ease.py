import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.baselines.ease import Ease
from maxella.data.interactions import Interactions
from maxella.errors import ConfigError


def test_two_items_by_hand():
    # Users 1 and 2 took item 1, user 1 item 2 also. With λ = 1, XᵀX + λI = [[3, 1], [1, 2]],
    # its inverse P = [[2, -1], [-1, 3]] / 5, so B_12 = (1/5) / (3/5) and B_21 = (1/5) / (2/5).
    train = Interactions(np.array([1, 2, 1]), np.array([1, 1, 2]))
    ease = Ease.fit(train, n_user_rows=3, n_item_rows=3, l2=1.0)
    wanted = torch.tensor([[0, 0, 0], [0, 0, 1 / 3], [0, 1 / 2, 0]])
    torch.testing.assert_close(ease.weights, wanted)
    # User 1 has both items: the sum of rows 1 and 2. User 2 has item 1: row 1.
    scores = ease.score(torch.tensor([1, 2]))
    torch.testing.assert_close(scores, torch.tensor([[0, 1 / 2, 1 / 3], [0, 0, 1 / 3]]))


@given(
    taken=st.integers(0, 2**30 - 1).map(
        lambda bits: np.array([bits >> cell & 1 for cell in range(30)]).reshape(6, 5)
    ),
    l2=st.sampled_from([0.5, 3.0, 100.0]),
)
@settings(max_examples=40, deadline=None)
def test_each_column_is_the_ridge_regression_of_its_item_on_the_others(taken, l2):
    users, items = taken.nonzero()
    weights = Ease.fit(Interactions(users + 1, items + 1), 7, 6, l2=l2).weights[1:, 1:]
    for item in range(5):
        others = np.delete(taken, item, axis=1).astype(float)  # (6, 4)
        gram = others.T @ others + l2 * np.eye(4)
        wanted = np.insert(np.linalg.solve(gram, others.T @ taken[:, item]), item, 0.0)
        np.testing.assert_allclose(weights[:, item], wanted, atol=1e-5)


def test_a_repeated_pair_changes_nothing():
    users, items = np.array([1, 1, 2, 3]), np.array([1, 2, 2, 1])
    twice = Interactions(np.tile(users, 2), np.tile(items, 2))
    once = Ease.fit(Interactions(users, items), 4, 3)
    assert torch.equal(Ease.fit(twice, 4, 3).weights, once.weights)


def test_users_beyond_the_first_chunk_count():
    # 1,500 users, more than are laid out at once, all with both items, λ = 1000:
    # XᵀX + λI = [[2500, 1500], [1500, 2500]], so B_12 = 1500 / 2500.
    users = np.arange(1, 1501)
    both = Interactions(np.tile(users, 2), np.repeat([1, 2], 1500))
    assert Ease.fit(both, 1501, 3).weights[1, 2].item() == pytest.approx(0.6)


def test_too_many_items_are_refused_with_the_memory_that_they_need():
    train = Interactions(np.array([1]), np.array([1]))
    # Two matrices of 50,000² numbers of 4 bytes.
    with pytest.raises(ConfigError, match=r"at most 20,000 items; got 50,000, .* 20\.0 GB"):
        Ease.fit(train, n_user_rows=2, n_item_rows=50_000)
