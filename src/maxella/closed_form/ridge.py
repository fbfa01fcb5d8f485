"""Embeddings from features: a linear map that comes near to the trained ones."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from maxella.closed_form.conjugate_gradients import conjugate_gradients
from maxella.features.bags import WeightedBags

_DAMPINGS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # rows that hold a column's embedding at 0
_HELD_OUT = 10  # one row in so many chooses between them
_STEPS = 200
_TOLERANCE = 1e-4  # of the residual's norm


@dataclass(frozen=True)
class LinearMap:
    """x → intercept + Σ over its columns of weight · table."""

    table: torch.Tensor  # (columns, dim)
    intercept: torch.Tensor  # (dim,)

    def __call__(self, bags: WeightedBags) -> torch.Tensor:
        """Bags of n rows → (n, dim)."""
        return self.intercept + _Rows(bags) @ self.table


def ridge(bags: WeightedBags, n_columns: int, targets: torch.Tensor) -> LinearMap:
    """The map with the least Σ |x − target|² + damping · Σ |table|², of n rows to (n, dim).

    Ridge regression (Hoerl and Kennard 1970) by conjugate gradients (Hestenes and Stiefel
    1952), all dimensions at once, so a large number of columns costs no square of it. The
    damping is the one that serves every tenth row best when it is left out. Rows should come
    in no order that says something of them.
    """
    held_out = torch.arange(len(targets)) % _HELD_OUT == _HELD_OUT - 1
    damping = _DAMPINGS[-1]
    if held_out.any():
        rest, out = (np.flatnonzero(part) for part in (~held_out, held_out))
        inner, outer = bags.take(rest), bags.take(out)
        damping = min(
            _DAMPINGS,
            key=lambda d: float(
                (_solve(inner, n_columns, targets[rest], d)(outer) - targets[out]).square().sum()
            ),
        )
    return _solve(bags, n_columns, targets, damping)


def _solve(bags: WeightedBags, n_columns: int, targets: torch.Tensor, damping: float) -> LinearMap:
    """Centred, so that the intercept is not damped."""
    x, x_t = _Rows(bags), _Rows(_transposed(bags, n_columns))
    means = x_t @ torch.ones(len(targets), 1) / len(targets)  # (columns, 1)
    centre = targets.mean(dim=0, keepdim=True)

    def normal(table: torch.Tensor) -> torch.Tensor:
        moved = x @ table - means.T @ table
        return x_t @ moved - means * moved.sum(dim=0) + damping * table

    right = x_t @ (targets - centre)
    diagonal = torch.ones_like(means)  # no scaling: the least change that fits comes first
    table = conjugate_gradients(normal, right, diagonal, dim=0, tolerance=_TOLERANCE, steps=_STEPS)
    return LinearMap(table, (centre - means.T @ table).squeeze(0))


class _Rows:
    """A sparse matrix by rows, to be multiplied with."""

    def __init__(self, bags: WeightedBags) -> None:
        self.columns = torch.from_numpy(bags.columns)
        self.begins = torch.from_numpy(bags.begins)
        self.weights = torch.from_numpy(bags.weights)

    def __matmul__(self, matrix: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = functional.embedding_bag(
            self.columns, matrix, self.begins, mode="sum", per_sample_weights=self.weights
        )
        return product


def _transposed(bags: WeightedBags, n_columns: int) -> WeightedBags:
    order = np.argsort(bags.columns, kind="stable")
    rows = np.repeat(np.arange(len(bags)), bags.counts)
    return WeightedBags.of(bags.columns[order], rows[order], bags.weights[order], n_columns)
