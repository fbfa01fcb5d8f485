"""A task that is judged by rankings: where its held-out items stand among all candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maxella.data.labelled import LabelledPairs
from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.metric import Group, Metric, Statistic
from maxella.evaluation.names import DEFAULT_METRICS, PROTOCOLS, metric_of, parse_metric
from maxella.evaluation.pairs import Pairs
from maxella.evaluation.ranking import LIST_METRICS, RANKING_METRICS, UserRanks
from maxella.evaluation.ranks import CatalogueRanks, Ranker, catalogue_ranks
from maxella.evaluation.slices import Answers, Slice, is_within
from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class RankingExam:
    """What a ranker is asked for one task. Labels of the pairs are not looked at.

    `known` are the pairs of this task before; `visited` those of any event before, None where
    events are not told apart: then the protocols `new` and `visited` are left out. No items but
    those of `candidates`, (item rows,) bool, are ranked, if they are given.
    """

    name: str
    test: LabelledPairs
    known: LabelledPairs
    visited: LabelledPairs | None = None
    metrics: Sequence[str] = DEFAULT_METRICS
    protocols: Sequence[str] = tuple(PROTOCOLS)
    candidates: np.ndarray | None = None

    @property
    def asked(self) -> list[str]:
        """The protocols that there are here. ConfigError: an unknown one."""
        for protocol in self.protocols:
            if protocol not in PROTOCOLS:
                raise ConfigError(unknown_name("protocol", protocol, PROTOCOLS))
        absent = {"new", "visited"} if self.visited is None else set()
        return [protocol for protocol in self.protocols if protocol not in absent]

    def metric_of(self, key: str) -> Metric:
        """The metric of a key."""
        return metric_of(key)

    def ask(self, ranker: Ranker, n_item_rows: int) -> Answers:
        """Each query scored once (twice where another ranker stands for the raw protocol)."""
        metrics = {name: parse_metric(name) for name in self.metrics}
        pairs = Pairs.of(self.test, self.known, n_item_rows, self.visited)
        longest = max((int(k) for key, k in metrics.values() if key in LIST_METRICS), default=0)
        # Visited items are looked for in the filtered ranking.
        scored = list(dict.fromkeys("filtered" if p == "visited" else p for p in self.asked))
        raw_ranker = getattr(ranker, "raw_ranker", None)
        found: dict[str, CatalogueRanks] = {}
        if raw_ranker is not None and "raw" in scored:
            scored.remove("raw")
            found = catalogue_ranks(
                raw_ranker, pairs, longest, protocols=["raw"], among=self.candidates
            )
        if scored:
            found |= catalogue_ranks(
                ranker, pairs, longest, protocols=scored, among=self.candidates
            )
        if "visited" in self.asked:
            found["visited"] = found["filtered"]
        truths = {protocol: pairs.truth(protocol) for protocol in self.asked}
        queries = pairs.held_out_queries
        ranks = {p: UserRanks.of(queries, found[p].ranks, of) for p, of in truths.items()}
        lists = {p: found[p].lists for p in self.asked if p != "visited"}
        n_candidates = n_item_rows - 1 if self.candidates is None else int(self.candidates.sum())
        rankings = _Rankings(self.test, pairs, metrics, ranks, lists, n_candidates)
        counts = {
            "users": len(pairs.users),
            "queries": len(pairs.query_users),
            "interactions": len(self.test),
            "ranked": len(pairs.held_out),
            "candidates": n_candidates,
            "unknown_items": int((pairs.held_out_items == UNKNOWN_ROW).sum()),
        }
        counts |= {p: int(of.sum()) for p, of in truths.items() if p in {"new", "visited"}}
        return Answers(pairs.users, rankings.group, counts, rankings.ceiling(truths))


@dataclass(frozen=True)
class _Rankings:
    """Ranks and lists that a model gave."""

    test: LabelledPairs
    pairs: Pairs
    metrics: Mapping[str, tuple[str, float]]  # name → key in a table of metrics, and k
    ranks: Mapping[str, UserRanks]  # of the queries, by protocol
    lists: Mapping[str, np.ndarray]  # (queries, length) item rows, best first, by protocol
    n_candidates: int

    def group(self, one: Slice | None) -> Group:
        """The metrics over all pairs, or over a slice of them."""
        owners = self.pairs.query_users
        of_pairs = owners[self.pairs.held_out_queries]
        is_in = is_within(one, self.pairs.users[of_pairs], self.pairs.held_out_items)
        has_any = np.bincount(of_pairs[is_in], minlength=len(self.pairs.users)) > 0
        positions, position_of = has_any.nonzero()[0], np.cumsum(has_any) - 1
        ranks = {protocol: of.take(is_in) for protocol, of in self.ranks.items()}
        statistics = self._statistics(ranks, position_of, len(positions))
        lists = {} if one and one.side == "item" else self._list_values(has_any[owners])
        interactions = int(is_within(one, self.test.users, self.test.items).sum())
        return Group(positions, statistics, lists, interactions)

    def _statistics(
        self, ranks: Mapping[str, UserRanks], position_of: np.ndarray, n_users: int
    ) -> dict[str, Statistic]:
        found: dict[str, Statistic] = {}
        for protocol, of in ranks.items():
            owners = position_of[self.pairs.query_users[of.users[of.first]]]
            for name, (key, k) in self.metrics.items():
                if key in RANKING_METRICS and len(owners):
                    by_query = RANKING_METRICS[key].function(of, k)
                    found[f"{protocol}.{name}"] = by_query.of_users(owners, n_users)
        return found

    def _list_values(self, asked: np.ndarray) -> dict[str, float]:
        """The metrics of the lists of some queries, (queries,) bool."""
        return {
            f"{protocol}.{name}": LIST_METRICS[key].function(
                lists[asked, : int(k)], self.n_candidates
            )
            for protocol, lists in self.lists.items()
            for name, (key, k) in self.metrics.items()
            if key in LIST_METRICS and asked.any()
        }

    def ceiling(self, truths: Mapping[str, np.ndarray]) -> dict[str, float]:
        """What a perfect ranking reaches: m known items at ranks 1 to m, the unknown nowhere."""
        queries, is_known = self.pairs.held_out_queries, self.pairs.held_out_items != UNKNOWN_ROW
        perfect = {}
        for protocol, truth in truths.items():
            # All of them tie at the top, where their mean rank is (1 + m) / 2.
            mean_rank = (1 + np.bincount(queries, weights=is_known & truth)) / 2
            ranks = np.where(is_known, mean_rank[queries], np.inf)
            perfect[protocol] = UserRanks.of(queries, ranks, truth)
        n_users = len(self.pairs.users)
        statistics = self._statistics(perfect, np.arange(n_users), n_users)
        return {name: of.value() for name, of in statistics.items()}
