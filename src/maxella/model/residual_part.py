"""What the ratings of a user leave over the predictions: a part of a task that answers pairs."""

import torch
from torch import nn
from torch.nn import functional

from maxella.closed_form.residual_process import Covariance
from maxella.features.id import UNKNOWN_ROW
from maxella.model.feature_part import FeatureBags
from maxella.model.head import PairHead
from maxella.seeds import torch_generator

# Amplitudes of what items are picked with, of what tastes tell them apart, and of their features.
ITEMS = (0.3, 0.2, 0.05)
TIME = 0.1
_WIDTH = 256  # of the features' projection


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

    def covariance(
        self,
        head: PairHead,
        items: torch.Tensor,
        id_dim: int,
        features: FeatureBags | None,
        *,
        with_times: bool,
    ) -> Covariance:
        """(item rows, dim) embeddings, of which the id part has the first `id_dim` → κ."""
        halves = items[:, :id_dim], items[:, id_dim:]
        picks = [_directions(half - half[UNKNOWN_ROW + 1 :].mean(dim=0)) for half in halves]
        *of_items, of_time = self.amplitudes.tolist()
        return Covariance(
            _directions(torch.cat(picks, dim=1)),
            _directions(head.tastes(items)),
            items.new_zeros(len(items), 0) if features is None else _projected(features),
            (*of_items, of_time if with_times else 0.0),
        )


def _projected(bags: FeatureBags) -> torch.Tensor:
    """(item rows, 256): each feature of length 1, side by side, over the root of their number.

    Drawn directions stand for the columns, which may be many: dot products stay as they are but for
    1/16 at most times (Johnson and Lindenstrauss 1984).
    """
    rows = torch.arange(len(bags.begins))
    columns, weights, counts = bags.take(rows)
    of_features = torch.arange(len(bags.widths)).repeat_interleave(torch.tensor(bags.widths))
    owners = rows.repeat_interleave(counts) * len(bags.widths) + of_features[columns]
    squares = torch.zeros(len(rows) * len(bags.widths)).index_add_(0, owners, weights.square())
    norms = (squares[owners] * len(bags.widths)).sqrt().clamp(min=1e-12)
    directions = torch.randn(bags.n_columns, _WIDTH, generator=torch_generator(0, "features"))
    return functional.embedding_bag(
        columns,
        directions / _WIDTH**0.5,
        counts.cumsum(0) - counts,
        mode="sum",
        per_sample_weights=weights / norms,
    )


def _directions(vectors: torch.Tensor) -> torch.Tensor:
    """(item rows, d) → the same of length 1, or 0; the unknown item is like no other."""
    found = functional.normalize(vectors, dim=1)
    found[UNKNOWN_ROW] = 0.0
    return found
