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
    assert [(plot.name, plot.title) for plot in draw_plots(report)] == [
        ("trade-off-1", "purchase and stars at once"),
        ("trade-off-2", "purchase and liked at once"),
        ("metric-0-0", "purchase: filtered top-100"),
        ("metric-0-1", "purchase: ndcg@10"),
        ("metric-1-0", "stars: RMSE"),
        ("metric-1-1", "stars: MAE"),
        ("metric-2-0", "liked: AUC"),
        ("metric-2-1", "liked: log loss"),
        ("reliability-2", "Are the probabilities of liked right?"),
        ("loss-0", "Loss of purchase in training"),
        ("loss-1", "Loss of stars in training"),
        ("loss-2", "Loss of liked in training"),
        ("labels-0", "How the labels of stars are spread"),
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
    pointed = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    assert pointed
    assert {"".join(pair) for pair in pointed} <= set(ids)


def test_the_trade_off_names_every_model_and_leaves_out_what_was_not_learnt(report):
    plot = drawn(report)["trade-off-1"]
    assert {"purchase-only", "joint", "popularity", "bias", "EASE"} <= set(texts(plot))
    assert "counts" not in texts(plot)  # it answers neither task
    assert "bias: purchase: filtered top-100 -, stars: RMSE 0.905" in alt(plot)
    assert "purchase-only: purchase: filtered top-100 0.231, stars: RMSE -" in alt(plot)


def test_the_best_corner_is_the_upper_right_whatever_the_direction(report):
    def place(plot, number):
        """Of the first mark in a colour; those of the legend follow."""
        uses = root_of(plot).iter("use")
        found = next(use for use in uses if f"fill: var(--series-{number})" in use.get("style", ""))
        return [float(found.get(axis)) for axis in ("x", "y")]

    # Two models that learnt all; `worse` is worse at each task.
    worse = {
        "purchase": {"filtered": {"top_k_accuracy@100": 0.1}},
        "stars": {"rmse": 1.2},
        "liked": {"auc": 0.6},
    }
    joint = report["models"][1]
    report["models"] = [joint, joint | {"name": "worse", "metrics": worse}]
    for name in ("trade-off-1", "trade-off-2"):
        plot = drawn(report)[name]
        axis = next(text for text in texts(plot) if "better" in text and "purchase" not in text)
        assert ("lower" in axis) == (name == "trade-off-1")
        (joint_x, joint_y), (worse_x, worse_y) = place(plot, 1), place(plot, 2)
        assert joint_x > worse_x
        assert joint_y < worse_y  # SVG counts down


def test_a_trade_off_needs_a_model_with_both_sides(report):
    report["models"] = [model for model in report["models"] if model["kind"] == "baseline"]
    assert not [name for name in drawn(report) if name.startswith("trade-off")]


def test_one_task_has_nothing_to_trade(report):
    report["tasks"] = report["tasks"][:1]
    assert list(drawn(report)) == ["metric-0-0", "metric-0-1", "loss-0", "labels-0"]


def test_bars_have_their_figures_intervals_and_ceiling(report):
    plot = drawn(report)["metric-0-0"]
    assert {"joint", "0.262", "EASE", "0.257"} <= set(texts(plot))
    assert "bias" not in texts(plot)
    assert "joint: 0.262 (0.262)" in alt(plot)
    assert "perfect ranking reaches, 0.871" in plot.caption
    del report["ceiling"]
    assert "perfect" not in drawn(report)["metric-0-0"].caption


def test_a_caption_says_which_way_is_better(report):
    plots = drawn(report)
    assert plots["metric-1-0"].caption.endswith("Lower is better.")
    assert plots["metric-2-0"].caption.endswith("Higher is better.")
    assert "purchase-only" not in texts(plots["metric-1-0"])  # it did not learn stars
    report["tasks"][1]["headline"] = ["coverage_80"]
    report["models"][3]["metrics"]["stars"]["coverage_80"] = 0.9
    assert drawn(report)["metric-1-0"].caption.endswith("Best at 0.8, dashed.")


def test_a_loss_is_drawn_for_the_models_that_learn_it(report):
    plots = drawn(report)
    # Weight 0 at stars: measured, not learnt.
    assert {"purchase-only", "joint"} <= set(texts(plots["loss-0"]))
    assert "joint" in texts(plots["loss-1"])
    assert "purchase-only" not in texts(plots["loss-1"])
    # 8.2 / 3^0.1 = 7.347
    assert "joint: 8.2 in epoch 1, 7.347 in epoch 3" in alt(plots["loss-0"])


def test_what_priors_add_is_drawn_apart(report):
    before = drawn(report)
    assert "priors-1" not in before
    history = next(model for model in report["models"] if model["name"] == "joint")["history"]
    for entry in history:
        entry |= {"stars_fit": 0.5 / entry["epoch"], "stars_priors": 0.25 * entry["epoch"]}
    plots = drawn(report)
    assert "joint: 0.5 in epoch 1, 0.1667 in epoch 3" in alt(plots["loss-1"])
    assert "joint: 0.25 in epoch 1, 0.75 in epoch 3" in alt(plots["priors-1"])


def test_losses_of_other_magnitude_get_a_logarithmic_axis(report):
    assert "purchase loss" in texts(drawn(report)["loss-0"])
    for entry in report["models"][1]["history"]:
        entry["purchase_loss"] *= 8192  # a sum over the batch
    found = texts(drawn(report)["loss-0"])
    assert "purchase loss (logarithmic)" in found
    assert {"10", "10,000"} <= set(found)
    assert not any("$" in text for text in found)


@pytest.mark.parametrize("loss", [0.0, None])
def test_a_loss_of_zero_or_none_can_be_drawn(report, loss):
    for entry in report["models"][1]["history"]:
        entry["stars_loss"] = loss
    assert ("loss-1" in drawn(report)) == (loss is not None)


def test_probabilities_stand_against_what_came_true(report):
    plot = drawn(report)["reliability-2"]
    # The second bin holds no pair.
    assert "joint: 0.250 at 0.220; joint: 0.500 at 0.550; joint: 0.800 at 0.830." in alt(plot)
    assert plot.table == (
        ("model", "predicted", "positive", "pairs"),
        ("joint", "0.220", "0.250", "900"),
        ("joint", "0.550", "0.500", "1,200"),
        ("joint", "0.830", "0.800", "2,000"),
    )
    report["models"][1]["tasks"]["liked"] = 0.0
    assert "reliability-2" not in drawn(report)


def test_labels_stand_in_numerical_order(report):
    report["dataset"]["label_histograms"] = {"stars": {"10": 30, "9.5": 10, "0.5": 60}}
    plot = drawn(report)["labels-0"]
    assert alt(plot).endswith("0.5: 60, 60.0 %; 9.5: 10, 10.0 %; 10: 30, 30.0 %.")
    assert plot.table[1:] == (
        ("0.5", "60", "60.0 %"),
        ("9.5", "10", "10.0 %"),
        ("10", "30", "30.0 %"),
    )


@pytest.mark.parametrize(
    "name", ["$x^2$", "<script>", 'a" id="b', "url(#c) #010101", "_hidden", "日本"]
)
def test_names_are_text_and_nothing_else(report, name):
    report["models"][1]["name"] = name
    report["tasks"][1]["name"] = name
    for part in (
        report["metrics"],
        *(m[k] for m in report["models"] for k in ("tasks", "metrics")),
    ):
        if "stars" in part:
            part[name] = part.pop("stars")
    plots = drawn(report)
    for plot in plots.values():
        assert "<script" not in plot.svg
        assert not {"b", "loss-0-b"} & {element.get("id") for element in root_of(plot).iter()}
    for place in ("trade-off-1", "metric-0-0", "loss-0", "reliability-2"):
        assert name in texts(plots[place])
    assert "RMSE  (lower is better)" in texts(plots["trade-off-1"])
    assert name in plots["trade-off-1"].title


def test_a_long_name_is_cut(report):
    report["models"][1]["name"] = "long " * 20
    assert "long long long long long …" in texts(drawn(report)["metric-0-0"])


def test_many_models_are_drawn(report):
    joint = report["models"][1]
    report["models"] = [joint | {"name": f"joint {number}"} for number in range(14)]
    assert {f"joint {number}" for number in range(14)} <= set(texts(drawn(report)["trade-off-1"]))


def test_of_curves_that_run_as_one_each_shows(report):
    joint, alone = report["models"][1], report["models"][0]
    alone["history"] = joint["history"]  # of purchase the same losses
    widths = re.findall(r"stroke-width: ([\d.]+)", drawn(report)["loss-0"].svg)
    assert {"5", "2"} <= set(widths)  # the wider below
