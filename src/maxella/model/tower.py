"""Towers: rows of items, or rows of users with their histories → embeddings."""

import torch
from torch import nn
from torch.nn import functional

from maxella.data.history import Bags
from maxella.features.id import UNKNOWN_ROW
from maxella.model.feature_part import FeaturePart


class Tower(nn.Module):
    """The sum of what the id of a row says about it and what its features say.

    The unknown row embeds to zeros and stays there.
    """

    def __init__(
        self,
        n_rows: int,
        dim: int,
        *,
        scale: float,
        generator: torch.Generator,
        features: FeaturePart | None = None,
    ) -> None:
        """A table of `n_rows` embeddings, uniform in [−scale, scale] (Keras' start: .05)."""
        super().__init__()
        self.n_rows = n_rows
        self.dim = dim
        self.features = features
        self.table = nn.Embedding(n_rows, dim, padding_idx=UNKNOWN_ROW)
        with torch.no_grad():
            self.table.weight.uniform_(-scale, scale, generator=generator)
            self.table.weight[UNKNOWN_ROW] = 0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n,) int64 rows → (n, dim)."""
        of_ids: torch.Tensor = self.table(rows)
        return of_ids if self.features is None else of_ids + self.features(rows)


class HistoryReading(nn.Module):
    """A linear reading of the items that a user has: γ · (n / n̄)^−p · Σ of their readings.

    n is the length of the history and n̄ its mean over the users of training; the gain γ
    and the power p are learnt. A user who was not there in training is read like any other.
    The linear history tower of EDLAE (Steck 2020) and of SVD++ (Koren 2008).
    """

    mean_length: torch.Tensor

    def __init__(
        self,
        n_item_rows: int,
        dim: int,
        mean_length: float,
        *,
        scale: float,
        generator: torch.Generator,
    ) -> None:
        """Readings uniform in [−scale, scale] over √n̄, so that sums begin in that range."""
        super().__init__()
        mean_length = max(1.0, mean_length)
        self.readings = Tower(
            n_item_rows, dim, scale=scale / mean_length**0.5, generator=generator
        ).table
        self.log_gain = nn.Parameter(torch.zeros(()))
        self.power = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("mean_length", torch.tensor(mean_length))

    def factors(self, counts: torch.Tensor) -> torch.Tensor:
        """(batch,) lengths of histories → (batch,) what multiplies the sums of readings."""
        shares = counts.clamp(min=1) / self.mean_length
        return self.log_gain.exp() * shares ** (-self.power)

    def forward(self, bags: Bags) -> torch.Tensor:
        """The histories of a batch of users → (batch, dim)."""
        readings, positions = self.readings.weight, bags.items
        if bags.distinct is not None:  # each read once, so that the gradient has each once
            items, positions = bags.distinct
            readings = self.readings(items)
        sums = functional.embedding_bag(
            positions, readings, bags.begins, mode="sum", per_sample_weights=bags.weights
        )
        return self.factors(bags.counts).unsqueeze(1) * sums


class UserTower(nn.Module):
    """[id part, history part]: what the id says of a user, then what the history says.

    Either part may be left out. Unknown users have no id part; a user without a history
    has no history part: both are zeros.
    """

    def __init__(self, n_rows: int, ids: Tower | None, history: HistoryReading | None) -> None:
        super().__init__()
        self.n_rows = n_rows
        self.ids = ids
        self.history = history

    def forward(self, rows: torch.Tensor, bags: Bags | None) -> torch.Tensor:
        """(batch,) int64 rows and, for the history part, these users' histories → (batch, dim)."""
        parts = []
        if self.ids is not None:
            parts.append(self.ids(rows))
        if self.history is not None:
            if bags is None:
                raise ValueError("the history part of the user tower wants the users' histories")
            parts.append(self.history(bags))
        return torch.cat(parts, dim=1)
