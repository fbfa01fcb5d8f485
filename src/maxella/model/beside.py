"""What stands beside the dot product of a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from maxella.data.log import Log


class PartOfUsers(Protocol):
    """Such a part, told what some users have picked."""

    @property
    def part(self) -> nn.Module:
        """The part itself."""

    def told(self, log: Log) -> "PartOfUsers":
        """The same for other users."""

    def scores(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) what their scores get added."""

    def of_pairs(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) the same of these pairs."""


@dataclass(frozen=True)
class Beside:
    """All that stands beside the dot product of a task: the sum of its parts, 0 without any."""

    parts: Sequence[PartOfUsers]

    def told(self, log: Log) -> "Beside":
        """The same for other users."""
        return Beside([part.told(log) for part in self.parts])

    def add(
        self, scores: torch.Tensor, users: torch.Tensor, columns: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(batch, k) dot products of (batch,) user rows → the scores, in place.

        (k,) item rows of the columns; all, if not given.
        """
        for part in self.parts:
            of_all = part.scores(users)
            scores += of_all if columns is None else of_all[:, columns]
        return scores

    def add_to_pairs(
        self, scores: torch.Tensor, users: torch.Tensor, items: torch.Tensor
    ) -> torch.Tensor:
        """(n,) dot products of (n,) user rows and (n,) item rows → the scores, in place."""
        for part in self.parts:
            scores += part.of_pairs(users, items)
        return scores
