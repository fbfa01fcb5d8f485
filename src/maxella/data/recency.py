"""How long ago a user took each item, counted in items."""

import numpy as np
import torch

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.data.labelled import LabelledPairs
from maxella.features.id import UNKNOWN_ROW

_WIDTH = 5.0  # items after which an item counts 1/e


def recency_weights(known: Interactions | LabelledPairs, history: History) -> torch.Tensor:
    """(pairs,) float32 weight of each pair of a history that was made of these interactions.

    A user's items in the order of their latest times, those of one time at their middle: each
    counts e^(−age / 5), scaled so that a user's weights add up to their number. Only the order
    matters, never how long a gap is.

    Three items taken one after another: e^−.4, e^−.2, 1, over their mean.

    >>> log = Interactions(
    ...     np.array([1, 1, 1]), np.array([3, 1, 2]), timestamps=np.array([5, 90, 91])
    ... )
    >>> recency_weights(log, History.of(log, 2, 4)).tolist()  # of items 1, 2 and 3
    [0.9867987632751465, 1.205278754234314, 0.8079224824905396]
    """
    assert known.timestamps is not None  # noqa: S101 - the caller has looked
    named = (known.users != UNKNOWN_ROW) & (known.items != UNKNOWN_ROW)
    users, items, times = known.users[named], known.items[named], known.timestamps[named]
    order = np.lexsort((times, items, users))
    users, items, times = users[order], items[order], times[order]
    is_last = np.ones(len(users), dtype=bool)  # of a repeated pair; the order is the history's
    is_last[:-1] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    users, times = users[is_last], times[is_last]
    by_time = np.lexsort((times, users))
    begins = np.ones(len(users), dtype=bool)  # of each run of one user and one time
    begins[1:] = (np.diff(users[by_time]) != 0) | (np.diff(times[by_time]) != 0)
    run = begins.cumsum() - 1
    lengths = np.bincount(run)
    middles = lengths.cumsum() - (lengths + 1) / 2
    latest = run[history.starts.numpy()[users[by_time] + 1] - 1]  # run of the user's last items
    weights = np.empty(len(users))
    weights[by_time] = np.exp((middles[run] - middles[latest]) / _WIDTH)
    counts, sums = np.bincount(users), np.bincount(users, weights)
    weights *= counts[users] / sums[users]
    return torch.from_numpy(weights.astype(np.float32))
