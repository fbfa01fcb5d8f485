"""The pictures of a data set, each there only where the data have its columns."""

from collections.abc import Callable, Iterator
from typing import Any

from maxella.data.finding import percent
from maxella.report.drawings import Row, Table, columns, marks
from maxella.report.plot import Plot
from maxella.report.quality import words
from maxella.report.svg import SERIES, drawing

_NO_FIGURE = "\u2013"
_TIMES = (
    ("months", "month", "Interactions by month"),
    ("months_of_year", "month", "Interactions by month of the year"),
    ("weekdays", "weekday", "Interactions by weekday"),
)
_Dict = dict[str, Any]


def draw_quality(exploration: _Dict) -> dict[str, list[Plot]]:
    """Section of the page → its plots, in the order of the page; no section without a plot.

    `exploration` is that of `maxella.data.quality.check_data`.
    """
    with drawing():
        drawn = {title: list(draw(exploration)) for title, draw in SECTIONS.items()}
    return {title: plots for title, plots in drawn.items() if plots}


def _when(exploration: _Dict) -> Iterator[Plot]:
    for key, column, title in _TIMES:
        groups = exploration[key]
        if groups:
            most = max(groups, key=lambda group: group["count"])
            yield columns(
                key,
                title,
                f"Most in {most['name']}: {most['count']:,} ({_share(most, exploration)}). "
                "Times are in UTC.",
                [group["name"][: 3 if key == "weekdays" else None] for group in groups],
                {"": [group["count"] for group in groups]},
                _figures(column, groups, None, exploration),
                label="interactions",
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
        yield marks(
            "most-rated",
            "Most rated" if exploration["mean_rating"] is not None else "Most taken",
            "Items with the most interactions.",
            [Row(item["name"], item["count"], f"{item['count']:,}") for item in most_rated],
            "interactions",
            are_bars=True,
            table=_items(most_rated),
        )
    if best_loved:
        yield marks(
            "best-loved",
            "Best loved",
            f"Damped mean rating of how many interactions. Damped: {exploration['damping']:g} "
            f"ratings at the mean of all, {exploration['mean_rating']:.2f}, are added to an "
            "item's own.",
            [
                Row(
                    one["name"], one["damped_mean"], f"{one['damped_mean']:.2f} of {one['count']:,}"
                )
                for one in best_loved
            ],
            "damped mean rating",
            table=_items(best_loved),
        )


def _what(exploration: _Dict) -> Iterator[Plot]:
    for number, breakdown in enumerate(exploration["by_item"]):
        yield _by_count(f"items-{number}", breakdown, "items", exploration)
        rated = [group for group in breakdown["groups"] if group["mean"] is not None]
        if rated:
            column, mean = words(breakdown["column"]), exploration["mean_rating"]
            best_first = sorted(rated, key=lambda group: -group["mean"])
            yield marks(
                f"item-means-{number}",
                f"Mean rating by {column}",
                f"Dashed: the mean of all ratings, {mean:.2f}.",
                [Row(one["name"], one["mean"], f"{one['mean']:.2f}") for one in best_first],
                "mean rating",
                line=mean,
                table=_figures(column, best_first, "items", exploration),
            )


def _by_whom(exploration: _Dict) -> Iterator[Plot]:
    for number, breakdown in enumerate(exploration["people"]):
        column, groups = words(breakdown["column"]), breakdown["groups"]
        yield marks(
            f"people-{number}",
            f"Most items by {column}",
            "Items that have an interaction, and the mean of their ratings.",
            [Row(one["name"], one["size"], f"{one['size']:,}{_and_mean(one)}") for one in groups],
            "items",
            are_bars=True,
            table=_figures(column, groups, "items", exploration),
        )


def _by_count(name: str, breakdown: _Dict, things: str, exploration: _Dict) -> Plot:
    column, groups = words(breakdown["column"]), breakdown["groups"]
    caption = f"Shares of all {exploration['n_interactions']:,} interactions"
    if exploration["mean_rating"] is not None:
        caption += f", and mean ratings; the mean of all is {exploration['mean_rating']:.2f}"
    if sum(group["count"] for group in groups) > exploration["n_interactions"]:
        caption += f". An item with several of {column} counts for each"
    return marks(
        name,
        f"Interactions by {column}",
        f"{caption}.",
        [
            Row(one["name"], one["count"], f"{_share(one, exploration)}{_and_mean(one)}")
            for one in groups
        ],
        "interactions",
        are_bars=True,
        table=_figures(column, groups, things, exploration),
    )


def _rating_shapes(name: str, breakdown: _Dict, levels: list[float]) -> Plot:
    """For each group the share of each rating among its own."""
    column, heads = words(breakdown["column"]), [f"{level:g}" for level in levels]
    shares, rows = {}, []
    for group, counts in zip(breakdown["groups"], breakdown["ratings"], strict=True):
        own = [100 * n / max(sum(counts), 1) for n in counts]
        shares[group["name"]] = own
        texts = (f"{n:,} ({share:.1f} %)" for n, share in zip(counts, own, strict=True))
        rows.append((group["name"], *texts))
    return columns(
        name,
        f"Ratings by {column}",
        f"Shares of each rating among the ratings of a group of {column}.",
        heads,
        shares,
        ((column, *heads), *rows),
        unit=" %",
        label_below="rating",
        label="share of the group's own",
    )


def _figures(column: str, groups: list[_Dict], things: str | None, exploration: _Dict) -> Table:
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


def _items(items: list[_Dict]) -> Table:
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
