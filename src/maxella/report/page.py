"""`report.html`: one page that opens with the answer."""

from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from maxella.report.against import CAPTION, HEADS, against_best
from maxella.report.by_slice import slice_tables
from maxella.report.columns import Column, best_model, metric_column, shown_columns
from maxella.report.importance import cross_maps, importance_lines, importance_table
from maxella.report.pages import render
from maxella.report.plot import coloured
from maxella.report.plots import draw_plots
from maxella.report.svg import CSS_VARIABLES
from maxella.report.tasks import (
    can_rank,
    in_table_order,
    is_baseline,
    tasks_of,
    told_rows,
    told_weights,
)

_Dict = dict[str, Any]
_Row = tuple[str, ...]

_PROTOCOLS = {
    "raw": "Every item is a candidate, those the user has already seen among them.",
    "filtered": "Items the user has before the test as labels of the task are no candidates.",
    "new": "Only items that the user met in no event before, in the list and in the test.",
    "visited": "Of the test only items that the user met before in another event, ranked among "
    "the filtered candidates.",
}
_SPLITS = {
    "random": "Test interactions were drawn at random.",
    "leave_last_out": "The last interaction of each user is the test.",
    "temporal": "All that happened after one moment is the test: the past predicts the future.",
    "cold_user": "Test users were held out of training wholly and served from what they are "
    "given; the rest of what they did is the test.",
    "user_temporal": "The last of what each user did is the test.",
    "cold_item": "Test items were held out of training wholly; they are ranked among themselves, "
    "by what their features say.",
}
_COUNTS = ("interactions", "users", "items", "train", "validation", "test")


def html_page(report: _Dict) -> str:
    """The page of a report, format 2; the same report gives the same bytes."""
    title = str(report.get("title") or "Comparison of models")
    models, columns = in_table_order(report), shown_columns(report)
    dataset = report.get("dataset") or {}
    answer, *points = report["findings"]
    return render(
        "report",
        title=title,
        eyebrow=["Maxella report", dataset.get("name"), _moment(report.get("created"))],
        heading=title,
        answer=answer,
        points=points,
        models=models,
        colours=[CSS_VARIABLES[colour] for _, colour in coloured(report)],
        n_trained=sum(not is_baseline(model) for model in models),
        columns=columns,
        groups=[(name, list(of)) for name, of in groupby(columns, lambda column: column.group)],
        best={column: column.best(models) for column in columns},
        ceilings=[column.text(column.ceiling(report)) for column in columns],
        against=[
            (name, [row.texts for row in rows])
            for name, rows in groupby(against_best(report), lambda row: row.column.group)
        ],
        against_heads=HEADS,
        against_caption=CAPTION,
        importance=importance_table(report),
        importance_lines=importance_lines(report),
        cross_maps=cross_maps(report),
        plots=draw_plots(report),
        slices=slice_tables(report),
        listed=next((one for one in [best_model(report), *models] if one.get("lists")), None),
        stages=_stages(models),
        facts=_facts(dataset),
        notes=dataset.get("notes") or [],
        tasks=[_task(task) for task in tasks_of(report)],
        protocol=_protocol(report),
        checkpoints=[_checkpoint(model) for model in models],
        figures=_figures(report),
        command=report.get("command"),
        machine=list((report.get("machine") or {}).items()),
        next_command=_next(report),
        version=report.get("maxella", ""),
    )


def _facts(dataset: _Dict) -> list[_Row]:
    """The counts of the data set, those of its events last."""
    counts = [(key, dataset.get(key)) for key in _COUNTS]
    counts += [(f"{event} events", n) for event, n in (dataset.get("events") or {}).items()]
    facts: list[_Row] = [("name", str(dataset["name"]))] if dataset.get("name") is not None else []
    return facts + [(key, f"{count:,}") for key, count in counts if count is not None]


def _task(task: _Dict) -> tuple[str, ...]:
    counts = (task.get("train"), task.get("test"))
    texts = ("—" if count is None else f"{count:,}" for count in counts)
    return str(task["name"]), str(task.get("kind", "")), told_rows(task), *texts


def _protocol(report: _Dict) -> list[_Row]:
    split = report.get("split") or {}
    rows: list[_Row] = []
    if split:
        options = ", ".join(f"{key} {value}" for key, value in split.items() if key != "kind")
        kind = str(split.get("kind", "")).replace("_", " ")
        told = (
            f"{kind}{f' ({options})' if options else ''}. {_SPLITS.get(str(split.get('kind')), '')}"
        )
        rows.append(("Split", told.strip()))
    if report.get("candidates") is not None:
        rows.append(("Candidates", f"{report['candidates']:,} items for each user."))
    keys = [key for of_task in (report.get("metrics") or {}).values() for key in of_task]
    for protocol, told in _PROTOCOLS.items():
        if any(key.startswith(f"{protocol}.") for key in keys):
            rows.append((protocol.capitalize(), told))
    reads = report.get("test_reads")
    if reads is not None:
        rows.append(("Test", "Read once." if reads == 1 else f"Read {reads} times."))
    return rows


def _stages(models: list[_Dict]) -> list[tuple[str, list[_Row]]]:
    """Of each model that has any: its stages in order, their seconds, and further facts."""
    by_model = [(str(model["name"]), model.get("stages") or []) for model in models]
    return [(name, [_stage(stage) for stage in stages]) for name, stages in by_model if stages]


def _stage(stage: _Dict) -> tuple[str, ...]:
    seconds = stage.get("seconds")
    facts = [f"{key} {told}" for key, told in stage.items() if key not in {"name", "seconds"}]
    return str(stage["name"]), "—" if seconds is None else f"{seconds:,.2f}", ", ".join(facts)


def _checkpoint(model: _Dict) -> tuple[str, ...]:
    epochs, kept = len(model.get("history") or []), model.get("best_epoch")
    trials = (model.get("tuned") or {}).get("trials")
    return (
        str(model["name"]),
        told_weights(model) or "—",
        f"{trials} trials" if trials else "—",
        f"{kept or '—'} of {epochs}" if epochs else "—",
        str(model.get("checkpoint") or "—"),
    )


def _figures(report: _Dict) -> list[tuple[str, list[Column]]]:
    """Every metric that a report declares, in full precision, by task and protocol."""
    groups: dict[str, list[Column]] = {}
    for task, told in (report.get("metrics") or {}).items():
        for key in told:
            column = metric_column(report, task, key)
            if column is not None:
                group = " ".join((task, *column.path[2:-1]))
                groups.setdefault(group, []).append(replace(column, digits=4))
    return list(groups.items())


def _next(report: _Dict) -> str:
    """The command for the best model's answers, where any was trained."""
    best = best_model(report)
    run = "/".join(filter(None, ("RUN", best.get("folder"))))
    asked = f"recommend {run} --user ID" if can_rank(report, best) else f"predict {run} PAIRS.csv"
    return f"maxella {asked}" if best else ""


def _moment(created: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(created))
    except ValueError:
        return str(created or "")
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()
