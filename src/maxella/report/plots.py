"""The plots of a report, each an SVG with a caption and its figures in words."""

from collections.abc import Callable, Iterable
from typing import Any

from maxella.report.columns import Column, headline_columns
from maxella.report.curves import draw_losses, draw_reliability
from maxella.report.drawings import Row, columns, marks
from maxella.report.plot import Plot, capital, coloured
from maxella.report.svg import drawing
from maxella.report.tasks import tasks_of
from maxella.report.trade_off import draw_trade_offs

_SHOWN = 2  # headline metrics of each task


def draw_plots(report: dict[str, Any]) -> list[Plot]:
    """Every plot that the report has figures for, in the order of the page."""
    with drawing():
        return [plot for draw in PLOTS for plot in draw(report)]


def _draw_metrics(report: dict[str, Any]) -> list[Plot]:
    return [
        _draw_metric(report, f"metric-{number}-{place}", column)
        for number, task in enumerate(tasks_of(report))
        for place, column in enumerate(headline_columns(report, task)[:_SHOWN])
        if any(map(column.counts, report["models"]))
    ]


def _draw_metric(report: dict[str, Any], name: str, column: Column) -> Plot:
    """Bars towards what is perfect where that is known, else dots: they need no zero."""
    rows = [
        Row(
            str(model["name"]),
            column.value(model) or 0.0,
            column.text(column.value(model)),
            colour,
            column.interval(model),
        )
        for model, colour in coloured(report)
        if column.counts(model)
    ]
    title, ceiling = column.full_label, column.ceiling(report)
    caption = f"{capital(column.meaning.rstrip('.'))}. Whiskers: 95 % intervals over users. "
    if ceiling is not None:
        caption += f"Dashed: what a perfect ranking reaches, {column.text(ceiling)}."
    elif column.target is not None:
        caption += f"Best at {column.target}, dashed."
    else:
        caption += f"{capital(column.direction)} is better."
    line = column.target if ceiling is None else ceiling
    svg = marks(name, title, rows, column.label, are_bars=ceiling is not None, line=line)
    return Plot(name, title, caption, svg)


def _draw_histograms(report: dict[str, Any]) -> list[Plot]:
    """How the labels of each task that has a histogram are spread."""
    histograms = (report.get("dataset") or {}).get("label_histograms") or {}
    plots = []
    for number, (task, counts) in enumerate(histograms.items()):
        if counts:
            name, title = f"labels-{number}", f"How the labels of {task} are spread"
            ordered = {label: counts[label] for label in _in_order(list(counts))}
            total = sum(counts.values())
            rows = [(of, f"{n:,}", f"{100 * n / (total or 1):.1f} %") for of, n in ordered.items()]
            svg = columns(name, title, list(ordered), list(ordered.values()), "pairs")
            caption = f"All {total:,} labels of the data set."
            plots.append(Plot(name, title, caption, svg, (("label", "pairs", "of all"), *rows)))
    return plots


def _in_order(labels: list[str]) -> list[str]:
    """Labels by number; bins, which are not numbers, as the report has them."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return labels


PLOTS: tuple[Callable[[dict[str, Any]], Iterable[Plot]], ...] = (
    draw_trade_offs,
    _draw_metrics,
    draw_reliability,
    draw_losses,
    _draw_histograms,
)
