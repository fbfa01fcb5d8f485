"""How much what a user's id says counts beside what their history says."""

from dataclasses import dataclass, field
from typing import Any

import torch

from maxella.data.dataset import Dataset
from maxella.model.dot_product_head import DotProductHead
from maxella.model.model import Model
from maxella.training.trial import Trial

# Of the history part beside the id part. The first stays unless another is surely better: over
# logs of all shapes it loses least (docs/log.md).
RATIOS = (0.3, 1.0, 0.1, 3.0, 0.03, 10.0)


@dataclass
class Mixture:
    """Weighs the two parts of the encoder in the scores of a task, once both are trained.

    A score is 2 / (1 + r) times the product of the id part and 2 r / (1 + r) times that of the
    history part, with the r that ranks the validation part best by NDCG@100; without one r is
    the `ratio` given.
    In training each pair has its own share of the history part taken off, but the id part has
    learnt it: so steps that weighed the parts otherwise would trust the id part too much. Heads
    that answer pairs read the encoders as they are.
    """

    task: str
    ratio: float = 1.0  # where there is nothing to choose by
    name: str = "mixture"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Choose the ratio."""
        head: DotProductHead = model.heads[self.task]  # type: ignore[assignment]
        n_ids = model.user_encoder.id_dim

        def put(ratio: float) -> None:
            head.gains[:n_ids] = 2 / (1 + ratio)
            head.gains[n_ids:] = 2 * ratio / (1 + ratio)

        ratio = Trial.of(model, dataset, self.task).best(RATIOS, put)
        ratio = self.ratio if ratio is None else ratio
        put(ratio)
        self.facts = {"ratio": ratio}
