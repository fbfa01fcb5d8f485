import re
from xml.etree import ElementTree as ET

import pytest

from maxella.report.plots import draw_plots


def drawn(report):
    return {plot.name: plot for plot in draw_plots(report)}


def root_of(plot):
    return ET.fromstring(plot.svg)  # noqa: S314 - our own drawing


def texts(plot):
    """All visible text of a drawing."""
    return ["".join(text.itertext()) for text in root_of(plot).iter("text")]


def alt(plot):
    return root_of(plot).get("aria-label")


def test_a_full_report_has_every_plot(report):
    assert list(drawn(report)) == [
        "trade-off",
        "raw-top-100",
        "recall",
        "ndcg",
        "retrieval-loss",
        "rating-loss",
        "ratings",
    ]


def test_an_empty_report_has_none():
    assert draw_plots({"models": []}) == []


def test_the_same_report_gives_the_same_bytes(report):
    assert draw_plots(report) == draw_plots(report)


def test_drawings_leave_the_colours_and_sizes_to_the_page(report):
    for plot in draw_plots(report):
        assert not re.search(r"#[0-9a-f]{6}\b", plot.svg)
        assert "var(--ink)" in plot.svg or "var(--muted)" in plot.svg
        root = root_of(plot)
        assert root.get("width") is None
        assert root.get("viewBox", "").startswith("0 0 460 ")
        assert root.get("role") == "img"


def test_ids_are_unique_in_the_page_and_what_is_pointed_to_exists(report):
    page = "".join(plot.svg for plot in draw_plots(report))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)) != set()
    for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page):
        assert "".join(pair) in ids


def test_the_trade_off_names_every_model_and_says_what_is_off_the_scale(report):
    plot = drawn(report)["trade-off"]
    assert set(texts(plot)) >= {
        "rating-specialised",
        "retrieval-specialised (RMSE 3.676)",
        "joint",
        "popularity",
        "bias",
        "EASE",
    }
    assert "bias: raw top-100 -, RMSE 0.905" in alt(plot)
    assert "EASE: raw top-100 0.290, RMSE -" in alt(plot)


def test_a_trade_off_needs_a_model_with_both_sides(report):
    report["models"] = [model for model in report["models"] if model["kind"] == "baseline"]
    assert "trade-off" not in drawn(report)


def test_bars_have_their_figures_intervals_and_ceiling(report):
    plot = drawn(report)["recall"]
    assert {"joint", "0.221", "EASE", "0.450"} <= set(texts(plot))
    assert "bias" not in texts(plot)
    assert "joint: 0.221 ±0.008" in alt(plot)
    assert alt(plot).endswith("Ceiling: 0.983.")
    del report["ceiling"]
    assert "Ceiling" not in alt(drawn(report)["recall"])
    assert "Dashed" not in drawn(report)["recall"].caption


def test_a_loss_is_drawn_for_the_models_that_learn_it(report):
    plots = drawn(report)
    # Weight 0 at the other task: measured, not learned.
    assert {"retrieval-specialised", "joint"} <= set(texts(plots["retrieval-loss"]))
    assert "rating-specialised" not in texts(plots["retrieval-loss"])
    assert {"rating-specialised", "joint"} <= set(texts(plots["rating-loss"]))
    # 8.2 / 3^0.1 = 7.347
    assert "joint: 8.2 in epoch 1, 7.347 in epoch 3" in alt(plots["retrieval-loss"])


def test_losses_of_other_magnitude_get_a_logarithmic_axis(report):
    assert "retrieval loss" in texts(drawn(report)["retrieval-loss"])
    for entry in report["models"][2]["history"]:
        entry["retrieval_loss"] *= 8192  # a sum over the batch
    found = texts(drawn(report)["retrieval-loss"])
    assert "retrieval loss (logarithmic)" in found
    assert {"10", "10,000"} <= set(found)
    assert not any("$" in text for text in found)


@pytest.mark.parametrize("loss", [0.0, None])
def test_a_loss_of_zero_or_none_can_be_drawn(report, loss):
    for model in report["models"]:
        for entry in model.get("history", []):
            entry["rating_loss"] = loss
    assert ("rating-loss" in drawn(report)) == (loss is not None)


def test_ratings_stand_in_numerical_order(report):
    report["dataset"]["rating_histogram"] = {"10": 30, "9.5": 10, "0.5": 60}
    plot = drawn(report)["ratings"]
    assert alt(plot).endswith("0.5: 60; 9.5: 10; 10: 30.")
    assert [text for text in texts(plot) if text.endswith("%")] == ["60 %", "10 %", "30 %"]


@pytest.mark.parametrize(
    "name", ["$x^2$", "<script>", 'a" id="b', "url(#c) #010101", "_hidden", "日本"]
)
def test_names_are_text_and_nothing_else(report, name):
    report["models"][2]["name"] = name
    plots = drawn(report)
    for plot in plots.values():
        assert "<script" not in plot.svg
        assert not {"b", "trade-off-b"} & {element.get("id") for element in root_of(plot).iter()}
    assert name in texts(plots["trade-off"])
    assert name in texts(plots["recall"])
    assert name in texts(plots["retrieval-loss"])


def test_a_long_name_is_cut(report):
    report["models"][2]["name"] = "long " * 20
    assert "long long long long long …" in texts(drawn(report)["recall"])


def test_many_models_are_drawn(report):
    joint = report["models"][2]
    report["models"] = [joint | {"name": f"joint {number}"} for number in range(14)]
    assert {f"joint {number}" for number in range(14)} <= set(texts(drawn(report)["trade-off"]))
