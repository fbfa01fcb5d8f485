"""What a data set holds, on the console: one table per question."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maxella.report.console import one_line, plain_or_ruled_table

_BAR_WIDTH = 30
_FIGURES_WIDTH = 40  # of the histogram, bars left out
_SPREADS = (("per user", "activity"), ("per item", "popularity"))
_QUARTILES = ("minimum", "lower_quartile", "median", "mean", "upper_quartile", "maximum")


def print_description(description: dict[str, Any], console: Console) -> None:
    """Print a data set's figures: the dict of `maxella.data.describe.Description.to_dict`."""
    _print(console, f"{description['name']}: {_summary(description)}")
    for name in ("interactions", "users", "items"):
        table = description[name]
        if table["columns"]:
            _print(console, f"\n{name}, {table['rows']:,} rows", "bold")
            console.print(_columns(table["columns"], console))
    if description["ratings"]:
        _print(console, f"\nratings, mean {description['mean_rating']:.2f}", "bold")
        console.print(_histogram(description["ratings"], console))
    _print(console, "\ninteractions", "bold")
    console.print(_spread(description, console))
    for note in description["notes"]:
        _print(console, f"Note: {note}")


def _summary(description: dict[str, Any]) -> str:
    counts = [f"{description[f'n_{name}']:,} {name}" for name in ("interactions", "users", "items")]
    parts = [*counts, f"density {100 * description['density']:.3g} %"]
    if description["time_span"] is not None:
        first, last = (_day(seconds) for seconds in description["time_span"])
        parts.append(f"{first} to {last}")
    return ", ".join(parts)


def _columns(columns: list[dict[str, Any]], console: Console) -> Table:
    heads = ("column", ">distinct", "type", ">missing", ">missing %")
    table = plain_or_ruled_table(console, *heads)
    for column in columns:
        table.add_row(
            Text(one_line(column["name"])),
            f"{column['distinct']:,}",
            Text(column["type"]),
            f"{column['missing']:,}",
            f"{column['missing_percent']:.2f}",
        )
    return table


def _histogram(bars: list[dict[str, Any]], console: Console) -> Table:
    table = plain_or_ruled_table(console, ">rating", ">count", ">share")
    table.add_column("", no_wrap=True, overflow="crop")
    total = sum(bar["count"] for bar in bars)
    most = max(bar["count"] for bar in bars)
    width = max(1, min(_BAR_WIDTH, console.width - _FIGURES_WIDTH))
    letter = "█" if console.is_terminal else "#"
    for bar in bars:
        is_value = bar["low"] == bar["high"]
        table.add_row(
            f"{bar['low']:g}" if is_value else f"{bar['low']:g} to {bar['high']:g}",
            f"{bar['count']:,}",
            f"{100 * bar['count'] / max(total, 1):.1f} %",
            letter * round(width * bar["count"] / max(most, 1)),
        )
    return table


def _spread(description: dict[str, Any], console: Console) -> Table:
    heads = (">min", ">25 %", ">median", ">mean", ">75 %", ">max")
    table = plain_or_ruled_table(console, "", *heads)
    for label, key in _SPREADS:
        table.add_row(
            label, *(f"{description[key][name]:,.1f}".removesuffix(".0") for name in _QUARTILES)
        )
    return table


def _day(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):  # milliseconds taken for seconds, say
        return f"{seconds} s"


def _print(console: Console, line: str, style: str = "") -> None:
    start = "\n" * line.startswith("\n")
    console.print(Text(start + one_line(line.removeprefix("\n")), style=style))
