"""Ranking metrics against worked numbers, a slow reference and two libraries."""

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG
from sklearn.metrics import ndcg_score

from maxella.evaluation.names import PROTOCOLS, parse_metric
from maxella.evaluation.ranking import RANKING_METRICS, UserRanks

# User 0 holds out 2 items, at ranks 1 and 4; user 1 holds out 3, at 2 and 3 and nowhere.
WORKED = UserRanks.of(np.array([0, 1, 0, 1, 1]), np.array([4.0, 3.0, 1.0, 2.0, math.inf]))
IDEAL_2 = 1 + 1 / math.log2(3)  # two held-out items first
IDEAL_3 = IDEAL_2 + 1 / 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k_accuracy@1", 1 / 5),
        ("top_k_accuracy@3", 3 / 5),
        ("top_k_accuracy", 4 / 5),  # the one that is nowhere is in no list, however long
        ("recall@3", (1 / 2 + 2 / 3) / 2),
        ("recall", (1 + 2 / 3) / 2),
        # A list of 2 holds 1 of user 0's and 1 of user 1's; both could have been 2.
        ("capped_recall@2", (1 / 2 + 1 / 2) / 2),
        ("capped_recall@3", (1 / 2 + 2 / 3) / 2),
        ("hit_rate@1", 1 / 2),
        ("hit_rate@2", 1.0),
        ("ndcg@2", (1 / IDEAL_2 + (1 / math.log2(3)) / IDEAL_2) / 2),
        ("ndcg", ((1 + 1 / math.log2(5)) / IDEAL_2 + (1 / math.log2(3) + 1 / 2) / IDEAL_3) / 2),
        ("mrr", (1 + 1 / 2) / 2),
        ("mrr@1", 1 / 2),
        # Precision: user 0 1/1 and 2/4; user 1 1/2 and 2/3.
        ("map", ((1 + 1 / 2) / 2 + (1 / 2 + 2 / 3) / 3) / 2),
        ("map@3", (1 / 2 + (1 / 2 + 2 / 3) / 3) / 2),
    ],
)
def test_worked_numbers(name, value):
    metric, k = parse_metric(name)
    assert RANKING_METRICS[metric].function(WORKED, k).value() == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("metric", RANKING_METRICS)
def test_a_user_whose_items_are_all_unknown_counts_and_gets_nothing(metric):
    held_out = UserRanks.of(np.array([0, 1, 1]), np.array([1.0, math.inf, math.inf]))
    for k in (1, 5, math.inf):
        numerators, denominators = RANKING_METRICS[metric].function(held_out, k).sums
        assert (numerators / denominators).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("users", "ranks", "expected"),
    [
        # Three held-out items, all tied with each other and nothing else: places 1, 2, 3.
        ([0, 0, 0], [2.0, 2.0, 2.0], [1.0, 2.0, 3.0]),
        # Two of them tied with three others behind one better: mean rank 1 + 1 + 4/2 = 4.
        ([0, 0, 0], [4.0, 1.0, 4.0], [1.0, 3.5, 4.5]),
        # The same rank of two users is no tie.
        ([1, 0], [1.5, 1.5], [1.5, 1.5]),
        # Unknown items stay nowhere, after all others of their user.
        ([1, 0, 0, 0], [7.0, math.inf, 9.0, math.inf], [9.0, math.inf, math.inf, 7.0]),
        ([0, 1], [math.inf, math.inf], [math.inf, math.inf]),
    ],
)
def test_held_out_items_that_tie_take_places_in_a_row(users, ranks, expected):
    found = UserRanks.of(np.array(users), np.array(ranks))
    assert found.ranks.tolist() == expected
    assert found.users.tolist() == sorted(users)
    assert found.counts.tolist() == np.bincount(users).tolist()


@pytest.mark.parametrize("metric", RANKING_METRICS)
@given(data=st.data(), k=st.one_of(st.integers(1, 15), st.just(math.inf)))
@settings(max_examples=40, deadline=None)
def test_contract(worlds, metric, data, k):
    """Every metric lies in [0, 1], and is at most what a perfect ranking has."""
    name = metric if math.isinf(k) else f"{metric}@{k}"
    found = data.draw(worlds(n_levels=3, with_visited=True)).evaluate([name])
    for protocol, ceiling in found.ceiling["picks"].items():
        assert 0 <= found.metrics["picks"][protocol][name] <= ceiling[name] + 1e-12
        assert ceiling[name] <= 1 + 1e-12


# What ndcg and capped recall divide by grows with k too, so that they may fall.
GROWING = [name for name in RANKING_METRICS if name not in {"ndcg", "capped_recall"}]


