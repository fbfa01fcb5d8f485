import re

import pytest
from rich.console import Console

from maxella.report.by_slice import by_slice
from maxella.report.columns import NDCG_10, RMSE
from maxella.report.console import print_comparison
from maxella.report.page import html_page


def part(value, *, ndcg=None, rmse=None, half=0.01, name="user.gender"):
    metrics, intervals = {}, {}
    if ndcg is not None:
        metrics["filtered"] = {"ndcg@10": ndcg}
        intervals["filtered"] = {"ndcg@10": [ndcg - half, ndcg + half]}
    if rmse is not None:
        metrics["rmse"], intervals["rmse"] = rmse, [rmse - half, rmse + half]
    return {
        "slice": name,
        "value": value,
        "users": 1234,
        "interactions": 56789,
        "metrics": metrics,
        "intervals": intervals,
    }


@pytest.fixture
def sliced(report):
    """The joint model, popularity and bias, sliced by gender and one activity."""
    models = {model["name"]: model for model in report["models"]}
    report["models"] = [models[name] for name in ("popularity", "joint", "bias")]
    models["joint"]["slices"] = [
        part("F", ndcg=0.3, rmse=0.9),
        part("M", ndcg=0.2, rmse=0.91),
        part("1 to 9", ndcg=0.25, name="activity"),
    ]
    models["popularity"]["slices"] = [part("F", ndcg=0.2), part("M", ndcg=0.21)]
    models["bias"]["slices"] = [part("F", rmse=0.905), part("M", rmse=0.95)]
    return report


def lines(html):
    """Cells of each line under its row header, a strong figure as `*0.300`."""
    found = re.findall(r'<th scope="row">([^<]*)</th>(.*)</tr>', html)
    return [
        (head, re.findall(r"<td>([^<]+)", cells.replace("<strong>", "*").replace("</strong>", "")))
        for head, cells in found
    ]


def test_a_table_for_each_slice_with_counts_and_every_model(sliced):
    counts = ["1,234", "56,789"]
    assert lines(by_slice(sliced)) == [
        ("F", [*counts, "*0.300", "0.200", "—"]),  # joint, popularity, bias
        ("M", [*counts, "0.200", "0.210", "—"]),
        ("F", [*counts, "0.900", "—", "0.905"]),  # RMSE
        ("M", [*counts, "*0.910", "—", "0.950"]),
        ("1 to 9", [*counts, "0.250", "—", "—"]),
    ]
    assert "±0.010" in by_slice(sliced)
    assert "quartiles of the users" in by_slice(sliced)


def test_the_section_stands_in_the_page_where_there_are_slices(report, sliced):
    assert by_slice(sliced) in html_page(sliced)
    for model in report["models"]:
        model["slices"] = []
    assert "By slice" not in html_page(report)


def test_hostile_values_are_harmless(sliced):
    for one in sliced["models"][1]["slices"]:
        one["value"] = one["slice"] = "<script>x</script>"
    assert "<script" not in by_slice(sliced)


def row(value, interval):
    of = {"rmse": value, "filtered": {"ndcg@10": value}}
    bounds = {"rmse": interval, "filtered": {"ndcg@10": interval}} if interval else {}
    return {"metrics": of, "intervals": bounds}


@pytest.mark.parametrize(
    ("rows", "highest", "lowest"),
    [
        ([row(1.0, [0.9, 1.1]), row(2.0, [1.2, 2.4])], {1}, {0}),
        ([row(1.0, [0.9, 1.2]), row(2.0, [1.2, 2.4])], set(), set()),
        ([row(1.0, [0.9, 1.1]), {}], set(), set()),  # alone
        ([row(1.0, [0.9, 1.1]), row(2.0, [1.2, 2.4]), {}], {1}, {0}),
        ([row(1.0, [0.9, 1.1]), row(2.0, [1.2, 2.4]), row(3.0, None)], set(), set()),
        ([row(1.0, [0.9, 1.1]), row(2.0, [1.2, 2.4]), row(2.5, [2.3, 2.6])], set(), {0}),
        ([], set(), set()),
    ],
)
def test_the_clearly_best_beats_every_other_interval(rows, highest, lowest):
    assert NDCG_10.clearly_best(rows) == highest
    assert RMSE.clearly_best(rows) == lowest


def test_the_console_says_where_slices_stand(sliced):
    console = Console(width=120, record=True)
    with console.capture() as captured:
        print_comparison(sliced, console)
    assert captured.get().endswith(
        "By slice (user.gender, activity): in report.html and report.json.\n"
    )
