import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.evaluation.distribution import DISTRIBUTION_METRICS
from maxella.evaluation.names import PROTOCOLS
from maxella.evaluation.ranking import LIST_METRICS, RANKING_METRICS
from maxella.evaluation.slices import Slice

# Two users, items 1-4, as in test_evaluate: user 1 has item 1 known, held out are 2 and 4, of raw
# ranks 2 and 4, filtered 1 and 3. User 2 has nothing known, held out is 4, of rank 1.
SCORES = [[0.0] * 5, [9.0, 4.0, 3.0, 2.0, 1.0], [9.0, 1.0, 2.0, 3.0, 4.0]]
TEST, KNOWN = [(1, 2), (1, 4), (2, 4)], [(1, 1)]
# Errors -1, 1, 3.
RATINGS, PREDICTIONS = [5.0, 3.0, 1.0], [[4.0] * 5] * 3


def of_rows(side, rows, n_rows, name="some", value="these"):
    is_in = np.zeros(n_rows, dtype=bool)
    is_in[rows] = True
    return Slice(name, value, side, is_in)


def parted(side, part_of):
    """A partition: slice p of (rows,) parts."""
    return [Slice("part", str(p), side, part_of == p) for p in np.unique(part_of)]


@pytest.fixture
def toy(make_world):
    return make_world(SCORES, TEST, KNOWN, ratings=RATINGS, predictions=PREDICTIONS)


@pytest.fixture(scope="module")
def crowd(make_world):
    """60 users with 8 of 40 items held out each, scores with ties, a third without a rating."""
    rng = np.random.default_rng(5)
    scores = rng.integers(9, size=(61, 41)).astype(np.float32)
    test = [(u, i) for u in range(1, 61) for i in rng.choice(40, size=8, replace=False) + 1]
    known = [(u, i) for u in range(1, 61) for i in rng.choice(40, size=5, replace=False) + 1]
    ratings = np.where(rng.random(len(test)) < 1 / 3, np.nan, rng.integers(1, 6, size=len(test)))
    visited = [(u, i) for u in range(1, 61) for i in rng.choice(40, size=6, replace=False) + 1]
    return make_world(scores, test, known, visited=visited, ratings=ratings, predictions=scores / 2)


def test_a_slice_of_users_worked_by_hand(toy):
    names = ["recall@1", "top_k_accuracy@1", "mrr", "coverage@2"]
    (found,) = toy.evaluate(names, slices=[of_rows("user", [1], 3)]).slices
    assert found["metrics"]["picks"]["filtered"] == {
        "recall@1": 1 / 2,
        "top_k_accuracy@1": 1 / 2,
        "mrr": 1.0,
        "coverage@2": 2 / 4,  # the list 2 3
    }
    assert found["metrics"]["stars"]["rmse"] == 1.0
    facts = {key: found[key] for key in ("slice", "value", "users", "interactions", "counts")}
    assert facts == {
        "slice": "some",
        "value": "these",
        "users": 1,
        "interactions": 2,
        "counts": {task: {"users": 1, "interactions": 2} for task in ("picks", "stars")},
    }


def test_a_slice_of_items_worked_by_hand(toy):
    # Item 4 alone: user 1 holds it out at raw rank 4, filtered 3; user 2 at rank 1.
    names = ["recall@3", "ndcg@3", "map", "mrr", "coverage@2"]
    (found,) = toy.evaluate(names, slices=[of_rows("item", [4], 5)]).slices
    filtered, raw = found["metrics"]["picks"]["filtered"], found["metrics"]["picks"]["raw"]
    assert filtered == {
        "recall@3": 1.0,
        "ndcg@3": pytest.approx((1 / 2 + 1) / 2),  # 1 / log2(1 + 3), and the ideal has one item
        "map": pytest.approx((1 / 3 + 1) / 2),
        "mrr": pytest.approx((1 / 3 + 1) / 2),
    }
    assert raw["recall@3"] == 1 / 2
    assert found["metrics"]["stars"]["rmse"] == pytest.approx(math.sqrt((1 + 9) / 2))
    assert (found["users"], found["interactions"]) == (2, 2)


