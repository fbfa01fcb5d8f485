"""How far the gradient steps are to be taken from the start in closed form."""

from dataclasses import dataclass, field
from typing import Any

import torch

from maxella.data.dataset import Dataset
from maxella.model.model import Model
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.trial import Trial

SHARES = (1.0, 0.5, 0.0)


@dataclass
class ShrunkSteps:
    """Goes back from where the steps led towards the start, where that ranks better.

    The weights that rank become w₀ + share · (w − w₀), w₀ those of the start. The share is 1 unless
    another surely ranks the validation part better (`training.trial`): on small logs the steps may
    learn what only training has. Heads that answer pairs keep what they learnt; the encoders move
    too little for them to tell.
    """

    task: str  # whose ranking decides
    start: ClosedFormStart
    name: str = "shrunk steps"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Choose the share and go there."""
        start, weights = self.start.weights, model.ranking_weights()
        reached = {name: weights[name].clone() for name in start}

        def put(share: float) -> None:
            for name, begin in start.items():
                weights[name].copy_(torch.lerp(begin, reached[name], share))

        share = Trial.of(model, dataset, self.task).best(SHARES, put)
        put(1.0 if share is None else share)
        self.facts = {} if share is None else {"share": share}
