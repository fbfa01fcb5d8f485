"""The plots of a report, each an SVG with a caption and its figures in words."""

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from maxella.report.columns import NDCG_10, RAW_TOP_100, RECALL_100, Column, in_table_order
from maxella.report.importance import PLACES, heat_map
from maxella.report.plot import WIDTH, Plot, capital, model_colours, short_name
from maxella.report.svg import INK, SERIES, drawing, new_figure, to_svg
from maxella.report.trade_off import draw_trade_off

_DASHES = ("-", "--", ":", "-.")
_LOG_SPAN = 20.0  # a loss axis that spans more than this is logarithmic

_Model = dict[str, Any]


def draw_plots(report: dict[str, Any]) -> list[Plot]:
    """Every plot that the report has figures for, in the order of the page."""
    with drawing():
        drawn = [draw(report) for draw in PLOTS]
    return [plot for plot in drawn if plot is not None]


def _bars(name: str, column: Column, title: str) -> Callable[[dict[str, Any]], Plot | None]:
    def draw(report: dict[str, Any]) -> Plot | None:
        rows = [
            (model, colour)
            for model, colour in zip(in_table_order(report), model_colours(report), strict=True)
            if column.value(model) is not None
        ]
        if not rows:
            return None
        figure = new_figure(WIDTH, 70 + 30 * len(rows))
        axes = figure.add_subplot()
        for row, (model, colour) in enumerate(rows):
            _bar(axes, row, column, model, colour)
        ceiling = column.ceiling(report)
        ends = [bounds[1] for model, _ in rows if (bounds := column.interval(model)) is not None]
        ends += [column.value(model) or 0.0 for model, _ in rows]
        axes.set_xlim(0, 1.22 * max(ends) or 1.0)
        if ceiling is not None:
            axes.axvline(ceiling, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
            axes.set_xlim(0, max(axes.get_xlim()[1], 1.03 * ceiling))
        axes.set_yticks(range(len(rows)), [short_name(model) for model, _ in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        words = "; ".join(f"{model['name']}: {column.cell(model)}" for model, _ in rows)
        end = "" if ceiling is None else f" Ceiling: {column.text(ceiling)}."
        caption = f"{capital(column.meaning)}. Whiskers: 95 % intervals over users."
        if ceiling is not None:
            caption += f" Dashed: what a perfect ranking reaches, {column.text(ceiling)}."
        return Plot(name, title, caption, to_svg(figure, name, f"{title}. {words}.{end}"))

    return draw


def _bar(axes: Axes, row: int, column: Column, model: _Model, colour: str) -> None:
    value = column.value(model) or 0.0
    axes.barh(row, value, height=0.62, color=colour, alpha=0.85)
    interval = column.interval(model)
    end = value
    if interval is not None:
        end = max(value, interval[1])
        axes.plot(interval, [row, row], color=INK, linewidth=1.4, solid_capstyle="butt")
        axes.plot(interval, [row, row], "|", color=INK, markersize=7, markeredgewidth=1.4)
    axes.annotate(
        column.text(value), (end, row), xytext=(5, 0), textcoords="offset points", va="center"
    )


def _losses(task: str) -> Callable[[dict[str, Any]], Plot | None]:
    key, name = f"{task}_loss", f"{task}-loss"

    def draw(report: dict[str, Any]) -> Plot | None:
        curves = []
        looks = zip(in_table_order(report), model_colours(report), strict=True)
        for row, (model, colour) in enumerate(looks):
            points = [
                (entry["epoch"], entry[key])
                for entry in model.get("history") or []
                if isinstance(entry.get(key), int | float)
            ]
            # A loss of weight 0 is measured, not learned: its curve says nothing.
            if points and (model.get("weights") or {}).get(task) != 0:
                # Colours come round again after the last: then dashes tell models apart.
                dashes = _DASHES[row // len(SERIES) % len(_DASHES)]
                curves.append((model, colour, dashes, points))
        if not curves:
            return None
        figure = new_figure(WIDTH, 280 + 20 * ((len(curves) + 1) // 2))
        axes = figure.add_subplot()
        lines = [
            _curve(axes, model, points, colour, dashes) for model, colour, dashes, points in curves
        ]
        losses = [loss for *_, points in curves for _, loss in points]
        is_log = min(losses) > 0 and max(losses) > _LOG_SPAN * min(losses)
        if is_log:
            axes.set_yscale("log")
            # Not the powers of ten that come of themselves: they are formulas.
            axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:,g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{task} loss" + (" (logarithmic)" if is_log else ""))
        # Named here: matplotlib leaves out labels that begin with an underscore.
        names = [short_name(model) for model, *_ in curves]
        figure.legend(lines, names, loc="outside lower left", ncols=2)
        words = "; ".join(
            f"{model['name']}: {points[0][1]:.4g} in epoch {points[0][0]}, "
            f"{points[-1][1]:.4g} in epoch {points[-1][0]}"
            for model, *_, points in curves
        )
        title = f"{capital(task)} loss in training"
        caption = f"Models trained for {task}, by epoch. The large dot is the epoch kept."
        return Plot(name, title, caption, to_svg(figure, name, f"{title}. {words}."))

    return draw


def _curve(
    axes: Axes, model: _Model, points: list[tuple[int, float]], colour: str, dashes: str
) -> Line2D:
    epochs, losses = zip(*points, strict=True)
    marker = "." if len(points) <= 30 else ""
    (line,) = axes.plot(epochs, losses, dashes, marker=marker, color=colour, linewidth=2)
    kept = [point for point in points if point[0] == model.get("best_epoch")]
    for epoch, loss in kept:
        axes.plot(epoch, loss, "o", color=colour, markersize=8)
    return line


def _rating_histogram(report: dict[str, Any]) -> Plot | None:
    counts = (report.get("dataset") or {}).get("rating_histogram") or {}
    if not counts:
        return None
    ratings = _in_order(list(counts))
    total = sum(counts.values()) or 1
    figure = new_figure(WIDTH, 280)
    axes = figure.add_subplot()
    bars = axes.bar(
        range(len(ratings)), [counts[rating] for rating in ratings], 0.7, color=SERIES[0]
    )
    shares = [f"{100 * counts[rating] / total:.0f} %" for rating in ratings]
    axes.bar_label(bars, shares, padding=3, fontsize=11, color=INK)
    axes.set_xticks(range(len(ratings)), ratings)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_xlabel("rating")
    axes.set_ylabel("interactions")
    words = "; ".join(f"{rating}: {counts[rating]:,}" for rating in ratings)
    return Plot(
        "ratings",
        "How ratings are spread",
        f"All {sum(counts.values()):,} ratings of the data set.",
        to_svg(figure, "ratings", f"Number of interactions for each rating. {words}."),
    )


def _in_order(ratings: list[str]) -> list[str]:
    """Ratings by number; bins, which are not numbers, as the report has them."""
    try:
        return sorted(ratings, key=float)
    except ValueError:
        return ratings


PLOTS: tuple[Callable[[dict[str, Any]], Plot | None], ...] = (
    draw_trade_off,
    _bars("raw-top-100", RAW_TOP_100, "Raw top-100 accuracy"),
    _bars("recall", RECALL_100, "Recall in the first 100"),
    _bars("ndcg", NDCG_10, "Quality of the first 10"),
    _losses("retrieval"),
    _losses("rating"),
    _rating_histogram,
    *map(heat_map, PLACES),
)
