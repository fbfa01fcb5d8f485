import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.interactions import Interactions
from maxella.errors import ConfigError, DataError, TrainingError
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.lists import LIST_METRICS
from maxella.evaluation.names import DEFAULT_METRICS
from maxella.evaluation.ranking import RANKING_METRICS
from maxella.evaluation.rating import RATING_METRICS

# Two users, items 1-4; column 0 is the unknown item and scores highest of all.
# User 1 scores 4 3 2 1, has seen item 1, held out are 2 and 4: raw ranks 2 and 4, filtered 1 and 3.
# User 2 scores 1 2 3 4, has seen nothing, held out is 4: rank 1.
SCORES = [[0.0] * 5, [9.0, 4.0, 3.0, 2.0, 1.0], [9.0, 1.0, 2.0, 3.0, 4.0]]
TEST, SEEN = [(1, 2), (1, 4), (2, 4)], [(1, 1)]
# Predictions 4, 4, 4: errors -1, 1, 3.
RATINGS, PREDICTIONS = [5.0, 3.0, 1.0], [[4.0] * 5] * 3


@pytest.fixture
def toy(make_world):
    return make_world(SCORES, TEST, SEEN, ratings=RATINGS, predictions=PREDICTIONS)


def test_worked_example(toy):
    names = ["top_k_accuracy@2", "recall@2", "mrr", "coverage@2", "distinct_lists@2"]
    found = toy.evaluate(names)
    assert found.metrics["raw"] == pytest.approx(
        {
            "top_k_accuracy@2": 2 / 3,
            "recall@2": (1 / 2 + 1) / 2,
            "mrr": (1 / 2 + 1) / 2,
            "coverage@2": 1.0,  # lists 1 2 and 4 3
            "distinct_lists@2": 1.0,
        }
    )
    assert found.metrics["filtered"] == pytest.approx(
        {
            "top_k_accuracy@2": 2 / 3,
            "recall@2": (1 / 2 + 1) / 2,
            "mrr": 1.0,
            "coverage@2": 3 / 4,  # lists 2 3 and 4 3
            "distinct_lists@2": 1.0,
        }
    )
    assert found.metrics["rmse"] == pytest.approx(math.sqrt(11 / 3))
    assert found.metrics["mae"] == pytest.approx(5 / 3)
    assert found.metrics["rmse_macro"] == pytest.approx((1 + 3) / 2)
    assert found.metrics["mae_macro"] == pytest.approx((1 + 3) / 2)
    assert found.ceiling["raw"] == {"top_k_accuracy@2": 1.0, "recall@2": 1.0, "mrr": 1.0}
    assert found.counts == {
        "users": 2,
        "queries": 2,
        "interactions": 3,
        "ranked": 3,
        "candidates": 4,
        "unknown_items": 0,
    }


def test_a_raw_ranker_scores_for_the_raw_protocol_alone(make_world):
    # The raw ranker turns every order round: user 1's held-out items have raw ranks 3 and 1,
    # user 2's rank 4. The lists of two are 4 3 and 1 2.
    turned = [[0.0] * 5, [9.0, 1.0, 2.0, 3.0, 4.0], [9.0, 4.0, 3.0, 2.0, 1.0]]
    names = ["top_k_accuracy@1", "mrr", "coverage@2"]
    world, raw = make_world(SCORES, TEST, SEEN), make_world(turned, TEST, SEEN)
    found = world.evaluate(names, raw_ranker=raw).metrics
    assert found["filtered"] == world.evaluate(names).metrics["filtered"]
    assert found["raw"] == raw.evaluate(names).metrics["raw"]
    assert found["raw"]["mrr"] == pytest.approx((1 + 1 / 4) / 2)


def test_ratings_are_judged_where_there_are_any(make_world):
    ratings = [
        None if user == TEST[-1][0] else rating
        for (user, _), rating in zip(TEST, RATINGS, strict=True)
    ]
    world = make_world(SCORES, TEST, SEEN, ratings=ratings, predictions=PREDICTIONS)
    whole = make_world(SCORES, TEST, SEEN, ratings=RATINGS, predictions=PREDICTIONS)
    found = world.evaluate(["mrr"], resamples=20)
    errors = [PREDICTIONS[u][i] - r for (u, i), r in zip(TEST, ratings, strict=True) if r]
    assert found.metrics["rmse"] == pytest.approx(math.sqrt(np.mean(np.square(errors))))
    assert found.metrics["rmse_macro"] == pytest.approx(math.sqrt(np.mean(np.square(errors))))
    assert found.metrics["raw"] == whole.evaluate(["mrr"]).metrics["raw"]


@pytest.mark.parametrize("protocol", ["raw", "filtered"])
def test_one_protocol_alone_gives_what_it_gives_beside_the_other(crowd, protocol):
    other = {"raw": "filtered", "filtered": "raw"}[protocol]
    both, one = crowd.evaluate(), crowd.evaluate(protocols=[protocol])
    assert one.metrics == {name: of for name, of in both.metrics.items() if name != other}
    assert one.ceiling == {protocol: both.ceiling[protocol]}
    assert one.counts == both.counts


