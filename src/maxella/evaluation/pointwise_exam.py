"""A task that is judged by what is predicted of given pairs: ratings, probabilities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs
from maxella.errors import TrainingError
from maxella.evaluation.distribution import DISTRIBUTION_METRICS
from maxella.evaluation.metric import Group, Metric
from maxella.evaluation.names import PAST, metric_of
from maxella.evaluation.predictions import Predictions
from maxella.evaluation.slices import Answers, Slice, is_within

BLOCK = 2**12  # pairs predicted at once: what a head keeps of them fits the cache


class Rater(Protocol):
    """Predicts the label of given pairs: a rating, or the probability of a 1.

    One whose `reads_contexts` is true takes `contexts` too, (n,) int64 context rows, and one whose
    `rates_by_time` is true `times`, (n,) int64 seconds. One that has `levels`, (K,) ascending
    labels, has a `distribution` over them: it is asked like `predict` and gives (n, K). One that
    looks at what came after a time has a `past_rater`, which does not, and is asked beside it.
    """

    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) float predictions."""
        ...


@dataclass(frozen=True)
class PointwiseExam:
    """What a rater is asked for one task: the metrics say what kind of labels these are.

    A rater that gives distributions is judged by the metrics of these, too.
    """

    name: str
    test: LabelledPairs
    metrics: Mapping[str, Metric]  # of `Predictions`
    curves: Mapping[str, Callable[[Predictions], Any]] = field(default_factory=dict)

    def metric_of(self, key: str) -> Metric:
        """The metric of a key."""
        return metric_of(key, {**DISTRIBUTION_METRICS, **self.metrics})

    def ask(self, rater: Rater, n_item_rows: int) -> Answers:  # noqa: ARG002 - one signature
        """Each pair predicted once."""
        test = self.test
        predictions = _by_blocks(rater, rater.predict, test)
        is_broken = ~np.isfinite(predictions)
        if is_broken.any():
            row = int(is_broken.argmax())
            raise TrainingError(
                f"Predictions must be finite numbers; those of task '{self.name}' are not for "
                f"{is_broken.sum()} of {len(test)} test interactions, first user row "
                f"{test.users[row]} and item row {test.items[row]} ({predictions[row]}). Look for "
                "NaN in the model's weights; a lower learning rate keeps training from diverging."
            )
        rows, users = np.unique(test.users, return_inverse=True)
        pairs = Predictions(users, predictions, test.labels.astype(np.float64))
        levels = getattr(rater, "levels", torch.empty(0)).cpu().numpy()
        if len(levels):
            probabilities = _by_blocks(rater, rater.distribution, test)  # type: ignore[attr-defined]
            pairs = replace(pairs, probabilities=probabilities, levels=levels)
        past = getattr(rater, "past_rater", None)
        if past is not None:
            pairs = replace(pairs, of_past=_by_blocks(past, past.predict, test))
        counts = {"users": len(rows), "interactions": len(test)}
        curves = {name: of(pairs) for name, of in self.curves.items()}
        return Answers(rows, partial(self._group, pairs), counts, curves=curves)

    def _group(self, pairs: Predictions, one: Slice | None) -> Group:
        """The metrics over all pairs, or over a slice of them."""
        is_in = is_within(one, self.test.users, self.test.items)
        positions, some = pairs.take(is_in)
        metrics = {**(DISTRIBUTION_METRICS if len(some.levels) else {}), **self.metrics}
        statistics = {key: of.function(some) for key, of in metrics.items() if len(positions)}
        others = {}
        if len(positions) and some.of_past is not None:
            alone = replace(some, predictions=some.of_past)
            for key, of in self.metrics.items():
                others[f"{PAST}.{key}"] = of.function(alone).value()
        return Group(positions, statistics, others, interactions=int(is_in.sum()))


def _by_blocks(
    rater: Rater, answer: Callable[..., torch.Tensor], test: LabelledPairs
) -> np.ndarray:
    """(n, ...) float64 answers, with times and contexts told where the rater looks at them."""
    asked: dict[str, Any] = {"users": torch.tensor(test.users), "items": torch.tensor(test.items)}
    if getattr(rater, "rates_by_time", False):
        asked["times"] = test.timestamps
    if getattr(rater, "reads_contexts", False) and test.contexts is not None:
        asked["contexts"] = torch.tensor(test.contexts)
    order = np.argsort(test.users, kind="stable")  # the pairs of a user stand in one block
    found = [
        answer(**{name: column[order[start : start + BLOCK]] for name, column in asked.items()})
        for start in range(0, len(test), BLOCK)
    ]
    answers = torch.cat(found).detach().cpu().double().numpy()
    in_order = np.empty_like(answers)
    in_order[order] = answers
    return in_order
