"""What a data set holds, on the console: one table per question."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maxella.data.describe import bar_name
from maxella.printed import one_line
from maxella.report.console import plain_or_ruled_table, print_line

_BAR_WIDTH = 30
_FIGURES_WIDTH = 40  # of the histogram, bars left out
_SPREADS = (("per user", "activity"), ("per item", "popularity"))
_QUARTILES = ("minimum", "lower_quartile", "median", "mean", "upper_quartile", "maximum")


def print_description(description: dict[str, Any], console: Console) -> None:
    """Print a data set's figures: the dict of `maxella.data.describe.describe`."""
    print_line(console, f"{description['name']}: {_summary(description)}")
    for name in ("interactions", "users", "items"):
        table = description[name]
        if table["columns"]:
            console.print(Text(f"\n{name}, {table['rows']:,} rows", "bold"))
            console.print(_columns(table["columns"], console))
    if description["ratings"]:
        console.print(Text(f"\nratings, mean {description['mean_rating']:.2f}", "bold"))
        console.print(_histogram(description["ratings"], console))
    console.print(Text("\ninteractions", "bold"))
    spread = plain_or_ruled_table(console, "", ">min", ">25 %", ">median", ">mean", ">75 %", ">max")
    for label, key in _SPREADS:
        figures = (f"{description[key][name]:,.1f}".removesuffix(".0") for name in _QUARTILES)
        spread.add_row(label, *figures)
    console.print(spread)
    for note in description["notes"]:
        print_line(console, f"Note: {note}")


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
            Text(one_line(column["type"])),
            f"{column['missing']:,}",
            f"{column['missing_percent']:.2f}",
        )
    return table


def _histogram(bars: list[dict[str, Any]], console: Console) -> Table:
    table = plain_or_ruled_table(console, ">rating", ">count", ">share")
    table.add_column("", no_wrap=True, overflow="crop")
    counts = [bar["count"] for bar in bars]
    width = max(1, min(_BAR_WIDTH, console.width - _FIGURES_WIDTH))
    letter = "█" if console.is_terminal else "#"
    for bar in bars:
        table.add_row(
            bar_name(bar),
            f"{bar['count']:,}",
            f"{100 * bar['count'] / sum(counts):.1f} %",
            letter * round(width * bar["count"] / max(counts)),
        )
    return table


def _day(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):  # milliseconds taken for seconds, say
        return f"{seconds} s"
