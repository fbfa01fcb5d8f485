"""Some items as if they were all there are: held-out ones, ranked among themselves."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from maxella.data.interactions import Interactions
from maxella.evaluation.slices import Slice
from maxella.features.id import UNKNOWN_ROW


class Among:
    """These items as rows 1, 2, ... in their order."""

    def __init__(self, items: np.ndarray, n_item_rows: int) -> None:
        """(k,) ascending item rows of a catalogue of `n_item_rows`."""
        items = items[items != UNKNOWN_ROW]
        self.items = torch.from_numpy(np.insert(items, 0, UNKNOWN_ROW))
        self._row_of = np.full(n_item_rows, UNKNOWN_ROW)
        self._row_of[items] = np.arange(1, len(items) + 1)

    @property
    def n_item_rows(self) -> int:
        """Their rows and the unknown one."""
        return len(self.items)

    def log(self, interactions: Interactions) -> Interactions:
        """The interactions with these items."""
        is_one = self._row_of[interactions.items] != UNKNOWN_ROW
        kept = interactions.take(is_one)
        return replace(kept, items=self._row_of[kept.items])

    def slice(self, one: Slice) -> Slice:
        """The same slice by these rows."""
        return one if one.side == "user" else replace(one, is_in=one.is_in[self.items.numpy()])

    def view(self, model: Any) -> "View":
        """A ranker or rater of the whole catalogue, asked of these alone."""
        return View(model, self.items)


@dataclass(frozen=True)
class View:
    """What a model says, with its items by other rows."""

    model: Any
    items: torch.Tensor  # (rows,) the model's own rows

    def score(self, users: torch.Tensor, **moment: Any) -> torch.Tensor:
        """(batch,) user rows → (batch, rows) scores."""
        return self.model.score(users, **moment)[:, self.items]  # type: ignore[no-any-return]

    def predict(self, users: torch.Tensor, items: torch.Tensor, **moment: Any) -> torch.Tensor:
        """(n,) user rows, (n,) rows → (n,) ratings."""
        return self.model.predict(users, self.items[items], **moment)  # type: ignore[no-any-return]

    def distribution(self, users: torch.Tensor, items: torch.Tensor, **moment: Any) -> torch.Tensor:
        """(n,) user rows, (n,) rows → (n, K) probabilities."""
        return self.model.distribution(users, self.items[items], **moment)  # type: ignore[no-any-return]

    @property
    def rating_levels(self) -> torch.Tensor:
        """(K,) what the distribution is over; none for a model without."""
        return getattr(self.model, "rating_levels", torch.empty(0))

    @property
    def rates_by_time(self) -> bool:
        """Whether times are looked at."""
        return getattr(self.model, "rates_by_time", False)

    @property
    def reads_requests(self) -> bool:
        """Whether requests are looked at."""
        return getattr(self.model, "reads_requests", False)
