"""What a model said of the held-out part: asked once, then measured whole and slice by slice."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from maxella.evaluation.distribution import DISTRIBUTION_METRICS, Forecasts
from maxella.evaluation.lists import LIST_METRICS
from maxella.evaluation.pairs import Pairs
from maxella.evaluation.ranking import RANKING_METRICS, UserRanks
from maxella.evaluation.ranks import CatalogueRanks
from maxella.evaluation.rating import RATING_METRICS
from maxella.evaluation.sums import UserSums

Metrics = Mapping[str, tuple[str, float]]  # name → key in a table of metrics, and k


@dataclass(frozen=True)
class Ratings:
    """n held-out ratings and what was predicted of each."""

    users: np.ndarray  # (n,) int64 user positions
    items: np.ndarray  # (n,) int64 item rows
    errors: np.ndarray  # (n,) float64 prediction - rating
    forecasts: Forecasts | None  # of the same n

    def take(self, is_in: np.ndarray, position_of: np.ndarray) -> "Ratings":
        """Some of them, (n,) bool; (user positions,) says which position each has then."""
        users = position_of[self.users[is_in]]
        forecasts = self.forecasts and self.forecasts.take(is_in, users)
        return Ratings(users, self.items[is_in], self.errors[is_in], forecasts)

    def sums(self, n_users: int) -> dict[str, UserSums]:
        """Every metric of ratings, and of distributions where there are any."""
        if not len(self.users):
            return {}
        sums = {name: metric(self.users, self.errors) for name, metric in RATING_METRICS.items()}
        if self.forecasts is not None:
            sums |= {name: metric(self.forecasts) for name, metric in DISTRIBUTION_METRICS.items()}
        return {name: metric.padded(n_users) for name, metric in sums.items()}


@dataclass(frozen=True)
class Answers:
    """Ranks and errors of some users; a user's position is their place in `user_rows`."""

    user_rows: np.ndarray  # (users,)
    query_users: np.ndarray  # (queries,) int64 user position of each query
    pair_queries: np.ndarray  # (n,) int64 query of each held-out pair
    pair_items: np.ndarray  # (n,) int64 item row of each held-out pair
    ranks: Mapping[str, UserRanks]  # of these pairs, by protocol; none where nothing is ranked
    lists: Mapping[str, np.ndarray]  # (queries, length) item rows, best first, by protocol
    n_candidates: int
    ratings: Ratings | None

    @classmethod
    def of(
        cls, pairs: Pairs, found: Mapping[str, CatalogueRanks], ratings: Ratings | None
    ) -> "Answers":
        """What was found of all held-out pairs, by protocol."""
        return cls(
            pairs.users,
            pairs.query_users,
            pairs.held_out_queries,
            pairs.held_out_items,
            {protocol: of.by_query(pairs) for protocol, of in found.items()},
            {protocol: of.lists for protocol, of in found.items()},
            pairs.n_item_rows - 1,
            ratings,
        )

    def of_items(self, is_in: np.ndarray) -> tuple[np.ndarray, "Answers"]:
        """Those of the pairs whose item is in (item rows,) bool, and of the users who have any.

        Gives these users' positions too. Ranks stay what they are among all candidates.
        """
        kept = is_in[self.pair_items]
        asked = np.bincount(self.pair_queries[kept], minlength=len(self.query_users)) > 0
        has_any = np.zeros(len(self.user_rows), dtype=bool)
        has_any[self.query_users[asked]] = True
        positions, position_of = has_any.nonzero()[0], np.cumsum(has_any) - 1
        query_of = np.cumsum(asked) - 1
        return positions, Answers(
            self.user_rows[positions],
            position_of[self.query_users[asked]],
            query_of[self.pair_queries[kept]],
            self.pair_items[kept],
            {protocol: ranks.take(kept) for protocol, ranks in self.ranks.items()},
            {protocol: lists[asked] for protocol, lists in self.lists.items()},
            self.n_candidates,
            self.ratings and self.ratings.take(is_in[self.ratings.items], position_of),
        )

    def sums(self, metrics: Metrics) -> dict[str, UserSums]:
        """The ranking metrics among these, such as `filtered.ndcg@10`, and those of ratings."""
        n_users = len(self.user_rows)
        sums = {
            f"{protocol}.{name}": RANKING_METRICS[key](ranks, k).of_users(self.query_users, n_users)
            for protocol, ranks in self.ranks.items()
            for name, (key, k) in metrics.items()
            if key in RANKING_METRICS
        }
        return sums if self.ratings is None else sums | self.ratings.sums(n_users)

    def list_values(self, metrics: Metrics, positions: np.ndarray) -> dict[str, float]:
        """The metrics of lists among these, over the lists of the users at some positions."""
        is_in = np.zeros(len(self.user_rows), dtype=bool)
        is_in[positions] = True
        asked = is_in[self.query_users]
        return {
            f"{protocol}.{name}": LIST_METRICS[key](lists[asked, : int(k)], self.n_candidates)
            for protocol, lists in self.lists.items()
            for name, (key, k) in metrics.items()
            if key in LIST_METRICS
        }
