"""The page's tables of slices: one for each way to slice, its values down and the models across."""

from dataclasses import dataclass
from typing import Any

from maxella.report.columns import Column, headline_columns
from maxella.report.tasks import in_table_order, tasks_of

_SHOWN = 2  # headline metrics of each task
_TITLES = {
    "activity": "activity: quartiles of the users by their interactions in training",
    "popularity": "popularity: items that hold the first, second and last third of the training "
    "interactions, the most popular first; cold ones have none",
}

_Slice = dict[str, Any]


@dataclass(frozen=True)
class SliceRow:
    """One slice by one metric."""

    value: str
    counts: _Slice  # users and interactions, the same for each model
    slices: list[_Slice]  # as each model has it, {} for none
    best: set[int]


def slice_tables(report: dict[str, Any]) -> list[tuple[str, list[tuple[Column, list[SliceRow]]]]]:
    """Title of each table, and of each metric its rows; none where no model has a slice."""
    models = in_table_order(report)
    names = dict.fromkeys(
        str(one["slice"]) for model in models for one in model.get("slices") or []
    )
    columns = [
        column for task in tasks_of(report) for column in headline_columns(report, task)[:_SHOWN]
    ]
    tables = []
    for name in names:
        groups = [(one, rows) for one in columns if (rows := _rows(name, one, models))]
        tables.append((_TITLES.get(name, name), groups))
    return tables


def _rows(name: str, column: Column, models: list[dict[str, Any]]) -> list[SliceRow]:
    """The rows of a metric; a model that has not learnt its task has none of it."""
    found: dict[str, list[_Slice]] = {}
    for place, model in enumerate(models):
        for one in model.get("slices") or []:
            if one["slice"] == name and column.counts(model | one):
                found.setdefault(str(one["value"]), [{} for _ in models])[place] = one
    return [
        SliceRow(value, next(filter(None, row)), row, column.clearly_best(row))
        for value, row in found.items()
    ]
