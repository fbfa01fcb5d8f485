"""Users and what they did → queries: what an encoder of users is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from maxella.data.history import Bags
from maxella.model.feature_part import FeaturePart
from maxella.model.row_table import RowTable


@dataclass(frozen=True)
class EncoderShape:
    """What a user encoder is built from."""

    n_user_rows: int
    n_item_rows: int
    dim: int  # of what the id says
    history_dim: int  # of what the history says
    mean_histories: tuple[float, ...]  # by channel: items of a training user on average
    scale: float  # of the first weights
    generator: torch.Generator
    features: Callable[[int], FeaturePart | None]  # width → what features of users add


class UserEncoder(nn.Module):
    """Rows and histories of users in, queries out.

    A query's products with the items' embeddings are the scores, so both are `dim` wide. A
    history has the items that a user met by one event, the channel, or by all of them.
    """

    n_rows: int
    dim: int
    id_dim = 0  # leading dimensions that only the id knows: of newcomers they are folded in
    reads_order = False  # whether histories come in the order of time
    feature_part: FeaturePart | None = None  # what features of users add

    def forward(self, rows: torch.Tensor, histories: Sequence[Bags]) -> torch.Tensor:
        """(batch,) int64 user rows, 0 for nobody known, and their histories → (batch, dim)."""
        raise NotImplementedError

    def self_contributions(
        self, histories: Sequence[Bags], items: torch.Tensor, item_embeddings: torch.Tensor
    ) -> list[torch.Tensor] | None:
        """By channel, (m,) what each item of the histories adds to its own score.

        (I,) item rows, which the positions of the histories are into, and their (I, dim)
        embeddings. Taken off the score of a training pair, it leaves the pair out of its own
        history. None of an encoder that has no history or can't tell.
        """
        del histories, items, item_embeddings
        return None

    def row_tables(self) -> dict[str, RowTable]:
        """Its tables with a row for each user or item, by name."""
        return {}
