"""iALS: a dot product of factors, fitted to all cells by alternating least squares."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from maxella.baselines.choice import Trial, choose, event_counts, event_grid
from maxella.baselines.events import history_of, other_events
from maxella.baselines.popularity import Popularity
from maxella.closed_form.ials import fold_in, ials, pooled, usual_l2, usual_unobserved
from maxella.data.history import History
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.errors import ConfigError
from maxella.seeds import torch_generator

_TRIAL_FACTORS = 64
# Times the usual ones.
_GRID = {"unobserved": (0.1, 0.3, 1.0, 3.0, 10.0), "penalty": (0.25, 0.5, 1.0, 2.0, 4.0)}
_MOST_ROWS = 5_000_000  # of users and items: 2.6 GB of factors, and three times that to fit them


@dataclass(frozen=True)
class ImplicitALS:
    """The factors of `closed_form.ials`; popularity for who has no history.

    What an empty cell counts is a tenth to ten times, and the penalty a quarter to four times, what
    suits the size and density of the log (`usual_unobserved`, `usual_l2`).
    Of several events a pair's confidence is the sum of what they count, the task's own 1.
    """

    user_factors: torch.Tensor  # (user rows, factors) float32
    item_factors: torch.Tensor  # (item rows, factors) float32
    has_history: torch.Tensor  # (user rows,) bool
    popularity: Popularity
    unobserved: float
    l2: float
    counts: Mapping[str, float]  # of other events
    tuned: Mapping[str, Any] | None = None

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,
        final: TaskData | None = None,
        *,
        with_events: bool = False,
        factors: int = 128,
        seed: int = 42,
    ) -> "ImplicitALS":
        """From a start drawn by `seed`.

        Settings and what other events count are chosen on the validation part, or on a part of
        training, with 64 factors; `tuned` says which, and in how many trials. ConfigError above 5
        million users and items.
        """
        if train.n_user_rows + train.n_item_rows > _MOST_ROWS:
            n_rows = train.n_user_rows + train.n_item_rows
            raise ConfigError(
                f"iALS wants at most {_MOST_ROWS:,} users and items; got {n_rows:,}, whose factors "
                f"need {16 * factors * n_rows / 1e9:.0f} GB of memory. Leave it out."
            )
        others, trial = other_events(train) if with_events else {}, Trial.of(train, validation)

        def fitted(data: TaskData, settings: Mapping[str, float], dim: int) -> "ImplicitALS":
            counts = event_counts(others, settings)
            history, confidences = _taken(data, counts)
            start = torch_generator(seed, "ials")
            unobserved = usual_unobserved(history) * settings["unobserved"]
            l2 = usual_l2(history, unobserved) * settings["penalty"]
            users, items = ials(
                history, dim, start, unobserved=unobserved, l2=l2, confidences=confidences
            )
            has_history = history.starts.diff() > 0
            popularity = Popularity.fit(data)
            return cls(users, items, has_history, popularity, unobserved, l2, counts)

        settings, tuned = choose(
            {**event_grid(others), **_GRID},
            lambda tried: trial.ndcg(fitted(trial.known, tried, min(factors, _TRIAL_FACTORS))),
        )
        return replace(fitted(final or train, settings, factors), tuned=tuned)

    def told(self, known: TaskData) -> "ImplicitALS":
        """The same items, and users at the minimum of the loss for what is `known` by now."""
        history, confidences = _taken(known, self.counts)
        users = fold_in(
            history,
            self.item_factors,
            unobserved=self.unobserved,
            l2=self.l2,
            confidences=confidences,
        )
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
