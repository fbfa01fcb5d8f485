"""Small worlds, and evaluation the slow and obvious way: one comparison at a time."""

import math

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from maxella.data.labelled import LabelledPairs
from maxella.evaluation import bootstrap
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.names import DEFAULT_METRICS, PROTOCOLS
from maxella.evaluation.pairs import Pairs
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.ranks import catalogue_ranks
from maxella.evaluation.rating import RATING_METRICS


def pairs_of(pairs, labels=1.0):
    """Labelled pairs from a list of (user row, item row)."""
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    labels = np.broadcast_to(np.float32(labels), len(table)).copy()
    return LabelledPairs(table[:, 0].copy(), table[:, 1].copy(), labels)


class World:
    """Held-out pairs, what was known, and a ranker and rater that look up a table.

    The ranking task is `picks`; `stars` are ratings of the held-out pairs that have one.
    `scores` and `predictions` are (user rows, item rows).
    """

    def __init__(self, scores, test, known=(), *, visited=None, ratings=None, predictions=None):
        self.scores = torch.as_tensor(scores)
        self.predictions = None if predictions is None else torch.as_tensor(predictions)
        self.test, self.known = pairs_of(test), pairs_of(known)
        self.visited = None if visited is None else pairs_of(visited)
        ratings = np.array(ratings, dtype=np.float32)
        self.rated = None
        if predictions is not None:
            self.rated = pairs_of(test, ratings).take(~np.isnan(ratings))

    def score(self, users):
        return self.scores[users]

    def predict(self, users, items):
        return self.predictions[users, items]

    def exams(self, metrics=DEFAULT_METRICS, protocols=tuple(PROTOCOLS)):
        picks = RankingExam("picks", self.test, self.known, self.visited, metrics, protocols)
        if self.rated is None:
            return [picks]
        return [picks, PointwiseExam("stars", self.rated, RATING_METRICS)]

    def evaluate(self, metrics=DEFAULT_METRICS, *, protocols=tuple(PROTOCOLS), **options):
        return evaluate(
            self.exams(metrics, protocols),
            {"picks": self, "stars": self},
            n_item_rows=self.scores.shape[1],
            **{"seed": 1, "resamples": 0, **options},
        )

    def pairs(self):
        return Pairs.of(self.test, self.known, self.scores.shape[1], self.visited)

    def catalogue_ranks(self, list_length=0, **options):
        return catalogue_ranks(self, self.pairs(), list_length, **options)

    def ranks(self, protocol):
        """{user: [rank of each held-out item, best first]} as the project finds them."""
        pairs, truth = self.pairs(), self.pairs().truth(protocol)
        found = {}
        scored = "filtered" if protocol == "visited" else protocol
        ranks = catalogue_ranks(self, pairs, 0, protocols=[scored])[scored].ranks
        for query, rank in zip(pairs.held_out_queries[truth], ranks[truth].tolist(), strict=True):
            found.setdefault(int(pairs.users[query]), []).append(rank)
        return {user: sorted(ranks) for user, ranks in found.items()}

    def held_out(self, protocol="raw"):
        """{user: items that are looked for}; a repeat counts once, but not of the unknown item."""
        found = {}
        for user, item in zip(self.test.users.tolist(), self.test.items.tolist(), strict=True):
            is_met = item != 0 and (user, item) in self.met()
            if {"new": is_met, "visited": not is_met}.get(protocol, False):
                continue
            items = found.setdefault(user, [])
            if item == 0 or item not in items:
                items.append(item)
        return found

    def met(self):
        """(user, item) of every event before."""
        logs = [self.known] if self.visited is None else [self.known, self.visited]
        return {
            pair
            for log in logs
            for pair in zip(log.users.tolist(), log.items.tolist(), strict=True)
        }

    def candidates(self, user, protocol):
        """Item rows that the ranking of a user is taken over."""
        everything = range(1, self.scores.shape[1])
        if protocol == "raw":
            return list(everything)
        if protocol == "new":
            return [item for item in everything if (user, item) not in self.met()]
        known = set(zip(self.known.users.tolist(), self.known.items.tolist(), strict=True))
        return [i for i in everything if i in self.held_out()[user] or (user, i) not in known]

    def ranks_by_loop(self, protocol):
        """{user: [expected rank of each held-out item, best first]}."""
        found = {}
        for user, items in self.held_out(protocol).items():
            scores, ranks = self.scores[user].tolist(), []
            for item in items:
                others = [i for i in self.candidates(user, protocol) if i != item]
                above = sum(scores[i] > scores[item] for i in others)
                beside = sum(scores[i] == scores[item] for i in others)
                ranks.append(1 + above + beside / 2 if item else math.inf)
            found[user] = sorted(ranks)
        return found

    def places_by_loop(self, protocol):
        """As `ranks_by_loop`, but of held-out items that tie each takes a place of its own."""
        found = {}
        for user, items in self.held_out(protocol).items():
            scores, places = self.scores[user].tolist(), []
            for turn, item in enumerate(items):
                strangers = [i for i in self.candidates(user, protocol) if i not in items]
                known = [i for i in items if i]
                above = sum(scores[i] > scores[item] for i in strangers + known)
                beside = sum(scores[i] == scores[item] for i in strangers)
                earlier = sum(scores[i] == scores[item] for i in items[:turn] if i)
                places.append(1 + above + beside / 2 + earlier if item else math.inf)
            found[user] = sorted(places)
        return found

    def lists_by_loop(self, protocol, k):
        """{user: the k best candidates}; ties go to the lower item row."""
        return {
            user: tuple(
                sorted(
                    self.candidates(user, protocol), key=lambda i: (-self.scores[user, i].item(), i)
                )[:k]
            )
            for user in self.held_out()
        }


