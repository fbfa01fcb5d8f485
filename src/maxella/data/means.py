"""Means that few values move little."""

import numpy as np


def damped_means(rows: np.ndarray, values: np.ndarray, n_rows: int, damping: float) -> np.ndarray:
    """(n,) rows and values → (n_rows,) means, as if `damping` zeros were among the values.

    A row without values has 0 (with a damping of 0 as well).

    >>> damped_means(np.array([0, 0, 1]), np.array([4.0, 2.0, 5.0]), 3, 1.0).tolist()
    [2.0, 2.5, 0.0]
    """
    sums = np.bincount(rows, weights=values, minlength=n_rows)
    numbers = np.bincount(rows, minlength=n_rows)
    means: np.ndarray = np.divide(sums, numbers + damping, out=np.zeros(n_rows), where=numbers > 0)
    return means
