"""The interval of a distribution over levels."""

import numpy as np


def central_interval(
    shares: np.ndarray, levels: np.ndarray, probability: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n, K) probabilities, (K,) ascending levels → (n,) lowest and (n,) highest level.

    The smallest run of levels that leaves at most (1 − probability) / 2 below it and as much
    above it. So it holds at least `probability`, and more where a level is too large to be
    split.

    >>> levels = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> central_interval(np.array([[0.05, 0.15, 0.3, 0.4, 0.1]]), levels, 0.8)
    (array([2.]), array([4.]))
    """
    # Rounding must not decide whether a tail of just that much is left out.
    tail = (1 - probability) / 2 + 1e-9
    shares = shares.astype(np.float64)
    below = np.cumsum(shares, axis=1) - shares
    above = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1] - shares
    last = len(levels) - 1
    low = np.minimum((below <= tail).sum(axis=1) - 1, last)
    high = np.maximum(last + 1 - (above <= tail).sum(axis=1), 0)
    return levels[low], levels[high]
