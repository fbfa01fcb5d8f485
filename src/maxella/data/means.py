"""Means that few values move little."""

import numpy as np


def damped_means(
    rows: np.ndarray, values: np.ndarray, n_rows: int, damping: float, centre: float = 0.0
) -> np.ndarray:
    """(n,) rows and values → (n_rows,) means, as if `damping` values of `centre` were among them.

    A row without values has the centre itself (with a damping of 0 as well).

    >>> damped_means(np.array([0, 0, 1]), np.array([4.0, 2.0, 5.0]), 3, 1.0).tolist()
    [2.0, 2.5, 0.0]
    """
    sums = np.bincount(rows, weights=values - centre, minlength=n_rows)
    numbers = np.bincount(rows, minlength=n_rows)
    from_centre = np.divide(sums, numbers + damping, out=np.zeros(n_rows), where=numbers > 0)
    means: np.ndarray = centre + from_centre
    return means
