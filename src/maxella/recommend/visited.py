"""The scores of items that users have met by other events, cell by cell."""

from dataclasses import dataclass

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

    def of_users(self, users: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch,) user rows → (m,) positions of them and (m,) places of their cells."""
        counts = self.starts[users + 1] - self.starts[users]
        positions = torch.repeat_interleave(counts)
        shift = self.starts[users] - (counts.cumsum(0) - counts)
        return positions, torch.arange(len(positions)) + shift[positions]

    def of_pairs(self, users: torch.Tensor, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n,) user and item rows → (n,) whether each pair is a cell, and (n,) its place."""
        if not len(self.items):
            return torch.zeros(len(users), dtype=torch.bool), torch.zeros_like(users)
        owners = torch.repeat_interleave(self.starts.diff())
        keys = owners * self.n_item_rows + self.items
        wanted = users * self.n_item_rows + items
        places = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return keys[places] == wanted, places
