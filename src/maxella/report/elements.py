"""The pieces that a page is made of; all text in them is escaped."""

from collections.abc import Iterable
from html import escape
from typing import Any

from maxella.report.columns import MISSING, Column

NONE = "—"


def section(title: str, *contents: str) -> str:
    """A part of the page; the contents are HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{''.join(contents)}\n</section>\n"


def table(caption: str, head: str, bodies: Iterable[list[str]], style: str = "") -> str:
    """A table that scrolls sideways where the page is narrow, also by keyboard."""
    inner = "".join(f"<tbody>\n{''.join(rows)}</tbody>\n" for rows in bodies if rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">\n'
        f'<table class="{style}">\n<caption><span>{escape(caption)}</span></caption>\n'
        f"<thead>{head}</thead>\n{inner}</table>\n</div>\n"
    )


def group_row(group: str, n_columns: int) -> str:
    """What heads the rows of a group: its name, and nothing in the other columns."""
    return (
        f'<tr class="group"><th scope="rowgroup">{escape(group)}</th>'
        f'<td colspan="{n_columns}"></td></tr>\n'
    )


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Terms and what they mean."""
    items = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>\n" for term, text in rows)
    return f"<dl>\n{items}</dl>\n"


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
