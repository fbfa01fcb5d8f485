import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.model.interval import central_interval

LEVELS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


@pytest.mark.parametrize(
    ("shares", "probability", "ends"),
    [
        ([0.1, 0.2, 0.4, 0.2, 0.1], 0.8, (2, 4)),  # tails of just .1 are left out
        ([0.11, 0.2, 0.38, 0.2, 0.11], 0.8, (1, 5)),
        ([0.0, 0.0, 1.0, 0.0, 0.0], 0.8, (3, 3)),
        ([0.0, 0.04, 0.06, 0.3, 0.6], 0.8, (4, 5)),
        ([0.3, 0.0, 0.4, 0.0, 0.3], 0.3, (3, 3)),
        ([0.5, 0.0, 0.0, 0.0, 0.5], 0.001, (1, 5)),
    ],
)
def test_worked_numbers(shares, probability, ends):
    low, high = central_interval(np.array([shares]), LEVELS, probability)
    assert (low[0], high[0]) == ends


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda shares: sum(shares) > 0.01),
    st.floats(0.01, 0.99),
)
@settings(deadline=None)
def test_each_tail_is_as_large_as_may_be(shares, probability):
    shares = np.array(shares) / sum(shares)
    levels = np.arange(len(shares)) * 0.5
    low, high = (ends[0] for ends in central_interval(shares[None], levels, probability))
    tail = (1 - probability) / 2
    assert low <= high
    assert shares[(levels >= low) & (levels <= high)].sum() >= probability - 1e-6
    assert shares[levels < low].sum() <= tail + 1e-6
    assert shares[levels > high].sum() <= tail + 1e-6
    # One level less on either side would leave out too much.
    assert shares[levels <= low].sum() >= tail - 1e-6
    assert shares[levels >= high].sum() >= tail - 1e-6
