"""What every plot of a report shares."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maxella.report.svg import BASELINE, SERIES
from maxella.report.tasks import in_table_order, is_baseline

WIDTH = 460  # of a plot, in pixels of the page
_LONGEST_NAME = 26  # letters of a name on a plot


@dataclass(frozen=True)
class Plot:
    """One drawing for the page."""

    name: str
    title: str
    caption: str
    svg: Markup
    table: tuple[tuple[str, ...], ...] = ()  # the figures as texts: the head, then the rows


def coloured(report: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The models in table order with a stand-in colour: one each, grey for baselines."""
    models = enumerate(in_table_order(report))  # baselines are last
    return [(one, BASELINE if is_baseline(one) else SERIES[n % len(SERIES)]) for n, one in models]


def name_marks(figure: Figure, marks: list[Line2D], models: list[dict[str, Any]]) -> None:
    """A legend below: names given here, as matplotlib leaves out those that begin with `_`."""
    names = [short_text(str(model["name"])) for model in models]
    figure.legend(marks, names, loc="outside lower left", ncols=2)


def short_text(text: str) -> str:
    """A text on one line without control characters, which no SVG may hold; cut where long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
