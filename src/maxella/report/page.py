"""`report.html`: one page that opens with the answer. All text of the report is escaped."""

from datetime import datetime
from html import escape
from typing import Any

from maxella.report.by_slice import by_slice
from maxella.report.cells import NONE, cell, dash, group_row, name_of, small, words
from maxella.report.columns import (
    Column,
    in_table_order,
    is_baseline,
    shown_columns,
)
from maxella.report.findings import findings, headline
from maxella.report.html import definitions, document, figures, section, table
from maxella.report.importance import importance_lines, importance_table
from maxella.report.plot import Plot, model_colours
from maxella.report.plots import draw_plots
from maxella.report.svg import css_variable

_PROTOCOL = {
    "Raw": "Every item is a candidate, those a user has already seen among them.",
    "Filtered": "The items a user has seen are no candidates, as they would not be shown.",
    "Means": "Top-k accuracy is the mean over interactions (micro); recall, ndcg, map and mrr are "
    "means over users (macro). RMSE and MAE are means over interactions.",
    "Ties": "Items of equal score count at their expected rank: no luck with the order.",
    "Ceiling": "What a perfect ranking reaches. It lies below 1 where users have more test items "
    "than a list has places.",
    "Intervals": "95 %, from resampling users. They hold the model fixed: training again with "
    "another seed moves figures as well.",
}
_SPLITS = {
    "random": "Interactions were dealt to training and test at random.",
    "leave_last_out": "The last interaction of each user is the test.",
    "temporal": "All that happened after one moment is the test: the past predicts the future.",
    "cold_user": (
        "Test users were held out of training wholly and served from what they are given; the "
        "rest of what they did is the test."
    ),
    "user_temporal": "The last of what each user did is the test.",
    "cold_item": (
        "Test items were held out of training wholly; they are ranked among themselves, by what "
        "their features say."
    ),
}


def html_page(report: dict[str, Any]) -> str:
    """The page of a report, format 1; the same report gives the same bytes."""
    title = _title(report)
    sections = [
        _comparison(report),
        _importance(report),
        _plots(draw_plots(report)),
        by_slice(report),
        _dataset(report.get("dataset") or {}),
        _protocol(report),
        _checkpoints(report),
        _all_figures(report),
        _making(report),
    ]
    footer = (
        f"Made by maxella {escape(str(report.get('maxella', '')))}. The same figures stand in\n"
        "<code>report.json</code>."
    )
    return document(title, _opening(report, title), sections, footer)


def _title(report: dict[str, Any]) -> str:
    return str(report.get("title") or "Comparison of models")


def _opening(report: dict[str, Any], title: str) -> str:
    dataset = (report.get("dataset") or {}).get("name")
    parts = ["Maxella report", dataset, _moment(report.get("created"))]
    eyebrow = " · ".join(escape(str(part)) for part in parts if part)
    points = "".join(f"<li>{escape(line)}</li>\n" for line in findings(report))
    return f"""<header>
<p class="eyebrow">{eyebrow}</p>
<h1>{escape(title)}</h1>
<p class="answer">{escape(headline(report))}</p>
{f'<ul class="findings">{points}</ul>' if points else ""}
</header>"""


def _comparison(report: dict[str, Any]) -> str:
    models, columns = in_table_order(report), shown_columns(report)
    best = {column: column.best(models) for column in columns}
    rows = [
        _model_row(model, colour, [(column, row in best[column]) for column in columns])
        for row, (model, colour) in enumerate(zip(models, model_colours(report), strict=True))
    ]
    cut = sum(not is_baseline(model) for model in models)
    bodies = [rows[:cut], rows[cut:]]
    ceilings = [column.ceiling(report) for column in columns]
    if any(ceiling is not None for ceiling in ceilings):
        texts = (column.text(value) for column, value in zip(columns, ceilings, strict=True))
        cells = "".join(f"<td>{dash(text)}</td>" for text in texts)
        bodies.append([f'<tr><th scope="row">ceiling</th>{cells}</tr>\n'])
    heads = "".join(f'<th scope="col">{words(column.label)}</th>' for column in columns)
    meanings = [(column.label, column.meaning) for column in columns]
    return section(
        "Comparison",
        table(
            "Best of each column in bold. Under a figure, half the width of its 95 % interval. "
            "Hollow diamonds are baselines.",
            f'<tr><th scope="col">model</th>{heads}</tr>',
            bodies,
        ),
        f'<div class="note">{definitions(meanings)}</div>',
    )


def _model_row(model: dict[str, Any], colour: str, cells: list[tuple[Column, bool]]) -> str:
    texts = (cell(column, model, is_best=is_best) for column, is_best in cells)
    kind = " baseline" if is_baseline(model) else ""
    swatch = f'<span class="swatch{kind}" style="--colour: var({css_variable(colour)})"></span>'
    return f'<tr><th scope="row">{swatch}{name_of(model)}</th>{"".join(texts)}</tr>\n'


