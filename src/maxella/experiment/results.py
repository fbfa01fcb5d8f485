"""What a run found, as the plain dict that `report.json` holds (format in docs/report.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

import maxella
from maxella.data.dataset import Dataset
from maxella.evaluation.differences import best_of, difference, drawn_together
from maxella.evaluation.evaluate import Report as Evaluation
from maxella.evaluation.names import fitting
from maxella.experiment.config import Config
from maxella.experiment.machine import command_line, machine_facts, peak_memory_mb
from maxella.experiment.task_options import TaskOptions
from maxella.recommend.bundle import Bundle, weights_hash
from maxella.report.findings import findings
from maxella.report.tasks import is_baseline, learnt
from maxella.sources.own_names import TIMESTAMP
from maxella.sources.tables import Tables
from maxella.tasks.kinds import KINDS
from maxella.training.checkpoint import Progress


@dataclass(frozen=True)
class Outcome:
    """What became of one model or baseline."""

    row: dict[str, Any]  # of the report
    found: Evaluation  # without any figures where no test part was held out
    bundle: Bundle | None = None  # baselines have none


def report_dict(
    config: Config,
    tables: Tables,
    dataset: Dataset,
    outcomes: list[Outcome],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole report of one data set, split and list of models; `notes` join the data's."""
    found = [outcome.found for outcome in outcomes]
    described: dict[str, dict[str, Any]] = {}
    for of in found:
        for task, metrics in of.described.items():
            described.setdefault(task, {}).update(metrics)
    report = {
        "format": 2,
        "maxella": maxella.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "title": config.title,
        "command": command_line(),
        "machine": machine_facts(),
        "dataset": {
            "name": tables.name,
            "interactions": len(tables.interactions),
            "users": len(dataset.users),
            "items": len(dataset.items),
            "train": len(dataset.train),
            "validation": len(dataset.validation),
            "test": len(dataset.test),
            "given": len(dataset.given),
            "events": _rows_of_events(dataset),
            "notes": [*tables.notes, *notes, *_notes(config, dataset, outcomes)],
            "label_histograms": {
                task.name: _histogram(dataset, task.name)
                for task in config.tasks
                if task.kind == "rating"
            },
        },
        "split": config.split.model_dump(),
        "candidates": _candidates(config, dataset),
        "test_reads": 1 if len(dataset.test) else 0,
        "tasks": [_task_facts(task, config, dataset, found) for task in config.tasks],
        "metrics": described,
        "models": _with_paired(outcomes, config, dataset),
        "ceiling": found[0].ceiling,
    }
    return report | {"findings": findings(report)}


def _candidates(config: Config, dataset: Dataset) -> int:
    """How many items a ranking is taken over: of a split by whole items, those held out."""
    is_cold = config.split.kind == "cold_item"
    return len(np.unique(dataset.test.rows.items)) if is_cold else len(dataset.items)


def _headline(task: TaskOptions, config: Config, dataset: Dataset) -> list[str]:
    return fitting(KINDS[task.kind].headline, _candidates(config, dataset))


def _task_facts(
    task: TaskOptions, config: Config, dataset: Dataset, found: Sequence[Evaluation]
) -> dict[str, Any]:
    rows = "all" if task.rows is None else task.rows
    counts = next((of.counts[task.name] for of in found if task.name in of.counts), {})
    return {
        "name": task.name,
        "kind": task.kind,
        "rows": rows if isinstance(rows, str) else ", ".join(rows),
        "among": [task.among] if isinstance(task.among, str) else task.among,
        "train": len(dataset.train.pairs(task.name)),
        "test": len(dataset.test.pairs(task.name)),
        "headline": _headline(task, config, dataset),
        **{key: n for key, n in counts.items() if key == "visited"},
    }


def _with_paired(
    outcomes: Sequence[Outcome], config: Config, dataset: Dataset
) -> list[dict[str, Any]]:
    """The rows; those of models with their paired differences, task by task.

    To the best baseline by each metric; and, of a task that it has learnt, to each other model that
    has, too, by all metrics, and to each baseline by the headline ones.
    """
    rows = [dict(outcome.row) for outcome in outcomes]
    judged = [(row, one.found) for row, one in zip(rows, outcomes, strict=True) if one.found.values]
    for row, _ in judged:
        if not is_baseline(row):
            row |= {"paired": {}, "paired_models": {}}
    for task in config.tasks:
        of_task = [(row, found) for row, found in judged if task.name in found.values]
        _pair(task.name, of_task, _headline(task, config, dataset), config)
    return rows


