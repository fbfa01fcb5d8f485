"""Metrics of rankings: pure functions of the ranks of each user's held-out items, or of the lists.

The definitions stand in `docs/metrics.md`. A new metric is one function and one line in
`RANKING_METRICS`, or in `LIST_METRICS` if it looks at the lists themselves, whatever was held
out: (users, length) item rows, best first, 0 where no candidate is left.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from maxella.data.ranges import is_first
from maxella.evaluation.metric import Metric, UserSums


@dataclass(frozen=True)
class UserRanks:
    """The ranks of the held-out items, grouped by user, best first. Make it with `of`.

    Where a log has contexts, a user here is a user in a context: whoever gets one list.
    """

    users: np.ndarray  # (n,) int64 whose each one is, ascending
    ranks: np.ndarray  # (n,) float64 from 1 on, ascending within a user; inf = not retrievable
    order: np.ndarray  # (n,) int64 where each stood in what `of` was given

    @classmethod
    def of(
        cls, users: np.ndarray, ranks: np.ndarray, is_in: np.ndarray | None = None
    ) -> "UserRanks":
        """(m,) whose they are, whole numbers, and (m,) ranks; (m,) bool which of these count.

        Held-out items of one user that tie with each other have one expected rank;
        as two items cannot hold one place, they take places in a row around it. So
        no list of k holds more than k of them. The earlier one takes the better place.

        >>> UserRanks.of(np.array([0, 1, 0]), np.array([2.5, 4.0, 2.5])).ranks.tolist()
        [2.0, 3.0, 4.0]
        """
        kept = np.arange(len(users)) if is_in is None else is_in.nonzero()[0]
        users, ranks = users[kept], ranks[kept]
        width = ranks[np.isfinite(ranks)].max(initial=0) + 2
        # One key is ten times faster than np.lexsort; rank inf goes behind all others.
        order = np.argsort(users * width + np.minimum(ranks, width - 1), kind="stable")
        users, ranks = users[order], ranks[order]
        is_new_rank = is_first(users)
        is_new_rank[1:] |= ranks[1:] != ranks[:-1]
        first = is_new_rank.nonzero()[0]
        lengths = np.diff(first, append=len(ranks))
        place = np.arange(len(ranks)) - np.repeat(first, lengths)
        ranks = ranks + place - np.repeat((lengths - 1) / 2, lengths)
        return cls(users, ranks, kept[order])

    def take(self, is_in: np.ndarray) -> "UserRanks":
        """Some of the held-out items, (m,) as `of` was given them, with their ranks as here."""
        kept = is_in[self.order]
        return UserRanks(self.users[kept], self.ranks[kept], self.order[kept])

    @cached_property
    def first(self) -> np.ndarray:
        """(n_users,) where in the flat arrays each user begins."""
        return is_first(self.users).nonzero()[0]

    @cached_property
    def counts(self) -> np.ndarray:
        """(n_users,) held-out items of each user, at least 1."""
        return np.diff(self.first, append=len(self.users))

    def sum_by_user(self, values: np.ndarray) -> np.ndarray:
        """(n,) values → (n_users,) their sums."""
        sums: np.ndarray = np.add.reduceat(values, self.first, dtype=np.float64)
        return sums

    def hits(self, k: float) -> np.ndarray:
        """(n_users,) how many held-out items of each user are among the k best."""
        return self.sum_by_user(np.isfinite(self.ranks) & (self.ranks <= k))


def top_k_accuracy(held_out: UserRanks, k: float) -> UserSums:
    """The share of held-out interactions whose item is among the k best; over interactions."""
    return UserSums.ratio(held_out.hits(k), held_out.counts)


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
    best = held_out.ranks[held_out.first]
    return UserSums.mean_over_users(np.where(best <= k, 1 / best, 0))


def mean_average_precision(held_out: UserRanks, k: float) -> UserSums:
    """Precision at the rank of each held-out item up to k, by their number; mean over users.

    Trec's definition: divided by all n held-out items of the user, not by min(n, k).
    """
    places = 1 + np.arange(len(held_out.users)) - np.repeat(held_out.first, held_out.counts)
    precision = places / held_out.ranks
    total = held_out.sum_by_user(np.where(held_out.ranks <= k, precision, 0))
    return UserSums.mean_over_users(total / held_out.counts)


def coverage(lists: np.ndarray, n_candidates: int) -> float:
    """The share of candidates that stand in at least one list."""
    return len(np.unique(lists[lists > 0])) / n_candidates


def distinct_lists(lists: np.ndarray, n_candidates: int) -> float:  # noqa: ARG001 - one signature
    """Distinct lists per user: 1 where no two users get the same, near 0 in a collapse."""
    return len(np.unique(lists, axis=0)) / len(lists)


RANKING_METRICS: dict[str, Metric] = {
    "top_k_accuracy": Metric(top_k_accuracy, "top-{k}", "share of interactions in the list", 1),
    "recall": Metric(recall, "recall@{k}", "share of a user's test items in the list, mean", 4),
    "capped_recall": Metric(
        capped_recall, "capped recall@{k}", "test items in the list, by what fits in, user mean"
    ),
    "hit_rate": Metric(hit_rate, "hit rate@{k}", "share of users with a hit in the list", 5),
    "ndcg": Metric(ndcg, "ndcg@{k}", "test items in the list, discounted by rank, user mean", 3),
    "mrr": Metric(mrr, "mrr@{k}", "1 / rank of a user's first hit in the list, mean"),
    "map": Metric(
        mean_average_precision, "map@{k}", "precision at each hit in the list, user mean"
    ),
}
LIST_METRICS: dict[str, Metric] = {
    "coverage": Metric(coverage, "coverage@{k}", "share of all items in anyone's list"),
    "distinct_lists": Metric(distinct_lists, "distinct lists@{k}", "different lists, by users"),
}