def metric_by_loop(name, places):
    """A ranking metric of {user: places, best first}, from its definition."""
    metric, _, length = name.partition("@")
    k = float(length or "inf")
    hits = {
        user: [p for p in of_user if p <= k and p < math.inf] for user, of_user in places.items()
    }
    if metric == "top_k_accuracy":
        return sum(map(len, hits.values())) / sum(map(len, places.values()))
    total = 0.0
    for user, found in hits.items():
        n = len(places[user])
        fit = int(min(n, k))  # as many as the list can hold
        total += {
            "recall": len(found) / n,
            "capped_recall": len(found) / fit,
            "hit_rate": min(len(found), 1),
            "ndcg": sum(1 / math.log2(1 + p) for p in found)
            / sum(1 / math.log2(1 + p) for p in range(1, fit + 1)),
            "mrr": max((1 / p for p in found), default=0),
            "map": sum(j / p for j, p in enumerate(found, start=1)) / n,
        }[metric]
    return total / len(places)


@st.composite
def draw_worlds(draw, *, n_levels=None, with_unknown=True, with_visited=False):
    """1 to 6 users, 2 to 12 items, some pairs both held out and known, and visited too.

    `n_levels` distinct scores make ties; without it all scores of a user differ.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(2, 12))
    shape = (n_users + 1, n_items + 1)
    if n_levels is None:
        scores = np.argsort(rng.random(shape), axis=1).astype(np.float32)
    else:
        scores = rng.integers(n_levels, size=shape).astype(np.float32)
    lowest = 0 if with_unknown else 1
    pairs = [(user, item) for user in range(1, n_users + 1) for item in range(lowest, n_items + 1)]
    is_test = rng.random(len(pairs)) < draw(st.sampled_from([0.2, 0.5]))
    is_test[rng.integers(len(pairs))] = True
    is_known = rng.random(len(pairs)) < draw(st.sampled_from([0.0, 0.4]))
    is_visited = rng.random(len(pairs)) < draw(st.sampled_from([0.0, 0.3, 0.6]))
    test, known, visited = (np.array(pairs)[is_in] for is_in in (is_test, is_known, is_visited))
    visited = rng.permutation(visited) if with_visited else None
    return World(scores, rng.permutation(test), rng.permutation(known), visited=visited)


@pytest.fixture
def few_users(monkeypatch):
    """Intervals however few the users are."""
    monkeypatch.setattr(bootstrap, "FEWEST_USERS", 1)


@pytest.fixture(scope="session")
def make_world():
    return World


@pytest.fixture(scope="session")
def worlds():
    """Draw from it inside a test: `world = data.draw(worlds(n_levels=3))`."""
    return draw_worlds


@pytest.fixture(scope="session")
def by_loop():
    return metric_by_loop
