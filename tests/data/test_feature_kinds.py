import datetime as dt

import polars as pl
import pytest

from maxella.data.feature_kinds import infer_kind, infer_names
from maxella.features.kinds import fit_encoder

N = 60
COLOURS = ["red", "green", "blue"]
GENRES = ["Comedy", "Drama", "War", "Crime"]
WORDS = ["night", "day", "river", "house", "return", "blue"]


def cycle(values, n=N):
    return [values[row % len(values)] for row in range(n)]


def labels(separator):
    return [separator.join(GENRES[: 1 + row % 4]) for row in range(N)]


COLUMNS = [
    ("colour", cycle(COLOURS), "category", {}),
    ("colour", [*cycle(COLOURS, N - 1), None], "category", {}),
    ("flag", cycle([True, False]), "category", {}),
    ("flag", cycle([0, 1]), "category", {}),
    ("flag", ["Y", *[None] * (N - 1)], "category", {}),  # that it is missing says something
    ("zip_code", cycle([f"{code:05}" for code in range(30)]), "category", {"min_count": 2}),
    ("occupation_code", cycle(list(range(12))), "category", {}),
    ("logo", cycle(["https://a.example/x.png", "https://a.example/y.png"]), "category", {}),
    ("age", [18 + row % 50 for row in range(N)], "number", {}),
    ("year", [1930 + row for row in range(N)][::-2] * 2, "number", {}),
    ("price", [0.99 + row for row in range(N)], "number", {}),
    ("genres", labels("|"), "labels", {}),
    ("genres", labels("; "), "labels", {"separator": ";"}),
    ("genres", labels(", "), "labels", {"separator": ","}),
    ("genres", [GENRES[: row % 4] for row in range(N)], "labels", {}),
    ("genres", [[1, 2][: row % 3] for row in range(N)], "labels", {}),
    ("released", [dt.date(2000, 1, 1 + row % 30) for row in range(N)], "time", {}),
    ("release_date", [-10 + 86_400 * 500 * row for row in range(N)], "time", {}),
    ("release_ms", [10**12 + 86_400_000 * row * row for row in range(N)], "number", {}),
    ("title", [f"The {WORDS[n % 6]} of {WORDS[n // 6 % 6]} {n}" for n in range(N)], "text", {}),
    ("title", [f"{WORDS[n % 6].title()}, The ({1950 + n})" for n in range(N)], "text", {}),
    ("city", [f"Town {n}, France" for n in range(N)], "text", {}),
    ("url", [f"https://a.example/{row}" for row in range(N)], None, {}),
    ("key", [f"{row:032x}" for row in range(N)], None, {}),
    ("key", [f"{row:08x}-0000-4000-8000-000000000000" for row in range(N)], None, {}),
    ("item_code", [f"A{row}" for row in range(N)], None, {}),
    ("imdb_id", [1000 + 7 * row * row for row in range(N)], None, {}),
    ("row", list(range(N)), None, {}),
    ("same", ["x"] * N, None, {}),
    ("same", [1.5] * N, None, {}),
    ("gone", [None] * N, None, {}),
    ("gone", ["", " "] * (N // 2), None, {}),
    ("place", [{"x": row} for row in range(N)], None, {}),
]


@pytest.mark.parametrize(("name", "values", "kind", "options"), COLUMNS)
def test_a_column(name, values, kind, options):
    values = pl.Series(name, values)
    found = infer_kind(values)
    assert (found.name, found.options) == (kind, options), found.reason
    assert found.reason
    if kind is not None:
        assert fit_encoder(kind, values, **options).n_columns > 0


def test_a_long_column_is_known_by_a_part_of_it():
    values = pl.Series("colour", COLOURS).gather([row % 3 for row in range(250_000)])
    found = infer_kind(values)
    assert (found.name, found.reason) == ("category", infer_kind(values).reason)
    assert found.reason.startswith("3 values, each in 33,333")


def texts(form, n=N):
    return [form.format(n) for n in range(n)]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"title": texts("Film {}"), "blurb": texts("About {}")}, "title"),
        ({"maker": cycle(COLOURS), "model": texts("Bike {}")}, "model"),
        ({"productName": cycle(texts("Song {}", 40))}, "productName"),  # songs share names
        ({"maker": cycle(texts("Maker {}", 40))}, None),
        ({"name": cycle(COLOURS)}, None),
        ({"picture": texts("https://shop.example/{}.png")}, None),
        (
            {"name": texts("A text of many words that nobody would take for a name " * 3 + "{}")},
            None,
        ),
        ({"code": texts("{:05}")}, None),
        ({"name": [*texts("Film {}", 20), *[None] * 40]}, None),
        ({"year": list(range(N))}, None),
        ({}, None),
    ],
)
def test_what_names_items(columns, named):
    assert infer_names(pl.DataFrame(columns)) == named
