"""What newcomers did has the labels that training would give it."""

import numpy as np
import polars as pl
import pytest

import maxella
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.errors import DataError
from maxella.features.id import Vocabulary
from maxella.recommend.bundle import load_bundle
from maxella.recommend.newcomers import newcomers_log
from maxella.tasks.kinds import KINDS
from maxella.tasks.task import Task

TASKS = [
    Task("buy", "retrieval", rows="buy"),
    Task("strong", "retrieval", rows=["cart", "buy"], event_weights={"buy": 3.0}),
    Task("stars", "rating", rows="buy"),
    Task("liked", "binary", rows="rating >= 4"),
    Task("bought", "binary", rows="buy", among="view"),
    Task("mobile", "binary", rows="device == phone"),
]
TABLE = pl.DataFrame(
    {
        "user_id": ["a", "a", "b", "a", "b", "b"],
        "item_id": ["w", "w", "x", "y", "none", "w"],
        "event": ["view", "buy", "buy", "cart", "buy", "view"],
        "rating": [None, 4.0, 2.0, None, 5.0, None],
        "timestamp": [1, 2, 3, 4, 5, 6],
        "device": ["phone", "desk", None, "phone", "desk", "desk"],
    }
)
USERS, ITEMS = Vocabulary.fit(TABLE["user_id"]), Vocabulary.fit(pl.Series(["w", "x", "y"]))
EMPTY = np.array([], dtype=np.int64)
LIKE = Log(
    Interactions(EMPTY, EMPTY, {task.name: EMPTY.astype(np.float32) for task in TASKS}),
    3,
    4,
    ("view", "cart", "buy"),
    {task.name: "last" for task in TASKS},
)


def labels(log):
    return {task: found.tolist() for task, found in log.rows.labels.items()}


def test_labels_are_those_of_training():
    found = newcomers_log(TABLE, USERS, ITEMS, TASKS, LIKE)
    known = np.array([0, 1, 2, 3, 5])  # the item of the fifth row is not
    for task in TASKS:
        wanted = KINDS[task.kind].labels(TABLE, task).labels[known]
        assert np.array_equal(found.rows.labels[task.name], wanted, equal_nan=True), task.name
    assert found.rows.events.tolist() == [0, 2, 2, 1, 0]
    assert found.rows.timestamps.tolist() == [1, 2, 3, 4, 6]


def test_an_event_that_nobody_did_gives_no_labels():
    views = TABLE.filter(pl.col("event") == "view").drop("rating")
    found = newcomers_log(views, USERS, ITEMS, TASKS, LIKE)
    assert np.isnan(found.rows.labels["buy"]).all()
    assert found.rows.labels["bought"].tolist() == [0.0, 0.0]
    assert np.isnan(found.rows.labels["stars"]).all()
    assert found.rows.labels["mobile"].tolist() == [1.0, 0.0]


def test_an_event_that_the_model_does_not_know_says_nothing():
    table = TABLE.with_columns(event=pl.col("event").replace("cart", "wishlist"))
    assert newcomers_log(table, USERS, ITEMS, TASKS, LIKE).rows.events.tolist() == [0, 2, 2, 0]


def test_a_log_without_events_is_refused_by_a_model_with_events():
    with pytest.raises(DataError, match=r"a column event \(view, cart, buy\).*Add it"):
        newcomers_log(TABLE.drop("event"), USERS, ITEMS, TASKS, LIKE)


def test_ratings_that_are_no_numbers_are_refused():
    table = TABLE.with_columns(rating=pl.lit("five"))
    with pytest.raises(DataError, match="wants numbers in the column rating"):
        newcomers_log(table, USERS, ITEMS, TASKS, LIKE)


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_ratings_are_refused_with_their_row(value):
    rated = TABLE.with_columns(rating=pl.Series([None, 4.0, value, None, 5.0, None]))
    with pytest.raises(
        DataError, match=r"finite numbers as rating; row 3 of the history has -?inf"
    ):
        newcomers_log(rated, USERS, ITEMS, TASKS, LIKE)


def test_who_rated_high_is_taken_to_rate_high_by_every_task(shop):
    history = pl.DataFrame(
        {
            "user_id": ["glad"] * 6 + ["sad"] * 6,
            "item_id": [f"i{i}" for i in range(6)] * 2,
            "event": ["buy"] * 12,
            "rating": [5] * 6 + [1] * 6,
        }
    )
    model = maxella.load(shop).for_newcomers(history)
    pairs = pl.DataFrame({"user_id": ["glad", "sad"], "item_id": ["i9", "i9"]})
    found = model.predict(pairs)
    for task in ("stars", "liked"):
        glad, sad = found[f"predicted_{task}"]
        assert glad > sad + 0.1, task


def test_newcomers_are_read_as_the_users_of_training_are(shop):
    """Their own history gives nearly the lists of training, whose ids know them too."""
    bundle = load_bundle(shop)
    rows = bundle.known.rows
    mine = rows.take(rows.users == 4)
    table = pl.DataFrame(
        {
            "user_id": "again",
            "item_id": bundle.items.ids_of(mine.items),
            "event": [bundle.known.events[code] for code in mine.events],
            "rating": mine.labels["stars"],
            "timestamp": mine.timestamps,
        }
    ).with_columns(pl.col("rating").fill_nan(None))
    known = bundle.recommender()
    new = known.for_newcomers(table)
    log = new._engine.known
    for task in ("buy", "view", "stars", "liked"):
        assert np.array_equal(log.rows.labels[task], mine.labels[task], equal_nan=True), task
    pairs = pl.DataFrame({"user_id": "again", "item_id": bundle.items.ids})
    of_known = pairs.with_columns(user_id=pl.lit(bundle.users.ids[3]))
    stars = [m.predict(p)["predicted_stars"] for m, p in ((new, pairs), (known, of_known))]
    assert (stars[0] - stars[1]).abs().mean() < 0.6


def test_who_rated_nothing_is_told_the_same_beside_somebody_who_did(shop):
    both = pl.DataFrame(
        {
            "user_id": ["quiet", "loud", "loud"],
            "item_id": ["i1", "i2", "i3"],
            "event": ["view", "buy", "buy"],
            "rating": [None, 5, 1],
        }
    )
    pairs = pl.DataFrame({"user_id": "quiet", "item_id": [f"i{i}" for i in range(15)]})
    model = maxella.load(shop)
    alone = model.for_newcomers(both.head(1)).predict(pairs)
    found = model.for_newcomers(both).predict(pairs)
    for name in ("predicted_stars", "predicted_liked", "score", "score_view"):
        assert found[name].to_numpy() == pytest.approx(alone[name].to_numpy(), abs=1e-6), name
