"""One experiment from config to bundle: the main job on one page. Read this first."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from maxella.data.dataset import Dataset
from maxella.data.entity_features import Features
from maxella.data.history import History
from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.names import figure_names
from maxella.evaluation.slices import Slice
from maxella.experiment.build import (
    build_batches,
    build_checkpoint,
    build_data,
    build_features,
    build_objective,
    build_plan,
    build_start,
    load_tables,
    model_spec,
)
from maxella.experiment.config import Config
from maxella.experiment.judge import judge, judge_baselines
from maxella.experiment.machine import peak_memory_mb, reset_peak_memory
from maxella.experiment.read_config import load_config, parse_config
from maxella.experiment.results import Outcome, kind_of, model_row, report_dict
from maxella.experiment.run_folder import RunFolder
from maxella.experiment.slices import build_slices
from maxella.model.build import build_model
from maxella.model.joint import JointModel
from maxella.recommend.bundle import Bundle, weights_hash
from maxella.recommend.scorer import Scorer
from maxella.seeds import torch_generator
from maxella.sources.tables import Tables
from maxella.training.demotion import train_demotion
from maxella.training.device import find_device, on_cpu, on_device
from maxella.training.fit import Validation, fit
from maxella.training.requests import find_request_part
from maxella.training.stand_ins import find_stand_ins

OnStep = Callable[[str, int, int], None]  # (model's name, steps done, steps in all)


def run(
    config: Config | dict[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train and evaluate one model; gives the report, and writes a run folder to `out`.

    The baselines of [compare] stand beside it: a figure alone says little.

    `config` is a TOML file, its options as a dict, or a Config. `resume` goes on from the
    checkpoint of a run that was cut off; `overwrite` replaces what an older run left there.
    """
    config = _as_config(config)
    find_device(config.training.device)  # raises before an older run is removed
    tables = load_tables(config.data)
    dataset = build_data(config, tables)
    slices = build_slices(config, tables, dataset)
    # After the data: an older run is not removed for one that cannot start.
    folder = RunFolder.open(out, resume=resume, overwrite=overwrite)
    name = kind_of(config.tasks)
    outcome = train(config, name, tables, dataset, slices, folder, resume=resume, on_step=on_step)
    baselines, notes = judge_baselines(dataset, config, slices)
    report = report_dict(config, tables, dataset, [outcome, *baselines], notes)
    folder.finish(report)
    folder.keep(outcome, report_dict(config, tables, dataset, [outcome]))
    return report


def train(
    config: Config,
    name: str,
    tables: Tables,
    dataset: Dataset,
    slices: Sequence[Slice],
    folder: RunFolder,
    *,
    resume: bool,
    on_step: OnStep | None,
) -> Outcome:
    """Train one model and read the test once."""
    reset_peak_memory()
    features = build_features(config, tables, dataset)
    spec = model_spec(config.model, dataset, config.features.layers)
    model = build_model(spec, config.training.seed, features)

    trained = np.bincount(dataset.train.users, minlength=dataset.users.n_rows) > 0

    def measure() -> dict[str, float]:
        asked = on_cpu(model)
        if config.split.kind in ("cold_item", "cold_user"):  # who is asked about has no more
            asked = copy.deepcopy(asked)
            _put_stand_ins(asked, dataset, config)
        scorer = Scorer(asked, dataset.known_in_validation, torch.from_numpy(trained))
        figures = judge(scorer, scorer, dataset, config, on_validation=True)
        return figures.flat_metrics()

    checkpoint = None
    if folder.path:
        checkpoint = build_checkpoint(folder.checkpoint, config, dataset, features)
    monitor = config.training.monitor
    if monitor and monitor not in figure_names():
        raise ConfigError(unknown_name("validation metric", monitor, figure_names()))
    started = perf_counter()
    device = find_device(config.training.device)
    with on_device(model, device):
        teacher = build_start(config, model, dataset)
        start_seconds = perf_counter() - started
        progress = fit(
            model,
            build_objective(config, teacher),
            build_batches(config, dataset),
            build_plan(config.training),
            validation=Validation(measure, monitor) if monitor else None,
            checkpoint=checkpoint,
            resume=resume,
            log=folder.log,
            on_step=partial(on_step, name) if on_step else None,
        )
    fit_seconds = start_seconds + sum(entry["seconds"] for entry in progress.history)
    started = perf_counter()
    _find_the_rest(model, name, dataset, config, folder, on_step)
    fit_seconds += perf_counter() - started
    scorer = Scorer(model, dataset.known, torch.from_numpy(trained), dataset.requests)
    found = None
    if len(dataset.test):
        demoted = scorer.demoted()
        found = judge(scorer, scorer, dataset, config, raw_ranker=demoted, slices=slices)
    row = model_row(name, kind_of(config.tasks), fit_seconds, peak_memory_mb(), found)
    row["weights"] = {
        "rating": config.tasks.rating_weight,
        "retrieval": config.tasks.retrieval_weight,
    }
    row |= {
        "checkpoint": weights_hash(model),
        "device": device.type,
        "start_seconds": start_seconds,
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "uses_time": [*spec.uses_time, *_read_time(features)],
    }
    items = tables.items.filter(tables.items["item_id"].is_in(dataset.items.ids.implode()))
    options = config.model_dump(mode="json", exclude_none=True, exclude={"compare"})
    options["training"]["device"] = device.type
    bundle = Bundle(
        spec, model, features, dataset.users, dataset.items, trained, dataset.known, items, options
    )
    return Outcome(row, found, bundle)


def _find_the_rest(
    model: JointModel,
    name: str,
    dataset: Dataset,
    config: Config,
    folder: RunFolder,
    on_step: OnStep | None,
) -> None:
    """What is found once all else is trained, and moves nothing of it."""
    seed = config.training.seed
    if config.model.demotion_dim:
        report = partial(on_step, f"{name}, demotion") if on_step else None
        train_demotion(model, dataset.train, seed, run_log=folder.log, on_step=report)
    _put_stand_ins(model, dataset, config)
    if dataset.requests is not None:
        find_request_part(
            model,
            dataset.train,
            dataset.requests,
            seed,
            retrieves=config.tasks.retrieval_weight > 0,
            rates=config.tasks.rating_weight > 0,
        )


def _put_stand_ins(model: JointModel, dataset: Dataset, config: Config) -> None:
    history = History.of(dataset.train, dataset.users.n_rows, dataset.items.n_rows)
    find_stand_ins(model, history, torch_generator(config.training.seed, "stand-ins"))


def _read_time(features: Features) -> list[str]:
    return ["requests"] if features.request and features.request.read_time else []


def _as_config(config: Config | dict[str, Any] | str | Path) -> Config:
    if isinstance(config, Config):
        return config
    if isinstance(config, dict):
        return parse_config(config, where="the options given")
    return load_config(Path(config))
