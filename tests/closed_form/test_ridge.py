import numpy as np
import torch

from maxella.closed_form.ridge import ridge
from maxella.features.bags import WeightedBags


def planted(n, noise, seed=1):
    """n rows of 8 columns, 30 % filled, their matrix, and targets that are linear in it."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((n, 8)) < 0.3, rng.normal(size=(n, 8)), 0).astype(np.float32)
    rows, columns = x.nonzero()
    bags = WeightedBags.of(rows, columns, x[rows, columns], n)
    table, intercept = rng.normal(size=(8, 3)), rng.normal(size=3)
    targets = intercept + x @ table + noise * rng.normal(size=(n, 3))
    return bags, x, torch.from_numpy(targets.astype(np.float32))


def test_it_is_ridge_regression_with_a_free_intercept():
    bags, x, targets = planted(200, noise=1.0)
    found = ridge(bags, 8, targets)
    centred, y = x - x.mean(axis=0), targets.numpy()
    solutions = [
        np.linalg.solve(centred.T @ centred + damping * np.eye(8), centred.T @ (y - y.mean(axis=0)))
        for damping in (1, 3, 10, 30, 100, 300)
    ]
    distances = [np.abs(found.table.numpy() - table).max() for table in solutions]
    assert min(distances) < 1e-3
    wanted = y.mean(axis=0) - x.mean(axis=0) @ found.table.numpy()
    np.testing.assert_allclose(found.intercept.numpy(), wanted, atol=1e-4)
    np.testing.assert_allclose(
        found(bags).numpy(), found.intercept.numpy() + x @ found.table.numpy(), atol=1e-5
    )


def test_the_damping_follows_the_noise():
    norms = [ridge(*_without_matrix(noise)).table.norm().item() for noise in (0.0, 30.0)]
    clear = ridge(*_without_matrix(0.0))
    bags, _, targets = planted(40, noise=0.0)
    assert (clear(bags) - targets).square().mean() < 0.1
    noisy_plain = planted(40, noise=30.0)[2]
    assert norms[1] < 0.2 * noisy_plain.norm()


def _without_matrix(noise):
    bags, _, targets = planted(40, noise)
    return bags, 8, targets


def test_rows_without_any_column_get_the_mean():
    bags = WeightedBags.empty(5)
    targets = torch.arange(10.0).view(5, 2)
    found = ridge(bags, 3, targets)
    assert torch.equal(found(bags), targets.mean(dim=0).expand(5, 2))