@pytest.mark.parametrize("metric", GROWING)
@given(data=st.data(), k=st.integers(1, 15))
@settings(max_examples=25, deadline=None)
def test_a_longer_list_never_holds_less(worlds, metric, data, k):
    shorter, longer = f"{metric}@{k}", f"{metric}@{k + 1}"
    found = data.draw(worlds(n_levels=3)).evaluate([shorter, longer])
    for figures in (*found.metrics["picks"].values(), *found.ceiling["picks"].values()):
        assert figures[shorter] <= figures[longer] + 1e-12


@pytest.mark.parametrize("metric", RANKING_METRICS)
@pytest.mark.parametrize("n_levels", [3, None], ids=["ties", "no ties"])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_equals_the_loop(worlds, by_loop, metric, n_levels, data):
    world = data.draw(worlds(n_levels=n_levels, with_visited=True))
    names = [metric, f"{metric}@1", f"{metric}@4"]
    found = world.evaluate(names).metrics["picks"]
    assert found.keys() == {p for p in PROTOCOLS if world.held_out(p)}
    for protocol, figures in found.items():
        places = world.places_by_loop(protocol)
        assert figures == pytest.approx({name: by_loop(name, places) for name in names}, abs=1e-12)


@pytest.mark.parametrize("metric", RANKING_METRICS)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_perfect_ranking_reaches_the_ceiling(worlds, metric, data):
    world = data.draw(worlds(with_visited=True))
    names = [metric, f"{metric}@1", f"{metric}@4"]
    for protocol in PROTOCOLS:
        scores, world.scores = world.scores, world.scores.clone()
        for user, items in world.held_out(protocol).items():
            world.scores[user, items] += 1000
        found = world.evaluate(names)
        reached, ceiling = (of["picks"].get(protocol, {}) for of in (found.metrics, found.ceiling))
        assert reached == pytest.approx(ceiling, abs=1e-12)
        world.scores = scores


@given(data=st.data(), k=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_recall_over_interactions_is_top_k_accuracy(worlds, data, k):
    world = data.draw(worlds(n_levels=3))
    places = world.places_by_loop("filtered")
    n = sum(map(len, places.values()))
    of_user = {u: sum(p <= k for p in of_user) / len(of_user) for u, of_user in places.items()}
    weighted = sum(of_user[user] * len(places[user]) / n for user in places)
    name = f"top_k_accuracy@{k}"
    assert world.evaluate([name]).metrics["picks"]["filtered"][name] == pytest.approx(weighted)


IR_MEASURES = {"recall": R, "hit_rate": Success, "ndcg": nDCG, "mrr": RR, "map": AP}


def trec(world, protocol):
    """The world as judgements and a run, the way trec tools want it."""
    held_out = world.held_out(protocol)
    qrels = {str(user): dict.fromkeys(map(str, items), 1) for user, items in held_out.items()}
    run = {
        str(user): {
            str(item): world.scores[user, item].item() for item in world.candidates(user, protocol)
        }
        for user in held_out
    }
    return qrels, run


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data(), k=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_agrees_with_ir_measures(worlds, protocol, data, k):
    world = data.draw(worlds(with_unknown=False, with_visited=True))
    assume(world.held_out(protocol))
    measures = {f"{name}@{k}": measure @ k for name, measure in IR_MEASURES.items()}
    measures |= {"mrr": RR, "map": AP, "ndcg": nDCG}
    found = world.evaluate(list(measures)).metrics["picks"][protocol]
    expected = ir_measures.calc_aggregate(list(measures.values()), *trec(world, protocol))
    assert found == pytest.approx({name: expected[m] for name, m in measures.items()}, abs=1e-9)


@given(data=st.data(), k=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_capped_recall_is_the_larger_of_recall_and_precision(worlds, data, k):
    # hits / min(n, k) is hits / n or hits / k, whichever is larger.
    world = data.draw(worlds(with_unknown=False))
    by_user = {}
    for value in ir_measures.iter_calc([R @ k, P @ k], *trec(world, "filtered")):
        by_user.setdefault(value.query_id, []).append(value.value)
    expected = np.mean([max(values) for values in by_user.values()])
    name = f"capped_recall@{k}"
    assert world.evaluate([name]).metrics["picks"]["filtered"][name] == pytest.approx(
        expected, abs=1e-9
    )


@given(data=st.data(), k=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_ndcg_agrees_with_scikit_learn(worlds, data, k):
    world = data.draw(worlds(with_unknown=False))
    relevant = np.zeros(world.scores.shape)
    relevant[world.test.users, world.test.items] = 1
    users = list(world.held_out())
    expected = ndcg_score(relevant[users, 1:], world.scores.numpy()[users, 1:], k=k)
    name = f"ndcg@{k}"
    assert world.evaluate([name]).metrics["picks"]["raw"][name] == pytest.approx(expected, abs=1e-9)
