"""The encoder of sums: an embedding of the user's id beside sums of readings of the history."""

import torch
from torch import nn
from torch.nn import functional

from maxella.data.history import Bags
from maxella.model.feature_part import FeaturePart
from maxella.model.row_encoder import RowEncoder
from maxella.model.row_table import RowTable
from maxella.model.user_encoder import EncoderShape, Pairs, UserEncoder


class HistorySum(nn.Module):
    """A linear reading of the items of a history: γ · (n / n̄)^−p · Σ of their readings.

    n is the length of the history and n̄ its mean over the users of training; the gain γ
    and the power p are learnt. A user who was not there in training is read like any other.
    As in EDLAE (Steck 2020) and SVD++ (Koren 2008).

    Where events are told apart an item counts the weight of its event, in the sum and in n: one
    reading of an item serves views and purchases alike. The weights are learnt too.
    """

    mean_length: torch.Tensor

    def __init__(
        self,
        n_item_rows: int,
        dim: int,
        mean_length: float,
        *,
        n_events: int = 0,
        scale: float,
        generator: torch.Generator,
    ) -> None:
        """Readings uniform in [−scale, scale] over √n̄, so that sums begin in that range."""
        super().__init__()
        mean_length = max(1.0, mean_length)
        self.readings = RowEncoder(
            n_item_rows, dim, scale=scale / mean_length**0.5, generator=generator
        ).table
        self.log_gain = nn.Parameter(torch.zeros(()))
        self.power = nn.Parameter(torch.tensor(0.5))
        self.event_weights = nn.Parameter(torch.ones(n_events)) if n_events else None
        self.register_buffer("mean_length", torch.tensor(mean_length))

    def factors(self, history: Bags) -> torch.Tensor:
        """(batch,) what multiplies the sums of readings."""
        lengths = history.counts
        if self.event_weights is not None and history.events is not None:
            lengths = history.sums(self.event_weights.detach()[history.events])
        ratios = lengths.clamp(min=1) / self.mean_length
        factors: torch.Tensor = self.log_gain.exp() * ratios ** (-self.power)
        return factors

    def forward(self, history: Bags) -> torch.Tensor:
        """The histories of a batch of users → (batch, dim)."""
        readings, positions, weights = self.readings.weight, history.items, history.weights
        if history.distinct is not None:  # each read once, so that the gradient has each once
            items, positions = history.distinct
            readings = self.readings(items)
        if self.event_weights is not None and history.events is not None:
            of_events = self.event_weights[history.events]
            weights = of_events if weights is None else weights * of_events
        sums: torch.Tensor = functional.embedding_bag(
            positions, readings, history.begins, mode="sum", per_sample_weights=weights
        )
        return self.factors(history).unsqueeze(1) * sums

    def self_scores(
        self, history: Bags, pairs: Pairs, items: torch.Tensor, halves: torch.Tensor
    ) -> torch.Tensor:
        """As an encoder has them; of the embeddings, (I, dim) what is for this part."""
        products = (self.readings(items) * halves).sum(dim=1)  # (I,)
        factors = self.factors(history).index_select(0, pairs.user_positions)
        found: torch.Tensor = factors * products.index_select(0, pairs.item_positions)
        if self.event_weights is None or pairs.events is None:
            return found
        return found * (pairs.events.to(found.dtype) @ self.event_weights)


class SumEncoder(UserEncoder):
    """[id part, history part]: what the id says of a user, then what they did.

    Either part may be left out. Unknown users have no id part, a user without a history has no
    history part: both are zeros.
    """

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.n_rows = shape.n_user_rows
        self.dim = shape.dim + shape.history_dim
        self.ids = self.history = None
        if shape.dim:
            self.ids = RowEncoder(
                shape.n_user_rows,
                shape.dim,
                scale=shape.scale,
                generator=shape.generator,
                features=shape.features(shape.dim),
            )
        if shape.history_dim:
            self.history = HistorySum(
                shape.n_item_rows,
                shape.history_dim,
                shape.mean_history,
                n_events=shape.n_events,
                scale=shape.scale,
                generator=shape.generator,
            )

    def forward(self, rows: torch.Tensor, history: Bags | None) -> torch.Tensor:
        """(batch,) user rows and what they did → (batch, dim)."""
        parts = []
        if self.ids is not None:
            parts.append(self.ids(rows))
        if self.history is not None:
            if history is None:
                raise ValueError("the history part of an encoder wants batches of whole users")
            parts.append(self.history(history))
        return torch.cat(parts, dim=1)

    def self_scores(
        self, history: Bags | None, pairs: Pairs, items: torch.Tensor, embeddings: torch.Tensor
    ) -> torch.Tensor | None:
        """(n,) as the protocol has it; none without a history part."""
        if self.history is None or history is None:
            return None
        return self.history.self_scores(history, pairs, items, embeddings[:, self.id_dim :])

    @property
    def id_dim(self) -> int:
        """Dimensions of the id part; 0 without one."""
        return 0 if self.ids is None else self.ids.dim

    @property
    def feature_part(self) -> FeaturePart | None:
        """What features of users add to the id part."""
        return None if self.ids is None else self.ids.features

    def row_tables(self) -> dict[str, RowTable]:
        """The ids' table and the readings of items."""
        found = {} if self.ids is None else {"ids": RowTable(self.ids.table, "user")}
        if self.history is not None:
            found["history"] = RowTable(self.history.readings, "item")
        return found
