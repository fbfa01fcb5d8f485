"""Rating metrics: pure functions of the predicted ratings and those that were given.

Predictions are taken as they are: to clip them to the rating scale is the
rater's business. A new metric is one function and one line in `RATING_METRICS`.
"""

import numpy as np

from maxella.evaluation.metric import Metric, UserSums
from maxella.evaluation.predictions import Predictions


def rmse(pairs: Predictions) -> UserSums:
    """√(mean of error²) over interactions."""
    return pairs.mean(pairs.errors**2).root


def mae(pairs: Predictions) -> UserSums:
    """Mean of |error| over interactions."""
    return pairs.mean(np.abs(pairs.errors))


def rmse_macro(pairs: Predictions) -> UserSums:
    """Each user's √(mean of error²); mean over users."""
    return UserSums.mean_over_users(np.sqrt(pairs.user_means(pairs.errors**2)))


def mae_macro(pairs: Predictions) -> UserSums:
    """Each user's mean of |error|; mean over users."""
    return UserSums.mean_over_users(pairs.user_means(np.abs(pairs.errors)))


RATING_METRICS: dict[str, Metric] = {
    "rmse": Metric(rmse, "RMSE", "root mean squared error, in rating points", 2, "lower"),
    "mae": Metric(mae, "MAE", "mean absolute error, in rating points", 7, "lower"),
    "rmse_macro": Metric(rmse_macro, "RMSE per user", "each user's RMSE, mean", 9, "lower"),
    "mae_macro": Metric(mae_macro, "MAE per user", "each user's MAE, mean", 9, "lower"),
}
