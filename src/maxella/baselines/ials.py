"""iALS: a dot product of factors, fitted to all cells by alternating least squares."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from maxella.baselines.choice import Trial, choose, event_counts, event_grid
from maxella.baselines.events import history_of, other_events
from maxella.baselines.popularity import Popularity
from maxella.closed_form.ials import fold_in, ials, pooled, usual_l2
from maxella.data.history import History
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.seeds import torch_generator

_TRIAL_FACTORS = 32


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
        seed: int = 42,
    ) -> "ImplicitALS":
        """From a start drawn by `seed`.

        What other events count is chosen on the validation part, or on a part of training, with
        32 factors; `tuned` says what, and in how many trials.
        """
        others, trial = other_events(train) if with_events else {}, Trial.of(train, validation)

        def fitted(data: TaskData, settings: Mapping[str, float], dim: int) -> "ImplicitALS":
            counts = event_counts(others, settings)
            history, confidences = _taken(data, counts)
            start = torch_generator(seed, "ials")
            users, items = ials(history, dim, start, confidences=confidences)
            has_history, l2 = history.starts.diff() > 0, usual_l2(history)
            return cls(users, items, has_history, Popularity.fit(data), l2, counts)

        settings, tuned = choose(
            event_grid(others),
            lambda tried: trial.ndcg(fitted(trial.known, tried, min(factors, _TRIAL_FACTORS))),
        )
        return replace(fitted(train, settings, factors), tuned=tuned)

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
