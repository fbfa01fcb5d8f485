import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.data.recency import recency_weights

LOGS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=30
)


def weights_of(rows):
    users, items, times = np.array(rows, dtype=np.int64).T
    log = Interactions(users, items, timestamps=times)
    history = History.of(log, 4, 6, with_times=True)
    return history, recency_weights(history)


@settings(deadline=None)
@given(LOGS)
def test_a_user_s_weights_add_up_to_their_items_and_the_later_weighs_more(rows):
    history, weights = weights_of(rows)
    latest = {}
    for user, item, time in rows:
        latest[user, item] = max(time, latest.get((user, item), time))
    assert len(weights) == len(history.items)
    for user in range(1, 4):
        own = slice(*history.starts[user : user + 2].tolist())
        torch.testing.assert_close(weights[own].sum(), torch.tensor(float(own.stop - own.start)))
        times = [latest[user, item] for item in history.items[own].tolist()]
        pairs = zip(times, weights[own].tolist(), strict=True)
        assert all(
            w < v for t, w in pairs for s, v in zip(times, weights[own], strict=True) if t < s
        )
        assert len(set(times)) == len(set(weights[own].tolist()))


@settings(deadline=None)
@given(LOGS)
def test_how_long_a_gap_is_says_nothing(rows):
    _, plain = weights_of(rows)
    _, stretched = weights_of([(user, item, time**3 * 86400) for user, item, time in rows])
    assert torch.equal(plain, stretched)


def test_a_thousand_items_of_one_time_at_the_end_are_no_overflow():
    users = np.ones(1001, dtype=np.int64)
    log = Interactions(users, np.arange(1, 1002), timestamps=np.r_[0, np.full(1000, 5)])
    weights = recency_weights(History.of(log, 2, 1002, with_times=True))
    assert weights[0] < 1e-6
    torch.testing.assert_close(weights[1:], torch.full((1000,), 1.001))
