import math

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import maxella
from maxella.data.interactions import Interactions
from maxella.errors import ConfigError, DataError
from maxella.features.id import Vocabulary
from maxella.recommend import recommender as module
from maxella.recommend.bundle import load_bundle
from maxella.recommend.recommender import Recommender


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
        ("nobody", 1, "z", 4.0),
        ("nobody", 2, "y", 3.0),
        ("nobody", 3, "x", 2.0),
        ("nobody", 4, "w", 1.0),
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


@pytest.mark.parametrize("users", ["Ann", [1]])
def test_users_are_a_list_of_texts(toy, users):
    with pytest.raises(DataError, match=r"Wanted a list of ids as text"):
        toy().recommend(users)


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_has_a_length(toy, k):
    with pytest.raises(DataError, match=r"Wanted k of 1 or more"):
        toy().recommend(["Ann"], k)
    with pytest.raises(DataError, match=r"Wanted k of 1 or more"):
        toy().similar(["w"], k)


@given(
    seen=st.sets(st.tuples(st.integers(1, 4), st.integers(1, 6))),
    asked=st.lists(st.integers(1, 4), max_size=5),
    k=st.integers(1, 9),
    include_seen=st.booleans(),
)
def test_everyone_gets_k_items_or_all_that_are_left(seen, asked, k, include_seen):
    pairs = np.array(sorted(seen), dtype=np.int64).reshape(-1, 2)
    rng = torch.Generator().manual_seed(0)

    class Scorer:
        scores = torch.randn(5, 7, generator=rng)
        knows = torch.arange(5) > 0

        def score(self, users, requests=None):
            return self.scores[users]

        def predict(self, users, items, requests=None):
            return self.scores[users, items]

    users = Vocabulary.fit(pl.Series(map(str, range(1, 5))))  # id "3" has row 3
    items = Vocabulary.fit(pl.Series(map(str, range(1, 7))))
    recommender = Recommender(Scorer(), users, items, Interactions(pairs[:, 0], pairs[:, 1]))
    found = recommender.recommend(list(map(str, asked)), k, include_seen=include_seen)
    left = {u: {i for i in range(1, 7) if include_seen or (u, i) not in seen} for u in asked}
    rows = iter(found.iter_rows(named=True))
    for user in asked:
        best = sorted(left[user], key=lambda i, u=user: -Scorer.scores[u, i])[:k]
        for rank, item in enumerate(best, start=1):
            row = next(rows)
            assert (row["user_id"], row["rank"], row["item_id"]) == (str(user), rank, str(item))
    assert next(rows, None) is None


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
    monkeypatch.setattr(module, "_PAIRS_BLOCK", 3)
    assert toy().predict(pairs).equals(whole)


def test_intervals_stand_beside_the_prediction(toy, monkeypatch):
    monkeypatch.setattr(module, "_PAIRS_BLOCK", 2)
    pairs = pl.DataFrame({"user_id": ["Bob", "Ann", "nobody"], "item_id": ["w", "x", "w"]})
    found = toy().predict(pairs, intervals=0.8)
    assert found.columns[2:] == ["predicted_rating", "rating_low", "rating_high", "score"]
    assert found.select("rating_low", "rating_high").rows() == [(2, 4), (4, 4), (2, 4)]
    # .05 below 2 is more than half of what .92 leaves.
    assert toy().predict(pairs, intervals=0.92)["rating_low"].to_list() == [1, 4, 1]
    assert found.drop("rating_low", "rating_high").equals(toy().predict(pairs))


@pytest.mark.parametrize("share", [0, 1, -0.8, 80, math.nan])
def test_an_interval_has_a_probability(toy, share):
    with pytest.raises(DataError, match=f"between 0 and 1; got {share}"):
        toy().predict(pl.DataFrame({"user_id": ["Ann"], "item_id": ["x"]}), intervals=share)


def test_without_ratings_there_are_no_intervals(toy):
    pairs = pl.DataFrame({"user_id": ["Ann"], "item_id": ["x"]})
    with pytest.raises(ConfigError, match="trained without ratings"):
        toy(rates=False).predict(pairs, intervals=0.8)


def test_pairs_with_an_unknown_side_have_a_rating_and_no_score(toy):
    pairs = pl.DataFrame({"user_id": ["nobody", "Ann", None], "item_id": ["w", "nothing", "w"]})
    found = toy().predict(pairs)
    assert found["score"].to_list() == [None, None, None]
    assert found["predicted_rating"].to_list() == [3.0, 3.0, 3.0]


def test_whole_numbers_and_categories_are_ids(toy):
    pairs = pl.DataFrame({"user_id": pl.Series(["Ann"], dtype=pl.Categorical), "item_id": ["x"]})
    assert toy().predict(pairs)["score"].to_list() == [2.0]
    numbers = pl.DataFrame({"user_id": [7], "item_id": [8]})
    assert toy().predict(numbers)["score"].to_list() == [None]


def test_no_pairs_are_no_predictions(toy):
    found = toy().predict(pl.DataFrame({"user_id": [], "item_id": []}))
    assert found.columns == ["user_id", "item_id", "predicted_rating", "score"]
    assert found.is_empty()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"user_id": ["Ann"], "item": ["w"]}, "a column item_id; the table has user_id, item"),
        ({"user_id": [1.0], "item_id": ["w"]}, "user_id is of type Float64"),
    ],
)
def test_pairs_that_cannot_be_meant_are_refused(toy, pairs, message):
    with pytest.raises(DataError, match=message):
        toy().predict(pl.DataFrame(pairs))


def test_a_model_without_ratings_predicts_none(toy):
    found = toy(rates=False).recommend(["Ann"], 2)
    assert found["predicted_rating"].to_list() == [None, None]
    pairs = pl.DataFrame({"user_id": ["Ann"], "item_id": ["x"]})
    [row] = toy(rates=False).predict(pairs).rows(named=True)
    assert (row["predicted_rating"], row["score"]) == (None, 2.0)


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
    mine = bundle.seen.items[bundle.seen.users == 1]
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
    with pytest.raises(DataError, match="Wanted a column item_id; the table has user_id, item"):
        maxella.load(trained).for_newcomers(pl.DataFrame({"user_id": ["a"], "item": ["b"]}))
