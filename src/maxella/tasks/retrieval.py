"""Retrieval: which items a user picks, of all there are."""

import numpy as np
import polars as pl
import torch

from maxella.data.dataset import TaskLabels
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log
from maxella.data.rows import EVENT, chosen_rows
from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.ranking_exam import RankingExam
from maxella.model.dot_product_head import DotProductHead
from maxella.tasks.choices import Choices
from maxella.tasks.task import Kind, Step, Task


def labels(log: pl.DataFrame, task: Task) -> TaskLabels:
    """1 at each row of the task, or what its event and its count make it count.

    A row that counts 0 or less, as a quantity that was sent back, is no pick.
    """
    chosen, _ = chosen_rows(log, task.rows, where=f"tasks.{task.name}.rows")
    weights = np.ones(log.height, dtype=np.float32)
    if task.event_weights:
        known = log[EVENT].unique().to_list() if EVENT in log.columns else []
        for event, weight in task.event_weights.items():
            if event not in known:
                where = f"tasks.{task.name}.event_weights"
                raise ConfigError(f"{where}: {unknown_name('event', event, known)}")
            weights[(log[EVENT] == event).to_numpy()] = weight
    if "count" in log.columns:
        counts = log["count"].to_numpy()
        chosen = chosen & (counts > 0)
        if task.counts_repeats:
            weights *= confidence(counts, chosen)
    weights[~chosen] = np.nan
    # Of a pair with several events the strongest speaks.
    return TaskLabels(weights, keep="largest" if task.event_weights else "last")


def confidence(counts: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(n,) counts of any unit, (n,) bool → (n,) float32, 1 at the median of those that are chosen.

    In proportion up to it, 1 + log beyond: of plays as of seconds, ten times as much is not ten
    times as sure (Hu, Koren and Volinsky 2008). Of repeats, most of which are 1, all is beyond.

    >>> confidence(np.array([1, 2, 4, 8, 40]), np.ones(5, dtype=bool)).round(2).astype(str).tolist()
    ['0.25', '0.5', '1.0', '1.69', '3.3']
    """
    if not chosen.any():
        return np.ones(len(counts), dtype=np.float32)
    median = np.quantile(counts[chosen], 0.5, method="lower")  # so of repeats it is one of them
    share = np.maximum(counts / median, 0)
    found: np.ndarray = np.where(share > 1, 1 + np.log(np.maximum(share, 1)), share)
    return found.astype(np.float32)


def loss(task: Task, step: Step) -> dict[str, torch.Tensor]:
    """The task's loss over the positive pairs of a batch."""
    assert task.loss is not None  # noqa: S101 - the config sees to it
    rows, batch = step.rows(task), step.batch
    head: DotProductHead = step.model.heads[task.name]  # type: ignore[assignment]
    users, items = step.embeddings(task)
    own = step.self_scores(task, head.items_met(items)) if task.loss.corrects_itself else None
    teacher = step.teacher.of(batch.users, batch.items) if step.teacher else None
    choices = Choices(
        head.queries(users),
        items,
        head.biases(batch.items),
        rows.user_positions,
        rows.item_positions,
        rows.labels if task.is_weighted else None,
        own,
        teacher if task.distillation else None,
        task.distillation,
        batch.item_weights,
        rows.negatives,
    )
    total = task.loss.function(choices)
    return {"fit": total if task.sums else total / rows.expected}


def exam(task: str, test: Log, known: Log) -> RankingExam:
    """Where the held-out items of a task stand among all; visited ones apart, if events tell."""
    rows = known.rows
    visited = None
    if known.events:
        ones = np.ones(len(rows), dtype=np.float32)
        visited = LabelledPairs(rows.users, rows.items, ones)
    return RankingExam(task, test.pairs(task), known.pairs(task), visited)


RETRIEVAL = Kind(
    heads=("dot_product",),
    ranks=True,
    labels=labels,
    loss=loss,
    loses_by="loss",
    exam=exam,
    headline=("filtered.top_k_accuracy@100", "filtered.ndcg@10"),
)
