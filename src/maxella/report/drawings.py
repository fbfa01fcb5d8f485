"""Counts, means and shares of groups as SVG; called within `maxella.report.svg.drawing`."""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from maxella.report.plot import WIDTH, short_text
from maxella.report.svg import INK, SERIES, new_figure, to_svg

_LETTER = 6.6  # pixels: of a letter on a plot, a little more than most fonts take
_LETTERS_BELOW = 48  # of the names below upright bars


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
    rows: list[Row],
    label: str,
    *,
    are_bars: bool = False,
    line: float | None = None,
) -> Markup:
    """Values from top to bottom, with whiskers where they have intervals.

    As bars, or as dots where there is no zero to start a bar from. `line` is what to see them
    beside, such as the mean of all, dashed.
    """
    figure = new_figure(WIDTH, 64 + 22 * len(rows))
    axes = figure.add_subplot()
    values, colours = [row.value for row in rows], [row.colour for row in rows]
    ends = values + [end for row in rows for end in row.interval or ()]
    if are_bars:
        axes.barh(range(len(rows)), values, 0.68, color=colours, alpha=0.85)
        least, ends = 0.0, [0.0, *ends]
    else:
        axes.scatter(values, range(len(rows)), 49, colours, zorder=3)
        least = 0.1 if all(row.interval is None for row in rows) else 1e-3
    if line is not None:
        axes.axvline(line, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        ends += [] if are_bars else [line]
    low, span = min(ends), max(max(ends) - min(ends), least) or 1
    left = low if are_bars else low - 0.08 * span
    right = left + (1.0 if are_bars else 1.2) * span * _stretch(rows)
    axes.set_xlim(left, max(right, 1.03 * line) if are_bars and line is not None else right)
    are_counts = are_bars and all(float(value).is_integer() for value in values)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=are_counts))
    number = ",.10g" if are_bars else ".4g"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format(value, number)))
    axes.set_xlabel(label)
    _name_rows(axes, rows)
    told = "; ".join(f"{row.name}: {row.value:,.10g} ({row.note})" for row in rows)
    return to_svg(figure, name, f"{title}. {told}.")


def columns(name: str, title: str, names: list[str], counts: list[int], label: str) -> Markup:
    """Upright bars from left to right; of many, only some are named."""
    figure = new_figure(WIDTH, 260)
    axes = figure.add_subplot()
    is_long = len(names) > 12
    axes.bar(range(len(names)), counts, 1.0 if is_long else 0.7, color=SERIES[0])
    n_named = max(1, _LETTERS_BELOW // (max(map(len, names)) + 1))
    places = range(0, len(names), math.ceil(len(names) / n_named))
    axes.set_xticks(places, [names[place] for place in places])
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    axes.set_ylabel(label)
    most = max(zip(counts, names, strict=True), key=lambda pair: pair[0])
    told = f"{len(names)} columns, the highest {most[1]} with {most[0]:,}"
    if not is_long:
        told = "; ".join(f"{text}: {n:,}" for text, n in zip(names, counts, strict=True))
    return to_svg(figure, name, f"{title}. {told}.")


def shapes(
    name: str, title: str, groups: list[tuple[str, list[float]]], levels: list[str], label: str
) -> Markup:
    """Shares in percent of each level, a bar beside the other for each of a few groups."""
    figure = new_figure(WIDTH, 280 + 20 * ((len(groups) + 1) // 2))
    axes = figure.add_subplot()
    width = 0.8 / len(groups)
    drawn: list[Any] = []
    for place, (_, shares) in enumerate(groups):
        at = [level - 0.4 + (place + 0.5) * width for level in range(len(levels))]
        drawn.append(axes.bar(at, shares, 0.92 * width, color=SERIES[place]))
    axes.set_xticks(range(len(levels)), levels)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g} %"))
    axes.set_xlabel(label)
    axes.set_ylabel("share of the group's own")
    # Named here: matplotlib leaves out labels that begin with an underscore.
    names = [short_text(text) for text, _ in groups]
    figure.legend(drawn, names, loc="outside lower left", ncols=2)
    told = "; ".join(
        f"{text}: {', '.join(f'{share:.1f} %' for share in shares)}" for text, shares in groups
    )
    return to_svg(figure, name, f"{title}, for {', '.join(levels)}. {told}.")


def _name_rows(axes: Axes, rows: list[Row]) -> None:
    """Names on the left, whiskers, what is written behind, and the first row on top."""
    for place, row in enumerate(rows):
        if row.interval is not None:
            axes.plot(row.interval, [place] * 2, color=INK, linewidth=1.4, marker="|", markersize=7)
        note = axes.annotate(
            row.note,
            (_end(row), place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=11,
        )
        note.set_in_layout(False)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(rows)), [short_text(row.name) for row in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _end(row: Row) -> float:
    return max(row.value, *(row.interval or (row.value,)))


def _stretch(rows: list[Row]) -> float:
    """How much wider than its values an axis must be for the notes behind them to fit."""
    room = WIDTH - 24 - _LETTER * max(len(short_text(row.name)) for row in rows)
    notes = _LETTER * max(len(row.note) for row in rows) + 12
    return room / max(room - notes, 0.3 * room)
