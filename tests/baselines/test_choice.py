import numpy as np
import torch

from maxella.baselines.choice import Trial, choose
from maxella.baselines.events import other_events
from maxella.baselines.popularity import Popularity


def keys(pairs):
    return set(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True))


def test_what_is_asked_stands_nowhere_in_what_is_known_of_the_task(make, checkerboard):
    train = checkerboard.task("retrieval")
    trial = Trial.of(train, None)
    asked = keys(trial.asked)
    assert 200 < len(asked) < 600  # a tenth of 3,800
    assert not asked & keys(trial.known.pairs)
    assert not asked & keys(trial.known.events["take"])
    assert asked <= keys(trial.known.events["view"])  # what else was done is known
    assert asked | keys(trial.known.pairs) == keys(train.pairs)


def test_a_validation_part_is_asked_and_nothing_is_cut_off(make, checkerboard):
    pairs_of, _ = make
    train = checkerboard.task("retrieval")
    validation = pairs_of([1, 201], [1, 2])  # of user 201 training knows nothing
    trial = Trial.of(train, validation)
    assert trial.known is train
    assert keys(trial.asked) == {(1, 1)}
    only_new = Trial.of(train, validation.take(np.array([1])))
    assert len(only_new.asked) > 200  # so a tenth is cut off


def test_of_many_items_the_popular_ones_alone_are_tried(make):
    pairs_of, task_of = make
    # Item j of 5,000 has one pair, of the last 10 two.
    items = np.append(np.arange(1, 5001), np.arange(4991, 5001))
    users = np.append(np.ones(5000, dtype=int), np.full(10, 2))
    train = task_of(pairs_of(users, items), 3, 5001, view=pairs_of([2, 2], [4500, 5000]))
    few = Trial.of(train, pairs_of([2, 2], [5000, 4600])).of_popular_items()
    assert few.known.n_item_rows == 4001
    counts = Popularity.fit(few.known).counts
    assert counts.sum() == 4010
    assert (counts == 2).sum() == 10
    asked, viewed = few.asked.items, few.known.events["view"].items
    assert len(asked) == len(viewed) == 1
    assert counts[asked[0]] == 2
    assert asked[0] == viewed[0]


def test_its_ndcg_leaves_out_what_is_known(make):
    pairs_of, task_of = make
    train = task_of(pairs_of([1, 2, 2, 3], [1, 1, 2, 3]), 4, 4)
    # For user 1 item 1 is left out: items 2 and 3 tie at rank 1.5.
    found = Trial.of(train, pairs_of([1], [2])).ndcg(Popularity.fit(train))
    assert 1 / np.log2(3) < found < 1


def test_one_setting_after_another_goes_to_its_best_value():
    tried = []

    def quality(settings):
        tried.append(settings)
        return -abs(settings["x"] - 1) - abs(settings["y"] - 3)

    chosen, tuned = choose({"x": (0, 1, 2), "y": (1, 2, 3)}, quality)
    assert chosen == {"x": 1, "y": 3}
    assert tuned == {"trials": len(tried), **chosen} == {"trials": 5, "x": 1, "y": 3}
    equal, _ = choose({"x": (0, 1, 2)}, lambda settings: 0.0)
    assert equal == {"x": 1}


def test_an_event_all_of_whose_pairs_are_the_task_s_says_nothing_more(make):
    pairs_of, task_of = make
    train = task_of(
        pairs_of([1, 2], [1, 2]), 3, 3, view=pairs_of([1, 2], [1, 1]), pay=pairs_of([2], [2])
    )
    assert list(other_events(train)) == ["view"]


def test_few_users_are_asked(make):
    pairs_of, task_of = make
    users = np.arange(1, 5001)
    train = task_of(pairs_of(users, np.ones(5000)), 5001, 3)
    asked = Trial.of(train, pairs_of(users, np.full(5000, 2))).asked
    assert len(torch.unique(torch.from_numpy(asked.users))) == len(asked.users) <= 2000
    assert len(asked.users) > 1000
