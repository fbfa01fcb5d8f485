"""A model's figures on held-out pairs, task by task, with intervals and the ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from maxella.errors import DataError
from maxella.evaluation.bootstrap import RESAMPLES, intervals
from maxella.evaluation.metric import Group, Metric
from maxella.evaluation.names import nested
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.slices import Slice
from maxella.seeds import numpy_generator

Exam = RankingExam | PointwiseExam


@dataclass(frozen=True)
class Report:
    """What an evaluation found, by task. Flat keys are such as `filtered.ndcg@10` and `rmse`."""

    values: dict[str, dict[str, float]]  # task → flat key → value
    intervals: dict[str, Any]  # task → nested [low, high]; none where fewer than 50 users count
    ceiling: dict[str, Any]  # task → nested; of ranking metrics
    counts: dict[str, dict[str, int]]
    curves: dict[str, dict[str, Any]]  # name such as `reliability` → task → points
    slices: list[dict[str, Any]]
    seconds: float
    table: dict[str, dict[str, Metric]]  # task → flat key → what is known of the metric
    groups: dict[str, Group] = field(compare=False)  # by user, for paired differences
    user_rows: dict[str, np.ndarray] = field(compare=False)

    @property
    def metrics(self) -> dict[str, Any]:
        """Task → values nested by protocol: `raw`, `filtered`, ... hold those of rankings."""
        return {task: nested(of) for task, of in self.values.items()}

    @property
    def flat(self) -> dict[str, float]:
        """The values on one level, such as `purchase.filtered.ndcg@10` and `stars.rmse`."""
        return {f"{t}.{key}": value for t, of in self.values.items() for key, value in of.items()}

    @property
    def described(self) -> dict[str, dict[str, Any]]:
        """Task → flat key → label, meaning, direction, target, digits, importance."""
        return {
            t: {key: of.facts() for key, of in known.items()} for t, known in self.table.items()
        }


def evaluate(
    exams: Sequence[Exam],
    answers: Mapping[str, Any],
    *,
    n_item_rows: int,
    seed: int,
    resamples: int = RESAMPLES,
    slices: Sequence[Slice] = (),
) -> Report:
    """Put each exam to the one who answers for its task; tasks without such a one are left out.

    `seed` sets the resamples of the intervals: users are drawn anew, for each task from the
    start, so that a task's figures do not depend on the others. 0 resamples leave them out.
    `slices` are measured from the same answers, in their order, but those that hold nothing of
    any task. Definitions: docs/metrics.md.

    Raises DataError for an exam without a question, TrainingError where a score is NaN or a
    prediction not finite, ConfigError for an unknown metric.
    """
    started = perf_counter()
    asked = [exam for exam in exams if exam.name in answers]
    for exam in asked:
        if not len(exam.test):
            raise DataError(
                f"An evaluation wants held-out interactions; the test part of task '{exam.name}' "
                "has none. Give the split a test share above 0, or leave the task out."
            )
    found = {exam.name: exam.ask(answers[exam.name], n_item_rows) for exam in asked}
    groups = {task: [of.group(one) for one in (None, *slices)] for task, of in found.items()}
    bounds = {}
    for task, of in found.items():
        rng = numpy_generator(seed, "intervals")
        bounds[task] = intervals(groups[task], len(of.user_rows), resamples, rng)
    values = {task: of[0].values() for task, of in groups.items()}
    user_rows = {task: of.user_rows for task, of in found.items()}
    rows = []
    for n, one in enumerate(slices, start=1):
        of_slice = {task: of[n] for task, of in groups.items() if of[n].interactions}
        if of_slice:
            of_bounds = {task: nested(bounds[task][n]) for task in of_slice}
            rows.append(_slice_row(one, of_slice, user_rows) | {"intervals": of_bounds})
    return Report(
        values,
        {task: nested(of[0]) for task, of in bounds.items()},
        {task: nested(of.ceiling) for task, of in found.items() if of.ceiling},
        {task: dict(of.counts) for task, of in found.items()},
        {
            name: {task: of.curves[name] for task, of in found.items() if name in of.curves}
            for name in {name: None for of in found.values() for name in of.curves}
        },
        rows,
        perf_counter() - started,
        {exam.name: {key: exam.metric_of(key) for key in values[exam.name]} for exam in asked},
        {task: of[0] for task, of in groups.items()},
        user_rows,
    )


def _slice_row(
    one: Slice, groups: Mapping[str, Group], user_rows: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """A slice as the report has it: the users of all tasks, the pairs of the task with most."""
    users = {row for task, of in groups.items() for row in user_rows[task][of.positions].tolist()}
    counts = {
        task: {"users": len(of.positions), "interactions": of.interactions}
        for task, of in groups.items()
    }
    return {
        "slice": one.name,
        "value": one.value,
        "users": len(users),
        "interactions": max(of.interactions for of in groups.values()),
        "counts": counts,
        "metrics": {task: nested(of.values()) for task, of in groups.items()},
    }
