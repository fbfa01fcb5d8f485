"""Models and baselines on the held-out part, all by the same exams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from maxella.baselines.table import BASELINES
from maxella.data.dataset import Dataset
from maxella.errors import ConfigError
from maxella.evaluation.candidates import CandidateSubset
from maxella.evaluation.evaluate import Exam, Report, evaluate
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.slices import Slice
from maxella.experiment.config import Config
from maxella.experiment.machine import peak_memory_mb, reset_peak_memory
from maxella.experiment.results import Outcome, model_row
from maxella.recommend.engine import Engine
from maxella.tasks.kinds import KINDS


@dataclass(frozen=True)
class HeldOut:
    """What is asked of every model, task by task; of a split by whole items, of these alone."""

    exams: tuple[Exam, ...]
    n_item_rows: int
    subset: CandidateSubset | None

    @classmethod
    def of(cls, dataset: Dataset, config: Config, *, on_validation: bool = False) -> "HeldOut":
        """The test part, or the validation part while training; no tasks without labels there."""
        part = dataset.validation if on_validation else dataset.test
        known = dataset.known_in_validation if on_validation else dataset.known
        exams = [KINDS[task.kind].exam(task.name, part, known) for task in config.tasks]
        exams = [exam for exam in exams if len(exam.test)]
        if config.split.kind != "cold_item":
            return cls(tuple(exams), dataset.items.n_rows, None)
        subset = CandidateSubset(np.unique(part.rows.items), dataset.items.n_rows)
        return cls(tuple(_among(exam, subset) for exam in exams), subset.n_item_rows, subset)

    def judge(
        self,
        answers: Mapping[str, Any],
        *,
        seed: int,
        resamples: int,
        slices: Sequence[Slice] = (),
    ) -> Report:
        """Put the exams to whoever answers for their tasks."""
        subset = self.subset
        if subset is not None:
            answers = {task: subset.view(one) for task, one in answers.items()}
            slices = [subset.slice(one) for one in slices]
        return evaluate(
            self.exams,
            answers,
            n_item_rows=self.n_item_rows,
            seed=seed,
            resamples=resamples,
            slices=slices,
        )


def _among(exam: Exam, subset: CandidateSubset) -> Exam:
    if not isinstance(exam, RankingExam):
        return replace(exam, test=subset.pairs(exam.test))
    visited = None if exam.visited is None else subset.pairs(exam.visited)
    known = subset.pairs(exam.known)
    return replace(exam, test=subset.pairs(exam.test), known=known, visited=visited)


def answers_of(engine: Engine, config: Config) -> dict[str, Any]:
    """Who answers for each task: the model, whether it has learnt the task or not."""
    return {task.name: engine.answers(task.name) for task in config.tasks}


def judge_baselines(
    dataset: Dataset, config: Config, slices: Sequence[Slice]
) -> tuple[list[Outcome], list[str]]:
    """The baselines of [compare] that can be had here, and a note on each that cannot.

    Where nothing is held out there is nothing to set beside the model.
    """
    held_out = HeldOut.of(dataset, config)
    if not held_out.exams:
        return [], []
    outcomes: list[Outcome] = []
    notes: list[str] = []
    names = config.compare.baselines
    for name in BASELINES if names is None else names:
        tasks = _answered(name, dataset, config)
        if config.split.kind == "cold_item" and BASELINES[name].kind == "retrieval":
            tasks = []  # of items held out whole they know nothing: all candidates tie
        if not tasks:
            continue
        try:
            outcomes.append(_baseline(name, tasks, dataset, config, held_out, slices))
        except ConfigError as error:  # too large for it
            notes.append(f"No baseline {name}: {error}")
    if config.split.kind == "cold_item":
        notes.append(_chance(dataset))
    return outcomes, notes


def _answered(name: str, dataset: Dataset, config: Config) -> list[str]:
    """The tasks that a baseline can answer."""
    baseline = BASELINES[name]
    if baseline.wants_events and len(dataset.train.events) < 2:
        return []
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
    name: str,
    tasks: Sequence[str],
    dataset: Dataset,
    config: Config,
    held_out: HeldOut,
    slices: Sequence[Slice],
) -> Outcome:
    """One baseline, fitted for each task that it answers."""
    reset_peak_memory()
    started = perf_counter()
    kind = BASELINES[name].kind
    answers, tuned = {}, {}
    for task in tasks:
        fitted = BASELINES[name].fit(
            dataset.train.task_data(task, kind), dataset.validation.pairs(task)
        )
        answers[task] = fitted.told(dataset.known.task_data(task, kind))
        if getattr(fitted, "tuned", None):
            tuned[task] = fitted.tuned
    seconds = perf_counter() - started
    found = held_out.judge(
        answers, seed=config.split.seed, resamples=config.evaluation.resamples, slices=slices
    )
    row = model_row(name, "baseline", seconds, peak_memory_mb(), found)
    trials = sum(of["trials"] for of in tuned.values())
    row |= {"tasks": dict.fromkeys(tasks), "tuned": None}
    if tuned:
        row["tuned"] = {"trials": trials, "tasks": tuned}
    return Outcome(row, found)
