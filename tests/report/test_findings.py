"""The sentences are computed: each test is a small world whose answer is known."""

import pytest

from maxella.report.findings import findings, headline, trained_on_cuda

_LABELS = {"top": ("top-10", "higher"), "ndcg": ("ndcg", "higher"), "rmse": ("RMSE", "lower")}


def model(name, tasks, kind="model", half=0.01, **figures):
    """`tasks` are learnt with weight 1; figures are of `task__metric`."""
    metrics, intervals = {}, {}
    for place, value in figures.items():
        task, key = place.split("__")
        metrics.setdefault(task, {})[key] = value
        intervals.setdefault(task, {})[key] = None if half is None else [value - half, value + half]
    weights = dict.fromkeys(tasks.split(), None if kind == "baseline" else 1.0)
    return {
        "name": name,
        "kind": kind,
        "tasks": weights,
        "metrics": metrics,
        "intervals": intervals,
    }


def baseline(name, half=0.01, **figures):
    tasks = " ".join({place.split("__")[0]: None for place in figures})
    return model(name, tasks, "baseline", half, **figures)


def world(*models, tasks="buys stars", **further):
    """A report of `buys` (judged by top, then ndcg) and `stars` (by RMSE), or one of them."""
    headlines = {"buys": ["top", "ndcg"], "stars": ["rmse"]}
    told = {
        key: {"label": label, "direction": direction} for key, (label, direction) in _LABELS.items()
    }
    return {
        "models": list(models),
        "tasks": [{"name": name, "headline": headlines[name]} for name in tasks.split()],
        "metrics": {task: {key: told[key] for key in keys} for task, keys in headlines.items()},
        **further,
    }


def test_popularity_ahead_of_the_joint_model_is_said_first():
    report = world(
        model("joint", "buys stars", buys__top=0.22, stars__rmse=0.92),
        baseline("popularity", buys__top=0.25),
        baseline("bias", stars__rmse=0.95),
    )
    assert findings(report) == [
        (
            "At buys popularity (top-10 0.250) is best, at stars joint (RMSE 0.920) is best; "
            "popularity is ahead of joint at buys."
        ),
        ("At buys, joint is behind popularity by top-10."),
        ("At stars, joint is ahead of every baseline by RMSE."),
    ]


def test_best_at_every_task_is_said_of_one_that_learnt_every_task():
    models = [
        model("joint", "buys stars", buys__top=0.46, stars__rmse=0.92),
        baseline("popularity", buys__top=0.25),
        baseline("bias", stars__rmse=0.95),
    ]
    assert headline(world(*models)) == (
        "At both tasks joint is best (buys: top-10 0.460; stars: RMSE 0.920); "
        "no baseline is ahead of a model at a task it has learnt."
    )
    models[0]["tasks"]["stars"] = 0.0  # its figure stands there, but it was not learnt
    assert headline(world(*models)).startswith(
        "At buys joint (top-10 0.460) is best, at stars only bias (RMSE 0.950) has a figure;"
    )


def test_three_tasks_are_every_task(report):
    report["models"] = [model for model in report["models"] if model["name"] != "EASE"]
    report["models"][1]["paired"] = {}
    assert headline(report).startswith("At every task joint is best (purchase: filtered top-100")


def test_a_task_without_a_figure_spoils_every_task():
    report = world(model("joint", "buys", buys__top=0.4), model("other", "buys", buys__top=0.3))
    assert headline(report).startswith("At buys joint (top-10 0.400) is best;")


def test_two_of_three_tasks_are_not_every_task(report):
    report["models"] = [model for model in report["models"] if model["name"] != "EASE"]
    report["models"][1]["paired"] = {}
    for model_of in report["models"]:
        model_of["metrics"].pop("liked", None)
    assert headline(report).startswith(
        "At purchase joint (filtered top-100 0.262) is best, at stars"
    )


def test_level_is_neither_ahead_nor_behind():
    # .25 - .02 = .23 lies below .22 + .02 = .24.
    report = world(
        model("joint", "buys", half=0.02, buys__top=0.22),
        baseline("popularity", half=0.02, buys__top=0.25),
        tasks="buys",
    )
    assert findings(report) == [
        (
            "At buys popularity (top-10 0.250) comes first, level with joint; "
            "no baseline is ahead of a model at a task it has learnt."
        ),
        ("At buys, joint is level with popularity by top-10."),
    ]


