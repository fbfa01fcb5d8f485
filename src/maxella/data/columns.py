"""The columns of a batch of whole users: the items that its scores are taken over.

Either all items, or few that stand for all. In the second case a column has a weight: the
number of items of the catalogue that it stands for, such that the weighted sum over columns is,
in expectation over batches, the sum over the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from maxella.data.ranges import is_first


@dataclass(frozen=True)
class Columns:
    """I columns and the places of n pairs among them."""

    items: np.ndarray  # (I,) int64 distinct item rows
    item_positions: np.ndarray  # (n,) int64 into items
    weights: np.ndarray | None = None  # (I,) float32; None: ones, the columns are all there is
    negatives: np.ndarray | None = None  # (n,) int64 into items; −1: none is to be had


# (n,) user positions, (n,) item rows, share of the users in the batch, generator → columns
MakeColumns = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], Columns]


@dataclass(frozen=True)
class WholeCatalogue:
    """Every item but row 0, the unknown one, which is no candidate."""

    n_item_rows: int

    def __call__(
        self, user_positions: np.ndarray, items: np.ndarray, share: float, rng: np.random.Generator
    ) -> Columns:
        """The same items each time: position j is item row j + 1."""
        del user_positions, share, rng
        return Columns(np.arange(1, self.n_item_rows), items - 1)


@dataclass(frozen=True)
class OwnAndUniform:
    """The batch's own items and `n_uniform` drawn from all: mixed negatives (Yang et al. 2020).

    A column weighs how often it came over how often it was to be expected: by the batch's
    interactions c_j · share, and by the uniform draws n_uniform / N. This is the correction by
    log Q of Yi et al. 2019, with the balance heuristic (Veach and Guibas 1995) for the two ways
    in which an item can come. Without uniform draws, items that nobody took in training
    never come. Seen from one of U users, whose own items do not compete, the batch has one
    user less, and the sums over what the user lacks are up to 1 / U too small.
    """

    item_counts: np.ndarray  # (item rows,) interactions in training
    n_uniform: int

    def __call__(
        self, user_positions: np.ndarray, items: np.ndarray, share: float, rng: np.random.Generator
    ) -> Columns:
        """Columns in the order of their rows."""
        del user_positions
        drawn = rng.integers(1, len(self.item_counts), self.n_uniform)
        rows, positions, counts = np.unique(
            np.concatenate([items, drawn]), return_inverse=True, return_counts=True
        )
        of_uniform = self.n_uniform / (len(self.item_counts) - 1)
        expected = share * self.item_counts[rows] + of_uniform
        return Columns(rows, positions[: len(items)], (counts / expected).astype(np.float32))


@dataclass(frozen=True)
class OwnAndUnseen:
    """The batch's own items, and for each pair one that its user lacks, as its negative.

    The weights are those of the batch's own items; an item that is a negative only stands
    for nothing.
    """

    item_counts: np.ndarray  # (item rows,) interactions in training

    def __call__(
        self, user_positions: np.ndarray, items: np.ndarray, share: float, rng: np.random.Generator
    ) -> Columns:
        """Columns in the order of their rows."""
        drawn = draw_unseen(user_positions, items - 1, len(self.item_counts) - 1, rng) + 1
        is_there = drawn > 0
        rows, positions = np.unique(np.concatenate([items, drawn[is_there]]), return_inverse=True)
        own, of_drawn = np.split(positions, [len(items)])
        negatives = np.full(len(items), -1)
        negatives[is_there] = of_drawn
        expected = share * self.item_counts[rows].clip(min=1)  # a negative may have none at all
        weights = np.bincount(own, minlength=len(rows)) / expected
        return Columns(rows, own, weights.astype(np.float32), negatives)


def draw_unseen(
    user_positions: np.ndarray, items: np.ndarray, n_items: int, rng: np.random.Generator
) -> np.ndarray:
    """(n,) pairs of whole users → (n,) items, each drawn uniformly from those its user lacks.

    Items are numbers from 0 to n_items − 1; −1 stands where the user has them all. Before a
    user's k-th item, counted from 0 in ascending order, there are item − k that the user lacks;
    so the r-th lacking one is r plus the number of k with item − k ≤ r.
    """
    pairs = np.sort(user_positions * n_items + items)
    pairs = pairs[is_first(pairs)]
    owners = pairs // n_items
    counts = np.bincount(owners)  # (U,)
    starts = np.cumsum(counts) - counts
    lacking = (n_items - counts)[user_positions]
    ranks = rng.integers(0, lacking.clip(min=1))
    before = pairs - (np.arange(len(pairs)) - starts[owners])  # ascending, user by user
    passed = np.searchsorted(before, user_positions * n_items + ranks, side="right")
    return np.where(lacking > 0, ranks + passed - starts[user_positions], -1)
