"""Item-kNN: an item is as near to a user as it is like its neighbours that the user has."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from maxella.baselines.choice import Trial, choose
from maxella.baselines.events import history_of
from maxella.baselines.popularity import Popularity
from maxella.closed_form.neighbours import nearest, products
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.seeds import numpy_generator

_GRID = {
    "shrinkage": (0.0, 3.0, 10.0, 30.0, 100.0, 300.0),
    "neighbours": (10, 30, 100, 300, 1000),
    "user_exponent": (0.0, -0.5),
}
_TIES = 1e-6  # what popularity counts, for items that no neighbour speaks for


@dataclass(frozen=True)
class ItemKNN:
    """Shrunk cosines of items, the k nearest of each (Deshpande and Karypis 2004, TOIS 22:1).

    With X the 0/1 matrix of who took what, its rows of n items weighted by
    (n / n̄)^user_exponent, G = XᵀWX, cos_ij = G_ij / (√(G_ii G_jj) + shrinkage); the score of i is
    Σ cos_ij over those of the k items j of most cosine that the user has. The tuned form of Ferrari
    Dacrema, Cremonesi and Jannach 2019 ("Are we really making much progress?"). Items that tie, for
    no neighbour speaks for them, stand by popularity.

    The unknown user and a user without history get popularity as their scores.
    """

    cosines: sp.csr_matrix  # (item rows, item rows) float32: row j: what j says for each item
    taken: sp.csr_matrix  # (user rows, item rows) float32, 0 or 1
    popularity: Popularity
    tuned: Mapping[str, Any] | None = None

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,
        final: TaskData | None = None,
    ) -> "ItemKNN":
        """All settings are chosen on the validation part, or on a part of training.

        They are tried on the 4,000 items of most pairs. Memory is bounded as in
        `closed_form.neighbours`.
        """
        trial = Trial.of(train, validation).of_popular_items()
        _, tuned = choose(_GRID, lambda tried: trial.ndcg(cls.of(trial.known, **tried)))
        assert tuned is not None  # noqa: S101 - the grid has settings
        return replace(cls.of(final or train, **{name: tuned[name] for name in _GRID}), tuned=tuned)

    @classmethod
    def of(
        cls, data: TaskData, *, shrinkage: float, neighbours: float, user_exponent: float
    ) -> "ItemKNN":
        """With these settings."""
        history = history_of(data, data.pairs)
        rng = numpy_generator(0, "item_knn")
        together = products([(history, 1.0)], user_exponent, rng)
        own = together.diagonal()
        items, near, values = [], [], []
        for item in own.nonzero()[0].tolist():
            columns, cosines = nearest(
                together, item, np.sqrt(own[item] * own) + shrinkage, int(neighbours)
            )
            items.append(np.full(len(columns), item))
            near.append(columns)
            values.append(cosines)
        cells = [np.concatenate([*of, np.empty(0)]) for of in (values, near, items)]
        shape = (data.n_item_rows, data.n_item_rows)
        says = sp.csr_matrix((cells[0].astype(np.float32), (cells[1], cells[2])), shape=shape)
        return cls(says, history.sparse(), Popularity.fit(data))

    def told(self, known: TaskData) -> "ItemKNN":
        """The same neighbours, for users who have done what is `known` by now."""
        return replace(self, taken=history_of(known, known.pairs).sparse())

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        read = self.taken[users.numpy()]
        popular = self.popularity.score(users)
        found = torch.from_numpy((read @ self.cosines).toarray())
        found += popular * (_TIES / popular.max().clamp(min=1) if len(users) else 1)
        has_history = torch.from_numpy(np.diff(read.indptr) > 0)
        return torch.where(has_history[:, None], found, popular)
