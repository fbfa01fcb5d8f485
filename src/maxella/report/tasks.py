"""The tasks of a report, and the models that have learnt them or answer them."""

from typing import Any


def tasks_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The tasks of a report, in its order."""
    return report.get("tasks") or []


def in_table_order(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The models as the report has them, baselines after the others."""
    return sorted(report["models"], key=is_baseline)


def is_baseline(model: dict[str, Any]) -> bool:
    """Whether a model of the report is one of the baselines."""
    return bool(model.get("kind") == "baseline")


def learnt(model: dict[str, Any], task: str) -> bool:
    """Whether a model has learnt a task (weight above 0), or a baseline answers it."""
    weights = model.get("tasks") or {}
    return task in weights if is_baseline(model) else bool((weights.get(task) or 0) > 0)


def can_rank(report: dict[str, Any], model: dict[str, Any]) -> bool:
    """Whether a model has learnt to make lists."""
    ranking = (task["name"] for task in tasks_of(report) if task.get("kind") == "retrieval")
    return any(learnt(model, task) for task in ranking)


def told_weights(model: dict[str, Any]) -> str:
    """What a model has learnt and with which weight: `purchase 1, stars 0.5`."""
    weights = model.get("tasks") or {}
    names = [task for task in weights if learnt(model, task)]
    return ", ".join(task if is_baseline(model) else f"{task} {weights[task]:g}" for task in names)


def told_rows(task: dict[str, Any]) -> str:
    """The rows of the log that a task learns from: `purchase among view, cart`."""
    rows, among = task.get("rows") or "all", task.get("among")
    told = "all rows" if rows == "all" else _join(rows)
    return f"{told} among {_join(among)}" if among else told


def _join(names: Any) -> str:
    return names if isinstance(names, str) else ", ".join(map(str, names))
