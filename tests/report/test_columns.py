import pytest

from maxella.report.columns import (
    FIT_SECONDS,
    headline_columns,
    metric_column,
    shown_columns,
)
from maxella.report.tasks import in_table_order, learnt, told_rows, told_weights


@pytest.fixture
def rmse(report):
    return metric_column(report, "stars", "rmse")


@pytest.fixture
def coverage(report):
    return metric_column(report, "stars", "coverage_80")  # its target is .8


@pytest.fixture
def ndcg(report):
    return metric_column(report, "purchase", "filtered.ndcg@10")


def row(column, value, interval=None, weight=1.0):
    """A model that has learnt the column's task, with one figure."""
    metrics, intervals = value, interval
    for key in reversed(column.path[1:]):
        metrics, intervals = {key: metrics}, {key: intervals}
    tasks = {column.task: weight}
    return {"kind": "model", "tasks": tasks, "metrics": metrics, "intervals": intervals}


def rows(column, *values):
    return [row(column, value) for value in values]


def test_a_cell_has_the_figure_and_half_its_interval(rmse):
    # (0.946 - 0.934) / 2 = 0.006
    assert rmse.cell(row(rmse, 0.94, [0.934, 0.946])) == "0.940 ±0.006"
    assert rmse.cell(row(rmse, 0.94)) == "0.940"
    assert rmse.cell(row(rmse, None)) == "-"
    assert rmse.cell({"name": "no metrics"}) == "-"


def test_large_figures_are_grouped():
    assert FIT_SECONDS.cell({"seconds": {"fit": 1532.4}}) == "1,532.40"
    assert FIT_SECONDS.cell({"seconds": {"fit": 0.014}}) == "0.01"


@pytest.mark.parametrize("interval", [None, [0.1], [0.1, None], "no", [True, 1.0]])
def test_an_odd_interval_is_none(rmse, interval):
    assert rmse.interval(row(rmse, 0.9, interval)) is None


def test_the_best_is_the_lowest_error_the_highest_share_the_nearest_to_a_target(
    rmse, ndcg, coverage
):
    assert rmse.best(rows(rmse, 0.9, None, 0.8)) == {2}
    assert ndcg.best(rows(ndcg, 0.1, 0.2)) == {1}
    # .03, .02 and .1 away from .8; the fourth is as near as the second.
    assert coverage.best(rows(coverage, 0.83, 0.78, 0.9)) == {1}
    assert coverage.best(rows(coverage, 0.83, 0.78, 0.9, 0.82)) == {1, 3}


def test_what_reads_the_same_is_best_together(rmse):
    # .9001 and .9004 both read 0.900.
    assert rmse.best(rows(rmse, 0.9004, 0.9001, 0.91)) == {0, 1}


def test_one_figure_alone_is_no_best(rmse):
    assert rmse.best(rows(rmse, 0.9, None)) == set()
    assert rmse.best([]) == set()


def test_a_figure_of_a_task_that_was_not_learnt_is_no_best(rmse):
    assert rmse.best([*rows(rmse, 0.9, 0.8), row(rmse, 0.1, weight=0.0)]) == {1}


def test_seconds_have_a_best():
    assert FIT_SECONDS.best([{"seconds": {"fit": 2}}, {"seconds": {"fit": 1}}]) == {1}


@pytest.mark.parametrize(
    ("figures", "highest", "lowest"),
    [
        ([(1.0, [0.9, 1.1]), (2.0, [1.2, 2.4])], {1}, {0}),
        ([(1.0, [0.9, 1.2]), (2.0, [1.2, 2.4])], set(), set()),
        ([(1.0, [0.9, 1.1]), (None, None)], set(), set()),  # alone
        ([(1.0, [0.9, 1.1]), (2.0, [1.2, 2.4]), (None, None)], {1}, {0}),
        ([(1.0, [0.9, 1.1]), (2.0, [1.2, 2.4]), (3.0, None)], set(), set()),
        ([(1.0, [0.9, 1.1]), (2.0, [1.2, 2.4]), (2.5, [2.3, 2.6])], set(), {0}),
        ([], set(), set()),
    ],
)
def test_the_clearly_best_beats_every_other_interval(rmse, ndcg, figures, highest, lowest):
    assert ndcg.clearly_best([row(ndcg, *figure) for figure in figures]) == highest
    assert rmse.clearly_best([row(rmse, *figure) for figure in figures]) == lowest


def test_an_interval_around_the_target_is_the_clearly_best(coverage):
    # Distances: 0 to .02 and .05 to .15.
    near, far = row(coverage, 0.8, [0.79, 0.82]), row(coverage, 0.9, [0.85, 0.95])
    assert coverage.clearly_best([far, near]) == {1}


def test_baselines_come_last_in_their_order(report):
    report["models"].reverse()
    names = [model["name"] for model in in_table_order(report)]
    assert names == ["joint", "purchase-only", "counts", "EASE", "bias", "popularity"]


def test_the_columns_are_the_headline_metrics_task_by_task(report):
    assert [column.full_label for column in shown_columns(report)] == [
        "purchase: filtered top-100",
        "purchase: ndcg@10",
        "purchase: raw top-100",
        "stars: RMSE",
        "stars: MAE",
        "liked: AUC",
        "liked: log loss",
        "fit s",
        "evaluate s",
    ]


def test_a_column_without_figures_is_not_shown(report):
    for model in report["models"]:
        model["metrics"].get("purchase", {}).pop("filtered", None)
    assert [column.key for column in headline_columns(report, report["tasks"][0])] == [
        "raw.top_k_accuracy@100"
    ]
    assert shown_columns({"models": []}) == []


def test_of_one_task_labels_need_no_name_of_it(report):
    report["tasks"] = report["tasks"][1:2]
    assert [column.full_label for column in shown_columns(report)][:2] == ["RMSE", "MAE"]


def test_any_name_of_a_task_does(report):
    report["tasks"][0]["name"] = name = "a.b@7 <x>"
    report["metrics"][name] = report["metrics"].pop("purchase")
    for model in report["models"]:
        for part in ("metrics", "intervals", "tasks"):
            if "purchase" in model[part]:
                model[part][name] = model[part].pop("purchase")
    first = shown_columns(report)[0]
    assert [first.value(model) for model in report["models"]][:2] == [0.231, 0.262]


def test_a_model_has_learnt_what_has_a_weight_and_a_baseline_what_it_answers(report):
    specialist, joint, popularity, *_ = report["models"]
    assert [learnt(specialist, task) for task in ("purchase", "stars", "liked")] == [
        True,
        False,
        False,
    ]
    assert learnt(popularity, "purchase")
    assert not learnt(popularity, "stars")
    assert told_weights(joint) == "purchase 1, stars 0.5, liked 0.25"
    assert told_weights(popularity) == "purchase"


def test_the_rows_of_a_task_in_words(report):
    assert [told_rows(task) for task in report["tasks"]] == [
        "purchase",
        "all rows",
        "rating >= 4 among view, cart",
    ]
