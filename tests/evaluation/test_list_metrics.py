import numpy as np
import pytest

from maxella.evaluation.ranking import LIST_METRICS, coverage, distinct_lists


def test_coverage_counts_items_in_any_list():
    # Items 1, 2 and 4 of 8; the empty places (0) count for nothing.
    assert coverage(np.array([[1, 2], [2, 1], [4, 0]]), 8) == 3 / 8


def test_distinct_lists_sees_a_collapse():
    assert distinct_lists(np.array([[1, 2], [1, 2], [1, 2], [1, 2]]), 8) == 1 / 4
    assert distinct_lists(np.array([[1, 2], [2, 1], [3, 4], [1, 3]]), 8) == 1.0


@pytest.mark.parametrize("metric", LIST_METRICS.values(), ids=LIST_METRICS.keys())
def test_contract(metric):
    """A share, whatever the order of the users."""
    lists = np.random.default_rng(0).integers(1, 9, size=(20, 3))
    value = metric.function(lists, 8)
    assert 0 < value <= 1
    assert metric.function(lists[::-1], 8) == value
