"""Options → objects: the one place where a section of the config meets a room."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from maxella.closed_form.gram import refuse_large
from maxella.data.batches import Batches, RowBatches, UserBatches
from maxella.data.columns import MakeColumns, OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.data.dataset import Dataset, TaskLabels, build_dataset
from maxella.data.entity_features import EntityFeatures, Features
from maxella.data.log import Log
from maxella.data.roles import MOST_LEVELS
from maxella.data.rows import EVENT
from maxella.data.split import Split, split_interactions
from maxella.data.visits import Visits
from maxella.errors import ConfigError, unknown_name
from maxella.experiment.config import IN_MEMORY, Config, DataOptions, TrainingOptions
from maxella.experiment.machine import memory_bytes
from maxella.experiment.read_config import parse_config
from maxella.experiment.task_options import TaskOptions
from maxella.features.feature_set import FeatureSpec
from maxella.features.kinds import FEATURE_KINDS
from maxella.model.build import ModelSpec, least_weights
from maxella.model.head import SPREAD, HeadSpec
from maxella.model.heads import HEADS
from maxella.model.model import Model
from maxella.recommend.bundle import Bundle
from maxella.sources.delimited import Sheets, arrange
from maxella.sources.download import get
from maxella.sources.load import load_source
from maxella.sources.tables import Tables
from maxella.tasks.kinds import KINDS
from maxella.tasks.losses import LOSSES
from maxella.tasks.objective import Objective
from maxella.tasks.task import Task
from maxella.training.checkpoint import Checkpoint
from maxella.training.device import find_device
from maxella.training.gradient_steps import Plan

MOST_PATTERNS = 16  # the most frequent; a visit of another counts as the nearest


def load_tables(options: DataOptions, sheets: Sheets | None = None) -> Tables:
    """The tables of a local path, or of a published data set that is downloaded once.

    `sheets` are what is in memory, in place of these.
    """
    path = options.path
    notes: tuple[str, ...] = ()
    if path is None and options.name is not None:
        fetched = get(options.name)
        path, notes = fetched.path, fetched.notes
    ours = {"name", "kind", "path", "name_column"}
    how_to_read = options.model_dump(exclude=ours, exclude_defaults=True)
    if sheets is not None:
        tables = arrange(sheets, **how_to_read)
    elif options.kind == IN_MEMORY and path is None:
        raise ConfigError(
            "Wanted the data that this model was trained on; they were frames in memory. Write "
            "them as interactions.parquet (users.parquet, items.parquet) into a folder, and give "
            "it by --data."
        )
    else:
        kind = None if options.kind == IN_MEMORY else options.kind
        tables = load_source(kind, path, **how_to_read)
    if options.name_column not in {None, *tables.items.columns}:
        wrong = unknown_name("column of items", str(options.name_column), tables.items.columns)
        raise ConfigError(f"data.name_column: {wrong}")
    return replace(tables, notes=(*tables.notes, *notes))


def with_tasks(config: Config, tables: Tables) -> Config:
    """The config with the tasks that a log suggests, where it names none."""
    if config.tasks:
        return config
    loss = "leave_one_out_softmax" if config.model.history_dim else "full_softmax"
    tasks: list[dict[str, Any]] = [{"name": "retrieval", "kind": "retrieval", "loss": loss}]
    log = tables.interactions
    if "rating" in log.columns and log["rating"].null_count() < log.height:
        tasks.append({"name": "rating", "kind": "rating", "weight": 0.3})
    options = config.model_dump(exclude_unset=True) | {"tasks": tasks}
    return parse_config(options, where="the config without [[tasks]]")


def build_task(options: TaskOptions) -> Task:
    """A declared task."""
    loss = None if options.loss_name is None else LOSSES[options.loss_name]
    return replace(Task.of(options.model_dump()), loss=loss)


def build_data(config: Config, tables: Tables) -> Dataset:
    """The tables, split and in rows, with the labels of every declared task."""
    labels = label(config, tables)
    split = split_table(config, tables, labels)
    specs = feature_specs(config.features.context)
    dataset = build_dataset(tables.interactions, split, labels, specs, seed=config.split.seed)
    for task in config.learnt:
        if not len(dataset.train.pairs(task.name)):
            raise ConfigError(
                f"tasks.{task.name} wants rows to learn from; the training part has none with "
                f"rows = {task.rows!r}. Mend rows, split otherwise, or leave the task out."
            )
    return dataset


def label(config: Config, tables: Tables) -> dict[str, TaskLabels]:
    """What each declared task learns of the rows of the log."""
    found = {}
    for options in config.tasks:
        of_task = KINDS[options.kind].labels(tables.interactions, build_task(options))
        found[options.name] = replace(of_task, kept_share=options.kept_labels)
    return found


def split_table(config: Config, tables: Tables, labels: dict[str, TaskLabels]) -> Split:
    """Which rows train, validate and test."""
    has_events = EVENT in tables.interactions.columns
    target = ~np.isnan(labels[config.tasks[0].name].labels) if has_events else None
    return split_interactions(tables.interactions, **config.split.model_dump(), is_target=target)


def build_spec(config: Config, dataset: Dataset, former: ModelSpec | None = None) -> ModelSpec:
    """The facts of a model for this data set; patterns of events are those of a `former` pass."""
    options, train = config.model, dataset.train
    if options.seen_penalty_dim:  # found once all else is trained: too late to refuse it
        remedy = "Set model.seen_penalty_dim = 0."
        refuse_large("The seen-item penalty", dataset.items.n_rows, 1, remedy)
    events = _events(config, train)
    rows = train.rows
    if events:
        rows = rows.take(np.isin(rows.events, train.codes(events)))  # type: ignore[arg-type]
    n_users = int(np.count_nonzero(np.bincount(rows.users)))
    ranking = [task.name for task in config.tasks if KINDS[task.kind].ranks]
    patterns = {head.task: head.patterns for head in former.heads} if former else {}
    heads = []
    for task in config.tasks:
        labels, ranks = train.pairs(task.name).labels, KINDS[task.kind].ranks
        is_counted = task.kind == "rating" and task.standardise and len(labels) > 0
        origin, unit = _units(labels) if is_counted else (0.0, 1.0)
        projects = task.name in ranking[1:] if task.projection is None else task.projection
        _check_times(task, train)
        heads.append(
            HeadSpec(
                task=task.name,
                head=task.head_name,
                factors=task.dim,
                members=task.members,
                origin=origin,
                unit=unit,
                mean=(float(labels.mean(dtype=np.float64)) - origin) / unit if len(labels) else 0.0,
                levels=() if ranks else _levels(task, labels),
                range=(float(labels.min()), float(labels.max())) if is_counted else None,
                item_biases=ranks and task.item_biases,
                projects=ranks and projects,
                reads_context=options.reads_context and task.kind != "binary",
                uses_time=task.uses_time,
                patterns=patterns[task.name]
                if former
                else _patterns(task, train, is_goal=[task.name] == ranking[:1]),
                neighbours=task.neighbours,
                followers=task.followers,
                order=task.order,
                residual_process=task.residual_process,
            )
        )
    spec = ModelSpec(
        n_user_rows=dataset.users.n_rows,
        n_item_rows=dataset.items.n_rows,
        encoder=options.encoder,
        dim=options.dim,
        history_dim=options.history_dim,
        events=tuple(events),
        mean_history=len(rows) / max(1, n_users),
        embedding_scale=options.embedding_scale,
        heads=tuple(heads),
        seen_penalty_dim=options.seen_penalty_dim,
        feature_layers=config.features.layers,
    )
    _refuse_huge(spec)
    return spec


def _refuse_huge(spec: ModelSpec) -> None:
    """Raise ConfigError where the weights, and what training keeps of each, exceed the memory."""
    weights, memory = 4 * least_weights(spec), memory_bytes()  # of 4 bytes each
    wanted = 4 * weights  # the optimiser's two means and the best epoch
    if memory is not None and wanted > memory:
        raise ConfigError(
            f"Training wants {wanted / 1e9:,.1f} GB or more: four times the {weights / 1e9:,.1f} GB"
            f" of the weights of {spec.n_user_rows:,} users and {spec.n_item_rows:,} items. This "
            f"machine has {memory / 1e9:,.1f} GB. Lower model.dim, model.history_dim, or dim, "
            "members or neighbours of the tasks."
        )


def _units(labels: np.ndarray) -> tuple[float, float]:
    """Where ratings begin to count, and in what: their mean, and what brings them to `SPREAD`."""
    mean, deviation = (float(of(labels, dtype=np.float64)) for of in (np.mean, np.std))
    return mean, deviation / SPREAD if labels.min() < labels.max() else 1.0


def occur(rows: np.ndarray, n_rows: int) -> np.ndarray:
    """(n,) rows → (n_rows,) bool: which of all rows are among them."""
    return np.bincount(rows, minlength=n_rows) > 0


def _events(config: Config, train: Log) -> list[str]:
    wanted = config.model.history
    if wanted is None:
        return list(train.events)
    unknown = [event for event in wanted if event not in train.events]
    if unknown:
        raise ConfigError(
            f"model.history = {wanted} wants events of the log; it has "
            f"{', '.join(train.events) or 'none'}. Mend or leave out {unknown[0]}."
        )
    return wanted


def _check_times(task: TaskOptions, train: Log) -> None:
    asked = [option for option in ("uses_time", "followers", "order") if getattr(task, option)]
    if asked and train.rows.timestamps is None:
        raise ConfigError(
            f"tasks.{task.name}.{asked[0]} wants a timestamp in every interaction; this source has "
            f"none. Name its column in data.columns, or leave {asked[0]} out."
        )


def _patterns(task: TaskOptions, train: Log, *, is_goal: bool) -> tuple[int, ...]:
    """The sets of events, as bits, by which items are visited before they are picked."""
    if not (is_goal if task.revisits is None else task.revisits) or len(train.events) < 2:
        return ()
    patterns, counts = np.unique(Visits.of(train, task.name).patterns, return_counts=True)
    return tuple(np.sort(patterns[np.argsort(-counts)][:MOST_PATTERNS]).tolist())


def _levels(task: TaskOptions, labels: np.ndarray) -> tuple[float, ...]:
    """The distinct labels, ascending; none where there are too many for a distribution."""
    levels = np.unique(labels)
    if len(levels) <= MOST_LEVELS:
        return tuple(levels.tolist())
    if HEADS[task.head_name].few_levels:
        raise ConfigError(
            f"tasks.{task.name}.head = '{task.head_name}' wants at most {MOST_LEVELS} different "
            f"labels; the training part has {len(levels):,}. Choose head = 'variational'."
        )
    return ()


def build_features(config: Config, tables: Tables, dataset: Dataset) -> Features:
    """The features of both sides and of contexts, from encoders that saw what training has."""
    options = config.features
    train = dataset.train.rows
    sides = []
    for declared, table, key, ids, rows in (
        (options.user, tables.users, "user_id", dataset.users, train.users),
        (options.item, tables.items, "item_id", dataset.items, train.items),
    ):
        fit_on, specs = occur(rows, ids.n_rows), feature_specs(declared)
        sides.append(EntityFeatures.fit(table, key, ids, specs, fit_on) if specs else None)
    users, items = sides
    return Features(users, items, dataset.context_features if config.model.reads_context else None)


def feature_specs(declared: Mapping[str, str | dict[str, Any]]) -> list[FeatureSpec]:
    """Features as they are declared; ConfigError where one names no kind."""
    specs = []
    for name, how in declared.items():
        options: dict[str, Any] = {"kind": how} if isinstance(how, str) else dict(how)
        if "kind" not in options:
            kinds = ", ".join(FEATURE_KINDS)
            raise ConfigError(f"Feature '{name}' wants a kind ({kinds}); got {how}. Add one.")
        column, kind = options.pop("column", name), options.pop("kind")
        specs.append(FeatureSpec(column, kind, options, name))
    return specs


def build_bundle(
    config: Config,
    tables: Tables,
    dataset: Dataset,
    spec: ModelSpec,
    model: Model,
    features: Features,
) -> Bundle:
    """A trained model with all that it is served with."""
    trained = occur(dataset.train.rows.users, dataset.users.n_rows)
    items = tables.items.filter(tables.items["item_id"].is_in(dataset.items.ids.implode()))
    options = config.model_dump(mode="json", exclude_none=True, exclude={"compare"})
    options["training"]["device"] = find_device(config.training.device).type
    return Bundle(
        spec, model, features, dataset.users, dataset.items, trained, dataset.known, items, options
    )


def build_objective(config: Config) -> Objective:
    """The weighted tasks."""
    return Objective([build_task(task) for task in config.learnt], config.training.l2)


def build_batches(config: Config, dataset: Dataset, model: Model) -> Batches:
    """Whole users, or rows for a loss within a batch of rows."""
    options, train = config.training, dataset.train
    losses = [LOSSES[task.loss_name] for task in config.learnt if task.loss_name]
    is_of_rows = bool(losses) and not any(loss.whole_users for loss in losses)
    if options.batches == "rows" or (options.batches is None and is_of_rows):
        return RowBatches(train, options.batch_size)
    item_counts = np.bincount(train.rows.items, minlength=dataset.items.n_rows)
    columns: MakeColumns = WholeCatalogue(dataset.items.n_rows)
    if any(loss.negatives == "unseen" for loss in losses):
        columns = OwnAndUnseen(item_counts)
    elif options.uniform_negatives is not None:
        columns = OwnAndUniform(item_counts, options.uniform_negatives)
    reads_order = model.user_encoder.reads_order
    return UserBatches(train, options.batch_size, columns, model.events, in_time_order=reads_order)


def build_plan(options: TrainingOptions) -> Plan:
    """How to step."""
    return Plan(
        optimiser=options.optimiser,
        learning_rate=options.learning_rate,
        encoder_learning_rate=options.encoder_learning_rate or options.learning_rate,
        schedule=options.schedule,
        epochs=options.epochs,
        seed=options.seed,
        patience=options.patience,
    )


def build_checkpoint(
    path: Path | None, config: Config, dataset: Dataset, features: Features
) -> Checkpoint | None:
    """A checkpoint that only the same options on the same rows and features can resume."""
    if path is None:
        return None
    options = config.model_dump_json(include={"features", "model", "tasks", "training"})
    fingerprint = hashlib.sha256(options.encode())
    train = dataset.train.rows
    columns = [train.users, train.items, *train.labels.values()]
    for side in (features.users, features.items):
        columns += [] if side is None else [side.bags.columns, side.bags.weights]
    for column in columns:
        fingerprint.update(column.tobytes())
    return Checkpoint(path, fingerprint.hexdigest())
