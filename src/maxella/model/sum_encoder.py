"""The encoder of sums: an embedding of the user's id beside sums of readings of the history."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from maxella.data.history import Bags
from maxella.model.feature_part import FeaturePart
from maxella.model.row_encoder import RowEncoder
from maxella.model.row_table import RowTable
from maxella.model.user_encoder import EncoderShape, UserEncoder


class HistorySum(nn.Module):
    """A linear reading of the items of a history: γ · (n / n̄)^−p · Σ of their readings.

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
        self.readings = RowEncoder(
            n_item_rows, dim, scale=scale / mean_length**0.5, generator=generator
        ).table
        self.log_gain = nn.Parameter(torch.zeros(()))
        self.power = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("mean_length", torch.tensor(mean_length))

    def factors(self, counts: torch.Tensor) -> torch.Tensor:
        """(batch,) lengths of histories → (batch,) what multiplies the sums of readings."""
        ratios = counts.clamp(min=1) / self.mean_length
        return self.log_gain.exp() * ratios ** (-self.power)

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

    def self_contributions(
        self, bags: Bags, items: torch.Tensor, item_halves: torch.Tensor
    ) -> torch.Tensor:
        """(m,) what each item of the histories adds to its own score.

        (I,) item rows that the histories' positions are into, all if they have none, and what
        the items' embeddings hold for this part, (I, dim).
        """
        positions = bags.items if bags.distinct is None else bags.distinct[1]
        products = (self.readings(items) * item_halves).sum(dim=1)  # (I,)
        factors = self.factors(bags.counts).repeat_interleave(bags.counts)
        return factors * products.index_select(0, positions)


class SumEncoder(UserEncoder):
    """[id part, Σ over channels of a history part]: what the id says, then what they did.

    Either part may be left out. Unknown users have no id part, a user without a history has no
    history part: both are zeros. The readings of all channels meet the same half of the items'
    embeddings, so that views speak for the same tastes as purchases.
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
            self.history = nn.ModuleList(
                HistorySum(
                    shape.n_item_rows,
                    shape.history_dim,
                    mean,
                    scale=shape.scale,
                    generator=shape.generator,
                )
                for mean in shape.mean_histories
            )

    def forward(self, rows: torch.Tensor, histories: Sequence[Bags]) -> torch.Tensor:
        """(batch,) user rows and their histories, by channel → (batch, dim)."""
        parts = []
        if self.ids is not None:
            parts.append(self.ids(rows))
        if self.history is not None:
            read = [part(bags) for part, bags in zip(self.history, histories, strict=True)]
            parts.append(read[0] if len(read) == 1 else torch.stack(read).sum(dim=0))
        return torch.cat(parts, dim=1)

    def self_contributions(
        self, histories: Sequence[Bags], items: torch.Tensor, item_embeddings: torch.Tensor
    ) -> list[torch.Tensor] | None:
        """By channel, as the protocol has it; none without a history part."""
        if self.history is None:
            return None
        halves = item_embeddings[:, self.dim - self.history_dim :]
        return [
            part.self_contributions(bags, items, halves)
            for part, bags in zip(self.history, histories, strict=True)
        ]

    @property
    def history_dim(self) -> int:
        """Dimensions of the history part; 0 without one."""
        return 0 if self.history is None else self.dim - self.id_dim

    @property
    def id_dim(self) -> int:
        """Dimensions of the id part; 0 without one."""
        return 0 if self.ids is None else self.ids.dim

    @property
    def feature_part(self) -> FeaturePart | None:
        """What features of users add to the id part."""
        return None if self.ids is None else self.ids.features

    def row_tables(self) -> dict[str, RowTable]:
        """The ids' table and the readings of each channel."""
        found = {} if self.ids is None else {"ids": RowTable(self.ids.table, "user")}
        for channel, part in enumerate(self.history or ()):
            found[f"history {channel}"] = RowTable(part.readings, "item")
        return found
