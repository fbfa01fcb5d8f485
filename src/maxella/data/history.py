"""What each user did: as bags of items, and as rows of a matrix."""

from dataclasses import dataclass

import numpy as np
import torch

from maxella.data.interactions import Interactions
from maxella.data.labelled import LabelledPairs
from maxella.data.ranges import is_first
from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class Bags:
    """The items of several users, one user after another."""

    items: torch.Tensor  # (m,) int64 item rows
    counts: torch.Tensor  # (batch,) int64 items of each user, 0 too
    # (I,) distinct item rows and (m,) int64 positions of the items in them, where known
    distinct: tuple[torch.Tensor, torch.Tensor] | None = None
    weights: torch.Tensor | None = None  # (m,) how much each item counts; none: all the same

    @property
    def begins(self) -> torch.Tensor:
        """(batch,) where each user's items begin."""
        return self.counts.cumsum(0) - self.counts


@dataclass(frozen=True)
class History:
    """Distinct (user, item) pairs, by user; pairs with an unknown row left out."""

    items: torch.Tensor  # (pairs,) int64 item rows, by user, then by item or by time
    starts: torch.Tensor  # (user rows + 1,) int64: user u has items[starts[u] : starts[u + 1]]
    n_item_rows: int

    @classmethod
    def of(
        cls,
        log: Interactions | LabelledPairs,
        n_user_rows: int,
        n_item_rows: int,
        *,
        in_time_order: bool = False,
    ) -> "History":
        """The history that these rows make; a repeated pair counts once, at its latest time."""
        known = (log.users != UNKNOWN_ROW) & (log.items != UNKNOWN_ROW)
        pairs = log.users[known] * n_item_rows + log.items[known]
        if in_time_order and log.timestamps is not None:
            pairs = _by_time(pairs, log.timestamps[known], n_item_rows)
        else:
            pairs = np.sort(pairs)
            pairs = pairs[is_first(pairs)]
        users, items = np.divmod(pairs, n_item_rows)
        starts = np.searchsorted(users, np.arange(n_user_rows + 1))
        return cls(torch.from_numpy(items), torch.from_numpy(starts), n_item_rows)

    @property
    def device(self) -> torch.device:
        """Where the pairs are."""
        return self.items.device

    def to(self, device: torch.device) -> "History":
        """The same on a device."""
        return History(self.items.to(device), self.starts.to(device), self.n_item_rows)

    @property
    def n_user_rows(self) -> int:
        """Users that `starts` covers, the unknown one among them."""
        return len(self.starts) - 1

    def counts(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch,) numbers of distinct items taken."""
        return self.starts[users + 1] - self.starts[users]

    def take(self, users: torch.Tensor) -> "History":
        """(m,) user rows → the history of these alone, as rows 0 to m - 1."""
        bags = self.bags(users)
        starts = torch.cat([bags.counts.new_zeros(1), bags.counts.cumsum(0)])
        return History(bags.items, starts, self.n_item_rows)

    def transposed(self) -> "History":
        """The same pairs with users and items in each other's place."""
        users = torch.repeat_interleave(self.starts.diff())
        items, order = self.items.sort(stable=True)
        starts = torch.searchsorted(items, torch.arange(self.n_item_rows + 1, device=self.device))
        return History(users[order], starts, self.n_user_rows)

    def bags(self, users: torch.Tensor) -> Bags:
        """(batch,) user rows → their items."""
        _, items = self._pairs(users)
        return Bags(items, self.counts(users))

    def matrix(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) float32: 1 where the user took the item."""
        matrix = torch.zeros(len(users), self.n_item_rows, device=self.device)
        matrix[self._pairs(users)] = 1.0
        return matrix

    def _pairs(self, users: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch,) user rows → (m,) positions of them and (m,) item rows, user by user."""
        counts = self.counts(users)
        positions = torch.repeat_interleave(counts)
        shift = self.starts[users] - (counts.cumsum(0) - counts)
        pairs = torch.arange(len(positions), device=self.device) + shift[positions]
        return positions, self.items[pairs]


def _by_time(pairs: np.ndarray, times: np.ndarray, n_item_rows: int) -> np.ndarray:
    """(n,) pairs and their times → the distinct ones by user, then by their latest time."""
    order = np.lexsort((times, pairs))
    pairs, times = pairs[order], times[order]
    is_last = np.ones(len(pairs), dtype=bool)
    is_last[:-1] = pairs[1:] != pairs[:-1]
    pairs, times = pairs[is_last], times[is_last]
    found: np.ndarray = pairs[np.lexsort((times, pairs // n_item_rows))]
    return found
