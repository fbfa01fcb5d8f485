import numpy as np
import pytest
import torch

from maxella.baselines.item_knn import ItemKNN
from maxella.closed_form import neighbours


@pytest.fixture
def task(make):
    pairs_of, task_of = make

    def of(taken):
        users, items = np.asarray(taken).nonzero()
        shape = (np.shape(taken)[0] + 1, np.shape(taken)[1] + 1)
        return task_of(pairs_of(users + 1, items + 1), *shape)

    return of


TAKEN = [[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
SETTINGS = {"shrinkage": 0.0, "neighbours": 10, "user_exponent": 0.0}


def test_cosines_by_hand(task):
    # G_12 = 2, G_13 = 1, G_23 = 1, G_34 = 1; G_ii = 3, 2, 2, 1.
    found = ItemKNN.of(task(TAKEN), **SETTINGS | {"shrinkage": 3.0}).cosines.toarray()[1:, 1:]
    wanted = np.zeros((4, 4))
    for one, other, n, root in ((0, 1, 2, 6), (0, 2, 1, 6), (1, 2, 1, 4), (2, 3, 1, 2)):
        wanted[one, other] = wanted[other, one] = n / (root**0.5 + 3)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_an_item_listens_to_its_own_nearest_alone(task):
    # Of three items the first and the second are nearest to each other, the first to the third.
    taken = [[1, 0, 1], [1, 1, 0], [1, 1, 0], [0, 0, 1]]
    found = ItemKNN.of(task(taken), **SETTINGS | {"neighbours": 1}).cosines.toarray()[1:, 1:]
    assert found[0].tolist() == pytest.approx([0, 2 / 6**0.5, 1 / 6**0.5])  # what the first says
    assert found[1].tolist() == pytest.approx([2 / 6**0.5, 0, 0])
    assert not found[2].any()


def test_scores_add_up_and_ties_stand_by_popularity(task):
    knn = ItemKNN.of(task(TAKEN), **SETTINGS)
    scores = knn.score(torch.tensor([1, 3]))[:, 1:]
    assert scores[0, 2].item() == pytest.approx(1 / 6**0.5 + 1 / 4**0.5, abs=1e-5)
    assert scores[0, 3].item() == pytest.approx(0, abs=1e-5)  # no neighbour of items 1 and 2
    # Items 3 and 4 of another part of the world say nothing to each other's users.
    apart = ItemKNN.of(task([[1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [0, 0, 1, 0, 1]]), **SETTINGS)
    scores = apart.score(torch.tensor([1]))[0, 3:]
    assert scores[0] == scores[2] > scores[1]


def test_users_of_many_items_may_count_less(task):
    # n̄ = 2 over those who took something; user 2 has three items, so a pair of theirs (2/3)^.5.
    found = ItemKNN.of(task(TAKEN), **SETTINGS | {"user_exponent": -0.5}).cosines.toarray()
    weights = (2 / np.array([2, 3, 1, 2])) ** 0.5
    together = np.array(TAKEN[:4]).T @ np.diag(weights) @ np.array(TAKEN[:4])
    assert found[1, 2] == pytest.approx(together[0, 1] / (together[0, 0] * together[1, 1]) ** 0.5)


def test_a_large_catalogue_is_counted_as_a_small_one(task, monkeypatch):
    rng = np.random.default_rng(0)
    train = task(rng.random((60, 40)) < 0.2)
    settings = {"shrinkage": 3.0, "neighbours": 5, "user_exponent": -0.5}
    small = ItemKNN.of(train, **settings).cosines
    monkeypatch.setattr(neighbours, "MOST_CELLS", 0)
    large = ItemKNN.of(train, **settings).cosines
    np.testing.assert_allclose(large.toarray(), small.toarray(), rtol=1e-5)


def test_shrinkage_is_chosen_where_pairs_of_rare_items_are_chance(make):
    # Two camps of 20 frequent items; and 300 rare ones, of two users each, at random.
    pairs_of, task_of = make
    rng = np.random.default_rng(1)
    rows = [
        (user, item)
        for user in range(1, 201)
        for item in (user % 2 * 20 + 1 + rng.choice(20, 8, replace=False))
    ]
    asked, known = rows[::8], [row for at, row in enumerate(rows) if at % 8]
    rare = [(int(rng.integers(1, 201)), 41 + at // 2) for at in range(600)]
    users, items = np.transpose(known + rare)
    found = ItemKNN.fit(task_of(pairs_of(users, items), 201, 341), pairs_of(*np.transpose(asked)))
    assert found.tuned["shrinkage"] > 0
