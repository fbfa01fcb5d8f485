"""Many linear systems side by side, solved by products with their matrices alone."""

from collections.abc import Callable

import torch

TINY = torch.finfo(torch.float32).tiny  # makes 0 / 0 nought where there is nothing to solve


def conjugate_gradients(
    left_side: Callable[[torch.Tensor], torch.Tensor],
    right: torch.Tensor,
    diagonal: torch.Tensor,
    *,
    dim: int,
    tolerance: float,
    steps: int = 50,
) -> torch.Tensor:
    """X with left_side(X) = right: a system for each vector along `dim`, all (n, m).

    The left sides are symmetric and positive definite; `diagonal`, theirs or near it, is the
    preconditioner (Hestenes and Stiefel 1952). Ends when the residual of each has fallen to
    `tolerance` of its first in the norm of the preconditioner, and after `steps` in any case.
    """
    solution = torch.zeros_like(right)
    residual = right.clone()
    direction = residual / diagonal
    size = (residual * direction).sum(dim=dim, keepdim=True)
    small_enough = tolerance**2 * size
    for _ in range(steps):
        image = left_side(direction)
        step = size / (direction * image).sum(dim=dim, keepdim=True).clamp_min(TINY)
        solution += step * direction
        residual -= step * image
        scaled = residual / diagonal
        former, size = size, (residual * scaled).sum(dim=dim, keepdim=True)
        if (size <= small_enough).all():
            break
        direction = scaled + size / former.clamp_min(TINY) * direction
    return solution
