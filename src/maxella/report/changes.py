"""What preparing a data set changed, on the console: a table of counts, one of examples."""

from typing import Any

from rich.console import Console
from rich.text import Text

from maxella.report.console import one_line, plain_or_ruled_table

_MOST_EXAMPLES = 3  # of a step; changes.json has up to ten


def print_changes(report: dict[str, Any], console: Console) -> None:
    """Print the report of `maxella.sources.prepare.prepare`."""
    counts = plain_or_ruled_table(console, "step", "what changed", ">count")
    examples = plain_or_ruled_table(console, "step", "before", "after")
    for step in report["steps"]:
        name = _text(step["name"])
        counts.add_section()
        counts.add_row(name, _text(step["does"]), "")
        for what, count in step["counts"].items():
            counts.add_row("", _text(f"  {what}"), f"{count:,}")
        if step["note"]:
            counts.add_row("", _text(f"  {step['note']}"), "")
        if step["examples"]:
            examples.add_section()
        for row, (before, after) in enumerate(step["examples"][:_MOST_EXAMPLES]):
            examples.add_row("" if row else name, _text(before), _text(after))
    console.print(counts)
    if examples.row_count:
        console.print(Text("\nexamples"), style="bold")
        console.print(examples)
    rows = ", ".join(f"{count:,} {name}" for name, count in report["rows"].items())
    console.print(_text(f"Written: {rows}."))
    for note in report["notes"]:
        console.print(_text(f"Note: {note}"))


def _text(words: str) -> Text:
    return Text(one_line(words))
