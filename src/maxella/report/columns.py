"""The columns that models are compared by and the text of their cells, the same in every format.

A report declares its metrics task by task; nothing here knows which there are.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from maxella.report.tasks import in_table_order, is_baseline, learnt, tasks_of

MISSING = "-"


@dataclass(frozen=True)
class Column:
    """One figure of a model: where it stands in the report and how it is shown."""

    label: str
    path: tuple[str, ...]  # from the model's dict
    digits: int = 3
    direction: str = "none"  # higher, lower, target: nearer to `target` is better; none: no best
    meaning: str = ""
    importance: int = 5  # 0 stays longest where room is short
    target: float | None = None
    task: str | None = None  # whose metric it is
    group: str = ""  # the task's name where the report has several

    @property
    def full_label(self) -> str:
        """The label with its task, where there are several."""
        return f"{self.group}: {self.label}" if self.group else self.label

    @property
    def key(self) -> str:
        """The metric as the report names it: `filtered.ndcg@10`."""
        return ".".join(self.path[2:])

    @property
    def list_length(self) -> int | None:
        """The k of a metric of the k best, None of any other."""
        found = re.search(r"@(\d+)$", self.path[-1])
        return int(found[1]) if found else None

    def value(self, row: dict[str, Any]) -> float | None:
        """The figure of a model or of one of its slices, None where it has none."""
        return _number(at(row, self.path))

    def interval(self, row: dict[str, Any]) -> tuple[float, float] | None:
        """(low, high) of the figure, None where there is none."""
        if self.path[0] != "metrics":
            return None
        found = at(row, ("intervals", *self.path[1:]))
        if not isinstance(found, list | tuple) or len(found) != 2:
            return None
        low, high = _number(found[0]), _number(found[1])
        return None if low is None or high is None else (low, high)

    def ceiling(self, report: dict[str, Any]) -> float | None:
        """What a perfect ranking reaches, None where that is not known."""
        return _number(at(report.get("ceiling"), self.path[1:]))

    def text(self, value: float | None) -> str:
        """The figure with its digits, thousands apart, `-` where there is none."""
        return MISSING if value is None else f"{value:,.{self.digits}f}"

    def half_width(self, row: dict[str, Any]) -> str:
        """`±0.006`, half the interval's width, empty where there is no interval."""
        interval = self.interval(row)
        return "" if interval is None else f"±{self.text((interval[1] - interval[0]) / 2)}"

    def bounds(self, row: dict[str, Any]) -> str:
        """`[0.152, 0.164]`, empty where there is no interval."""
        interval = self.interval(row)
        return "" if interval is None else f"[{', '.join(map(self.text, interval))}]"

    def cell(self, row: dict[str, Any]) -> str:
        """The figure and its half width: `0.158 ±0.006`."""
        return f"{self.text(self.value(row))} {self.half_width(row)}".rstrip()

    def loss(self, value: float) -> float:
        """The figure turned so that lower is better."""
        if self.direction == "target":
            return abs(value - (self.target or 0.0))
        return -value if self.direction == "higher" else value

    def loss_of(self, row: dict[str, Any]) -> float:
        """The loss of a row that has a figure."""
        return self.loss(self.value(row) or 0.0)

    def losses(self, row: dict[str, Any]) -> tuple[float, float] | None:
        """(low, high) of the loss over the interval, None where there is no interval."""
        interval = self.interval(row)
        if interval is None:
            return None
        low, high = sorted(self.loss(end) for end in interval)
        holds_target = self.direction == "target" and (
            interval[0] <= (self.target or 0.0) <= interval[1]
        )
        return (0.0 if holds_target else low), high

    def counts(self, model: dict[str, Any]) -> bool:
        """Whether a model has a figure here and is to be judged by it: it has learnt the task."""
        return self.value(model) is not None and (self.task is None or learnt(model, self.task))

    def best(self, models: list[dict[str, Any]]) -> set[int]:
        """Positions of the best as shown; none where fewer than two models count."""
        losses = {
            place: round(self.loss_of(model), self.digits)
            for place, model in enumerate(models)
            if self.counts(model)
        }
        if len(losses) < 2 or self.direction == "none":
            return set()
        lowest = min(losses.values())
        return {place for place, loss in losses.items() if loss == lowest}

    def clearly_best(self, rows: list[dict[str, Any]]) -> set[int]:
        """Position of the row whose interval is better than that of each other; else none.

        None either where fewer than two have a figure, or one of these has no interval.
        """
        losses = {
            at: self.losses(row) for at, row in enumerate(rows) if self.value(row) is not None
        }
        found = {place: ends for place, ends in losses.items() if ends is not None}
        if len(found) < max(2, len(losses)):
            return set()
        best = min(found, key=lambda place: found[place][1])
        is_clear = all(low > found[best][1] for place, (low, _) in found.items() if place != best)
        return {best} if is_clear else set()


FIT_SECONDS = Column("fit s", ("seconds", "fit"), 2, "lower", "seconds to train", 6)
EVALUATE_SECONDS = Column(
    "evaluate s", ("seconds", "evaluate"), 2, "lower", "seconds to evaluate on the test part", 9
)


def metric_column(report: dict[str, Any], task: str, key: str) -> Column | None:
    """The column of a task's metric, None where the report does not declare it."""
    told = at(report.get("metrics"), (task, key))
    if told is None:
        return None
    path = ("metrics", task, *key.split(".", 1))
    return Column(path=path, task=task, group=task if len(tasks_of(report)) > 1 else "", **told)


def headline_columns(report: dict[str, Any], task: dict[str, Any]) -> list[Column]:
    """A task's headline metrics that any model has a figure of; the first decides."""
    columns = [metric_column(report, task["name"], key) for key in task.get("headline") or []]
    return [
        column if place else replace(column, importance=0)
        for place, column in enumerate(_with_figures(report, columns))
    ]


def shown_columns(report: dict[str, Any]) -> list[Column]:
    """The columns of the comparison: each task's headline metrics, then time."""
    columns = [column for task in tasks_of(report) for column in headline_columns(report, task)]
    return columns + _with_figures(report, [FIT_SECONDS, EVALUATE_SECONDS])


def best_model(report: dict[str, Any]) -> dict[str, Any]:
    """The trained model that is best at the first task, a ranking if any was learnt; else {}."""
    trained = [model for model in in_table_order(report) if not is_baseline(model)]
    for task in sorted(tasks_of(report), key=lambda task: task.get("kind") != "retrieval"):
        able = [model for model in trained if learnt(model, task["name"])]
        for column in headline_columns(report, task)[:1]:
            able = sorted(filter(column.counts, able), key=column.loss_of) or able
        if able:
            return able[0]
    return trained[0] if trained else {}


def _with_figures(report: dict[str, Any], columns: list[Column | None]) -> list[Column]:
    return [
        column
        for column in columns
        if column and any(column.value(model) is not None for model in report["models"])
    ]


def at(value: Any, path: tuple[str, ...]) -> Any:
    """What stands there in dicts within dicts, None where nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
