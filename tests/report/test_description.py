import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from maxella.report.description import print_description


def columns(*names):
    return [
        {"name": name, "distinct": 1200, "type": "String", "missing": 3, "missing_percent": 0.25}
        for name in names
    ]


def spread(maximum):
    return {
        "minimum": 1,
        "lower_quartile": 2.0,
        "median": 3.5,
        "upper_quartile": 7.25,
        "mean": 5.0,
        "maximum": maximum,
    }


@pytest.fixture
def description():
    return {
        "name": "toy",
        "n_interactions": 1200,
        "n_users": 60,
        "n_items": 40,
        "density": 0.5,  # 1200 / (60 · 40)
        "interactions": {"rows": 1200, "columns": columns("user_id", "item_id", "rating")},
        "users": {"rows": 60, "columns": columns("user_id", "[red]")},
        "items": {"rows": 41, "columns": columns("item_id", "title")},
        "mean_rating": 3.25,
        "ratings": [
            {"low": 1.0, "high": 1.0, "count": 300},
            {"low": 2.0, "high": 3.5, "count": 900},
        ],
        "time_span": [86_400, 951_782_400],
        "activity": spread(20),
        "popularity": spread(12_345),
        "notes": ["2 duplicate pairs were dropped.\x1b[31m"],
    }


def shown(description, width=80, *, terminal=False):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_description(description, console)
    return console.file.getvalue()


def rows(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_figure_is_printed(description):
    found = rows(shown(description))
    # 86,400 s is the second day of 1970; 951,782,400 s the 29th of February 2000.
    assert " ".join(found[:2]).strip() == (
        "toy: 1,200 interactions, 60 users, 40 items, density 50 %, 1970-01-02 to 2000-02-29"
    )
    assert "interactions, 1,200 rows" in found
    assert "items, 41 rows" in found
    assert "rating 1,200 String 3 0.25" in found
    assert "[red] 1,200 String 3 0.25" in found
    assert "ratings, mean 3.25" in found
    # 300 of 1,200 is a quarter; the longest bar has 30 letters, a third of it 10.
    assert f"1 300 25.0 % {'#' * 10}" in found
    assert f"2 to 3.5 900 75.0 % {'#' * 30}" in found
    assert "per user 1 2 3.5 5 7.2 20" in found
    assert "per item 1 2 3.5 5 7.2 12,345" in found
    assert found[-1] == "Note: 2 duplicate pairs were dropped. [31m"


@pytest.mark.parametrize("width", [50, 80, 160])
@pytest.mark.parametrize("terminal", [False, True])
def test_no_line_is_wider_than_the_console(description, width, terminal):
    text = shown(description, width, terminal=terminal)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "12,345" in text
    assert "75.0 %" in text


def test_what_a_source_lacks_is_left_out(description):
    description |= {"ratings": [], "mean_rating": None, "time_span": None, "notes": []}
    description["users"]["columns"] = []
    text = shown(description)
    assert "ratings" not in text
    assert "users, 60 rows" not in text
    assert "1970" not in text


def test_times_beyond_the_calendar_are_shown_as_seconds(description):
    description["time_span"] = [0, 10**15]
    assert "1970-01-01 to 1000000000000000 s" in " ".join(rows(shown(description)))


def test_the_real_shape_fits():
    describe = pytest.importorskip("maxella.data.describe")
    synthetic = pytest.importorskip("maxella.sources.synthetic")
    tables = synthetic.read_synthetic(n_users=20, n_items=10, n_interactions=100)
    text = shown(describe.describe(tables))
    assert "100 interactions, 20 users, 10 items, density 50 %" in text
