"""The comparison as a Markdown table, for a README or a page of documentation."""

import re
from typing import Any

from maxella.report.columns import MISSING, shown_columns
from maxella.report.tasks import in_table_order

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")


def markdown_table(report: dict[str, Any]) -> str:
    """The comparison table: best in bold, `± half width`, baselines and the ceiling below."""
    models, columns = in_table_order(report), shown_columns(report)
    cells = [[escape(str(model["name"])) for model in models]]
    for column in columns:
        best = column.best(models)
        texts = [column.cell(model) for model in models]
        cells.append([f"**{text}**" if row in best else text for row, text in enumerate(texts)])
    rows = [list(row) for row in zip(*cells, strict=True)]
    ceilings = [column.text(column.ceiling(report)) for column in columns]
    if any(text != MISSING for text in ceilings):
        rows.append(["*ceiling*", *ceilings])
    head = ["model", *(escape(column.full_label) for column in columns)]
    lines = [head, ["---", *["---:"] * len(columns)]]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines + rows)


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> print(escape("a|b_c"))
    a\|b\_c
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
