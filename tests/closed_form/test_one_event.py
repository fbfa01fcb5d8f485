"""Where a log has one event, several change nothing: the plain steps written out, bit by bit."""

import numpy as np
import pytest
import torch

from maxella.closed_form import edlae
from maxella.closed_form.conjugate_gradients import TINY, conjugate_gradients
from maxella.closed_form.gram import gram, item_weights
from maxella.closed_form.ials import _matrix, ials
from maxella.closed_form.low_rank import leading_eigenvectors
from maxella.seeds import torch_generator


@pytest.fixture
def history(history_of):
    return history_of(np.random.default_rng(3).random((90, 30)) < np.linspace(0.02, 0.5, 30))


def solved(history, factors, l2):
    squares, basis = torch.linalg.eigh(0.1 * factors.T @ factors)
    diagonal = squares.clamp_min(TINY) + l2[:, None]
    rotated, taken = factors @ basis, _matrix(history)

    def sums(weights=None):
        return torch.nn.functional.embedding_bag(
            history.items, rotated, history.starts[:-1], per_sample_weights=weights, mode="sum"
        )

    def left(x):
        products = torch.sparse.sampled_addmm(taken, x, rotated.T, beta=0.0)
        return diagonal * x + sums(products.values())

    return conjugate_gradients(left, sums(), diagonal, dim=1, tolerance=1e-4) @ basis.T


def test_ials_without_confidences(history):
    taken_by = history.transposed()
    of_user, of_item = history.starts.diff(), taken_by.starts.diff()
    reach = of_item + 0.1 * (of_user > 0).sum()
    mean = reach[of_item > 0].mean()
    item_l2 = 0.05 * mean * (reach / mean) ** 0.7
    items = torch.randn(31, 4, generator=torch_generator(1, "start")) * (0.1 / 4**0.5)
    items[of_item == 0] = 0.0

    def fold_in(items):
        known = items.clone()
        known[0] = 0.0
        return solved(history, known, 0.05 * (of_user + 0.1 * known.any(dim=1).sum()))

    users = fold_in(items)
    for _ in range(3):
        items = solved(taken_by, users, item_l2)
        users = fold_in(items)
    found = ials(history, 4, torch_generator(1, "start"), sweeps=3, unobserved=0.1, l2=0.05)
    assert torch.equal(found[0], users)
    assert torch.equal(found[1], items)


def test_edlae(history):
    counts = history.starts.diff()
    user_weights = torch.zeros(91)
    user_weights[1:] = (counts[1:] / counts[1:].float().mean()) ** -0.5
    user_weights[counts == 0] = 0.0
    together = gram(history, user_weights)
    weights = item_weights(together.clone(), edlae.usual_l2(history) + 0.33 * together.diagonal())
    vectors = leading_eigenvectors(
        lambda basis: weights.T @ (together @ (weights @ basis)),
        together.diagonal() > 0,
        4,
        torch_generator(1, "start"),
    )
    readings, items = edlae.low_rank_edlae(history, 4, torch_generator(1, "start"))
    assert torch.equal(items, vectors)
    assert torch.equal(readings, weights @ items)
