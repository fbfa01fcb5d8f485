"""iALS: a dot product of factors, fitted to all cells by alternating least squares."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from maxella.baselines.choice import Trial, choose, event_counts, event_grid
from maxella.baselines.events import history_of, other_events
from maxella.baselines.popularity import Popularity
from maxella.closed_form.confidences import pooled
from maxella.closed_form.ials import fold_in, ials, usual_l2
from maxella.data.history import History
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.seeds import torch_generator

_TRIAL_FACTORS = 32
_TRIAL_SWEEPS = 3


@dataclass(frozen=True)
class ImplicitALS:
    """The factors of `closed_form.ials`, with its penalty; popularity for who has no history.

    Of several events a pair's confidence is the sum of what they count, the task's own 1.
    """

    user_factors: torch.Tensor  # (user rows, factors) float32
    item_factors: torch.Tensor  # (item rows, factors) float32
    has_history: torch.Tensor  # (user rows,) bool
    popularity: Popularity
    l2: float
    counts: Mapping[str, float]  # of other events
    tuned: Mapping[str, Any] | None = None

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,
        *,
        with_events: bool = False,
        factors: int = 128,
        sweeps: int = 7,
        seed: int = 42,
    ) -> "ImplicitALS":
        """From a start drawn by `seed`.

        What other events count is chosen on the validation part, or on a part of training, with
        32 factors and 3 sweeps; `tuned` says what, and in how many trials.
        """
        others = other_events(train) if with_events else {}
        settings: dict[str, float] = {}
        tuned = None
        if others:
            trial = Trial.of(train, validation)
            few = min(factors, _TRIAL_FACTORS)
            settings, tuned = choose(
                event_grid(others),
                lambda tried: trial.ndcg(
                    cls._of(trial.known, event_counts(others, tried), few, _TRIAL_SWEEPS, seed)
                ),
            )
        fitted = cls._of(train, event_counts(others, settings), factors, sweeps, seed)
        return replace(fitted, tuned=tuned)

    @classmethod
    def _of(
        cls, train: TaskData, counts: Mapping[str, float], factors: int, sweeps: int, seed: int
    ) -> "ImplicitALS":
        history, confidences = _taken(train, counts)
        users, items = ials(
            history,
            factors,
            torch_generator(seed, "ials"),
            sweeps=sweeps,
            confidences=confidences,
        )
        has_history = history.starts.diff() > 0
        return cls(users, items, has_history, Popularity.fit(train), usual_l2(history), counts)

    def told(self, known: TaskData) -> "ImplicitALS":
        """The same items, and users at the minimum of the loss for what is `known` by now."""
        history, confidences = _taken(known, self.counts)
        users = fold_in(history, self.item_factors, l2=self.l2, confidences=confidences)
        return replace(self, user_factors=users, has_history=history.starts.diff() > 0)

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        scores = self.user_factors[users] @ self.item_factors.T
        return torch.where(self.has_history[users][:, None], scores, self.popularity.score(users))


def _taken(data: TaskData, counts: Mapping[str, float]) -> tuple[History, torch.Tensor | None]:
    """Who took what, and the confidence of each pair where several events make it."""
    own = history_of(data, data.pairs)
    if not counts:
        return own, None
    others = [(history_of(data, data.events[event]), count) for event, count in counts.items()]
    return pooled([(own, 1.0), *others])
