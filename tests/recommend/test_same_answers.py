"""A pair has one score and one source, whichever way it is asked about."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import maxella

HISTORY = pl.DataFrame(
    {
        "user_id": ["read", "read", "read", "rated"],
        "item_id": ["i1", "i2", "i3", "i4"],
        "event": ["view", "buy", "cart", "buy"],
        "rating": [None, 5, None, 1],
        "timestamp": [5, 6, 7, 8],
    }
)
FEATURES = pl.DataFrame({"user_id": ["told", "read"], "group": ["b", "c"]})
USERS = {False: ["u3", "u7", "nobody"], True: ["read", "rated", "told", "nobody"]}


@pytest.fixture(scope="module")
def models(shop):
    model = maxella.load(shop)
    return {False: model, True: model.for_newcomers(HISTORY, FEATURES)}


@settings(deadline=None, max_examples=40)
@given(
    new=st.booleans(),
    data=st.data(),
    task=st.sampled_from(["buy", "view"]),
    device=st.sampled_from([None, "phone", "desk", "fridge"]),
    k=st.integers(1, 15),
    include_seen=st.booleans(),
)
def test_recommend_and_predict_agree(models, new, data, task, device, k, include_seen):
    users = data.draw(st.lists(st.sampled_from(USERS[new]), min_size=1, max_size=6))
    context = None if device is None else {"device": device}
    model = models[new]
    lists = model.recommend(users, k, task=task, include_seen=include_seen, context=context)
    pairs = lists.select("user_id", "item_id")
    if device is not None:
        pairs = pairs.with_columns(device=pl.lit(device))
    found = model.predict(pairs)
    assert lists["score"].equals(found["score" if task == "buy" else "score_view"])
    for name in ("source", "predicted_stars", "predicted_liked"):
        assert lists[name].equals(found[name]), name


def test_who_is_known_by_what(models):
    newcomers = models[True].recommend(USERS[True], 1)
    assert newcomers["source"].to_list() == ["model", "model", "model", "popularity"]
    assert models[False].recommend(USERS[False], 1)["source"].to_list() == [
        "model",
        "model",
        "popularity",
    ]


def test_a_context_changes_scores_and_the_lists_follow(models):
    one, other = (
        models[False].recommend(["u3"], 15, context={"device": device}, include_seen=True)
        for device in ("phone", "desk")
    )
    assert not one["score"].sort().equals(other["score"].sort())
    for lists in (one, other):
        assert lists["score"].is_sorted(descending=True)
