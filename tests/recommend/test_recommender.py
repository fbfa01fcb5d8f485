import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

import maxella
from maxella.errors import ConfigError, DataError
from maxella.recommend import recommender as module
from maxella.recommend.bundle import load_bundle

from .conftest import RATING, RETRIEVAL


def lists(frame):
    return frame.select("user_id", "rank", "item_id", "score").rows()


def test_the_best_items_come_first_and_seen_ones_never(toy):
    assert lists(toy().recommend(["Bob", "Ann"], 2)) == [
        ("Bob", 1, "x", 1.0),
        ("Bob", 2, "w", 0.0),
        ("Ann", 1, "x", 2.0),
        ("Ann", 2, "y", 1.0),
    ]


def test_seen_items_come_again_when_asked_for(toy):
    found = toy().recommend(["Bob"], 2, include_seen=True)
    assert found["item_id"].to_list() == ["z", "y"]
    assert found["predicted_rating"].to_list() == [6.0, 5.0]


def test_the_source_of_an_unknown_user_is_popularity(toy):
    found = toy().recommend(["nobody", "Ann"], 4)
    assert lists(found.filter(pl.col("user_id") == "nobody")) == [
        ("nobody", 1, "w", 1.0),
        ("nobody", 2, "y", 1.0),
        ("nobody", 3, "z", 1.0),
        ("nobody", 4, "x", 0.0),
    ]
    assert found["source"].to_list() == ["popularity"] * 4 + ["model"] * 3


def test_nobody_asked_is_an_empty_table(toy):
    found = toy().recommend([], 3)
    assert found.is_empty()
    assert found.columns == [
        "user_id",
        "rank",
        "item_id",
        "score",
        "predicted_rating",
        "source",
    ]


@pytest.mark.parametrize("ids", [[7, 8], pl.Series([7, 8]), np.array([7, 8]), ["7", "8"]])
def test_ids_that_are_whole_numbers_may_be_asked_as_such(toy, ids):
    assert toy().recommend(ids, 1)["user_id"].to_list() == ["7", "8"]


@pytest.mark.parametrize("users", ["Ann", [1.5], ["Ann", 1], [True], 7])
def test_users_are_a_list_of_texts(toy, users):
    with pytest.raises(DataError, match=r"Wanted a list of ids as text"):
        toy().recommend(users)


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_has_a_length(toy, k):
    with pytest.raises(DataError, match=r"Wanted k of 1 or more"):
        toy().recommend(["Ann"], k)
    with pytest.raises(DataError, match=r"Wanted k of 1 or more"):
        toy().similar(["w"], k)


def test_pairs_keep_their_order_and_their_columns(toy):
    pairs = pl.DataFrame(
        {"item_id": ["z", "w", "z"], "user_id": ["Ann", "Bob", "Bob"], "note": [1, 2, 3]}
    )
    found = toy().predict(pairs)
    assert found.select(pairs.columns).equals(pairs)
    assert found["score"].to_list() == [0.0, 0.0, 3.0]
    assert found["predicted_rating"].to_list() == [3.0, 3.0, 6.0]


def test_pairs_are_predicted_alike_in_blocks(toy, monkeypatch):
    pairs = pl.DataFrame({"user_id": ["Ann", "Bob"] * 5, "item_id": list("wxyzwxyzwx")})
    whole = toy().predict(pairs)
    monkeypatch.setattr(module, "_PAIRS", 3)
    assert toy().predict(pairs).equals(whole)


def test_intervals_stand_beside_the_prediction(toy, monkeypatch):
    monkeypatch.setattr(module, "_PAIRS", 2)
    pairs = pl.DataFrame({"user_id": ["Bob", "Ann", "nobody"], "item_id": ["w", "x", "w"]})
    model = toy(head="ordinal")
    found = model.predict(pairs, intervals=0.8)
    assert found.columns[2:] == ["predicted_rating", "rating_low", "rating_high", "score", "source"]
    assert found["rating_low"].is_in([1.0, 2.0, 4.0]).all()
    rows = torch.tensor([2, 1, 0]), torch.tensor([1, 2, 1])
    levels = torch.tensor([1.0, 2.0, 4.0])
    low, high = (found[f"rating_{end}"].to_torch()[:, None] for end in ("low", "high"))
    inside = (levels >= low) & (levels <= high)
    assert ((model._engine.answers("rating").distribution(*rows) * inside).sum(dim=1) >= 0.8).all()
    assert found.drop("rating_low", "rating_high").equals(model.predict(pairs))


