"""How likely a 1 is: the overall rate, and how far each user and each item lie from it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from maxella.baselines.choice import Trial, choose
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.features.id import UNKNOWN_ROW

_DAMPINGS = (0.3, 1.0, 3.0, 10.0, 30.0)
_SWEEPS = 20


@dataclass(frozen=True)
class Rates:
    """Predicts σ(intercept + user effect + item effect), the intercept the logit of the mean.

    The effects minimise the log loss plus damping / 2 · effect² (ridge: le Cessie and van
    Houwelingen 1992), so few labels move them little. The effect of the unknown user, the
    unknown item and of whom training does not hold is 0.
    """

    intercept: float
    user_effects: torch.Tensor  # (user rows,) float64
    item_effects: torch.Tensor  # (item rows,) float64
    damping: float
    tuned: dict[str, Any] | None = None

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,
        final: TaskData | None = None,
        *,
        damping: float | None = None,
    ) -> "Rates":
        """A Newton step for the items, then one for the users, 20 times.

        A damping that is not given is chosen by log loss on the validation part, or on a part
        of training.
        """
        tuned = None
        if damping is None:
            trial = Trial.of(train, validation)
            columns = trial.asked.users, trial.asked.items, trial.asked.labels
            users, items, labels = map(torch.from_numpy, columns)

            def quality(settings: dict[str, float]) -> float:
                found = cls.fit(trial.known, damping=settings["damping"]).predict(users, items)
                return -float(functional.binary_cross_entropy(found, labels, reduction="sum"))

            chosen, tuned = choose({"damping": _DAMPINGS}, quality)
            damping = chosen["damping"]
        train = final or train
        pairs = train.pairs
        rate = (pairs.labels.sum() + 0.5) / (len(pairs) + 1)
        intercept = float(np.log(rate / (1 - rate)))
        of_users, of_items = np.zeros(train.n_user_rows), np.zeros(train.n_item_rows)
        for _ in range(_SWEEPS):
            others = intercept + of_users[pairs.users]
            of_items = _moved(of_items, pairs.items, pairs.labels, others, damping)
            others = intercept + of_items[pairs.items]
            of_users = _moved(of_users, pairs.users, pairs.labels, others, damping)
        effects = torch.from_numpy(of_users), torch.from_numpy(of_items)
        return cls(intercept, *effects, damping, tuned)

    def told(self, known: TaskData) -> "Rates":
        """The same items, and user effects from the labels that are `known` by now."""
        pairs, users = known.pairs, np.zeros(len(self.user_effects))
        others = self.intercept + self.item_effects.numpy()[pairs.items]
        for _ in range(_SWEEPS):
            users = _moved(users, pairs.users, pairs.labels, others, self.damping)
        return replace(self, user_effects=torch.from_numpy(users))

    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) float32 probabilities of a 1."""
        logits = self.intercept + self.user_effects[users] + self.item_effects[items]
        return logits.sigmoid().float()


def _moved(
    effects: np.ndarray, rows: np.ndarray, labels: np.ndarray, others: np.ndarray, damping: float
) -> np.ndarray:
    """Effects after a Newton step each, of 1 at most: far from the minimum it would overshoot.

    `others`: (n,) what stands beside the effect in the logit of each label.
    """
    found = 1 / (1 + np.exp(-others - effects[rows]))
    gradient = np.bincount(rows, labels - found, len(effects)) - damping * effects
    step = gradient / (np.bincount(rows, found * (1 - found), len(effects)) + damping)
    step[UNKNOWN_ROW] = 0.0
    moved: np.ndarray = effects + np.clip(step, -1.0, 1.0)
    return moved
