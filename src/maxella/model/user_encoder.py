"""Users and what they did → queries: what an encoder of users is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from maxella.data.history import Bags
from maxella.model.feature_part import FeaturePart
from maxella.model.row_table import RowTable


@dataclass(frozen=True)
class Pairs:
    """n pairs of users of a batch and items, and by which events of the history they are there."""

    user_positions: torch.Tensor  # (n,) int64
    item_positions: torch.Tensor  # (n,) int64
    events: torch.Tensor | None = None  # (n, events) bool; None: by one, always


@dataclass(frozen=True)
class EncoderShape:
    """What a user encoder is built from."""

    n_user_rows: int
    n_item_rows: int
    dim: int  # of what the id says
    history_dim: int  # of what the history says
    mean_history: float  # rows of a training user's history on average
    n_events: int  # events that a history tells apart; 0: none
    scale: float  # of the first weights
    generator: torch.Generator
    features: Callable[[int], FeaturePart | None]  # width → what features of users add


class UserEncoder(nn.Module, ABC):
    """Rows and histories of users in, queries out.

    A query's products with the items' embeddings are the scores, so both are `dim` wide. A
    history is what a user did: items and, of a log that names them, by which event each.
    """

    n_rows: int
    dim: int
    reads_order = False  # whether histories come in the order of time

    @abstractmethod
    def forward(self, rows: torch.Tensor, history: Bags | None) -> torch.Tensor:
        """(batch,) int64 user rows, 0 for nobody known, and what they did → (batch, dim).

        The history is None in batches of rows, which only an encoder of ids can read.
        """

    def self_scores(
        self, history: Bags | None, pairs: Pairs, items: torch.Tensor, embeddings: torch.Tensor
    ) -> torch.Tensor | None:
        """(n,) what each of some pairs adds to its own score, as a part of its user's history.

        (I,) item rows and the (I, dim) embeddings that queries meet there. Taken off the score of
        a training pair, it leaves the pair out of its own history, whatever the events. None of
        an encoder without histories, or one that can't tell.
        """
        del history, pairs, items, embeddings
        return None

    @property
    def id_dim(self) -> int:
        """Leading dimensions that only the id knows: of newcomers they are folded in."""
        return 0

    @property
    def feature_part(self) -> FeaturePart | None:
        """What features of users add, where they add anything."""
        return None

    def row_tables(self) -> dict[str, RowTable]:
        """Its tables with a row for each user or item, by name."""
        return {}
