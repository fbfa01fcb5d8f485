"""The scores of items that users have met by other events, cell by cell."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from maxella.data.log import Log
from maxella.data.ranges import ranges
from maxella.data.visits import Visits
from maxella.model.revisit import RevisitPart


@dataclass(frozen=True)
class Visited:
    """(user, item) cells, by user, then by item, and the score of each but for the taste."""

    cells: Visits
    scores: torch.Tensor  # (cells,)
    taste: float
    starts: np.ndarray  # (user rows + 1,) int64: user u has the cells from starts[u] on

    @classmethod
    def of(cls, part: RevisitPart, known: Log, task: str) -> "Visited":
        """Those of what is known; a cell that is a label of the task is none."""
        cells = Visits.of(known, task)
        cells = cells.take(~cells.are_in(known.pairs(task)))
        scores = part.scores(torch.from_numpy(cells.items), torch.from_numpy(cells.patterns))
        starts = np.searchsorted(cells.users, np.arange(known.n_user_rows + 1))
        return cls(cells, scores, float(part.taste), starts)

    @cached_property
    def keys(self) -> torch.Tensor:
        """(cells,) user · item rows + item, ascending."""
        return torch.from_numpy(self.cells.keys)

    def put_into(self, scores: torch.Tensor, users: torch.Tensor) -> None:
        """(batch, item rows) scores of (batch,) user rows: the cells' own take their place."""
        starts, stops = self.starts[users.numpy()], self.starts[users.numpy() + 1]
        positions, places = ranges(starts, stops - starts)
        at = positions, self.cells.items[places]
        scores[at] = self.scores[places] + self.taste * scores[at]

    def instead_of(
        self, scores: torch.Tensor, users: torch.Tensor, items: torch.Tensor
    ) -> torch.Tensor:
        """(n,) scores of (n,) user and item rows → the same with those of the cells."""
        if not len(self.keys):
            return scores
        wanted = users * self.cells.n_item_rows + items
        places = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        of_cells = self.scores[places] + self.taste * scores
        return of_cells.where(self.keys[places] == wanted, scores)
