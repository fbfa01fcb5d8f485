"""How far what a user's ratings leave over is believed, found beside all else that is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from maxella.data.dataset import Dataset
from maxella.model.model import Model
from maxella.model.residual_part import ITEMS, ResidualPart
from maxella.recommend.engine import Engine
from maxella.training.trial import best_of

# Tried on the validation part, over the usual amplitudes; the first stays unless another is surely
# better.
OF_ITEMS = (0.0, 1.0, 0.5, 2.0)
OF_TIME = (0.0, 1.0, 0.5, 2.0)
_USERS = 1000  # asked at most


@dataclass
class Residuals:
    """Weighs the Gaussian process over a user's residuals; moves nothing else.

    First what it says of items, then of time: as predicts the validation part with the least
    squared error. Without one the amplitudes are the usual ones. The marginal likelihood of the
    residuals would not do: training has seen them, so they look smaller and less alike than those
    of ratings to come (docs/log.md).
    """

    task: str
    picks_are_learnt: bool  # else the encoders' embeddings say nothing of what is alike
    # Where there is nothing to choose by: by an earlier pass over all stages.
    chosen: Mapping[str, float] = field(default_factory=dict)
    name: str = "residuals"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Choose the amplitudes."""
        part: ResidualPart = model.residuals[self.task]  # type: ignore[assignment]
        if not self.picks_are_learnt:
            part.amplitudes[0] = 0.0
        usual = part.amplitudes.clone()
        known = dataset.known_in_validation
        asked = dataset.validation.pairs(self.task)
        asked = asked.take(np.isin(asked.users, known.pairs(self.task).users)).of_some_users(_USERS)
        users, owners = np.unique(asked.users, return_inverse=True)

        def quality(kinds: slice, share: float) -> np.ndarray:
            """(users,) less the squared errors of each."""
            part.amplitudes[kinds] = share * usual[kinds]
            answers = Engine.of(model, known).answers(self.task)
            rows = torch.from_numpy(asked.users), torch.from_numpy(asked.items)
            errors = answers.predict(*rows, asked.timestamps).numpy() - asked.labels
            return -np.bincount(owners, weights=errors**2)

        for name, kinds, shares in (
            ("items", slice(0, len(ITEMS)), OF_ITEMS),
            ("time", slice(len(ITEMS), None), OF_TIME),
        ):
            if not usual[kinds].any():
                continue
            share = self.chosen.get(name, 1.0)
            if len(users):
                share = best_of(shares, partial(quality, kinds))
            part.amplitudes[kinds] = share * usual[kinds]
            self.facts[name] = share
