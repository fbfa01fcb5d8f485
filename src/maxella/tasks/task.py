"""A task: one thing to learn of a log; and what a kind of task is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import polars as pl
import torch

from maxella.data.batches import Batch, TaskRows
from maxella.data.dataset import TaskLabels
from maxella.data.log import Log
from maxella.data.rows import RowsOf
from maxella.evaluation.evaluate import Exam
from maxella.model.model import Model
from maxella.model.user_encoder import Pairs
from maxella.tasks.losses import Loss
from maxella.tasks.teacher import Teacher


@dataclass(frozen=True)
class Task:
    """What is learnt of which rows, and how much it counts."""

    name: str
    kind: str  # of KINDS
    rows: RowsOf = None  # its labels; None: all rows
    among: RowsOf = None  # the rows in which it is decided whether it is a label
    column: str = "rating"  # that holds the labels, where they are numbers
    event_weights: Mapping[str, float] = field(default_factory=dict)  # how much a row counts
    counts_repeats: bool = False  # whether n rows of a pair count 1 + log n
    weight: float = 1.0
    every: int = 1  # steps from one of its losses to the next
    loss: Loss | None = None  # of LOSSES, where the head has none of its own
    sums: bool = False  # whether the loss is a sum over labels, not a mean
    shapes_encoders: bool = True  # whether its gradient reaches the encoders
    distillation: float = 0.0  # the share of the loss that a teacher has

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Task":
        """The task that the options of [[tasks]] declare, but for its loss."""
        same = {one.name for one in fields(cls)} - {"loss"}
        return cls(
            **{name: value for name, value in options.items() if name in same},
            counts_repeats=options.get("count") == "log",
            sums=options.get("reduction") == "sum",
        )

    @property
    def is_weighted(self) -> bool:
        """Whether its rows count differently."""
        return bool(self.event_weights) or self.counts_repeats


@dataclass(frozen=True)
class Step:
    """A batch as the encoders read it."""

    model: Model
    batch: Batch
    users: torch.Tensor  # (U, dim) queries
    items: torch.Tensor  # (I, dim) embeddings
    done: float  # share of the run that is done
    teacher: Teacher | None = None

    def rows(self, task: Task) -> TaskRows:
        """The labels of a task."""
        return self.batch.tasks[task.name]

    def embeddings(self, task: Task) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries and embeddings as a task reads them: without a gradient if it shapes nothing."""
        if task.shapes_encoders:
            return self.users, self.items
        return self.users.detach(), self.items.detach()

    def self_scores(self, task: Task, items: torch.Tensor) -> torch.Tensor | None:
        """(n,) what the pairs of a task add to their own scores, as parts of the histories.

        (I, dim) embeddings as the queries meet them. None of an encoder that has no such parts.
        """
        rows, batch = self.rows(task), self.batch
        pairs = Pairs(rows.user_positions, rows.item_positions, rows.pair_events)
        # The encoder's weights are read here, too: without a gradient if the task shapes nothing.
        encoder = self.model.user_encoder.requires_grad_(task.shapes_encoders)
        found = encoder.self_scores(batch.history, pairs, batch.items, items)
        encoder.requires_grad_(True)
        return found


@dataclass(frozen=True)
class Kind:
    """A kind of task: how rows become labels, and what is minimised.

    A new kind is one file that makes one of these, and a line in `KINDS`.
    """

    heads: tuple[str, ...]  # of HEADS that fit it, the default first
    ranks: bool  # whether its answer is a list of items; else one for each pair
    labels: Callable[[pl.DataFrame, Task], TaskLabels]
    # Terms that add up to the loss of a label of the batch: scalars by name, fit and priors.
    loss: Callable[[Task, Step], dict[str, torch.Tensor]]
    loses_by: str  # "loss": of LOSSES, "head": of the head
    exam: Callable[[str, Log, Log], Exam]  # (task, held-out rows, what was known before)
    headline: tuple[str, ...]  # figures that decide, by their keys; the first decides first