@pytest.mark.parametrize("side", ["user", "item"])
def test_the_whole_as_one_slice_is_the_report(crowd, side):
    n_rows = {"user": 61, "item": 41}[side]
    found = crowd.evaluate(resamples=50, slices=[of_rows(side, np.arange(n_rows), n_rows)])
    (whole,) = found.slices
    expected = dict(found.metrics)
    if side == "item":  # what is in the lists does not depend on what is held out
        picks = {p: without_lists(of) for p, of in expected["picks"].items()}
        expected["picks"] = {p: of for p, of in picks.items() if of}
    assert whole["metrics"] == expected
    assert whole["intervals"] == found.intervals
    assert whole["users"] == found.counts["picks"]["users"]
    assert whole["interactions"] == found.counts["picks"]["interactions"]


EACH = ("raw", "filtered")


def without_lists(metrics):
    return {name: of for name, of in metrics.items() if name.split("@")[0] not in LIST_METRICS}


@given(data=st.data(), k=st.integers(1, 12), side=st.sampled_from(["user", "item"]))
@settings(max_examples=60, deadline=None)
def test_micro_metrics_of_a_partition_give_the_whole(worlds, data, k, side):
    world = data.draw(worlds(n_levels=3))
    n_rows = world.scores.shape[0 if side == "user" else 1]
    part_of = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n_rows, max_size=n_rows)))
    name = f"top_k_accuracy@{k}"
    found = world.evaluate([name], slices=parted(side, part_of))
    for protocol in EACH:
        hits = sum(
            one["interactions"] * one["metrics"]["picks"][protocol][name] for one in found.slices
        )
        assert hits / len(world.test) == pytest.approx(found.metrics["picks"][protocol][name])


@pytest.mark.parametrize("side", ["user", "item"])
def test_squared_errors_of_a_partition_give_the_whole(crowd, side):
    n_rows = {"user": 61, "item": 41}[side]
    parts = parted(side, np.arange(n_rows) % 4)
    found = crowd.evaluate(["mrr"], slices=parts)
    counts = [one["counts"]["stars"]["interactions"] for one in found.slices]
    assert sum(counts) == len(crowd.rated)
    squares = [one["metrics"]["stars"]["rmse"] ** 2 for one in found.slices]
    whole = found.metrics["stars"]["rmse"]
    assert math.sqrt(np.average(squares, weights=counts)) == pytest.approx(whole)


def test_a_slice_of_users_is_what_an_evaluation_of_them_alone_finds(crowd, make_world):
    one = of_rows("user", np.arange(5, 30), 61)
    (found,) = crowd.evaluate(slices=[one]).slices
    alone = make_world(crowd.scores, [(1, 1)], predictions=crowd.predictions, ratings=[1])
    alone.test, alone.known = crowd.test.take(one.is_in[crowd.test.users]), crowd.known
    alone.rated = crowd.rated.take(one.is_in[crowd.rated.users])
    alone.visited = crowd.visited
    expected = alone.evaluate()
    for protocol in PROTOCOLS:
        of_slice = found["metrics"]["picks"][protocol]
        assert of_slice == pytest.approx(expected.metrics["picks"][protocol])
    assert found["metrics"]["stars"] == pytest.approx(expected.metrics["stars"])
    assert found["interactions"] == expected.counts["picks"]["interactions"]


@given(data=st.data(), name=st.sampled_from([f"{metric}@3" for metric in RANKING_METRICS]))
@settings(max_examples=60, deadline=None)
def test_a_slice_of_items_equals_the_loop(worlds, by_loop, data, name):
    # Without ties each item's rank is its own.
    world = data.draw(worlds(with_unknown=False, with_visited=True))
    n_rows = world.scores.shape[1]
    items = data.draw(st.sets(st.integers(1, n_rows - 1), min_size=1))
    found = world.evaluate([name], slices=[of_rows("item", sorted(items), n_rows)]).slices
    for protocol in PROTOCOLS:
        places = {}
        for user, held_out in world.held_out(protocol).items():
            ranks = [rank_of(world, user, item, protocol) for item in held_out if item in items]
            if ranks:
                places[user] = sorted(ranks)
        of_slice = found[0]["metrics"]["picks"].get(protocol, {}) if found else {}
        assert bool(places) == bool(of_slice)
        if places:
            assert of_slice[name] == pytest.approx(by_loop(name, places))


