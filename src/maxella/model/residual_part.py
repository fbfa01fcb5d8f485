"""The amplitudes of what a user's ratings leave over: a part of a task that answers pairs."""

import torch
from torch import nn

# Amplitudes of what items are picked with, of what tastes tell them apart, and of their features.
ITEMS = (0.3, 0.2, 0.05)
TIME = 0.1


class ResidualPart(nn.Module):
    """The amplitudes of a Gaussian process over a user's residuals (`ResidualProcess`).

    Variances in units of the head. `training.residuals` weighs them on the validation part.
    """

    amplitudes: torch.Tensor  # (4,) of picks, tastes, features and time

    def __init__(self, *, of_items: bool, of_time: bool) -> None:
        super().__init__()
        given = torch.tensor([*ITEMS, TIME])
        is_used = torch.tensor([*[of_items] * len(ITEMS), of_time])
        self.register_buffer("amplitudes", given * is_used)
