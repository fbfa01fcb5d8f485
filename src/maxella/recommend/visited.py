"""The scores of items that users have met by other events, cell by cell."""

from dataclasses import dataclass
from functools import cached_property

import torch

from maxella.data.log import Log
from maxella.data.visits import Visits
from maxella.model.revisit import RevisitPart


@dataclass(frozen=True)
class Visited:
    """(user, item) cells, by user, then by item, and the score of each."""

    starts: torch.Tensor  # (user rows + 1,) int64: user u has the cells from starts[u] on
    items: torch.Tensor  # (cells,) int64
    scores: torch.Tensor  # (cells,)
    n_item_rows: int

    @classmethod
    def of(cls, part: RevisitPart, known: Log, task: str) -> "Visited":
        """Those of what is known; a cell that is a label of the task is none."""
        visits = Visits.of(known, task)
        visits = visits.take(~visits.are_in(known.pairs(task)))
        users, items = torch.from_numpy(visits.users), torch.from_numpy(visits.items)
        starts = torch.searchsorted(users, torch.arange(known.n_user_rows + 1))
        scores = part.scores(items, torch.from_numpy(visits.patterns))
        return cls(starts, items, scores, known.n_item_rows)

    @cached_property
    def keys(self) -> torch.Tensor:
        """(cells,) user · item rows + item, ascending."""
        return torch.repeat_interleave(self.starts.diff()) * self.n_item_rows + self.items

    def put_into(self, scores: torch.Tensor, users: torch.Tensor) -> None:
        """(batch, item rows) scores of (batch,) user rows: the cells' own take their place."""
        counts = self.starts[users + 1] - self.starts[users]
        positions = torch.repeat_interleave(counts)
        shift = self.starts[users] - (counts.cumsum(0) - counts)
        places = torch.arange(len(positions)) + shift[positions]
        scores[positions, self.items[places]] = self.scores[places]

    def instead_of(
        self, scores: torch.Tensor, users: torch.Tensor, items: torch.Tensor
    ) -> torch.Tensor:
        """(n,) scores of (n,) user and item rows → the same with those of the cells."""
        if not len(self.items):
            return scores
        wanted = users * self.n_item_rows + items
        places = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return self.scores[places].where(self.keys[places] == wanted, scores)
