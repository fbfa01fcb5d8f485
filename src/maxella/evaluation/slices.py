"""Some of the users, or some of the items: every metric is measured over them alone, too."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Side = Literal["user", "item"]


@dataclass(frozen=True)
class Slice:
    """One value of one way to slice, such as `F` of `user.gender`.

    A slice of users holds all their held-out pairs, a slice of items the pairs with these items
    and the users who have any: at the ranks that they have among all candidates. Lists do not
    depend on what is held out, so slices of items have no metrics of lists.
    """

    name: str
    value: str
    side: Side
    is_in: np.ndarray  # (user rows,) or (item rows,) bool

    def mask(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """(n,) user rows and item rows → (n,) whether each pair is in it."""
        is_in: np.ndarray = self.is_in[users if self.side == "user" else items]
        return is_in
