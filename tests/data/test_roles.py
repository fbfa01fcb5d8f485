import polars as pl
import pytest

from maxella.data.roles import infer_roles
from maxella.errors import DataError
from maxella.sources.mapping import guess_columns

N_USERS, N_ITEMS = 8, 10
PAIRS = [(user, item) for user in range(N_USERS) for item in range(N_ITEMS) if (user + item) % 3]
N = len(PAIRS)
SECOND = 1_600_000_000
EVENTS = ["view", "view", "view", "cart", "purchase", "remove_from_cart"]


def log(**columns):
    base = {
        "user_id": [f"{user:03}" for user, _ in PAIRS],
        "item_id": [f"i{item}" for _, item in PAIRS],
    }
    return pl.DataFrame(base | columns)


def roles_of(frame):
    return infer_roles(frame, guess_columns(frame.columns))


def column_of(frame, role):
    """The column that has a role, if one has."""
    (column,) = roles_of(frame).named(role) or [None]
    return column


@pytest.mark.parametrize(
    ("user", "item"),
    [
        ("userId", "movieId"),
        ("customer_id", "article_id"),
        ("visitorid", "itemid"),
        ("reviewerID", "asin"),
        ("User-ID", "ISBN"),
        ("client no", "film key"),
        ("a", "b"),  # by values
        ("user_id", "b"),
    ],
)
def test_ids(user, item):
    frame = log(when=[SECOND + row for row in range(N)]).rename({"user_id": user, "item_id": item})
    roles = roles_of(frame)
    found = [roles.named(role) for role in ("user_id", "item_id", "timestamp")]
    assert found == [[user], [item], ["when"]]


@pytest.mark.parametrize(
    ("name", "values", "is_rating"),
    [
        ("rating", [1 + row % 5 for row in range(N)], True),
        ("stars", [0.5 + row % 10 / 2 for row in range(N)], True),
        ("Book-Rating", [row % 11 for row in range(N)], True),
        ("user_score", [row % 11 * 10 for row in range(N)], True),
        ("rating", [5] * N, False),
        ("score", [row * 1.37 for row in range(N * 3)][::3], True),
        ("score", [row * 1e5 for row in range(N)], False),
        ("quantity", [1 + row % 5 for row in range(N)], False),
        ("price", [1.99 + row % 7 for row in range(N)], False),
        ("rating_count", [1 + row % 5 for row in range(N)], False),
        ("avg_rating", [1 + item % 5 for _, item in PAIRS], False),
        ("star", ["Cary Grant", "Audrey Hepburn"] * (N // 2) + ["x"] * (N % 2), False),
    ],
)
def test_a_rating(name, values, is_rating):
    assert column_of(log(**{name: values}), "rating") == (name if is_rating else None)


@pytest.mark.parametrize(
    ("name", "values", "unit"),
    [
        ("timestamp", [SECOND + row for row in range(N)], "s"),
        ("ts", [1000 * SECOND + row for row in range(N)], "ms"),
        ("ts", [10**6 * SECOND + row for row in range(N)], "us"),
        ("ts", [10**9 * SECOND + row for row in range(N)], "ns"),
        ("x", [SECOND + row for row in range(N)], "s"),
        ("created_at", [f"2020-01-{1 + row % 28:02} 10:00:00 UTC" for row in range(N)], "s"),
        ("timestamp", list(range(N)), "s"),  # the order alone
    ],
)
def test_a_time(name, values, unit):
    roles = roles_of(log(**{name: values}))
    assert (roles.named("timestamp"), roles.time_unit) == ([name], unit)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("date", [f"{1 + row % 28}/{1 + row % 13}/2020" for row in range(N)]),  # of no one form
        ("timestamp", [None, *[SECOND + row for row in range(1, N)]]),
        ("release_date", [SECOND + 1000 * item for _, item in PAIRS]),  # the item's
        ("amount", list(range(N))),
    ],
)
def test_no_time(name, values):
    assert column_of(log(**{name: values}), "timestamp") is None


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("event_type", EVENTS),
        ("x", ["view", "buy"]),  # by values
        ("activity", ["view", "chat", "wave"]),  # by its name, and a value that is known
        ("event", ["a", "b"]),  # by the usual spelling
        ("behavior_type", [1, 2, 3, 4]),
    ],
)
def test_an_event(name, events):
    roles = roles_of(log(**{name: [events[row % len(events)] for row in range(N)]}))
    assert roles.named("event") == [name]
    assert f"{events[0]} " in roles.columns[name].reason


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x", ["a", "b"]),
        ("action", ["view"]),
        ("event", [0.5, 1.5]),
        ("activity", ["chat", "wave"]),
        ("event", [str(row) for row in range(60)]),
    ],
)
def test_no_event(name, values):
    frame = log(**{name: [values[row % len(values)] for row in range(N)]})
    assert column_of(frame, "event") is None