def _pair(
    task: str,
    judged: list[tuple[dict[str, Any], Evaluation]],
    headline: Sequence[str],
    config: Config,
) -> None:
    """Put the paired differences of a task into the rows of the models that answer it."""
    models = [one for one in judged if not is_baseline(one[0])]
    baselines = [one for one in judged if is_baseline(one[0])]
    if not models or len(judged) == 1:
        return
    best = best_of(task, [of for _, of in baselines])  # metric → which of the baselines
    wanted = [[*dict.fromkeys([*best, *headline])] for _ in models]
    wanted += [
        [*dict.fromkeys([*(key for key in best if best[key] == n), *headline])]
        for n in range(len(baselines))
    ]
    found = [of for _, of in models + baselines]
    seed, resamples = config.split.seed, config.evaluation.resamples
    drawn = drawn_together(task, found, wanted, seed=seed, resamples=resamples)
    of_baselines = drawn[len(models) :]
    named = [(row, its) for (row, _), its in zip(models + baselines, drawn, strict=True)]
    for row, mine in named[: len(models)]:
        row["paired"][task] = {
            key: {"against": baselines[n][0]["name"]} | difference(mine[key], of_baselines[n][key])
            for key, n in best.items()
            if key in mine and key in of_baselines[n]
        }
        others = [(of["name"], its) for of, its in named if of is not row and learnt(of, task)]
        row["paired_models"][task] = {
            key: of_key
            for key in (mine if learnt(row, task) else ())
            if (of_key := {n: difference(mine[key], its[key]) for n, its in others if key in its})
        }


def _rows_of_events(dataset: Dataset) -> dict[str, int]:
    log = dataset.known.join(dataset.test.rows)
    if log.rows.events is None:
        return {}
    counts = np.bincount(log.rows.events, minlength=len(log.events))
    return dict(zip(log.events, counts.tolist(), strict=True))


def model_row(
    name: str, kind: str, fit_seconds: float, memory_mb: float, found: Evaluation
) -> dict[str, Any]:
    """One model's or baseline's row; a model trained on everything has no figures."""
    return {
        "name": name,
        "kind": kind,
        "metrics": found.metrics,
        "intervals": found.intervals,
        "slices": found.slices,
        "reliability": found.curves.get("reliability", {}),
        "seconds": {"fit": fit_seconds, "evaluate": found.seconds if found.values else None},
        "peak_memory_mb": memory_mb,
    }


def trained_row(
    name: str,
    config: Config,
    bundle: Bundle,
    stages: Sequence[dict[str, Any]],
    progress: Progress,
    found: Evaluation,
) -> dict[str, Any]:
    """A model's row, with what trained it; `stages` are what the report says of each."""
    fit_seconds = sum(stage["seconds"] for stage in stages)
    return {
        **model_row(name, "model", fit_seconds, peak_memory_mb(), found),
        "tasks": {task.name: task.weight for task in config.learnt},
        "tuned": None,
        "checkpoint": weights_hash(bundle.model),
        "device": bundle.config["training"]["device"],
        "stages": stages,
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "uses_time": _uses_time(config, bundle),
    }


def _uses_time(config: Config, bundle: Bundle) -> list[str]:
    """What of the model looks at times: kinds of its tasks, and the context."""
    named = {
        ("retrieval", "past"): "retrieval",
        ("rating", "past"): "past_ratings",
        ("rating", "around"): "ratings",
    }
    asked = ((t.kind, "past" if t.followers or t.order else t.uses_time) for t in config.learnt)
    used = {named[one]: None for one in asked if one in named}
    context = bundle.features.context
    return [*used, *(["context"] if context and TIMESTAMP in context.columns else [])]


def _notes(config: Config, dataset: Dataset, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What figures are figures of, where that is not plain: who was asked, and how often."""
    for outcome in outcomes:
        if outcome.bundle is not None and outcome.bundle.spec.seen_penalty_dim:
            yield (
                f"Raw figures of {outcome.row['name']} rank by its score with the "
                f"{outcome.bundle.spec.seen_penalty_dim} dimensions of its penalty on seen items; "
                "all others leave them out."
            )
    counts = [of for outcome in outcomes for of in outcome.found.counts.values()]
    queries = max((of.get("queries", 0) for of in counts), default=0)
    if config.features.context and queries:
        yield (
            f"Every model is asked {queries:,} times, once for each user and context of the "
            f"test ({', '.join(config.features.context)}), and gives one list each time: figures "
            "by user are means over these."
        )
    yield from _popularity(config, dataset)
    users = dataset.test.rows.users
    share = 1 - float(np.isin(users, dataset.known.rows.users).mean()) if len(users) else 0.0
    if share:
        yield (
            f"{100 * share:.1f} % of the test interactions are of users without any that is known "
            "before: a model ranks for them by features of users, where it has any, else by "
            "popularity."
        )


def _popularity(config: Config, dataset: Dataset) -> Iterator[str]:
    """How popular what validates is beside what tests: settings suit the first."""
    for task in config.learnt:
        parts = [part.pairs(task.name).items for part in (dataset.validation, dataset.test)]
        if not KINDS[task.kind].ranks or not all(map(len, parts)):
            continue
        counts = np.bincount(dataset.train.pairs(task.name).items, minlength=dataset.items.n_rows)
        means = [np.exp(np.log(np.maximum(counts[items], 1)).mean()) for items in parts]
        yield (
            f"{task.name}: items of the validation part, which settings are chosen by, have "
            f"{means[0]:,.1f} picks in training, those of the test {means[1]:,.1f} (geometric "
            "means over held-out picks)."
        )


def _histogram(dataset: Dataset, task: str) -> dict[str, int]:
    """How often each label was given, over all parts; keys as written, such as 3 or 3.5."""
    parts = (dataset.train, dataset.validation, dataset.test, dataset.given)
    labels = np.concatenate([part.pairs(task).labels for part in parts])
    values, counts = np.unique(labels, return_counts=True)
    return {f"{value:g}": int(count) for value, count in zip(values, counts, strict=True)}
