"""Items that a user had met before the test, and new ones, apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# Two users, items 1-4; column 0 is the unknown item and scores highest of all.
# User 1 scores 4 3 2 1, has item 1 known, held out are 2 and 4: raw ranks 2, 4, filtered 1, 3.
# User 2 scores 1 2 3 4, has nothing known, held out is 4: rank 1.

SCORES = [[0.0] * 5, [9.0, 4.0, 3.0, 2.0, 1.0], [9.0, 1.0, 2.0, 3.0, 4.0]]
TEST, KNOWN = [(1, 2), (1, 4), (2, 4)], [(1, 1)]
# Predictions 4, 4, 4: errors -1, 1, 3.
RATINGS, PREDICTIONS = [5.0, 3.0, 1.0], [[4.0] * 5] * 3


def test_new_and_visited_items_worked_by_hand(make_world):
    world = make_world(SCORES, TEST, KNOWN, visited=[(1, 4), (2, 3)])
    found = world.evaluate(["mrr", "top_k_accuracy@2", "coverage@2"])
    assert found.metrics["picks"]["new"] == {
        "mrr": 1.0,
        "top_k_accuracy@2": 1.0,
        "coverage@2": 3 / 4,  # lists 2 3 and 4 2
    }
    assert found.metrics["picks"]["visited"] == {"mrr": 1 / 3, "top_k_accuracy@2": 0.0}
    assert found.ceiling["picks"]["visited"] == {"mrr": 1.0, "top_k_accuracy@2": 1.0}
    assert (found.counts["picks"]["new"], found.counts["picks"]["visited"]) == (2, 1)
    plain = make_world(SCORES, TEST, KNOWN).evaluate(["mrr", "top_k_accuracy@2", "coverage@2"])
    for protocol in ("raw", "filtered"):
        assert found.metrics["picks"][protocol] == plain.metrics["picks"][protocol]


@pytest.mark.parametrize(
    ("known", "visited"),
    [([], [(1, 2)]), ([(1, 2)], []), ([(1, 2)], [(1, 2)])],
    ids=["in another event", "in this task: a repeat", "in both"],
)
def test_a_pair_that_was_met_before_counts_as_visited(make_world, known, visited):
    found = make_world(SCORES, TEST, known, visited=visited).evaluate(["mrr"])
    assert (found.counts["picks"]["new"], found.counts["picks"]["visited"]) == (2, 1)
    assert found.metrics["picks"]["visited"]["mrr"] == 1 / 2  # it stays a candidate, behind item 1
    assert found.metrics["picks"]["new"]["mrr"] == (1 / 3 + 1) / 2  # item 4 behind 1 and 3


def test_an_item_that_the_model_does_not_know_is_new(make_world):
    found = make_world(SCORES, [(1, 0), (1, 2)], visited=[(1, 0), (1, 2)]).evaluate(["recall@4"])
    assert (found.counts["picks"]["new"], found.counts["picks"]["visited"]) == (1, 1)
    assert found.metrics["picks"]["new"]["recall@4"] == 0.0
    assert found.metrics["picks"]["visited"]["recall@4"] == 1.0


def test_without_a_pair_to_look_for_a_protocol_has_no_ranking_metrics(make_world):
    found = make_world(SCORES, TEST, visited=TEST).evaluate(["mrr", "coverage@1"])
    assert found.metrics["picks"]["new"].keys() == {"coverage@1"}
    assert found.ceiling["picks"].keys() == {"raw", "filtered", "visited"}


@given(data=st.data(), k=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_every_held_out_pair_is_new_or_visited(worlds, data, k):
    world = data.draw(worlds(n_levels=3, with_visited=True))
    found = world.evaluate([f"top_k_accuracy@{k}"])
    counts = found.counts["picks"]
    assert counts["new"] + counts["visited"] == counts["ranked"]
