"""Cells of the tables that compare models; all text in them is escaped."""

from html import escape
from typing import Any

from maxella.report.columns import MISSING, Column

NONE = "—"


def group_row(group: str, n_columns: int) -> str:
    """What heads the rows of a group: its name, and nothing in the other columns."""
    return (
        f'<tr class="group"><th scope="rowgroup">{escape(group)}</th>'
        f'<td colspan="{n_columns}"></td></tr>\n'
    )


def name_of(model: dict[str, Any]) -> str:
    """A model's name."""
    return escape(str(model["name"]))


def cell(column: Column, row: dict[str, Any], *, is_best: bool) -> str:
    """A figure, half its interval's width below; the row is a model or one of its slices."""
    text = dash(column.text(column.value(row)))
    shown = f"<strong>{text}</strong>" if is_best else text
    return f"<td>{shown}{small(column.half_width(row))}</td>"


def small(text: str) -> str:
    """The interval below a figure."""
    return f'<span class="half">{text}</span>' if text else ""


def words(label: str) -> str:
    """A label that breaks between words only, not at the hyphen of `top-100`."""
    return " ".join(f'<span class="word">{escape(word)}</span>' for word in label.split())


def dash(text: str) -> str:
    """A figure's text, a dash where there is none."""
    return NONE if text == MISSING else escape(text)
