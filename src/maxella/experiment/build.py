"""Options → objects: the one place where a section of the config meets a room."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from maxella.data.batches import Batches, RowBatches, UserBatches
from maxella.data.columns import MakeColumns, OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.data.dataset import Dataset, build_dataset
from maxella.data.entity_features import EntityFeatures, Features
from maxella.data.history import History
from maxella.data.requests import RequestFeatures, fit_ages, split_specs
from maxella.data.split import Split, split_interactions
from maxella.errors import ConfigError
from maxella.experiment.config import (
    Config,
    DataOptions,
    ModelOptions,
    SplitOptions,
    TaskOptions,
    TrainingOptions,
)
from maxella.features.feature_set import FeatureSpec
from maxella.features.kinds import FEATURE_KINDS
from maxella.model.build import ModelSpec
from maxella.model.joint import JointModel
from maxella.seeds import torch_generator
from maxella.sources.download import get
from maxella.sources.load import load_source
from maxella.sources.tables import Tables
from maxella.tasks.losses import RETRIEVAL_LOSSES
from maxella.tasks.objective import Objective
from maxella.tasks.rating import RATING_TASKS
from maxella.tasks.teacher import Teacher
from maxella.training.checkpoint import Checkpoint
from maxella.training.fit import Plan
from maxella.training.start import start_demotion, start_in_closed_form

MOST_LEVELS = 101  # whole numbers from 0 to 100


def load_tables(options: DataOptions) -> Tables:
    """The tables of a local path, or of a published data set that is downloaded once."""
    path = options.path
    notes: tuple[str, ...] = ()
    if path is None and options.name is not None:
        fetched = get(options.name)
        path, notes = fetched.path, fetched.notes
    tables = load_source(
        options.kind,
        path,
        columns=options.columns or None,
        users=options.users,
        items=options.items,
        user_columns=options.user_columns or None,
        item_columns=options.item_columns or None,
        events=options.events and (options.events.column, options.events.keep),
        time_unit=options.time_unit,
        encoding=options.encoding,
        people=options.people,
        rating_range=options.rating_range,
    )
    return replace(tables, notes=(*tables.notes, *notes))


def build_data(config: Config, tables: Tables) -> Dataset:
    """The tables, split and in rows."""
    split = split_table(tables.interactions, config.split)
    specs = [feature_spec(name, how) for name, how in config.features.request.items()]
    return build_dataset(tables.interactions, split, specs)


def split_table(interactions: pl.DataFrame, options: SplitOptions) -> Split:
    """Which rows train, validate and test."""
    return split_interactions(
        interactions,
        kind=options.kind,
        test=options.test,
        validation=options.validation,
        seed=options.seed,
        rated=options.rated,
        given=options.given,
    )


def model_spec(options: ModelOptions, dataset: Dataset, feature_layers: str = "sum") -> ModelSpec:
    """The facts of a model for this data set."""
    ratings = dataset.train.rated.ratings
    return ModelSpec(
        n_user_rows=dataset.users.n_rows,
        n_item_rows=dataset.items.n_rows,
        dim=options.dim,
        history_dim=options.history_dim,
        mean_history=len(dataset.train) / int(np.count_nonzero(np.bincount(dataset.train.users))),
        rating_head=options.rating_head,
        rating_dim=options.rating_dim,
        rating_members=options.rating_members,
        item_biases=options.item_biases,
        embedding_scale=options.embedding_scale,
        mean_rating=0.0 if ratings is None or not len(ratings) else float(ratings.mean()),
        rating_range=dataset.rating_range if options.clip_ratings else None,
        rating_levels=_rating_levels(options, ratings),
        demotion_dim=options.demotion_dim,
        uses_time=_uses_time(options, dataset),
        feature_layers=feature_layers,
    )


def build_features(config: Config, tables: Tables, dataset: Dataset) -> Features:
    """The features of both sides and of requests, from encoders that saw what training has."""
    options = config.features
    train = dataset.train
    sides = []
    for declared, table, key, ids, rows in (
        (options.user, tables.users, "user_id", dataset.users, train.users),
        (options.item, tables.items, "item_id", dataset.items, train.items),
    ):
        fit_on = np.bincount(rows, minlength=ids.n_rows) > 0
        specs = [feature_spec(name, how) for name, how in declared.items()]
        sides.append(EntityFeatures.fit(table, key, ids, specs, fit_on) if specs else None)
    users, items = sides
    return Features(users, items, _request_features(config, tables, dataset))


def _request_features(config: Config, tables: Tables, dataset: Dataset) -> RequestFeatures | None:
    if dataset.request_features is None or not config.model.reads_requests:
        return None
    specs = [feature_spec(name, how) for name, how in config.features.request.items()]
    _, of_age = split_specs(specs)
    ages = None
    train = dataset.train
    if of_age is not None and train.timestamps is not None:
        ages = fit_ages(of_age, tables.items, dataset.items, train.items, train.timestamps)
    return RequestFeatures(dataset.request_features, ages)


def feature_spec(name: str, how: str | dict[str, Any]) -> FeatureSpec:
    """A feature as it is declared; ConfigError where it names no kind."""
    options: dict[str, Any] = {"kind": how} if isinstance(how, str) else dict(how)
    if "kind" not in options:
        kinds = ", ".join(FEATURE_KINDS)
        raise ConfigError(f"Feature '{name}' wants a kind ({kinds}); got {how}. Add one.")
    column, kind = options.pop("column", name), options.pop("kind")
    return FeatureSpec(column, kind, options, name)


def _uses_time(options: ModelOptions, dataset: Dataset) -> tuple[str, ...]:
    if options.uses_time and dataset.train.timestamps is None:
        raise ConfigError(
            f"model.uses_time = {list(options.uses_time)} wants a timestamp in every interaction; "
            "this source has none. Name its column in data.columns, or leave model.uses_time out."
        )
    return options.uses_time


def _rating_levels(options: ModelOptions, ratings: np.ndarray | None) -> tuple[float, ...]:
    """The distinct ratings, ascending; none where there are too many for a distribution."""
    levels = np.empty(0) if ratings is None else np.unique(ratings)
    if len(levels) <= MOST_LEVELS:
        return tuple(levels.tolist())
    if options.rating_head in ("ordinal", "mixed"):
        raise ConfigError(
            f"model.rating_head = '{options.rating_head}' wants at most {MOST_LEVELS} different "
            f"ratings; the training part has {len(levels):,}. Choose model.rating_head = "
            "'variational'."
        )
    return ()


def build_start(config: Config, model: JointModel, dataset: Dataset) -> Teacher | None:
    """Put the first weights in place that are not drawn; gives the teacher that they make."""
    if model.demotion is None and config.model.start == "random":
        return None
    seed = config.training.seed
    history = History.of(dataset.train, dataset.users.n_rows, dataset.items.n_rows)
    history = history.to(model.device)
    if model.demotion is not None:
        start_demotion(model.demotion, history, torch_generator(seed, "demotion"))
    if config.model.start == "random":
        return None
    return start_in_closed_form(model, history, torch_generator(seed, "closed form"))


def build_objective(config: Config, teacher: Teacher | None = None) -> Objective:
    """The weighted tasks; the rating task follows from the rating head."""
    options = config.tasks
    return Objective(
        retrieval_loss=RETRIEVAL_LOSSES[options.retrieval_loss],
        retrieval_weight=options.retrieval_weight,
        rating_task=RATING_TASKS[config.model.rating_head],
        rating_weight=options.rating_weight,
        sum_retrieval=options.retrieval_reduction == "sum",
        rating_shapes_towers=options.rating_shapes_towers,
        retrieval_every=options.retrieval_every,
        l2=options.l2,
        teacher=teacher if options.distillation else None,
        distillation=options.distillation,
    )


def build_batches(config: Config, dataset: Dataset) -> Batches:
    """Whole users, or rows for the softmax within a batch of rows."""
    size = config.training.batch_size
    if config.tasks.retrieval_loss == "in_batch_softmax":
        return RowBatches(dataset.train, size)
    return UserBatches(dataset.train, size, _columns(config.tasks, dataset))


def _columns(options: TaskOptions, dataset: Dataset) -> MakeColumns:
    item_counts = np.bincount(dataset.train.items, minlength=dataset.items.n_rows)
    if options.retrieval_loss == "bpr":
        return OwnAndUnseen(item_counts)
    if options.uniform_negatives is not None:
        return OwnAndUniform(item_counts, options.uniform_negatives)
    return WholeCatalogue(dataset.items.n_rows)


def build_plan(options: TrainingOptions) -> Plan:
    """How to step."""
    return Plan(
        optimiser=options.optimiser,
        learning_rate=options.learning_rate,
        tower_learning_rate=options.tower_learning_rate or options.learning_rate,
        schedule=options.schedule,
        epochs=options.epochs,
        seed=options.seed,
        patience=options.patience,
    )


def build_checkpoint(
    path: Path, config: Config, dataset: Dataset, features: Features
) -> Checkpoint:
    """A checkpoint that only the same options on the same rows and features can resume."""
    options = config.model_dump_json(include={"features", "model", "tasks", "training"})
    fingerprint = hashlib.sha256(options.encode())
    train = dataset.train
    columns = [train.users, train.items, train.ratings]
    for side in (features.users, features.items):
        columns += [] if side is None else [side.bags.columns, side.bags.weights]
    for column in columns:
        if column is not None:
            fingerprint.update(column.tobytes())
    return Checkpoint(path, fingerprint.hexdigest())
