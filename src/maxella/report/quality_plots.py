"""The pictures of a data set, each there only where the data have its columns."""

from collections.abc import Callable, Iterator
from typing import Any

from maxella.data.finding import percent
from maxella.report.drawings import Row, columns, marks, shapes
from maxella.report.plot import Plot
from maxella.report.quality import words
from maxella.report.svg import SERIES, drawing

_NO_FIGURE = "\u2013"
_Dict = dict[str, Any]


def draw_quality(exploration: _Dict) -> dict[str, list[Plot]]:
    """Section of the page → its plots, in the order of the page; no section without a plot.

    `exploration` is that of `maxella.data.quality.Quality.to_dict`.
    """
    with drawing():
        drawn = {title: list(draw(exploration)) for title, draw in SECTIONS.items()}
    return {title: plots for title, plots in drawn.items() if plots}


def _when(exploration: _Dict) -> Iterator[Plot]:
    for key, title in (
        ("months", "Interactions by month"),
        ("months_of_year", "Interactions by month of the year"),
        ("weekdays", "Interactions by weekday"),
    ):
        groups = exploration[key]
        if not groups:
            continue
        most = max(groups, key=lambda group: group["count"])
        names = [name[:3] if key == "weekdays" else name for name in _names(groups)]
        counts = [group["count"] for group in groups]
        yield Plot(
            key,
            title,
            f"Most in {most['name']}: {most['count']:,} ({_share(most, exploration)}). "
            "Times are in UTC.",
            columns(key, title, names, counts, "interactions"),
            _figures(key.removesuffix("s").split("_")[0], groups, None, exploration),
        )


def _who(exploration: _Dict) -> Iterator[Plot]:
    for number, breakdown in enumerate(exploration["by_user"]):
        yield _by_count(f"users-{number}", breakdown, "users", exploration)
        if breakdown["ratings"] and len(breakdown["groups"]) <= len(SERIES):
            yield _rating_shapes(f"ratings-{number}", breakdown, exploration["levels"])


def _favourites(exploration: _Dict) -> Iterator[Plot]:
    most_rated = exploration["favourites"]["most_rated"]
    best_loved = exploration["favourites"]["best_loved"]
    if most_rated:
        title = "Most rated" if exploration["mean_rating"] is not None else "Most taken"
        rows = [Row(item["name"], item["count"], f"{item['count']:,}") for item in most_rated]
        svg = marks("most-rated", title, rows, "interactions", are_bars=True)
        caption = "Items with the most interactions."
        yield Plot("most-rated", title, caption, svg, _items(most_rated))
    if best_loved:
        rows = [
            Row(
                item["name"], item["damped_mean"], f"{item['damped_mean']:.2f} of {item['count']:,}"
            )
            for item in best_loved
        ]
        yield Plot(
            "best-loved",
            "Best loved",
            f"Damped mean rating of how many interactions. Damped: {exploration['damping']:g} "
            f"ratings at the mean of all, {exploration['mean_rating']:.2f}, are added to an "
            "item's own.",
            marks("best-loved", "Best loved", rows, "damped mean rating"),
            _items(best_loved),
        )


def _what(exploration: _Dict) -> Iterator[Plot]:
    for number, breakdown in enumerate(exploration["by_item"]):
        yield _by_count(f"items-{number}", breakdown, "items", exploration)
        rated = [group for group in breakdown["groups"] if group["mean"] is not None]
        if rated:
            yield _means(f"item-means-{number}", breakdown["column"], rated, exploration)


def _by_whom(exploration: _Dict) -> Iterator[Plot]:
    for number, breakdown in enumerate(exploration["people"]):
        name, column = f"people-{number}", words(breakdown["column"])
        title = f"Most items by {column}"
        rows = [
            Row(group["name"], group["size"], f"{group['size']:,}{_and_mean(group)}")
            for group in breakdown["groups"]
        ]
        yield Plot(
            name,
            title,
            "Items that have an interaction, and the mean of their ratings.",
            marks(name, title, rows, "items", are_bars=True),
            _figures(column, breakdown["groups"], "items", exploration),
        )


