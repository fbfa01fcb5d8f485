import numpy as np
import pytest
import torch

from maxella.baselines.choice import Trial
from maxella.baselines.markov_chain import MarkovChain, _followers, _recent
from maxella.closed_form import followers


@pytest.fixture
def log(make):
    """Rows (user, item, time), in this order; 5 users and 6 items at most."""
    pairs_of, task_of = make

    def task(rows, n_user_rows=6, n_item_rows=7):
        users, items, times = np.transpose(rows)
        return task_of(pairs_of(users, items, times=times), n_user_rows, n_item_rows)

    return task


def test_followers_are_weighed_by_their_places_in_time(log):
    # User 1 met 3, 1, 2 in this order, user 2 met 1, 2; the gaps in seconds say nothing.
    train = log([(1, 1, 70), (1, 2, 80_000), (2, 2, 9), (1, 3, 5), (2, 1, 1)])
    found = _followers(train, decay=2.0).toarray()
    near, far = np.exp(-1 / 2), np.exp(-2 / 2)
    assert found[1, 2] == pytest.approx(2 * near)
    assert found[3, 1] == pytest.approx(near)
    assert found[3, 2] == pytest.approx(far)
    assert np.count_nonzero(found) == 3
    assert np.count_nonzero(_followers(train, decay=0.5).toarray()) == 2  # up to 1 place


def test_a_user_is_read_from_the_last_item_back(log):
    train = log([(1, 1, 70), (1, 2, 80_000), (1, 3, 5), (2, 4, 6), (0, 5, 7)])
    found = _recent(train, reach=1.0).toarray()
    assert found[1, [2, 1, 3]].tolist() == pytest.approx([1, np.exp(-1), np.exp(-2)])
    assert found[2].tolist() == [0, 0, 0, 0, 1, 0, 0]
    assert not found[0].any()


def test_rows_of_one_time_and_of_no_time_stand_in_the_order_of_the_log(log, make):
    pairs_of, task_of = make
    alike = log([(1, 3, 7), (1, 1, 7), (1, 2, 7)])
    without = task_of(pairs_of([1, 1, 1], [3, 1, 2]), 6, 7)
    for train in (alike, without):
        rows, columns = _followers(train, decay=0.5).nonzero()
        assert list(zip(rows, columns, strict=True)) == [(1, 2), (3, 1)]


def test_scores_by_hand(log):
    # 1 → 2 twice, 1 → 3 once; user 4 stands at item 1. Popularity: 4, 2, 1 of 7.
    train = log([(1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2), (3, 1, 1), (3, 3, 2), (4, 1, 1)])
    settings = {"decay": 0.5, "reach": 1.0, "smoothing": 2.0}
    plain, discounted = (
        MarkovChain.of(train, _followers(train, 0.5), discount=discount, **settings)
        for discount in (0.0, 0.5)
    )
    once, popularity = np.exp(-2.0), np.array([4, 2, 1]) / 7
    wanted = (np.array([0, 2 * once, once]) + 2 * popularity) / (3 * once + 2)
    found = [chain.score(torch.tensor([4]))[0, 1:4].numpy() for chain in (plain, discounted)]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5)
    np.testing.assert_allclose(found[1], wanted / popularity**0.5, rtol=1e-5)


def test_the_next_of_a_ring_is_found_where_popularity_knows_nothing(log):
    # 40 users walk ten steps round a ring of 20 items, 2 more each; the next one is asked.
    n_items = 20
    rows = [
        (user, (user + step) % n_items + 1, 1000 * user - 7 * user * (10 - step))
        for user in range(1, 41)
        for step in range(10)
    ]
    chain = MarkovChain.fit(log(rows[::-1], 41, n_items + 1))
    users = np.arange(1, 41)
    best = chain.score(torch.from_numpy(users))
    taken = torch.zeros(41, n_items + 1, dtype=torch.bool)
    taken[[user for user, *_ in rows], [item for _, item, _ in rows]] = True
    found = best.masked_fill(taken[1:], -torch.inf)[:, 1:].argmax(dim=1).numpy() + 1
    assert (found == (users + 10) % n_items + 1).all()
    assert chain.tuned["reach"] < 100


def test_settings_are_tried_on_the_last_pair_of_each_user(log):
    train = log([(1, 1, 70), (1, 2, 80_000), (1, 3, 5), (2, 4, 6), (3, 1, 2), (3, 5, 2)])
    trial = Trial.of(train, None, latest=True)
    asked = zip(trial.asked.users.tolist(), trial.asked.items.tolist(), strict=True)
    assert set(asked) == {(1, 2), (3, 5)}  # user 2 has no other
    assert len(trial.known.pairs) == 4


def test_of_long_histories_the_latest_items_are_counted(log, monkeypatch):
    rows = [(1, item, item) for item in range(1, 7)] + [(2, 1, 1), (2, 2, 2)]
    monkeypatch.setattr(followers, "_MOST", 5)
    found = _followers(log(rows), decay=0.5)  # one place each: three of user 1, two of user 2
    rows, columns = found.nonzero()
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {(4, 5), (5, 6), (1, 2)}
