"""Models and baselines on the held-out part, all by the same exams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from maxella.baselines.table import BASELINES
from maxella.data.dataset import Dataset
from maxella.errors import ConfigError
from maxella.evaluation.evaluate import Exam, Report, evaluate
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.slices import Slice
from maxella.experiment.build import build_data, load_tables, occur, with_tasks
from maxella.experiment.config import Config
from maxella.experiment.machine import peak_memory_mb, reset_peak_memory
from maxella.experiment.results import Outcome, model_row
from maxella.experiment.slices import build_slices
from maxella.recommend.engine import Engine
from maxella.sources.delimited import Sheets
from maxella.sources.tables import Tables
from maxella.tasks.kinds import KINDS


@dataclass(frozen=True)
class HeldOut:
    """What is asked of every model, task by task; of a split by whole items, among these alone."""

    exams: tuple[Exam, ...]
    n_item_rows: int
    slices: Sequence[Slice]
    seed: int  # of the intervals
    resamples: int  # for them; 0: no intervals

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        config: Config,
        slices: Sequence[Slice] = (),
        *,
        on_validation: bool = False,
    ) -> "HeldOut":
        """The test part, or the validation part while training; no tasks without labels there."""
        part = dataset.validation if on_validation else dataset.test
        known = dataset.known_in_validation if on_validation else dataset.known
        exams = [KINDS[task.kind].exam(task.name, part, known) for task in config.tasks]
        exams = [exam for exam in exams if len(exam.test)]
        n_item_rows = dataset.items.n_rows
        if config.split.kind == "cold_item":
            among = occur(part.rows.items, n_item_rows)
            exams = [
                replace(exam, candidates=among) if isinstance(exam, RankingExam) else exam
                for exam in exams
            ]
        resamples = 0 if on_validation else config.evaluation.resamples
        return cls(tuple(exams), n_item_rows, slices, config.split.seed, resamples)

    def ask(self, engine: Engine) -> Report:
        """The figures of a model, whether it has learnt a task or not."""
        return self.judge({exam.name: engine.answers(exam.name) for exam in self.exams})

    def judge(self, answers: Mapping[str, Any]) -> Report:
        """Put the exams to whoever answers for their tasks."""
        return evaluate(
            self.exams,
            answers,
            n_item_rows=self.n_item_rows,
            seed=self.seed,
            resamples=self.resamples,
            slices=self.slices,
        )


@dataclass(frozen=True)
class Experiment:
    """A config, its data split and in rows, and what every model is asked."""

    config: Config
    tables: Tables
    dataset: Dataset
    slices: Sequence[Slice]

    @cached_property
    def held_out(self) -> HeldOut:
        """Made once somebody asks, so that it takes no memory from training."""
        return HeldOut.of(self.dataset, self.config, self.slices)

    @classmethod
    def of(cls, config: Config, sheets: Sheets | None = None) -> "Experiment":
        """Read the data, unless they are in memory as `sheets`, and split them.

        The tasks are those that the log suggests, if none are declared.
        """
        tables = load_tables(config.data, sheets)
        config = with_tasks(config, tables)
        dataset = build_data(config, tables)
        return cls(config, tables, dataset, build_slices(config, tables, dataset))


def judge_baselines(
    experiment: Experiment, on_step: Callable[[str, int, int, str], None]
) -> tuple[list[Outcome], list[str]]:
    """The baselines of [compare] that can be had here, and a note on each that cannot.

    Where nothing is held out there is nothing to set beside the model.
    """
    dataset, config, held_out = experiment.dataset, experiment.config, experiment.held_out
    if not held_out.exams:
        return [], []
    outcomes: list[Outcome] = []
    notes: list[str] = []
    chosen = config.compare.baselines
    names = list(BASELINES) if chosen is None else chosen
    for n, name in enumerate(names):
        on_step("baselines", n, len(names), name)
        try:
            if tasks := _answered(name, dataset, config):
                final = dataset.settled if config.training.refit else dataset
                outcomes.append(_baseline(name, tasks, dataset, final, held_out))
        except ConfigError as error:  # too large for it
            notes.append(f"No baseline {name}: {error}")
    on_step("baselines", len(names), len(names), "")
    if config.split.kind == "cold_item":
        notes.append(_chance(dataset))
    return outcomes, notes


def _answered(name: str, dataset: Dataset, config: Config) -> list[str]:
    """The tasks that a baseline can answer."""
    baseline = BASELINES[name]
    if baseline.wants_events and len(dataset.train.events) < 2:
        return []
    if baseline.wants_order and not dataset.tests_the_future:
        return []
    if baseline.kind == "retrieval" and config.split.kind == "cold_item":
        return []  # of items held out whole they know nothing: all candidates tie
    return [
        task.name
        for task in config.tasks
        if task.kind == baseline.kind and len(dataset.train.pairs(task.name))
    ]


def _chance(dataset: Dataset) -> str:
    """... a rank says nothing: what chance reaches stands instead."""
    n = len(np.unique(dataset.test.rows.items))
    reached = ", ".join(f"{min(1.0, k / n):.3f} are among the first {k}" for k in (10, 20, 100))
    return (
        "No baseline ranks items held out whole: it knows nothing of them. In random order of the "
        f"{n:,} candidates {reached}."
    )


def _baseline(
    name: str, tasks: Sequence[str], dataset: Dataset, final: Dataset, held_out: HeldOut
) -> Outcome:
    """One baseline, fitted for each task that it answers, once all is chosen to `final`."""
    reset_peak_memory()
    started = perf_counter()
    kind = BASELINES[name].kind
    answers, tuned = {}, {}
    for task in tasks:
        fitted = BASELINES[name].fit(
            dataset.train.task_data(task, kind),
            dataset.validation.pairs(task),
            final.train.task_data(task, kind),
        )
        answers[task] = fitted.told(dataset.known.task_data(task, kind))
        if getattr(fitted, "tuned", None):
            tuned[task] = fitted.tuned
    seconds = perf_counter() - started
    found = held_out.judge(answers)
    row = model_row(name, "baseline", seconds, peak_memory_mb(), found)
    trials = sum(of["trials"] for of in tuned.values())
    told = {"trials": trials, "tasks": tuned} if tuned else None
    return Outcome(row | {"tasks": dict.fromkeys(tasks), "tuned": told}, found)