def _by_count(name: str, breakdown: _Dict, things: str, exploration: _Dict) -> Plot:
    column, groups = words(breakdown["column"]), breakdown["groups"]
    title = f"Interactions by {column}"
    rows = [
        Row(group["name"], group["count"], f"{_share(group, exploration)}{_and_mean(group)}")
        for group in groups
    ]
    caption = f"Shares of all {exploration['n_interactions']:,} interactions"
    if exploration["mean_rating"] is not None:
        caption += f", and mean ratings; the mean of all is {exploration['mean_rating']:.2f}"
    if sum(group["count"] for group in groups) > exploration["n_interactions"]:
        caption += f". An item with several of {column} counts for each"
    svg = marks(name, title, rows, "interactions", are_bars=True)
    return Plot(name, title, f"{caption}.", svg, _figures(column, groups, things, exploration))


def _means(name: str, column: str, groups: list[_Dict], exploration: _Dict) -> Plot:
    title, overall = f"Mean rating by {words(column)}", exploration["mean_rating"]
    best_first = sorted(groups, key=lambda group: -group["mean"])
    rows = [Row(group["name"], group["mean"], f"{group['mean']:.2f}") for group in best_first]
    svg = marks(name, title, rows, "mean rating", line=overall)
    table = _figures(words(column), best_first, "items", exploration)
    return Plot(name, title, f"Dashed: the mean of all ratings, {overall:.2f}.", svg, table)


def _rating_shapes(name: str, breakdown: _Dict, levels: list[float]) -> Plot:
    """For each group the share of each rating among its own."""
    column, names = words(breakdown["column"]), _names(breakdown["groups"])
    title, heads = f"Ratings by {column}", [f"{level:g}" for level in levels]
    shares = [[100 * n / max(sum(counts), 1) for n in counts] for counts in breakdown["ratings"]]
    rows = [
        (text, *(f"{n:,} ({share:.1f} %)" for n, share in zip(counts, own, strict=True)))
        for text, counts, own in zip(names, breakdown["ratings"], shares, strict=True)
    ]
    return Plot(
        name,
        title,
        f"Shares of each rating among the ratings of a group of {column}.",
        shapes(name, title, list(zip(names, shares, strict=True)), heads, "rating"),
        ((column, *heads), *rows),
    )


def _figures(
    column: str, groups: list[_Dict], things: str | None, exploration: _Dict
) -> tuple[tuple[str, ...], ...]:
    """The table beside a plot of groups; `things` is what their sizes count."""
    rows = (
        (
            group["name"],
            *([f"{group['size']:,}"] if things else []),
            f"{group['count']:,}",
            _share(group, exploration),
            _rating(group["mean"]),
        )
        for group in groups
    )
    return ((column, *([things] if things else []), "interactions", "share", "mean rating"), *rows)


def _items(items: list[_Dict]) -> tuple[tuple[str, ...], ...]:
    rows = (
        (
            item["name"],
            item["id"],
            f"{item['count']:,}",
            _rating(item["mean"]),
            _rating(item["damped_mean"]),
        )
        for item in items
    )
    return (("item", "id", "interactions", "mean rating", "damped mean"), *rows)


def _names(groups: list[_Dict]) -> list[str]:
    return [group["name"] for group in groups]


def _share(group: _Dict, exploration: _Dict) -> str:
    return percent(group["count"], exploration["n_interactions"])


def _and_mean(group: _Dict) -> str:
    return "" if group["mean"] is None else f", mean {group['mean']:.2f}"


def _rating(mean: float | None) -> str:
    return _NO_FIGURE if mean is None else f"{mean:.2f}"


# Heading of a section → what draws its plots.
SECTIONS: dict[str, Callable[[_Dict], Iterator[Plot]]] = {
    "When": _when,
    "Who": _who,
    "Favourites": _favourites,
    "What": _what,
    "By whom": _by_whom,
}
