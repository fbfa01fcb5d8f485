"""The comparison on the console: colours and rules on a terminal, plain ASCII elsewhere.

The table never gets wider than the console: intervals give way first, then the
less important columns, and lines below say so.
"""

from typing import Any

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maxella.report.columns import Column, shown_columns
from maxella.report.findings import headline, trained_on_cuda, uses_of_time
from maxella.report.tasks import in_table_order, is_baseline

_RULED = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
_PLAIN = box.Box("    \n    \n -- \n    \n -- \n    \n    \n    \n", ascii=True)
_NAME_WIDTH = 28  # longer model names are cut to leave room for figures
_TASK_WIDTH = 12  # as for models
_GAP = 2
_CEILING = "ceiling"

_Cells = dict[Column, list[Text]]


def print_comparison(report: dict[str, Any], console: Console) -> None:
    """Print the comparison table, the ceiling and the answer in one sentence.

    The best of each column is bold on a terminal and marked `*` elsewhere.
    """
    models = in_table_order(report)
    names = [one_line(str(model["name"])) for model in models]
    columns = shown_columns(report)
    if any(column.ceiling(report) is not None for column in columns):
        names.append(_CEILING)
    name_width = max([len("model"), *(min(cell_len(name), _NAME_WIDTH) for name in names)])
    room = console.width - name_width

    cells = _cells(report, models, columns, console, with_intervals=True)
    has_intervals = _width(cells) <= room
    if not has_intervals:
        cells = _cells(report, models, columns, console, with_intervals=False)
    shown = _that_fit(cells, room)

    console.print(_table(names, models, shown, name_width, console))
    has_any = any(column.interval(model) for column in columns for model in models)
    left_out = ["95 % intervals"] if has_any and not has_intervals else []
    left_out += [column.full_label for column in columns if column not in shown]
    if left_out:
        print_line(console, f"Left out for want of width: {', '.join(left_out)}.", "dim")
    for line in [headline(report), *uses_of_time(report), *trained_on_cuda(report)]:
        print_line(console, line)
    slices = dict.fromkeys(one["slice"] for model in models for one in model.get("slices") or [])
    if slices:
        line = f"By slice ({', '.join(slices)}): in report.html and report.json."
        print_line(console, line, "dim")


def _table(
    names: list[str],
    models: list[dict[str, Any]],
    cells: _Cells,
    name_width: int,
    console: Console,
) -> Table:
    table = plain_or_ruled_table(console)
    table.add_column(
        "model", width=name_width, no_wrap=True, overflow="ellipsis", vertical="bottom"
    )
    for column in cells:
        # As wide as its texts at least, so that the table keeps what `_that_fit` counted.
        width = _column_width(column, cells[column]) - _GAP
        header = Text("\n".join(_header_lines(column)), justify="right")
        table.add_column(header, width=width, no_wrap=True, vertical="bottom")
    for row, name in enumerate(names):
        # A rule before the first baseline and before the ceiling.
        is_ceiling = row == len(models)
        if row and (is_ceiling or is_baseline(models[row]) > is_baseline(models[row - 1])):
            table.add_section()
        table.add_row(Text(name), *(texts[row] for texts in cells.values()))
    return table


def plain_or_ruled_table(console: Console, *heads: str) -> Table:
    """An empty table in the house's look: rules on a terminal, ASCII elsewhere.

    Its columns fold, but one whose head begins with `>` is of figures: to the right, unbroken.
    """
    table = Table(
        box=_RULED if console.is_terminal else _PLAIN,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),  # the box adds one
        header_style="bold" if console.is_terminal else "",
    )
    for head in heads:
        is_right = head.startswith(">")
        table.add_column(
            Text(head.removeprefix(">")),
            justify="right" if is_right else "left",
            no_wrap=is_right,
            overflow="fold",
        )
    return table


def _cells(
    report: dict[str, Any],
    models: list[dict[str, Any]],
    columns: list[Column],
    console: Console,
    *,
    with_intervals: bool,
) -> _Cells:
    """The cells of each column from top to bottom, the ceiling last, decimal points aligned."""
    cells: _Cells = {}
    for column in columns:
        best = column.best(models)
        values = [column.value(model) for model in models] + [column.ceiling(report)]
        halves = [column.half_width(model) if with_intervals else "" for model in models] + [""]
        has_marks = bool(best) and not console.is_terminal
        half_width = max(map(len, halves))
        tail = has_marks + (half_width and half_width + 1)
        value_width = max(
            max(map(cell_len, _header_lines(column))) - tail,
            *(len(column.text(value)) for value in values),
        )
        cells[column] = []
        for row, (value, half) in enumerate(zip(values, halves, strict=True)):
            text = Text(f"{column.text(value):>{value_width}}")
            is_learnt = row == len(models) or column.counts(models[row])
            text.stylize("bold" if row in best else "" if is_learnt else "dim")
            if has_marks:
                text.append("*" if row in best else " ")
            if half_width:
                text.append(f" {half:<{half_width}}", style="dim")
            cells[column].append(text)
    return cells


def _header_lines(column: Column) -> list[str]:
    """The label, on two lines where it is long; above it the task where there are several."""
    lines = column.label.split() if len(column.label) > 6 else [column.label]
    if not column.group:
        return lines
    task = set_cell_size(one_line(column.group), _TASK_WIDTH).rstrip()
    return [task, *[""] * (2 - len(lines)), *lines]


def _column_width(column: Column, texts: list[Text]) -> int:
    lines = [*_header_lines(column), *(text.plain for text in texts)]
    return max(map(cell_len, lines)) + _GAP


def _width(cells: _Cells) -> int:
    return sum(_column_width(column, texts) for column, texts in cells.items())


def _that_fit(cells: _Cells, room: int) -> _Cells:
    """The most important columns that fit, in the order of the table."""
    shown: set[Column] = set()
    for column in sorted(cells, key=lambda column: column.importance):
        room -= _column_width(column, cells[column])
        if room < 0:
            break
        shown.add(column)
    return {column: texts for column, texts in cells.items() if column in shown}


def one_line(text: str) -> str:
    """Text without the control characters that a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def print_line(console: Console, line: str, style: str = "") -> None:
    """Print a line as it is, without control characters."""
    console.print(Text(one_line(line), style=style))
