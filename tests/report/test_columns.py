import pytest

from maxella.report.columns import (
    COLUMNS,
    FIT_SECONDS,
    MEMORY,
    RAW_TOP_100,
    RMSE,
    in_table_order,
    shown_columns,
)


def rmse(value, interval=None):
    intervals = {} if interval is None else {"rmse": interval}
    return {"name": "a", "metrics": {"rmse": value}, "intervals": intervals}


def test_a_cell_has_the_figure_and_half_its_interval():
    # (0.946 - 0.934) / 2 = 0.006
    assert RMSE.cell(rmse(0.94, [0.934, 0.946])) == "0.940 ±0.006"
    assert RMSE.cell(rmse(0.94)) == "0.940"
    assert RMSE.cell(rmse(None)) == "-"
    assert RMSE.cell({"name": "no metrics"}) == "-"


def test_large_figures_are_grouped():
    assert MEMORY.cell({"peak_memory_mb": 1532.4}) == "1,532"
    assert FIT_SECONDS.cell({"seconds": {"fit": 0.014}}) == "0.01"


@pytest.mark.parametrize("interval", [None, [0.1], [0.1, None], "no", [True, 1.0]])
def test_an_odd_interval_is_none(interval):
    assert RMSE.interval(rmse(0.9, interval)) is None


def test_the_best_is_the_lowest_error_and_the_highest_accuracy():
    assert RMSE.best([rmse(0.9), rmse(None), rmse(0.8)]) == {2}
    models = [{"metrics": {"raw": {"top_k_accuracy@100": value}}} for value in (0.1, 0.2)]
    assert RAW_TOP_100.best(models) == {1}


def test_what_reads_the_same_is_best_together():
    # .9001 and .9004 both read 0.900.
    assert RMSE.best([rmse(0.9004), rmse(0.9001), rmse(0.91)]) == {0, 1}


def test_one_figure_alone_is_no_best():
    assert RMSE.best([rmse(0.9), rmse(None)]) == set()
    assert RMSE.best([]) == set()


def test_baselines_come_last_in_their_order(report):
    report["models"].reverse()
    names = [model["name"] for model in in_table_order(report)]
    assert names == [
        "joint",
        "retrieval-specialised",
        "rating-specialised",
        "EASE",
        "bias",
        "popularity",
    ]


def test_a_column_without_figures_is_not_shown(report):
    assert shown_columns(report) == list(COLUMNS)
    for model in report["models"]:
        model["metrics"].pop("raw", None)
    assert shown_columns(report) == list(COLUMNS[1:])
    assert shown_columns({"models": []}) == []


def test_importance_orders_the_columns_without_ties():
    assert sorted(column.importance for column in COLUMNS) == list(range(1, len(COLUMNS) + 1))
