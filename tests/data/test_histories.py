"""The history that a batch holds, its events told apart, and which of them each label has there."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.batches import UserBatches
from maxella.data.columns import OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.data.interactions import Interactions
from maxella.data.log import Log

EVENTS = ("view", "buy", "return")
N_ITEM_ROWS = 6
ROWS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(0, 1), st.booleans()),
    min_size=1,
    max_size=25,
)
NAMED = [(), ("view",), ("buy",), ("view", "buy"), ("buy", "return", "view"), ("return",)]
EVERY = pytest.mark.parametrize("named", NAMED, ids="+".join)


def log_of(rows, times=None):
    users, items, events, is_labelled = np.array(rows).T
    labels = np.where(is_labelled, np.arange(len(rows)), np.nan).astype(np.float32)
    log = Interactions(users, items, {"task": labels}, times, events)
    return Log(log, 5, N_ITEM_ROWS, EVENTS)


def epoch(log, named, size=2, columns=None, **options):
    columns = columns or WholeCatalogue(N_ITEM_ROWS)
    batches = UserBatches(log, size, columns, named, **options)
    return list(batches.epoch(np.random.default_rng(1)))


def met_by(rows, user, named):
    """The items of a user, each with the place of its event among those named; None without."""
    return {
        (item, named.index(EVENTS[event]) if named else None)
        for u, item, event, _ in rows
        if u == user and (not named or EVENTS[event] in named)
    }


def cells(bags):
    """What each user of a batch has, as (item, place of the event)."""
    events = [None] * len(bags.items) if bags.events is None else bags.events.tolist()
    flat = list(zip(bags.items.tolist(), events, strict=True))
    begins = bags.begins.tolist()
    return [flat[a : a + n] for a, n in zip(begins, bags.counts.tolist(), strict=True)]


@EVERY
@pytest.mark.parametrize("columns", ["all", "uniform", "unseen"])
@settings(max_examples=15)
@given(rows=ROWS)
def test_a_history_has_each_pair_once_by_each_event_that_is_named(named, columns, rows):
    log = log_of(rows)
    counts = np.bincount(log.rows.items, minlength=N_ITEM_ROWS)
    made = {"all": None, "uniform": OwnAndUniform(counts, 2), "unseen": OwnAndUnseen(counts)}
    for batch in epoch(log, named, columns=made[columns]):
        for user, found in zip(batch.users.tolist(), cells(batch.history), strict=True):
            assert sorted(found) == sorted(met_by(rows, user, named))
        of_columns, positions = batch.history.distinct
        assert of_columns[positions].tolist() == batch.history.items.tolist()


@EVERY
@settings(max_examples=25)
@given(rows=ROWS)
def test_each_label_knows_by_which_events_its_pair_is_in_the_history(named, rows):
    for batch in epoch(log_of(rows), named):
        of_task = batch.tasks["task"]
        if not named:
            assert of_task.pair_events is None
            continue
        assert of_task.pair_events.shape == (len(of_task), len(named))
        users = batch.users[of_task.user_positions].tolist()
        items = batch.items[of_task.item_positions].tolist()
        for user, item, found in zip(users, items, of_task.pair_events.tolist(), strict=True):
            met = met_by(rows, user, named)
            assert found == [(item, place) in met for place in range(len(named))]


@EVERY
@settings(max_examples=25)
@given(rows=ROWS, data=st.data())
def test_training_reads_what_serving_reads(named, rows, data):
    times = np.array(data.draw(st.permutations(range(len(rows)))))
    log = log_of(rows, times)
    for in_time_order in (False, True):
        history = log.history(named, in_time_order=in_time_order)
        for batch in epoch(log, named, in_time_order=in_time_order):
            found, wanted = cells(batch.history), cells(history.bags(batch.users))
            if not in_time_order:
                found, wanted = ([sorted(one) for one in side] for side in (found, wanted))
            assert found == wanted


@given(rows=ROWS)
def test_one_event_for_all_rows_is_none(rows):
    rows = [(user, item, 1, labelled) for user, item, _, labelled in rows]
    for one, none in zip(epoch(log_of(rows), ("buy",)), epoch(log_of(rows), ()), strict=True):
        assert one.history.items.tolist() == none.history.items.tolist()
        assert one.history.counts.tolist() == none.history.counts.tolist()
        assert not one.history.events.any()
        assert one.tasks["task"].pair_events.all()


@EVERY
@given(rows=ROWS)
def test_a_history_says_by_which_events_pairs_are_in_it(named, rows):
    history = log_of(rows).history(named)
    users, items = (side.ravel() for side in np.mgrid[0:5, 0:N_ITEM_ROWS])
    found = history.events_of(users, items, len(named))
    if not named:
        assert found is None
        return
    for user, item, events in zip(users.tolist(), items.tolist(), found.tolist(), strict=True):
        met = met_by(rows, user, named)
        assert events == [(item, place) in met for place in range(len(named))]


@given(rows=ROWS, data=st.data())
def test_users_taken_out_keep_their_items_events_and_times(rows, data):
    times = np.array(data.draw(st.permutations(range(len(rows)))))
    history = log_of(rows, times).history(("view", "buy"), with_times=True)
    users = np.array(data.draw(st.lists(st.integers(0, 4), max_size=6)), dtype=np.int64)
    rows_of_users = torch.from_numpy(users)
    taken = history.take(rows_of_users)
    assert cells(taken.bags(torch.arange(len(users)))) == cells(history.bags(rows_of_users))
    latest = {}
    for (user, item, event, _), time in zip(rows, times.tolist(), strict=True):
        latest[user, item, event] = max(time, latest.get((user, item, event), time))
    owners = np.repeat(users, taken.starts.diff().numpy())
    columns = owners.tolist(), taken.items.tolist(), taken.events.tolist()
    wanted = [latest[key] for key in zip(*columns, strict=True)]
    assert taken.times.tolist() == wanted
