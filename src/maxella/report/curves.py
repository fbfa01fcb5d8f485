"""Plots with a line for each model: losses in training, and the reliability of probabilities."""

from collections.abc import Callable
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from maxella.report.plot import WIDTH, Plot, coloured, name_marks, short_text
from maxella.report.svg import INK, SERIES, new_figure, to_svg
from maxella.report.tasks import learnt, tasks_of

_DASHES = ("-", "--", ":", "-.")
_LOG_SPAN = 20.0  # a loss axis that spans more than this is logarithmic

_LOSSES = {  # term → title and what it is
    "loss": ("Loss of {task} in training", "Models that learn it, by epoch, without priors."),
    "priors": (
        "Priors of {task} in training",
        (
            "What telling users and items apart adds to the loss, by epoch. It counts .3 at first, "
            "in full after 40 % of the run: so it may climb."
        ),
    ),
}

_Model = dict[str, Any]
_Points = list[tuple[float, ...]]
_Curve = tuple[_Model, str, str, _Points]  # a model, its colour and dashes


def draw_losses(report: dict[str, Any]) -> list[Plot]:
    """A panel for each task: its loss in training, of the models that learn it.

    Where the loss has priors in it, how far the task is learnt is drawn without them, and they
    in a panel of their own.
    """
    return [
        *_panels(report, "loss", partial(_terms, "fit", "loss"), partial(_draw_losses, "loss")),
        *_panels(report, "priors", partial(_terms, "priors"), partial(_draw_losses, "priors")),
    ]


def draw_reliability(report: dict[str, Any]) -> list[Plot]:
    """A panel for each task with probabilities: how often what is given one comes true."""
    return _panels(report, "reliability", _bins, _draw_reliability)


def _panels(
    report: dict[str, Any],
    name: str,
    points_of: Callable[[_Model, str], _Points],
    draw: Callable[[str, str, list[_Curve]], Plot],
) -> list[Plot]:
    plots = []
    for number, task in enumerate(tasks_of(report)):
        curves = [
            # Colours come round again after the last: then dashes tell models apart.
            (model, colour, _DASHES[place // len(SERIES) % len(_DASHES)], points)
            for place, (model, colour) in enumerate(coloured(report))
            # A loss of weight 0 is measured, not learnt: its curve says nothing.
            if learnt(model, task["name"]) and (points := points_of(model, task["name"]))
        ]
        if curves:
            plots.append(draw(f"{name}-{number}", task["name"], curves))
    return plots


def _terms(*asked: Any) -> _Points:
    """(names of terms, a model, a task) → each epoch and the first of the terms that it has."""
    *names, model, task = asked
    for name in names:
        key, history = f"{task}_{name}", model.get("history") or []
        found: _Points = [
            (e["epoch"], e[key]) for e in history if isinstance(e.get(key), int | float)
        ]
        if found:
            return found
    return []


def _bins(model: _Model, task: str) -> _Points:
    """(mean probability, share of positives, pairs) of each bin that holds a pair."""
    found = (model.get("reliability") or {}).get(task)
    if not found:
        return []
    columns = (found[key] for key in ("predicted", "observed", "counts"))
    return [row for row in zip(*columns, strict=True) if row[2]]


def _draw_losses(term: str, name: str, task: str, curves: list[_Curve]) -> Plot:
    figure = new_figure(WIDTH, 280 + 10 * len(curves))
    axes = figure.add_subplot()
    lines = [
        _line(axes, curve, "." if len(curve[3]) <= 30 else "", width)
        for curve, width in zip(curves, _widths(curves), strict=True)
    ]
    for model, colour, _, points in curves:
        kept = [point for point in points if point[0] == model.get("best_epoch")]
        axes.plot(*zip(*kept, strict=True) if kept else ([], []), "o", color=colour, markersize=8)
    losses = [loss for *_, points in curves for _, loss in points]
    is_log = min(losses) > 0 and max(losses) > _LOG_SPAN * min(losses)
    if is_log:
        axes.set_yscale("log")
        # Not the powers of ten that come of themselves: they are formulas.
        axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:,g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{short_text(task)} {term}" + (" (logarithmic)" if is_log else ""))
    name_marks(figure, lines, [model for model, *_ in curves])
    told = "; ".join(
        f"{model['name']}: {points[0][1]:.4g} in epoch {points[0][0]}, "
        f"{points[-1][1]:.4g} in epoch {points[-1][0]}"
        for model, *_, points in curves
    )
    title, told_of_term = _LOSSES[term]
    title = title.format(task=task)
    caption = f"{told_of_term} The large dot is the epoch kept."
    return Plot(name, title, caption, to_svg(figure, name, f"{title}. {told}."))


def _widths(curves: list[_Curve]) -> list[float]:
    """The first is drawn widest, below: where curves run as one, each still shows."""
    return [2 + 6 * (1 - (place + 1) / len(curves)) for place in range(len(curves))]


def _line(axes: Axes, curve: _Curve, marker: str, width: float) -> Line2D:
    _, colour, dashes, points = curve
    xs, ys, *_ = zip(*points, strict=True)
    (line,) = axes.plot(xs, ys, dashes, marker=marker, color=colour, linewidth=width)
    return line


def _draw_reliability(name: str, task: str, curves: list[_Curve]) -> Plot:
    figure = new_figure(WIDTH, 380 + 10 * len(curves))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    lines = [
        _line(axes, curve, "", width) for curve, width in zip(curves, _widths(curves), strict=True)
    ]
    most = max(count for *_, points in curves for *_, count in points)
    for _, colour, _, points in curves:
        predicted, observed, counts = zip(*points, strict=True)
        # Areas in proportion to the pairs of a bin, small ones still to be seen.
        axes.scatter(predicted, observed, [12 + 60 * n / most for n in counts], color=colour)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("share that is positive")
    name_marks(figure, lines, [model for model, *_ in curves])
    rows = [
        (str(model["name"]), f"{predicted:.3f}", f"{observed:.3f}", f"{count:,}")
        for model, *_, points in curves
        for predicted, observed, count in points
    ]
    told = "; ".join(
        f"{model}: {observed} at {predicted}" for model, predicted, observed, _ in rows
    )
    title = f"Are the probabilities of {task} right?"
    caption = (
        "Test pairs in bins by their predicted probability; the larger the dot, the more pairs. On "
        "the dashed line, as many are positive as was predicted."
    )
    svg = to_svg(figure, name, f"{title} {told}.")
    return Plot(name, title, caption, svg, (("model", "predicted", "positive", "pairs"), *rows))