def test_an_unknown_protocol_is_named_with_the_nearest(toy):
    with pytest.raises(ConfigError, match="filtered"):
        toy.evaluate(protocols=["filterd"])


def test_ceiling_is_below_one_where_a_list_is_too_short(toy):
    # Three interactions, two users: at best two items are first. User 1 gets 1 of 2,
    # which is all that a list of one can hold.
    names = ["top_k_accuracy@1", "recall@1", "capped_recall@1"]
    expected = {"top_k_accuracy@1": 2 / 3, "recall@1": 3 / 4, "capped_recall@1": 1.0}
    assert toy.evaluate(names).ceiling == {"raw": expected, "filtered": expected}


@pytest.mark.parametrize("recall", ["recall@4", "recall"])
def test_unknown_items_lower_the_ceiling(make_world, recall):
    # User 1 holds out item 2 and one the model does not know: at best 1 of 2.
    found = make_world(SCORES, [(1, 0), (1, 2)], SEEN).evaluate([recall, "mrr"])
    assert found.ceiling["raw"] == {recall: 0.5, "mrr": 1.0}
    assert found.metrics["raw"] == {recall: 0.5, "mrr": 0.5}
    assert found.counts["unknown_items"] == 1


def test_repeated_test_pairs_are_ranked_once_and_rated_each(make_world):
    world = make_world(
        SCORES, [(1, 2), (1, 2), (2, 1)], ratings=[4.0, 1.0, 4.0], predictions=PREDICTIONS
    )
    found = world.evaluate(["top_k_accuracy@2"])
    assert (found.counts["interactions"], found.counts["ranked"]) == (3, 2)
    assert found.metrics["raw"]["top_k_accuracy@2"] == 1 / 2  # item 2 is second, item 1 last
    assert found.metrics["mae"] == pytest.approx((0 + 3 + 0) / 3)


def test_a_constant_scorer_gets_the_middle_rank(make_world):
    # Nine candidates that all tie: expected rank (9 + 1) / 2 = 5 for one held-out item.
    names = ["top_k_accuracy@4", "top_k_accuracy@5", "mrr"]
    found = make_world(torch.zeros(2, 10), [(1, 7)], [(1, 1), (1, 2)]).evaluate(names).metrics
    assert found["raw"] == {"top_k_accuracy@4": 0.0, "top_k_accuracy@5": 1.0, "mrr": 1 / 5}
    # Without the two seen ones, seven candidates: rank 4.
    assert found["filtered"] == {"top_k_accuracy@4": 1.0, "top_k_accuracy@5": 1.0, "mrr": 1 / 4}


def test_a_constant_scorer_gets_no_full_marks_for_many_held_out_items(make_world):
    # 3 of 9 tied candidates held out: around the middle, at 4, 5 and 6.
    world = make_world(torch.zeros(2, 10), [(1, 7), (1, 8), (1, 9)])
    found = world.evaluate(["recall@3", "recall@5", "recall@6"]).metrics["raw"]
    assert found == {"recall@3": 0.0, "recall@5": 2 / 3, "recall@6": 1.0}


@given(data=st.data(), k=st.integers(1, 14))
@settings(deadline=None)
def test_list_metrics_equal_the_loop(worlds, data, k):
    world = data.draw(worlds(n_levels=3))
    # Lists of two lengths: the shorter ones are the beginnings of the longer.
    found = world.evaluate([f"coverage@{k}", f"distinct_lists@{k}", "coverage@9"]).metrics
    n_candidates = world.scores.shape[1] - 1
    for protocol, figures in found.items():
        lists, longer = (world.lists_by_loop(protocol, n).values() for n in (k, 9))
        expected = {
            f"coverage@{k}": len(set().union(*lists)) / n_candidates,
            f"distinct_lists@{k}": len(set(lists)) / len(lists),
            "coverage@9": len(set().union(*longer)) / n_candidates,
        }
        assert figures == pytest.approx(expected)


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_the_order_of_users_and_rows_does_not_matter(worlds, data, seed):
    world = data.draw(worlds(n_levels=4))
    plain = world.evaluate()
    rng = np.random.default_rng(seed)
    new_row = rng.permutation(len(world.scores))  # user u becomes new_row[u]
    moved = torch.empty_like(world.scores)
    moved[new_row] = world.scores
    world.scores = moved
    shuffled = world.test.take(rng.permutation(len(world.test)))
    world.test = replace(shuffled, users=new_row[shuffled.users])
    world.seen = replace(world.seen, users=new_row[world.seen.users])
    other = world.evaluate()
    for protocol in ("raw", "filtered"):
        assert other.metrics[protocol] == pytest.approx(plain.metrics[protocol], abs=1e-12)
        assert other.ceiling[protocol] == pytest.approx(plain.ceiling[protocol], abs=1e-12)
    assert other.counts == plain.counts


@pytest.fixture(scope="module")
def crowd(make_world):
    """300 users with 4 held-out items each, among 40."""
    rng = np.random.default_rng(5)
    scores = rng.random((301, 41)).astype(np.float32)
    users = np.repeat(np.arange(1, 301), 4)
    test, seen = (np.column_stack([users, rng.integers(1, 41, size=1200)]) for _ in range(2))
    ratings = rng.integers(1, 6, size=1200)
    return make_world(scores, test, seen, ratings=ratings, predictions=scores * 5)


