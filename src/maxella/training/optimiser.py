"""Optimisers by name, for groups of weights with a learning rate each.

All are fused: one pass over a table instead of one for each operation, several times faster.
"""

from collections.abc import Callable
from typing import Any

import torch

Groups = list[dict[str, Any]]  # "params" and "lr" of each


def adagrad(groups: Groups) -> torch.optim.Optimizer:
    """Adagrad (Duchi et al. 2011) with Keras' constants: sums of squares start at .1, ε = 1e-7.

    Keras has ε under the root, torch beside it. As the sums never fall below .1, the
    steps differ by less than one part in a million.
    """
    return torch.optim.Adagrad(groups, initial_accumulator_value=0.1, eps=1e-7, fused=True)


def adam(groups: Groups) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015); β₂ = .99, as a run has hundreds of steps, not many thousands."""
    return torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)


def adamw(groups: Groups) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay of .01 (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01, fused=True)


OPTIMISERS: dict[str, Callable[[Groups], torch.optim.Optimizer]] = {
    "adagrad": adagrad,
    "adam": adam,
    "adamw": adamw,
}
