import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.evaluation.distribution import DISTRIBUTION_METRICS, central_interval
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.predictions import Predictions

LEVELS = np.array([1.0, 2.0, 4.0])
# Intervals: 1 to 4, 2 to 4, 1 to 2.
PROBABILITIES = np.array([[0.2, 0.5, 0.3], [0.05, 0.15, 0.8], [0.7, 0.25, 0.05]])
RATINGS = np.array([1.0, 4.0, 4.0])
# P(r < rating) to P(r ≤ rating): 0 to .2, .2 to 1, .95 to 1; in [.1, .9]: ½, .7 of .8, nothing.


def told(users, probabilities, levels, ratings):
    return Predictions(users, ratings, ratings, levels, probabilities)


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
    forecasts = told(np.array([0, 1, 0]), PROBABILITIES, LEVELS, RATINGS)
    assert DISTRIBUTION_METRICS[name].function(forecasts).value() == pytest.approx(value)


def test_a_rating_that_is_no_level():
    """3 lies between the levels: no probability, but inside of two intervals."""
    forecasts = told(np.array([0, 1, 2]), PROBABILITIES, LEVELS, np.full(3, 3.0))
    found = {name: of.function(forecasts).value() for name, of in DISTRIBUTION_METRICS.items()}
    assert found["log_loss"] == pytest.approx(-math.log(1e-6))
    assert found["coverage_80"] == pytest.approx(2 / 3)
    assert found["pit_coverage_80"] == pytest.approx(2 / 3)  # .7 and .2 are within, .95 is not


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6))
@settings(deadline=None)
def test_ratings_that_come_as_foretold_are_calibrated(weights):
    # Every level once, weighed by its probability.
    probabilities = np.array(weights) / sum(weights)
    levels = np.arange(len(probabilities)) + 0.5
    n = len(probabilities)
    forecasts = told(np.arange(n), np.tile(probabilities, (n, 1)), levels, levels)

    def expected(name):
        of_levels = DISTRIBUTION_METRICS[name].function(forecasts).sums[0]
        return (of_levels * probabilities).sum()

    assert expected("pit_coverage_80") == pytest.approx(0.8)
    assert expected("coverage_80") >= 0.8 - 1e-9
    assert expected("log_loss") == pytest.approx(-(probabilities * np.log(probabilities)).sum())


class Foretelling:
    """Foretells the levels 1, 2, 4 for every pair, more likely the higher the item row."""

    def __init__(self, levels):
        self.levels = torch.tensor(levels)

    def predict(self, users, items):
        return torch.full((len(users),), 3.0)

    def distribution(self, users, items):
        return torch.tensor(PROBABILITIES)[items - 1]


@pytest.mark.usefixtures("few_users")
def test_a_rater_with_a_distribution_gets_these_figures_with_intervals(make_world):
    test = [(1, 1), (2, 2), (1, 3)]
    world = make_world(np.zeros((4, 5)), test, ratings=RATINGS, predictions=np.zeros((4, 5)))
    exams, options = world.exams()[1:], {"n_item_rows": 5, "seed": 1, "resamples": 20}
    found = evaluate(exams, {"stars": Foretelling(LEVELS)}, **options)
    assert found.metrics["stars"]["coverage_80"] == pytest.approx(2 / 3)
    assert found.metrics["stars"]["width_80"] == 2
    # All widths are 2: nothing tells how far they may differ.
    assert found.intervals["stars"].keys() == found.metrics["stars"].keys() - {"width_80"}
    assert found.metrics["stars"].keys() >= DISTRIBUTION_METRICS.keys()
    without = evaluate(exams, {"stars": Foretelling(np.empty(0))}, **options)
    assert not DISTRIBUTION_METRICS.keys() & without.metrics["stars"].keys()


FIVE = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


@pytest.mark.parametrize(
    ("probabilities", "probability", "ends"),
    [
        ([0.1, 0.2, 0.4, 0.2, 0.1], 0.8, (2, 4)),  # tails of just .1 are left out
        ([0.11, 0.2, 0.38, 0.2, 0.11], 0.8, (1, 5)),
        ([0.0, 0.0, 1.0, 0.0, 0.0], 0.8, (3, 3)),
        ([0.0, 0.04, 0.06, 0.3, 0.6], 0.8, (4, 5)),
        ([0.3, 0.0, 0.4, 0.0, 0.3], 0.3, (3, 3)),
        ([0.5, 0.0, 0.0, 0.0, 0.5], 0.001, (1, 5)),
    ],
)
def test_intervals_worked_by_hand(probabilities, probability, ends):
    low, high = central_interval(np.array([probabilities]), FIVE, probability)
    assert (low[0], high[0]) == ends


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda weights: sum(weights) > 0.01),
    st.floats(0.01, 0.99),
)
@settings(deadline=None)
def test_each_tail_is_as_large_as_may_be(weights, probability):
    probabilities = np.array(weights) / sum(weights)
    levels = np.arange(len(probabilities)) * 0.5
    low, high = (ends[0] for ends in central_interval(probabilities[None], levels, probability))
    tail = (1 - probability) / 2
    assert low <= high
    assert probabilities[(levels >= low) & (levels <= high)].sum() >= probability - 1e-6
    assert probabilities[levels < low].sum() <= tail + 1e-6
    assert probabilities[levels > high].sum() <= tail + 1e-6
    # One level less on either side would leave out too much.
    assert probabilities[levels <= low].sum() >= tail - 1e-6
    assert probabilities[levels >= high].sum() >= tail - 1e-6
