import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.labelled import LabelledPairs
from maxella.errors import ConfigError, DataError, TrainingError
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.metric import Metric
from maxella.evaluation.names import DEFAULT_METRICS
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.evaluation.predictions import Predictions
from maxella.evaluation.ranking import LIST_METRICS, RANKING_METRICS
from maxella.evaluation.rating import RATING_METRICS

# Two users, items 1-4; column 0 is the unknown item and scores highest of all.
# User 1 scores 4 3 2 1, has item 1 known, held out are 2 and 4: raw ranks 2, 4, filtered 1, 3.
# User 2 scores 1 2 3 4, has nothing known, held out is 4: rank 1.
SCORES = [[0.0] * 5, [9.0, 4.0, 3.0, 2.0, 1.0], [9.0, 1.0, 2.0, 3.0, 4.0]]
TEST, KNOWN = [(1, 2), (1, 4), (2, 4)], [(1, 1)]
# Predictions 4, 4, 4: errors -1, 1, 3.
RATINGS, PREDICTIONS = [5.0, 3.0, 1.0], [[4.0] * 5] * 3


@pytest.fixture
def toy(make_world):
    return make_world(SCORES, TEST, KNOWN, ratings=RATINGS, predictions=PREDICTIONS)


def test_worked_example(toy):
    names = ["top_k_accuracy@2", "recall@2", "mrr", "coverage@2", "distinct_lists@2"]
    found = toy.evaluate(names)
    assert found.metrics["picks"]["raw"] == pytest.approx(
        {
            "top_k_accuracy@2": 2 / 3,
            "recall@2": (1 / 2 + 1) / 2,
            "mrr": (1 / 2 + 1) / 2,
            "coverage@2": 1.0,  # lists 1 2 and 4 3
            "distinct_lists@2": 1.0,
        }
    )
    assert found.metrics["picks"]["filtered"] == pytest.approx(
        {
            "top_k_accuracy@2": 2 / 3,
            "recall@2": (1 / 2 + 1) / 2,
            "mrr": 1.0,
            "coverage@2": 3 / 4,  # lists 2 3 and 4 3
            "distinct_lists@2": 1.0,
        }
    )
    assert found.metrics["stars"]["rmse"] == pytest.approx(math.sqrt(11 / 3))
    assert found.metrics["stars"]["mae"] == pytest.approx(5 / 3)
    assert found.metrics["stars"]["rmse_macro"] == pytest.approx((1 + 3) / 2)
    assert found.metrics["stars"]["mae_macro"] == pytest.approx((1 + 3) / 2)
    assert found.ceiling["picks"]["raw"] == {"top_k_accuracy@2": 1.0, "recall@2": 1.0, "mrr": 1.0}
    assert found.counts["stars"] == {"users": 2, "interactions": 3}
    assert found.counts["picks"] == {
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
    world, raw = make_world(SCORES, TEST, KNOWN), make_world(turned, TEST, KNOWN)
    world.raw_ranker = raw
    found = world.evaluate(names).metrics["picks"]
    world.raw_ranker = None
    assert found["filtered"] == world.evaluate(names).metrics["picks"]["filtered"]
    assert found["raw"] == raw.evaluate(names).metrics["picks"]["raw"]
    assert found["raw"]["mrr"] == pytest.approx((1 + 1 / 4) / 2)


def test_ratings_are_judged_where_there_are_any(make_world):
    ratings = [
        None if user == TEST[-1][0] else rating
        for (user, _), rating in zip(TEST, RATINGS, strict=True)
    ]
    world = make_world(SCORES, TEST, KNOWN, ratings=ratings, predictions=PREDICTIONS)
    whole = make_world(SCORES, TEST, KNOWN, ratings=RATINGS, predictions=PREDICTIONS)
    found = world.evaluate(["mrr"])
    errors = [PREDICTIONS[u][i] - r for (u, i), r in zip(TEST, ratings, strict=True) if r]
    assert found.metrics["stars"]["rmse"] == pytest.approx(math.sqrt(np.mean(np.square(errors))))
    assert found.metrics["stars"]["rmse_macro"] == pytest.approx(
        math.sqrt(np.mean(np.square(errors)))
    )
    assert found.metrics["picks"]["raw"] == whole.evaluate(["mrr"]).metrics["picks"]["raw"]


@pytest.mark.parametrize("protocol", ["raw", "filtered"])
def test_one_protocol_alone_gives_what_it_gives_beside_the_other(crowd, protocol):
    both, one = crowd.evaluate(), crowd.evaluate(protocols=[protocol])
    assert one.metrics["picks"] == {protocol: both.metrics["picks"][protocol]}
    assert one.metrics["stars"] == both.metrics["stars"]
    assert one.ceiling["picks"] == {protocol: both.ceiling["picks"][protocol]}
    assert one.counts == both.counts


def test_an_unknown_protocol_is_named_with_the_nearest(toy):
    with pytest.raises(ConfigError, match="filtered"):
        toy.evaluate(protocols=["filterd"])


def test_ceiling_is_below_one_where_a_list_is_too_short(toy):
    # Three interactions, two users: at best two items are first. User 1 gets 1 of 2,
    # which is all that a list of one can hold.
    names = ["top_k_accuracy@1", "recall@1", "capped_recall@1"]
    expected = {"top_k_accuracy@1": 2 / 3, "recall@1": 3 / 4, "capped_recall@1": 1.0}
    assert toy.evaluate(names).ceiling["picks"] == {"raw": expected, "filtered": expected}


@pytest.mark.parametrize("recall", ["recall@4", "recall"])
def test_unknown_items_lower_the_ceiling(make_world, recall):
    # User 1 holds out item 2 and one the model does not know: at best 1 of 2.
    found = make_world(SCORES, [(1, 0), (1, 2)], KNOWN).evaluate([recall, "mrr"])
    assert found.ceiling["picks"]["raw"] == {recall: 0.5, "mrr": 1.0}
    assert found.metrics["picks"]["raw"] == {recall: 0.5, "mrr": 0.5}
    assert found.counts["picks"]["unknown_items"] == 1


def test_repeated_test_pairs_are_ranked_once_and_rated_each(make_world):
    world = make_world(
        SCORES, [(1, 2), (1, 2), (2, 1)], ratings=[4.0, 1.0, 4.0], predictions=PREDICTIONS
    )
    found = world.evaluate(["top_k_accuracy@2"])
    assert (found.counts["picks"]["interactions"], found.counts["picks"]["ranked"]) == (3, 2)
    assert (
        found.metrics["picks"]["raw"]["top_k_accuracy@2"] == 1 / 2
    )  # item 2 is second, item 1 last
    assert found.metrics["stars"]["mae"] == pytest.approx((0 + 3 + 0) / 3)


def test_a_constant_scorer_gets_the_middle_rank(make_world):
    # Nine candidates that all tie: expected rank (9 + 1) / 2 = 5 for one held-out item.
    names = ["top_k_accuracy@4", "top_k_accuracy@5", "mrr"]
    world = make_world(torch.zeros(2, 10), [(1, 7)], [(1, 1), (1, 2)])
    found = world.evaluate(names).metrics["picks"]
    assert found["raw"] == {"top_k_accuracy@4": 0.0, "top_k_accuracy@5": 1.0, "mrr": 1 / 5}
    # Without the two known ones, seven candidates: rank 4.
    assert found["filtered"] == {"top_k_accuracy@4": 1.0, "top_k_accuracy@5": 1.0, "mrr": 1 / 4}


def test_a_constant_scorer_gets_no_full_marks_for_many_held_out_items(make_world):
    # 3 of 9 tied candidates held out: around the middle, at 4, 5 and 6.
    world = make_world(torch.zeros(2, 10), [(1, 7), (1, 8), (1, 9)])
    found = world.evaluate(["recall@3", "recall@5", "recall@6"]).metrics["picks"]["raw"]
    assert found == {"recall@3": 0.0, "recall@5": 2 / 3, "recall@6": 1.0}


@given(data=st.data(), k=st.integers(1, 14))
@settings(deadline=None)
def test_list_metrics_equal_the_loop(worlds, data, k):
    world = data.draw(worlds(n_levels=3, with_visited=True))
    # Lists of two lengths: the shorter ones are the beginnings of the longer.
    found = world.evaluate([f"coverage@{k}", f"distinct_lists@{k}", "coverage@9"]).metrics["picks"]
    assert found.keys() == {"raw", "filtered", "new"}  # visited ones stand in the filtered lists
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
    world = data.draw(worlds(n_levels=4, with_visited=True))
    plain = world.evaluate()
    rng = np.random.default_rng(seed)
    new_row = rng.permutation(len(world.scores))  # user u becomes new_row[u]
    moved = torch.empty_like(world.scores)
    moved[new_row] = world.scores
    world.scores = moved
    shuffled = world.test.take(rng.permutation(len(world.test)))
    world.test = replace(shuffled, users=new_row[shuffled.users])
    world.known = replace(world.known, users=new_row[world.known.users])
    world.visited = replace(world.visited, users=new_row[world.visited.users])
    other = world.evaluate()
    assert other.flat == pytest.approx(plain.flat, abs=1e-12)
    for protocol, ceiling in plain.ceiling["picks"].items():
        assert other.ceiling["picks"][protocol] == pytest.approx(ceiling, abs=1e-12)
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
        assert found.intervals["picks"][protocol].keys() == set(names)
        for name, (low, high) in found.intervals["picks"][protocol].items():
            assert low < found.metrics["picks"][protocol][name] < high
    assert found.intervals["stars"].keys() == RATING_METRICS.keys()
    for name, (low, high) in found.intervals["stars"].items():
        assert low < found.metrics["stars"][name] < high


def test_list_metrics_have_no_interval_and_no_ceiling(crowd):
    names = {name for name in DEFAULT_METRICS if not name.endswith(("@50", "@100"))}
    found = crowd.evaluate(sorted(names), resamples=20)  # longer lists hold all 40 items
    expected = {name for name in names if name.split("@")[0] not in LIST_METRICS}
    assert found.metrics["picks"]["raw"].keys() == names
    for protocol in ("raw", "filtered"):
        assert found.intervals["picks"][protocol].keys() == expected
        assert found.ceiling["picks"][protocol].keys() == expected


def test_no_resamples_no_intervals(toy):
    assert toy.evaluate(resamples=0).intervals == {"picks": {}, "stars": {}}


def test_the_same_seed_gives_the_same_report_and_another_one_other_intervals(crowd):
    first, second = (crowd.evaluate(["mrr"], resamples=50, seed=3) for _ in range(2))
    other = crowd.evaluate(["mrr"], resamples=50, seed=4)
    assert replace(first, seconds=0) == replace(second, seconds=0)
    assert first.metrics == other.metrics
    assert first.intervals != other.intervals


def test_a_metric_does_not_change_with_the_company_it_keeps(crowd):
    alone = crowd.evaluate(["mrr"], resamples=50)
    among = crowd.evaluate(["recall@3", "mrr", "coverage@5"], resamples=50)
    alone, among = (
        [of["picks"]["raw"]["mrr"] for of in (one.metrics, one.intervals)] for one in (alone, among)
    )
    assert alone[0] == among[0]
    assert alone[1] == pytest.approx(among[1], abs=1e-12)


def test_only_the_tasks_are_judged_that_someone_answers_for(toy):
    rating = evaluate(toy.exams(), {"stars": toy}, n_item_rows=5, seed=1)
    assert rating.metrics.keys() == rating.counts.keys() == {"stars"}
    assert rating.metrics["stars"].keys() == RATING_METRICS.keys()
    assert rating.ceiling == {}
    ranking = evaluate(toy.exams(), {"picks": toy}, n_item_rows=5, seed=1)
    assert ranking.metrics.keys() == {"picks"}
    both = toy.evaluate()
    assert both.values == ranking.values | rating.values


def test_a_task_does_not_depend_on_the_others(crowd):
    alone = evaluate(crowd.exams()[1:], {"stars": crowd}, n_item_rows=41, seed=1, resamples=30)
    among = crowd.evaluate(resamples=30)
    assert among.intervals["stars"] == alone.intervals["stars"]


# As above, but user 1 has viewed item 4 and user 2 item 3. Of user 1 item 2 is new, among 2 and 3
# (rank 1), item 4 is visited: filtered rank 3. Of user 2 item 4 is new, of rank 1.
def test_a_new_kind_of_task_brings_its_own_metrics(toy):
    def bias(pairs: Predictions):
        return pairs.mean(pairs.errors)

    table = {"bias": Metric(bias, "bias", "mean error", direction="target", target=0.0)}
    exam = PointwiseExam("stars", toy.rated, table, {"range": lambda p: [float(p.labels.max())]})
    found = evaluate([exam], {"stars": toy}, n_item_rows=5, seed=1)
    assert found.metrics["stars"] == {"bias": 1.0}
    assert found.described["stars"]["bias"]["target"] == 0.0
    assert found.curves == {"range": {"stars": [5.0]}}


def test_every_key_of_a_report_is_described(make_world):
    world = make_world(
        SCORES, TEST, KNOWN, visited=[(1, 4)], ratings=RATINGS, predictions=PREDICTIONS
    )
    found = world.evaluate()
    for exam in world.exams():
        described = found.described[exam.name]
        assert described.keys() == found.values[exam.name].keys()
        assert described == {key: exam.metric_of(key).facts() for key in described}
    facts = found.described["picks"]["filtered.top_k_accuracy@100"]
    assert (facts["label"], facts["direction"], facts["digits"]) == (
        "filtered top-100",
        "higher",
        3,
    )
    assert facts.keys() == {"label", "meaning", "importance", "direction", "target", "digits"}


@pytest.mark.parametrize("n_users", [49, 50])
def test_fewer_than_fifty_users_get_no_interval(make_world, n_users):
    users = np.arange(1, n_users + 1)
    scores = np.random.default_rng(1).random((n_users + 1, 9))
    test = np.column_stack([users, 1 + users % 8])
    # The pair of one user is new: of `new` and `visited` fewer than 50 count.
    world = make_world(scores, test, visited=test[1:], ratings=users % 5, predictions=scores)
    found = world.evaluate(["mrr"], resamples=20).intervals
    if n_users < 50:
        assert found == {"picks": {}, "stars": {}}
    else:
        assert found["picks"].keys() == {"raw", "filtered"}
        assert found["stars"].keys() == RATING_METRICS.keys()


def test_a_report_is_plain_json(crowd):
    found = crowd.evaluate(resamples=20)
    parts = [found.metrics, found.intervals, found.ceiling, found.counts, found.described]
    assert json.loads(json.dumps(parts, allow_nan=False)) == parts


def test_flat_values_name_the_task_and_the_protocol(toy):
    found = toy.evaluate(["mrr"])
    expected = {"picks.raw.mrr": 3 / 4, "picks.filtered.mrr": 1.0}
    expected |= {f"stars.{name}": found.metrics["stars"][name] for name in RATING_METRICS}
    assert found.flat == expected


def test_many_predictions_are_asked_for_in_parts():
    sizes = []

    class Counting:
        def predict(self, users, items):
            sizes.append(len(users))
            return users.float() + items.float()

    users, items = np.full(70_000, 1), np.full(70_000, 2)
    test = LabelledPairs(users, items, np.full(70_000, 3.0, dtype=np.float32))
    exam = PointwiseExam("stars", test, RATING_METRICS)
    found = evaluate([exam], {"stars": Counting()}, n_item_rows=5, seed=0)
    assert found.metrics["stars"]["rmse"] == 0
    assert sum(sizes) == 70_000
    assert max(sizes) < 70_000


def test_frozen_arrays_are_taken_as_they_are(toy):
    for column in (toy.test.users, toy.test.items, toy.rated.labels, toy.known.items):
        column.flags.writeable = False
    assert toy.evaluate().metrics["stars"]["mae"] == pytest.approx(5 / 3)


def test_an_empty_test_is_refused(make_world):
    with pytest.raises(DataError, match=r"test part of task 'picks' has none.*above 0"):
        make_world(SCORES, []).evaluate()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_predictions_that_are_no_numbers_are_refused_with_the_pair(toy, value):
    toy.predictions[2, 4] = value
    with pytest.raises(TrainingError, match=r"task 'stars'.* 1 of 3.*user row 2 and item row 4"):
        toy.evaluate()


def test_nan_scores_are_refused_with_the_user(toy):
    toy.scores[2, 3] = math.nan
    with pytest.raises(TrainingError, match="NaN for 1 of 4 items of user row 2"):
        toy.evaluate()


def test_unknown_metrics_are_refused(toy):
    with pytest.raises(ConfigError, match="Did you mean 'recall'"):
        toy.evaluate(["recal@10"])
