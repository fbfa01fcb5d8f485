"""A saved run, judged again on its test part."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maxella.errors import DataError
from maxella.experiment.judge import Experiment
from maxella.experiment.read_config import parse_config
from maxella.experiment.results import model_row
from maxella.experiment.run_folder import RunFolder, locked
from maxella.experiment.stages import OnStep, silent
from maxella.mark import root_of
from maxella.recommend.bundle import Bundle, load_bundle
from maxella.report.files import read_report
from maxella.report.findings import findings

_PATIENCE = 10.0  # seconds that it waits for another command which writes into the run


@dataclass(frozen=True)
class Reopened:
    """A run as it was when its test part was read."""

    bundle: Bundle
    report: dict[str, Any]
    experiment: Experiment
    run: Path

    def reported(self, **found: Any) -> dict[str, Any]:
        """The report in the folder with what was found and one more reading of the test."""
        with locked(root_of(self.run), seconds=_PATIENCE):
            report = read_report(self.run / "report.json")
            if report["models"][0].get("checkpoint") != self.report["models"][0].get("checkpoint"):
                raise DataError(f"{self.run} was trained anew meanwhile. Evaluate it again.")
            report |= {**found, "test_reads": report["test_reads"] + 1}
            report["findings"] = findings(report)
            RunFolder(self.run).finish(report)
        return report


def reopen(run: Path, *, data: Path | None = None) -> Reopened:
    """A run folder and its data, split again; they may have moved to another path.

    Raises DataError where the data are not those that the run was split from, and where
    nothing was held out.
    """
    bundle = load_bundle(run)
    with locked(root_of(run), seconds=_PATIENCE):  # else it could not count its reading
        report = read_report(run / "report.json")
    if not report["models"]:
        raise DataError(f"{run}/report.json names no model to judge again. Train again.")
    options = bundle.config
    if data is not None:
        options["data"]["path"] = str(data)
    config = parse_config(options, where=f"{run}/bundle/config.toml")
    experiment = Experiment.of(config)
    dataset = experiment.dataset
    here, there = dataset.known.rows, bundle.known.rows
    are_same = (
        dataset.users.ids.equals(bundle.users.ids)
        and dataset.items.ids.equals(bundle.items.ids)
        and np.array_equal(here.users, there.users)
        and np.array_equal(here.items, there.items)
        and here.labels.keys() <= there.labels.keys()
        and all(
            np.array_equal(of, there.labels[t], equal_nan=True) for t, of in here.labels.items()
        )
    )
    if not are_same:
        raise DataError(
            f"The data at {config.data.path or config.data.name} are not those that {run} was "
            f"trained on: {len(here):,} training interactions here, "
            f"{len(there):,} there, or other pairs or labels. "
            "Point --data at the same files."
        )
    if not len(dataset.test):
        raise DataError(f"{run} was trained on everything (split.kind = 'none'): no test to read.")
    return Reopened(bundle, report, experiment, run)


def reevaluate(run: Path, *, data: Path | None = None, on_step: OnStep = silent) -> dict[str, Any]:
    """Evaluate the bundle of a run folder; gives its report with the figures found now.

    The report in the folder counts this reading of the test. Raises as `reopen`.
    """
    reopened = reopen(run, data=data)
    report, experiment = reopened.report, reopened.experiment
    on_step("evaluation", 0, 1)
    engine = reopened.bundle.engine(experiment.dataset.contexts)
    found = experiment.held_out.ask(engine)
    on_step("evaluation", 1, 1)
    old, *others = report["models"]  # the baselines stay beside it
    seconds, memory = old["seconds"]["fit"], old["peak_memory_mb"]
    row = model_row(old["name"], old["kind"], seconds, memory, found)
    return reopened.reported(models=[{**old, **row}, *others])
