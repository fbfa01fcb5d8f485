"""What each user did: as bags of items, and as rows of a matrix."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
import torch

from maxella.data.interactions import Interactions
from maxella.data.labelled import LabelledPairs
from maxella.data.ranges import is_first, is_last
from maxella.features.id import UNKNOWN_ROW

Held = TypeVar("Held")


def moved(value: Held, device: torch.device) -> Held:
    """A value with all tensors that it holds on a device."""
    found: Any = value
    if isinstance(value, torch.Tensor):
        found = value.to(device)
    elif isinstance(value, tuple):
        found = tuple(moved(one, device) for one in value)
    elif isinstance(value, Mapping):
        found = {name: moved(one, device) for name, one in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        found = replace(value, **{name: moved(getattr(value, name), device) for name in names})
    return found  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Bags:
    """The items of several users, one user after another: a batch of histories."""

    items: torch.Tensor  # (m,) int64 item rows
    counts: torch.Tensor  # (batch,) int64 items of each user, 0 too
    # (I,) distinct item rows and (m,) int64 positions of the items in them, where known
    distinct: tuple[torch.Tensor, torch.Tensor] | None = None
    events: torch.Tensor | None = None  # (m,) int64 what was done, where events are told apart
    weights: torch.Tensor | None = None  # (m,) how much each item counts; none: all the same

    @property
    def begins(self) -> torch.Tensor:
        """(batch,) where each user's items begin."""
        return self.counts.cumsum(0) - self.counts

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """(m,) values of the items → (batch,) their sums."""
        return values.new_zeros(len(self.counts)).index_add_(
            0, torch.repeat_interleave(self.counts), values
        )


@dataclass(frozen=True)
class History:
    """Distinct (user, item) pairs, by user; where events are told apart, pairs by each of them.

    Pairs with an unknown row are left out.
    """

    items: torch.Tensor  # (pairs,) int64 item rows, by user, then by item or by time
    starts: torch.Tensor  # (user rows + 1,) int64: user u has items[starts[u] : starts[u + 1]]
    n_item_rows: int
    events: torch.Tensor | None = None  # (pairs,) int64 codes of events
    times: torch.Tensor | None = None  # (pairs,) int64 seconds of the latest row, where asked for

    @classmethod
    def of(
        cls,
        log: Interactions | LabelledPairs,
        n_user_rows: int,
        n_item_rows: int,
        *,
        events: np.ndarray | None = None,
        with_times: bool = False,
        in_time_order: bool = False,
    ) -> "History":
        """The history that these rows make; a repeated pair counts once, at its latest time.

        `events`: (n,) codes that tell the rows of a pair apart. `with_times` keeps the times, and
        `in_time_order` sorts a user's items by them, where the log has any.
        """
        rows = ((log.users != UNKNOWN_ROW) & (log.items != UNKNOWN_ROW)).nonzero()[0]
        n_events = 1 if events is None else int(events.max(initial=0)) + 1
        keys = (log.users[rows] * n_item_rows + log.items[rows]) * n_events
        if events is not None:
            keys += events[rows]
        times = None
        if log.timestamps is not None and (with_times or in_time_order):
            order = np.lexsort((log.timestamps[rows], keys))
            keys, times = keys[order], log.timestamps[rows][order]
            latest = is_last(keys)
            keys, times = keys[latest], times[latest]
        else:
            keys = np.sort(keys)
            keys = keys[is_first(keys)]
        pairs, codes = np.divmod(keys, n_events)
        users, items = np.divmod(pairs, n_item_rows)
        if in_time_order and times is not None:
            order = np.lexsort((times, users))
            items, codes, times = items[order], codes[order], times[order]
        return cls(
            torch.from_numpy(items),
            torch.from_numpy(np.searchsorted(users, np.arange(n_user_rows + 1))),
            n_item_rows,
            None if events is None else torch.from_numpy(codes),
            None if times is None else torch.from_numpy(times),
        )

    @property
    def device(self) -> torch.device:
        """Where the pairs are."""
        return self.items.device

    def to(self, device: torch.device) -> "History":
        """The same on a device."""
        return moved(self, device)

    @property
    def n_user_rows(self) -> int:
        """Users that `starts` covers, the unknown one among them."""
        return len(self.starts) - 1

    def counts(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch,) numbers of distinct items taken."""
        return self.starts[users + 1] - self.starts[users]

    def take(self, users: torch.Tensor) -> "History":
        """(m,) user rows → the history of these alone, as rows 0 to m - 1."""
        _, places = self._places(users)
        counts = self.counts(users)
        return replace(
            self,
            items=self.items[places],
            starts=torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
            events=None if self.events is None else self.events[places],
            times=None if self.times is None else self.times[places],
        )

    def transposed(self) -> "History":
        """The same pairs with users and items in each other's place, events and times apart."""
        users = torch.repeat_interleave(self.starts.diff())
        items, order = self.items.sort(stable=True)
        starts = torch.searchsorted(items, torch.arange(self.n_item_rows + 1, device=self.device))
        return History(users[order], starts, self.n_user_rows)

    def bags(self, users: torch.Tensor) -> Bags:
        """(batch,) user rows → their items."""
        _, places = self._places(users)
        events = None if self.events is None else self.events[places]
        return Bags(self.items[places], self.counts(users), events=events)

    def events_of(self, users: np.ndarray, items: np.ndarray, n_events: int) -> torch.Tensor | None:
        """(n,) user rows and item rows → (n, events) bool: by which events each pair is here.

        None where events are not told apart.
        """
        if self.events is None:
            return None
        owners = np.repeat(np.arange(self.n_user_rows), np.diff(self.starts.numpy()))
        here = owners * self.n_item_rows + self.items.numpy()
        here, places = np.unique(here, return_inverse=True)
        by_pair = np.zeros((len(here) + 1, n_events), dtype=bool)  # the last: of pairs not here
        by_pair[places, self.events.numpy()] = True
        wanted = users * self.n_item_rows + items
        at = np.searchsorted(here, wanted)
        at[np.append(here, -1)[at] != wanted] = len(here)
        return torch.from_numpy(by_pair[at])

    def matrix(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) float32: 1 where the user took the item."""
        matrix = torch.zeros(len(users), self.n_item_rows, device=self.device)
        positions, places = self._places(users)
        matrix[positions, self.items[places]] = 1.0
        return matrix

    def sparse(self) -> sp.csr_matrix:
        """(user rows, item rows) float32 of the CPU: 1 where the user took the item."""
        ones = np.ones(len(self.items), dtype=np.float32)
        cells = ones, self.items.numpy(), self.starts.numpy()
        return sp.csr_matrix(cells, shape=(self.n_user_rows, self.n_item_rows))

    def _places(self, users: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch,) user rows → (m,) positions of them and (m,) places of their pairs."""
        counts = self.counts(users)
        positions = torch.repeat_interleave(counts)
        shift = self.starts[users] - (counts.cumsum(0) - counts)
        return positions, torch.arange(len(positions), device=self.device) + shift[positions]
