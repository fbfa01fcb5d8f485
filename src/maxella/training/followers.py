"""What came after what, found beside all else that is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from maxella.closed_form.followers import followers
from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.model.model import Model
from maxella.model.neighbours import FollowerPart
from maxella.training.neighbours import spread
from maxella.training.trial import Trial

# What is tried on the validation part, one after another; the first of each stays unless another
# is surely better.
GRID = {
    "share": (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),  # in spreads of the other scores
    "reach": (3.0, 1.0, 10.0, 30.0),  # places after which a pick counts 1/e, from the last one back
    "discount": (0.0, 0.2, 0.4),  # power of an item's picks that what is said for it is divided by
    "decay": (5.0, 2.0, 15.0),  # places after which a follower counts 1/e
}
DEFAULT_SHARE = 1.0
SMOOTHING = 10.0  # followers that an item has to have before it is believed by half


@dataclass
class Followers:
    """Fits the follower part of a task by counting; moves nothing else.

    With C of `closed_form.followers`, an earlier pick i says of item j that it is next by
    w = C_ij / (C_i + 10) / c_j^discount, C_i the sum of row i and c_j the picks of j; of each item
    the k that say most are kept. What the part adds is set to vary `share` times as much as the
    scores do without it. The share, then the other settings, are those that rank the validation
    part best by NDCG@100; without one it varies as much as the scores.
    """

    task: str
    # Where there is nothing to choose by: by an earlier pass.
    chosen: Mapping[str, float] = field(default_factory=dict)
    name: str = "followers"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Find it."""
        part: FollowerPart = model.followers[self.task]  # type: ignore[assignment]
        history = dataset.train.picks(self.task, in_time_order=True)
        settings = {name: values[0] for name, values in GRID.items()} | {"share": DEFAULT_SHARE}
        settings |= self.chosen
        counts = lru_cache(maxsize=1)(partial(_counts, history))

        def put(settings: Mapping[str, float]) -> None:
            share, reach, discount, decay = (settings[name] for name in GRID)
            says = counts(decay) @ sp.diags(_picks(history) ** -discount)
            items, weights = _strongest(says.tocsc(), part.items.shape[1])
            part.items.copy_(items)
            part.reach.fill_(reach)
            part.weights.copy_(weights)
            part.weights.mul_(share * spread(model, dataset.train, self.task, "followers"))

        self.facts = Trial.of(model, dataset, self.task).search(GRID, settings, put)


def _picks(history: History) -> np.ndarray:
    """(item rows,) how often each item was picked, 1 at least."""
    counts = np.bincount(history.items.numpy(), minlength=history.n_item_rows)
    return np.maximum(counts, 1).astype(np.float32)


def _counts(history: History, decay: float) -> sp.csr_matrix:
    """(item rows, item rows) C_ij / (C_i + 10) of a history in the order of time."""
    lengths = history.starts.diff().numpy()
    users = np.repeat(np.arange(len(lengths)), lengths)
    ages = history.starts.numpy()[users + 1] - 1 - np.arange(len(users))
    counts = followers(users, history.items.numpy(), ages, history.n_item_rows, decay)
    totals = np.asarray(counts.sum(axis=1)).ravel()
    return sp.diags(1 / (totals + SMOOTHING)) @ counts


def _strongest(says: sp.csc_matrix, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(item rows, item rows) → (item rows, k) int32 the items that say most of each column.

    And (item rows, k) how much, 0 and row 0 where there are fewer.
    """
    n = says.shape[1]
    items, weights = np.zeros((n, k), dtype=np.int32), np.zeros((n, k), dtype=np.float32)
    for item in range(n):
        cells = slice(*says.indptr[item : item + 2])
        said = says.data[cells]
        best = np.argpartition(-said, k)[:k] if len(said) > k else np.arange(len(said))
        items[item, : len(best)] = says.indices[cells][best]
        weights[item, : len(best)] = said[best]
    return torch.from_numpy(items), torch.from_numpy(weights)
