import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxella.closed_form.gram import gram, item_weights, refuse_large
from maxella.errors import ConfigError

WORLDS = arrays(np.int64, (6, 5), elements=st.integers(0, 1))


@given(taken=WORLDS, weights=arrays(np.float32, 6, elements=st.floats(0, 4, width=32)))
@settings(max_examples=40, deadline=None)
def test_it_is_the_weighted_product_of_the_matrix_with_itself(taken, weights, history_of):
    history = history_of(taken)
    together = gram(history, torch.from_numpy(np.insert(weights, 0, 1.0)))
    np.testing.assert_allclose(together[1:, 1:], taken.T * weights @ taken, rtol=1e-5, atol=1e-5)
    assert not together[0].any()
    assert not together[:, 0].any()


@given(taken=WORLDS)
@settings(max_examples=20, deadline=None)
def test_without_weights_each_user_counts_once(taken, history_of):
    assert torch.equal(gram(history_of(taken)), gram(history_of(taken), torch.ones(7)))


def test_weights_reach_users_beyond_the_first_chunk(history_of):
    # 1,500 users, more than are laid out at once, with one item each; the last has both, and
    # weighs 3: item 1 is taken with weight 1,499 + 3, item 2 and the pair with 3.
    taken = np.ones((1500, 2), dtype=np.int64)
    taken[:-1, 1] = 0
    weights = torch.ones(1501)
    weights[-1] = 3.0
    assert gram(history_of(taken), weights)[1:, 1:].tolist() == [[1502, 3], [3, 3]]


@given(taken=WORLDS, l2=arrays(np.float64, 5, elements=st.floats(0.5, 50)))
@settings(max_examples=40, deadline=None)
def test_weights_from_items_to_items_are_at_the_minimum_under_a_zero_diagonal(
    taken, l2, history_of
):
    penalties = torch.from_numpy(np.insert(l2, 0, 1.0)).float()
    found = item_weights(gram(history_of(taken)), penalties)[1:, 1:].double()
    assert not found.diagonal().any()

    weights = found.clone().requires_grad_()
    rows = torch.from_numpy(taken).double()
    loss = (rows - rows @ weights).square().sum() + (
        torch.from_numpy(l2)[:, None] * weights**2
    ).sum()
    loss.backward()
    off_diagonal = weights.grad.fill_diagonal_(0.0)
    torch.testing.assert_close(off_diagonal, torch.zeros_like(off_diagonal), atol=1e-4, rtol=0)


def test_the_limit_is_in_items_and_the_message_in_memory():
    refuse_large("EASE", 20_000, 2, "Do something else.")
    # Three matrices of 30,000² numbers of 4 bytes.
    with pytest.raises(
        ConfigError, match=r"X wants at most 20,000 .* 30,000, .* 10\.8 GB .* Do Y\.$"
    ):
        refuse_large("X", 30_000, 3, "Do Y.")