@pytest.mark.parametrize("share", [0, 1, -0.8, 80, math.nan])
def test_an_interval_has_a_probability(toy, share):
    with pytest.raises(DataError, match=f"between 0 and 1; got {share}"):
        toy().predict(pl.DataFrame({"user_id": ["Ann"], "item_id": ["x"]}), intervals=share)


def test_a_head_without_levels_has_no_intervals(toy):
    pairs = pl.DataFrame({"user_id": ["Ann"], "item_id": ["x"]})
    with pytest.raises(ConfigError, match="Train a rating task with head = 'ordinal'"):
        toy().predict(pairs, intervals=0.8)


def test_pairs_with_an_unknown_side_are_answered_from_the_other(toy):
    pairs = pl.DataFrame({"user_id": ["nobody", "Ann", None], "item_id": ["w", "nothing", "x"]})
    found = toy().predict(pairs)
    assert found["score"].to_list() == [1.0, None, 0.0]  # who is unknown: how often it was picked
    assert found["source"].to_list() == ["popularity", "model", "popularity"]
    assert found["predicted_rating"].to_list() == [3.0, 3.0, 3.0]


def test_whole_numbers_and_categories_are_ids(toy):
    pairs = pl.DataFrame({"user_id": pl.Series(["Ann"], dtype=pl.Categorical), "item_id": ["x"]})
    assert toy().predict(pairs)["score"].to_list() == [2.0]
    numbers = pl.DataFrame({"user_id": [7], "item_id": [8]})
    assert toy().predict(numbers)["score"].to_list() == [None]


def test_no_pairs_are_no_predictions(toy):
    found = toy().predict(pl.DataFrame({"user_id": [], "item_id": []}))
    assert found.columns == ["user_id", "item_id", "predicted_rating", "score", "source"]
    assert found.is_empty()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"user_id": ["Ann"], "what": ["w"]}, "a column 'item_id' in the table; it has user_id, w"),
        ({"user_id": [1.0], "item_id": ["w"]}, "user_id in the table is of type Float64"),
    ],
)
def test_pairs_that_cannot_be_meant_are_refused(toy, pairs, message):
    with pytest.raises(DataError, match=message):
        toy().predict(pl.DataFrame(pairs))


def test_a_model_without_ratings_predicts_none(toy):
    model = toy((RETRIEVAL, replace(RATING, weight=0.0)))
    assert "predicted_rating" not in model.recommend(["Ann"], 2).columns
    [row] = model.predict(pl.DataFrame({"user_id": ["Ann"], "item_id": ["x"]})).rows(named=True)
    assert row == {"user_id": "Ann", "item_id": "x", "score": 2.0, "source": "model"}


def test_a_model_that_has_not_learnt_to_retrieve_refuses_to(toy):
    model = toy((replace(RETRIEVAL, weight=0.0), RATING))
    for ask in (
        lambda: model.recommend(["Ann"]),
        lambda: model.recommend(["Ann"], blend={"rating": 1.0}),
        lambda: model.similar(["w"]),
    ):
        with pytest.raises(ConfigError, match=r"has not: .* Train with a task of kind 'retrieval'"):
            ask()
    found = model.predict(pl.DataFrame({"user_id": ["Ann"], "item_id": ["x"]}))
    assert found.columns == ["user_id", "item_id", "predicted_rating", "source"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"task": "rating"}, "'rating' answers pairs and ranks nothing. Ask for 'retrieval'"),
        ({"task": "retreival"}, "Did you mean 'retrieval'"),
        ({"blend": {"retrieval": 1, "stars": 1}}, "No task is called 'stars'"),
        ({"task": "retrieval", "blend": {"rating": 1}}, "Give a task or a blend"),
        ({"include_seen": True, "exclude_visited": True}, "Give include_seen or exclude_visited"),
        ({"context": {"device": "phone"}}, "got device. Leave it out"),
    ],
)
def test_what_cannot_be_ranked_by_is_refused(toy, asked, message):
    with pytest.raises(ConfigError, match=message):
        toy().recommend(["Ann"], **asked)


