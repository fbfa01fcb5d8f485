"""Sorted columns: their slices laid one after the other, and which values are new."""

import numpy as np


def ranges(starts: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) starts and lengths of ranges → which range each number belongs to, and the numbers.

    Both (Σ counts,) int64, range after range; without a loop over the ranges.

    >>> positions, numbers = ranges(np.array([5, 0, 9]), np.array([2, 0, 1]))
    >>> positions.tolist(), numbers.tolist()
    ([0, 0, 2], [5, 6, 9])
    """
    positions = np.repeat(np.arange(len(counts)), counts)
    shift = starts - (np.cumsum(counts) - counts)
    return positions, np.arange(len(positions)) + shift[positions]


def is_first(keys: np.ndarray) -> np.ndarray:
    """(n,) ascending keys → (n,) whether each is the first of its value.

    `np.unique` would hash whole numbers, ten times slower than a sort.
    """
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    return first


def is_last(keys: np.ndarray) -> np.ndarray:
    """(n,) ascending keys → (n,) whether each is the last of its value."""
    last = np.ones(len(keys), dtype=bool)
    last[:-1] = keys[1:] != keys[:-1]
    return last
