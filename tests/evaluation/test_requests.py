"""A user at a moment is asked like a user of their own, and resampled with their user."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.slices import Slice

N_USERS, N_ITEMS, N_REQUESTS = 4, 7, 3
PAIRS = st.sets(
    st.tuples(st.integers(1, N_USERS), st.integers(1, N_ITEMS - 1)), min_size=1, max_size=14
)


class Moments:
    """Scores and ratings for every user at every moment."""

    reads_requests = True
    rng = torch.Generator().manual_seed(4)
    scores = torch.randn(N_USERS + 1, N_REQUESTS, N_ITEMS, generator=rng)

    def score(self, users, requests):
        return self.scores[users, requests]

    def predict(self, users, items, requests):
        return self.scores[users, requests, items]


class Split:
    """The same where user and moment are one user: row user · moments + moment."""

    scores = Moments.scores.reshape(-1, N_ITEMS)

    def score(self, users):
        return self.scores[users]

    def predict(self, users, items):
        return self.scores[users, items]


@pytest.fixture(scope="session")
def judged(make_world):
    def judge(model, test, seen, **options):
        return evaluate(
            model,
            model,
            test,
            seen=seen,
            n_item_rows=N_ITEMS,
            seed=1,
            **{"resamples": 0, **options},
        )

    def make(pairs, moments, seen):
        world = make_world(
            Split.scores, sorted(pairs), sorted(seen - pairs), ratings=[3.0] * len(pairs)
        )
        return judge, replace(world.test, requests=np.array(moments[: len(pairs)])), world.seen

    return make


@settings(max_examples=60, deadline=None)
@given(PAIRS, st.lists(st.integers(0, N_REQUESTS - 1), min_size=14, max_size=14), PAIRS)
def test_figures_are_those_of_a_user_for_each_moment(judged, pairs, moments, seen):
    judge, test, known = judged(pairs, moments, seen)
    found = judge(Moments(), test, known)
    alone = replace(test, users=test.users * N_REQUESTS + test.requests, requests=None)
    each = [replace(known, users=known.users * N_REQUESTS + m) for m in range(N_REQUESTS)]
    expected = judge(Split(), alone, each[0].join(each[1]).join(each[2]))
    by_user = ("rmse_macro", "mae_macro")  # means over users, whatever they were asked
    assert found.counts["queries"] == expected.counts["users"]
    assert found.counts["users"] == len(set(test.users.tolist()))
    for name, value in expected.flat_metrics().items():
        if name not in by_user:
            assert found.flat_metrics()[name] == pytest.approx(value), name
    assert found.ceiling == expected.ceiling


@settings(max_examples=20, deadline=None)
@given(PAIRS, PAIRS)
def test_one_moment_changes_nothing(judged, pairs, seen):
    judge, test, known = judged(pairs, [1] * 14, seen)
    everyone = Slice("all", "all", "user", np.ones(N_USERS + 1, dtype=bool))
    some = Slice("few", "few", "item", np.arange(N_ITEMS) % 2 == 1)
    options = {"resamples": 30, "slices": [everyone, some]}
    at_once = judge(Moments(), test, known, **options)

    class Still(Split):
        scores = Moments.scores[:, 1]

    never = judge(Still(), replace(test, requests=None), known, **options)
    assert {**at_once.to_dict(), "seconds": 0} == {**never.to_dict(), "seconds": 0}


def test_users_are_resampled_with_all_their_moments(judged):
    judge, test, known = judged({(1, 1), (1, 2), (2, 3)}, [0, 1, 0], set())
    model = Moments()
    model.scores = torch.zeros(N_USERS + 1, N_REQUESTS, N_ITEMS)
    model.scores[1, 0, 1] = model.scores[1, 1, 2] = 1.0  # hits of user 1
    model.scores[2, 0, 4:] = 1.0  # none of user 2
    found = judge(model, test, known, metrics=["hit_rate@1"], resamples=400)
    # Draws of the two users: (1, 1) → 1, (2, 2) → 0, (1, 2) → 2 of 3 queries.
    assert found.metrics["raw"]["hit_rate@1"] == pytest.approx(2 / 3)
    assert found.intervals["raw"]["hit_rate@1"] == [0.0, 1.0]


def test_slices_count_users_not_moments(judged):
    judge, test, known = judged({(1, 1), (1, 2), (2, 3)}, [0, 1, 0], set())
    odd = Slice("items", "odd", "item", np.array([False, True, False, True, False, False, False]))
    one = Slice("users", "one", "user", np.array([False, True, False, False, False]))
    found = judge(Moments(), test, known, slices=[odd, one])
    assert [(part["users"], part["interactions"]) for part in found.slices] == [(2, 2), (1, 2)]
