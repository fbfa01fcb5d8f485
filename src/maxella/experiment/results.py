"""What a run found, as the plain dict that `report.json` holds (format in docs/report.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

import maxella
from maxella.data.dataset import Dataset
from maxella.evaluation.evaluate import Report as Evaluation
from maxella.experiment.config import Config, TaskOptions
from maxella.experiment.machine import command_line, machine_facts
from maxella.recommend.bundle import Bundle
from maxella.sources.tables import Tables


@dataclass(frozen=True)
class Outcome:
    """What became of one model or baseline."""

    row: dict[str, Any]  # of the report
    found: Evaluation | None  # nothing where no test part was held out
    bundle: Bundle | None = None  # baselines have none


def report_dict(
    config: Config,
    tables: Tables,
    dataset: Dataset,
    outcomes: list[Outcome],
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole report of one data set, split and list of models; `notes` join the data's."""
    ceilings = [outcome.found.ceiling for outcome in outcomes if outcome.found]
    return {
        "format": 1,
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
            "notes": [
                *tables.notes,
                *notes,
                *_demotion_notes(outcomes),
                *_request_notes(config, outcomes),
                *_unknown_user_notes(dataset),
            ],
            "rating_histogram": _histogram(dataset),
        },
        "split": config.split.model_dump(),
        "candidates": _n_candidates(config, dataset),
        "test_reads": 1 if len(dataset.test) else 0,
        "models": [outcome.row for outcome in outcomes],
        "ceiling": ceilings[0] if ceilings else {},
    }


def _n_candidates(config: Config, dataset: Dataset) -> int:
    """Items that a ranking is taken over; of a split by whole items, those held out."""
    if config.split.kind == "cold_item":
        return len(np.unique(dataset.test.items))
    return len(dataset.items)


def model_row(
    name: str, kind: str, fit_seconds: float, memory_mb: float, found: Evaluation | None
) -> dict[str, Any]:
    """One model's or baseline's row; a model trained on everything has no figures."""
    judged = found.to_dict() if found else {}
    return {
        "name": name,
        "kind": kind,
        "metrics": judged.get("metrics", {}),
        "intervals": judged.get("intervals", {}),
        "slices": judged.get("slices", []),
        "seconds": {"fit": fit_seconds, "evaluate": judged.get("seconds")},
        "peak_memory_mb": memory_mb,
    }


def kind_of(tasks: TaskOptions) -> str:
    """joint, retrieval or rating: the tasks that have a weight."""
    if tasks.retrieval_weight and tasks.rating_weight:
        return "joint"
    return "retrieval" if tasks.retrieval_weight else "rating"


def _demotion_notes(outcomes: list[Outcome]) -> list[str]:
    """What the raw figures of a model with a demotion part are figures of."""
    return [
        f"Raw figures of {outcome.row['name']} rank by its score with the "
        f"{outcome.bundle.spec.demotion_dim} demotion dimensions; all others leave them out."
        for outcome in outcomes
        if outcome.bundle is not None and outcome.bundle.spec.demotion_dim
    ]


def _request_notes(config: Config, outcomes: list[Outcome]) -> list[str]:
    """What recall, NDCG and the like are means over, where models are asked moment by moment."""
    counts = next((outcome.found.counts for outcome in outcomes if outcome.found), None)
    if not config.features.request or counts is None:
        return []
    note = (
        f"Every model is asked {counts['queries']:,} times, once for each user and moment of the "
        f"test ({', '.join(config.features.request)}), and gives one list each time: figures by "
        "user are means over these."
    )
    return [note]


def _unknown_user_notes(dataset: Dataset) -> list[str]:
    """How much of the test asks for users without a known interaction, and who answers."""
    users = dataset.test.users
    share = 1 - float(np.isin(users, dataset.known.users).mean()) if len(users) else 0.0
    if not share:
        return []
    note = (
        f"{100 * share:.1f} % of the test interactions are of users without any that is known "
        "before: a model ranks for them by features of users, where it has any, else by popularity."
    )
    return [note]


def _histogram(dataset: Dataset) -> dict[str, int]:
    """How often each rating was given, over all parts; keys as written, such as 3 or 3.5."""
    if dataset.train.ratings is None:
        return {}
    ratings = np.concatenate(
        [
            part.rated.ratings
            for part in (dataset.train, dataset.validation, dataset.test, dataset.given)
            if part.ratings is not None
        ]
    )
    values, counts = np.unique(ratings, return_counts=True)
    return {f"{value:g}": int(count) for value, count in zip(values, counts, strict=True)}
