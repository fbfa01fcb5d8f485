"""Each model against the best baseline, metric by metric: the rows of a table."""

from dataclasses import dataclass
from typing import Any

from maxella.report.columns import MISSING, Column, headline_columns
from maxella.report.tasks import in_table_order, is_baseline, tasks_of
from maxella.report.verdict import compare, paired_difference

HEADS = ("model", "metric", "figure", "best baseline", "difference", "95 % interval", "so it is")
CAPTION = (
    "Each model less the best baseline, on the same resampled users. Where the interval holds 0, "
    "the two are level."
)
_WORDS = {1: "ahead", 0: "level", -1: "behind"}


@dataclass(frozen=True)
class Against:
    """One model and the best baseline, by one metric."""

    column: Column
    texts: tuple[str, ...]  # as HEADS


def against_best(report: dict[str, Any]) -> list[Against]:
    """The rows: task by task, its models, and of each model the headline metrics."""
    rows = []
    models = in_table_order(report)
    for task in tasks_of(report):
        columns = [column for column in headline_columns(report, task) if judges(report, column)]
        for model in models:
            rows += [
                _row(column, model, min(baselines, key=column.loss_of))
                for column in columns
                if not is_baseline(model) and column.counts(model)
                if (baselines := [one for one in models if is_baseline(one) and column.counts(one)])
            ]
    return rows


def judges(report: dict[str, Any], column: Column) -> bool:
    """Whether a metric says something: not where the k best are all candidates."""
    candidates, k = report.get("candidates"), column.list_length
    return not (isinstance(candidates, int) and k is not None and candidates <= k)


def _row(column: Column, model: dict[str, Any], baseline: dict[str, Any]) -> Against:
    verdict, paired = compare(column, model, baseline), paired_difference(column, model, baseline)
    mine, its = column.value(model) or 0.0, column.value(baseline) or 0.0
    texts = (
        str(model["name"]),
        column.label,
        column.text(mine),
        f"{baseline['name']} {column.text(its)}",
        f"{mine - its:+.{column.digits + 1}f}",
        (paired.interval if paired else "") or MISSING,
        _WORDS[verdict.order] if verdict.is_sure else "not known",
    )
    return Against(column, texts)
