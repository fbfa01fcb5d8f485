import numpy as np
import torch

from maxella.data.history import History
from maxella.data.interactions import Interactions


def test_a_repeated_pair_counts_once_and_order_does_not_matter():
    train = Interactions(np.array([3, 1, 3, 3, 0]), np.array([2, 1, 1, 2, 1]))
    history = History.of(train, n_user_rows=5, n_item_rows=3)
    # User 1 has {1}, user 3 has {1, 2}, users 0, 2 and 4 have nothing.
    users = torch.tensor([3, 2, 1, 3])
    assert history.counts(users).tolist() == [2, 0, 1, 2]
    bags = history.bags(users)
    assert bags.items.tolist() == [1, 2, 1, 1, 2]
    assert bags.counts.tolist() == [2, 0, 1, 2]
    assert bags.begins.tolist() == [0, 2, 2, 3]
    assert history.matrix(users).tolist() == [[0, 1, 1], [0, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_the_history_of_nobody():
    none = np.array([], dtype=np.int64)
    history = History.of(Interactions(none, none), n_user_rows=2, n_item_rows=2)
    assert history.matrix(torch.arange(2)).tolist() == [[0, 0], [0, 0]]


def test_users_can_be_taken_out_in_any_order():
    train = Interactions(np.array([3, 1, 3, 3]), np.array([2, 1, 1, 2]))
    taken = History.of(train, n_user_rows=5, n_item_rows=3).take(torch.tensor([3, 2, 1, 3]))
    assert taken.n_user_rows == 4
    assert taken.matrix(torch.arange(4)).tolist() == [[0, 1, 1], [0, 0, 0], [0, 1, 0], [0, 1, 1]]
