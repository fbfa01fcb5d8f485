"""How a user rates around a moment: how far the ratings given near it lie from the prediction."""

from dataclasses import dataclass

import numpy as np

from maxella.data.labelled import LabelledPairs

_WIDTH = 10.0  # ratings given after which a neighbour counts 1/e
_REACH = 40  # neighbours looked at to either side
_DAMPING = 10.0  # neighbours that hold the bias at 0


@dataclass(frozen=True)
class LocalBias:
    """d_u(t) = Σ w_k e_k / (Σ w_k + 10), w_k = exp(−|place_k − place(t)| / 10).

    e_k is what the k-th rating of u has over its prediction. Places count a user's ratings in
    the order of their times, those of one time at their middle: the order alone matters,
    never how long a gap is. A kernel regression (Nadaraya 1964, Watson 1964) with a prior at
    0; timeSVD++ (Koren 2009) learns its bias as weights.
    """

    times: np.ndarray  # (distinct,) int64, ascending
    keys: np.ndarray  # (n,) int64, ascending: of each rating, its user and its time
    places: np.ndarray  # (n,) float64, ascending: of each rating among all
    errors: np.ndarray  # (n,) float64 rating − prediction

    @classmethod
    def of(cls, rated: LabelledPairs, errors: np.ndarray) -> "LocalBias":
        """From ratings with timestamps, and (n,) rating − prediction of each."""
        assert rated.timestamps is not None  # noqa: S101 - the caller has looked
        times, at = np.unique(rated.timestamps, return_inverse=True)
        keys = _keys(rated.users, 2 * at + 1, len(times))
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        return cls(times, keys, _places(keys, keys), errors[order].astype(np.float64))

    def at(
        self, users: np.ndarray, times: np.ndarray | None = None, *, only_past: bool = False
    ) -> np.ndarray:
        """(n,) user rows and the times asked about → (n,) float32; no time: after all others.

        `only_past`: from what came before that time alone, as if asked just before it.

        Three ratings of user 1, each one star over its prediction; asked about the first's time,
        the distances are 0, 1, 2: (1 + e^−.1 + e^−.2) / (1 + e^−.1 + e^−.2 + 10) = 0.214.

        >>> one = np.array([1, 1, 1])
        >>> log = LabelledPairs(one, np.array([1, 2, 3]), one, np.array([7, 8, 30]))
        >>> LocalBias.of(log, np.ones(3)).at(np.array([1, 2]), np.array([7, 7])).round(3).tolist()
        [0.21400000154972076, 0.0]
        """
        n = len(self.times)
        if times is None:
            between = np.full(len(users), 2 * n)
        else:  # odd at a known time, even between two
            left, right = (np.searchsorted(self.times, times, side) for side in ("left", "right"))
            between = left + (left if only_past else right)
        asked = _keys(users, between, n)
        places = _places(self.keys, asked)
        nearest = np.floor(places).astype(np.int64)
        total, weights = np.zeros(len(users)), np.zeros(len(users))
        for step in range(-_REACH, _REACH + 1) if len(self.keys) else ():
            k = (nearest + step).clip(0, len(self.keys) - 1)
            counts = (k == nearest + step) & (self.keys[k] // (2 * n + 1) == users)
            if only_past:
                counts &= self.keys[k] < asked
            weight = counts * np.exp(-np.abs(self.places[k] - places) / _WIDTH)
            total += weight * self.errors[k]
            weights += weight
        return (total / (weights + _DAMPING)).astype(np.float32)


def _keys(users: np.ndarray, at: np.ndarray, n_times: int) -> np.ndarray:
    keys: np.ndarray = users.astype(np.int64) * (2 * n_times + 1) + at
    return keys


def _places(all_keys: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Where keys stand among all: equal ones at their middle, absent ones between two."""
    low, high = (np.searchsorted(all_keys, keys, side) for side in ("left", "right"))
    places: np.ndarray = (low + high - 1) / 2
    return places
