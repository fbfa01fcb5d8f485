"""A task that is judged by what is predicted of given pairs: ratings, probabilities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs
from maxella.errors import TrainingError
from maxella.evaluation.distribution import DISTRIBUTION_METRICS
from maxella.evaluation.metric import Metric
from maxella.evaluation.names import metric_of
from maxella.evaluation.predictions import Forecasts, Predictions
from maxella.evaluation.protocols import ContextReader, Forecaster, Rater, TimedRater
from maxella.evaluation.slices import Answers, Slice
from maxella.evaluation.sums import Group, Statistic

BLOCK = 2**12  # pairs predicted at once: what a head keeps of them fits the cache


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
        test, blocks = self.test, _blocks(rater, self.test)
        found = torch.cat([rater.predict(**block) for block in blocks])
        predictions = found.detach().cpu().double().numpy()
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
        forecasts = None
        if isinstance(rater, Forecaster) and len(rater.levels):
            told = torch.cat([rater.distribution(**block) for block in blocks])
            probabilities = told.detach().cpu().double().numpy()
            forecasts = Forecasts(pairs, probabilities, rater.levels.cpu().numpy())
        counts = {"users": len(rows), "interactions": len(test)}
        curves = {name: of(pairs) for name, of in self.curves.items()}
        return Answers(rows, partial(self._group, pairs, forecasts), counts, curves=curves)

    def _group(self, pairs: Predictions, forecasts: Forecasts | None, one: Slice | None) -> Group:
        """The metrics over all pairs, or over a slice of them."""
        is_in = np.ones(len(self.test), dtype=bool)
        if one is not None:
            is_in = one.mask(self.test.users, self.test.items)
        positions, some = pairs.take(is_in)
        statistics: dict[str, Statistic] = {}
        if len(positions) and forecasts is not None:
            told = Forecasts(some, forecasts.probabilities[is_in], forecasts.levels)
            statistics = {key: of.function(told) for key, of in DISTRIBUTION_METRICS.items()}
        if len(positions):
            statistics |= {key: of.function(some) for key, of in self.metrics.items()}
        return Group(positions, statistics, interactions=int(is_in.sum()))


def _blocks(rater: Rater, test: LabelledPairs) -> list[dict[str, Any]]:
    """What a rater is asked, block by block; with times and contexts where it looks at them."""
    asked: dict[str, Any] = {"users": torch.tensor(test.users), "items": torch.tensor(test.items)}
    if isinstance(rater, TimedRater) and rater.rates_by_time:
        asked["times"] = test.timestamps
    if isinstance(rater, ContextReader) and rater.reads_contexts and test.contexts is not None:
        asked["contexts"] = torch.tensor(test.contexts)
    parts = [slice(start, start + BLOCK) for start in range(0, len(test), BLOCK)]
    return [{name: column[part] for name, column in asked.items()} for part in parts]
