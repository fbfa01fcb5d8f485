import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from maxella.closed_form import residual_process
from maxella.closed_form.residual_process import Covariance, ResidualProcess
from maxella.data.labelled import LabelledPairs

ITEMS = 7
PICKS, TASTES, FEATURES = (
    functional.normalize(torch.randn(ITEMS, d, generator=torch.Generator().manual_seed(d)), dim=1)
    for d in (3, 2, 4)
)
# user, item, time, what the rating has over its prediction
LOGS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, ITEMS - 1), st.integers(0, 9), st.floats(-2, 2)),
    max_size=30,
)
ASKED = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, ITEMS - 1), st.integers(-1, 10)),
    min_size=1,
    max_size=9,
)
AMPLITUDES = st.sampled_from(
    [(0.3, 0.2, 0.1, 0.1), *(tuple(0.2 * np.eye(4)[kind]) for kind in range(4))]
)


def columns(rows, n=4):
    table = np.array(rows, dtype=float).reshape(len(rows), n).T
    return [*table[: n - 1].astype(np.int64), table[n - 1]]


def process_of(log, amplitudes, stretch=lambda times: times):
    users, items, times, errors = columns(log)
    pairs = LabelledPairs(users, items, errors.astype(np.float32), stretch(times))
    return ResidualProcess.of(
        Covariance(PICKS, TASTES, FEATURES, amplitudes), pairs, lambda of: of.labels
    )


def by_hand(log, amplitudes, asked, only_past=False):
    """The formula, for one question, with all that is looked at written out."""
    user, item, time = asked
    own = [row for row in log if row[0] == user]

    def place(at):
        before, level = sum(t < at for _, _, t, _ in own), sum(t == at for _, _, t, _ in own)
        return before + (level - 1) / 2

    def covariance(i, j, p, q):
        x, y = float(PICKS[i] @ PICKS[j]), float(TASTES[i] @ TASTES[j])
        of_picks, of_tastes, of_features, of_time = amplitudes
        alike = of_picks * np.exp((x - 1) / 0.35) + of_tastes * np.exp((y - 1) / 0.2)
        alike += of_features * float(FEATURES[i] @ FEATURES[j])
        return alike + of_time * np.exp(-abs(p - q) / 10)

    asked_place = sum(t < time for _, _, t, _ in own) - 0.5 if only_past else place(time)
    only, places = [], []
    for row in own:
        if only_past and row[2] >= time:
            continue
        only.append(row)
        places.append(place(row[2]))
    if not only:
        return 0.0
    among = [
        [covariance(a[1], b[1], p, q) for b, q in zip(only, places, strict=True)]
        for a, p in zip(only, places, strict=True)
    ]
    between = [covariance(a[1], item, p, asked_place) for a, p in zip(only, places, strict=True)]
    solved = np.linalg.solve(np.array(among) + 0.7 * np.eye(len(only)), [row[3] for row in only])
    return float(np.array(between) @ solved)


@settings(deadline=None)
@given(LOGS, ASKED, AMPLITUDES, st.booleans())
def test_it_is_the_regression_written_out(log, asked, amplitudes, only_past):
    users, items, times = np.array(asked, dtype=np.int64).T
    found = process_of(log, amplitudes).at(users, items, times, only_past=only_past)
    wanted = [by_hand(log, amplitudes, one, only_past) for one in asked]
    assert found == pytest.approx(np.array(wanted), abs=1e-5)


@settings(deadline=None)
@given(LOGS, ASKED, AMPLITUDES)
def test_the_past_says_what_it_would_have_said_then(log, asked, amplitudes):
    """What came at that time or later could be anything."""
    users, items, times = np.array(asked[:1], dtype=np.int64).T
    early = [row for row in log if row[2] < times[0]]
    then = process_of(early, amplitudes).at(users, items, only_past=True)
    found = process_of(log, amplitudes).at(users, items, times, only_past=True)
    assert found == pytest.approx(then, abs=1e-5)


@settings(deadline=None)
@given(LOGS, ASKED, AMPLITUDES)
def test_how_long_a_gap_is_says_nothing(log, asked, amplitudes):
    users, items, times = np.array(asked, dtype=np.int64).T
    stretched = process_of(log, amplitudes, lambda times: times**3 * 86400)
    found = stretched.at(users, items, times**3 * 86400)
    assert np.array_equal(found, process_of(log, amplitudes).at(users, items, times))


@settings(deadline=None, max_examples=30)
@given(LOGS, ASKED, AMPLITUDES)
def test_small_groups_say_the_same(log, asked, amplitudes):
    users, items, times = np.array(asked, dtype=np.int64).T
    wanted = process_of(log, amplitudes).at(users, items, times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residual_process, "_CELLS", 1)
        process = process_of(log, amplitudes)
        found = process.at(users, items, times)
        assert found == pytest.approx(wanted, abs=1e-6)
        assert np.array_equal(process.at(users, items, times), found)  # from what it has kept


def test_no_amplitude_adds_nothing():
    log = [(1, 1, 0, 2.0), (1, 2, 1, -1.0)]
    asked = np.array([1, 1]), np.array([1, 3])
    assert process_of(log, (0.0, 0.0, 0.0, 0.0)).at(*asked).tolist() == [0, 0]


def test_nobody_known_and_nothing_asked():
    asked = np.array([1, 2]), np.array([1, 0])
    nobody = process_of([], (0.3, 0.2, 0.1, 0.1))
    assert nobody.at(*asked).tolist() == [0, 0]
    assert nobody.at(*asked, np.array([3, 4]), only_past=True).tolist() == [0, 0]
    known = process_of([(1, 1, 0, 2.0)], (0.3, 0.2, 0.1, 0.1))
    nothing = np.empty(0, dtype=np.int64)
    assert len(known.at(nothing, nothing)) == 0


def test_without_a_time_it_is_what_comes_after_all():
    log = [(1, 1 + time % 6, time, float(time > 20)) for time in range(40)] + [(2, 5, 5, 1.0)]
    users, items = np.array([1, 2, 3]), np.array([1, 1, 1])
    process = process_of(log, (0.0, 0.0, 0.0, 0.1))
    now = process.at(users, items)
    assert np.array_equal(now, process.at(users, items, np.full(3, 99)))
    early = process.at(users, items, np.full(3, -1))
    assert now[0] > 0.3
    assert early[0] < 0.1
    assert now[2] == 0


def test_of_a_long_history_the_latest_are_read(monkeypatch):
    monkeypatch.setattr(residual_process, "_MOST", 3)
    log = [(1, 1, time, error) for time, error in enumerate([9.0, 9.0, 1.0, 2.0, -1.0])]
    asked = np.array([1]), np.array([2])
    amplitudes = (0.3, 0.2, 0.1, 0.0)
    for only_past in (False, True):
        found = process_of(log, amplitudes).at(*asked, only_past=only_past)
        assert found == pytest.approx(process_of(log[2:], amplitudes).at(*asked), abs=1e-6)
