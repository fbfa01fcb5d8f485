"""One experiment from config to bundle: the main job on one page. Read this first."""

from pathlib import Path
from time import perf_counter
from typing import Any

from maxella.baselines.table import BASELINES
from maxella.experiment.build import build_bundle, build_checkpoint, build_features, build_spec
from maxella.experiment.config import Config, ModelEntry
from maxella.experiment.judge import Experiment, judge_baselines
from maxella.experiment.machine import reset_peak_memory
from maxella.experiment.read_config import config_of_model, load_config, parse_config
from maxella.experiment.results import Outcome, report_dict, trained_row
from maxella.experiment.run_folder import RunFolder
from maxella.experiment.stages import OnStep, build_stages
from maxella.model.build import build_model
from maxella.training.checkpoint import Progress
from maxella.training.device import find_device
from maxella.training.gradient_steps import GradientSteps


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
    experiment, folder = _open(config, out, resume=resume, overwrite=overwrite)
    config = experiment.config
    name = "joint" if len(config.learnt) > 1 else config.learnt[0].name
    if name in BASELINES:  # a task may be called so, but the table has one of that name
        name = f"{name} model"
    return _carry_out(experiment, folder, [(name, config, folder)], on_step)


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
    experiment, folder = _open(config, out, resume=resume, overwrite=overwrite)
    config = experiment.config
    models = [
        (entry.name, config_of_model(config, entry), folder.of_model(entry.folder))
        for entry in config.compare.models or [ModelEntry(name="joint")]
    ]
    return _carry_out(experiment, folder, models, on_step)


def _open(
    config: Config | dict[str, Any] | str | Path,
    out: str | Path | None,
    *,
    resume: bool,
    overwrite: bool,
) -> tuple[Experiment, RunFolder]:
    """Read the data, split them, and make a place for the outcome."""
    if isinstance(config, dict):
        config = parse_config(config, where="the options given")
    elif not isinstance(config, Config):
        config = load_config(Path(config))
    find_device(config.training.device)  # raises before an older run is removed
    experiment = Experiment.of(config)
    # After the data: an older run is not removed for one that cannot start.
    return experiment, RunFolder.open(out, resume=resume, overwrite=overwrite)


def _carry_out(
    experiment: Experiment,
    folder: RunFolder,
    models: list[tuple[str, Config, RunFolder]],
    on_step: OnStep | None,
) -> dict[str, Any]:
    """Train the models, each by its name and config into its folder; report and save them."""
    config, tables, dataset = experiment.config, experiment.tables, experiment.dataset
    trained = [train(experiment, *model, on_step) for model in models]
    baselines, notes = judge_baselines(experiment)
    report = report_dict(config, tables, dataset, trained + baselines, notes)
    folder.finish(report)
    for outcome, (_, _, of_model) in zip(trained, models, strict=True):
        alone = report_dict(config, tables, dataset, [outcome])
        if of_model != folder:  # of a comparison: so that `maxella evaluate` can judge it again
            of_model.finish(alone)
        of_model.keep(outcome, alone)
    return report


def train(
    experiment: Experiment, name: str, config: Config, folder: RunFolder, on_step: OnStep | None
) -> Outcome:
    """Train one model, stage by stage, and read the test once."""
    reset_peak_memory()
    tables, dataset = experiment.tables, experiment.dataset
    features = build_features(config, tables, dataset)
    spec = build_spec(config, dataset)
    model = build_model(spec, config.training.seed, features)
    stages = build_stages(
        config,
        dataset,
        model,
        name=name,
        checkpoint=build_checkpoint(folder.checkpoint, config, dataset, features),
        resume=folder.resumes,
        log=folder.log,
        on_step=on_step,
    )
    done, progress, started = [], Progress(), perf_counter()
    for stage in stages:
        stage(model, dataset)
        if isinstance(stage, GradientSteps):
            progress = stage.progress
        now = perf_counter()
        done.append({"name": stage.name, "seconds": now - started, **stage.facts})
        started = now
    bundle = build_bundle(config, tables, dataset, spec, model, features)
    found = experiment.held_out.ask(bundle.engine(dataset.contexts))
    return Outcome(trained_row(name, config, bundle, done, progress, found), found, bundle)
