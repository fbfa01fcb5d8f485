import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.labelled import LabelledPairs
from maxella.errors import TrainingError
from maxella.evaluation.names import PROTOCOLS
from maxella.evaluation.pairs import Pairs
from maxella.evaluation.ranks import catalogue_ranks
from maxella.topk import top_k

SCORED = st.sampled_from(["raw", "filtered", "new"])

# User 1's scores of items 1-5:      5    4    4    2    1.
# Held out: 3 and 5. Known: 1 and 2.
# Raw: item 3 has 1 above and 1 beside: 1 + 1 + 1/2 = 2.5; item 5 is last: 5.
# Filtered: candidates 3, 4, 5: ranks 1 and 3.
SCORES = torch.tensor([[0.0] * 6, [99.0, 5.0, 4.0, 4.0, 2.0, 1.0]])
TEST, KNOWN = [(1, 3), (1, 5)], [(1, 1), (1, 2)]


def test_worked_example(make_world):
    world = make_world(SCORES, TEST, KNOWN)
    assert world.ranks("raw") == {1: [2.5, 5.0]}
    assert world.ranks("filtered") == {1: [1.0, 3.0]}


def test_a_held_out_item_that_is_also_known_stays_a_candidate(make_world):
    # Item 1 is held out and known: it stays above item 4, and item 2 goes.
    world = make_world(SCORES, [(1, 1), (1, 4)], KNOWN)
    assert world.ranks("filtered") == {1: [1.0, 3.0]}


def test_repeats_count_once_but_unknown_items_are_different_items(make_world):
    test = [(1, 0), (1, 0), (1, 4), (1, 4)]
    world = make_world(SCORES, test, [(1, 1), (1, 1), (1, 0)])
    assert world.ranks("raw") == {1: [4.0, np.inf, np.inf]}
    assert world.ranks("filtered") == {1: [3.0, np.inf, np.inf]}


def test_what_is_known_of_other_users_takes_nothing_away(make_world):
    scores = SCORES[[0, 1, 1]]
    world = make_world(scores, [(1, 5)], [(2, 1), (2, 2), (0, 3)])
    assert world.ranks("filtered") == {1: [5.0]}


def test_a_tie_gets_the_mean_rank_over_all_ways_of_breaking_it(make_world):
    scores = torch.tensor([[0.0, 0, 0, 0, 0], [0.0, 2, 2, 2, 1]])
    found = []
    for order in itertools.permutations([0.1, 0.2, 0.3, 0.4]):
        broken = scores.clone()
        broken[1, 1:] += torch.tensor(order)
        found.append(make_world(broken, [(1, 2)]).ranks("raw")[1][0])
    assert make_world(scores, [(1, 2)]).ranks("raw")[1][0] == np.mean(found) == 2.0


def test_infinite_scores_are_ranked_like_others(make_world):
    # All three tie: 1 + 2/2. Without item 1, which is known: 1 + 1/2.
    infinite = torch.tensor([[0.0] * 4, [0.0, torch.inf, torch.inf, torch.inf]])
    for scores in (infinite, -infinite):
        world = make_world(scores, [(1, 2)], [(1, 1)])
        assert world.ranks("raw") == {1: [2.0]}
        assert world.ranks("filtered") == {1: [1.5]}
        # The same beside a user of whom more is known.
        world = make_world(scores[[0, 1, 1]], [(1, 2), (2, 2)], [(1, 1), (2, 1), (2, 3)])
        assert world.ranks("filtered") == {1: [1.5], 2: [1.0]}


@given(data=st.data(), protocol=st.sampled_from([*PROTOCOLS]))
@settings(deadline=None)
def test_ranks_equal_the_loop(worlds, data, protocol):
    world = data.draw(worlds(n_levels=3, with_visited=True))
    assert world.ranks(protocol) == world.ranks_by_loop(protocol)


@given(data=st.data(), protocol=SCORED, k=st.integers(1, 14))
@settings(deadline=None)
def test_lists_equal_the_loop(worlds, data, protocol, k):
    world = data.draw(worlds(n_levels=3, with_visited=True))
    users = world.pairs().users.tolist()
    lists = world.catalogue_ranks(k, protocols=[protocol])[protocol].lists.tolist()
    found = {user: tuple(filter(None, items)) for user, items in zip(users, lists, strict=True)}
    assert found == world.lists_by_loop(protocol, k)


@given(data=st.data())
@settings(deadline=None)
def test_taking_candidates_away_never_lowers_an_item(worlds, data):
    world = data.draw(worlds(n_levels=4, with_visited=True))
    found = world.catalogue_ranks(protocols=["raw", "filtered", "new"])
    assert (found["filtered"].ranks <= found["raw"].ranks).all()
    assert (found["filtered"].ranks >= 1).all()
    is_new = world.pairs().truth("new")
    assert (found["new"].ranks <= found["filtered"].ranks)[is_new].all()
    assert (found["new"].ranks >= 1)[is_new].all()


@given(data=st.data())
@settings(deadline=None)
def test_with_nothing_known_both_protocols_agree(worlds, data):
    world = data.draw(worlds(n_levels=3))
    world.known = world.known.take(np.array([], dtype=np.int64))
    found = world.catalogue_ranks(5)
    assert np.array_equal(found["raw"].ranks, found["filtered"].ranks)
    assert np.array_equal(found["raw"].lists, found["filtered"].lists)


