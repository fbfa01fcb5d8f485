"""What the ratings of a user leave over the predictions: a part of a task that answers pairs."""

import torch
from torch import nn
from torch.nn import functional

from maxella.closed_form.residual_process import Covariance
from maxella.features.id import UNKNOWN_ROW
from maxella.model.head import PairHead

ITEMS = (0.3, 0.2)  # amplitudes of what items are picked with, and of what tastes tell them apart
TIME = 0.1


class ResidualPart(nn.Module):
    """The amplitudes of a Gaussian process over a user's residuals (`ResidualProcess`).

    Variances in units of the head. `training.residuals` weighs them on the validation part.
    """

    amplitudes: torch.Tensor  # (3,) of picks, tastes and time

    def __init__(self, *, of_items: bool, of_time: bool) -> None:
        super().__init__()
        given = torch.tensor([*ITEMS, TIME])
        self.register_buffer("amplitudes", given * torch.tensor([of_items, of_items, of_time]))

    def covariance(
        self, head: PairHead, items: torch.Tensor, id_dim: int, *, with_times: bool
    ) -> Covariance:
        """(item rows, dim) embeddings, of which the id part has the first `id_dim` → κ."""
        halves = items[:, :id_dim], items[:, id_dim:]
        picks = [_directions(half - half[UNKNOWN_ROW + 1 :].mean(dim=0)) for half in halves]
        of_picks, of_tastes, of_time = self.amplitudes.tolist()
        amplitudes = of_picks, of_tastes, of_time if with_times else 0.0
        return Covariance(
            _directions(torch.cat(picks, dim=1)), _directions(head.tastes(items)), amplitudes
        )


def _directions(vectors: torch.Tensor) -> torch.Tensor:
    """(item rows, d) → the same of length 1, or 0; the unknown item is like no other."""
    found = functional.normalize(vectors, dim=1)
    found[UNKNOWN_ROW] = 0.0
    return found
