"""The histories that batches hold by channel, and where in them the pair of each label stands."""

import numpy as np
import pytest
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
CHANNELS = [(), ("view",), ("buy",), ("view", "buy"), ("buy", "return"), ("return",)]


def log_of(rows, times=None):
    users, items, events, is_labelled = np.array(rows).T
    labels = np.where(is_labelled, np.arange(len(rows)), np.nan).astype(np.float32)
    log = Interactions(users, items, {"task": labels}, times, events)
    return Log(log, 5, N_ITEM_ROWS, EVENTS)


def epoch(log, channels, size=2, columns=None, **options):
    columns = columns or WholeCatalogue(N_ITEM_ROWS)
    batches = UserBatches(log, size, columns, channels, **options)
    return list(batches.epoch(np.random.default_rng(1)))


def met_by(rows, user, channel):
    """The items that a user met by an event, or by any."""
    return {item for u, item, event, _ in rows if u == user and channel in (None, EVENTS[event])}


def bags_of(batch, channel):
    bags = batch.histories[channel]
    return [part.tolist() for part in bags.items.split(bags.counts.tolist())]


@pytest.mark.parametrize("channels", CHANNELS, ids="+".join)
@pytest.mark.parametrize("columns", ["all", "uniform", "unseen"])
@settings(max_examples=15)
@given(rows=ROWS)
def test_a_history_has_each_pair_of_its_event_once(channels, columns, rows):
    log = log_of(rows)
    counts = np.bincount(log.rows.items, minlength=N_ITEM_ROWS)
    made = {"all": None, "uniform": OwnAndUniform(counts, 2), "unseen": OwnAndUnseen(counts)}
    for batch in epoch(log, channels, columns=made[columns]):
        assert len(batch.histories) == max(1, len(channels))
        for number, channel in enumerate(channels or [None]):
            found = bags_of(batch, number)
            for user, items in zip(batch.users.tolist(), found, strict=True):
                assert sorted(items) == sorted(met_by(rows, user, channel))
            of_columns, positions = batch.histories[number].distinct
            assert of_columns[positions].tolist() == batch.histories[number].items.tolist()


@pytest.mark.parametrize("channels", CHANNELS, ids="+".join)
@settings(max_examples=25)
@given(rows=ROWS)
def test_each_label_knows_where_its_own_pair_stands(channels, rows):
    for batch in epoch(log_of(rows), channels):
        of_task = batch.tasks["task"]
        pairs = zip(
            batch.users[of_task.user_positions].tolist(),
            of_task.user_positions.tolist(),
            batch.items[of_task.item_positions].tolist(),
            strict=True,
        )
        pairs = list(pairs)
        for number, channel in enumerate(channels or [None]):
            places, bags = of_task.history_places[number], batch.histories[number]
            if places is None:  # the labels are the history, one by one
                places = np.arange(len(bags.items))
            assert len(places) == len(of_task)
            begins, counts = bags.begins.tolist(), bags.counts.tolist()
            for place, (user, position, item) in zip(places.tolist(), pairs, strict=True):
                if item in met_by(rows, user, channel):
                    assert bags.items[place] == item
                    assert begins[position] <= place < begins[position] + counts[position]
                else:
                    assert place == -1


@given(rows=ROWS)
def test_one_channel_of_all_rows_is_none(rows):
    rows = [(user, item, 1, labelled) for user, item, _, labelled in rows]
    for one, none in zip(epoch(log_of(rows), ("buy",)), epoch(log_of(rows), ()), strict=True):
        assert bags_of(one, 0) == bags_of(none, 0)
        (found,), (wanted,) = (batch.tasks["task"].history_places for batch in (one, none))
        assert (found is None) == (wanted is None)
        assert found is None or found.tolist() == wanted.tolist()


@settings(max_examples=25)
@given(rows=ROWS, data=st.data())
def test_where_order_is_read_items_come_at_their_latest_times(rows, data):
    times = np.array(data.draw(st.permutations(range(len(rows)))))
    log = log_of(rows, times)
    for channels in CHANNELS:
        histories = log.histories(channels, in_time_order=True)
        for batch in epoch(log, channels, in_time_order=True):
            for number, history in enumerate(histories):
                bags = history.bags(batch.users)
                assert batch.histories[number].items.tolist() == bags.items.tolist()
                assert batch.histories[number].counts.tolist() == bags.counts.tolist()


@given(rows=ROWS)
def test_all_rows_are_what_a_user_did_by_any_event_each_pair_once(rows):
    log = log_of(rows)
    everything = log.history()
    for batch in epoch(log, ("view", "buy")):
        bags, wanted = batch.all_rows, everything.bags(batch.users)
        assert bags.counts.tolist() == wanted.counts.tolist()
        for found, items in zip(
            bags.items.split(bags.counts.tolist()),
            wanted.items.split(wanted.counts.tolist()),
            strict=True,
        ):
            assert sorted(found.tolist()) == items.tolist()
