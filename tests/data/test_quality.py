"""Every check finds the fault planted for it, and nothing in a clean world."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from maxella.data.check_leaks import leaking_columns
from maxella.data.check_ratings import lone_ratings
from maxella.data.check_split import visited_in_training
from maxella.data.check_users import _busiest, fast_users, one_rating_users
from maxella.data.finding import MOST_EXAMPLES
from maxella.data.indexed_log import index_log
from maxella.data.quality import CHECKS, check_data
from maxella.data.split import split_interactions
from maxella.errors import DataError
from maxella.sources.load import load_source
from maxella.sources.synthetic import START, read_synthetic
from maxella.sources.tables import Tables

# Every user and every item has interactions, a day or so apart, in training and after it.
CLEAN = read_synthetic(n_users=150, n_items=120, n_interactions=6000)
EVENTFUL = replace(  # half of the interactions are views; no pair is viewed and bought
    CLEAN,
    interactions=CLEAN.interactions.with_columns(
        event=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("view")).otherwise(pl.lit("buy"))
    ),
)
N = CLEAN.interactions.height


def split_of(tables, kind="temporal"):
    return split_interactions(tables.interactions, kind=kind, test=0.25, validation=0.1, seed=1)


def indexed(tables, kind="temporal"):
    return index_log(tables, split_of(tables, kind))


def of_log(change):
    return lambda: (replace(CLEAN, interactions=change(CLEAN.interactions)), "temporal")


def of_users(change):
    return lambda: (replace(CLEAN, users=change(CLEAN.users)), "temporal")


def of_items(change):
    return lambda: (replace(CLEAN, items=change(CLEAN.items)), "temporal")


def more_rows(**columns):
    """These rows of the log behind those that are there."""

    def change(log):
        return pl.concat([log, pl.DataFrame(columns, schema=log.schema)])

    return change


def bot(log):
    """A program that takes 100 items within the last 50 seconds."""
    items = [f"i{i}" for i in range(100)]
    times = [START + 10**8 + second // 2 for second in range(100)]
    ratings = [float(1 + i % 5) for i in range(100)]
    return more_rows(user_id=["bot"] * 100, item_id=items, rating=ratings, timestamp=times)(log)


def noisy(log, noise):
    drawn = np.random.default_rng(7).normal(0, noise, log.height)
    return log.with_columns((pl.col("rating") + drawn).alias("mood"))


def late(user, item):
    """Ten interactions of a new user, or with a new item, after all others."""
    return more_rows(
        user_id=[user or f"u{k}" for k in range(10)],
        item_id=[item or f"i{k}" for k in range(10)],
        rating=[3.0, 4.0] * 5,
        timestamp=[START + 10**8 + 10_000 * k for k in range(10)],
    )


def visited():
    """Seven test purchases whose pair was viewed in training."""
    log = EVENTFUL.interactions
    bought = log[split_of(EVENTFUL).test].filter(event="buy")[-7:]
    views = bought.with_columns(event=pl.lit("view"), timestamp=pl.lit(START, pl.Int64))
    return replace(EVENTFUL, interactions=pl.concat([log, views]))


# Check → a world with its fault, how it is split, the count and what an example names.
PLANTED = {
    "reading": (lambda: (replace(CLEAN, notes=("2 rows were dropped.",)), "temporal"), 1, "2 rows"),
    "repeated_names": (
        of_items(
            lambda items: items.with_columns(title=pl.col("title").replace("Item 3", "Item 5"))
        ),
        2,
        "i3: Item 5",
    ),
    "users_without_interactions": (
        of_users(lambda users: pl.concat([users, pl.DataFrame({"user_id": "x", "group": "g"})])),
        1,
        "x",
    ),
    "items_without_interactions": (
        of_items(lambda t: pl.concat([t, t[:1].with_columns(item_id=pl.lit("x"))])),
        1,
        "x: Item 0",
    ),
    "unknown_users": (of_users(lambda users: users.filter(pl.col("user_id") != "u7")), 1, "u7"),
    "unknown_items": (of_items(lambda items: items.filter(pl.col("item_id") != "i7")), 1, "i7"),
    "empty_columns": (
        of_items(lambda items: items.with_columns(imdb=pl.lit(None, pl.String))),
        1,
        "items.imdb",
    ),
    "constant_columns": (
        of_users(lambda users: users.with_columns(land=pl.lit("here"))),
        1,
        "land",
    ),
    "leaking_columns": (of_log(lambda log: noisy(log, 0.5)), 1, "interactions.mood"),
    "older_than_training": (lambda: (CLEAN, "random"), N // 4 + 1, "validation: "),
    "visited_in_training": (lambda: (visited(), "temporal"), 7, "view: 7 of "),
    "cold_users": (of_log(late("new", None)), 1, "new"),
    "cold_items": (of_log(late(None, "new")), 1, "new"),
    "fast_users": (of_log(bot), 1, "user bot: 100 interactions within a minute"),
    "one_rating_users": (
        of_log(
            lambda log: log.with_columns(
                rating=pl.when(pl.col("user_id") != "u9")
                .then("rating")
                .otherwise(5)
                .cast(pl.Float32)
            )
        ),
        1,
        "user u9",
    ),
    "ratings_alone": (
        of_log(
            lambda log: log.with_columns(
                rating=pl.when(pl.int_range(pl.len()) >= 9)
                .then("rating")
                .otherwise(99)
                .cast(pl.Float32)
            )
        ),
        9,
        "9 ratings of 99 in a log of 1 to 5: does 99 mean not rated?",
    ),
}


def test_each_check_has_a_planted_fault():
    assert list(PLANTED) == list(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_the_planted_fault_is_found(name):
    make, count, example = PLANTED[name]
    finding = CHECKS[name](indexed(*make()))
    assert finding.severity in ("note", "warning")
    assert finding.count == count
    assert any(example in text for text in finding.examples)
    assert len(finding.examples) <= MOST_EXAMPLES
    assert finding.message.endswith(".")
    assert finding.advice.endswith(".")


def test_a_clean_world_has_no_finding():
    findings = check_data(EVENTFUL, split_of(EVENTFUL))["findings"]
    assert [one["name"] for one in findings if one["severity"] != "ok"] == []
    assert [one["name"] for one in findings] == list(CHECKS)
    assert not any(one["examples"] or one["advice"] or one["count"] for one in findings)


def test_checks_without_their_columns_are_left_out():
    log = CLEAN.interactions.select("user_id", "item_id")
    bare = Tables("bare", log, CLEAN.users.select("user_id"), CLEAN.items.select("item_id"))
    findings = check_data(bare, split_of(bare, "none"))["findings"]
    left_out = set(CHECKS) - {one["name"] for one in findings}
    assert left_out == {
        "repeated_names",
        "unknown_users",
        "unknown_items",
        "leaking_columns",
        "older_than_training",
        "visited_in_training",
        "cold_users",
        "cold_items",
        "fast_users",
        "one_rating_users",
        "ratings_alone",
    }


def test_without_interactions_there_is_nothing_to_check():
    empty = replace(CLEAN, interactions=CLEAN.interactions[:0])
    with pytest.raises(DataError, match="there are none"):
        check_data(empty, split_of(CLEAN))


def test_everything_is_plain_json():
    quality = check_data(EVENTFUL, split_of(EVENTFUL))
    text = json.dumps(quality, allow_nan=False)
    assert [one["name"] for one in json.loads(text)["findings"]] == list(CHECKS)


@pytest.mark.parametrize(("noise", "is_leak"), [(0.1, True), (1.0, True), (10.0, False)])
def test_a_leak_under_noise(noise, is_leak):
    log = noisy(CLEAN.interactions, noise)
    assert leaking_columns(indexed(replace(CLEAN, interactions=log))).count == is_leak


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("x", ["a", None, "c"] * 2000)[:N],
        pl.Series("x", [True, False] * 3000)[:N],
        pl.Series("x", [["a", "b"], None, []] * 2000)[:N],
        pl.Series("x", [[["a"], ["b"]], None, [[]]] * 2000)[:N],
        pl.Series("x", [float("nan"), None, float("inf"), 1.0] * 1500)[:N],
        pl.Series("x", [None] * N, dtype=pl.Float64),
        pl.Series("x", np.arange(N)).cast(pl.Datetime("us")),
        pl.Series("x", ["a", "b", "a"] * 2000, dtype=pl.Categorical)[:N],
    ],
)
def test_columns_of_any_type_that_tell_nothing_are_no_leaks(values):
    log = CLEAN.interactions.with_columns(values)
    assert leaking_columns(indexed(replace(CLEAN, interactions=log))).severity == "ok"


def test_that_a_rating_is_written_down_elsewhere_is_a_leak_too():
    log = CLEAN.interactions.with_columns(
        review=pl.when(pl.col("rating") > 3).then(pl.lit("written"))  # else missing
    )
    assert leaking_columns(indexed(replace(CLEAN, interactions=log))).count == 1


@pytest.mark.parametrize(
    ("times", "severity", "when"),
    [
        (None, "warning", "without times nobody knows"),
        ([1, 2, 3, 4, 9, 9, 9], "note", "0 of them at later times alone"),
        ([1, 2, 30, 4, 9, 9, 9], "warning", "1 of them at later times alone"),
        ([1, 20, 3, 4, 9, 9, 9], "note", "0 of them at later times alone"),  # its cart was before
    ],
)
def test_what_training_has_of_the_test_under_another_event(times, severity, when):
    # Of three purchases two were viewed and one put in the cart too; c only buys again.
    columns = {"user_id": ["a", "a", "b", "c", "a", "b", "c"], "item_id": ["x"] * 7}
    columns["event"] = ["cart", "view", "view", "buy", "buy", "buy", "buy"]
    log = pl.DataFrame(columns | ({} if times is None else {"timestamp": times}))
    tables = Tables("toy", log, log.select("user_id").unique(), log.select("item_id").unique())
    split = split_interactions(
        log.with_columns(part=pl.Series(["train"] * 4 + ["test"] * 3)),
        kind="column",
        column="part",
        test=0.0,
        validation=0.0,
        seed=0,
    )
    finding = visited_in_training(index_log(tables, split))
    assert (finding.count, finding.total, finding.severity) == (2, 3, severity)
    assert finding.examples == ("cart: 1 of 3 (33.3 %)", "view: 2 of 3 (66.7 %)")
    assert when in finding.message


def test_leaks_look_at_training_alone():
    log = noisy(CLEAN.interactions, 0.1)
    split = split_of(CLEAN)
    hidden = pl.Series(np.isin(np.arange(log.height), split.train))
    log = log.with_columns(mood=pl.when(hidden).then(0.0).otherwise("mood"))
    assert leaking_columns(index_log(replace(CLEAN, interactions=log), split)).count == 0


def test_few_interactions_are_no_ground_for_leaks():
    few = replace(CLEAN, interactions=noisy(CLEAN.interactions, 0.1)[:50])
    assert leaking_columns(indexed(few)) is None


def test_batches_of_a_page_are_no_bots():
    # Pages of 20 items, taken in one second, three in a minute: as in MovieLens.
    log = CLEAN.interactions.sort("user_id").with_row_index("n")
    pages = START + pl.col("n").cast(pl.Int64) // 20 * 20
    log = log.with_columns(timestamp=pages).drop("n")
    assert fast_users(indexed(replace(CLEAN, interactions=log))).severity == "ok"


def test_where_all_are_fast_none_is():
    # A log of machines: each user's interactions are all within a minute.
    log = CLEAN.interactions.with_columns(timestamp=START + pl.col("timestamp") % 59)
    many = pl.concat([log] * 3)  # some 120 of each
    assert fast_users(indexed(replace(CLEAN, interactions=many), "random")).severity == "ok"


def test_days_alone_say_nothing_of_minutes():
    log = bot(CLEAN.interactions).with_columns(timestamp=pl.col("timestamp") // 86_400 * 86_400)
    assert fast_users(indexed(replace(CLEAN, interactions=log))) is None


def test_windows_slide():
    # 100 interactions around the turn of a minute, 50 on each side of it.
    turn = START // 60 * 60 + 10**8 // 60 * 60
    times = [turn - 10] * 50 + [turn + 10] * 50
    log = more_rows(
        user_id=["bot"] * 100,
        item_id=[f"i{i}" for i in range(100)],
        rating=[1.0, 2.0] * 50,
        timestamp=times,
    )(CLEAN.interactions)
    assert fast_users(indexed(replace(CLEAN, interactions=log))).count == 1


def test_nine_of_ten_likes_are_no_sign_of_a_bot():
    rng = np.random.default_rng(3)
    likes = pl.Series("rating", rng.random(CLEAN.interactions.height) < 0.97).cast(pl.Float32)
    log = CLEAN.interactions.with_columns(likes)
    finding = one_rating_users(indexed(replace(CLEAN, interactions=log)))
    assert finding.severity == "ok"
    same = log.with_columns(rating=pl.lit(1.0, pl.Float32))
    assert one_rating_users(indexed(replace(CLEAN, interactions=same))) is None


def test_windows_are_the_same_where_times_are_too_far_apart_for_one_number():
    rng = np.random.default_rng(1)
    users, times = rng.integers(0, 20, 500), rng.integers(0, 5000, 500)
    rows = pl.DataFrame({"user": users, "time": times})
    beyond = pl.DataFrame({"user": [19], "time": [2**62]})
    near, far = (_busiest(of.sort("user", "time"), 60) for of in (rows, pl.concat([rows, beyond])))
    by_hand = [
        max(((t[t >= s] - s) < 60).sum() for s in t) for t in (times[users == u] for u in range(20))
    ]
    assert near.tolist() == far.tolist() == by_hand


@pytest.mark.slow
def test_movielens_1m_has_neither_leaks_nor_bots(shared_data):
    people = shared_data / "ml-1m-people.csv"
    tables = load_source("movielens", shared_data / "ml-1m.zip", people=people)
    findings = {one["name"]: one for one in check_data(tables, split_of(tables))["findings"]}
    # 1,000,209 interactions with 3,706 of 3,883 movies, as GroupLens' README has them.
    assert findings["items_without_interactions"]["count"] == 3883 - 3706
    for name in ("leaking_columns", "fast_users", "one_rating_users"):
        assert findings[name]["severity"] == "ok", name


@pytest.mark.parametrize(
    ("counts", "alone"),
    [
        ({0: 34, 1: 9000, 2: 9000, 3: 20000, 4: 90000, 5: 150000}, [0]),
        ({1: 500, 2: 500, 3: 500, 99: 400}, [99]),
        ({-1: 300, 1: 500, 2: 500, 3: 500, 4: 1}, [4]),
        ({0: 700, 1: 10, 2: 20, 3: 30, 4: 40}, [0]),
        ({0.5: 40, 1: 90, 2: 300, 3: 900, 4: 900, 5: 400}, []),
        ({1: 5, 2: 90, 3: 900}, []),
        ({level: 1 + 99 * (level > 0) for level in range(101)}, []),
    ],
)
def test_a_rating_at_an_end_of_the_scale_may_be_none(counts, alone):
    ratings = pl.Series([float(level) for level, n in counts.items() for _ in range(n)])
    assert [level for level, *_ in lone_ratings(ratings)] == alone
