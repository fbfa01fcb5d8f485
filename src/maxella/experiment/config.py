"""Every option, its default and its sentence of help: the only place where they stand.

A config is a TOML file with these sections. Rooms below take plain arguments.
"""

import codecs
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)


class Section(BaseModel):
    """Refuses unknown keys and infinite numbers, and does not change once made."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() follows links


# Absolute, so that a saved run finds its data from whichever folder it is asked.
LocalPath = Annotated[Path, AfterValidator(_absolute)]


class EventOptions(Section):
    """Which rows of a log of several kinds of events count as picks."""

    column: str
    """The column that names the event, such as event_type."""
    keep: Annotated[list[str], Field(min_length=1)]
    """The events that count; rows of others are left out."""


class DataOptions(Section):
    """Where the interactions come from."""

    name: str | None = None
    """A published data set to download, such as ml-100k or ml-1m; not needed with a path."""
    path: LocalPath | None = None
    """A zip, a folder or a file of interactions; `--data` on the command line sets it.

    Relative paths in a config start at the config's folder, those on the command line at
    the working directory."""
    kind: str | None = None
    """How to read the path (movielens, atomic, notebook, delimited); found out when absent."""
    columns: dict[str, str] = {}
    """For delimited files: what user_id, item_id, rating and timestamp are called there."""
    users: LocalPath | None = None
    """For delimited files: a file with one row a user."""
    items: LocalPath | None = None
    """For delimited files: a file with one row an item."""
    user_columns: list[str] = []
    """For delimited files: columns of the log that tell of the user alone, such as age."""
    item_columns: list[str] = []
    """For delimited files: columns of the log that tell of the item alone, such as brand."""
    events: EventOptions | None = None
    """For delimited files: which events count, `{ column = "event_type", keep = ["purchase"] }`."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """For delimited files: what numbers as timestamp count, where not seconds."""
    encoding: str | None = None
    """For delimited files: their encoding, where it is not UTF-8."""
    people: LocalPath | None = None
    """For MovieLens: a CSV with movie_id and further columns, such as director and star."""
    rating_range: tuple[float, float] | None = None
    """Lowest and highest rating that can be given; a rating outside is an error."""

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, name: str | None) -> str | None:
        try:
            return name and codecs.lookup(name).name
        except LookupError as error:
            raise ValueError(f"no encoding is called '{name}'; one is iso-8859-1") from error

    @field_validator("rating_range")
    @classmethod
    def _is_a_range(cls, ends: tuple[float, float] | None) -> tuple[float, float] | None:
        if ends is not None and ends[0] > ends[1]:
            raise ValueError(f"wanted [lowest, highest]; got {list(ends)}")
        return ends

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.name is None and self.path is None and self.kind != "synthetic":
            raise ValueError(
                "give data.name (to download) or data.path (a local zip, folder, file)"
            )
        return self


class SplitOptions(Section):
    """Which interactions train, validate and test."""

    kind: Literal[
        "random",
        "leave_last_out",
        "temporal",
        "user_temporal",
        "cold_user",
        "cold_item",
        "none",
    ] = "temporal"
    """random, leave_last_out, temporal (all rows from one moment on), user_temporal (the last of
    each user's), cold_user (users held out whole, served from a share of what they did), cold_item
    (items held out whole, ranked among themselves) or none (train on all)."""
    seed: Annotated[int, Field(ge=0)] = 42
    """Seed of a random split."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Share of all rows that is held out for the test; for cold_user, of the users,
    and for cold_item of the items."""
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the remaining rows that is held out for validation."""
    given: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """For cold_user: the share of a held-out user's interactions that is known when they are
    served; 0 leaves nothing but their features."""
    rated: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training rows that keep their rating: what do interactions alone teach?"""


class FeatureOptions(Section):
    """What is known of users and items beside their ids, and how to read it.

    A name of the table's column → its kind (category, labels, number, time, text), or a table
    with kind, the kind's own options, and column where the feature has another name:
    `genres = "labels"`, `era = { kind = "time", column = "release_date", parts = ["decade"] }`.
    """

    user: dict[str, str | dict[str, Any]] = {}
    """Features of users, which the user tower reads."""
    item: dict[str, str | dict[str, Any]] = {}
    """Features of items, which the item tower reads."""
    request: dict[str, str | dict[str, Any]] = {}
    """What is known of the moment: columns of the log, such as device or timestamp, and the age
    that items have then, `age = { kind = "age", column = "release_date" }`, a column of theirs."""
    layers: Literal["sum", "mlp", "cross", "low_rank_cross"] = "sum"
    """What the towers make of them: the sum of an embedding for each value; and, beside it, a
    hidden layer over all of a row's features, or DCN-v2 cross layers, in full or of low rank."""


class ModelOptions(Section):
    """The towers and the rating head."""

    dim: Annotated[int, Field(ge=0)] = 64
    """Dimensions of what the id says of a user; 0 leaves the id out."""
    history_dim: Annotated[int, Field(ge=0)] = 0
    """Dimensions of what the history says of a user; 0 leaves the history out."""
    start: Literal["random", "closed_form"] = "random"
    """closed_form: the towers start from iALS (ids) and low-rank EDLAE (history), whatever the
    number of items."""
    rating_head: Literal[
        "dot", "mlp", "variational", "ordinal", "mixed", "cross", "low_rank_cross"
    ] = "dot"
    """dot: biases and a dot product; mlp: the notebook's layers; variational: dot with factors of
    its own that find their regularisation themselves; ordinal: the same, with ratings as ordered
    levels; mixed: the mean of the last two, of rating_dim factors and of twice as many; cross: dot,
    and DCN-v2 over all features of both sides, low_rank_cross of a quarter of the rank."""
    rating_dim: Annotated[int, Field(ge=1)] = 32
    """Factors of the dot product of the rating head."""
    rating_members: Annotated[int, Field(ge=1)] = 1
    """Factorisations that a variational or ordinal head (a part of a mixed one) averages."""
    item_biases: bool = True
    """Whether the retrieval score has a bias for each item."""
    demotion_dim: Annotated[int, Field(ge=0)] = 0
    """Dimensions that sink a user's seen items, for rankings that can't leave them out; 0: none."""
    uses_time: tuple[Literal["ratings", "retrieval"], ...] = ()
    """What may look at the order in which a user did things, never at how long a gap was: ratings
    (how the user rated around then), retrieval (the latest items count most: what comes next)."""
    embedding_scale: Annotated[float, Field(gt=0)] = 0.05
    """Embeddings start uniform between minus and plus this."""
    reads_requests: bool = True
    """Whether the model looks at features.request; every model is asked moment by moment where
    there are any, whether it looks or not."""
    clip_ratings: bool = True
    """Whether predictions are clipped to the range of the training ratings."""


class TaskOptions(Section):
    """What is learnt, and how much each task counts."""

    retrieval_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the retrieval loss; 0 leaves the task out."""
    rating_weight: Annotated[float, Field(ge=0)] = 0.3
    """The same for the rating loss: squared error, or the bound of a head with Gaussian factors."""
    retrieval_loss: Literal[
        "full_softmax", "in_batch_softmax", "leave_one_out_softmax", "gramian", "bpr"
    ] = "full_softmax"
    """full_softmax over the catalogue in batches of users; leave_one_out_softmax: the same
    without a user's other items, and no item in its own history; gramian: squared errors over
    all users and items; bpr: each interaction against one item that the user lacks;
    in_batch_softmax in batches of rows, as the notebook has it."""
    uniform_negatives: Annotated[int, Field(ge=0)] | None = None
    """Puts leave_one_out_softmax and gramian on the batch's own items and this many drawn from all,
    so weighted that they stand for all (logQ correction). Absent: on all, up to 100,000."""
    retrieval_reduction: Literal["mean", "sum"] = "mean"
    """mean over interactions, so weights mean the same at any batch size; sum: the notebook."""
    retrieval_every: Annotated[int, Field(ge=1)] = 1
    """Steps from one retrieval loss to the next; ratings want more steps than retrieval."""
    distillation: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of leave_one_out_softmax that a blend of the closed forms teaches."""
    rating_shapes_towers: bool = True
    """Whether the rating loss trains the towers too, or reads what retrieval makes of them."""
    l2: Annotated[float, Field(ge=0)] = 0.04
    """Penalty on the mean squared norm of the embeddings that the interactions name."""

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if not self.retrieval_weight and not self.rating_weight:
            raise ValueError("retrieval_weight and rating_weight are both 0: nothing to learn")
        return self


class TrainingOptions(Section):
    """How the weights are found."""

    optimiser: Literal["adagrad", "adam", "adamw"] = "adam"
    """Which optimiser steps."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.06
    """Its learning rate at the peak of the schedule."""
    tower_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """The same for the towers' tables, where they want another: a closed form wants less."""
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    """The learning rate over the run."""
    batch_size: Annotated[int, Field(ge=1)] = 256
    """Interactions in a batch for in_batch_softmax, whole users for the other losses."""
    epochs: Annotated[int, Field(ge=1)] = 8
    """Passes over the training interactions."""
    seed: Annotated[int, Field(ge=0)] = 42
    """Seed of the first weights and of the order of the batches."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it trains: cpu, cuda (an NVIDIA GPU), or auto, which is cuda where torch sees one."""
    monitor: str | None = None
    """Validation metric that picks the best epoch, such as filtered.ndcg@100 or rmse."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many epochs without a better value of the monitored metric."""


class EvaluationOptions(Section):
    """How the held-out interactions are judged."""

    resamples: Annotated[int, Field(ge=0)] = 1000
    """Bootstrap resamples of the users for the intervals; 0 leaves the intervals out."""
    slices: tuple[str, ...] = ("activity", "popularity")
    """Every metric by these: activity (of users), popularity (of items), and any column of the
    users or items, such as user.gender or item.genres; [] for the whole alone."""


class ModelEntry(Section):
    """One model of a comparison: a name, and what differs from the sections above."""

    name: str
    """Its name in the table."""
    features: dict[str, Any] = {}
    """Options of [features] that differ."""
    model: dict[str, Any] = {}
    """Options of [model] that differ."""
    tasks: dict[str, Any] = {}
    """Options of [tasks] that differ."""
    training: dict[str, Any] = {}
    """Options of [training] that differ."""


class CompareOptions(Section):
    """What `maxella compare` puts into one table."""

    models: list[ModelEntry] = []
    """The models, each trained on the same split."""
    baselines: list[Literal["popularity", "bias", "ease", "ials"]] = [
        "popularity",
        "bias",
        "ease",
        "ials",
    ]
    """Baselines to show beside them."""


class Config(Section):
    """A whole experiment."""

    title: str = "Maxella"
    """What the report is headed with."""
    data: DataOptions
    split: SplitOptions = SplitOptions()
    features: FeatureOptions = FeatureOptions()
    model: ModelOptions = ModelOptions()
    tasks: TaskOptions = TaskOptions()
    training: TrainingOptions = TrainingOptions()
    evaluation: EvaluationOptions = EvaluationOptions()
    compare: CompareOptions = CompareOptions()

    @model_validator(mode="after")
    def _monitor_has_rows(self) -> Self:
        if self.training.monitor and not self.split.validation:
            raise ValueError("training.monitor wants split.validation above 0")
        if self.training.patience and not self.training.monitor:
            raise ValueError("training.patience wants training.monitor")
        return self

    @model_validator(mode="after")
    def _asks_alike(self) -> Self:
        for entry in self.compare.models:
            if entry.features.get("request", self.features.request) != self.features.request:
                raise ValueError(
                    f"compare.models '{entry.name}': features.request says how all models of a "
                    "comparison are asked; for one that does not look at it set "
                    "model = { reads_requests = false }"
                )
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for is_wrong, wanted in _clashes(self.model, self.tasks):
            if is_wrong:
                raise ValueError(f"wanted {wanted}")
        return self


def _clashes(model: ModelOptions, tasks: TaskOptions) -> list[tuple[bool, str]]:
    """Choices that do not go together: whether they are made, and what is wanted instead."""
    leaves_one_out = tasks.retrieval_loss == "leave_one_out_softmax"
    by_rows = tasks.retrieval_loss == "in_batch_softmax"
    is_squared = tasks.retrieval_loss == "gramian"
    sees_itself = tasks.retrieval_loss in {"full_softmax", "in_batch_softmax"}
    has_factors = model.rating_head in ("variational", "ordinal", "mixed")
    trains_towers = tasks.rating_shapes_towers or tasks.retrieval_weight > 0
    return [
        (not model.dim and not model.history_dim, "model.dim or model.history_dim above 0"),
        (
            "retrieval" in model.uses_time and not model.history_dim,
            "model.history_dim above 0 with 'retrieval' in model.uses_time",
        ),
        (
            model.history_dim > 0 and tasks.retrieval_weight > 0 and sees_itself,
            (
                "tasks.retrieval_loss = 'leave_one_out_softmax', 'gramian' or 'bpr' with "
                "model.history_dim above 0 (else an interaction sees itself)"
            ),
        ),
        (
            tasks.uniform_negatives is not None and not (leaves_one_out or is_squared),
            (
                "tasks.retrieval_loss = 'leave_one_out_softmax' or 'gramian' with "
                "tasks.uniform_negatives"
            ),
        ),
        (
            is_squared and tasks.retrieval_weight > 0 and model.start == "closed_form",
            (
                "model.start = 'random' with tasks.retrieval_loss = 'gramian' (its scores are "
                "near 0 and 1, those of the closed forms ten times that)"
            ),
        ),
        (
            tasks.distillation > 0 and not (leaves_one_out and model.start == "closed_form"),
            (
                "tasks.retrieval_loss = 'leave_one_out_softmax' and model.start = 'closed_form' "
                "with tasks.distillation above 0"
            ),
        ),
        (
            by_rows and (has_factors or model.history_dim > 0),
            (
                "batches of whole users (any retrieval_loss but in_batch_softmax) with a history "
                "part or a variational, ordinal or mixed head"
            ),
        ),
        (
            model.rating_members > 1 and not has_factors,
            "model.rating_head = 'variational', 'ordinal' or 'mixed' with rating_members above 1",
        ),
        (
            tasks.retrieval_every > 1 and not tasks.rating_weight,
            "tasks.rating_weight above 0 with tasks.retrieval_every above 1",
        ),
        (
            not trains_towers and model.start == "random",
            (
                "something to make the towers: tasks.rating_shapes_towers, model.start = "
                "'closed_form', or a tasks.retrieval_weight above 0"
            ),
        ),
    ]
