"""The page's section of slices: a table for each, its values down and the models across."""

from html import escape
from typing import Any

from maxella.report.cells import cell, group_row, name_of
from maxella.report.columns import FILTERED_TOP_100, NDCG_10, RMSE, Column, in_table_order
from maxella.report.html import section, table

_COLUMNS = (NDCG_10, FILTERED_TOP_100, RMSE)
_TITLES = {
    "activity": "activity: quartiles of the users by their interactions in training",
    "popularity": "popularity: items that hold the first, second and last third of the training "
    "interactions, the most popular first; cold ones have none",
}

_Model = dict[str, Any]
_Rows = dict[str, list[dict[str, Any]]]  # value → the slice as each model has it, {} for none


def by_slice(report: dict[str, Any]) -> str:
    """The section, empty where no model has a slice."""
    models = in_table_order(report)
    names = dict.fromkeys(str(one["slice"]) for model in models for one in _slices(model))
    tables = [_table(name, _rows(name, models), models) for name in names]
    if not tables:
        return ""
    note = (
        "The same figures over the users, or over the test interactions, of one slice. Ranks are "
        "those among all candidates; in a slice of items, a user's test items are those within "
        "it. Under a figure, half the width of its 95 % interval, which slices of fewer than ten "
        "users lack. Bold: the interval lies clear of all others in the row."
    )
    return section("By slice", f"<p>{note}</p>\n", f'<div class="slices">\n{"".join(tables)}</div>')


def _slices(model: _Model) -> list[dict[str, Any]]:
    return model.get("slices") or []


def _rows(name: str, models: list[_Model]) -> _Rows:
    rows: _Rows = {}
    for place, model in enumerate(models):
        for one in _slices(model):
            if one["slice"] == name:
                rows.setdefault(str(one["value"]), [{} for _ in models])[place] = one
    return rows


def _table(name: str, rows: _Rows, models: list[_Model]) -> str:
    bodies = []
    for column in _COLUMNS:
        has_any = any(column.value(one) is not None for row in rows.values() for one in row)
        if has_any:
            lines = [_line(column, value, row) for value, row in rows.items()]
            bodies.append([group_row(column.label, 2 + len(models)), *lines])
    heads = "".join(f'<th scope="col">{name_of(model)}</th>' for model in models)
    counts = '<th scope="col">users</th><th scope="col">interactions</th>'
    head = f'<tr><th scope="col">slice</th>{counts}{heads}</tr>'
    return table(_TITLES.get(name, name), head, bodies)


def _line(column: Column, value: str, row: list[dict[str, Any]]) -> str:
    best = column.clearly_best(row)
    counts = next(one for one in row if one)  # the same for each model
    cells = [f"<td>{counts.get(key, 0):,}</td>" for key in ("users", "interactions")]
    cells += [cell(column, one, is_best=place in best) for place, one in enumerate(row)]
    return f'<tr><th scope="row">{escape(value)}</th>{"".join(cells)}</tr>\n'
