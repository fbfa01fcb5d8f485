import pytest
from rich.console import Console

from maxella.report.console import print_comparison


def part(value, *, ndcg=None, rmse=None, half=0.01, name="user.gender"):
    metrics = {
        "purchase": {"filtered": {"ndcg@10": ndcg}},
        "stars": {"rmse": rmse},
    }
    intervals = {
        "purchase": {"filtered": {"ndcg@10": ndcg and [ndcg - half, ndcg + half]}},
        "stars": {"rmse": rmse and [rmse - half, rmse + half]},
    }
    counts = {"users": 1234, "interactions": 56789}
    return {"slice": name, "value": value, "metrics": metrics, "intervals": intervals} | counts


@pytest.fixture
def sliced(report):
    """The joint model, the specialist, popularity and bias, by gender and one activity."""
    models = {model["name"]: model for model in report["models"]}
    names = ("popularity", "joint", "purchase-only", "bias")
    report["models"] = [models[name] for name in names]
    models["joint"]["slices"] = [
        part("F", ndcg=0.3, rmse=0.9),
        part("M", ndcg=0.2, rmse=0.91),
        part("1 to 9", ndcg=0.25, name="activity"),
    ]
    models["purchase-only"]["slices"] = [part("F", rmse=0.1), part("M", rmse=0.1)]
    models["popularity"]["slices"] = [part("F", ndcg=0.2), part("M", ndcg=0.21)]
    models["bias"]["slices"] = [part("F", rmse=0.905), part("M", rmse=0.95)]
    return report


def test_a_table_for_each_slice_with_counts_and_every_model(sliced, read, page_of):
    gender, activity = (rows for rows in read(page_of(sliced)).tables if rows[0][0] == "slice")
    assert gender == [
        ["slice", "users", "interactions", "joint", "purchase-only", "popularity", "bias"],
        ["purchase: ndcg@10", ""],
        ["F", "1,234", "56,789", "*0.300 ±0.010", "—", "0.200 ±0.010", "—"],
        ["M", "1,234", "56,789", "0.200 ±0.010", "—", "0.210 ±0.010", "—"],
        ["stars: RMSE", ""],
        # The specialist did not learn stars: its .1 is not shown, and not the best.
        ["F", "1,234", "56,789", "0.900 ±0.010", "—", "—", "0.905 ±0.010"],
        ["M", "1,234", "56,789", "*0.910 ±0.010", "—", "—", "0.950 ±0.010"],
    ]
    assert activity[2:] == [["1 to 9", "1,234", "56,789", "0.250 ±0.010", "—", "—", "—"]]
    assert "quartiles of the users" in page_of(sliced)


def test_without_slices_there_is_no_section(report, page_of):
    report["models"][0]["slices"] = []
    assert "By slice" not in page_of(report)


def test_hostile_values_are_harmless(sliced, page_of):
    for one in sliced["models"][1]["slices"]:
        one["value"] = one["slice"] = "<script>x</script>"
    page = page_of(sliced)
    assert "<script" not in page
    assert "&lt;script&gt;x" in page


def test_the_console_says_where_slices_stand(sliced):
    console = Console(width=120, record=True)
    with console.capture() as captured:
        print_comparison(sliced | {"findings": []}, console)
    assert captured.get().endswith(
        "By slice (user.gender, activity): in report.html and report.json.\n"
    )
