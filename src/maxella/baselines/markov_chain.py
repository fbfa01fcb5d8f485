"""What came after each item, read from the items that a user met last."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from maxella.baselines.choice import Trial, choose
from maxella.baselines.popularity import Popularity
from maxella.closed_form.followers import followers
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.features.id import UNKNOWN_ROW

_GRID = {
    "decay": (2.0, 5.0, 15.0),  # places after which a follower counts 1/e
    "reach": (1.0, 3.0, 10.0, 30.0, 100.0),  # the same of what is read, from the last item back
    "smoothing": (1.0, 10.0, 100.0),  # followers by popularity that every item has besides its own
    "discount": (0.0, 0.2, 0.4),  # power of an item's popularity that its score is divided by
}


@dataclass(frozen=True)
class MarkovChain:
    """Transitions from item to item that reach over several places, smoothed by popularity.

    C_ij = Σ e^(−gap / decay) over the times that a user took j `gap` places after i, with gap up
    to twice the decay; P_ij = (C_ij + s p_j) / (C_i + s) with C_i the sum of row i, p the shares of
    popularity and s the smoothing. The score of j is Σ e^(−age / reach) P_ij over the user's items
    i, `age` their places from the last, divided by p_j^discount. Only the order counts, never how
    long a gap was; rows of one time stand in the order of the log, as do all of a log without
    times. An order-1 chain (Shani, Heckerman and Brafman 2005, "An MDP-based recommender system",
    with its skipping); what is read decays as in session-kNN (Ludewig and Jannach 2018).

    The unknown user and a user without history get popularity as their scores.
    """

    follows: sp.csr_matrix  # (item rows, item rows) float32: C_ij / (C_i + s) / p_j^discount
    left: np.ndarray  # (item rows,) float32: s / (C_i + s)
    shares: np.ndarray  # (item rows,) float32: p^(1 − discount)
    recent: sp.csr_matrix  # (user rows, item rows) float32: what each user is read from
    popularity: Popularity
    reach: float
    tuned: Mapping[str, Any] | None = None

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,
        final: TaskData | None = None,
    ) -> "MarkovChain":
        """All settings are chosen on the validation part, or on the last pair of each user.

        Of logs in which more than 100 million pairs are near enough to count, the latest items
        of each user alone are counted, as many as give no more.
        """
        trial = Trial.of(train, validation, latest=True)
        counts_of = cache(lambda decay: _followers(trial.known, decay))
        _, tuned = choose(
            _GRID,
            lambda tried: trial.ndcg(cls.of(trial.known, counts_of(tried["decay"]), **tried)),
        )
        assert tuned is not None  # noqa: S101 - the grid has settings
        chosen = {name: tuned[name] for name in _GRID}
        train = final or train
        return replace(cls.of(train, _followers(train, chosen["decay"]), **chosen), tuned=tuned)

    @classmethod
    def of(
        cls,
        data: TaskData,
        counts: sp.csr_matrix,
        *,
        reach: float,
        smoothing: float,
        discount: float,
        decay: float,  # noqa: ARG003 - of the followers
    ) -> "MarkovChain":
        """From what followed what."""
        popularity = Popularity.fit(data)
        shares = popularity.counts.numpy() / max(1.0, float(popularity.counts.sum()))
        divisors = np.where(shares > 0, shares, 1.0) ** discount
        left = smoothing / (np.asarray(counts.sum(axis=1)).ravel() + smoothing)
        follows = sp.diags(left / smoothing) @ counts @ sp.diags(1 / divisors)
        return cls(
            follows.tocsr().astype(np.float32),
            left.astype(np.float32),
            (shares / divisors).astype(np.float32),
            _recent(data, reach),
            popularity,
            reach,
        )

    def told(self, known: TaskData) -> "MarkovChain":
        """The same transitions, for users who have done what is `known` by now."""
        return replace(self, recent=_recent(known, self.reach))

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        read = self.recent[users.numpy()]
        scores = (read @ self.follows).toarray() + (read @ self.left)[:, None] * self.shares
        has_history = torch.from_numpy(np.diff(read.indptr) > 0)
        found = torch.from_numpy(scores.astype(np.float32))
        return torch.where(has_history[:, None], found, self.popularity.score(users))


def _in_time(data: TaskData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) users, (n,) items of each in the order of time, and (n,) places from the user's last."""
    pairs = data.pairs
    rows = ((pairs.users != UNKNOWN_ROW) & (pairs.items != UNKNOWN_ROW)).nonzero()[0]
    by = [rows] if pairs.timestamps is None else [rows, pairs.timestamps[rows]]
    rows = rows[np.lexsort((*by, pairs.users[rows]))]
    users = pairs.users[rows]
    ends = np.searchsorted(users, np.arange(data.n_user_rows), side="right")
    return users, pairs.items[rows], ends[users] - 1 - np.arange(len(users))


def _recent(data: TaskData, reach: float) -> sp.csr_matrix:
    """What each user is read from; items that count less than e⁻⁷ are left out."""
    users, items, ages = _in_time(data)
    near = ages < 7 * reach
    weights = np.exp(-ages[near] / reach).astype(np.float32)
    shape = (data.n_user_rows, data.n_item_rows)
    return sp.csr_matrix((weights, (users[near], items[near])), shape=shape)


def _followers(data: TaskData, decay: float) -> sp.csr_matrix:
    """C, (item rows, item rows) float32."""
    users, items, ages = _in_time(data)
    return followers(users, items, ages, data.n_item_rows, decay)
