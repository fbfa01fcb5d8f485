"""One experiment from config to bundle: the main job on one page. Read this first."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from maxella.data.contexts import TIMESTAMP
from maxella.data.dataset import Dataset
from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.names import metric_of
from maxella.evaluation.slices import Slice
from maxella.experiment.build import (
    build_checkpoint,
    build_data,
    build_features,
    build_spec,
    load_tables,
    with_tasks,
)
from maxella.experiment.config import Config, ModelEntry
from maxella.experiment.judge import HeldOut, answers_of, judge_baselines
from maxella.experiment.machine import peak_memory_mb, reset_peak_memory
from maxella.experiment.read_config import config_of_model, load_config, parse_config
from maxella.experiment.results import Outcome, model_row, report_dict
from maxella.experiment.run_folder import RunFolder
from maxella.experiment.slices import build_slices
from maxella.experiment.stages import OnStep, build_stages
from maxella.model.build import build_model
from maxella.model.model import Model
from maxella.recommend.bundle import Bundle, weights_hash
from maxella.recommend.engine import Engine
from maxella.sources.tables import Tables
from maxella.tasks.kinds import KINDS
from maxella.training.checkpoint import Progress
from maxella.training.cold_start import ColdStart
from maxella.training.device import find_device, on_cpu
from maxella.training.gradient_steps import GradientSteps, Validation


@dataclass(frozen=True)
class Experiment:
    """A config, its data, and where the outcome goes."""

    config: Config
    tables: Tables
    dataset: Dataset
    slices: Sequence[Slice]
    folder: RunFolder
    resume: bool
    on_step: OnStep | None


def run(
    config: Config | dict[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train and evaluate one model; gives the report, and writes a run folder to `out`.

    The baselines stand beside it: a figure alone says little.

    `config` is a TOML file, its options as a dict, or a Config. `resume` goes on from the
    checkpoint of a run that was cut off; `overwrite` replaces what an older run left there.
    """
    experiment = _open(config, out, resume=resume, overwrite=overwrite, on_step=on_step)
    name = "joint" if len(experiment.config.learnt) > 1 else experiment.config.learnt[0].name
    outcome = train(experiment, experiment.config, name, experiment.folder)
    report = _report(experiment, [outcome])
    experiment.folder.keep(outcome, _alone(experiment, outcome))
    return report


