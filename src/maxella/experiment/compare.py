"""Several models and the baselines on one split, in one table."""

from pathlib import Path
from typing import Any

from maxella.experiment.build import build_data, load_tables
from maxella.experiment.config import Config, ModelEntry
from maxella.experiment.judge import judge_baselines
from maxella.experiment.read_config import config_of_model
from maxella.experiment.results import report_dict
from maxella.experiment.run import OnStep, train
from maxella.experiment.run_folder import RunFolder
from maxella.experiment.slices import build_slices
from maxella.training.device import find_device


def compare(
    config: Config,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train each model of [compare] on the same split, with the baselines beside them.

    Gives the report; `out` gets it too, and a run folder for each model under `models/`.
    """
    find_device(config.training.device)  # raises before an older run is removed
    tables = load_tables(config.data)
    dataset = build_data(config, tables)
    slices = build_slices(config, tables, dataset)
    # After the data: an older run is not removed for one that cannot start.
    folder = RunFolder.open(out, resume=resume, overwrite=overwrite)
    trained = [
        train(
            config_of_model(config, entry),
            entry.name,
            tables,
            dataset,
            slices,
            folder.of_model(entry.name),
            resume=resume,
            on_step=on_step,
        )
        for entry in config.compare.models or [ModelEntry(name="joint")]
    ]
    baselines, notes = judge_baselines(dataset, config, slices)
    report = report_dict(config, tables, dataset, trained + baselines, notes)
    folder.finish(report)
    for outcome in trained:
        alone = report_dict(config, tables, dataset, [outcome])
        of_model = folder.of_model(outcome.row["name"])
        of_model.finish(alone)  # so that `maxella evaluate` can judge it again
        of_model.keep(outcome, alone)
    return report
