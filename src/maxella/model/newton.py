"""Minima of many small functions at once, by Newton's method."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch

_MOST_STEPS = 60
_SMALL = (
    1e-3  # gain that the last step may promise: what is left after it is of the order of its square
)
_DAMPING = 0.1  # the first that is tried after a step that did not help
_ROUNDING = 1e-12  # of a value
_FACTOR = 4.0  # from one damping to the next


@dataclass(frozen=True)
class Point:
    """G functions of D variables, at one point each."""

    values: torch.Tensor  # (G,)
    gradients: torch.Tensor  # (G, D)
    curvatures: torch.Tensor  # (G, D, D) second derivatives
    convex: torch.Tensor  # (G, D, D) positive definite, in their place where they are not


def minimise(function: Callable[[torch.Tensor], Point], start: torch.Tensor) -> torch.Tensor:
    """(G, D) where to start → (G, D) local minima, no function's moved by another's.

    Newton steps, damped where the value would rise (Levenberg 1944, Marquardt 1963). In double
    precision.
    """
    x, at = start, function(start)
    damping = x.new_zeros(len(x))
    is_done = torch.zeros(len(x), dtype=torch.bool)
    for _ in range(_MOST_STEPS):
        held = damping[:, None] * at.convex.diagonal(dim1=1, dim2=2)
        factors, failed = torch.linalg.cholesky_ex(at.curvatures + held.diag_embed())
        is_exact = failed == 0
        if not bool(is_exact.all()):
            instead = torch.linalg.cholesky(at.convex + held.diag_embed())
            factors = factors.where(is_exact[:, None, None], instead)
        steps = -torch.cholesky_solve(at.gradients.unsqueeze(2), factors).squeeze(2)
        steps = steps.where(~is_done[:, None], 0.0)
        gains = -(steps * at.gradients).sum(dim=1) / 2
        is_done = is_done | ((gains < _SMALL) & is_exact & (damping < 1))
        if bool(is_done.all()):
            return x + steps
        tried = function(x + steps)
        helps = tried.values <= at.values + _ROUNDING * at.values.abs()
        x = (x + steps).where(helps[:, None], x)
        at = tried if bool(helps.all()) else _chosen(helps, tried, at)
        eased = torch.where(damping > _DAMPING, damping / _FACTOR, 0.0)
        damping = eased.where(helps, (damping * _FACTOR).clamp(min=_DAMPING))
    return x


def _chosen(is_first: torch.Tensor, first: Point, second: Point) -> Point:
    pairs = ((getattr(first, one.name), getattr(second, one.name)) for one in fields(Point))
    return Point(*(a.where(is_first.view(-1, *[1] * (a.dim() - 1)), b) for a, b in pairs))