def compare(
    config: Config | dict[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train each model of [compare] on the same split, with the baselines beside them.

    Gives the report; `out` gets it too, and a run folder for each model under `models/`.
    """
    experiment = _open(config, out, resume=resume, overwrite=overwrite, on_step=on_step)
    options, folder = experiment.config, experiment.folder
    trained = [
        train(experiment, config_of_model(options, entry), entry.name, folder.of_model(entry.name))
        for entry in options.compare.models or [ModelEntry(name="joint")]
    ]
    report = _report(experiment, trained)
    for outcome in trained:
        of_model = folder.of_model(outcome.row["name"])
        alone = _alone(experiment, outcome)
        of_model.finish(alone)  # so that `maxella evaluate` can judge it again
        of_model.keep(outcome, alone)
    return report


def train(experiment: Experiment, config: Config, name: str, folder: RunFolder) -> Outcome:
    """Train one model, stage by stage, and read the test once."""
    reset_peak_memory()
    dataset = experiment.dataset
    features = build_features(config, experiment.tables, dataset)
    spec = build_spec(config, dataset)
    model = build_model(spec, config.training.seed, features)
    trained = np.bincount(dataset.train.rows.users, minlength=dataset.users.n_rows) > 0
    stages = build_stages(
        config,
        dataset,
        model,
        name=name,
        validation=_validation(config, dataset, model, trained),
        checkpoint=build_checkpoint(folder.checkpoint, config, dataset, features)
        if folder.path
        else None,
        resume=experiment.resume,
        log=folder.log,
        on_step=experiment.on_step,
    )
    steps = (stage.progress for stage in stages if isinstance(stage, GradientSteps))
    seconds: dict[str, float] = {}
    for stage in stages:
        started = perf_counter()
        stage(model, dataset)
        seconds[stage.name] = perf_counter() - started
    progress = next(steps, Progress())
    engine = Engine.of(model, dataset.known, torch.from_numpy(trained), dataset.contexts)
    held_out = HeldOut.of(dataset, config)
    found = None
    if held_out.exams:
        found = held_out.judge(
            answers_of(engine, config),
            seed=config.split.seed,
            resamples=config.evaluation.resamples,
            slices=experiment.slices,
        )
    row = model_row(name, "model", sum(seconds.values()), peak_memory_mb(), found)
    row |= {
        "tasks": {task.name: task.weight for task in config.learnt},
        "tuned": None,
        "checkpoint": weights_hash(model),
        "device": find_device(config.training.device).type,
        "stages": [
            {"name": stage.name, "seconds": seconds[stage.name], **stage.facts} for stage in stages
        ],
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "uses_time": _uses_time(
            config,
            reads_context=features.context is not None and TIMESTAMP in features.context.columns,
        ),
    }
    items = experiment.tables.items
    items = items.filter(items["item_id"].is_in(dataset.items.ids.implode()))
    options = config.model_dump(mode="json", exclude_none=True, exclude={"compare"})
    options["training"]["device"] = row["device"]
    bundle = Bundle(
        spec, model, features, dataset.users, dataset.items, trained, dataset.known, items, options
    )
    return Outcome(row, found, bundle)


def _validation(
    config: Config, dataset: Dataset, model: Model, trained: np.ndarray
) -> Validation | None:
    """What is measured after each epoch, where a figure is monitored."""
    monitor = config.training.monitor
    if monitor is None:
        return None
    task, _, key = monitor.partition(".")
    names = [one.name for one in config.tasks]
    if task not in names:
        raise ConfigError(
            f"training.monitor = '{monitor}' wants a task, a point and a metric, such as "
            f"{names[0]}.{KINDS[config.tasks[0].kind].headline[0]}. "
            f"{unknown_name('task', task, names)}"
        )
    held_out = HeldOut.of(dataset, config, on_validation=True)

    def measure() -> dict[str, float]:
        asked = on_cpu(model)
        if config.split.kind in ("cold_item", "cold_user"):  # who is asked about has no more
            asked = copy.deepcopy(asked)
            ColdStart(config.training.seed)(asked, dataset)
        engine = Engine.of(asked, dataset.known_in_validation, torch.from_numpy(trained))
        return held_out.judge(answers_of(engine, config), seed=0, resamples=0).flat

    return Validation(measure, monitor, metric_of(key).turned)


def _open(config: Config | dict[str, Any] | str | Path, out: Any, **how: Any) -> Experiment:
    """Read the data, split them, and make a place for the outcome."""
    if not isinstance(config, Config):
        config = (
            parse_config(config, where="the options given")
            if isinstance(config, dict)
            else load_config(Path(config))
        )
    find_device(config.training.device)  # raises before an older run is removed
    tables = load_tables(config.data)
    config = with_tasks(config, tables)
    dataset = build_data(config, tables)
    slices = build_slices(config, tables, dataset)
    # After the data: an older run is not removed for one that cannot start.
    folder = RunFolder.open(out, resume=how["resume"], overwrite=how["overwrite"])
    return Experiment(config, tables, dataset, slices, folder, how["resume"], how["on_step"])


def _report(experiment: Experiment, trained: list[Outcome]) -> dict[str, Any]:
    """The report of models and baselines, written too."""
    config, dataset = experiment.config, experiment.dataset
    baselines, notes = judge_baselines(dataset, config, experiment.slices)
    report = report_dict(config, experiment.tables, dataset, trained + baselines, notes)
    experiment.folder.finish(report)
    return report


def _alone(experiment: Experiment, outcome: Outcome) -> dict[str, Any]:
    """The report of one model by itself."""
    return report_dict(experiment.config, experiment.tables, experiment.dataset, [outcome])


def _uses_time(config: Config, *, reads_context: bool) -> list[str]:
    named = {"retrieval": "retrieval", "rating": "ratings"}
    used = [named[task.kind] for task in config.learnt if task.uses_time and task.kind in named]
    return [*dict.fromkeys(used), *(["context"] if reads_context else [])]
