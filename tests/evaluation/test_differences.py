"""Differences of the same users on both sides, against figures worked out otherwise."""

from dataclasses import replace

import numpy as np
import pytest

from maxella.evaluation.differences import (
    best_of,
    difference,
    drawn_together,
    losses,
    losses_of_task,
)
from maxella.evaluation.metric import Group, UserSums
from maxella.evaluation.names import metric_of


@pytest.fixture(scope="module")
def worlds_of_two(make_world):
    """One test of 80 users, a ranker and rater, and one that is better at both."""
    rng = np.random.default_rng(3)
    test = [(u, i) for u in range(1, 81) for i in rng.choice(20, size=3, replace=False) + 1]
    known = [(u, i) for u in range(1, 81) for i in rng.choice(20, size=3, replace=False) + 1]
    ratings = rng.integers(1, 6, size=len(test))
    users, items = np.array(test).T
    scores, predictions = rng.normal(size=(81, 21)), np.full((81, 21), 3.0)
    better, nearer = scores.copy(), predictions.copy()
    better[users, items] += 0.7
    nearer[users, items] += (ratings - 3.0) / 2
    options = {"known": known, "visited": known, "ratings": ratings}
    return (
        make_world(better, test, predictions=nearer, **options),
        make_world(scores, test, predictions=predictions, **options),
    )


@pytest.fixture(scope="module")
def reports(worlds_of_two):
    """(the better one's report, the other's)."""
    names = ["ndcg@2", "recall@3", "coverage@3"]
    return tuple(world.evaluate(names, resamples=200) for world in worlds_of_two)


def differences(task, one, other, *, keys=None, **options):
    """Flat key → the difference, of all metrics or of some."""
    keys = one.values[task] if keys is None else keys
    mine, its = drawn_together(task, [one, other], [keys, keys], **{"seed": 1, **options})
    return {key: difference(mine[key], its[key]) for key in mine if key in its}


def test_a_paired_difference_is_that_of_the_figures_and_narrower_than_unpaired(reports):
    better, other = reports
    key = "filtered.ndcg@2"
    found = differences("picks", better, other)[key]
    assert found["difference"] == better.values["picks"][key] - other.values["picks"][key]
    assert 0 < found["low"] < found["difference"] < found["high"]
    ends = [of.intervals["picks"]["filtered"]["ndcg@2"] for of in reports]
    unpaired = (ends[0][1] - ends[0][0]) + (ends[1][1] - ends[1][0])
    assert found["high"] - found["low"] < unpaired
    rated = differences("stars", better, other)["rmse"]
    assert rated["low"] < rated["high"] < 0


def test_a_paired_interval_is_that_of_the_differences_by_user(reports):
    key = "filtered.recall@3"
    found = differences("picks", *reports, keys=[key], resamples=4000)[key]
    of_users = [of.groups["picks"].statistics[key].sums[0] for of in reports]
    half = 1.96 * np.std(of_users[0] - of_users[1]) / np.sqrt(80)
    assert found["low"] == pytest.approx(found["difference"] - half, abs=0.15 * half)
    assert found["high"] == pytest.approx(found["difference"] + half, abs=0.15 * half)


def test_the_same_seed_draws_the_users_of_the_evaluation(worlds_of_two):
    whole = worlds_of_two[0].evaluate(["ndcg@2"], resamples=1000)
    key = "raw.ndcg@2"
    nothing = Group(np.arange(80), {key: UserSums.mean_over_users(np.zeros(80))})
    found = differences("picks", whole, replace(whole, groups={"picks": nothing}))[key]
    ends = whole.intervals["picks"]["raw"]["ndcg@2"]
    assert [found["low"], found["high"]] == pytest.approx(ends)


