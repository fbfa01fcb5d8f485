import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.closed_form.local_bias import LocalBias
from maxella.data.labelled import LabelledPairs

LOGS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.floats(-2, 2)), max_size=30).map(
    lambda rows: sorted(rows, key=lambda row: row[:2])
)
ASKED = st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 10)), min_size=1, max_size=9)


def bias_of(log, stretch=lambda times: times):
    users, times, errors = (np.array([row[j] for row in log]) for j in range(3))
    users, times = users.astype(np.int64), stretch(times.astype(np.int64))
    return LocalBias.of(LabelledPairs(users, users, errors, times), errors.astype(float))


def by_hand(log, user, time):
    """The formula, one rating after another."""
    own = [(t, error) for u, t, error in log if u == user]

    def place(at):
        before, level = sum(t < at for t, _ in own), sum(t == at for t, _ in own)
        return before + (level - 1) / 2

    weights = [np.exp(-abs(place(t) - place(time)) / 10) for t, _ in own]
    return sum(w * e for w, (_, e) in zip(weights, own, strict=True)) / (sum(weights) + 10)


@settings(deadline=None)
@given(LOGS, ASKED)
def test_it_is_the_weighted_mean_of_the_errors_around(log, asked):
    users, times = np.array(asked, dtype=np.int64).T
    found = bias_of(log).at(users, times)
    wanted = [by_hand(log, user, time) for user, time in asked]
    assert found == pytest.approx(np.array(wanted), abs=1e-6)


@settings(deadline=None)
@given(LOGS, ASKED)
def test_how_long_a_gap_is_says_nothing(log, asked):
    users, times = np.array(asked, dtype=np.int64).T
    stretched = bias_of(log, lambda times: times**3 * 86400)
    assert np.array_equal(stretched.at(users, times**3 * 86400), bias_of(log).at(users, times))


def test_without_a_time_it_is_what_comes_after_all():
    log = [(1, time, float(time > 20)) for time in range(40)] + [(2, 5, 1.0)]
    users = np.array([1, 2, 3])
    now = bias_of(log).at(users)
    assert np.array_equal(now, bias_of(log).at(users, np.full(3, 99)))
    early = bias_of(log).at(users, np.full(3, -1))
    assert now[0] > 0.4
    assert early[0] < 0.1
    assert now[2] == 0
