"""Rating: the number that a user gives an item."""

import numpy as np
import polars as pl
import torch

from maxella.data.dataset import TaskLabels
from maxella.data.log import Log
from maxella.data.rows import chosen_rows
from maxella.errors import ConfigError, DataError, unknown_name
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.evaluation.rating import RATING_METRICS
from maxella.model.head import EmbeddedPairs, PairHead, Targets
from maxella.tasks.task import Kind, Step, Task


def labels(log: pl.DataFrame, task: Task) -> TaskLabels:
    """The numbers of the task's column, at its rows."""
    if task.column not in log.columns:
        raise ConfigError(
            f"tasks.{task.name}: {unknown_name('column', task.column, log.columns)} Name the "
            "column of ratings (tasks.column, data.columns.rating), or leave the task out."
        )
    if not log[task.column].dtype.is_numeric() or log[task.column].is_null().all():
        raise DataError(
            f"tasks.{task.name} wants numbers in the column {task.column}; this log has "
            f"{'none' if log[task.column].is_null().all() else log[task.column].dtype} there. "
            "Leave the task out to train without ratings."
        )
    chosen, _ = chosen_rows(log, task.rows, where=f"tasks.{task.name}.rows")
    numbers = log[task.column].cast(pl.Float32).fill_null(np.nan).to_numpy(writable=True)
    numbers[~chosen] = np.nan
    return TaskLabels(numbers)


def pair_loss(task: Task, step: Step) -> dict[str, torch.Tensor]:
    """The terms of the loss of the task's head over the labels of a batch."""
    rows, batch = step.rows(task), step.batch
    head: PairHead = step.model.heads[task.name]  # type: ignore[assignment]
    pairs = EmbeddedPairs(
        *step.embeddings(task), batch.users, batch.items, rows.user_positions, rows.item_positions
    )
    labels = head.counted(rows.labels)
    targets = Targets(labels, rows.expected, batch.share, step.done, batch.item_weights)
    return head.terms(pairs, targets)


def exam(task: str, test: Log, known: Log) -> PointwiseExam:
    """How far predictions are from the held-out labels."""
    del known
    return PointwiseExam(task, test.pairs(task), RATING_METRICS)


RATING = Kind(
    heads=("dot", "mlp", "variational", "ordinal", "mixed", "cross", "low_rank_cross"),
    ranks=False,
    labels=labels,
    loss=pair_loss,
    loses_by="head",
    exam=exam,
    headline=("rmse", "mae"),
)