def _importance(report: dict[str, Any]) -> str:
    if not report.get("importance"):
        return ""
    labels, rows = importance_table(report)
    body = []
    for name, cells in rows:
        texts = (
            f"<td>{f'<strong>{one.loss}</strong>' if one.shows else one.loss}"
            f"{small(one.interval)}</td>"
            for one in cells
        )
        body.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(texts)}</tr>\n')
    heads = "".join(f'<th scope="col">{escape(label)}</th>' for label in labels)
    caption, *lines = importance_lines(report)
    losses = table(caption, f'<tr><th scope="col">feature</th>{heads}</tr>', [body])
    notes = "".join(f"<p>{escape(line)}</p>\n" for line in lines)
    return section("Importance of features", losses, notes)


def _plots(plots: list[Plot]) -> str:
    if not plots:
        return ""
    return section("Plots", figures(plots))


def _dataset(dataset: dict[str, Any]) -> str:
    counts = [
        (key, f"{dataset[key]:,}" if isinstance(dataset[key], int) else str(dataset[key]))
        for key in ("name", "interactions", "users", "items", "train", "validation", "test")
        if dataset.get(key) is not None
    ]
    notes = "".join(f"<p>{escape(str(note))}</p>\n" for note in dataset.get("notes") or [])
    if not counts:
        return ""
    facts = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(text)}</dd></div>\n" for term, text in counts
    )
    return section("Data set", f'<div class="facts"><dl>\n{facts}</dl></div>\n{notes}')


def _protocol(report: dict[str, Any]) -> str:
    split = report.get("split") or {}
    rows = []
    if split:
        options = ", ".join(f"{key} {value}" for key, value in split.items() if key != "kind")
        sentence = _SPLITS.get(str(split.get("kind")), "")
        kind = str(split.get("kind", "")).replace("_", " ")
        rows.append(("Split", f"{kind}{f' ({options})' if options else ''}. {sentence}".strip()))
    if report.get("candidates") is not None:
        rows.append(("Candidates", f"{report['candidates']:,} items for each user."))
    rows += _PROTOCOL.items()
    reads = report.get("test_reads")
    if reads is not None:
        rows.append(("Test", "Read once." if reads == 1 else f"Read {reads} times."))
    return section("How it was measured", definitions(rows))


def _checkpoints(report: dict[str, Any]) -> str:
    models = [model for model in in_table_order(report) if model.get("checkpoint")]
    if not models:
        return ""
    rows = []
    for model in models:
        weights = model.get("weights") or {}
        cells = (
            str(model.get("kind", NONE)),
            " / ".join(f"{weights[task]:g}" for task in ("rating", "retrieval") if task in weights),
            str(model.get("best_epoch") or NONE),
            str(len(model.get("history") or []) or NONE),
        )
        texts = "".join(f"<td>{escape(cell) or NONE}</td>" for cell in cells)
        checkpoint = f'<td class="hash"><code>{escape(str(model["checkpoint"]))}</code></td>'
        rows.append(f'<tr><th scope="row">{name_of(model)}</th>{texts}{checkpoint}</tr>\n')
    heads = ("model", "kind", "weights rating / retrieval", "epoch kept", "epochs", "SHA-256")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    caption = "All figures of a model come from the one checkpoint whose hash stands in its row."
    return section("Checkpoints", table(caption, f"<tr>{head}</tr>", [rows], "left"))


def _all_figures(report: dict[str, Any]) -> str:
    models = in_table_order(report)
    bodies: dict[str, list[str]] = {}
    for path in _metric_paths(models):
        cells = "".join(f"<td>{_figure(model, path)}</td>" for model in models)
        group = path[0] if len(path) > 1 else "ratings"
        row = f'<tr><th scope="row">{escape(path[-1])}</th>{cells}</tr>\n'
        bodies.setdefault(group, [group_row(group, len(models))]).append(row)
    if not bodies:
        return ""
    head = "".join(f'<th scope="col">{name_of(model)}</th>' for model in models)
    caption = "Every metric of every model, [low, high] of its 95 % interval below."
    head = f'<tr><th scope="col">metric</th>{head}</tr>'
    return section("All figures", table(caption, head, bodies.values()))


def _metric_paths(models: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """(group, metric) or (metric,) of every figure any model has, groups first seen first."""
    paths: dict[tuple[str, ...], None] = {}
    for model in models:
        for key, value in (model.get("metrics") or {}).items():
            if isinstance(value, dict):
                paths |= dict.fromkeys((key, metric) for metric in value)
            elif value is not None:
                paths[key,] = None
    return list(paths)


def _figure(model: dict[str, Any], path: tuple[str, ...]) -> str:
    column = Column(
        path[-1], ("metrics", *path), 4, is_higher_better=True, importance=0, meaning=""
    )
    value, interval = column.value(model), column.interval(model)
    if interval is None:
        return dash(column.text(value))
    low, high = (column.text(bound) for bound in interval)
    return f"{column.text(value)}{small(f'[{low}, {high}]')}"


def _making(report: dict[str, Any]) -> str:
    command = report.get("command")
    machine = [(str(key), str(value)) for key, value in (report.get("machine") or {}).items()]
    if not command and not machine:
        return ""
    shown = f"<pre><code>{escape(str(command))}</code></pre>\n" if command else ""
    return section("How it was made", shown + (definitions(machine) if machine else ""))


def _moment(created: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(created))
    except ValueError:
        return str(created or "")
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()
