"""What a user's ratings leave over the prediction, carried to similar items and near times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs

# In units that bring the spread of ratings to that of MovieLens 1M's stars (docs/log.md).
NOISE = 0.7  # variance of a rating around what the process says
PICKS_WIDTH = 0.35  # 1 − cosine at which a covariance has fallen to 1/e
TASTES_WIDTH = 0.2
TIME_WIDTH = 10.0  # ratings given between two at which a covariance has fallen to 1/e
_MOST = 2000  # ratings of a user that are read: the latest
_CELLS = 2**24  # numbers of a group of users: 64 MB


@dataclass(frozen=True)
class Covariance:
    """κ of two ratings by one user, of items i and j, the p-th and the q-th that they gave.

    a exp((cos(x_i, x_j) − 1) / .35) + b exp((cos(y_i, y_j) − 1) / .2) + f z_i·z_j
    + c exp(−|p − q| / 10), x what items are picked with, y what tastes tell them apart, and z their
    features.
    """

    picks: torch.Tensor  # (item rows, d) x, of length 1 or 0
    tastes: torch.Tensor  # (item rows, w) y, of length 1 or 0; w may be 0
    features: torch.Tensor  # (item rows, m) z, of length 1 or less; m may be 0
    amplitudes: tuple[float, float, float, float]  # a, b, f, c

    @property
    def width(self) -> int:
        """Numbers of an item."""
        return self.picks.shape[1] + self.tastes.shape[1] + self.features.shape[1]

    def of(
        self,
        items: torch.Tensor,
        places: torch.Tensor,
        other_items: torch.Tensor,
        other_places: torch.Tensor,
    ) -> torch.Tensor:
        """(G, n) and (G, m) item rows and places → (G, n, m)."""
        of_picks, of_tastes, of_features, of_time = self.amplitudes
        found = torch.zeros(*items.shape, other_items.shape[1])
        for vectors, amplitude, width in (
            (self.picks, of_picks, PICKS_WIDTH),
            (self.tastes, of_tastes, TASTES_WIDTH),
        ):
            if amplitude and vectors.shape[1]:
                cosines = vectors[items] @ vectors[other_items].mT
                found += cosines.sub_(1).div_(width).exp_().mul_(amplitude)
        if of_features and self.features.shape[1]:
            found += of_features * (self.features[items] @ self.features[other_items].mT)
        if of_time:
            gaps = (places[:, :, None] - other_places[:, None]).abs_().float()
            found += gaps.div_(-TIME_WIDTH).exp_().mul_(of_time)
        return found


@dataclass(frozen=True)
class ResidualProcess:
    """A Gaussian process for each user over e = rating − prediction, its mean 0 beforehand.

    The ratings that the user has given say of another, at item i and time t, that it will lie
    κᵀ (K + .7 I)⁻¹ e above its prediction, with K the covariance of those ratings and κ that of
    each of them with (i, t): kernel ridge regression, or kriging (Rasmussen and Williams 2006,
    "Gaussian processes for machine learning", section 2.2). A prediction of few factors leaves what
    is alike in a user's ratings of similar items; and how a user rated lately, which no factor
    holds. Places count a user's ratings in the order of their times, those of one time at their
    middle: the order alone matters, never how long a gap is. Of more than 2,000 ratings the latest
    are read.
    """

    covariance: Covariance
    rated: LabelledPairs  # sorted by user, and by time where there are times
    times: np.ndarray  # (distinct,) int64, ascending
    keys: np.ndarray  # (ratings,) int64, ascending: of each its user and its time
    errors: Callable[[LabelledPairs], np.ndarray]  # of some ratings, in units of the head
    weights: np.ndarray  # (ratings,) float32 (K + .7 I)⁻¹ e, found when a user is asked about

    @classmethod
    def of(
        cls,
        covariance: Covariance,
        rated: LabelledPairs,
        errors: Callable[[LabelledPairs], np.ndarray],
    ) -> "ResidualProcess":
        """From all ratings that are known; `errors` are asked for when a user is."""
        stamps = rated.timestamps
        if stamps is None:  # in the order of the rows
            stamps = np.arange(len(rated))
        times, at = np.unique(stamps, return_inverse=True)
        keys = _keys(rated.users, 2 * at + 1, len(times))
        order = np.argsort(keys, kind="stable")
        weights = np.full(len(order), np.nan, dtype=np.float32)
        return cls(covariance, rated.take(order), times, keys[order], errors, weights)

    def at(
        self,
        users: np.ndarray,
        items: np.ndarray,
        times: np.ndarray | None = None,
        *,
        only_past: bool = False,
    ) -> np.ndarray:
        """(n,) user rows, item rows and times asked about → (n,) float32 to add to predictions.

        In units of the head. No times: after all others. `only_past`: from what came before that
        time alone, as if asked just before it.
        """
        n_times = len(self.times)
        if times is None:
            between = np.full(len(users), 2 * n_times)
        else:  # odd at a known time, even between two
            left, right = (np.searchsorted(self.times, times, side) for side in ("left", "right"))
            between = left + (left if only_past else right)
        order = np.argsort(users, kind="stable")
        keys = _keys(users, between, n_times)[order]
        asked = _Rows(torch.from_numpy(items[order]), torch.from_numpy(_places(self.keys, keys)))
        owners, counts = np.unique(users, return_counts=True)
        ends = np.searchsorted(self.rated.users, owners, "right")
        begins = np.maximum(np.searchsorted(self.rated.users, owners, "left"), ends - _MOST)
        given = _Spans(begins, ends - begins)
        questions = _Spans(counts.cumsum() - counts, counts)
        if only_past:
            past = np.searchsorted(self.keys, keys, "left") - begins.repeat(counts)
            answers = self._from_past(given, questions, asked, torch.from_numpy(past))
        else:
            answers = self._from_all(given, questions, asked)
        found = np.empty(len(users), dtype=np.float32)
        found[order] = answers
        return found

    def _from_all(self, given: "_Spans", questions: "_Spans", asked: "_Rows") -> np.ndarray:
        """Σ κ w, the weights w of a user found once."""
        given_any = given.take(given.counts > 0)
        self._solve(given_any.take(np.isnan(self.weights[given_any.begins])))
        found, rated = torch.zeros(len(asked.items)), self._rows
        weights = torch.from_numpy(self.weights)
        for group in _groups(given.counts, questions.counts, self.covariance.width):
            (rows, is_given), (pairs, is_asked) = given.table(group), questions.table(group)
            between = self.covariance.of(*rated.at(rows), *asked.at(pairs))
            told = weights[rows].where(is_given, 0)
            answers = (between * told[:, :, None]).sum(dim=1)
            found[pairs[is_asked]] = answers[is_asked]
        return found.numpy()

    def _solve(self, given: "_Spans") -> None:
        if not len(given.counts):
            return
        errors = torch.from_numpy(self._errors(given))
        for group in _groups(given.counts, given.counts, self.covariance.width):
            rows, is_given = given.table(group)
            found = torch.cholesky_solve(errors[rows][:, :, None], self._factor(rows, is_given))
            self.weights[rows[is_given]] = found[:, :, 0][is_given]

    def _from_past(
        self, given: "_Spans", questions: "_Spans", asked: "_Rows", past: torch.Tensor
    ) -> np.ndarray:
        """(n,) how many ratings of the user came before each question.

        The first rows of a Cholesky factor are the factor of the first ratings, so to leave out
        what came later is to leave it out of the sum L⁻¹κ · L⁻¹e.
        """
        found, rated = torch.zeros(len(asked.items)), self._rows
        errors = torch.from_numpy(self._errors(given))
        most = np.maximum(given.counts, questions.counts)
        for group in _groups(given.counts, most, self.covariance.width):
            (rows, is_given), (pairs, is_asked) = given.table(group), questions.table(group)
            between = self.covariance.of(*rated.at(rows), *asked.at(pairs))
            both = torch.cat([errors[rows][:, :, None], between], dim=2) * is_given[:, :, None]
            factor = self._factor(rows, is_given)
            solved = torch.linalg.solve_triangular(factor, both, upper=False)
            is_past = torch.arange(rows.shape[1])[:, None] < past[pairs][:, None]
            answers = (solved[:, :, :1] * solved[:, :, 1:] * is_past).sum(dim=1)
            found[pairs[is_asked]] = answers[is_asked]
        return found.numpy()

    def _factor(self, rows: torch.Tensor, is_given: torch.Tensor) -> torch.Tensor:
        """(G, n, n) the Cholesky factor of K + .7 I; of rows that are not given, of .7 I."""
        among = self.covariance.of(*self._rows.at(rows), *self._rows.at(rows))
        among *= is_given[:, :, None] & is_given[:, None]
        among.diagonal(dim1=1, dim2=2).add_(NOISE)
        factor: torch.Tensor = torch.linalg.cholesky(among)
        return factor

    def _errors(self, given: "_Spans") -> np.ndarray:
        """(ratings,) float32 those of some users; 0 of all others."""
        found = np.zeros(len(self.rated), dtype=np.float32)
        rows = np.repeat(given.begins - given.counts.cumsum() + given.counts, given.counts)
        rows += np.arange(len(rows))
        found[rows] = self.errors(self.rated.take(rows))
        return found

    @cached_property
    def _rows(self) -> "_Rows":
        places = _places(self.keys, self.keys)
        return _Rows(torch.from_numpy(self.rated.items), torch.from_numpy(places))


@dataclass(frozen=True)
class _Rows:
    """Items of some pairs, and their places in time."""

    items: torch.Tensor
    places: torch.Tensor

    def at(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.items[rows], self.places[rows]


@dataclass(frozen=True)
class _Spans:
    """Where the rows of each of some users stand."""

    begins: np.ndarray  # (users,)
    counts: np.ndarray  # (users,)

    def take(self, users: np.ndarray) -> "_Spans":
        return _Spans(self.begins[users], self.counts[users])

    def table(self, group: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """(G, n) rows of G users, n the most of one; and which are theirs."""
        begins, counts = (torch.from_numpy(of[group])[:, None] for of in (self.begins, self.counts))
        places = torch.arange(int(counts.max())).expand(len(group), -1)
        is_there = places < counts
        return (begins + places).where(is_there, 0), is_there


def _groups(n_given: np.ndarray, n_asked: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Users with about as many ratings each, from the most on; those without any are left."""
    order = np.argsort(-n_given, kind="stable")
    order = order[n_given[order] > 0]
    while len(order):
        n = n_given[order[0]]
        alike = order[2 * n_given[order] > n]
        both = n + np.maximum.accumulate(n_asked[alike])
        cells = np.arange(1, len(alike) + 1) * both * (n + width)
        size = max(1, np.count_nonzero(cells <= _CELLS))
        yield alike[:size]
        order = order[size:]


def _keys(users: np.ndarray, at: np.ndarray, n_times: int) -> np.ndarray:
    keys: np.ndarray = users.astype(np.int64) * (2 * n_times + 1) + at
    return keys


def _places(all_keys: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Where keys stand among all: equal ones at their middle, absent ones between two."""
    low, high = (np.searchsorted(all_keys, keys, side) for side in ("left", "right"))
    places: np.ndarray = (low + high - 1) / 2
    return places
