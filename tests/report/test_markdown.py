import re

from maxella.report.columns import COLUMNS, in_table_order
from maxella.report.markdown import markdown_table


def parse(table):
    """Rows of cells, read as Markdown reads them: a bar ends a cell unless it is escaped."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    return [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in row] for row in rows]


def test_the_table_reads_back_to_the_figures(report):
    head, rule, *body = parse(markdown_table(report))
    assert head == ["model", *(column.label for column in COLUMNS)]
    assert rule == ["---"] + ["---:"] * len(COLUMNS)
    for model, row in zip(in_table_order(report), body, strict=False):
        assert row[0] == model["name"]
        for column, cell in zip(COLUMNS, row[1:], strict=True):
            figure = cell.strip("*").split(" ±")[0].replace(",", "")
            assert (None if figure == "-" else float(figure)) == rounded(column, model)
    assert len(body) == len(report["models"]) + 1


def rounded(column, model):
    value = column.value(model)
    return None if value is None else float(f"{value:.{column.digits}f}")


def test_the_best_is_bold_and_the_ceiling_last(report):
    lines = markdown_table(report).splitlines()
    assert "**0.290 ±0.006**" in lines[-2]
    assert lines[-2].startswith("| EASE |")
    assert lines[-1].startswith("| *ceiling* | 0.871 | 0.871 | 0.983 | 1.000 | - |")


def test_no_ceiling_no_row(report):
    del report["ceiling"]
    assert "ceiling" not in markdown_table(report)


def test_a_hostile_name_stays_one_cell(report):
    name = "a|b\n| --- | <script> `x` **y** $z$"
    report["models"] = [report["models"][2] | {"name": name}]
    rows = parse(markdown_table(report))
    assert len({len(row) for row in rows}) == 1
    assert rows[2][0] == "a|b | --- | <script> `x` **y** $z$"
    assert "<script" not in markdown_table(report).replace("\\<", "")


def test_no_models():
    assert parse(markdown_table({"models": []})) == [["model"], ["---"]]
