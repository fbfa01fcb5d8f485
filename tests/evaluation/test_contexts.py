"""A user in a context is asked like a user of their own, and resampled with their user."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.labelled import LabelledPairs
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.names import DEFAULT_METRICS
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.rating import RATING_METRICS
from maxella.evaluation.slices import Slice

N_USERS, N_ITEMS, N_CONTEXTS = 4, 7, 3
PAIRS = st.sets(
    st.tuples(st.integers(1, N_USERS), st.integers(1, N_ITEMS - 1)), min_size=1, max_size=14
)


class InContext:
    """Scores and ratings for every user in every context."""

    reads_contexts = True
    rng = torch.Generator().manual_seed(4)
    scores = torch.randn(N_USERS + 1, N_CONTEXTS, N_ITEMS, generator=rng)

    def score(self, users, contexts):
        return self.scores[users, contexts]

    def predict(self, users, items, contexts):
        return self.scores[users, contexts, items]


class Split:
    """The same where user and context are one user: row user · contexts + context."""

    scores = InContext.scores.reshape(-1, N_ITEMS)

    def score(self, users):
        return self.scores[users]

    def predict(self, users, items):
        return self.scores[users, items]


@pytest.fixture(scope="session")
def judged(make_world):
    def judge(model, test, known, *, metrics=DEFAULT_METRICS, **options):
        exams = [
            RankingExam("picks", test, known, metrics=metrics),
            PointwiseExam("stars", test, RATING_METRICS),
        ]
        answers = {"picks": model, "stars": model}
        return evaluate(exams, answers, n_item_rows=N_ITEMS, seed=1, **{"resamples": 0, **options})

    def make(pairs, contexts, known):
        world = make_world(Split.scores, sorted(pairs), sorted(known - pairs))
        test = replace(
            world.test,
            labels=np.full(len(pairs), 3.0),
            contexts=np.array(contexts[: len(pairs)]),
        )
        return judge, test, world.known

    return make


def joined(logs):
    return LabelledPairs(
        *(np.concatenate([getattr(log, c) for log in logs]) for c in ("users", "items", "labels"))
    )


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.lists(st.integers(0, N_CONTEXTS - 1), min_size=14, max_size=14), PAIRS)
def test_figures_are_those_of_a_user_for_each_moment(judged, pairs, contexts, known):
    judge, test, known = judged(pairs, contexts, known)
    found = judge(InContext(), test, known)
    alone = replace(test, users=test.users * N_CONTEXTS + test.contexts, contexts=None)
    each = [replace(known, users=known.users * N_CONTEXTS + m) for m in range(N_CONTEXTS)]
    expected = judge(Split(), alone, joined(each))
    by_user = ("stars.rmse_macro", "stars.mae_macro")  # means over users, whatever they were asked
    assert found.counts["picks"]["queries"] == expected.counts["picks"]["users"]
    assert found.counts["picks"]["users"] == len(set(test.users.tolist()))
    for name, value in expected.flat.items():
        if name not in by_user:
            assert found.flat[name] == pytest.approx(value), name
    assert found.ceiling == expected.ceiling


@settings(max_examples=20, deadline=None)
@given(PAIRS, PAIRS)
def test_one_moment_changes_nothing(judged, pairs, known):
    judge, test, known = judged(pairs, [1] * 14, known)
    everyone = Slice("all", "all", "user", np.ones(N_USERS + 1, dtype=bool))
    some = Slice("few", "few", "item", np.arange(N_ITEMS) % 2 == 1)
    options = {"resamples": 30, "slices": [everyone, some]}
    at_once = judge(InContext(), test, known, **options)

    class Still(Split):
        scores = InContext.scores[:, 1]

    never = judge(Still(), replace(test, contexts=None), known, **options)
    assert replace(at_once, seconds=0.0) == replace(never, seconds=0.0)


@pytest.mark.usefixtures("few_users")
def test_users_are_resampled_with_all_their_contexts(judged):
    judge, test, known = judged({(1, 1), (1, 2), (2, 3)}, [0, 1, 0], set())
    model = InContext()
    model.scores = torch.zeros(N_USERS + 1, N_CONTEXTS, N_ITEMS)
    model.scores[1, 0, 1] = model.scores[1, 1, 2] = 1.0  # hits of user 1
    model.scores[2, 0, 4:] = 1.0  # none of user 2
    found = judge(model, test, known, metrics=["hit_rate@1"], resamples=400)
    # Draws of the two users: (1, 1) → 1, (2, 2) → 0, (1, 2) → 2 of 3 queries.
    assert found.metrics["picks"]["raw"]["hit_rate@1"] == pytest.approx(2 / 3)
    assert found.intervals["picks"]["raw"]["hit_rate@1"] == [0.0, 1.0]


def test_slices_count_users_not_contexts(judged):
    judge, test, known = judged({(1, 1), (1, 2), (2, 3)}, [0, 1, 0], set())
    odd = Slice("items", "odd", "item", np.array([False, True, False, True, False, False, False]))
    one = Slice("users", "one", "user", np.array([False, True, False, False, False]))
    found = judge(InContext(), test, known, slices=[odd, one])
    assert [(part["users"], part["interactions"]) for part in found.slices] == [(2, 2), (1, 2)]
