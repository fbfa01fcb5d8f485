import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.errors import ConfigError
from maxella.sources.people import People
from maxella.sources.tables import Tables
from maxella.sources.wrangle import STEPS, Wishes, repair_zip, wrangle


def make_tables(*, users=None, items=None, log=()):
    pairs = [(u, i, float(r), t) for t, (u, i, r) in enumerate(log)]
    columns = ["user_id", "item_id", "rating", "timestamp"]
    kinds = [pl.String, pl.String, pl.Float32, pl.Int64]
    return Tables(
        name="toy",
        interactions=pl.DataFrame(pairs, dict(zip(columns, kinds, strict=True)), orient="row"),
        users=pl.DataFrame(users or {"user_id": ["u"]}),
        items=pl.DataFrame(items or {"item_id": ["i"]}),
    )


def run(step, tables, **wishes):
    before = [frame.clone() for frame in (tables.interactions, tables.users, tables.items)]
    after, change = STEPS[step].run(tables, Wishes(**wishes))
    frames = (tables.interactions, tables.users, tables.items)
    assert all(a.equals(b) for a, b in zip(before, frames, strict=True))  # steps are pure
    return after, change


def test_zip_codes():
    codes = ["48103-1234", "481031234", "48103 1234", " 02138", "T8H1N", "345567", None]
    users = {"user_id": list("abcdefg"), "zip_code": codes}
    after, change = run("zip codes", make_tables(users=users))
    assert after.users["zip_code"].to_list() == [*["48103"] * 3, "02138", "T8H1N", "345567", None]
    assert list(change.counts.values()) == [5, 4, 2]
    assert change.examples[0] == ("48103-1234", "48103")


@given(st.lists(st.none() | st.text("0123456789 -A", max_size=12), min_size=1))
def test_zip_repair_is_done_after_once(codes):
    once = pl.DataFrame({"zip": pl.Series(codes, dtype=pl.String)}).select(
        repair_zip(pl.col("zip"))
    )
    assert once.select(repair_zip(pl.col("zip"))).equals(once)


def test_genres():
    labels = [
        ["Children's", " Drama", "", "Children", "drama"],
        ["sci-fi", "Own"],
        ["unknown"],
        None,
    ]
    items = {"item_id": list("abcd"), "genres": labels}
    after, change = run("genres", make_tables(items=items))
    assert after.items["genres"].to_list() == [["Children", "Drama"], ["Sci-Fi", "Own"], [], []]
    assert list(change.counts.values()) == [4, 8, 4, 2]
    assert change.examples[1] == ("sci-fi, Own", "Sci-Fi, Own")


def test_occupations_of_100k_become_those_of_1m():
    labels = ["technician", "Writer ", "librarian", None, "K-12 student"]
    after, change = run(
        "occupations", make_tables(users={"user_id": list("abcde"), "occupation": labels})
    )
    assert after.users.select("occupation", "occupation_code").rows() == [
        ("technician/engineer", 17),
        ("writer", 20),
        ("other/not specified", 0),
        ("other/not specified", 0),
        ("K-12 student", 10),
    ]
    assert list(change.counts.values()) == [4, 2]


def test_titles_keep_what_was_written():
    written = ["Matrix, The (1999)", "Toy Story (1995)", "unknown", None]
    after, change = run("titles", make_tables(items={"item_id": list("abcd"), "title": written}))
    assert after.items.select("title", "year", "title_as_written").rows() == [
        ("The Matrix", 1999, "Matrix, The (1999)"),
        ("Toy Story", 1995, "Toy Story (1995)"),
        ("unknown", None, "unknown"),
        (None, None, None),
    ]
    assert list(change.counts.values()) == [2, 1, 2]
    assert change.examples == (("Matrix, The", "The Matrix"),)


TWINS = {
    "item_id": ["1", "2", "3", "4", "5", "6"],
    "title": ["Emma", "Emma", "Emma", "Lone", None, None],
    "year": [1996, 1996, 1972, 1996, 1990, 1990],
}
LOG = [("a", "1", 1), ("a", "2", 2), ("b", "2", 3), ("b", "4", 4), ("c", "1", 5), ("d", "2", 1)]


@pytest.mark.parametrize(
    ("policy", "ids", "pairs"),
    [
        ("keep", "123456", "a1 a2 b2 b4 c1 d2"),
        ("merge", "23456", "a2 b2 b4 c2 d2"),
        ("drop", "23456", "a2 b2 b4 d2"),
    ],
)
def test_duplicates(policy, ids, pairs):
    after, change = run("duplicates", make_tables(items=TWINS, log=LOG), duplicates=policy)
    assert "".join(after.items["item_id"]) == ids
    log = after.interactions
    assert [u + i for u, i in log.select("user_id", "item_id").iter_rows()] == pairs.split()
    assert list(change.counts.values())[:3] == [1, 1, 2]
    [(before, _)] = change.examples
    assert before == "Emma (1996): 1 (2), 2 (3)"
    if policy == "merge":
        # Of a's two rows the later is kept.
        assert log.row(0) == ("a", "2", 2.0, 1, 2)
        assert change.counts["repeated pairs united"] == 1
    if policy == "drop":
        assert change.counts["interactions dropped"] == 2
        assert change.counts["users left without interactions"] == 1


def test_of_twins_rated_alike_the_first_stays():
    log = [("a", "2", 1), ("b", "1", 1)]
    after, _ = run("duplicates", make_tables(items=TWINS, log=log), duplicates="merge")
    assert after.interactions["item_id"].to_list() == ["1", "1"]


def test_an_unknown_policy_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'merge'"):
        run("duplicates", make_tables(items=TWINS), duplicates="merg")


def test_people_fill_gaps():
    more = pl.DataFrame({"item_id": ["1", "9"], "director": ["D", "E"]})
    items = TWINS | {"director": [None, "F", None, None, None, None]}
    after, change = run("people", make_tables(items=items), people=People(more, "people.csv"))
    assert after.items["director"].to_list()[:3] == ["D", "F", None]
    assert change.counts == {"movies": 6, "movies found": 1, "director filled": 1}
    assert change.examples == (("Emma", "Emma; D"),)


def test_steps_that_find_no_columns_say_so_and_change_nothing():
    tables = make_tables()
    after, report = wrangle(tables, Wishes())
    assert [step["name"] for step in report] == list(STEPS)
    assert all(step["note"].startswith("Nothing to do") for step in report)
    assert after == tables


def test_examples_are_ten_at_most_and_distinct():
    codes = [f"{10000 + n // 2}-0000" for n in range(50)]
    users = {"user_id": list(map(str, range(50))), "zip_code": codes}
    _, change = run("zip codes", make_tables(users=users))
    assert change.examples == tuple((f"{10000 + n}-0000", f"{10000 + n}") for n in range(10))
