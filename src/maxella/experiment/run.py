"""One experiment from config to bundle: the main job on one page. Read this first."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from maxella.data.dataset import Dataset
from maxella.data.entity_features import Features
from maxella.experiment.build import build_bundle, build_checkpoint, build_features, build_spec
from maxella.experiment.config import Config, ModelEntry
from maxella.experiment.judge import Experiment, judge_baselines
from maxella.experiment.machine import reset_peak_memory
from maxella.experiment.read_config import config_of_model, load_config, parse_config
from maxella.experiment.results import Outcome, report_dict, trained_row
from maxella.experiment.run_folder import RunFolder, new_run
from maxella.experiment.sample_lists import sample_lists
from maxella.experiment.stages import Former, OnStep, build_stages, silent
from maxella.model.build import ModelSpec, build_model
from maxella.model.model import Model
from maxella.recommend.bundle import Bundle
from maxella.sources.tables import Tables
from maxella.training.checkpoint import Progress
from maxella.training.device import find_device
from maxella.training.gradient_steps import GradientSteps


def run(
    config: Config | dict[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep = silent,
) -> dict[str, Any]:
    """Train and evaluate one model; gives the report, and writes a run folder to `out`.

    The baselines stand beside it: a figure alone says little.

    `config` is a TOML file, its options as a dict, or a Config. `resume` goes on from the
    checkpoint of a run that was cut off; `overwrite` puts the new run, once it is complete,
    in the place of an older one.
    """
    config = _checked(config)
    with new_run(out, resume=resume, overwrite=overwrite) as folder:
        return learn(Experiment.of(config), folder, on_step)[0]


def learn(
    experiment: Experiment, folder: RunFolder, on_step: OnStep = silent
) -> tuple[dict[str, Any], Bundle]:
    """Train one model; gives the report, and the model with all that it is served with."""
    config = experiment.config
    models = [(_called(config), config, folder)]
    report, (outcome,) = _carry_out(experiment, folder, models, on_step)
    return report, outcome.bundle  # type: ignore[return-value]  # baselines alone have none


def compare(
    config: Config | dict[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep = silent,
) -> dict[str, Any]:
    """Train each model of [compare] on the same split, with the baselines beside them.

    Gives the report; `out` gets it too, and a run folder for each model under `models/`.
    """
    config = _checked(config)
    with new_run(out, resume=resume, overwrite=overwrite) as folder:
        experiment = Experiment.of(config)
        config = experiment.config
        models = [
            (entry.name, config_of_model(config, entry), folder.of_model(entry.folder))
            for entry in config.compare.models or [ModelEntry(name=_called(config))]
        ]
        return _carry_out(experiment, folder, models, on_step)[0]


def _called(config: Config) -> str:
    """The name in the table of a model that the config gives none."""
    return "joint" if len(config.learnt) > 1 else "two-tower"


def _checked(config: Config | dict[str, Any] | str | Path) -> Config:
    """The config, and a device to train it on."""
    if isinstance(config, dict):
        config = parse_config(config, where="the options given")
    elif not isinstance(config, Config):
        config = load_config(Path(config))
    find_device(config.training.device)
    return config


def _carry_out(
    experiment: Experiment,
    folder: RunFolder,
    models: list[tuple[str, Config, RunFolder]],
    on_step: OnStep,
) -> tuple[dict[str, Any], list[Outcome]]:
    """Train the models, each by its name and config into its folder; report and save them."""
    config, tables, dataset = experiment.config, experiment.tables, experiment.dataset
    trained = [train(experiment, *model, on_step) for model in models]
    for outcome, (_, _, of_model) in zip(trained, models, strict=True):
        outcome.row["folder"] = of_model.below(folder)
    baselines, notes = judge_baselines(experiment, on_step)
    report = report_dict(config, tables, dataset, trained + baselines, notes)
    folder.finish(report)
    for outcome, (_, _, of_model) in zip(trained, models, strict=True):
        outcome.row["folder"] = ""
        alone = report_dict(config, tables, dataset, [outcome])
        if of_model != folder:  # of a comparison: so that `maxella evaluate` can judge it again
            of_model.finish(alone)
        of_model.keep(outcome, alone)
    return report, trained


def train(
    experiment: Experiment, name: str, config: Config, folder: RunFolder, on_step: OnStep
) -> Outcome:
    """Train one model, stage by stage, and read the test once.

    Where a validation part chose settings, the model is then trained anew with these on training
    and validation together, unless the config says otherwise.
    """
    reset_peak_memory()
    tables, dataset = experiment.tables, experiment.dataset
    fitted = _fit(tables, dataset, name, config, folder, on_step)
    done, progress = fitted.done, fitted.progress
    if config.training.refit and len(dataset.validation.rows):
        started, former = perf_counter(), (fitted.spec, fitted.chosen)
        dataset = dataset.settled
        del fitted  # two models would take twice the memory
        fitted = _fit(tables, dataset, f"{name}, refit", config, folder, on_step, former)
        done.append({"name": "refit", "seconds": perf_counter() - started})
    model, features = fitted.model, fitted.features
    bundle = build_bundle(config, tables, dataset, fitted.spec, model, features)
    on_step(name, len(done), len(done) + 1, "evaluation")
    found = experiment.held_out.ask(bundle.engine(dataset.contexts))
    on_step(name, len(done) + 1, len(done) + 1)
    row = trained_row(name, config, bundle, done, progress, found)
    row["lists"] = sample_lists(bundle, config.evaluation.lists, config.split.seed)
    return Outcome(row, found, bundle)


@dataclass(frozen=True)
class _Fitted:
    """What one pass over all stages gives."""

    spec: ModelSpec
    model: Model
    features: Features
    chosen: Former
    done: list[dict[str, Any]]  # of each stage its name, seconds and facts
    progress: Progress


def _fit(
    tables: Tables,
    dataset: Dataset,
    name: str,
    config: Config,
    folder: RunFolder,
    on_step: OnStep,
    former: tuple[ModelSpec, Former] | None = None,
) -> _Fitted:
    """One pass; after a `former` one with the settings that it chose, and without a checkpoint."""
    features = build_features(config, tables, dataset)
    spec = build_spec(config, dataset, former and former[0])
    model = build_model(spec, config.training.seed, features)
    where: dict[str, Any] = (
        {"former": former[1]}
        if former
        else {
            "checkpoint": build_checkpoint(folder.checkpoint, config, dataset, features),
            "resume": folder.resumes,
            "log": folder.log,
        }
    )
    makers = build_stages(config, dataset, model, name=name, on_step=on_step, **where)
    done, stages, progress, started = [], [], Progress(), perf_counter()
    for n, make in enumerate(makers):
        stage = make()
        on_step(name, n, len(makers) + 1, stage.name)
        stage(model, dataset)
        if isinstance(stage, GradientSteps):
            progress = stage.progress
        now = perf_counter()
        done.append({"name": stage.name, "seconds": now - started, **stage.facts})
        stages.append(stage)
        started = now
    return _Fitted(spec, model, features, Former.of(stages, model), done, progress)