def test_what_says_which_part_a_row_belongs_to():
    parts = [("train", "train", "test")[row % 3] for row in range(N)]
    assert column_of(log(side=parts), "split") == "side"
    assert column_of(log(side=["train"] * N), "split") is None
    assert column_of(log(side=[*parts[:-1], "spare"]), "split") is None


@pytest.mark.parametrize(
    ("name", "values", "is_flag"),
    [
        ("liked", [0, 1], True),
        ("is_favourite", ["true", "false"], True),
        ("returned", [True, False], True),
        ("liked", [0, 2], False),
        ("online", [0, 1], False),
    ],
)
def test_columns_that_say_yes_or_no(name, values, is_flag):
    roles = roles_of(log(**{name: [values[row * row % 7 % 2] for row in range(N)]}))
    assert roles.named("label") == ([name] if is_flag else [])


def test_a_column_of_counts():
    roles = roles_of(log(count=[1 + row % 3 for row in range(N)]))
    assert roles.named("count") == ["count"]
    assert roles.columns["count"].reason.startswith("how much a row counts, 1 to 3, by its name")


def test_facts_go_with_whom_they_tell_of():
    roles = roles_of(
        log(
            age=[20 + user for user, _ in PAIRS],
            brand=[f"b{item % 3}" for _, item in PAIRS],
            price=[1.5 * item for _, item in PAIRS],
            basket=list(range(N)),
            is_gift=[row == 7 for row in range(N)],  # nearly constant is no fact
            shop=["x"] * N,
            gap=[None] * N,
        )
    )
    assert roles.named("column of users") == ["age"]
    assert roles.named("column of items") == ["brand", "price"]
    assert set(roles.named("left out")) == {"basket", "is_gift", "shop", "gap"}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["1", "2.5", "x"], r"user.*there are 1, 2.5, x. Name it user_id"),
        (["price"], "two columns, of users and of items; there is price alone"),
    ],
)
def test_no_ids(columns, message):
    frame = pl.DataFrame({name: [0.5 + row for row in range(9)] for name in columns})
    with pytest.raises(DataError, match=message):
        roles_of(frame)


def by_place(**columns):
    """The log with more columns, whose names nobody gave."""
    frame = log(**columns)
    return frame.rename({name: f"column_{n}" for n, name in enumerate(frame.columns, 1)})


