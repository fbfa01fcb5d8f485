"""The training log in batches: by row, or by whole user.

A batch names each of its users and items once and says by position who took what.
That is what makes the softmax over a batch cheap (`tasks.losses`), and embeddings
are computed once for each distinct row.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch

from maxella.data.columns import Columns, MakeColumns
from maxella.data.history import Bags
from maxella.data.interactions import Interactions
from maxella.data.ranges import ranges
from maxella.errors import DataError


@dataclass(frozen=True)
class Batch:
    """n interactions, sorted by user."""

    users: torch.Tensor  # (U,) int64 distinct user rows
    items: torch.Tensor  # (I,) int64 distinct item rows: the columns of the scores
    user_positions: torch.Tensor  # (n,) int64 into users, not decreasing
    item_positions: torch.Tensor  # (n,) int64 into items
    ratings: torch.Tensor | None  # (n,) float32, NaN where none was given
    share: float  # of the training interactions' users that it holds; rows: of the interactions
    # (I,) float32 items of the catalogue that each column stands for; None: itself alone
    item_weights: torch.Tensor | None = None
    negatives: torch.Tensor | None = None  # (n,) int64 into items; −1 where there is none

    def __len__(self) -> int:
        return len(self.user_positions)

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        tensors: dict[str, Any] = {
            name: value.to(device)
            for name, value in vars(self).items()
            if isinstance(value, torch.Tensor)
        }
        return replace(self, **tensors)

    @cached_property
    def bags(self) -> Bags:
        """The items of each user: of whole users, their history."""
        counts = torch.bincount(self.user_positions, minlength=len(self.users))
        distinct = self.items, self.item_positions
        return Bags(self.items[self.item_positions], counts, distinct)

    @property
    def known_ratings(self) -> torch.Tensor:
        """(n,) ratings; raises DataError where the log has none."""
        if self.ratings is None:
            raise DataError(
                "The rating task wants ratings; this log has none. "
                "Set tasks.rating_weight = 0 to train for retrieval alone."
            )
        return self.ratings

    @property
    def rated(self) -> "Batch":
        """The same users and items with those interactions alone that have a rating."""
        has_rating = ~self.known_ratings.isnan()
        if has_rating.all():
            return self
        return replace(
            self,
            user_positions=self.user_positions[has_rating],
            item_positions=self.item_positions[has_rating],
            ratings=self.known_ratings[has_rating],
        )


class Batches(Protocol):
    """What the training loop goes over."""

    def __len__(self) -> int:
        """Batches in an epoch."""
        ...

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Every training interaction once, in an order drawn from `rng`."""
        ...


@dataclass(frozen=True)
class RowBatches:
    """Batches of `size` interactions drawn without regard to the user; the last may be smaller."""

    log: Interactions
    size: int

    def __len__(self) -> int:
        return math.ceil(len(self.log) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self.log))
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            rows = rows[np.argsort(self.log.users[rows], kind="stable")]
            users, user_positions = np.unique(self.log.users[rows], return_inverse=True)
            items, item_positions = np.unique(self.log.items[rows], return_inverse=True)
            ratings = None if self.log.ratings is None else self.log.ratings[rows]
            share = len(rows) / len(self.log)
            yield _batch(users, Columns(items, item_positions), user_positions, ratings, share)


class UserBatches:
    """Batches of `size` whole users with all their interactions, over the columns given."""

    def __init__(self, log: Interactions, size: int, columns: MakeColumns) -> None:
        order = np.argsort(log.users, kind="stable")
        self.size = size
        self._log = log.take(order)
        self._columns = columns
        self._users, self._counts = np.unique(self._log.users, return_counts=True)
        self._starts = np.cumsum(self._counts) - self._counts

    def __len__(self) -> int:
        return math.ceil(len(self._users) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self._users))
        for start in range(0, len(order), self.size):
            chosen = np.sort(order[start : start + self.size])
            user_positions, rows = ranges(self._starts[chosen], self._counts[chosen])
            share = len(chosen) / len(self._users)
            columns = self._columns(user_positions, self._log.items[rows], share, rng)
            ratings = None if self._log.ratings is None else self._log.ratings[rows]
            yield _batch(self._users[chosen], columns, user_positions, ratings, share)


def _batch(
    users: np.ndarray,
    columns: Columns,
    user_positions: np.ndarray,
    ratings: np.ndarray | None,
    share: float,
) -> Batch:
    return Batch(
        torch.from_numpy(users),
        torch.from_numpy(columns.items),
        torch.from_numpy(user_positions),
        torch.from_numpy(columns.item_positions),
        None if ratings is None else torch.from_numpy(ratings),
        share,
        None if columns.weights is None else torch.from_numpy(columns.weights),
        None if columns.negatives is None else torch.from_numpy(columns.negatives),
    )
