import numpy as np
import pytest
import torch

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.model import neighbours
from maxella.model.neighbours import NeighbourPart


def picks_of(pairs, n_users, n_items):
    users, items = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return History.of(Interactions(users, items), n_users, n_items)


@pytest.fixture
def part():
    """Item 1 is near 2 (.5) and 3 (.25); item 2 near 1 (-1); item 3 near nothing."""
    made = NeighbourPart(4, 2)
    made.items.copy_(torch.tensor([[0, 0], [2, 3], [1, 0], [0, 0]], dtype=torch.int32))
    with torch.no_grad():
        made.weights.copy_(torch.tensor([[0.0, 0.0], [0.5, 0.25], [-1.0, 0.0], [0.0, 0.0]]))
    return made


def test_what_users_have_picked_speaks_for_the_items_it_is_near_to(part):
    asked = part.of(picks_of([(1, 2), (1, 3), (2, 1)], 4, 4))
    wanted = torch.tensor([[0.0, 0.75, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], [0.0] * 4, [0.0] * 4])
    torch.testing.assert_close(asked.scores(torch.tensor([1, 2, 3, 0])), wanted)


def test_other_users_are_told_apart(part):
    asked = part.of(picks_of([(1, 2)], 2, 4)).told(picks_of([(1, 3)], 2, 4))
    assert asked.scores(torch.tensor([1]))[0, 1] == 0.25
    assert asked.of_pairs(torch.tensor([1]), torch.tensor([1])) == 0.25


def test_a_pair_scores_as_in_a_list(monkeypatch):
    rng = np.random.default_rng(5)
    made = NeighbourPart(30, 6)
    with torch.no_grad():
        for item in range(1, 30):
            others = rng.permutation(np.setdiff1d(np.arange(1, 30), item))[:6]
            made.items[item] = torch.from_numpy(others.astype(np.int32))
            made.weights[item] = torch.from_numpy(rng.normal(size=6).astype(np.float32))
    cells = np.argwhere(rng.random((9, 29)) < 0.4) + 1
    asked = made.of(picks_of(cells, 11, 30))
    users, items = (torch.from_numpy(rng.integers(0, n, 200)) for n in (11, 30))
    wanted = asked.scores(users)[torch.arange(200), items]
    torch.testing.assert_close(asked.of_pairs(users, items), wanted)
    monkeypatch.setattr(neighbours, "_PAIRS", 7)
    torch.testing.assert_close(asked.of_pairs(users, items), wanted)
    assert wanted.count_nonzero() > 100
