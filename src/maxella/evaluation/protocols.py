"""What evaluation asks of a model, declared by the side that asks."""

from typing import Protocol

import torch


class Ranker(Protocol):
    """Scores every item for some users; higher is better.

    One whose `reads_contexts` is true takes `contexts` too, (n,) int64 context rows. Where one
    has a `raw_ranker`, that one scores in its place for the raw protocol.
    """

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) int64 user rows → (batch, item rows) float scores, column j for item row j.

        Column 0, the unknown item, is there but never a candidate.
        """
        ...


class Rater(Protocol):
    """Predicts the label of given pairs: a rating, or the probability of a 1.

    One whose `reads_contexts` is true takes `contexts` too, (n,) int64 context rows, and one whose
    `rates_by_time` is true `times`, (n,) int64 seconds. One that has `levels`, (K,) ascending
    labels, has a `distribution` over them: it is asked like `predict` and gives (n, K).
    """

    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) float predictions."""
        ...
