"""The importance of features on the console, in the page, and as heat maps."""

import io
import re

import pytest
from rich.console import Console

from maxella.report.importance import cross_maps, importance_table, print_importance


@pytest.fixture
def with_importance(report):
    def loss(value, half):
        return {"value": value, "interval": [value - half, value + half]}

    def row(side, name, ndcg, error):
        return {
            "side": side,
            "name": name,
            "losses": {"purchase.filtered.ndcg@10": ndcg, "stars.rmse": error},
        }

    report["importance"] = {
        "repeats": 5,
        "metrics": {"purchase.filtered.ndcg@10": 0.2, "stars.rmse": 0.9},
        "features": [
            row("user", "age", loss(0.001, 0.002), loss(-0.00002, 0.00001)),
            row("user", "<b>", loss(0.0, 0.0), loss(0.09, 0.01)),
            row("item", "genres", loss(0.1, 0.02), loss(0.0, 0.01)),
        ],
        "note": "Nothing is cold here.",
        "cross": {
            "rating head": {"names": ["user", "user.<b>"], "norms": [[0.1, 0.5], [0.2, 0.3]]}
        },
    }
    return report


def test_what_costs_most_comes_first(with_importance):
    labels, rows = importance_table(with_importance)
    assert labels == ["purchase: ndcg@10", "stars: RMSE"]
    assert [name for name, _ in rows] == ["item.genres", "user.<b>", "user.age"]
    cell = rows[0][1][0]
    assert (cell.loss, cell.interval, cell.shows) == ("+0.1000", "[+0.0800, +0.1200]", True)
    assert not any(cell.shows for cell in rows[-1][1])


def test_the_console_shows_whole_columns_the_headline_first(with_importance):
    found = with_importance["importance"]
    others = {f"stars.other_{n}": 0.5 for n in range(9)}
    found["metrics"] = others | found["metrics"]
    for row in found["features"]:
        row["losses"] |= dict.fromkeys(others, row["losses"]["stars.rmse"])
    out = io.StringIO()
    print_importance(with_importance, Console(file=out, width=80))
    text = out.getvalue()
    assert "…" not in text
    assert "+0.1000" in text
    assert "[+0.0800, +0.1000]" in text  # of RMSE
    assert "Left out for want of width: " in text
    assert "stars.other_8." in text


@pytest.mark.parametrize("width", [60, 120])
def test_the_console_names_what_shows_no_effect(with_importance, width):
    out = io.StringIO()
    print_importance(with_importance, Console(file=out, width=width))
    text = " ".join(out.getvalue().split())
    assert "user.age: shows no effect here." in text
    assert "Nothing is cold here." in text
    assert "Cross layers of the rating head multiply most: user by user.<b>." in text
    assert max(map(len, out.getvalue().splitlines())) <= width


def test_the_page_has_the_table_and_the_cross_map(with_importance, read, page_of):
    page = page_of(with_importance)
    section = re.search(
        r"<section id=\"importance-of-features\">\s<h2>Importance of features</h2>.*?</section>",
        page,
        re.DOTALL,
    )[0]
    table, norms = read(section).tables
    assert table[1] == [
        "item.genres",
        "*+0.1000 [+0.0800, +0.1200]",
        "+0.0000 [-0.0100, +0.0100]",
    ]
    assert norms == [["", "user", "user.<b>"], ["user", "0.1", "0.5"], ["user.<b>", "0.2", "0.3"]]
    assert "<b>" not in page
    assert "user.age: shows no effect here." in section
    assert "What the cross layers of the rating head multiply" in section
    # .1 / .5 of the darkest, which is 65 %
    assert "--shade: 13.0%" in section


def test_a_report_without_importance_has_none_of_it(report, page_of):
    assert "Importance of features" not in page_of(report)
    assert cross_maps(report) == []


def test_layers_of_zeros_have_no_shade(with_importance, page_of):
    zeros = {"names": ["a", "b"], "norms": [[0.0] * 2] * 2}
    with_importance["importance"]["cross"] = {"user tower": zeros}
    assert "--shade: 0.0%" in page_of(with_importance)
