import re

from maxella.report.columns import shown_columns
from maxella.report.markdown import markdown_table
from maxella.report.tasks import in_table_order


def parse(table):
    """Rows of cells, read as Markdown reads them: a bar ends a cell unless it is escaped."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    return [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in row] for row in rows]


def test_the_table_reads_back_to_the_figures(report):
    head, rule, *body = parse(markdown_table(report))
    columns = shown_columns(report)
    assert head == ["model", *(column.full_label for column in columns)]
    assert rule == ["---"] + ["---:"] * len(columns)
    for model, row in zip(in_table_order(report), body, strict=False):
        assert row[0] == model["name"]
        assert [cell.strip("*") for cell in row[1:]] == [column.cell(model) for column in columns]
    assert len(body) == len(report["models"]) + 1


def test_the_best_is_bold_and_the_ceiling_last(report):
    lines = markdown_table(report).splitlines()
    joint = next(line for line in lines if line.startswith("| joint |"))
    assert joint.startswith("| joint | **0.262 ±0.008** |")
    assert "| 3.676 ±0.008 |" in next(
        line for line in lines if line.startswith("| purchase-only |")
    )
    assert lines[-1].startswith("| *ceiling* | 0.871 | 1.000 | 0.871 | - |")


def test_no_ceiling_no_row(report):
    del report["ceiling"]
    assert "ceiling" not in markdown_table(report)


def test_hostile_names_stay_one_cell(report):
    name = "a|b\n| --- | <script> `x` **y** $z$"
    report["models"] = [report["models"][1] | {"name": name}]
    report["metrics"]["liked"]["auc"]["label"] = name
    rows = parse(markdown_table(report))
    assert len({len(row) for row in rows}) == 1
    assert rows[2][0] == "a|b | --- | <script> `x` **y** $z$"
    assert "<script" not in markdown_table(report).replace("\\<", "")


def test_no_models():
    assert parse(markdown_table({"models": []})) == [["model"], ["---"]]
