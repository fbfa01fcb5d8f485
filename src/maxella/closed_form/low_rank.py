"""The directions in which a large symmetric matrix has most."""

from collections.abc import Callable

import torch

from maxella.closed_form.gram import gram, refuse_large
from maxella.data.history import History

_EXTRA_DIRECTIONS = 10
_ITERATIONS = 3


def leading_eigenvectors(
    multiply: Callable[[torch.Tensor], torch.Tensor],
    taken: torch.Tensor,
    dim: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """(n, dim) orthonormal eigenvectors of the greatest eigenvalues; zeros beyond the rank.

    `multiply`: (n, width) → the product with a positive semidefinite matrix, of which only the
    rows that are `taken`, (n,) bool, are not zero. The eigenvectors are those of its restriction
    to a subspace found by power iteration from a random start (Halko, Martinsson and Tropp 2011,
    arXiv:0909.4061).
    """
    n = len(taken)
    drawn = torch.randn(n, min(dim + _EXTRA_DIRECTIONS, n), generator=generator)
    basis = drawn.to(taken.device)
    for _ in range(_ITERATIONS):
        basis, _ = torch.linalg.qr(multiply(basis))
    values, directions = torch.linalg.eigh((basis.T @ multiply(basis)).double())
    # A value within the rounding error of the greatest is nought.
    rank = int((values > torch.finfo(torch.float32).eps * values.max()).sum())
    first = directions.flip(1)[:, : min(dim, rank)].float()
    found = torch.zeros(n, dim, device=taken.device)
    found[taken, : first.shape[1]] = (basis @ first)[taken]
    return found


def taste_directions(history: History, dim: int, generator: torch.Generator) -> torch.Tensor:
    """B, (item rows, dim) float32: of that rank, X B Bᵀ comes nearest to X, who took what.

    The first right singular vectors of the 0/1 matrix X (Eckart and Young 1936). Columns beyond
    its rank are zero, and so are the rows of items that no one took. ConfigError above 20,000
    item rows.
    """
    refuse_large("The seen-item penalty", history.n_item_rows, 1, "Set model.seen_penalty_dim = 0.")
    together = gram(history)
    return leading_eigenvectors(
        lambda basis: together @ basis, together.diagonal() > 0, dim, generator
    )
