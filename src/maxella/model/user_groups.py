"""The pairs of some users as tables of equal rows, so that all are fitted side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from maxella.model.head import EmbeddedPairs

_MOST_CELLS = 2**14  # of a group


@dataclass(frozen=True)
class UserGroup:
    """G users with about as many pairs each: n at most, and more than half of that."""

    users: torch.Tensor  # (G,) int64 positions of the users
    pairs: torch.Tensor  # (G, n) int64 positions of their pairs; past a user's own, of any
    given: torch.Tensor  # (G, n) float64: 1 at a user's own pairs, else 0


def user_groups(pairs: EmbeddedPairs) -> Iterator[UserGroup]:
    """The users of pairs that are sorted by user, from those with the most pairs on."""
    counts = torch.bincount(pairs.user_positions, minlength=len(pairs.users))
    counts, order = counts.sort(descending=True, stable=True)
    begins, start = pairs.begins[order], 0
    while start < len(order):
        n = int(counts[start])
        alike = int((2 * counts[start:] > n).sum()) if n else len(order) - start
        stop = start + min(alike, max(1, _MOST_CELLS // max(1, n)))
        places = torch.arange(n).expand(stop - start, n)
        is_given = places < counts[start:stop, None]
        positions = (begins[start:stop, None] + places).where(is_given, 0)
        yield UserGroup(order[start:stop], positions, is_given.double())
        start = stop
