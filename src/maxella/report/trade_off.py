"""The plot of both tasks at once: top-100 accuracy over RMSE."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from maxella.report.columns import RAW_TOP_100, RMSE, in_table_order, is_baseline
from maxella.report.labels import place_labels
from maxella.report.plot import WIDTH, Plot, model_colours, short_name
from maxella.report.svg import INK, MUTED, PAPER, new_figure, to_svg

_MARKERS = {"joint": "o", "retrieval": "^", "rating": "s", "baseline": "D"}
_FAR = 1.6  # an RMSE this many times the best is drawn at the edge
_LETTER_WIDTH = 6.6  # pixels, of a name on a plot: a little more than most fonts take

_Model = dict[str, Any]


def draw_trade_off(report: dict[str, Any]) -> Plot | None:
    """Raw top-100 accuracy over RMSE; models without one of the two at the edges."""
    rows = [
        (model, colour, RAW_TOP_100.value(model), RMSE.value(model))
        for model, colour in zip(in_table_order(report), model_colours(report), strict=True)
    ]
    rows = [row for row in rows if row[2] is not None or row[3] is not None]
    if not any(row[2] is not None and row[3] is not None for row in rows):
        return None
    errors = [row[3] for row in rows if row[3] is not None]
    near = [error for error in errors if error <= _FAR * min(errors)]
    # The last is for errors that are all 0: an axis needs a width.
    margin = max(max(near) - min(near), 0.05 * min(near), 1e-3) * 0.15
    left, right = min(near) - margin, max(near) + margin
    top = 1.15 * max((row[2] for row in rows if row[2] is not None), default=0.0) or 1.0
    edge = right + 0.16 * (right - left)  # where models without a near RMSE stand
    floor = -0.12 * top  # where models without a retrieval figure stand

    figure = new_figure(WIDTH, max(340, 120 + 26 * len(rows)))
    axes = figure.add_subplot()
    labels = []
    for model, colour, accuracy, error in rows:
        is_far = error is not None and error > right
        x = edge if error is None or is_far else error
        y = floor if accuracy is None else accuracy
        marker = _MARKERS.get(str(model.get("kind")), "o")
        face = PAPER if is_baseline(model) else colour
        axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=8, clip_on=False)
        note = f" (RMSE {RMSE.text(error)})" if is_far else ""
        labels.append((x, y, short_name(model) + note))
    axes.set_xlim(left, edge + 0.04 * (right - left))
    axes.set_ylim(floor - 0.06 * top, top)
    _edges(axes, right, rows)
    axes.set_xlabel("RMSE, rating points  (lower is better)")
    axes.set_ylabel("raw top-100 accuracy  (higher is better)")
    _name_points(axes, labels)
    words = "; ".join(
        f"{model['name']}: raw top-100 {RAW_TOP_100.text(accuracy)}, RMSE {RMSE.text(error)}"
        for model, _, accuracy, error in rows
    )
    return Plot(
        "trade-off",
        "Both tasks at once",
        "The upper left is the best corner. Hollow diamonds are baselines. On the right edge stand "
        "models that predict no rating, or whose RMSE is too far off to draw; on the lower edge "
        "those that retrieve nothing.",
        to_svg(figure, "trade-off", f"Raw top-100 accuracy against RMSE. {words}."),
    )


def _edges(
    axes: Axes, right: float, rows: list[tuple[_Model, str, float | None, float | None]]
) -> None:
    """Set the edges for missing figures apart, where any model stands there."""
    if any(error is None or error > right for _, _, _, error in rows):
        axes.axvline(right, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    if any(accuracy is None for _, _, accuracy, _ in rows):
        axes.axhline(-0.05 * axes.get_ylim()[1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xticks([tick for tick in axes.get_xticks() if axes.get_xlim()[0] <= tick <= right])
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= axes.get_ylim()[1]])


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
