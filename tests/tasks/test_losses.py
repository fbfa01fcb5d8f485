"""The collapsed softmax against the plain one of the notebook, in value and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.tasks import losses
from maxella.tasks.losses import RETRIEVAL_LOSSES, full_softmax, in_batch_softmax, squared_error


def plain_in_batch(users, items, biases, user_positions, item_positions):
    """TensorFlow Recommenders' loss: a (rows × rows) matrix, the diagonal is the positive."""
    scores = users[user_positions] @ items[item_positions].T + biases[item_positions]
    return torch.nn.functional.cross_entropy(
        scores, torch.arange(len(user_positions)), reduction="sum"
    )


def plain_full(users, items, biases, user_positions, item_positions):
    scores = users[user_positions] @ items.T + biases
    return torch.nn.functional.cross_entropy(scores, item_positions, reduction="sum")


PLAIN = {"in_batch_softmax": plain_in_batch, "full_softmax": plain_full}


@st.composite
def worlds(draw):
    """Few users and items and many pairs, so that both sides repeat, and pairs as well."""
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    n, dim = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    scale = draw(st.sampled_from([0.01, 1.0, 10.0]))

    def normal(*shape):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64) * scale
        return values.requires_grad_()

    users, items, biases = normal(n_users, dim), normal(n_items, dim), normal(n_items)
    user_positions = torch.randint(n_users, (n,), generator=generator).sort().values
    item_positions = torch.randint(n_items, (n,), generator=generator)
    return users, items, biases, user_positions, item_positions


@pytest.mark.parametrize("name", RETRIEVAL_LOSSES)
@settings(deadline=None, max_examples=60)
@given(world=worlds(), block=st.sampled_from([1, 7, 1 << 20]))
def test_equals_the_plain_loss_in_value_and_gradients(name, world, block):
    parameters = world[:3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "BLOCK_SCORES", block)
        # Scaled, so that the backward pass must carry the factor on.
        collapsed = 3 * RETRIEVAL_LOSSES[name](*world)
        found = torch.autograd.grad(collapsed, parameters)
    plain = 3 * PLAIN[name](*world)
    wanted = torch.autograd.grad(plain, parameters)
    torch.testing.assert_close(collapsed, plain, rtol=1e-6, atol=1e-9)
    for ours, theirs in zip(found, wanted, strict=True):
        # Relative to the gradient's own size: single entries may cancel to nothing.
        assert (ours - theirs).norm() <= 1e-6 * theirs.norm() + 1e-9


@pytest.mark.parametrize("name", RETRIEVAL_LOSSES)
def test_every_loss_is_finite_and_falls_as_the_positive_rises(name):
    loss = RETRIEVAL_LOSSES[name]
    users, positions = torch.eye(2), torch.tensor([0, 1])
    values = [loss(users * scale, torch.eye(2), None, positions, positions) for scale in (0, 1, 90)]
    assert all(torch.isfinite(value) for value in values)
    assert values[0] > values[1] > values[2] >= 0


@pytest.mark.parametrize("name", RETRIEVAL_LOSSES)
def test_large_scores_neither_overflow_nor_lose_the_gradient(name):
    # exp(2000) overflows a float; the loss of the wrong item is the gap of the scores, 2000.
    users = torch.tensor([[1.0]], requires_grad=True)
    items = torch.tensor([[2000.0], [0.0]])
    pairs = (torch.tensor([0, 0]), torch.tensor([0, 1]))
    loss = RETRIEVAL_LOSSES[name](users, items, None, *pairs)
    loss.backward()
    torch.testing.assert_close(loss, torch.tensor(2000.0))
    torch.testing.assert_close(users.grad, torch.tensor([[2000.0]]))


def test_items_that_no_pair_names_are_outside_the_batch():
    users, items = torch.tensor([[1.0]]), torch.tensor([[1.0], [5.0]])
    only_first = (torch.tensor([0]), torch.tensor([0]))
    # One item in the batch: its probability is 1, whatever the other would score.
    assert in_batch_softmax(users, items, None, *only_first).item() == 0
    assert full_softmax(users, items, None, *only_first).item() > 3


def test_squared_error_is_a_sum():
    assert squared_error(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])).item() == 5