def test_a_paired_difference_decides_where_there_is_one():
    report = world(
        model("joint", "buys", half=0.02, buys__top=0.25),
        baseline("popularity", half=0.02, buys__top=0.24),
        tasks="buys",
    )
    found = {"against": "popularity", "difference": 0.01, "low": 0.004, "high": 0.016}
    report["models"][0]["paired"] = {"buys": {"top": found}}
    first, second = findings(report)
    figures = "top-10 0.250 against 0.240 of popularity: +0.0100, 95 % +0.0040 to +0.0160"
    assert first.startswith(f"At buys joint ({figures}) is best;")
    assert second == "At buys, joint is ahead of every baseline by top-10."
    found |= {"low": -0.002}
    first, second = findings(report)
    assert first.startswith(f"At buys joint ({figures.replace('+0.0040', '-0.0020')}) comes first,")
    assert ", level with popularity;" in first
    assert second == "At buys, joint is level with popularity by top-10."


def test_without_intervals_no_sentence_is_sure():
    report = world(
        model("joint", "buys", half=None, buys__top=0.25, buys__ndcg=0.1),
        baseline("popularity", half=None, buys__top=0.24, buys__ndcg=0.2),
        tasks="buys",
    )
    # As where evaluation.resamples = 0: a paired difference, but no interval of it.
    found = {"against": "popularity", "difference": 0.01}
    report["models"][0]["paired"] = {"buys": {"top": found}}
    first, second, last = findings(report)
    assert first == (
        "At buys joint (top-10 0.250) has the best figure; popularity has better figures than "
        "joint at buys by ndcg."
    )
    assert (
        second == "At buys, joint is behind popularity by ndcg; ahead of every baseline by top-10."
    )
    assert last.startswith("No interval says how surely models differ by top-10 and ndcg")
    report["models"][1]["metrics"]["buys"]["ndcg"] = 0.05
    expected = "; no baseline has a better figure than a model at a task it has learnt."
    assert headline(report).endswith(expected)


def test_every_baseline_is_looked_at_by_every_headline_metric():
    report = world(
        model("joint", "buys", buys__top=0.4, buys__ndcg=0.3),
        baseline("popularity", buys__top=0.3, buys__ndcg=0.1),
        baseline("EASE", buys__top=0.2, buys__ndcg=0.35),
        baseline("iALS", buys__top=0.395, buys__ndcg=0.295),
        tasks="buys",
    )
    first, *others = findings(report)
    assert first.endswith("; EASE is ahead of joint at buys by ndcg.")
    assert others == [
        ("At buys, joint is behind EASE by ndcg; level with iALS by top-10 and ndcg."),
    ]


def test_popularity_is_named_before_a_better_baseline():
    report = world(
        model("joint", "buys", buys__top=0.22),
        baseline("EASE", buys__top=0.45),
        baseline("popularity", buys__top=0.25),
        tasks="buys",
    )
    assert headline(report).endswith("; popularity is ahead of joint at buys.")
    # The list has both, the best first.
    assert findings(report)[1] == "At buys, joint is behind EASE and popularity by top-10."


def test_all_behind_reads_as_every_model():
    report = world(
        model("one", "buys", buys__top=0.2),
        model("two", "buys", buys__top=0.21),
        baseline("popularity", buys__top=0.25),
        tasks="buys",
    )
    assert headline(report).endswith("; popularity is ahead of every model that learnt buys.")


def test_a_model_counts_only_at_what_it_has_learnt():
    report = world(
        model("raters", "stars", buys__top=0.02, stars__rmse=0.90),
        model("towers", "buys", buys__top=0.40, stars__rmse=3.6),
        baseline("popularity", buys__top=0.25),
        baseline("bias", stars__rmse=0.95),
    )
    lines = findings(report)
    assert lines[0].endswith("no baseline is ahead of a model at a task it has learnt.")
    assert lines[-2:] == [
        "raters did not learn buys: its figures there mean nothing.",
        "towers did not learn stars: its figures there mean nothing.",
    ]