def test_each_report_is_asked_for_keys_of_its_own(reports):
    better, other = reports
    drawn = drawn_together(
        "picks",
        [better, other, better],
        [["raw.ndcg@2", "raw.recall@3"], ["raw.ndcg@2"], []],
        seed=1,
    )
    assert [list(of) for of in drawn] == [["raw.ndcg@2", "raw.recall@3"], ["raw.ndcg@2"], []]
    same = drawn[0]["raw.recall@3"]
    assert difference(same, same) == {"difference": 0}  # nobody tells them apart: how surely?


def test_metrics_of_lists_and_unknown_ones_have_no_difference(reports):
    assert differences("picks", *reports, keys=["raw.coverage@3", "raw.mrr"]) == {}


def test_what_few_users_count_for_has_a_difference_without_an_interval(reports):
    key = "visited.ndcg@2"
    better, other = reports
    assert better.groups["picks"].statistics[key].counts.sum() < 50
    found = differences("picks", *reports)[key]
    assert found == {"difference": better.values["picks"][key] - other.values["picks"][key]}


@pytest.mark.parametrize(("n_apart", "has_interval"), [(0, False), (1, True)])
def test_two_models_that_nobody_tells_apart_have_no_interval(reports, n_apart, has_interval):
    better = reports[0]
    values = np.random.default_rng(1).random(80)
    pair = [
        replace(better, groups={"picks": Group(np.arange(80), {"raw.mrr": _over_users(of)})})
        for of in (values, values - 0.5 * (np.arange(80) < n_apart))
    ]
    found = differences("picks", *pair, keys=["raw.mrr"])["raw.mrr"]
    assert found["difference"] == pytest.approx(0.5 * n_apart / 80)
    assert ("low" in found) == has_interval


def test_without_resamples_there_are_differences_but_no_intervals(reports):
    found = differences("picks", *reports, resamples=0)
    assert found.keys() == differences("picks", *reports).keys()
    assert all(of.keys() == {"difference"} for of in found.values())


def test_other_users_are_refused(reports):
    better, other = reports
    moved = replace(other, user_rows={"picks": other.user_rows["picks"][::-1]})
    with pytest.raises(ValueError, match="the same users of task 'picks'"):
        differences("picks", better, moved)


def test_the_best_of_each_metric_is_found_whichever_way_is_better(reports):
    better, other = reports
    assert best_of("picks", [other, better])["filtered.ndcg@2"] == 1
    assert best_of("stars", [better, other])["rmse"] == 0
    assert best_of("stars", [other, other])["rmse"] == 0  # of equals the first
    assert best_of("stars", []) == {}


def test_losses_of_reports_are_positive_where_a_figure_got_worse(reports):
    better, other = reports
    found = losses(better, [other, other], seed=1)
    assert {key.split(".")[0] for key in found} == {"picks", "stars"}
    for key, loss in found.items():
        assert loss["value"] == pytest.approx(abs(better.flat[key] - other.flat[key])), key
    assert found["stars.rmse"]["value"] > 0
    gained = losses(other, [better], seed=1)
    assert gained["stars.rmse"]["value"] == pytest.approx(-found["stars.rmse"]["value"])


@pytest.mark.usefixtures("few_users")
def test_a_loss_of_a_metric_with_a_target_is_how_much_further_it_got_from_it():
    before, after = {"coverage_80": _mean(0.75)}, {"coverage_80": _mean(0.9)}
    (loss,) = of(before, [after], np.random.default_rng(1)).values()
    assert loss["value"] == pytest.approx(0.1 - 0.05)
    assert loss["interval"] == pytest.approx([0.05, 0.05])


def test_what_has_nothing_to_measure_costs_nothing():
    before = {"rmse": _root(4.0), "auc_macro": UserSums.ratio(np.zeros(10), np.zeros(10))}
    group = Group(np.arange(10), before)
    known = {"rmse": metric_of("rmse")}  # as a report's table, which lacks what has no value
    found = losses_of_task(known, group, [group], np.random.default_rng(1))
    assert found.keys() == {"rmse"}


