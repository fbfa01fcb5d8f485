"""The plots of two tasks at once: the deciding metric of one over that of the other."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from maxella.report.columns import Column, headline_columns
from maxella.report.labels import place_labels
from maxella.report.plot import WIDTH, Plot, model_colours, short_name, short_text
from maxella.report.svg import INK, MUTED, PAPER, new_figure, to_svg
from maxella.report.tasks import in_table_order, is_baseline, tasks_of

_LETTER_WIDTH = 6.6  # pixels, of a name on a plot: a little more than most fonts take

_Model = dict[str, Any]
_Row = tuple[_Model, str, float | None, float | None]  # a model, its colour, x and y


def draw_trade_offs(report: dict[str, Any]) -> list[Plot]:
    """The first task over each other one, where a model has learnt both."""
    columns = [found[0] for task in tasks_of(report) if (found := headline_columns(report, task))]
    plots = [
        _draw(report, f"trade-off-{number}", x, columns[0])
        for number, x in enumerate(columns[1:], start=1)
    ]
    return [plot for plot in plots if plot is not None]


def _draw(report: dict[str, Any], name: str, x: Column, y: Column) -> Plot | None:
    """Axes are turned so that the upper right is best; models without one figure at an edge."""
    looks = zip(in_table_order(report), model_colours(report), strict=True)
    all_rows = [(model, colour, _at(x, model), _at(y, model)) for model, colour in looks]
    rows = [row for row in all_rows if row[2] is not None or row[3] is not None]
    if not any(row[2] is not None and row[3] is not None for row in rows):
        return None
    figure = new_figure(WIDTH, max(340, 120 + 26 * len(rows)))
    axes = figure.add_subplot()
    x_edge = _set_limits(axes, "x", x, [row[2] for row in rows])
    y_edge = _set_limits(axes, "y", y, [row[3] for row in rows])
    points = []
    for model, colour, across, up in rows:
        at = (x_edge if across is None else across, y_edge if up is None else up)
        marker, face = ("D", PAPER) if is_baseline(model) else ("o", colour)
        axes.plot(*at, marker, color=colour, markerfacecolor=face, markersize=8, clip_on=False)
        points.append((*at, short_name(model)))
    _name_points(axes, points)
    words = "; ".join(
        f"{model['name']}: {y.full_label} {y.text(y.value(model) if up is not None else None)}, "
        f"{x.full_label} {x.text(x.value(model) if across is not None else None)}"
        for model, _, across, up in rows
    )
    return Plot(
        name,
        f"{y.task} and {x.task} at once",
        "The upper right is the best corner. Hollow diamonds are baselines. At the left edge stand "
        f"models that have not learnt {x.task}, at the lower edge those that have not learnt "
        f"{y.task}.",
        to_svg(figure, name, f"{y.full_label} against {x.full_label}. {words}."),
    )


def _at(column: Column, model: _Model) -> float | None:
    """Where a model stands along an axis: its figure, or how far that is from the target."""
    value = column.value(model)
    if value is None or not column.counts(model):
        return None
    return column.loss(value) if column.direction == "target" else value


def _set_limits(axes: Axes, which: str, column: Column, values: list[float | None]) -> float:
    """Set an axis from worse to better; gives where models without a figure stand."""
    known = [value for value in values if value is not None]
    worst, best = min(known), max(known)
    if column.direction != "higher":
        worst, best = best, worst
    # The last is for figures that are all the same: an axis needs a width.
    span = (best - worst) or (0.05 * abs(best) or 1e-3) * (
        1 if column.direction == "higher" else -1
    )
    edge = worst - 0.22 * span
    is_x, limits = which == "x", (edge - 0.05 * span, best + 0.12 * span)
    (axes.set_xlim if is_x else axes.set_ylim)(limits)
    axis = axes.xaxis if is_x else axes.yaxis
    axis.set_major_locator(MaxNLocator(5))
    border = worst - 0.11 * span
    shown = [
        t for t in axis.get_majorticklocs() if min(border, limits[1]) <= t <= max(border, limits[1])
    ]
    axis.set_ticks(shown)
    if None in values:
        line = axes.axvline if is_x else axes.axhline
        line(border, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    is_target = column.direction == "target"
    words = f"distance from {column.target}" if is_target else f"{column.direction} is better"
    axis.set_label_text(f"{short_text(column.full_label)}  ({words})")
    return edge


def _name_points(axes: Axes, labels: list[tuple[float, float, str]]) -> None:
    """Names beside their points, a thin line to those that had to move away."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes come from a figure
    figure.draw_without_rendering()  # lays the axes out: from here pixels are known
    to_pixels, area = axes.transData, axes.get_window_extent()
    points = [
        (float(x) - area.x0, float(y) - area.y0)
        for x, y in to_pixels.transform([(x, y) for x, y, _ in labels])
    ]
    widths = [_LETTER_WIDTH * len(text) for _, _, text in labels]
    places = place_labels(points, widths, (area.width, area.height))
    for (x, y, text), (point_x, point_y), place in zip(labels, points, places, strict=True):
        is_left = place.right < point_x
        is_moved = abs(place.y - point_y) > 1
        start = place.right if is_left else place.left
        axes.annotate(
            text,
            (x, y),
            xytext=(start - point_x, place.y - point_y),
            textcoords="offset pixels",
            ha="right" if is_left else "left",
            va="center",
            fontsize=11,
            color=INK,
            arrowprops={
                "arrowstyle": "-",
                "color": MUTED,
                "linewidth": 0.8,
                "shrinkA": 1,
                "shrinkB": 4,
                "relpos": (1.0 if is_left else 0.0, 0.5),
            }
            if is_moved
            else None,
        ).set_in_layout(False)