@pytest.mark.parametrize(
    ("top", "words"), [(0.45, "better than"), (0.41, "level with"), (0.35, "behind")]
)
def test_what_the_other_tasks_bring_is_said_against_the_specialist(top, words):
    report = world(
        model("towers", "buys", buys__top=0.40, buys__ndcg=0.2),
        model("both", "buys stars", buys__top=top, buys__ndcg=0.2, stars__rmse=0.9),
    )
    (line,) = [line for line in findings(report) if "alone" in line]
    apart = "overlap" if words == "level with" else "apart"
    start = (
        f"At buys, both, which learnt 2 tasks, is {words} towers, which learnt this task alone, "
        f"by top-10 (intervals {apart})"
    )
    assert line.startswith(start)
    if words != "level with":
        assert line.endswith(" and level with it by ndcg (intervals overlap).")


def test_of_several_joint_models_the_best_stands_against_the_specialist():
    report = world(
        model("towers", "buys", buys__top=0.40),
        model("small", "buys stars", buys__top=0.30),
        model("large", "buys stars", buys__top=0.45),
    )
    assert "At buys, large, which learnt 2 tasks, is better than towers" in findings(report)[1]


def test_a_list_that_holds_all_candidates_is_no_evidence(report):
    report["candidates"] = 100
    lines = findings(report)
    assert not any("top-100 (" in line or "top-100 0" in line for line in lines)
    assert lines[0].startswith("At purchase joint (ndcg@10 0.162) comes first, level with")
    assert (
        "At purchase no sentence rests on filtered top-100 and raw top-100: there are 100 "
        "candidates, and such a list holds them all."
    ) in lines
    report["candidates"] = 101
    assert "At purchase joint (filtered top-100 0.262 against 0.257 of EASE" in headline(report)


def test_what_was_visited_is_told_apart_from_discovery(report):
    # 16,000 of 25,000 are 64 %.
    line = (
        "At purchase, the user had met 64 % of the test items before, in another event; for "
        "discovery look at the figures of new items."
    )
    assert line in findings(report)
    del report["tasks"][0]["visited"]
    assert not any("discovery" in line for line in findings(report))


def test_baselines_that_are_not_there_are_not_beaten():
    both = model("joint", "buys stars", buys__top=0.4, stars__rmse=0.9)
    bias = baseline("bias", stars__rmse=0.95)
    assert headline(world(both)).endswith("; no baseline stands beside the models.")
    assert headline(world(both, bias)).endswith(
        "; no baseline is ahead of a model at stars and no baseline was compared at buys."
    )
    assert headline(world(model("towers", "buys", buys__top=0.4), bias)).endswith(
        "; no baseline has a figure to compare a trained model with."
    )


def test_no_figures():
    nothing = ["No model of this report has a figure to judge it by."]
    assert findings({"models": []}) == nothing
    assert findings(world(model("joint", "buys stars"))) == nothing


def test_a_test_part_read_twice_is_owned_up_to():
    once, twice = (findings({"models": [], "test_reads": reads}) for reads in (1, 2))
    assert twice[len(once) :] == [
        "The test part was read 2 times: figures chosen by looking at it are too good."
    ]


def test_what_looks_at_time_is_said():
    report = world(model("joint", "buys", buys__top=0.4) | {"uses_time": ["context", "retrieval"]})
    lines = [line for line in findings(report) if "uses time" in line]
    assert len(lines) == 2
    assert "when each held-out item was asked for" in lines[0]


def test_what_a_gpu_trained_is_said_by_the_name_of_the_gpu():
    one, other, bias = (model(name, "stars", stars__rmse=1.0) for name in ("one", "other", "bias"))
    report = {"models": [one | {"device": "cuda"}, other | {"device": "cpu"}, bias]}
    assert trained_on_cuda(report) == ["Trained on a CUDA device: one."]
    report["machine"] = {"gpu": "NVIDIA H100"}
    assert trained_on_cuda(report) == ["Trained on NVIDIA H100: one."]
    report["models"] = [other, bias]
    assert trained_on_cuda(report) == []
