"""Rating metrics: pure functions of the errors of the predicted ratings.

Predictions are taken as they are: to clip them to the rating scale is the
rater's business. A new metric is one function and one line in `RATING_METRICS`.
"""

from collections.abc import Callable

import numpy as np

from maxella.evaluation.sums import UserSums

RatingMetric = Callable[[np.ndarray, np.ndarray], UserSums]


def rmse(users: np.ndarray, errors: np.ndarray) -> UserSums:
    """√(mean of error²) over interactions; (n,) user positions, (n,) prediction - rating."""
    squares = np.bincount(users, weights=errors**2)
    return UserSums(squares, np.bincount(users).astype(np.float64), is_root=True)


def mae(users: np.ndarray, errors: np.ndarray) -> UserSums:
    """Mean of |error| over interactions."""
    absolute = np.bincount(users, weights=np.abs(errors))
    return UserSums(absolute, np.bincount(users).astype(np.float64))


def rmse_macro(users: np.ndarray, errors: np.ndarray) -> UserSums:
    """Each user's √(mean of error²); mean over users."""
    means, has_ratings = _user_means(users, errors**2)
    return UserSums(np.sqrt(means), has_ratings)


def mae_macro(users: np.ndarray, errors: np.ndarray) -> UserSums:
    """Each user's mean of |error|; mean over users."""
    return UserSums(*_user_means(users, np.abs(errors)))


def _user_means(users: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) user positions and values → (users,) means, and 1 for who has any, else 0."""
    numbers = np.bincount(users)
    means = np.bincount(users, weights=values) / np.maximum(numbers, 1)
    return means, np.minimum(numbers, 1).astype(np.float64)


RATING_METRICS: dict[str, RatingMetric] = {
    "rmse": rmse,
    "mae": mae,
    "rmse_macro": rmse_macro,
    "mae_macro": mae_macro,
}
