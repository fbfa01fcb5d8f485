"""What picks say in their order: for anyone the same, and nothing of what comes later."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.data.windows import NEVER, Windows
from maxella.model.order import LATEST, OLDEST, OrderPart

ITEMS = 150


def history_of(*users):
    """The picks of users 1, 2, ..., oldest first."""
    items = torch.tensor([item for picks in users for item in picks], dtype=torch.int64)
    counts = torch.tensor([0, *(len(picks) for picks in users)])
    return History(items, torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)]), ITEMS)


@pytest.fixture(scope="module")
def part(scramble):
    made = OrderPart(ITEMS, 4)
    scramble(made)
    return made.eval()


distinct = st.permutations(range(1, ITEMS)).flatmap(
    lambda items: st.integers(0, len(items)).map(lambda n: items[:n])
)


@torch.no_grad()
def by_hand(part, picks):
    """What a list of picks, oldest first, says."""
    of_all, of_latest, of_late = (table.weight for table in part.readings)
    n = max(1, len(picks))
    taken, latest = torch.zeros(4), torch.zeros(4)
    for age, item in enumerate(reversed(picks)):
        taken += of_all[item]
        if age < LATEST:
            latest += part.kernel[age] * of_latest[item]
        if age < OLDEST:
            latest += part.late_gain * np.exp(-age / 20) * of_late[item]
    return torch.cat([part.log_gain.exp() * n**-part.power * taken, latest])


@given(distinct, distinct, st.integers(1, 120))
@torch.no_grad()
def test_states_are_those_of_the_picks_before_whatever_comes_later(part, first, second, length):
    history = history_of(first, second)
    windows = Windows.cut(history, length)
    wanted = [picks[:n] for picks in (first, second) for n in range(len(picks))]
    if wanted:
        found = part(windows)
        torch.testing.assert_close(
            found, torch.stack([by_hand(part, picks) for picks in wanted]), rtol=1e-4, atol=1e-4
        )


@given(distinct)
@torch.no_grad()
def test_the_next_place_is_read_from_all_picks(part, picks):
    found = part(Windows.next_places(history_of(picks), torch.tensor([1])))
    torch.testing.assert_close(found[0], by_hand(part, picks), rtol=1e-4, atol=1e-4)


@given(distinct, st.integers(1, 50))
def test_windows_hold_every_pick_once(picks, length):
    windows = Windows.cut(history_of([], picks, [7]), length)
    assert windows.counts.sum() == len(picks) + 1
    if len(windows):
        assert windows.items(0)[windows.is_place].tolist() == [*picks, 7]
        assert (windows.counts >= 1).all()
        assert windows.length <= length


def test_where_items_are_taken():
    windows = Windows.cut(history_of([5, 3, 9], [3]), 2)
    found = windows.taken_at(torch.tensor([3, 4, 9]))
    assert found.tolist() == [[1, NEVER, 2], [1, NEVER, 2], [0, NEVER, NEVER]]


def log_of(rows, n_users, times=None):
    users, items = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    labels = {"buy": np.ones(len(users), dtype=np.float32)}
    times = None if times is None else np.array(times)
    return Log(Interactions(users, items, labels, times), n_users, ITEMS)


@torch.no_grad()
def test_scores_of_pairs_are_those_of_lists(part):
    rng = np.random.default_rng(1)
    rows = [(user, item) for user in (1, 3) for item in rng.permutation(ITEMS - 1)[:30] + 1]
    told = part.told("buy", log_of(rows, 5))
    users = torch.arange(5)
    scores = told.scores(users)
    items = torch.from_numpy(rng.integers(0, ITEMS, 50))
    of = torch.from_numpy(rng.integers(0, 5, 50))
    torch.testing.assert_close(told.of_pairs(of, items), scores[of, items])
    assert told.of_pairs(of[:0], items[:0]).shape == (0,)
    assert told.scores(users[:0]).shape == (0, ITEMS)


@torch.no_grad()
def test_a_history_is_read_alike_whoever_has_it(part):
    told = part.told("buy", log_of([(1, 7), (1, 2), (2, 5)], 3))
    other = told.told(log_of([(4, 7), (4, 2)], 6))
    same = other.scores(torch.tensor([4])), told.scores(torch.tensor([1]))
    torch.testing.assert_close(*same)
    turned = told.told(log_of([(1, 2), (1, 7)], 3)).scores(torch.tensor([1]))
    assert not torch.allclose(turned, same[0])


@torch.no_grad()
def test_without_times_rows_are_in_order_and_equal_times_too(part):
    rows = [(1, 7), (1, 2), (1, 9)]
    user = torch.tensor([1])
    found = [part.told("buy", log_of(rows, 2, times)).scores(user) for times in (None, [4, 4, 4])]
    torch.testing.assert_close(*found)
    later = part.told("buy", log_of(rows[::-1], 2, [6, 5, 4])).scores(user)
    torch.testing.assert_close(later, found[0])


@torch.no_grad()
def test_nobody_has_picked_anything(part):
    told = part.told("buy", log_of([], 3))
    torch.testing.assert_close(told.scores(torch.arange(3)), part.biases.expand(3, -1))
