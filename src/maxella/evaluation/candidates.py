"""Some items as if they were all there are: held-out ones, ranked among themselves."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs
from maxella.evaluation.slices import Slice
from maxella.features.id import UNKNOWN_ROW


class CandidateSubset:
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

    def pairs(self, of: LabelledPairs) -> LabelledPairs:
        """The pairs with these items."""
        kept = of.take(self._row_of[of.items] != UNKNOWN_ROW)
        return replace(kept, items=self._row_of[kept.items])

    def slice(self, one: Slice) -> Slice:
        """The same slice by these rows."""
        return one if one.side == "user" else replace(one, is_in=one.is_in[self.items.numpy()])

    def view(self, model: Any) -> "View":
        """A ranker or rater of the whole catalogue, asked of these alone."""
        return View(model, self.items)


@dataclass(frozen=True)
class View:
    """What a model says, with its items by other rows; what it looks at stays as it is."""

    model: Any
    items: torch.Tensor  # (rows,) the model's own rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    @property
    def raw_ranker(self) -> "View | None":
        """Who scores for the raw protocol, seen the same way."""
        found = getattr(self.model, "raw_ranker", None)
        return None if found is None else View(found, self.items)

    def score(self, users: torch.Tensor, **context: Any) -> torch.Tensor:
        """(batch,) user rows → (batch, rows) scores."""
        return self.model.score(users, **context)[:, self.items]  # type: ignore[no-any-return]

    def predict(self, users: torch.Tensor, items: torch.Tensor, **asked: Any) -> torch.Tensor:
        """(n,) user rows, (n,) rows → (n,) predictions."""
        return self.model.predict(users, self.items[items], **asked)  # type: ignore[no-any-return]

    def distribution(self, users: torch.Tensor, items: torch.Tensor, **asked: Any) -> torch.Tensor:
        """(n,) user rows, (n,) rows → (n, K) probabilities."""
        return self.model.distribution(users, self.items[items], **asked)  # type: ignore[no-any-return]