def test_intervals_have_the_shape_of_the_metrics_and_hold_them(crowd):
    names = [f"{metric}@10" for metric in RANKING_METRICS]
    found = crowd.evaluate(names, resamples=1000)
    for protocol in ("raw", "filtered"):
        assert found.intervals[protocol].keys() == found.metrics[protocol].keys()
        for name, (low, high) in found.intervals[protocol].items():
            assert low < found.metrics[protocol][name] < high
    for name in RATING_METRICS:
        low, high = found.intervals[name]
        assert low < found.metrics[name] < high


def test_list_metrics_have_no_interval_and_no_ceiling(toy):
    found = toy.evaluate(resamples=20)
    expected = {name for name in DEFAULT_METRICS if name.split("@")[0] not in LIST_METRICS}
    assert found.metrics["raw"].keys() == set(DEFAULT_METRICS)
    for protocol in ("raw", "filtered"):
        assert found.intervals[protocol].keys() == expected
        assert found.ceiling[protocol].keys() == expected


def test_no_resamples_no_intervals(toy):
    assert toy.evaluate(resamples=0).intervals == {}


def test_the_same_seed_gives_the_same_report_and_another_one_other_intervals(crowd):
    first, second = (crowd.evaluate(["mrr"], resamples=50, seed=3) for _ in range(2))
    other = crowd.evaluate(["mrr"], resamples=50, seed=4)
    assert replace(first, seconds=0) == replace(second, seconds=0)
    assert first.metrics == other.metrics
    assert first.intervals != other.intervals


def test_a_metric_does_not_change_with_the_company_it_keeps(crowd):
    alone = crowd.evaluate(["mrr"], resamples=50)
    among = crowd.evaluate(["recall@3", "mrr", "coverage@5"], resamples=50)
    assert alone.metrics["raw"]["mrr"] == among.metrics["raw"]["mrr"]
    assert alone.intervals["raw"]["mrr"] == pytest.approx(among.intervals["raw"]["mrr"], abs=1e-12)


def test_without_a_ranker_only_ratings_and_without_a_rater_only_ranks(toy):
    test = {"test": toy.test, "seen": toy.seen, "n_item_rows": 5, "seed": 1}
    rating = evaluate(None, toy, **test)
    assert rating.metrics.keys() == rating.intervals.keys() == RATING_METRICS.keys()
    assert rating.ceiling == {}
    ranking = evaluate(toy, None, **test)
    assert ranking.metrics.keys() == {"raw", "filtered"}


def test_a_report_is_plain_json(toy):
    found = toy.evaluate(resamples=20)
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert read == {
        "metrics": found.metrics,
        "intervals": found.intervals,
        "ceiling": found.ceiling,
        "counts": found.counts,
        "slices": [],
        "seconds": found.seconds,
    }


def test_flat_metrics_name_the_protocol(toy):
    found = toy.evaluate(["mrr"])
    expected = {"raw.mrr": 3 / 4, "filtered.mrr": 1.0}
    expected |= {name: found.metrics[name] for name in RATING_METRICS}
    assert found.flat_metrics() == expected


def test_many_predictions_are_asked_for_in_parts():
    sizes = []

    class Counting:
        def predict(self, users, items):
            sizes.append(len(users))
            return users.float() + items.float()

    users, items = np.full(70_000, 1), np.full(70_000, 2)
    test = Interactions(users, items, np.full(70_000, 3.0, dtype=np.float32))
    found = evaluate(None, Counting(), test, seen=test, n_item_rows=5, seed=0, resamples=0)
    assert found.metrics["rmse"] == 0
    assert sum(sizes) == 70_000
    assert max(sizes) < 70_000


def test_frozen_arrays_are_taken_as_they_are(toy):
    for column in (toy.test.users, toy.test.items, toy.test.ratings, toy.seen.items):
        column.flags.writeable = False
    assert toy.evaluate().metrics["mae"] == pytest.approx(5 / 3)


def test_an_empty_test_is_refused(make_world):
    with pytest.raises(DataError, match=r"test part has none.*above 0"):
        make_world(SCORES, []).evaluate()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_predictions_that_are_no_numbers_are_refused_with_the_pair(toy, value):
    toy.predictions[2, 4] = value
    with pytest.raises(TrainingError, match=r"1 of 3.*user row 2 and item row 4"):
        toy.evaluate()


def test_nan_scores_are_refused_with_the_user(toy):
    toy.scores[2, 3] = math.nan
    with pytest.raises(TrainingError, match="NaN for 1 of 4 items of user row 2"):
        toy.evaluate()


def test_a_rater_wants_ratings(make_world):
    with pytest.raises(DataError, match="the data have none"):
        make_world(SCORES, TEST, predictions=PREDICTIONS).evaluate()


def test_unknown_metrics_are_refused(toy):
    with pytest.raises(ConfigError, match="Did you mean 'recall'"):
        toy.evaluate(["recal@10"])
