"""EASE and EDLAE at full rank: one weight from every item to every other, in closed form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.nn import functional

from maxella.baselines.choice import Trial, choose, event_counts, event_grid
from maxella.baselines.events import best_known, history_of, other_events
from maxella.baselines.popularity import Popularity
from maxella.closed_form.edlae import user_weights
from maxella.closed_form.gram import gram, item_weights, refuse_large
from maxella.data.history import History
from maxella.data.labelled import LabelledPairs, TaskData

_PENALTIES = (6.0, 20.0, 60.0, 200.0, 600.0)  # times the root of an item's mean number of pairs


@dataclass(frozen=True)
class Ease:
    """A linear item-to-item model without self-weights (Steck 2019, arXiv:1905.03375).

    With X the 0/1 matrix of who took what, minimises ‖X - XB‖² + λ‖B‖² under
    diag(B) = 0. A user's scores are their row of X times B. Stacked, X has a row for each user
    and event, those of other events weighted by what the event counts: views say which items are
    alike, and a user is read from what they took, or from their views if that is nothing. The
    unknown user and a user without history, whose row is empty, get popularity as their scores.

    EDLAE (Steck 2020) adds `dropout` times an item's pairs to its penalty; there a row of n
    items weighs (n / n̄)^`user_exponent`.
    """

    history: History
    weights: torch.Tensor  # (item rows, item rows) float32, zero diagonal
    popularity: Popularity
    counts: Mapping[str, float] = field(default_factory=dict)  # of other events, if stacked
    tuned: Mapping[str, Any] | None = None

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,
        final: TaskData | None = None,
        *,
        name: str = "ease",
        stacked: bool = False,
        dropout: float = 0.0,
        user_exponent: float = 0.0,
        l2: float | None = None,
    ) -> "Ease":
        """The exact minimum, computed with two (item rows)² matrices of float32 at most.

        λ, if it is not given, and what other events count are chosen on the validation part, or
        on a part of training, among at most 4,000 items: `tuned` says which, and in how many
        trials. ConfigError above 20,000 item rows, with the memory it would need.
        """
        refuse_large(f"Baseline {name}", train.n_item_rows, 2, f"Leave '{name}' out.")
        others = other_events(train) if stacked else {}
        settings, tuned = {"penalty": 0.0}, None
        if l2 is None:
            trial = Trial.of(train, validation).of_popular_items()
            quality = _quality(trial, list(others), dropout, user_exponent)
            settings, tuned = choose({**event_grid(others), "penalty": _PENALTIES}, quality)
        train = final or train
        others = other_events(train) if stacked else {}
        counts = event_counts(others, settings)
        together = _gram(train, train.pairs, user_exponent)
        for event, count in counts.items():
            together = _gram(train, others[event], user_exponent, count, together)
        l2 = settings["penalty"] * _noise(together) if l2 is None else l2
        weights = item_weights(together, l2 + dropout * together.diagonal())
        known = best_known(train, {event: others[event] for event in counts})
        return cls(known, weights, Popularity.fit(train), counts, tuned)

    def told(self, known: TaskData) -> "Ease":
        """The same weights, for users who have done what is `known` by now."""
        events = {event: known.events[event] for event in self.counts}
        return replace(self, history=best_known(known, events))

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        bags = self.history.bags(users)
        scores = functional.embedding_bag(bags.items, self.weights, bags.begins, mode="sum")
        has_history = bags.counts > 0
        return torch.where(has_history[:, None], scores, self.popularity.score(users))


def _quality(
    trial: Trial, events: list[str], dropout: float, user_exponent: float
) -> Callable[[dict[str, float]], float]:
    """Settings → NDCG@100 of EASE by them; the products of each event are made once."""
    known = trial.known
    history, popularity = history_of(known, known.pairs), Popularity.fit(known)
    own = _gram(known, known.pairs, user_exponent)
    grams = {event: _gram(known, known.events[event], user_exponent) for event in events}

    def quality(settings: dict[str, float]) -> float:
        together = own.clone()
        for event, count in event_counts(events, settings).items():
            together.add_(grams[event], alpha=count)
        l2 = settings["penalty"] * _noise(together)
        weights = item_weights(together, l2 + dropout * together.diagonal())
        return trial.ndcg(Ease(history, weights, popularity))

    return quality


def _gram(
    data: TaskData,
    pairs: LabelledPairs,
    user_exponent: float,
    count: float = 1.0,
    together: torch.Tensor | None = None,
) -> torch.Tensor:
    taken = history_of(data, pairs)
    return gram(taken, count * user_weights(taken, user_exponent), together)


def _noise(together: torch.Tensor) -> float:
    """The root of what an item's pairs come to on average: what chance adds to sums of them."""
    own = together.diagonal()
    return float(own[own > 0].mean().sqrt()) if (own > 0).any() else 1.0
