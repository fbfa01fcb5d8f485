import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.batches import RowBatches, UserBatches
from maxella.data.columns import OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.data.interactions import Interactions
from maxella.data.log import Log

N_ITEM_ROWS = 8

KINDS = {
    "rows": RowBatches,
    "users": lambda log, size: UserBatches(log, size, WholeCatalogue(N_ITEM_ROWS)),
    "users, own items": lambda log, size: UserBatches(log, size, OwnAndUniform(counts(log), 0)),
    "users, uniform": lambda log, size: UserBatches(log, size, OwnAndUniform(counts(log), 3)),
    "users, unseen": lambda log, size: UserBatches(log, size, OwnAndUnseen(counts(log))),
}


def log_of(users, items, labels=None, **columns):
    if labels is None:
        labels = np.ones(len(users), dtype=np.float32)
    return Log(Interactions(users, items, {"task": labels}, **columns), 60, N_ITEM_ROWS)


def counts(log):
    return np.bincount(log.rows.items, minlength=N_ITEM_ROWS)


def pairs(batches):
    """The rows of the log that batches name, as (user row, item row)."""
    found = []
    for batch in batches:
        users = batch.users[batch.user_positions].tolist()
        items = batch.items[batch.item_positions].tolist()
        found += zip(users, items, strict=True)
    return found


def triples(batches, task="task"):
    """The labels of a task in batches, as (user row, item row, label)."""
    found = []
    for batch in batches:
        rows = batch.tasks[task]
        users = batch.users[rows.user_positions].tolist()
        items = batch.items[rows.item_positions].tolist()
        found += zip(users, items, rows.labels.tolist(), strict=True)
    return found


@pytest.mark.parametrize("kind", KINDS)
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 7), st.booleans()), min_size=1, max_size=40
    ),
    size=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_an_epoch_holds_every_row_and_every_label_once(kind, rows, size, seed):
    users, items, is_labelled = np.array(rows).T
    labels = np.where(is_labelled, np.arange(len(rows)), np.nan).astype(np.float32)
    log = log_of(users, items, labels)
    batches = KINDS[kind](log, size)
    epoch = list(batches.epoch(np.random.default_rng(seed)))
    assert len(epoch) == len(batches)
    assert sorted(pairs(epoch)) == sorted(zip(users.tolist(), items.tolist(), strict=True))
    wanted = [
        (user, item, float(row)) for row, (user, item, labelled) in enumerate(rows) if labelled
    ]
    assert sorted(triples(epoch)) == sorted(wanted)
    assert sum(batch.share for batch in epoch) == pytest.approx(1)
    for batch in epoch:
        rows_of_task = batch.tasks["task"]
        assert rows_of_task.expected == pytest.approx(batch.share * len(wanted))
        for positions in (batch.user_positions, rows_of_task.user_positions):
            assert (np.diff(positions.numpy()) >= 0).all()
        assert len(set(batch.users.tolist())) == len(batch.users)
        assert len(set(batch.items.tolist())) == len(batch.items)


def test_user_batches_keep_users_whole_and_span_the_catalogue():
    users = np.array([3, 1, 3, 2, 1, 3])
    log = log_of(users, np.array([1, 2, 3, 4, 5, 6]))
    batches = list(UserBatches(log, 2, WholeCatalogue(N_ITEM_ROWS)).epoch(np.random.default_rng(0)))
    assert [len(batch.users) for batch in batches] == [2, 1]
    for batch in batches:
        assert batch.items.tolist() == [1, 2, 3, 4, 5, 6, 7]
        for user, n in zip(
            batch.users.tolist(), batch.user_positions.bincount().tolist(), strict=True
        ):
            assert n == (users == user).sum()


def test_row_batches_name_only_their_own_items():
    log = log_of(np.array([1, 2, 1]), np.array([5, 5, 2]))
    (batch,) = RowBatches(log, 10).epoch(np.random.default_rng(0))
    assert batch.items.tolist() == [2, 5]


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_comes_from_the_generator(kind):
    rng = np.random.default_rng(3)
    log = log_of(rng.integers(1, 50, 200), rng.integers(1, 8, 200))
    batches = KINDS[kind](log, 16)
    one, same, other = (triples(batches.epoch(np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("kind", ["users, uniform", "users, unseen"])
def test_draws_come_from_the_generator_too(kind):
    rng = np.random.default_rng(3)
    log = log_of(rng.integers(1, 50, 100), rng.integers(1, 8, 100))

    def drawn(seed):
        (batch,) = KINDS[kind](log, 50).epoch(np.random.default_rng(seed))
        negatives = batch.tasks["task"].negatives
        return (batch.item_weights if negatives is None else negatives).tolist()

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
