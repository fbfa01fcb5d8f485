"""The columns of whole-user batches: weights whose mean is 1, negatives uniform over the unseen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.batches import UserBatches
from maxella.data.columns import OwnAndUniform, OwnAndUnseen, draw_unseen
from maxella.data.interactions import Interactions
from maxella.data.log import Log

N_ITEMS = 6
PAIRS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, N_ITEMS)), min_size=1, max_size=40)


class Ranks:
    """In place of a generator: gives the same rank to all, as far as their range goes."""

    def __init__(self, rank):
        self.rank = rank

    def integers(self, low, high):
        return np.minimum(self.rank, high - 1)


def log_of(pairs):
    users, items = np.array(pairs).T
    labels = {"task": np.ones(len(users), dtype=np.float32)}
    return Log(Interactions(users, items, labels), 6, N_ITEMS + 1)


def counts_of(log):
    return np.bincount(log.rows.items, minlength=N_ITEMS + 1)


def epoch(log, columns, size=2, seed=0):
    return list(UserBatches(log, size, columns).epoch(np.random.default_rng(seed)))


@given(pairs=PAIRS)
def test_each_rank_is_another_item_that_the_user_lacks(pairs):
    users, items = np.array(sorted(pairs)).T
    _, positions = np.unique(users, return_inverse=True)
    drawn = [draw_unseen(positions, items - 1, N_ITEMS, Ranks(rank)) for rank in range(N_ITEMS)]
    for pair, user in enumerate(users):
        lacking = [item for item in range(N_ITEMS) if (user, item + 1) not in pairs]
        found = [int(draw[pair]) for draw in drawn]
        if lacking:
            last = lacking[-1]
            assert found == lacking + [last] * (N_ITEMS - len(lacking))
        else:
            assert found == [-1] * N_ITEMS


def test_negatives_are_uniform_over_the_unseen():
    # A user with items 1 and 4 of 0 to 5, and one who has but item 0.
    positions, items = np.repeat([0, 0, 1], 4000), np.repeat([1, 4, 0], 4000)
    drawn = draw_unseen(positions, items, N_ITEMS, np.random.default_rng(3))
    for user, lacking in enumerate([[0, 2, 3, 5], [1, 2, 3, 4, 5]]):
        found = np.bincount(drawn[positions == user], minlength=N_ITEMS)
        assert np.flatnonzero(found).tolist() == lacking
        expected = found.sum() / len(lacking)
        # The 99.9 % quantiles of chi-square with 3 and 4 degrees of freedom.
        assert ((found[lacking] - expected) ** 2 / expected).sum() < (16.27, 18.47)[user]


@given(pairs=PAIRS, size=st.integers(1, 5), seed=st.integers(0, 9))
def test_a_negative_is_never_known_and_there_unless_the_user_has_everything(pairs, size, seed):
    log = log_of(pairs)
    for batch in epoch(log, OwnAndUnseen(counts_of(log)), size, seed):
        users = batch.users[batch.user_positions].tolist()
        negatives = batch.tasks["task"].negatives.tolist()
        for user, negative in zip(users, negatives, strict=True):
            taken = {item for owner, item in pairs if owner == user}
            if negative < 0:
                assert len(taken) == N_ITEMS
            else:
                assert batch.items[negative].item() in set(range(1, N_ITEMS + 1)) - taken


def test_weights_by_hand():
    # User 1 took items 1 and 2, user 2 item 1: counts 2 and 1. A batch of one user is half.
    log = log_of([(1, 1), (1, 2), (2, 1)])
    found = {
        tuple(batch.items.tolist()): batch.item_weights.tolist()
        for batch in epoch(log, OwnAndUniform(counts_of(log), 0), size=1)
    }
    # Once each, where .5 · 2 and .5 · 1 were to be expected.
    assert found == {(1, 2): [1, 2], (1,): [1]}


def test_uniform_draws_add_to_what_came_and_to_what_was_expected():
    log = log_of([(1, 1), (1, 2), (2, 1)])
    (batch,) = epoch(log, OwnAndUniform(counts_of(log), 600), size=2, seed=5)
    drawn = np.random.default_rng(5)
    drawn.permutation(2)
    draws = np.bincount(drawn.integers(1, N_ITEMS + 1, 600), minlength=N_ITEMS + 1)[1:]
    came = np.array([2, 1, 0, 0, 0, 0])
    assert batch.items.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(batch.item_weights, (came + draws) / (came + 100), rtol=1e-6)


@pytest.mark.parametrize("unseen", [False, True])
@given(pairs=PAIRS, size=st.integers(1, 5), seed=st.integers(0, 9))
def test_own_weights_by_shares_add_up_to_one_over_an_epoch(unseen, pairs, size, seed):
    log = log_of(pairs)
    counts = counts_of(log)
    totals = np.zeros(N_ITEMS + 1)
    columns = OwnAndUnseen(counts) if unseen else OwnAndUniform(counts, 0)
    for batch in epoch(log, columns, size, seed):
        totals[batch.items.numpy()] += batch.share * batch.item_weights.numpy()
    np.testing.assert_allclose(totals, counts > 0, rtol=1e-5)


def test_the_mean_weight_of_every_item_is_one_also_of_those_nobody_took():
    log = log_of([(1, 1), (1, 2), (2, 1), (3, 1), (4, 3)])
    columns, totals, n = OwnAndUniform(counts_of(log), 4), np.zeros(N_ITEMS + 1), 4000
    for seed in range(n):
        batch = epoch(log, columns, 2, seed)[0]
        totals[batch.items.numpy()] += batch.item_weights.numpy()
    np.testing.assert_allclose(totals[1:] / n, 1, atol=0.05)
