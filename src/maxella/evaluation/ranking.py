"""Ranking metrics: pure functions of the ranks of each user's held-out items.

The definitions stand in `docs/metrics.md`. A new metric is one function and one
line in `RANKING_METRICS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from maxella.evaluation.sums import UserSums


@dataclass(frozen=True)
class UserRanks:
    """The ranks of the held-out items, grouped by user, best first. Make it with `of`.

    Where a log has moments, a user here is a user at a moment: whoever gets one list.
    """

    users: np.ndarray  # (n,) int64 positions from 0 to n_users - 1, ascending
    ranks: np.ndarray  # (n,) float64 from 1 on, ascending within a user; inf = not retrievable
    counts: np.ndarray  # (n_users,) int64 held-out items of each user, at least 1
    order: np.ndarray  # (n,) int64 where each stood in what `of` was given

    @classmethod
    def of(cls, users: np.ndarray, ranks: np.ndarray) -> "UserRanks":
        """(n,) user positions without gaps, (n,) ranks, in any order.

        Held-out items of one user that tie with each other have one expected rank;
        as two items cannot hold one place, they take places in a row around it. So
        no list of k holds more than k of them. The earlier one takes the better place.

        >>> UserRanks.of(np.array([0, 1, 0]), np.array([2.5, 4.0, 2.5])).ranks.tolist()
        [2.0, 3.0, 4.0]
        """
        width = ranks[np.isfinite(ranks)].max(initial=0) + 2
        # One key is ten times faster than np.lexsort; rank inf goes behind all others.
        order = np.argsort(users * width + np.minimum(ranks, width - 1), kind="stable")
        users, ranks = users[order], ranks[order]
        starts = np.ones(len(ranks), dtype=bool)
        starts[1:] = (users[1:] != users[:-1]) | (ranks[1:] != ranks[:-1])
        first = starts.nonzero()[0]
        lengths = np.diff(first, append=len(ranks))
        place = np.arange(len(ranks)) - np.repeat(first, lengths)
        ranks = ranks + place - np.repeat((lengths - 1) / 2, lengths)
        return cls(users, ranks, np.bincount(users), order)

    def take(self, is_in: np.ndarray) -> "UserRanks":
        """Some of the held-out items, (n,) as `of` was given them, with the ranks they have here.

        Users who keep none are left out, and the positions of the others close up.
        """
        kept = is_in[self.order]
        counts = np.bincount(self.users[kept], minlength=len(self.counts))
        positions = np.cumsum(counts > 0) - 1
        return UserRanks(
            positions[self.users[kept]], self.ranks[kept], counts[counts > 0], self.order[kept]
        )

    def sum_by_user(self, values: np.ndarray) -> np.ndarray:
        """(n,) values → (n_users,) their sums."""
        sums: np.ndarray = np.add.reduceat(values, self._first, dtype=np.float64)
        return sums

    def hits(self, k: float) -> np.ndarray:
        """(n_users,) how many held-out items of each user are among the k best."""
        return self.sum_by_user(np.isfinite(self.ranks) & (self.ranks <= k))

    def positions(self) -> np.ndarray:
        """(n,) 1 for the best-ranked held-out item of a user, 2 for the next, ..."""
        positions: np.ndarray = np.arange(len(self.users)) - self._first[self.users] + 1
        return positions

    @property
    def best(self) -> np.ndarray:
        """(n_users,) the rank of each user's best-ranked held-out item."""
        best: np.ndarray = self.ranks[self._first]
        return best

    @property
    def _first(self) -> np.ndarray:
        """(n_users,) where in the flat arrays each user begins."""
        first: np.ndarray = np.cumsum(self.counts) - self.counts
        return first


RankingMetric = Callable[[UserRanks, float], UserSums]


def top_k_accuracy(held_out: UserRanks, k: float) -> UserSums:
    """The share of held-out interactions whose item is among the k best; over interactions."""
    return UserSums(held_out.hits(k), held_out.counts.astype(np.float64))


def recall(held_out: UserRanks, k: float) -> UserSums:
    """The share of a user's n held-out items that are among the k best; mean over users."""
    return UserSums.mean_over_users(held_out.hits(k) / held_out.counts)


def capped_recall(held_out: UserRanks, k: float) -> UserSums:
    """Recall divided by min(n, k), as many as a list of k can hold, not n; mean over users.

    Liang et al., Variational Autoencoders for Collaborative Filtering, 2018 (there Recall@R).
    """
    return UserSums.mean_over_users(held_out.hits(k) / np.minimum(held_out.counts, k))


def hit_rate(held_out: UserRanks, k: float) -> UserSums:
    """The share of users with a held-out item among the k best."""
    return UserSums.mean_over_users((held_out.hits(k) > 0).astype(np.float64))


def ndcg(held_out: UserRanks, k: float) -> UserSums:
    """Σ 1 / log2(1 + rank) over the ranks up to k, by its best possible value; mean over users.

    Binary gains; the best possible value puts min(n, k) held-out items first.
    Järvelin and Kekäläinen, 2002.
    """
    gains = np.where(held_out.ranks <= k, 1 / np.log2(1 + held_out.ranks), 0)
    ideal = np.cumsum(1 / np.log2(1 + np.arange(1, held_out.counts.max() + 1)))
    best = ideal[np.minimum(held_out.counts, k).astype(np.int64) - 1]
    return UserSums.mean_over_users(held_out.sum_by_user(gains) / best)


def mrr(held_out: UserRanks, k: float) -> UserSums:
    """1 / rank of a user's best-ranked held-out item, 0 past k; mean over users."""
    return UserSums.mean_over_users(np.where(held_out.best <= k, 1 / held_out.best, 0))


def mean_average_precision(held_out: UserRanks, k: float) -> UserSums:
    """Precision at the rank of each held-out item up to k, by their number; mean over users.

    Trec's definition: divided by all n held-out items of the user, not by min(n, k).
    """
    precision = held_out.positions() / held_out.ranks
    total = held_out.sum_by_user(np.where(held_out.ranks <= k, precision, 0))
    return UserSums.mean_over_users(total / held_out.counts)


RANKING_METRICS: dict[str, RankingMetric] = {
    "top_k_accuracy": top_k_accuracy,
    "recall": recall,
    "capped_recall": capped_recall,
    "hit_rate": hit_rate,
    "ndcg": ndcg,
    "mrr": mrr,
    "map": mean_average_precision,
}
