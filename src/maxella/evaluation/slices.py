"""Every metric over some of the users, or over the interactions with some of the items."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from maxella.data.interactions import Interactions
from maxella.evaluation.answers import Answers, Metrics
from maxella.evaluation.sums import Group

Side = Literal["user", "item"]

FEWEST_USERS = 10  # resampling fewer makes intervals far too narrow: they get none


@dataclass(frozen=True)
class Slice:
    """One value of one way to slice, such as `F` of `user.gender`."""

    name: str
    value: str
    side: Side
    is_in: np.ndarray  # (user rows,) or (item rows,) bool

    def size(self, log: Interactions) -> int:
        """How many of the interactions are in it."""
        return int(self.is_in[log.users if self.side == "user" else log.items].sum())

    def part(self, test: Interactions, answers: Answers, whole: Group, metrics: Metrics) -> "Part":
        """The metrics over this slice alone, from answers that were measured as a whole.

        Of users they are theirs of the whole, and those of their lists. Of items they are those
        of the held-out pairs with these items, at the ranks that they have among all
        candidates; lists do not depend on what is held out, so they have no such metrics.
        """
        if self.side == "user":
            positions = self.is_in[answers.user_rows].nonzero()[0]
            sums = {name: of.take(positions) for name, of in whole.sums.items()}
            group = Group(positions, sums, answers.list_values(metrics, positions))
        else:
            positions, left = answers.of_items(self.is_in)
            group = Group(positions, left.sums(metrics))
        return Part(self.name, self.value, self.size(test), group)


@dataclass(frozen=True)
class Part:
    """What the test part holds of a slice."""

    slice: str
    value: str
    interactions: int
    group: Group

    @property
    def resampled(self) -> Group:
        """What gets intervals."""
        is_enough = len(self.group.positions) >= FEWEST_USERS
        return self.group if is_enough else Group(self.group.positions, {})

    def facts(self) -> dict[str, Any]:
        """Its name and counts, as the report has them."""
        return {
            "slice": self.slice,
            "value": self.value,
            "users": len(self.group.positions),
            "interactions": self.interactions,
        }
