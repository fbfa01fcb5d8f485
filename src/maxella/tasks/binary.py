"""Binary: whether a user does something with an item, such as like it, or buy what they viewed."""

import numpy as np
import polars as pl

from maxella.data.dataset import TaskLabels
from maxella.data.log import Log
from maxella.data.rows import chosen_rows, is_condition
from maxella.errors import ConfigError
from maxella.evaluation.binary import BINARY_METRICS, reliability
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.tasks.rating import pair_loss
from maxella.tasks.task import Kind, Task


def labels(log: pl.DataFrame, task: Task) -> TaskLabels:
    """1 at the task's rows; 0 at those it is `among`, or where its condition is known to fail.

    With `among` a pair that has both kinds of rows is a 1, whatever came last: who bought
    after a view has bought. A condition such as `rating >= 4` goes by the last that was given.
    """
    where = f"tasks.{task.name}.rows"
    chosen, known = chosen_rows(log, task.rows, where=where)
    if task.among is not None:
        offered, _ = chosen_rows(log, task.among, where=f"tasks.{task.name}.among")
        known = chosen | offered
    elif not is_condition(task.rows):
        said = "absent" if task.rows is None else repr(task.rows)
        raise ConfigError(
            f"{where} = {said} says what is a 1 and nothing of what is a 0. Name the rows "
            "that it is decided among (among = 'view'), or write a condition such as 'rating >= 4'."
        )
    values = np.where(known, chosen.astype(np.float32), np.float32(np.nan))
    return TaskLabels(values, keep="last" if task.among is None else "largest")


def exam(task: str, test: Log, known: Log) -> PointwiseExam:
    """How well predicted probabilities tell the held-out labels apart, and how true they are."""
    del known
    return PointwiseExam(task, test.pairs(task), BINARY_METRICS, {"reliability": reliability})


BINARY = Kind(
    heads=("logistic", "ordinal"),
    ranks=False,
    labels=labels,
    loss=pair_loss,
    loses_by="head",
    exam=exam,
    headline=("auc", "log_loss"),
)
