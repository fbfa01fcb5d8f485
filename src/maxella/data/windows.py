"""Stretches of histories in the order of time: each place, and what its user did before it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from maxella.data.history import Bags, History
from maxella.data.ranges import ranges
from maxella.features.id import UNKNOWN_ROW

NEVER = torch.iinfo(torch.int32).max


@dataclass(frozen=True)
class Windows:
    """W windows of a history in the order of time: `counts` places of a user from one on.

    A place may lie one past the end of what a user did: what they did before it is all.
    """

    history: History
    users: torch.Tensor  # (W,) int64 user rows
    firsts: torch.Tensor  # (W,) int64 the first place of each, counted from the user's first pick
    counts: torch.Tensor  # (W,) int64 places of each, 1 or more

    @classmethod
    def cut(cls, history: History, length: int) -> "Windows":
        """All places of a history, so many in a window; the last of a user may have fewer."""
        counts = history.starts.diff()
        of_users = (counts + length - 1) // length
        users, numbers = map(
            torch.from_numpy, ranges(np.zeros(len(counts), dtype=np.int64), of_users.numpy())
        )
        firsts = numbers * length
        return cls(history, users, firsts, (counts[users] - firsts).clamp(max=length))

    @classmethod
    def next_places(cls, history: History, users: torch.Tensor) -> "Windows":
        """(n,) user rows → the place after all that each of them did."""
        return cls(history, users, history.counts(users), torch.ones_like(users))

    def __len__(self) -> int:
        return len(self.users)

    def take(self, some: torch.Tensor) -> "Windows":
        """(m,) positions → these windows."""
        parts = {name: getattr(self, name)[some] for name in ("users", "firsts", "counts")}
        return replace(self, **parts)

    def batches(self, size: int, rng: np.random.Generator) -> Iterator["Windows"]:
        """So many windows at once, in an order that is drawn."""
        order = torch.from_numpy(rng.permutation(len(self)))
        yield from map(self.take, torch.split(order, size))

    @property
    def length(self) -> int:
        """Places of the longest."""
        return int(self.counts.max())

    @property
    def is_place(self) -> torch.Tensor:
        """(W, length) bool: which are places of a window, in each the first ones."""
        return torch.arange(self.length) < self.counts[:, None]

    def items(self, n_before: int) -> torch.Tensor:
        """(W, n_before + length) item rows, before each window and at its places.

        The unknown row where there is none.
        """
        places = self.firsts[:, None] + torch.arange(-n_before, self.length)
        ends = torch.minimum(self.firsts + self.counts, self.history.counts(self.users))
        is_there = (places >= 0) & (places < ends[:, None])
        found = torch.full_like(places, UNKNOWN_ROW)
        at = self.history.starts[self.users][:, None] + places
        found[is_there] = self.history.items[at[is_there]]
        return found

    def earlier(self) -> Bags:
        """All that was done before each window."""
        starts = self.history.starts[self.users]
        _, places = ranges(starts.numpy(), self.firsts.numpy())
        return Bags(self.history.items[torch.from_numpy(places)], self.firsts)

    def taken_at(self, items: torch.Tensor) -> torch.Tensor:
        """(I,) ascending item rows → (W, I) int32 the place at which a user takes each.

        One beyond all places where they never do.
        """
        starts, counts = self.history.starts[self.users], self.history.counts(self.users)
        owners, at = map(torch.from_numpy, ranges(starts.numpy(), counts.numpy()))
        taken = self.history.items[at]
        columns = torch.searchsorted(items, taken).clamp(max=len(items) - 1)
        is_asked = items[columns] == taken
        found = torch.full((len(self), len(items)), NEVER, dtype=torch.int32)
        places = (at - starts[owners]).to(torch.int32)
        found[owners[is_asked], columns[is_asked]] = places[is_asked]
        return found
