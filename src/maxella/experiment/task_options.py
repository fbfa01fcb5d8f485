"""The options of a task, their defaults and sentences of help."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from maxella.errors import unknown_name
from maxella.experiment.clashes import PARTS_BESIDE
from maxella.experiment.option_types import MOST, OneOf, Section
from maxella.model.head import UsesTime
from maxella.model.heads import HEADS
from maxella.tasks.kinds import KINDS
from maxella.tasks.losses import LOSSES


class TaskOptions(Section):
    """One thing to learn."""

    name: Annotated[str, Field(min_length=1)]
    """What it is called in reports, in columns and on the command line."""
    kind: Annotated[str, OneOf("kind of task", KINDS)]
    """retrieval (which items a user picks), rating (the number they give), binary (yes or no)."""
    rows: str | list[str] | None = None
    """Its rows of the log: an event, a list of events, or a condition such as `rating >= 4`;
    several joined by `and`. Absent: all rows."""
    among: str | list[str] | None = None
    """For binary: the rows that are a no where the pair has none of `rows`, such as views."""
    column: str = "rating"
    """For rating: the column that holds the number."""
    weight: Annotated[float, Field(ge=0)] = 1.0
    """What its loss counts in the sum; 0 leaves the task out."""
    event_weights: dict[str, Annotated[float, Field(gt=0)]] = {}
    """For retrieval over several events: what a row of each counts; 1 where it says nothing."""
    count: Literal["once", "log"] = "once"
    """Whether every pair counts the same, or by how often it repeats or by the log's count: in
    proportion up to the median, 1 + log(count / median) beyond; 0 or less is no pick."""
    every: Annotated[int, Field(ge=1)] = 1
    """Steps from one of its losses to the next; ratings want more steps than retrieval."""
    loss: Annotated[str | None, OneOf("loss", LOSSES)] = None
    """For retrieval; full_softmax, if absent."""
    reduction: Literal["mean", "sum"] = "mean"
    """mean over labels, so weights mean the same at any batch size; sum: the notebook."""
    distillation: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of leave_one_out_softmax that a blend of the closed forms teaches."""
    head: Annotated[str | None, Field(json_schema_extra={"enum": list(HEADS)})] = None
    """What makes its answers; the first that fits the kind, if absent."""
    dim: Annotated[int, Field(ge=1, le=MOST)] = 32
    """Factors of the dot product of a head that answers pairs."""
    members: Annotated[int, Field(ge=1, le=MOST)] = 1
    """Factorisations that a variational or ordinal head (a part of a mixed one) averages."""
    item_biases: bool = True
    """For retrieval: whether the score has a bias for each item."""
    projection: bool | None = None
    """For retrieval: whether queries are turned by a matrix of the task's own. Absent: for all
    retrieval tasks but the first."""
    revisits: bool | None = None
    """For retrieval in a log of several events: whether items that a user has visited, but not
    picked, have scores of their own. Absent: for the first retrieval task."""
    neighbours: Annotated[int, Field(ge=0, le=1000)] = 0
    """For retrieval: how many of its nearest items speak for an item beside the dot product, by
    weights found in closed form; 100 does for sparse logs. 0: none."""
    followers: Annotated[int, Field(ge=0, le=1000)] = 0
    """For retrieval in a log with times: how many of the items that it came after speak for an item
    beside the dot product, by counts, the latest picks most; for what comes next. 0: none."""
    order: Annotated[int, Field(ge=0, le=1000)] = 0
    """For retrieval in a log with times: dimensions of each half of what reads the picks in their
    order, beside the dot product; for what comes next. 0: none."""
    standardise: bool = True
    """For rating: whether ratings are learnt from their mean on in units of their spread, and
    answers kept within the range of the training labels; false: as they are, as in the notebook."""
    shapes_encoders: bool = True
    """Whether its loss trains the encoders too, or reads what other tasks make of them."""
    residual_process: bool = False
    """For rating: whether what a user's ratings leave over the predictions says how they rate
    similar items, by a Gaussian process for each user."""
    uses_time: UsesTime | None = None
    """Whether it looks at the order in which a user did things, never at how long a gap was. past,
    retrieval: the latest items count most, for what comes next; past, rating: how the user rated
    shortly before; around, rating: how they rated before and after, which is known of a rating in
    hindsight alone. Absent: it looks at no order."""
    kept_labels: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of its training labels that is kept: what do the other tasks teach?"""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.head is not None and self.head not in KINDS[self.kind].heads:
            raise ValueError(
                unknown_name(f"head of {self.kind}", self.head, KINDS[self.kind].heads)
            )
        for is_set, name, kind in (
            (self.among is not None, "among", "binary"),
            (self.loss is not None, "loss", "retrieval"),
            *((getattr(self, part) > 0, part, "retrieval") for part in PARTS_BESIDE),
            (bool(self.event_weights), "event_weights", "retrieval"),
            (self.distillation > 0, "distillation", "retrieval"),
            (self.residual_process, "residual_process", "rating"),
            (self.uses_time == "around", "uses_time = 'around'", "rating"),
        ):
            if is_set and self.kind != kind:
                raise ValueError(f"{name} is for tasks of the kind {kind}, not {self.kind}")
        return self

    @property
    def head_name(self) -> str:
        """Of HEADS."""
        return self.head or KINDS[self.kind].heads[0]

    @property
    def loss_name(self) -> str | None:
        """Of LOSSES, where the kind has one."""
        return (self.loss or "full_softmax") if KINDS[self.kind].loses_by == "loss" else None
