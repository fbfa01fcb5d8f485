"""Values in bands of equal weight."""

import numpy as np


def bands(values: np.ndarray, weights: np.ndarray, n_bands: int) -> np.ndarray:
    """(n,) which n-th of the weight lies below each value, from 0; equal values share a band."""
    _, place = np.unique(values, return_inverse=True)
    of_value = np.bincount(place, weights=weights)
    below = np.cumsum(of_value) - of_value
    found: np.ndarray = (n_bands * below // of_value.sum()).astype(np.int64)[place]
    return found
