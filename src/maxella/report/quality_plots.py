"""The pictures of a data set, each there only where the data have its columns."""

from typing import Any

from maxella.data.finding import percent
from maxella.report.drawings import columns
from maxella.report.plot import Plot
from maxella.report.svg import drawing

_BY_MONTH = "Interactions by month"
# Section of the page → its pictures: key, title, what is along it, what is counted.
SECTIONS = {
    "When": (
        ("months", _BY_MONTH, "month (UTC)", "interactions"),
        ("months_of_year", f"{_BY_MONTH} of the year", "month of the year (UTC)", "interactions"),
        ("weekdays", "Interactions by weekday", "weekday (UTC)", "interactions"),
    ),
    "How much of whom": (
        ("activity", "Users by activity", "interactions of a user", "users"),
        ("popularity", "Items by popularity", "interactions of an item", "items"),
    ),
    "Labels": (
        ("ratings", "Ratings", "rating", "interactions"),
        ("events", "Events", "event", "interactions"),
    ),
}


def draw_quality(exploration: dict[str, Any]) -> dict[str, list[Plot]]:
    """Section of the page → its plots, in the order of the page; no section without a plot.

    `exploration` is that of `maxella.data.quality.check_data`.
    """
    with drawing():
        drawn = {
            title: [_draw(exploration, key, *words) for key, *words in pictures if exploration[key]]
            for title, pictures in SECTIONS.items()
        }
    return {title: plots for title, plots in drawn.items() if plots}


def _draw(exploration: dict[str, Any], key: str, title: str, along: str, counted: str) -> Plot:
    names = [bar["name"] for bar in exploration[key]]
    counts = [bar["count"] for bar in exploration[key]]
    total, most = sum(counts), max(counts)
    if key in ("activity", "popularity"):
        n = exploration[f"{counted}_of_half"]
        caption = (
            f"{n:,} of {total:,} {counted} ({percent(n, total)}) have half of all interactions."
        )
    else:
        name = names[counts.index(most)]
        caption = f"Most: {name} with {most:,} of {total:,} ({percent(most, total)})."
    return columns(key, title, caption, names, counts, along, counted)
