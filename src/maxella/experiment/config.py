"""Every option, its default and its sentence of help: here, and in `task_options`, alone.

A config is a TOML file with these sections. Rooms below take plain arguments.
"""

import codecs
import unicodedata
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from maxella.baselines.table import BASELINES
from maxella.experiment.clashes import clashes
from maxella.experiment.option_types import MOST, LocalPath, OneOf, Section
from maxella.experiment.task_options import TaskOptions
from maxella.model.build import USER_ENCODERS

IN_MEMORY = "frame"  # the kind of a source that no file holds


class DataOptions(Section):
    """Where the interactions come from."""

    name: str | None = None
    """A published data set to download, such as ml-100k or ml-1m; not needed with a path."""
    path: LocalPath | None = None
    """A zip, a folder or a file of interactions; `--data` on the command line sets it.

    Relative paths in a config start at the config's folder, those on the command line at
    the working directory."""
    kind: str | None = None
    """How to read the path (movielens, atomic, notebook, delimited); found out when absent. Without
    a path: synthetic, a small world to try things on; frame, what `maxella.fit` was given."""
    columns: dict[str, str] = {}
    """For delimited files: what user_id, item_id, event, rating, timestamp and count are called
    there; "" says that there is no such column. count is how much a row counts, such as plays."""
    users: LocalPath | None = None
    """For delimited files: a file with one row a user."""
    items: LocalPath | None = None
    """For delimited files: a file with one row an item."""
    user_columns: list[str] = []
    """For delimited files: columns of the log that tell of the user alone, such as age."""
    item_columns: list[str] = []
    """For delimited files: columns of the log that tell of the item alone, such as brand."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """For delimited files: what numbers as timestamp count, where not seconds."""
    time_format: str | None = None
    """For delimited files: the form of texts as timestamp, where not ISO 8601, as %d.%m.%Y."""
    separator: str | None = None
    """For delimited files: what parts the log's fields, if found out wrongly; " ": any spaces."""
    header: bool | None = None
    """For delimited files: whether the log's first line names its columns, if found out wrongly;
    without, they are called column_1, column_2 and so on."""
    encoding: str | None = None
    """For delimited files: their encoding, where it is not UTF-8."""
    name_column: str | None = None
    """The column of the items' table that names them in answers; title or name, if absent."""
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
        if self.name is None and self.path is None and self.kind not in ("synthetic", IN_MEMORY):
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
        "column",
        "none",
    ] = "temporal"
    """random, leave_last_out, temporal (all rows from one moment on), user_temporal (the last of
    each user's), cold_user (users held out whole, served from a share of what they did), cold_item
    (items held out whole, ranked among themselves), column (a column of the log says) or none
    (train on all). Held out are rows of the tasks; all else that users did stays known."""
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
    column: str | None = None
    """For column: the column of the log whose values are train, validation and test."""


FeaturesOfSide = dict[str, str | dict[str, Any]]


class FeatureOptions(Section):
    """What is known of users and items beside their ids, and how to read it.

    A name of the table's column → its kind (category, labels, number, time, text), or a table
    with kind, the kind's own options, and column where the feature has another name:
    `genres = "labels"`, `era = { kind = "time", column = "release_date", parts = ["decade"] }`.
    """

    user: FeaturesOfSide = {}
    """Features of users, which the user encoder reads."""
    item: FeaturesOfSide = {}
    """Features of items, which the item encoder reads."""
    context: dict[str, str | dict[str, Any]] = {}
    """What is known when somebody asks: columns of the log, such as device or timestamp."""
    layers: Literal["sum", "mlp", "cross", "low_rank_cross"] = "sum"
    """What the encoders make of them: the sum of an embedding for each value; and, beside it, a
    hidden layer over all of a row's features, or DCN-v2 cross layers, in full or of low rank."""


class ModelOptions(Section):
    """The encoders, which all tasks share."""

    encoder: Annotated[str, OneOf("encoder", USER_ENCODERS)] = "sum"
    """How users are encoded. sum: an embedding of the id beside the sum of readings of the
    history."""
    dim: Annotated[int, Field(ge=0, le=MOST)] = 64
    """Dimensions of what the id says of a user; 0 leaves the id out."""
    history_dim: Annotated[int, Field(ge=0, le=MOST)] = 0
    """Dimensions of what the history says of a user; 0 leaves the history out."""
    history: list[str] | None = None
    """Events that the history is made of, each read by itself; all events of the log, if absent."""
    start: Literal["random", "closed_form"] = "random"
    """closed_form: the encoders start from iALS (ids) and low-rank EDLAE (history) for the first
    retrieval task, whatever the number of items."""
    seen_penalty_dim: Annotated[int, Field(ge=0, le=MOST)] = 0
    """Dimensions that sink a user's seen items, for rankings that can't leave them out; 0: none."""
    embedding_scale: Annotated[float, Field(gt=0, le=1000)] = 0.05
    """Embeddings start uniform between minus and plus this."""
    reads_context: bool = True
    """Whether the model looks at features.context; every model is asked in each context where
    there are any, whether it looks or not."""


