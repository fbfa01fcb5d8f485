import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.batches import RowBatches, UserBatches
from maxella.data.columns import OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.data.interactions import Interactions

N_ITEM_ROWS = 8

KINDS = {
    "rows": RowBatches,
    "users": lambda log, size: UserBatches(log, size, WholeCatalogue(N_ITEM_ROWS)),
    "users, own items": lambda log, size: UserBatches(log, size, OwnAndUniform(counts(log), 0)),
    "users, uniform": lambda log, size: UserBatches(log, size, OwnAndUniform(counts(log), 3)),
    "users, unseen": lambda log, size: UserBatches(log, size, OwnAndUnseen(counts(log))),
}


def counts(log):
    return np.bincount(log.items, minlength=N_ITEM_ROWS)


def triples(batches):
    """The interactions that batches name, as (user row, item row, rating)."""
    found = []
    for batch in batches:
        users = batch.users[batch.user_positions].tolist()
        items = batch.items[batch.item_positions].tolist()
        found += zip(users, items, batch.ratings.tolist(), strict=True)
    return found


@pytest.mark.parametrize("kind", KINDS)
@given(
    pairs=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 7)), min_size=1, max_size=40),
    size=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_an_epoch_holds_every_interaction_once(kind, pairs, size, seed):
    users, items = np.array(pairs).T
    log = Interactions(users, items, np.arange(len(pairs), dtype=np.float32))
    batches = KINDS[kind](log, size)
    epoch = list(batches.epoch(np.random.default_rng(seed)))
    assert len(epoch) == len(batches)
    wanted = zip(users.tolist(), items.tolist(), log.ratings.tolist(), strict=True)
    assert sorted(triples(epoch)) == sorted(wanted)
    for batch in epoch:
        assert (np.diff(batch.user_positions.numpy()) >= 0).all()
        assert len(set(batch.users.tolist())) == len(batch.users)
        assert len(set(batch.items.tolist())) == len(batch.items)


def test_user_batches_keep_users_whole_and_span_the_catalogue():
    users = np.array([3, 1, 3, 2, 1, 3])
    log = Interactions(users, np.array([1, 2, 3, 4, 5, 6]))
    batches = list(UserBatches(log, 2, WholeCatalogue(N_ITEM_ROWS)).epoch(np.random.default_rng(0)))
    assert [len(batch.users) for batch in batches] == [2, 1]
    for batch in batches:
        assert batch.items.tolist() == [1, 2, 3, 4, 5, 6, 7]
        for user, n in zip(
            batch.users.tolist(), batch.user_positions.bincount().tolist(), strict=True
        ):
            assert n == (users == user).sum()


def test_row_batches_name_only_their_own_items():
    log = Interactions(np.array([1, 2, 1]), np.array([5, 5, 2]))
    (batch,) = RowBatches(log, 10).epoch(np.random.default_rng(0))
    assert batch.items.tolist() == [2, 5]
    assert batch.ratings is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_comes_from_the_generator(kind):
    rng = np.random.default_rng(3)
    log = Interactions(rng.integers(1, 50, 200), rng.integers(1, 8, 200), np.zeros(200, np.float32))
    batches = KINDS[kind](log, 16)
    one, same, other = (triples(batches.epoch(np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("kind", ["users, uniform", "users, unseen"])
def test_draws_come_from_the_generator_too(kind):
    rng = np.random.default_rng(3)
    log = Interactions(rng.integers(1, 50, 100), rng.integers(1, 8, 100))

    def drawn(seed):
        (batch,) = KINDS[kind](log, 50).epoch(np.random.default_rng(seed))
        draws = batch.item_weights if batch.negatives is None else batch.negatives
        return draws.tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
