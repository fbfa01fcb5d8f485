"""Tables on the console: colours and rules on a terminal, plain ASCII elsewhere.

The comparison never gets wider than the console: intervals give way first, then the
less important columns, and lines below say so.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maxella.printed import one_line
from maxella.report.against import HEADS, against_best
from maxella.report.columns import Column, shown_columns
from maxella.report.tasks import in_table_order, is_baseline

_RULED = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
_PLAIN = box.Box("    \n    \n -- \n    \n -- \n    \n    \n    \n", ascii=True)
_NAME_WIDTH = 28  # longer model names are cut to leave room for figures
_TASK_WIDTH = 12  # as for models


def print_comparison(report: dict[str, Any], console: Console) -> None:
    """Print the comparison table, each model against the best baseline, findings and notes.

    The best of each column is bold on a terminal and marked `*` elsewhere.
    """
    models, columns = in_table_order(report), shown_columns(report)
    shown, with_intervals = columns, True
    table = _table(report, models, shown, console, with_intervals=True)
    while shown and width_of(table, console) > console.width:
        if not with_intervals:
            least = max(reversed(shown), key=lambda column: column.importance)
            shown = [column for column in shown if column is not least]
        with_intervals = False
        table = _table(report, models, shown, console, with_intervals=False)
    console.print(table)

    has_any = any(column.interval(model) for column in columns for model in models)
    left_out = ["95 % intervals"] if has_any and not with_intervals else []
    left_out += [column.full_label for column in columns if column not in shown]
    if left_out:
        print_left_out(left_out, console)
    _print_against(report, console)
    for line in report["findings"]:
        print_line(console, line)
    for note in (report.get("dataset") or {}).get("notes") or []:
        print_line(console, f"Note: {note}")
    slices = dict.fromkeys(one["slice"] for model in models for one in model.get("slices") or [])
    if slices:
        line = f"By slice ({', '.join(slices)}): in report.html and report.json."
        print_line(console, line, "dim")


def _print_against(report: dict[str, Any], console: Console) -> None:
    """The table of paired differences, a part for each model and task; narrow ones say less."""
    rows = against_best(report)
    if not rows:
        return
    parts = [list(of) for _, of in groupby(rows, lambda row: (row.column.task, row.texts[0]))]
    places = [1, 2, 3, 4, 5, 6]
    for least in (None, 2, 4, 3):  # the figure, the difference, then the baseline give way
        places = [place for place in places if place != least]
        widths = [
            max(cell_len(t[n]) for t in [HEADS, *(row.texts for row in rows)]) for n in places
        ]
        if sum(widths) + 2 * len(widths) <= console.width:
            break
    for number, part in enumerate(parts):
        column, name = part[0].column, part[0].texts[0]
        print_line(console, "")
        print_line(console, f"{name}, {column.task}" if column.group else name, "bold")
        table = plain_or_ruled_table(console, *(HEADS[place] for place in places))
        table.show_header = number == 0
        for place, width, column_of in zip(places, widths, table.columns, strict=True):
            column_of.min_width = width
            column_of.justify = "right" if place in {2, 4} else "left"
        for row in part:
            table.add_row(*(Text(one_line(row.texts[place])) for place in places))
        console.print(table)
    print_line(console, "")


def print_roles(findings: Sequence[dict[str, Any]], notes: Sequence[str], console: Console) -> None:
    """What `maxella init` took each column for: a table for each table of the data; then the notes.

    `findings` are dicts of `table`, `column`, `role` and `reason`.
    """
    for name in dict.fromkeys(finding["table"] for finding in findings):
        table = plain_or_ruled_table(console, "column", "taken as", "because")
        for finding in findings:
            if finding["table"] == name:
                cells = (finding[key] for key in ("column", "role", "reason"))
                table.add_row(*(Text(one_line(cell)) for cell in cells))
        print_line(console, name, "bold")
        console.print(table)
        console.print()
    for note in notes:
        print_line(console, f"Note: {note}")


def plain_or_ruled_table(console: Console, *heads: str) -> Table:
    """An empty table in the house's look: rules on a terminal, ASCII elsewhere.

    Its columns fold, but one whose head begins with `>` is of figures: to the right, unbroken.
    """
    table = Table(
        box=_RULED if console.is_terminal else _PLAIN,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # the box adds one
        header_style="bold" if console.is_terminal else "",
    )
    for head in heads:
        is_right = head.startswith(">")
        table.add_column(
            Text(one_line(head.removeprefix(">"))),
            justify="right" if is_right else "left",
            no_wrap=is_right,
            overflow="fold",
        )
    return table


def _table(
    report: dict[str, Any],
    models: list[dict[str, Any]],
    columns: list[Column],
    console: Console,
    *,
    with_intervals: bool,
) -> Table:
    names = [one_line(str(model["name"])) for model in models]
    if any(column.ceiling(report) is not None for column in columns):
        names.append("ceiling")
    table = plain_or_ruled_table(console)
    width = min(max(map(cell_len, ["model", *names])), _NAME_WIDTH)
    table.add_column("model", width=width, no_wrap=True, overflow="ellipsis", vertical="bottom")
    for column in columns:
        head = Text("\n".join(_head(column)), justify="right")
        table.add_column(head, no_wrap=True, vertical="bottom")
    cells = [_cells(report, models, column, console, with_intervals) for column in columns]
    for row, name in enumerate(names):
        # A rule before the first baseline and before the ceiling.
        is_ceiling = row == len(models)
        if row and (is_ceiling or is_baseline(models[row]) > is_baseline(models[row - 1])):
            table.add_section()
        table.add_row(Text(name), *(texts[row] for texts in cells))
    return table


def _cells(
    report: dict[str, Any],
    models: list[dict[str, Any]],
    column: Column,
    console: Console,
    with_intervals: bool,
) -> list[Text]:
    """The cells of a column from top to bottom, the ceiling last, decimal points aligned."""
    best = column.best(models)
    has_marks = bool(best) and not console.is_terminal
    halves = [column.half_width(model) if with_intervals else "" for model in models] + [""]
    half_width = max(map(len, halves))
    tail = has_marks + (half_width and half_width + 1)
    values = [column.value(model) for model in models] + [column.ceiling(report)]
    texts = [column.text(value) for value in values]
    width = max(max(map(cell_len, _head(column))) - tail, *map(len, texts))
    cells = []
    for row, (text, half) in enumerate(zip(texts, halves, strict=True)):
        is_grey = row < len(models) and not column.counts(models[row])
        cell = Text.assemble((f"{text:>{width}}", "bold" if row in best else "dim" * is_grey))
        if has_marks:
            cell.append("*" if row in best else " ")
        if half_width:
            cell.append(f" {half:<{half_width}}", style="dim")
        cells.append(cell)
    return cells


def _head(column: Column) -> list[str]:
    """The label, on two lines where it is long; above it the task where there are several."""
    lines = column.label.split() if len(column.label) > 6 else [column.label]
    if not column.group:
        return lines
    task = set_cell_size(one_line(column.group), _TASK_WIDTH).rstrip()
    return [task, *[""] * (2 - len(lines)), *lines]


def width_of(table: Table, console: Console) -> int:
    """What a table would take, had it all the room there is."""
    return console.measure(table, options=console.options.update(max_width=10_000)).maximum


def print_left_out(labels: Sequence[str], console: Console) -> None:
    """Say which columns there was no room for."""
    print_line(console, f"Left out for want of width: {', '.join(labels)}.", "dim")


def print_line(console: Console, line: str, style: str = "") -> None:
    """Print a line as it is, without control characters."""
    console.print(Text(one_line(line), style=style))
