"""The collapsed softmax against the plain one of the notebook, in value and gradients."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.tasks import blocks
from maxella.tasks.choices import Choices
from maxella.tasks.losses import (
    RETRIEVAL_LOSSES,
    full_softmax,
    in_batch_softmax,
    leave_one_out_softmax,
    squared_error,
)


def plain_in_batch(users, items, biases, user_positions, item_positions):
    """TensorFlow Recommenders' loss: a (rows × rows) matrix, the diagonal is the positive."""
    scores = users[user_positions] @ items[item_positions].T + biases[item_positions]
    return torch.nn.functional.cross_entropy(
        scores, torch.arange(len(user_positions)), reduction="sum"
    )


def plain_full(users, items, biases, user_positions, item_positions):
    scores = users[user_positions] @ items.T + biases
    return torch.nn.functional.cross_entropy(scores, item_positions, reduction="sum")


def plain_leave_one_out(users, items, biases, user_positions, item_positions):
    """A softmax for each pair, over its item and those that its user has no pair with."""
    scores = users @ items.T + biases
    total = scores.new_zeros(())
    for user, item in zip(user_positions.tolist(), item_positions.tolist(), strict=True):
        taken = item_positions[user_positions == user]
        others = [j for j in range(len(items)) if j not in taken]
        candidates = scores[user, [item, *others]]
        total = total - candidates.log_softmax(dim=0)[0]
    return total


PLAIN = {
    "in_batch_softmax": plain_in_batch,
    "full_softmax": plain_full,
    "leave_one_out_softmax": plain_leave_one_out,
}


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
        patch.setattr(blocks, "BLOCK_SCORES", block)
        # Scaled, so that the backward pass must carry the factor on.
        collapsed = 3 * RETRIEVAL_LOSSES[name](Choices(*world))
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
    values = [
        loss(Choices(users * scale, torch.eye(2), None, positions, positions))
        for scale in (0, 1, 90)
    ]
    assert all(torch.isfinite(value) for value in values)
    assert values[0] > values[1] > values[2] >= 0


@pytest.mark.parametrize("name", RETRIEVAL_LOSSES)
def test_large_scores_neither_overflow_nor_lose_the_gradient(name):
    # exp(2000) overflows a float; the loss of the wrong item is the gap of the scores, 2000.
    # The second user puts both items into a batch, and scores them alike.
    users = torch.tensor([[1.0], [0.0]], requires_grad=True)
    items = torch.tensor([[2000.0], [0.0]])
    loss = RETRIEVAL_LOSSES[name](
        Choices(users, items, None, torch.tensor([0, 1]), torch.tensor([1, 0]))
    )
    loss.backward()
    torch.testing.assert_close(loss, torch.tensor(2000.0 + math.log(2)))
    torch.testing.assert_close(users.grad, torch.tensor([[2000.0], [-1000.0]]))


def test_items_that_no_pair_names_are_outside_the_batch():
    users, items = torch.tensor([[1.0]]), torch.tensor([[1.0], [5.0]])
    only_first = (torch.tensor([0]), torch.tensor([0]))
    # One item in the batch: its probability is 1, whatever the other would score.
    assert in_batch_softmax(Choices(users, items, None, *only_first)).item() == 0
    assert full_softmax(Choices(users, items, None, *only_first)).item() > 3


def test_squared_error_is_a_sum():
    assert squared_error(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])).item() == 5


def distilled_by_loop(choices):
    """(1 − share) · leave-one-out loss + share · n_u · cross-entropy to the teacher."""
    share, total = choices.distillation, choices.users.new_zeros(())
    scores = choices.users @ choices.items.T + choices.item_biases
    teacher_users, teacher_items = choices.teacher
    wanted = teacher_users @ teacher_items.T
    pairs = list(zip(choices.user_positions.tolist(), choices.item_positions.tolist(), strict=True))
    for (user, item), own in zip(pairs, choices.own_scores, strict=True):
        others = [j for j in range(len(choices.items)) if (user, j) not in pairs]
        candidates = torch.cat([(scores[user, item] - own).unsqueeze(0), scores[user, others]])
        total = total - (1 - share) * candidates.log_softmax(dim=0)[0]
        if others:  # once a pair: n_u times in all
            target = wanted[user, others].softmax(dim=0)
            total = total - share * (target * scores[user, others].log_softmax(dim=0)).sum()
    return total


@settings(deadline=None, max_examples=60)
@given(
    world=worlds(), block=st.sampled_from([1, 7, 1 << 20]), share=st.sampled_from([0.0, 0.3, 1.0])
)
def test_distillation_and_own_scores_against_loops(world, block, share):
    users, items, biases, *pairs = world
    pairs = torch.stack(pairs, dim=1).unique(dim=0).T  # sorted by user; each pair once
    generator = torch.Generator().manual_seed(len(users))
    own = torch.randn(pairs.shape[1], generator=generator, dtype=torch.float64).requires_grad_()
    teacher = tuple(
        torch.randn(len(side), 2, generator=generator, dtype=torch.float64)
        for side in (users, items)
    )
    choices = Choices(users, items, biases, *pairs, own, teacher, share)
    parameters = users, items, biases, own
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_SCORES", block)
        loss = 3 * leave_one_out_softmax(choices)
        found = torch.autograd.grad(loss, parameters)
    plain = 3 * distilled_by_loop(choices)
    torch.testing.assert_close(loss, plain, rtol=1e-6, atol=1e-9)
    for ours, theirs in zip(found, torch.autograd.grad(plain, parameters), strict=True):
        assert (ours - theirs).norm() <= 1e-6 * theirs.norm() + 1e-9
