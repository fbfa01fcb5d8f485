import io
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len
from rich.console import Console

from maxella.report.console import print_comparison
from maxella.report.findings import findings

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def shown(report, width, *, terminal=False):
    colours = "standard" if terminal else None
    console = Console(
        file=io.StringIO(), width=width, force_terminal=terminal, color_system=colours
    )
    print_comparison(report | {"findings": findings(report)}, console)
    return console.file.getvalue()


def row_of(text, name):
    """A row of the table with its cells one space apart."""
    return " ".join(next(line for line in text.splitlines() if line.startswith(name)).split())


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 200])
@pytest.mark.parametrize("terminal", [False, True])
def test_no_line_is_wider_than_the_console(report, width, terminal):
    for line in _ESCAPE.sub("", shown(report, width, terminal=terminal)).splitlines():
        assert cell_len(line) <= width


def test_at_170_columns_every_figure_stands(report):
    text = shown(report, 170)
    assert "Left out" not in text
    assert row_of(text, "joint") == (
        "joint 0.262* ±0.008 0.162* ±0.008 0.161 ±0.008 0.874* ±0.008 0.692* ±0.008 "
        "0.781* ±0.008 0.541* ±0.008 5.60 0.90*"
    )
    assert row_of(text, "bias") == "bias - - - 0.905 ±0.008 0.718 ±0.008 - - 0.02 0.90*"
    assert row_of(text, "ceiling") == "ceiling 0.871 1.000 0.871 - - - - - -"


def test_each_column_is_headed_by_its_task(report):
    assert shown(report, 170).splitlines()[0].split() == [
        *["purchase"] * 3,
        *["stars"] * 2,
        *["liked"] * 2,
    ]
    report["tasks"] = report["tasks"][:1]
    assert "purchase " not in shown(report, 170).splitlines()[0]


def test_at_60_columns_what_decides_stands_whole(report):
    text = shown(report, 60)
    assert row_of(text, "model") == "model top-100 ndcg@10 top-100 RMSE AUC"
    assert row_of(text, "EASE") == "EASE 0.257 0.140 0.190* - -"
    assert (
        "Left out for want of width: 95 % intervals, stars: MAE, liked: log loss, fit s, "
        "evaluate s."
    ) in " ".join(text.split())
    assert "…" not in text


def test_figures_are_aligned(report):
    lines = shown(report, 170).splitlines()
    lines = lines[: lines.index("")]  # the comparison
    places = {line.index("0.") for line in lines if re.match(r"\S+ +0\.", line)}
    assert len(places) == 1


def test_a_pipe_gets_no_escapes_and_no_box_letters(report):
    text = shown(report, 160)
    assert "\x1b" not in text
    assert text.replace("±", "").isascii()


def test_a_terminal_gets_the_best_in_bold(report):
    text = shown(report, 160, terminal=True)
    assert "*" not in text
    assert "\x1b[1m0.262\x1b[0m" in text
    assert "\x1b[1m0.158" not in text
    assert "\x1b[2m3.676\x1b[0m" in text  # not learnt


def test_baselines_and_ceiling_stand_below_a_rule(report):
    lines = shown(report, 120).splitlines()
    rules = [row for row, line in enumerate(lines) if line.startswith("---")]
    below = [lines[row + 1].split()[0] for row in rules]
    assert below[:3] == ["purchase-only", "popularity", "ceiling"]


def test_the_answer_stands_below_the_table(report):
    text = " ".join(shown(report, 120).split())
    assert " ".join(findings(report)) in text
    assert text.endswith("Note: No duplicate pairs.")


@pytest.mark.parametrize("width", [60, 80, 110])
def test_each_model_stands_against_the_best_baseline(report, width):
    text = shown(report, width)
    below = text[text.index("joint, purchase") :]
    told = row_of(below, "filtered top-100")
    assert told.endswith("+0.0010 to +0.0090 ahead")
    if width > 80:
        assert told.startswith("filtered top-100 0.262 EASE 0.257 +0.0050")
    assert row_of(below, "AUC").endswith("-0.0100 to +0.0500 level")


def test_names_are_text_and_no_command(report):
    report["models"][0]["name"] = "[bold]a[/bold]\x1b[31m\n$b$"
    text = shown(report, 160)
    assert "[bold]a[/bold] [31m $b$" in text
    assert "\x1b" not in text


def test_a_long_name_is_cut_so_that_figures_stay(report):
    report["models"][0]["name"] = "long " * 30
    text = shown(report, 80)
    assert re.search(r"^long long .*… +0\.231", text, re.MULTILINE)


def test_a_report_of_nothing(report):
    text = shown({"models": []}, 80)
    assert "model" in text
    assert "No model of this report has a figure to judge it by." in text


def test_without_intervals_none_are_shown(report):
    for model in report["models"]:
        del model["intervals"]
        model.pop("paired", None)
    text = shown(report, 200) + shown(report, 80)
    assert "±" not in text
    assert "95 % +" not in text
    assert "not known" in text


def test_the_console_loads_no_plotting_and_no_torch():
    code = (
        "import sys, maxella.report.console;"
        "print([name for name in ('matplotlib', 'torch', 'polars') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
