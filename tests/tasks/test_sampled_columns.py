"""Losses over sampled columns, averaged over draws, against those over the whole catalogue."""

import numpy as np
import pytest
import torch

from maxella.data.batches import UserBatches
from maxella.data.columns import OwnAndUniform, WholeCatalogue
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.tasks.choices import Choices
from maxella.tasks.losses import full_softmax, gramian, in_batch_softmax, leave_one_out_softmax

N_USERS, N_ITEMS = 256, 12


def world(most):
    """256 users, each with 1 to `most` of 12 items, of which the first are taken far more often.

    Every item is taken by somebody.
    """
    rng = np.random.default_rng(5)
    chances = 0.7 ** np.arange(N_ITEMS)
    pairs = [
        (user, item + 1)
        for user in range(1, N_USERS + 1)
        for item in rng.choice(
            N_ITEMS, rng.integers(1, most + 1), replace=False, p=chances / chances.sum()
        )
    ]
    pairs[:N_ITEMS] = [(pairs[i][0], i + 1) for i in range(N_ITEMS)]
    users, items = np.unique(pairs, axis=0).T
    assert set(items) == set(range(1, N_ITEMS + 1))
    return Log(Interactions(users, items), N_USERS + 1, N_ITEMS + 1)


ONE_EACH, SEVERAL = world(1), world(4)
GENERATOR = torch.Generator().manual_seed(2)
USERS, ITEMS = (torch.randn(n, 3, generator=GENERATOR) for n in (N_USERS + 1, N_ITEMS + 1))
BIASES = torch.randn(N_ITEMS + 1, generator=GENERATOR)


def epochs(loss, batches, n):
    """Mean over `n` epochs of the loss over all interactions, and of its gradient."""
    weights = [weight.double().requires_grad_() for weight in (USERS, ITEMS, BIASES)]
    users, items, biases = weights
    total = users.new_zeros(())
    for epoch in range(n):
        for batch in batches.epoch(np.random.default_rng(epoch)):
            choices = Choices(
                users[batch.users],
                items[batch.items],
                biases[batch.items],
                batch.user_positions,
                batch.item_positions,
                item_weights=batch.item_weights,
            )
            total = total + loss(choices) / n
    gradients = torch.autograd.grad(total, weights)
    return total.detach(), torch.cat([gradient.flatten() for gradient in gradients])


def exact(loss, log):
    return epochs(loss, UserBatches(log, N_USERS, WholeCatalogue(N_ITEMS + 1)), 1)


def errors(loss, log, size, n_uniform, wanted):
    """Relative errors of the mean loss and of its gradient."""
    counts = np.bincount(log.rows.items, minlength=N_ITEMS + 1)
    found = epochs(loss, UserBatches(log, size, OwnAndUniform(counts, n_uniform)), 25)
    return [
        ((ours - theirs).norm() / theirs.norm()).item()
        for ours, theirs in zip(found, wanted, strict=True)
    ]


def assert_fall(found, *, below):
    """Errors of loss and gradient fall from row to row, to less than `below` in the end."""
    for measure in zip(*found, strict=True):
        assert list(measure) == sorted(measure, reverse=True)
        assert measure[-1] < below


def test_larger_batches_come_to_the_softmax_over_the_catalogue():
    wanted = exact(leave_one_out_softmax, SEVERAL)
    sizes = 8, 32, 128, N_USERS  # all users at once: nothing is left to chance
    found = [errors(leave_one_out_softmax, SEVERAL, size, 0, wanted) for size in sizes]
    assert_fall(found, below=1e-6)
    assert min(found[0]) > 0.15
    assert max(found[2]) < 0.03


def test_more_uniform_negatives_come_to_the_softmax_over_the_catalogue():
    wanted = exact(leave_one_out_softmax, SEVERAL)
    found = [errors(leave_one_out_softmax, SEVERAL, 8, n, wanted) for n in (0, 8, 32, 128)]
    assert_fall(found, below=0.02)


def test_with_one_interaction_a_user_it_comes_to_the_full_softmax():
    wanted = exact(full_softmax, ONE_EACH)
    sizes = 8, 32, 128, N_USERS
    found = [errors(leave_one_out_softmax, ONE_EACH, size, 0, wanted) for size in sizes]
    assert_fall(found, below=1e-6)


def test_without_the_correction_it_does_not():
    wanted = exact(full_softmax, ONE_EACH)
    for size in (8, 32, 128, N_USERS):
        _, of_gradient = errors(in_batch_softmax, ONE_EACH, size, 0, wanted)
        assert of_gradient > 0.5


@pytest.mark.parametrize("n_uniform", [0, 6])
def test_the_squared_loss_over_sampled_columns_comes_to_that_over_the_catalogue(n_uniform):
    wanted = exact(gramian, SEVERAL)
    found = [errors(gramian, SEVERAL, size, n_uniform, wanted) for size in (16, 64)]
    assert_fall(found, below=0.01)
