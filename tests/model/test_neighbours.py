import numpy as np
import pytest
import torch

from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.model import neighbours
from maxella.model.beside import Beside
from maxella.model.neighbours import FollowerPart, NeighbourPart, PickedNeighbours


def log_of(pairs, n_users, n_items, times=None):
    users, items = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    times = None if times is None else np.array(times)
    labels = {"buy": np.ones(len(users), dtype=np.float32)}
    return Log(Interactions(users, items, labels, times), n_users, n_items)


def asked_of(part, *facts):
    return PickedNeighbours.of(part, "buy", log_of(*facts))


@pytest.fixture
def part():
    """Item 1 is near 2 (.5) and 3 (.25); item 2 near 1 (-1); item 3 near nothing."""
    made = NeighbourPart(4, 2)
    made.items.copy_(torch.tensor([[0, 0], [2, 3], [1, 0], [0, 0]], dtype=torch.int32))
    with torch.no_grad():
        made.weights.copy_(torch.tensor([[0.0, 0.0], [0.5, 0.25], [-1.0, 0.0], [0.0, 0.0]]))
    return made


def test_what_users_have_picked_speaks_for_the_items_it_is_near_to(part):
    asked = asked_of(part, [(1, 2), (1, 3), (2, 1)], 4, 4)
    wanted = torch.tensor([[0.0, 0.75, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0] * 4, [0.0] * 4])
    torch.testing.assert_close(asked.scores(torch.tensor([1, 2, 3, 0])), wanted)


def test_other_users_are_told_apart(part):
    asked = asked_of(part, [(1, 2)], 2, 4).told(log_of([(1, 3)], 2, 4))
    assert asked.scores(torch.tensor([1]))[0, 1] == 0.25
    assert asked.of_pairs(torch.tensor([1]), torch.tensor([1])) == 0.25


@pytest.mark.parametrize("kind", [NeighbourPart, FollowerPart])
def test_a_pair_scores_as_in_a_list(monkeypatch, kind):
    rng = np.random.default_rng(5)
    made = kind(30, 6)
    with torch.no_grad():
        for item in range(1, 30):
            others = rng.permutation(np.setdiff1d(np.arange(1, 30), item))[:6]
            made.items[item] = torch.from_numpy(others.astype(np.int32))
            made.weights[item] = torch.from_numpy(rng.normal(size=6).astype(np.float32))
    cells = np.argwhere(rng.random((9, 29)) < 0.4) + 1
    asked = asked_of(made, cells, 11, 30)
    users, items = (torch.from_numpy(rng.integers(0, n, 200)) for n in (11, 30))
    wanted = asked.scores(users)[torch.arange(200), items]
    torch.testing.assert_close(asked.of_pairs(users, items), wanted)
    monkeypatch.setattr(neighbours, "_PAIRS", 7)
    torch.testing.assert_close(asked.of_pairs(users, items), wanted)
    assert wanted.count_nonzero() > 100


def test_what_followers_say_fades_with_the_age_of_a_pick(part):
    made = FollowerPart(4, 2)
    made.items.copy_(part.items)
    with torch.no_grad():
        made.weights.copy_(part.weights)
    made.reach.fill_(2.0)
    rows = [(1, 3), (1, 2), (1, 1)]
    for times in ([30, 20, 10], None):  # without times the rows are in their order
        rows = rows if times else rows[::-1]
        scores = asked_of(made, rows, 4, 4, times).scores(torch.tensor([1]))[0]
        assert scores[1] == pytest.approx(0.25 + 0.5 * np.exp(-0.5))
        assert scores[2] == pytest.approx(-np.exp(-1.0))


def test_picks_of_one_time_are_in_the_order_of_the_log():
    made = FollowerPart(4, 2)
    counts = made.picks(log_of([(1, 3), (1, 1), (1, 2)], 4, 4, [5, 9, 5]), "buy").toarray()[1]
    np.testing.assert_allclose(counts, [0, 1, np.exp(-1), np.exp(-2)], rtol=1e-6)


def test_a_pick_of_long_ago_counts_nothing():
    made = FollowerPart(42, 1)
    log = log_of([(1, item) for item in range(1, 41)], 2, 42)
    counts = made.picks(log, "buy")
    assert counts.nnz == 8
    assert counts[1, 40] == 1.0


def test_several_parts_add_up(part):
    parts = Beside([asked_of(part, [(1, 2), (1, 3)], 4, 4), asked_of(part, [(1, 2)], 4, 4)])
    users = torch.tensor([1])
    scores = parts.add(torch.ones(1, 4), users)
    assert scores[0].tolist() == [1.0, 1.0 + 0.75 + 0.5, 1.0, 1.0]
    assert parts.add(torch.ones(1, 2), users, torch.tensor([1, 3])).tolist() == [[2.25, 1.0]]
    assert parts.add_to_pairs(torch.ones(1), users, torch.tensor([1])) == 2.25
    told = parts.told(log_of([(1, 3)], 4, 4))
    assert told.add(torch.zeros(1, 4), users)[0, 1] == 0.5
