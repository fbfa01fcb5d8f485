"""Plots with a line for each model: losses in training, and the reliability of probabilities."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from maxella.report.plot import WIDTH, Plot, model_colours, short_name, short_text
from maxella.report.svg import INK, SERIES, new_figure, to_svg
from maxella.report.tasks import in_table_order, learnt, tasks_of

_DASHES = ("-", "--", ":", "-.")
_LOG_SPAN = 20.0  # a loss axis that spans more than this is logarithmic

_Model = dict[str, Any]
_Look = tuple[str, str]  # colour and dashes
_Points = list[tuple[float, ...]]


def draw_losses(report: dict[str, Any]) -> list[Plot]:
    """A panel for each task: its loss in training, of the models that learn it."""
    plots = []
    for number, task in enumerate(tasks_of(report)):
        key = f"{task['name']}_loss"
        curves = [
            (model, look, points)
            for model, look in _learners(report, task["name"])
            if (points := _losses(model, key))
        ]
        if curves:
            plots.append(_draw_losses(f"loss-{number}", task["name"], curves))
    return plots


def draw_reliability(report: dict[str, Any]) -> list[Plot]:
    """A panel for each task with probabilities: how often what is given one comes true."""
    plots = []
    for number, task in enumerate(tasks_of(report)):
        curves = [
            (model, look, points)
            for model, look in _learners(report, task["name"])
            if (points := _bins(model, task["name"]))
        ]
        if curves:
            plots.append(_draw_reliability(f"reliability-{number}", task["name"], curves))
    return plots


def _learners(report: dict[str, Any], task: str) -> list[tuple[_Model, _Look]]:
    """The models that have learnt a task, each with its look.

    A loss of weight 0 is measured, not learnt: its curve says nothing.
    """
    looks = zip(in_table_order(report), model_colours(report), strict=True)
    # Colours come round again after the last: then dashes tell models apart.
    return [
        (model, (colour, _DASHES[place // len(SERIES) % len(_DASHES)]))
        for place, (model, colour) in enumerate(looks)
        if learnt(model, task)
    ]


def _losses(model: _Model, key: str) -> _Points:
    history = model.get("history") or []
    return [(e["epoch"], e[key]) for e in history if isinstance(e.get(key), int | float)]


def _bins(model: _Model, task: str) -> _Points:
    """(mean probability, share of positives, pairs) of each bin that holds a pair."""
    found = (model.get("reliability") or {}).get(task)
    if not found:
        return []
    columns = (found[key] for key in ("predicted", "observed", "counts"))
    return [row for row in zip(*columns, strict=True) if row[2]]


def _draw_losses(name: str, task: str, curves: list[tuple[_Model, _Look, _Points]]) -> Plot:
    figure, axes = _panel(len(curves), 280)
    lines = [_curve(axes, model, points, look) for model, look, points in curves]
    losses = [loss for *_, points in curves for _, loss in points]
    is_log = min(losses) > 0 and max(losses) > _LOG_SPAN * min(losses)
    if is_log:
        axes.set_yscale("log")
        # Not the powers of ten that come of themselves: they are formulas.
        axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:,g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{short_text(task)} loss" + (" (logarithmic)" if is_log else ""))
    _name_lines(figure, lines, curves)
    words = "; ".join(
        f"{model['name']}: {points[0][1]:.4g} in epoch {points[0][0]}, "
        f"{points[-1][1]:.4g} in epoch {points[-1][0]}"
        for model, _, points in curves
    )
    title = f"Loss of {task} in training"
    caption = "Models that learn it, by epoch. The large dot is the epoch kept."
    return Plot(name, title, caption, to_svg(figure, name, f"{title}. {words}."))


def _curve(axes: Axes, model: _Model, points: _Points, look: _Look) -> Line2D:
    colour, dashes = look
    epochs, losses = zip(*points, strict=True)
    marker = "." if len(points) <= 30 else ""
    (line,) = axes.plot(epochs, losses, dashes, marker=marker, color=colour, linewidth=2)
    for epoch, loss in points:
        if epoch == model.get("best_epoch"):
            axes.plot(epoch, loss, "o", color=colour, markersize=8)
    return line


def _draw_reliability(name: str, task: str, curves: list[tuple[_Model, _Look, _Points]]) -> Plot:
    figure, axes = _panel(len(curves), 380)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    most = max(count for *_, points in curves for *_, count in points)
    lines = []
    for _, (colour, dashes), points in curves:
        predicted, observed, counts = zip(*points, strict=True)
        (line,) = axes.plot(predicted, observed, dashes, color=colour, linewidth=2)
        # Areas in proportion to the pairs of a bin, small ones still to be seen.
        axes.scatter(predicted, observed, [12 + 60 * n / most for n in counts], color=colour)
        lines.append(line)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("share that is positive")
    _name_lines(figure, lines, curves)
    words = "; ".join(
        f"{model['name']}: "
        + ", ".join(f"{observed:.3f} at {predicted:.3f}" for predicted, observed, _ in points)
        for model, _, points in curves
    )
    title = f"Are the probabilities of {task} right?"
    caption = (
        "Test pairs in bins by their predicted probability; the larger the dot, the more pairs. On "
        "the dashed line, as many are positive as was predicted."
    )
    table = [("model", "predicted", "positive", "pairs")]
    table += [
        (str(model["name"]), f"{predicted:.3f}", f"{observed:.3f}", f"{count:,}")
        for model, _, points in curves
        for predicted, observed, count in points
    ]
    return Plot(name, title, caption, to_svg(figure, name, f"{title} {words}."), tuple(table))


def _panel(n_lines: int, height: float) -> tuple[Figure, Axes]:
    """An empty plot with room for the names of its lines below."""
    figure = new_figure(WIDTH, height + 20 * ((n_lines + 1) // 2))
    return figure, figure.add_subplot()


def _name_lines(
    figure: Figure, lines: list[Line2D], curves: list[tuple[_Model, _Look, _Points]]
) -> None:
    # Named here: matplotlib leaves out labels that begin with an underscore.
    names = [short_name(model) for model, *_ in curves]
    figure.legend(lines, names, loc="outside lower left", ncols=2)
