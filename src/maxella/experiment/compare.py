"""Several models and the baselines on one split, in one table."""

from pathlib import Path
from time import perf_counter
from typing import Any

from maxella.baselines.table import BASELINES, RANKERS, RATERS
from maxella.data.dataset import Dataset, build_dataset
from maxella.experiment.build import load_tables, split_table
from maxella.experiment.config import Config, ModelEntry
from maxella.experiment.machine import peak_memory_mb, reset_peak_memory
from maxella.experiment.results import Outcome, model_row, report_dict
from maxella.experiment.run import OnStep, judge, train
from maxella.experiment.run_folder import RunFolder


def compare(
    config: Config,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep | None = None,
) -> dict[str, Any]:
    """Train each model of [compare] on the same split, with the baselines beside them.

    Gives the report; `out` gets it too, and a bundle for each model under `models/`.
    """
    tables = load_tables(config.data)
    split = split_table(tables.interactions, config.split)
    dataset = build_dataset(tables.interactions, split)
    # After the data: an older run is not removed for one that cannot start.
    folder = RunFolder.open(out, resume=resume, overwrite=overwrite)
    trained = [
        train(
            config.of_model(entry),
            entry.name,
            tables,
            dataset,
            folder.of_model(entry.name),
            resume=resume,
            on_step=on_step,
        )
        for entry in config.compare.models or [ModelEntry(name="joint")]
    ]
    has_ratings = dataset.train.ratings is not None
    baselines = [
        _baseline(name, dataset, config)
        for name in config.compare.baselines
        if name in RANKERS or has_ratings  # a rater has nothing to say of a log without ratings
    ]
    report = report_dict(config, tables, dataset, trained + baselines)
    folder.finish(report)
    for outcome in trained:
        alone = report_dict(config, tables, dataset, [outcome])
        folder.of_model(outcome.row["name"]).keep(outcome, alone)
    return report


def _baseline(name: str, dataset: Dataset, config: Config) -> Outcome:
    reset_peak_memory()
    started = perf_counter()
    fitted = BASELINES[name](dataset.train, dataset.users.n_rows, dataset.items.n_rows)
    seconds = perf_counter() - started
    ranker = fitted if name in RANKERS else None
    rater = fitted if name in RATERS else None
    found = judge(ranker, rater, dataset, config) if len(dataset.test) else None
    return Outcome(model_row(name, "baseline", seconds, peak_memory_mb(), found), found)