def rank_of(world, user, item, protocol):
    others = [i for i in world.candidates(user, protocol) if i != item]
    return 1 + sum(bool(world.scores[user, i] > world.scores[user, item]) for i in others)


def test_a_slice_without_test_interactions_is_left_out(toy):
    slices = [of_rows("item", [3], 5), of_rows("item", [2], 5), of_rows("user", [0], 3)]
    (found,) = toy.evaluate(["mrr"], slices=slices).slices
    assert found["interactions"] == 1


def test_few_users_get_no_intervals(crowd):
    slices = [of_rows("user", np.arange(1, n + 1), 61) for n in (49, 50)]
    few, enough = crowd.evaluate(["mrr"], resamples=20, slices=slices).slices
    assert few["intervals"]["picks"] == {}
    assert enough["intervals"]["picks"].keys() >= {"raw", "filtered"}


@pytest.mark.usefixtures("few_users")
def test_intervals_of_a_slice_hold_its_figures_and_are_wider_than_those_of_the_whole(crowd):
    found = crowd.evaluate(["recall@10"], resamples=500, slices=parted("user", np.arange(61) % 3))
    width = np.subtract(*found.intervals["picks"]["raw"]["recall@10"])
    for one in found.slices:
        low, high = one["intervals"]["picks"]["raw"]["recall@10"]
        assert low < one["metrics"]["picks"]["raw"]["recall@10"] < high
        assert high - low > abs(width)


def test_slices_do_not_change_the_whole(crowd):
    plain = crowd.evaluate(resamples=30)
    sliced = crowd.evaluate(resamples=30, slices=parted("item", np.arange(41) % 5))
    assert plain.slices == []
    assert (plain.metrics, plain.intervals) == (sliced.metrics, sliced.intervals)


def test_a_slice_without_a_rating_has_no_rating_metrics(make_world):
    world = make_world(SCORES, TEST, KNOWN, ratings=[math.nan, 3.0, 1.0], predictions=PREDICTIONS)
    slices = [of_rows("item", [2], 5), of_rows("user", [1], 3)]
    item, user = world.evaluate(["mrr"], slices=slices).slices
    assert item["metrics"].keys() == item["counts"].keys() == {"picks"}
    assert user["metrics"]["stars"]["rmse"] == 1.0
    # User 2 alone has a rating; 20 users like user 1 have none in either slice.
    many = make_world(
        [SCORES[0], *[SCORES[1]] * 20, SCORES[2]],
        [*((u, 2) for u in range(1, 21)), (21, 4)],
        ratings=[*[math.nan] * 20, 1.0],
        predictions=[[4.0] * 5] * 22,
    )
    (found,) = many.evaluate(["mrr"], resamples=9, slices=[of_rows("user", range(21), 22)]).slices
    assert found["metrics"].keys() == found["intervals"].keys() == {"picks"}


def test_each_user_is_scored_once_whatever_the_slices(crowd, monkeypatch):
    asked = []

    def score(users):
        asked.extend(users.tolist())
        return crowd.scores[users]

    monkeypatch.setattr(crowd, "score", score)
    crowd.evaluate(["mrr"], slices=parted("item", np.arange(41) % 5))
    assert sorted(asked) == list(range(1, 61))


def test_distributions_are_sliced_too(make_world):
    class Forecasting(make_world):
        levels = torch.tensor([1.0, 5.0])

        def distribution(self, users, items):
            # Item 2 is foretold with certainty, all others at even odds.
            sure = (items == 2).double()[:, None]
            return sure * torch.tensor([0.0, 1.0]) + (1 - sure) * torch.tensor([0.5, 0.5])

    world = Forecasting(SCORES, TEST, KNOWN, ratings=[5.0, 5.0, 1.0], predictions=PREDICTIONS)
    sure, rest = world.evaluate(["mrr"], slices=parted("item", np.arange(5) == 2)[::-1]).slices
    assert sure["metrics"]["stars"]["log_loss"] == 0
    assert rest["metrics"]["stars"]["log_loss"] == pytest.approx(math.log(2))
    assert sure["metrics"]["stars"].keys() >= DISTRIBUTION_METRICS.keys()
