"""What `maxella init` took each column for, on the console."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maxella.report.console import one_line, plain_or_ruled_table


def print_roles(findings: Sequence[dict[str, Any]], notes: Sequence[str], console: Console) -> None:
    """Print a table for each table of the data: column, role and reason; then the notes.

    `findings` are dicts of `table`, `column`, `role` and `reason`.
    """
    for table in dict.fromkeys(finding["table"] for finding in findings):
        console.print(Text(table, style="bold"))
        console.print(_rows([f for f in findings if f["table"] == table], console))
        console.print()
    for note in notes:
        console.print(Text(one_line(f"Note: {note}")))


def _rows(findings: Sequence[dict[str, Any]], console: Console) -> Table:
    table = plain_or_ruled_table(console, "column", "taken as", "because")
    for finding in findings:
        table.add_row(*(Text(one_line(finding[key])) for key in ("column", "role", "reason")))
    return table