class TrainingOptions(Section):
    """How the weights are found."""

    optimiser: Literal["adagrad", "adam", "adamw"] = "adam"
    """Which optimiser steps."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.06
    """Its learning rate at the peak of the schedule."""
    encoder_learning_rate: Annotated[float, Field(gt=0)] | None = None
    """The same for the encoders' tables, where they want another: a closed form wants less."""
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    """The learning rate over the run."""
    batch_size: Annotated[int, Field(ge=1)] = 256
    """Rows, or whole users, in a batch."""
    batches: Literal["users", "rows"] | None = None
    """What batches are made of. Absent: rows for in_batch_softmax, else whole users."""
    epochs: Annotated[int, Field(ge=0, le=MOST)] = 8
    """Passes over the training rows; 0 leaves a start in closed form as it is."""
    l2: Annotated[float, Field(ge=0)] = 0.04
    """Penalty on the mean squared norm of the embeddings that the rows name."""
    uniform_negatives: Annotated[int, Field(ge=0, le=MOST)] | None = None
    """Puts leave_one_out_softmax and gramian on the batch's own items and this many drawn from all,
    so weighted that they stand for all (logQ correction). Absent: on all, up to 100,000."""
    seed: Annotated[int, Field(ge=0)] = 42
    """Seed of the first weights and of the order of the batches: the same gives the same bytes, on
    one machine with as many threads."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it trains: cpu, cuda (an NVIDIA GPU), or auto, which is cuda where torch sees one."""
    monitor: str | None = None
    """Figure on the validation part that picks the best epoch: a task and a metric, such as
    retrieval.filtered.ndcg@100 or rating.rmse."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Stop after this many epochs without a better value of the monitored figure."""
    refit: bool = True
    """Once all is chosen by the validation part, whether the model is trained anew on training and
    validation together."""


class EvaluationOptions(Section):
    """How the held-out interactions are judged."""

    resamples: Annotated[int, Field(ge=0, le=MOST)] = 1000
    """Bootstrap resamples of the users for the intervals; 0 leaves the intervals out."""
    slices: tuple[str, ...] = ("activity", "popularity")
    """Every metric by these: activity (of users), popularity (of items), and any column of the
    users or items, such as user.gender or item.genres; [] for the whole alone."""
    lists: Annotated[int, Field(ge=0, le=20)] = 3
    """Users whose lists the report shows, unnamed; 0 leaves them out."""


class ModelEntry(Section):
    """One model of a comparison: a name, and what differs from the sections above."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """Its name in the table."""
    features: dict[str, Any] = {}
    """Options of [features] that differ."""
    model: dict[str, Any] = {}
    """Options of [model] that differ."""
    tasks: dict[str, dict[str, Any]] = {}
    """Options of [[tasks]] that differ, by the task's name: { rating = { weight = 0.0 } }."""
    training: dict[str, Any] = {}
    """Options of [training] that differ."""

    @property
    def folder(self) -> str:
        """What its folder is called."""
        name = unicodedata.normalize("NFKC", self.name).casefold()  # as some systems compare names
        return "".join(letter if letter.isalnum() else "-" for letter in name)


class CompareOptions(Section):
    """What `maxella compare` puts into one table."""

    models: list[ModelEntry] = []
    """The models, each trained on the same split."""
    baselines: list[Annotated[str, OneOf("baseline", BASELINES)]] | None = None
    """Baselines to show beside them; all that answer one of the tasks, if absent."""

    @field_validator("models")
    @classmethod
    def _have_folders(cls, models: list[ModelEntry]) -> list[ModelEntry]:
        names = [entry.name for entry in models]
        if len({entry.folder for entry in models}) < len(names):
            raise ValueError(f"wanted names with a folder of its own for each; got {names}")
        taken = [name for name in names if name.casefold() in BASELINES]
        if taken:
            raise ValueError(
                f"'{taken[0]}' is the name of a baseline, which stands in the same table; give the "
                "model another name"
            )
        return models


class Config(Section):
    """A whole experiment."""

    title: str = "Maxella"
    """What the report is headed with."""
    data: DataOptions
    split: SplitOptions = SplitOptions()
    features: FeatureOptions = FeatureOptions()
    model: ModelOptions = ModelOptions()
    tasks: list[TaskOptions] = []
    """What is learnt. Absent: retrieval over all rows and, of a log with ratings, these too."""
    training: TrainingOptions = TrainingOptions()
    evaluation: EvaluationOptions = EvaluationOptions()
    compare: CompareOptions = CompareOptions()

    @property
    def learnt(self) -> list[TaskOptions]:
        """The tasks that have a weight."""
        return [task for task in self.tasks if task.weight]

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.training.monitor and not self.split.validation and self.split.kind != "column":
            raise ValueError("training.monitor wants split.validation above 0")
        if self.training.patience and not self.training.monitor:
            raise ValueError("training.patience wants training.monitor")
        if (self.split.kind == "column") != (self.split.column is not None):
            raise ValueError("split.kind = 'column' and split.column go together")
        for entry in self.compare.models:
            if entry.features.get("context", self.features.context) != self.features.context:
                raise ValueError(
                    f"compare.models '{entry.name}': features.context says how all models of a "
                    "comparison are asked; for one that does not look at it set "
                    "model = { reads_context = false }"
                )
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"wanted a name of its own for each task; got {', '.join(names)}")
        if self.tasks and not self.learnt:
            raise ValueError("every task has the weight 0: nothing to learn")
        wanted = next(clashes(self.model, self.learnt, self.training), None)
        if wanted:
            raise ValueError(f"wanted {wanted}")
        return self
