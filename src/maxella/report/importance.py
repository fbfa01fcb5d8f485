"""What each feature is worth, as rows of a table, and as heat maps of what multiplies what."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maxella.printed import one_line
from maxella.report.columns import metric_column
from maxella.report.console import plain_or_ruled_table, print_left_out, print_line, width_of
from maxella.report.tasks import tasks_of

NO_EFFECT = "shows no effect here"

_Shades = list[tuple[str, float]]


@dataclass(frozen=True)
class Cell:
    """A loss and its interval as texts."""

    loss: str  # such as +0.0123
    interval: str  # such as [0.0100, 0.0145]
    shows: bool


def importance_table(report: dict[str, Any]) -> tuple[list[str], list[tuple[str, list[Cell]]]]:
    """Labels of the metrics, and a row for each feature: its name and a cell for each metric.

    Headline metrics come first, and the feature with the largest share of a metric that is lost.
    """
    found = report.get("importance") or {}
    headlines = {f"{t['name']}.{key}" for t in tasks_of(report) for key in t.get("headline") or []}
    metrics = found.get("metrics") or {}
    metrics = {
        name: metrics[name] for name in sorted(metrics, key=lambda one: one not in headlines)
    }

    def share(row: dict[str, Any]) -> float:
        """The largest loss against the figure itself that leaves 0 out."""
        clear = {name: loss["value"] for name, loss in row["losses"].items() if _shows(loss)}
        return max((of / (abs(metrics[name]) or 1.0) for name, of in clear.items()), default=0.0)

    rows = sorted(found.get("features") or [], key=share, reverse=True)
    # No name of a task has a dot.
    columns = [metric_column(report, *name.split(".", 1)) for name in metrics]
    return [one.full_label if one else name for one, name in zip(columns, metrics, strict=True)], [
        (f"{row['side']}.{row['name']}", [_cell(row["losses"][name]) for name in metrics])
        for row in rows
    ]


def print_importance(report: dict[str, Any], console: Console) -> None:
    """Print the table as far as there is room, what its figures mean, and what multiplies what."""
    labels, rows = importance_table(report)

    def table_of(n_metrics: int) -> Table:
        table = plain_or_ruled_table(console)
        table.add_column("feature", vertical="top", no_wrap=True)
        for label in labels[:n_metrics]:
            head = Text(one_line(label).replace(": ", ":\n").replace(" ", "\n", 2), justify="right")
            table.add_column(head, justify="right", no_wrap=True, vertical="bottom")
        for name, cells in rows:
            table.add_row(Text(one_line(name)), *map(_text, cells[:n_metrics]))
        return table

    fitting = (
        n for n in range(len(labels), 1, -1) if width_of(table_of(n), console) <= console.width
    )
    n_shown = next(fitting, 1)
    console.print(table_of(n_shown))
    if labels[n_shown:]:
        print_left_out(labels[n_shown:], console)
    for line in importance_lines(report):
        print_line(console, line)


def importance_lines(report: dict[str, Any]) -> list[str]:
    """What the table says, in sentences."""
    found = report.get("importance")
    if not found:
        return []
    caption = (
        "How much worse the model gets when a feature is permuted among users, items or contexts, "
        f"mean of {found['repeats']} permutations; [low, high] of the 95 % interval over users and "
        "permutations."
    )
    lines = [caption]
    _, rows = importance_table(report)
    silent = [name for name, cells in rows if not any(cell.shows for cell in cells)]
    if silent:
        lines.append(f"{', '.join(silent)}: {NO_EFFECT}.")
    if found["note"]:
        lines.append(found["note"])
    for place, of_place in found["cross"].items():
        norms = {
            (a, b): norm
            for a, of_a in zip(of_place["names"], of_place["norms"], strict=True)
            for b, norm in zip(of_place["names"], of_a, strict=True)
        }
        a, b = max(norms, key=lambda pair: norms[pair])
        lines.append(f"Cross layers of the {place} multiply most: {a} by {b}.")
    return lines


def cross_maps(report: dict[str, Any]) -> list[tuple[str, list[str], list[tuple[str, _Shades]]]]:
    """Of each place with cross layers: a title, the features, and a row of norms for each.

    A norm is its text and its part of the largest, 0 to 1.
    """
    maps = []
    for place, found in ((report.get("importance") or {}).get("cross") or {}).items():
        largest = max(map(max, found["norms"])) or 1.0
        rows = [[(f"{norm:.2g}", norm / largest) for norm in row] for row in found["norms"]]
        title = (
            f"What the cross layers of the {place} multiply: norms of the blocks of W (DCN-v2). "
            "Row a, column b is how strongly feature b is multiplied into feature a."
        )
        maps.append((title, found["names"], list(zip(found["names"], rows, strict=True))))
    return maps


def _cell(loss: dict[str, Any]) -> Cell:
    bounds = loss["interval"]
    interval = f"[{bounds[0]:+.4f}, {bounds[1]:+.4f}]" if bounds else ""
    return Cell(f"{loss['value']:+.4f}", interval, _shows(loss))


def _shows(loss: dict[str, Any]) -> bool:
    """Whether there is an interval, and leaves 0 out, to the digits shown."""
    low, high = (round(end, 4) for end in loss["interval"] or (0, 0))
    return bool(low > 0 or high < 0)


def _text(cell: Cell) -> Text:
    text = Text(cell.loss, style="bold" if cell.shows else "dim")
    return text.append(f"\n{cell.interval}", style="dim not bold") if cell.interval else text
