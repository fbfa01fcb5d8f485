"""How long ago a user met each item, counted in items."""

import numpy as np
import torch

from maxella.data.history import History
from maxella.data.ranges import is_first

_WIDTH = 5.0  # items after which an item counts 1/e


def recency_weights(history: History) -> torch.Tensor:
    """(pairs,) float32 weight of each pair of a history with times.

    A user's items in the order of their times, those of one time at their middle: each
    counts e^(−age / 5), scaled so that a user's weights add up to their number. Only the order
    matters, never how long a gap is.

    Three items met one after another: e^−.4, e^−.2, 1, over their mean.

    >>> items, starts = torch.tensor([1, 2, 3]), torch.tensor([0, 0, 3])
    >>> history = History(items, starts, 4, times=torch.tensor([90, 91, 5]))
    >>> recency_weights(history).tolist()
    [0.9867987632751465, 1.205278754234314, 0.8079224824905396]
    """
    weights = np.exp(-ages(history) / _WIDTH)
    lengths = np.diff(history.starts.numpy())
    users = np.repeat(np.arange(history.n_user_rows), lengths)
    sums = np.bincount(users, weights, minlength=len(lengths))
    weights *= (lengths / np.maximum(sums, 1e-30))[users]
    return torch.from_numpy(weights.astype(np.float32))


def ages(history: History) -> np.ndarray:
    """(pairs,) float64: how many places each pair of a history with times is from the user's last.

    Those of one time have one age, from the middle of the last ones on.

    >>> history = History(torch.tensor([1, 2, 3]), torch.tensor([0, 0, 3]), 4, None,
    ...                   torch.tensor([90, 91, 5]))
    >>> ages(history).tolist()
    [1.0, 0.0, 2.0]
    """
    assert history.times is not None  # noqa: S101 - the caller has asked for them
    times, starts = history.times.numpy(), history.starts.numpy()
    users = np.repeat(np.arange(history.n_user_rows), np.diff(starts))
    by_time = np.lexsort((times, users))
    begins = is_first(users[by_time]) | is_first(times[by_time])
    run = begins.cumsum() - 1  # those of one user and one time are one
    lengths = np.bincount(run)
    middles = lengths.cumsum() - (lengths + 1) / 2
    latest = run[starts[users[by_time] + 1] - 1]  # run of the user's last items
    found = np.empty(len(users))
    found[by_time] = middles[latest] - middles[run]
    return found
