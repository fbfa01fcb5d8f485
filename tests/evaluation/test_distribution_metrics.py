import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.evaluation.distribution import DISTRIBUTION_METRICS, Forecasts
from maxella.evaluation.evaluate import evaluate

LEVELS = np.array([1.0, 2.0, 4.0])
# Intervals: 1 to 4, 2 to 4, 1 to 2.
SHARES = np.array([[0.2, 0.5, 0.3], [0.05, 0.15, 0.8], [0.7, 0.25, 0.05]])
RATINGS = np.array([1.0, 4.0, 4.0])
# P(r < rating) to P(r ≤ rating): 0 to .2, .2 to 1, .95 to 1; in [.1, .9]: ½, .7 of .8, nothing.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_loss", -(math.log(0.2) + math.log(0.8) + math.log(0.05)) / 3),
        ("coverage_80", 2 / 3),
        ("width_80", (3 + 2 + 1) / 3),
        ("pit_coverage_80", (0.5 + 0.7 / 0.8) / 3),
    ],
)
def test_worked_numbers(name, value):
    forecasts = Forecasts(np.array([0, 1, 0]), SHARES, LEVELS, RATINGS)
    assert DISTRIBUTION_METRICS[name](forecasts).value() == pytest.approx(value)


def test_a_rating_that_is_no_level():
    """3 lies between the levels: no probability, but inside of two intervals."""
    forecasts = Forecasts(np.array([0, 1, 2]), SHARES, LEVELS, np.full(3, 3.0))
    found = {name: metric(forecasts).value() for name, metric in DISTRIBUTION_METRICS.items()}
    assert found["log_loss"] == pytest.approx(-math.log(1e-6))
    assert found["coverage_80"] == pytest.approx(2 / 3)
    assert found["pit_coverage_80"] == pytest.approx(2 / 3)  # .7 and .2 are within, .95 is not


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6))
@settings(deadline=None)
def test_ratings_that_come_as_foretold_are_calibrated(weights):
    # Every level once, weighed by its probability.
    shares = np.array(weights) / sum(weights)
    levels = np.arange(len(shares)) + 0.5
    n = len(shares)
    forecasts = Forecasts(np.arange(n), np.tile(shares, (n, 1)), levels, levels)

    def expected(name):
        return (DISTRIBUTION_METRICS[name](forecasts).numerators * shares).sum()

    assert expected("pit_coverage_80") == pytest.approx(0.8)
    assert expected("coverage_80") >= 0.8 - 1e-9
    assert expected("log_loss") == pytest.approx(-(shares * np.log(shares)).sum())


class Foretelling:
    """Foretells the levels 1, 2, 4 for every pair, more likely the higher the item row."""

    def __init__(self, levels):
        self.rating_levels = torch.tensor(levels)

    def predict(self, users, items):
        return torch.full((len(users),), 3.0)

    def distribution(self, users, items):
        return torch.tensor(SHARES)[items - 1]


def test_a_rater_with_a_distribution_gets_these_figures_with_intervals(make_world):
    world = make_world(np.zeros((4, 5)), [(1, 1), (2, 2), (1, 3)], ratings=RATINGS)
    options = {"test": world.test, "seen": world.seen, "n_item_rows": 5, "seed": 1}
    found = evaluate(None, Foretelling(LEVELS), **options, resamples=20)
    assert found.metrics["coverage_80"] == pytest.approx(2 / 3)
    assert found.metrics["width_80"] == 2
    assert found.intervals.keys() == found.metrics.keys() >= DISTRIBUTION_METRICS.keys()
    without = evaluate(None, Foretelling(np.empty(0)), **options, resamples=0)
    assert not DISTRIBUTION_METRICS.keys() & without.metrics.keys()