def test_a_task_that_was_not_learnt_is_refused_by_name(toy):
    model = toy((RETRIEVAL, replace(RATING, weight=0.0)))
    with pytest.raises(ConfigError, match="has not learnt task 'rating': its weight was 0"):
        model.recommend(["Ann"], blend={"rating": 1})


def test_only_what_is_allowed_and_never_what_is_denied(toy):
    def ids(**asked):
        return toy().recommend(["Bob"], 4, include_seen=True, **asked)["item_id"].to_list()

    assert ids() == ["z", "y", "x", "w"]
    assert ids(allow=["w", "y", "no such item"]) == ["y", "w"]
    assert ids(deny=["z", "x"]) == ["y", "w"]
    assert ids(allow=["y", "x"], deny=["y"]) == ["x"]
    assert ids(allow=[]) == []


def test_a_blend_orders_by_all_its_tasks(toy):
    # Both tasks give Bob's x and w the same order: two z of ±1 each.
    [first, second] = (
        toy().recommend(["Bob"], 2, blend={"retrieval": 2, "rating": 1}).rows(named=True)
    )
    assert (first["item_id"], first["score"]) == ("x", 3.0)
    assert (second["item_id"], second["score"]) == ("w", -3.0)
    turned = toy().recommend(["Bob"], 2, blend={"retrieval": 1, "rating": -2})
    assert turned["item_id"].to_list() == ["w", "x"]


def test_similar_items_by_cosine_without_the_item_itself(toy):
    # Cosines with w = (3, 0): x = (2, 1) 2/√5, y = (1, 2) 1/√5, z = (0, 3) 0.
    found = toy().similar(["w"], 2)
    assert found.select("item_id", "rank", "similar_item_id").rows() == [
        ("w", 1, "x"),
        ("w", 2, "y"),
    ]
    assert found["similarity"].to_list() == pytest.approx([2 / 5**0.5, 1 / 5**0.5])


def test_all_similar_items_are_all_others(toy):
    assert set(toy().similar(["x"], 100)["similar_item_id"]) == {"w", "y", "z"}


def test_an_unknown_item_has_none_similar(toy):
    with pytest.raises(DataError, match=r"no item is called 'v'"):
        toy().similar(["w", "v"])


def test_newcomers_get_lists_of_their_own(trained):
    recommender = maxella.load(trained)
    known = recommender.users.ids[0]
    bundle = load_bundle(trained)
    mine = bundle.known.rows.items[bundle.known.rows.users == 1]
    history = pl.DataFrame({"user_id": "somebody", "item_id": bundle.items.ids_of(mine)})
    stranger = pl.DataFrame({"user_id": ["stranger"], "item_id": ["no such item"]})
    newcomers = recommender.for_newcomers(pl.concat([history, stranger]))
    found = newcomers.recommend(["somebody", "stranger", known], 5)
    assert found["source"].to_list() == ["model"] * 5 + ["popularity"] * 10
    assert not set(found["item_id"][:5]) & set(history["item_id"])
    # Who is not known to the newcomers' recommender gets what all have picked in training.
    popular = recommender.recommend(["stranger"], 5)["item_id"].to_list()
    assert found["item_id"][5:].to_list() == popular * 2
    assert len(newcomers.predict(history.head(2))["predicted_rating"].drop_nulls()) == 2


def test_newcomers_want_users_and_items(trained):
    with pytest.raises(
        DataError, match="Wanted a column 'item_id' in the table; it has user_id, w"
    ):
        maxella.load(trained).for_newcomers(pl.DataFrame({"user_id": ["a"], "what": ["b"]}))