STARS = [5 - (user * item + user) % 5 for user, item in PAIRS]
PLAYS = [1 + (user * item) % 3 * 7 for user, item in PAIRS]


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("rating", ["n/a", *[f"{stars}" for stars in STARS[1:]]], "rating"),
        ("stars", [f"{stars} stars" for stars in STARS], "rating"),
        ("score", [f"{stars}/5" for stars in STARS], "rating"),
        ("rating", ["★" * stars for stars in STARS], "rating"),
        ("rating", [f"{stars},5" for stars in STARS], "rating"),
        ("rating", ["good", "bad"] * (N // 2) + ["bad"] * (N % 2), "left out"),
        ("value", STARS, "rating"),  # a name that tells nothing, and numbers that look like some
        ("plays", STARS, "count"),  # a name that tells, whatever the numbers look like
        ("quantity", PLAYS, "count"),
        ("ms_played", [1.5 * plays for plays in PLAYS], "count"),
        ("watch_seconds", PLAYS, "count"),
        ("count", PLAYS, "count"),
        ("value", [1 + (user * item) % 4 for user, item in PAIRS], "count"),  # 1 is the commonest
        ("quantity", [None, *PLAYS[1:]], "left out"),
        ("weight", [1 + item % 5 for _, item in PAIRS], "column of items"),
        ("price", PLAYS, "left out"),
        ("liked", [stars > 3 for stars in STARS], "label"),
        ("clicked", [int(stars > 3) for stars in STARS], "label"),
        ("is_purchased", ["yes" if stars > 3 else "no" for stars in STARS], "label"),
        ("skipped", [float(stars > 3) for stars in STARS], "label"),
        ("gift", [stars > 3 for stars in STARS], "left out"),
    ],
)
def test_ratings_counts_and_labels(name, values, role):
    found = roles_of(log(**{name: values})).columns[name]
    assert found.name == role, found.reason


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"r": STARS}, ["user_id", "item_id", "rating"]),
        ({"n": PLAYS}, ["user_id", "item_id", "count"]),
        ({"t": [SECOND + row for row in range(N)]}, ["user_id", "item_id", "timestamp"]),
        (
            {"t": [f"{1 + row % 28}.1.2020" for row in range(N)]},
            ["user_id", "item_id", "timestamp"],
        ),
        ({"yes": [stars > 3 for stars in STARS]}, ["user_id", "item_id", "label"]),
        (
            {"r": STARS, "t": [SECOND + row for row in range(N)]},
            ["user_id", "item_id", "rating", "timestamp"],
        ),
    ],
)
def test_columns_without_names_are_told_by_their_values(columns, found):
    frame = by_place(**columns)
    told = roles_of(frame).columns
    roles = [told[name] for name in frame.columns]
    assert [role.name for role in roles] == found
    assert all("look whether it is" in role.reason for role in roles[:2])


def test_a_time_that_comes_first_is_no_user():
    times = pl.Series("t", [SECOND + row // 3 for row in range(N)])
    frame = log().select(times, "user_id", "item_id")
    frame.columns = ["column_1", "column_2", "column_3"]
    roles = roles_of(frame).columns
    assert [roles[name].name for name in frame.columns] == ["timestamp", "user_id", "item_id"]


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (["soon", *["31.12.2024"] * (N - 1)], "'soon' is no date, and all rows would need one"),
        (["13/13/2024"] * N, "of no one form"),
        (
            [f"{1 + row % 3}.2.2024" for row in range(N)],
            "with the day first, as dots between them say",
        ),
    ],
)
def test_what_is_said_of_a_time(values, part):
    assert part in roles_of(log(date=values)).columns["date"].reason


def test_the_form_of_the_times_is_told():
    roles = roles_of(log(date=[f"{1 + row % 12}/{1 + row % 28}/2020" for row in range(N)]))
    assert roles.time_format == "%m/%d/%Y"


def test_a_count_says_how_many_rows_are_no_picks():
    reason = roles_of(log(quantity=[-1, 0, *PLAYS[2:]])).columns["quantity"].reason
    assert "2 rows of 0 or less are no picks" in reason


def test_numbers_that_may_be_ratings_are_not_left_out_in_silence():
    levels = [min(1 + (3 * row % 8) / 2, 4) for row in range(N)]
    assert column_of(log(Bewertung=levels), "rating") == "Bewertung"
    left_out = roles_of(log(oceny=levels)).columns["oceny"]
    assert left_out.name == "left out"
    assert 'its 7 levels from 1 to 4 may be ratings: if they are, add rating = "oceny"' in (
        left_out.reason
    )
    beside = roles_of(log(oceny=levels, rating=levels[::-1])).columns["oceny"]
    assert "may be ratings" not in beside.reason
