"""Of two models: the paired interval decides, else their own, else the figures."""

import pytest

from maxella.report.columns import metric_column
from maxella.report.verdict import compare


def pair(task, key, mine, its, half=None, paired=None):
    """Two models with a figure each; `paired` is (difference, low, high) of the first."""

    def model(name, value):
        group, _, metric = key.rpartition(".")
        interval = None if half is None else [value - half, value + half]
        metrics, intervals = {metric: value}, {metric: interval}
        if group:
            metrics, intervals = {group: metrics}, {group: intervals}
        return {"name": name, "metrics": {task: metrics}, "intervals": {task: intervals}}

    first, second = model("first", mine), model("second", its)
    if paired is not None:
        difference, low, high = paired
        found = {"against": "second", "difference": difference, "low": low, "high": high}
        first["paired"] = {task: {key: found}}
    return first, second


def orders(column, first, second):
    """Both ways round: the second must be the opposite."""
    return compare(column, first, second).order, compare(column, second, first).order


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better"), [(0.01, 0.03, 1), (-0.03, -0.01, -1), (-0.01, 0.03, 0)]
)
def test_a_paired_interval_decides_both_ways_round(report, low, high, higher_is_better):
    key = "filtered.ndcg@10"
    ndcg = metric_column(report, "purchase", key)
    # Their own intervals overlap widely: they are not asked.
    models = pair("purchase", key, 0.31, 0.3, half=0.1, paired=(0.02, low, high))
    assert orders(ndcg, *models) == (higher_is_better, -higher_is_better)
    rmse = metric_column(report, "stars", "rmse")
    models = pair("stars", "rmse", 0.31, 0.3, half=0.1, paired=(0.02, low, high))
    assert orders(rmse, *models) == (-higher_is_better, higher_is_better)


def test_the_difference_and_its_interval_are_told_from_where_one_stands(report):
    column = metric_column(report, "liked", "auc")
    first, second = pair("liked", "auc", 0.78, 0.76, paired=(0.02, 0.01, 0.03))
    assert compare(column, first, second).why == "+0.0200, 95 % +0.0100 to +0.0300"
    assert compare(column, second, first).why == "-0.0200, 95 % -0.0300 to -0.0100"


def test_a_paired_difference_with_another_model_says_nothing_here(report):
    column = metric_column(report, "liked", "auc")
    first, second = pair("liked", "auc", 0.78, 0.76, half=0.03, paired=(0.02, 0.01, 0.03))
    second["name"] = "third"
    assert compare(column, first, second).why == "intervals overlap"


@pytest.mark.parametrize(("half", "order"), [(0.01, 1), (0.03, 0)])
def test_unpaired_intervals_must_not_overlap(report, half, order):
    column = metric_column(report, "liked", "auc")
    models = pair("liked", "auc", 0.80, 0.76, half=half)
    assert orders(column, *models) == (order, -order)


def test_without_intervals_the_figures_as_shown_decide(report):
    column = metric_column(report, "liked", "auc")
    assert orders(column, *pair("liked", "auc", 0.80, 0.76)) == (1, -1)
    assert orders(column, *pair("liked", "auc", 0.8001, 0.8004)) == (0, 0)


def test_of_a_target_the_nearer_is_ahead_whatever_the_difference(report):
    column = metric_column(report, "stars", "coverage_80")
    # .79 is .01 from the target of .8, .9 is .1 from it; the difference alone would not say.
    models = pair("stars", "coverage_80", 0.79, 0.9, half=0.01, paired=(-0.11, -0.12, -0.1))
    assert orders(column, *models) == (1, -1)
