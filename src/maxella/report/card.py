"""The card that goes with a bundle, in Markdown."""

import re
from typing import Any

from maxella.printed import one_line
from maxella.report.columns import headline_columns
from maxella.report.findings import uses_of_time
from maxella.report.tasks import learnt, tasks_of, told_rows

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")
_CARD = """\
# {title}: {name}

A two-tower model by Maxella {maxella}, made on {created}.
SHA-256 of the weights: `{checkpoint}`.

## Tasks

{tasks}

## Trained on

{data}: {interactions:,} interactions of {users:,} users with {items:,} items;
{train:,} for training, {validation:,} for validation, {test:,} for the test.
Split: {split}, seed {seed}.
{notes}

## Figures on the test part

{figures}

## Limits

- A user whom training lacked is read from a history (`maxella recommend --history`), without one
  from their features if the model has any; else they get the most picked items. An item that
  training lacked is recommended by its features alone, or never.
- Figures hold for this data set and split. A random split lets a model learn from
  interactions later than those it is tested on.
- What users picked was shaped by what they were shown, and so is what this model learnt.
"""


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> print(escape("a|b_c"))
    a\|b\_c
    """
    return _SPECIAL.sub(r"\\\1", " ".join(one_line(text).split()))


def model_card(report: dict[str, Any]) -> str:
    """A report of one model → what it is, how good, and what not to use it for."""
    (model,) = report["models"]
    dataset = report["dataset"]
    counts = ("interactions", "users", "items", "train", "validation", "test")
    return _CARD.format(
        title=escape(report["title"]),
        name=escape(model["name"]),
        maxella=report["maxella"],
        created=report["created"],
        checkpoint=model["checkpoint"],
        tasks="\n".join(_task(task, model) for task in tasks_of(report)),
        data=escape(dataset["name"]),
        **{part: dataset[part] for part in counts},
        split=report["split"]["kind"],
        seed=report["split"]["seed"],
        notes="\n".join(f"- {escape(note)}" for note in [*dataset["notes"], *uses_of_time(report)]),
        figures=_figures(report, model),
    )


def _task(task: dict[str, Any], model: dict[str, Any]) -> str:
    weight = (model.get("tasks") or {}).get(task["name"]) or 0
    how = f"weight {weight:g}" if learnt(model, task["name"]) else "not learnt"
    return f"- {escape(task['name'])}: {task['kind']}, {escape(told_rows(task))}; {how}."


def _figures(report: dict[str, Any], model: dict[str, Any]) -> str:
    lines = ["| metric | value | 95 % interval |", "| --- | --- | --- |"]
    for task in tasks_of(report):
        for column in headline_columns(report, task):
            if column.counts(model):
                interval = column.interval(model)
                between = (
                    f"{column.text(interval[0])} to {column.text(interval[1])}" if interval else ""
                )
                value = column.text(column.value(model))
                lines.append(f"| {escape(column.full_label)} | {value} | {between} |")
    return "\n".join(lines) if len(lines) > 2 else "None: nothing was held out."
