import sys

import numpy as np
import pytest
import torch

from maxella.baselines.ials import ImplicitALS
from maxella.errors import MissingExtraError


def fitted(world, **options):
    return ImplicitALS.fit(world.train, world.n_user_rows, world.n_item_rows, **options)


def test_the_factors_are_at_the_minimum_of_the_weighted_loss(checkerboard):
    # After many sweeps; there the gradient over a user's factor vanishes:
    # Σ_i c_ui (x_ui - u·v_i) v_i = λ u, with c = α where x = 1 and 1 elsewhere.
    ials = fitted(checkerboard, factors=2, l2=10.0, alpha=4.0, sweeps=60)
    taken = np.zeros((checkerboard.n_user_rows, checkerboard.n_item_rows))
    taken[checkerboard.train.users, checkerboard.train.items] = 1.0
    users, items = ials.user_factors.numpy(), ials.item_factors.numpy()
    left = np.where(taken == 1, 4.0, 1.0) * (taken - users @ items.T)
    np.testing.assert_allclose(left @ items, 10.0 * users, atol=0.01)
    np.testing.assert_allclose(left.T @ users, 10.0 * items, atol=0.01)
    assert np.abs(users).max() > 0.1


def test_another_seed_starts_elsewhere(checkerboard):
    first, second = (fitted(checkerboard, sweeps=1, seed=seed) for seed in (1, 2))
    assert not torch.equal(first.user_factors, second.user_factors)


def test_without_the_extra_it_names_the_command(checkerboard, monkeypatch):
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(MissingExtraError, match=r"'implicit'.*pip install 'maxella\[baselines\]'"):
        fitted(checkerboard)