@given(data=st.data())
@settings(deadline=None)
def test_monotone_transforms_change_nothing(worlds, data):
    world = data.draw(worlds(n_levels=4))
    plain = world.catalogue_ranks(3)
    world.scores = torch.exp(world.scores) * 7 - 100
    bent = world.catalogue_ranks(3)
    for protocol, found in plain.items():
        assert np.array_equal(found.ranks, bent[protocol].ranks)
        assert np.array_equal(found.lists, bent[protocol].lists)


@given(data=st.data(), cells=st.integers(1, 40))
@settings(deadline=None)
def test_nothing_depends_on_the_chunk_size(worlds, data, cells):
    world = data.draw(worlds(n_levels=4, with_visited=True))
    of_each = {"protocols": ["raw", "filtered", "new"]}
    whole = world.catalogue_ranks(3, **of_each)
    parts = world.catalogue_ranks(3, cells=cells, **of_each)
    for protocol, found in whole.items():
        assert np.array_equal(found.ranks, parts[protocol].ranks)
        assert np.array_equal(found.lists, parts[protocol].lists)


def test_each_user_is_scored_once_and_in_chunks_of_bounded_size():
    asked = []

    class Ranker:
        def score(self, users):
            asked.append(users.tolist())
            return torch.zeros(len(users), 10)

    users = np.repeat(np.arange(1, 8), 3)
    test, known, visited = (
        LabelledPairs(users, items, np.ones(21)) for items in (np.full(21, 4), users, users + 1)
    )
    pairs = Pairs.of(test, known, 10, visited)
    catalogue_ranks(Ranker(), pairs, 2, protocols=["raw", "filtered", "new"], cells=25)
    assert sorted(user for chunk in asked for user in chunk) == [1, 2, 3, 4, 5, 6, 7]
    assert max(map(len, asked)) == 2  # 25 cells hold two rows of 10


def test_lists_hold_the_best_and_leave_the_known_out(make_world):
    found = make_world(SCORES, [(1, 5)], [(1, 1), (1, 4)]).catalogue_ranks(4)
    assert found["raw"].lists.tolist() == [[1, 2, 3, 4]]
    # Three candidates are left; the fourth place stays empty.
    assert found["filtered"].lists.tolist() == [[2, 3, 5, 0]]


@given(data=st.data(), k=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_raw_lists_are_those_of_top_k(worlds, data, k):
    world = data.draw(worlds(n_levels=2))
    users = world.pairs().users
    expected = top_k(world.scores[users, 1:], k)[1] + 1
    assert world.catalogue_ranks(k)["raw"].lists.tolist() == expected.tolist()


def test_scores_of_the_ranker_are_left_as_they_were(make_world):
    class Handing:
        """Hands its own table out, not a copy."""

        scores = SCORES[1:].clone()

        def score(self, users):
            return self.scores

    world = make_world(SCORES, TEST, KNOWN)
    catalogue_ranks(Handing(), world.pairs(), 4)
    assert torch.equal(Handing.scores, SCORES[1:])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_scores_of_other_types_are_ranked_too(make_world, dtype):
    assert make_world(SCORES.to(dtype), TEST, KNOWN).ranks("raw") == {1: [2.5, 5.0]}


def test_scores_that_ask_for_gradients_are_ranked_too(make_world):
    scores = SCORES.clone().requires_grad_()
    assert make_world(scores, TEST, KNOWN).ranks("raw") == {1: [2.5, 5.0]}


def test_scores_that_differ_only_in_float64_are_not_ties(make_world):
    scores = torch.tensor([[0.0] * 3, [0.0, 1.0, 1.0 + 1e-12]], dtype=torch.float64)
    assert make_world(scores, [(1, 1)]).ranks("raw") == {1: [2.0]}


def test_nan_scores_are_refused_with_the_user(make_world):
    scores = torch.zeros(8, 4)
    scores[7, 2] = torch.nan
    world = make_world(scores, [(3, 1), (7, 1)])
    with pytest.raises(TrainingError, match="NaN for 1 of 3 items of user row 7"):
        world.catalogue_ranks()


def test_nan_for_the_unknown_item_does_no_harm(make_world):
    scores = SCORES.clone()
    scores[:, 0] = torch.nan
    assert make_world(scores, [(1, 0), (1, 5)]).ranks("raw") == {1: [5.0, np.inf]}


def test_scores_of_the_wrong_shape_are_refused(make_world):
    class Short:
        def score(self, users):
            return torch.zeros(len(users), 5)

    world = make_world(SCORES, TEST)
    with pytest.raises(ValueError, match=r"shape \(1, 6\).*got \(1, 5\)"):
        catalogue_ranks(Short(), world.pairs(), 0)


@pytest.mark.parametrize(
    ("test", "known", "visited"),
    [([(1, 6)], [], []), ([(1, 1)], [(1, 6)], []), ([(1, 1)], [], [(1, 6)])],
)
def test_item_rows_past_the_catalogue_are_refused(make_world, test, known, visited):
    with pytest.raises(ValueError, match="below n_item_rows = 6, got 6"):
        make_world(SCORES, test, known, visited=visited).catalogue_ranks()
