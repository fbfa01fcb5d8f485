"""Values and counts as plots; called within `maxella.report.svg.drawing`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import FuncFormatter, MaxNLocator

from maxella.report.plot import WIDTH, Plot, short_text
from maxella.report.svg import INK, SERIES, new_figure, to_svg

_LETTERS_BELOW = 48  # of the names below upright bars
_MOST_TOLD = 31  # columns whose figures are told in words


@dataclass(frozen=True)
class Row:
    """A name, its value, and what is written behind it."""

    name: str
    value: float
    note: str
    colour: str = SERIES[0]
    interval: tuple[float, float] | None = None


def marks(
    name: str,
    title: str,
    caption: str,
    rows: list[Row],
    label: str,
    *,
    are_bars: bool = False,
    line: float | None = None,
) -> Plot:
    """Values from top to bottom, with whiskers where they have intervals.

    As bars, or as dots where there is no zero to start a bar from. `line`, dashed, is what to
    see them beside, such as the best there can be.
    """
    figure = new_figure(WIDTH, 64 + 22 * len(rows))
    axes = figure.add_subplot()
    places = range(len(rows))
    values, colours = [row.value for row in rows], [row.colour for row in rows]
    ends = [end for row in rows for end in (row.value, *(row.interval or ()))]
    if line is not None:
        axes.axvline(line, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        ends.append(line)
    if are_bars:
        axes.barh(places, values, 0.68, color=colours, alpha=0.85)
        axes.set_xlim(min(0, *ends), 1.05 * max(ends) or 1)
    else:
        axes.scatter(values, places, 49, colours, zorder=3)
        least = 0.1 if all(row.interval is None for row in rows) else 1e-3
        span = max(max(ends) - min(ends), least)
        axes.set_xlim(min(ends) - 0.1 * span, min(ends) + 1.1 * span)
    for place, row in enumerate(rows):
        if row.interval is not None:
            axes.plot(row.interval, [place] * 2, color=INK, linewidth=1.4, marker="|", markersize=7)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axes.set_xlabel(label)
    axes.set_ylim(len(rows) - 0.4, -0.6)  # the first row on top
    axes.set_yticks(places, [short_text(row.name) for row in rows])
    behind = axes.secondary_yaxis("right")
    behind.set_yticks(places, [row.note for row in rows])
    behind.spines["right"].set_visible(False)
    for axis in (axes, behind):
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0, labelcolor=INK)
    told = "; ".join(f"{row.name}: {row.value:,.10g} ({row.note})" for row in rows)
    return Plot(name, title, caption, to_svg(figure, name, f"{title}. {told}."))


def columns(
    name: str,
    title: str,
    caption: str,
    names: list[str],
    counts: Sequence[int],
    along: str,
    counted: str,
) -> Plot:
    """Upright bars from left to right, of many only some named; `along` is what the names are of.

    The table beside it has each count and its share of all.
    """
    figure = new_figure(WIDTH, 260)
    axes = figure.add_subplot()
    axes.bar(range(len(names)), counts, 0.8 if len(names) <= 12 else 1.0, color=SERIES[0])
    n_named = max(1, _LETTERS_BELOW // (max(map(len, names)) + 1))
    places = range(0, len(names), math.ceil(len(names) / n_named))
    axes.set_xticks(places, [short_text(names[place]) for place in places])
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda height, _: f"{height:,.0f}"))
    axes.set_xlabel(along)
    axes.set_ylabel(counted)
    total = max(sum(counts), 1)
    rows = [
        (of, f"{count:,}", f"{100 * count / total:.1f} %")
        for of, count in zip(names, counts, strict=True)
    ]
    told = caption.rstrip(".")
    if len(rows) < _MOST_TOLD:
        told = "; ".join(f"{of}: {count}, {share}" for of, count, share in rows)
    svg = to_svg(figure, name, f"{title}. {told}.")
    return Plot(name, title, caption, svg, ((along, counted, "of all"), *rows))
