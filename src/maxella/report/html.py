"""What the pages share: one file each that loads nothing from anywhere.

A content security policy forbids scripts and requests, should an escape ever be missed.
"""

from collections.abc import Iterable
from html import escape
from importlib import resources

from maxella.report.plot import Plot

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(title: str, opening: str, sections: Iterable[str], footer: str) -> str:
    """A whole page; the title is escaped here, the other parts are HTML."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{resources.files("maxella.report").joinpath("page.css").read_text(encoding="utf-8")}</style>
</head>
<body>
{opening}
<main>
{"".join(sections)}</main>
<footer>{footer}</footer>
</body>
</html>
"""


def section(title: str, *contents: str) -> str:
    """A part of the page under a heading."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{''.join(contents)}\n</section>\n"


def figures(plots: Iterable[Plot]) -> str:
    """Drawings in a grid, each with its figures in a table that opens where it has them."""
    drawn = "".join(
        f"<figure>\n<h3>{escape(plot.title)}</h3>\n{plot.svg}\n"
        f"<figcaption>{escape(plot.caption)}</figcaption>\n{_figures_of(plot)}</figure>\n"
        for plot in plots
    )
    return f'<div class="plots">\n{drawn}</div>'


def table(caption: str, head: str, bodies: Iterable[list[str]], style: str = "") -> str:
    """A table that scrolls sideways where the page is narrow, also by keyboard."""
    inner = "".join(f"<tbody>\n{''.join(rows)}</tbody>\n" for rows in bodies if rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">\n'
        f'<table class="{style}">\n<caption><span>{escape(caption)}</span></caption>\n'
        f"<thead>{head}</thead>\n{inner}</table>\n</div>\n"
    )


def text_table(
    caption: str, head: Iterable[str], rows: Iterable[Iterable[str]], style: str = ""
) -> str:
    """A table of plain texts; the first of each row is its heading."""
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    lines = []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(text)}</td>" for text in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>\n')
    return table(caption, f"<tr>{heads}</tr>", [lines], style)


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """Terms and what they mean."""
    items = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>\n" for term, text in rows)
    return f"<dl>\n{items}</dl>\n"


def _figures_of(plot: Plot) -> str:
    if not plot.table:
        return ""
    head, *rows = plot.table
    shown = text_table(f"{plot.title}: the figures", head, rows)
    return f"<details>\n<summary>The figures</summary>\n{shown}</details>\n"
