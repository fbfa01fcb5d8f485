import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from maxella.evaluation.predictions import Predictions
from maxella.evaluation.rating import RATING_METRICS

# User 0 errs by 1 and -3, user 1 by 2.
WORKED = Predictions(np.array([0, 1, 0]), np.array([4.0, 5.0, 2.0]), np.array([3.0, 3.0, 5.0]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rmse", np.sqrt((1 + 4 + 9) / 3)),
        ("mae", (1 + 2 + 3) / 3),
        ("rmse_macro", (np.sqrt((1 + 9) / 2) + 2) / 2),
        ("mae_macro", (2 + 2) / 2),
    ],
)
def test_worked_numbers(name, value):
    assert RATING_METRICS[name].function(WORKED).value() == pytest.approx(value)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(1, 5), st.floats(1, 5)), min_size=1))
@settings(deadline=None)
def test_agrees_with_scikit_learn(rows):
    users, predictions, ratings = (np.array(column) for column in zip(*rows, strict=True))
    users = np.unique(users, return_inverse=True)[1]
    pairs = Predictions(users, predictions, ratings)
    found = {name: metric.function(pairs).value() for name, metric in RATING_METRICS.items()}
    assert found["rmse"] == pytest.approx(root_mean_squared_error(ratings, predictions))
    assert found["mae"] == pytest.approx(mean_absolute_error(ratings, predictions))
    for name, reference in (("rmse", root_mean_squared_error), ("mae", mean_absolute_error)):
        by_user = [
            reference(ratings[users == user], predictions[users == user]) for user in set(users)
        ]
        assert found[f"{name}_macro"] == pytest.approx(np.mean(by_user))


@pytest.mark.parametrize("metric", RATING_METRICS.values(), ids=RATING_METRICS.keys())
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=20))
@settings(deadline=None)
def test_contract(metric, errors):
    """Zero without errors, at least 0, and twice as high for errors twice as high."""
    errors = np.array(errors)
    users = np.arange(len(errors)) // 2

    def value_of(errors):
        return metric.function(Predictions(users, errors, np.zeros(len(errors)))).value()

    assert value_of(np.zeros(len(errors))) == 0
    value = value_of(errors)
    assert 0 <= value <= np.abs(errors).max() + 1e-12
    assert value_of(2 * errors) == pytest.approx(2 * value)
    assert value_of(-errors) == pytest.approx(value)
    assert metric.turned(0.1) > metric.turned(0.2)
