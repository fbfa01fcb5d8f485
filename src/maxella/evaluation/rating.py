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
    squares = np.bincount(users, weights=errors**2)
    return UserSums.mean_over_users(np.sqrt(squares / np.bincount(users)))


def mae_macro(users: np.ndarray, errors: np.ndarray) -> UserSums:
    """Each user's mean of |error|; mean over users."""
    absolute = np.bincount(users, weights=np.abs(errors))
    return UserSums.mean_over_users(absolute / np.bincount(users))


RATING_METRICS: dict[str, RatingMetric] = {
    "rmse": rmse,
    "mae": mae,
    "rmse_macro": rmse_macro,
    "mae_macro": mae_macro,
}
