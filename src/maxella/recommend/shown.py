"""A recommender as Python and notebooks show it: whom it knows, what it has learnt, how well."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Counts = tuple[int, int, Sequence[str]]  # users, items, tasks learnt

ASK = "Ask .recommend([user], k), .predict(pairs), .similar([item], k); .report has all figures."


def as_text(counts: Counts, report: Mapping[str, Any] | None) -> str:
    """Some lines: a sentence, the figures that decide by model, what can be asked."""
    rows = _rows(report)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(["Recommender: " + _sentence(counts), *(f"  {line}" for line in lines), ASK])


def as_html(counts: Counts, report: Mapping[str, Any] | None) -> str:
    """The same as a table of HTML."""
    head, *rows = [[escape(cell) for cell in row] for row in _rows(report)] or [[]]
    table = _row("th", head) + "".join(_row("td", row) for row in rows) if rows else ""
    return (
        f"<p><b>Recommender</b>: {escape(_sentence(counts))}</p>"
        f"<table>{table}</table><p>{escape(ASK)}</p>"
    )


def _sentence(counts: Counts) -> str:
    n_users, n_items, learnt = counts
    return f"{n_users:,} users, {n_items:,} items; learnt {', '.join(learnt) or 'nothing'}."


def _rows(report: Mapping[str, Any] | None) -> list[list[str]]:
    """A heading and a row for each model: the first headline metric of each task."""
    if not report:
        return []
    deciding = [
        (task["name"], task["headline"][0])
        for task in report["tasks"]
        if task["headline"] and task["headline"][0] in report["metrics"].get(task["name"], {})
    ]
    if not deciding:  # nothing was held out
        return []
    told = {(task, key): report["metrics"][task][key] for task, key in deciding}
    rows = [["on the test part", *(f"{task} {told[task, key]['label']}" for task, key in deciding)]]
    for model in report["models"]:
        figures = [_figure(model["metrics"].get(task, {}), key) for task, key in deciding]
        digits = [told[of]["digits"] for of in deciding]
        cells = ["" if f is None else f"{f:,.{n}f}" for f, n in zip(figures, digits, strict=True)]
        rows.append([model["name"], *cells])
    return rows


def _figure(metrics: Mapping[str, Any], key: str) -> float | None:
    found: Any = metrics
    for name in key.split(".", 1):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found  # type: ignore[no-any-return]


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"
