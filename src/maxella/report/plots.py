"""The plots of a report, each an SVG with a caption and its figures in words."""

from collections.abc import Callable, Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from maxella.report.columns import Column, headline_columns
from maxella.report.curves import draw_losses, draw_reliability
from maxella.report.drawings import Row, columns, marks
from maxella.report.findings import capital
from maxella.report.plot import WIDTH, Plot, coloured, name_marks, short_text
from maxella.report.svg import MUTED, PAPER, drawing, new_figure, to_svg
from maxella.report.tasks import is_baseline, tasks_of

_SHOWN = 2  # headline metrics of each task
_MARKERS = "oDs^vPX*<>"  # of models that share a colour


def draw_plots(report: dict[str, Any]) -> list[Plot]:
    """Every plot that the report has figures for, in the order of the page."""
    with drawing():
        return [plot for draw in PLOTS for plot in draw(report)]


def _draw_trade_offs(report: dict[str, Any]) -> list[Plot]:
    """The first task over each other one, where a model has learnt both."""
    columns = [found[0] for task in tasks_of(report) if (found := headline_columns(report, task))]
    return [
        _draw_trade_off(report, f"trade-off-{number}", x, columns[0])
        for number, x in enumerate(columns[1:], start=1)
        if any(x.counts(model) and columns[0].counts(model) for model in report["models"])
    ]


def _draw_trade_off(report: dict[str, Any], name: str, x: Column, y: Column) -> Plot:
    """Axes are turned so that the upper right is best; models without one figure at an edge."""
    rows = [look for look in coloured(report) if x.counts(look[0]) or y.counts(look[0])]
    figure = new_figure(WIDTH, 340 + 10 * len(rows))
    axes = figure.add_subplot()
    across = _places(axes, "x", x, [model for model, _ in rows])
    up = _places(axes, "y", y, [model for model, _ in rows])
    marks, colours = [], [colour for _, colour in rows]
    for place, ((model, colour), *at) in enumerate(zip(rows, across, up, strict=True)):
        marker = _MARKERS[colours[:place].count(colour) % len(_MARKERS)]
        face = PAPER if is_baseline(model) else colour
        (mark,) = axes.plot(
            *at, marker, color=colour, markerfacecolor=face, markersize=8, clip_on=False
        )
        marks.append(mark)
    name_marks(figure, marks, [model for model, _ in rows])
    told = "; ".join(f"{model['name']}: {_told(y, model)}, {_told(x, model)}" for model, _ in rows)
    return Plot(
        name,
        f"{y.task} and {x.task} at once",
        f"The upper right is the best corner. Hollow: baselines. At the left edge stand those that "
        f"have not learnt {x.task}, at the lower edge those that have not learnt {y.task}.",
        to_svg(figure, name, f"{y.full_label} against {x.full_label}. {told}."),
    )


def _told(column: Column, model: dict[str, Any]) -> str:
    value = column.value(model) if column.counts(model) else None
    return f"{column.full_label} {column.text(value)}"


def _places(axes: Axes, which: str, column: Column, models: list[dict[str, Any]]) -> list[float]:
    """Set an axis from worse to better; gives where each model stands along it.

    Of a metric with a target, that is how far the figure is from it.
    """
    is_target = column.direction == "target"
    values = {
        place: column.loss(value) if is_target else value
        for place, model in enumerate(models)
        if (value := column.value(model)) is not None and column.counts(model)
    }
    worst, best = min(values.values()), max(values.values())
    sign = 1 if column.direction == "higher" else -1
    if sign < 0:
        worst, best = best, worst
    # The last is for figures that are all the same: an axis needs a width.
    span = (best - worst) or sign * max(0.05 * abs(best), 1e-3)
    edge, border = worst - 0.22 * span, worst - 0.11 * span
    set_limits, axis = (axes.set_xlim, axes.xaxis) if which == "x" else (axes.set_ylim, axes.yaxis)
    end = best + 0.12 * span
    set_limits(edge - 0.05 * span, end)
    axis.set_major_locator(MaxNLocator(5))
    ticks = axis.get_majorticklocs()
    axis.set_ticks([tick for tick in ticks if sign * border <= sign * tick <= sign * end])
    if len(values) < len(models):
        line = axes.axvline if which == "x" else axes.axhline
        line(border, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    words = f"distance from {column.target}" if is_target else f"{column.direction} is better"
    axis.set_label_text(f"{short_text(column.label)}  ({words})")  # the title names the tasks
    return [values.get(place, edge) for place in range(len(models))]


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
    are_bars = ceiling is not None
    return marks(name, title, caption, rows, column.label, are_bars=are_bars, line=line)


def _draw_histograms(report: dict[str, Any]) -> list[Plot]:
    """How the labels of each task that has a histogram are spread."""
    histograms = (report.get("dataset") or {}).get("label_histograms") or {}
    plots = []
    for number, (task, counts) in enumerate(histograms.items()):
        if counts:
            labels = _in_order(list(counts))
            plots.append(
                columns(
                    f"labels-{number}",
                    f"How the labels of {task} are spread",
                    f"All {sum(counts.values()):,} labels of the data set.",
                    labels,
                    [counts[of] for of in labels],
                    "label",
                    "pairs",
                )
            )
    return plots


def _in_order(labels: list[str]) -> list[str]:
    """Labels by number; others as the report has them."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return labels


PLOTS: tuple[Callable[[dict[str, Any]], Iterable[Plot]], ...] = (
    _draw_trade_offs,
    _draw_metrics,
    draw_reliability,
    draw_losses,
    _draw_histograms,
)
