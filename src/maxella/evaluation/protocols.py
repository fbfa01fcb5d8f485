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


class Rater(Protocol):
    """Predicts the rating of given pairs."""

    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) float predicted ratings."""
        ...


@runtime_checkable
class TimedRater(Protocol):
    """A rater whose `predict` (and `distribution`) may take `times` too, (n,) int64 seconds."""

    @property
    def rates_by_time(self) -> bool:
        """Whether it does."""
        ...


@runtime_checkable
class RequestReader(Protocol):
    """A ranker or rater that may be asked for a moment: `requests`, (n,) int64 request rows."""

    @property
    def reads_requests(self) -> bool:
        """Whether it looks at them."""
        ...


@runtime_checkable
class Forecaster(Rater, Protocol):
    """A rater that gives a distribution too."""

    @property
    def rating_levels(self) -> torch.Tensor:
        """(K,) ascending ratings that the distribution is over; none: it gives no distribution."""
        ...

    def distribution(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n, K) probabilities of the levels."""
        ...
