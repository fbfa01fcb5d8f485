"""What evaluation asks of a model, declared by the side that asks."""

from typing import Protocol, runtime_checkable

import torch


class Ranker(Protocol):
    """Scores every item for some users; higher is better."""

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) int64 user rows → (batch, item rows) float scores, column j for item row j.

        Column 0, the unknown item, is there but never a candidate.
        """
        ...


@runtime_checkable
class RawRanker(Protocol):
    """A ranker in whose place another scores for the raw protocol: None, it does so itself."""

    @property
    def raw_ranker(self) -> Ranker | None: ...


class Rater(Protocol):
    """Predicts the label of given pairs: a rating, or the probability of a 1."""

    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) float predictions."""
        ...


@runtime_checkable
class TimedRater(Protocol):
    """Whether `predict` and `distribution` take `times` too, (n,) int64 seconds."""

    @property
    def rates_by_time(self) -> bool: ...


@runtime_checkable
class ContextReader(Protocol):
    """Whether a ranker or rater takes `contexts` too, (n,) int64 context rows."""

    @property
    def reads_contexts(self) -> bool: ...


@runtime_checkable
class Forecaster(Rater, Protocol):
    """A rater that gives a distribution too."""

    @property
    def levels(self) -> torch.Tensor:
        """(K,) ascending labels that the distribution is over; none: it gives no distribution."""
        ...

    def distribution(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n, K) probabilities of the levels."""
        ...
