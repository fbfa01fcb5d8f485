import io
import re
from dataclasses import replace

import polars as pl
import pytest
from rich.console import Console

from maxella.data.quality import check_data
from maxella.data.split import split_interactions
from maxella.report.quality import headline, in_order, print_quality
from maxella.report.quality_page import quality_page
from maxella.report.quality_plots import SECTIONS, draw_quality
from maxella.sources.synthetic import read_synthetic

EVIL = '<b>"X"</b>'
HEADINGS = [
    "Interactions by month",
    "Interactions by month of the year",
    "Interactions by weekday",
    "Users by activity",
    "Items by popularity",
    "Ratings",
]


def _checked(tables, kind="random"):
    split = split_interactions(
        tables.interactions, kind=kind, test=0.25 * (kind != "none"), validation=0.0, seed=1
    )
    return check_data(tables, split) | {"split": {"kind": kind}}


@pytest.fixture(scope="module")
def tables():
    made = read_synthetic(n_users=80, n_items=100, n_interactions=2000)
    return replace(made, notes=("2 rows were dropped.",))


@pytest.fixture(scope="module")
def quality(tables):
    return _checked(tables)


def test_the_page_has_each_figure_and_its_table(quality):
    page = quality_page(quality)
    assert re.findall(r"<h3>(.*?)</h3>", page) == HEADINGS
    assert page.count("<svg") == page.count("<details>") == len(HEADINGS)
    for heading in ("Findings", *SECTIONS):
        assert f"<h2>{heading}</h2>" in page
    assert "have half of all interactions." in page
    assert "2 rows were dropped." in page
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_every_finding_stands_in_the_page_and_on_the_console(quality):
    page = quality_page(quality)
    console = Console(file=io.StringIO(), width=400)
    print_quality(quality, console)
    printed = console.file.getvalue()
    assert headline(quality) in printed
    for finding in quality["findings"]:
        name = finding["name"].replace("_", " ")
        assert name in page
        assert name in printed
        if finding["severity"] != "ok":
            for text in (finding["message"], finding["advice"], *finding["examples"]):
                assert text in printed
    severities = [finding["severity"] for finding in in_order(quality)]
    assert severities == sorted(severities, key=["warning", "note", "ok"].index)


def test_titles_are_escaped_and_nothing_is_loaded(tables):
    evil = replace(
        tables,
        name=EVIL,
        notes=(EVIL,),
        interactions=tables.interactions.with_columns(event=pl.lit(EVIL)),
        users=tables.users.with_columns(pl.lit(None, pl.String).alias("<script>")),
        items=tables.items.with_columns(title=pl.lit(EVIL)),
    )
    page = quality_page(_checked(evil))
    assert "<b>" not in page
    assert "<script" not in page
    assert "&lt;b&gt;" in page
    for address in ("http:", "https:", "//", "@import", "src="):
        assert address not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert "default-src 'none'" in page


def test_control_characters_of_a_name_do_not_break_a_drawing(tables):
    log = tables.interactions.with_columns(event=pl.lit("a\x00b\x1b[31m"))
    assert "a b [31m" in quality_page(_checked(replace(tables, interactions=log)))


def test_the_same_data_give_the_same_bytes(tables):
    assert quality_page(_checked(tables)) == quality_page(_checked(tables))


def test_plots_without_their_columns_are_left_out(tables):
    bare = replace(
        tables,
        interactions=tables.interactions.select("user_id", "item_id"),
        users=tables.users.select("user_id"),
        items=tables.items.select("item_id"),
    )
    quality = _checked(bare, "none")
    plots = draw_quality(quality["exploration"])
    assert [[plot.title for plot in of] for of in plots.values()] == [
        ["Users by activity", "Items by popularity"]
    ]
    assert "<h2>Labels</h2>" not in quality_page(quality)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_log_of_a_few_rows_can_be_drawn(tables, n):
    few = replace(tables, interactions=tables.interactions[:n])
    assert "<h2>When</h2>" in quality_page(_checked(few, "none"))


def test_the_table_beside_a_plot_holds_every_rating(quality):
    plots = {
        plot.title: plot for of in draw_quality(quality["exploration"]).values() for plot in of
    }
    table = plots["Ratings"].table
    assert table[0] == ("rating", "interactions", "of all")
    shown = [int(count.replace(",", "")) for _, count, _ in table[1:]]
    assert sum(shown) == quality["n_interactions"]