def of(before, afters, rng):
    """Losses of metrics by their flat keys, over ten users or as many as there are."""
    groups = [Group(np.arange(len(next(iter(s.values())).counts)), s) for s in (before, *afters)]
    return losses_of_task({key: metric_of(key) for key in before}, groups[0], groups[1:], rng)


@pytest.mark.usefixtures("few_users")
def test_no_change_costs_nothing():
    before = {"rmse": _root(4.0), "filtered.ndcg@2": _mean(0.5)}
    found = of(before, [before, before], np.random.default_rng(1))
    for loss in found.values():
        assert loss == {"value": 0.0, "interval": [0.0, 0.0]}


@pytest.mark.usefixtures("few_users")
def test_a_loss_is_positive_where_the_change_does_harm():
    before = {"rmse": _root(4.0), "filtered.ndcg@2": _mean(0.5)}
    afters = [{"rmse": _root(9.0), "filtered.ndcg@2": _mean(0.2)} for _ in range(3)]
    found = of(before, afters, np.random.default_rng(1))
    assert found["rmse"]["value"] == pytest.approx(1.0)
    assert found["rmse"]["interval"] == pytest.approx([1.0, 1.0])  # of each user alike
    assert found["filtered.ndcg@2"]["value"] == pytest.approx(0.3)
    assert found["filtered.ndcg@2"]["interval"] == pytest.approx([0.3, 0.3])


def test_users_move_the_interval_of_one_try_as_a_paired_difference():
    rng = np.random.default_rng(5)
    base, change = rng.normal(size=400), rng.normal(0.1, 0.5, size=400)
    before, after = UserSums.mean_over_users(base), UserSums.mean_over_users(base - change)
    (loss,) = of(
        {"filtered.mrr": before}, [{"filtered.mrr": after}], np.random.default_rng(1)
    ).values()
    half = 1.96 * change.std() / 20
    assert loss["value"] == pytest.approx(change.mean())
    assert loss["interval"] == pytest.approx(
        [loss["value"] - half, loss["value"] + half], abs=0.006
    )


@pytest.mark.usefixtures("few_users")
def test_tries_that_differ_widen_the_interval_to_the_spread_of_one_more():
    shifts = np.array([-0.3, -0.1, 0.0, 0.1, 0.3])
    before = {"filtered.mrr": _mean(0.5)}
    afters = [{"filtered.mrr": _mean(0.5 + shift)} for shift in shifts]
    (loss,) = of(before, afters, np.random.default_rng(1)).values()
    assert loss["value"] == pytest.approx(0.0)
    farthest = 0.3 * (6 / 4) ** 0.5
    assert loss["interval"] == pytest.approx([-farthest, farthest])


@pytest.mark.usefixtures("few_users")
def test_who_has_no_rating_counts_for_none():
    before = {"rmse": UserSums.ratio(np.array([4.0, 0.0]), np.array([1.0, 0.0])).root}
    after = {"rmse": UserSums.ratio(np.array([9.0, 0.0]), np.array([1.0, 0.0])).root}
    (loss,) = of(before, [after], np.random.default_rng(1)).values()
    assert loss["interval"] == pytest.approx([1.0, 1.0])


def test_a_loss_that_fewer_than_50_users_tell_has_no_interval():
    (loss,) = of({"rmse": _root(4.0, 49)}, [{"rmse": _root(9.0, 49)}], rng := _rng()).values()
    assert loss == {"value": pytest.approx(1.0), "interval": None}
    (loss,) = of({"rmse": _root(4.0, 50)}, [{"rmse": _root(9.0, 50)}], rng).values()
    assert loss["interval"] == pytest.approx([1.0, 1.0])


def _rng():
    return np.random.default_rng(1)


def _root(square, n_users=10):
    return UserSums.ratio(np.full(n_users, 2 * square), np.full(n_users, 2.0)).root


def _over_users(values):
    return UserSums.mean_over_users(values)


def _mean(value, n_users=10):
    return UserSums.mean_over_users(np.full(n_users, value))
