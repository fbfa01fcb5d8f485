"""The sentences are computed: each test is a small world whose answer is known."""

from maxella.report.findings import findings, headline, trained_on_cuda


def model(name, kind, recall=None, rmse=None, half=0.01):
    metrics, intervals = {}, {}
    if recall is not None:
        metrics["filtered"] = {"recall@100": recall}
        intervals["filtered"] = {"recall@100": [recall - half, recall + half]}
    if rmse is not None:
        metrics["rmse"] = rmse
        intervals["rmse"] = [rmse - half, rmse + half]
    return {"name": name, "kind": kind, "metrics": metrics, "intervals": intervals}


def test_popularity_ahead_of_the_joint_model_is_said_first():
    # .25 - .01 > .22 + .01: the intervals are apart, so popularity "beats" it.
    report = {
        "models": [
            model("joint", "joint", recall=0.22, rmse=0.92),
            model("popularity", "baseline", recall=0.25),
            model("bias", "baseline", rmse=0.95),
        ]
    }
    assert headline(report) == (
        "At retrieval popularity is best (recall@100 0.250), at rating joint is best "
        "(RMSE 0.920); popularity beats joint at retrieval."
    )
    assert findings(report) == [
        "At retrieval, baseline popularity (recall@100 0.250) is ahead of joint (0.220).",
        "At rating, no baseline is ahead of a trained model; the best is bias (RMSE 0.950).",
    ]


def test_a_joint_model_ahead_of_all_is_said_too():
    report = {
        "models": [
            model("joint", "joint", recall=0.46, rmse=0.92),
            model("popularity", "baseline", recall=0.25),
            model("bias", "baseline", rmse=0.95),
        ]
    }
    assert headline(report) == (
        "At both tasks joint is best (recall@100 0.460, RMSE 0.920); "
        "no baseline is ahead of a model at a task it was trained for."
    )


def test_overlapping_intervals_do_not_beat():
    # .25 - .02 = .23 lies below .22 + .02 = .24.
    report = {
        "models": [
            model("joint", "joint", recall=0.22, half=0.02),
            model("popularity", "baseline", recall=0.25, half=0.02),
        ]
    }
    assert headline(report).endswith("; popularity is ahead of joint at retrieval.")
    (line,) = findings(report)
    assert line.endswith(
        "popularity (recall@100 0.250) is ahead of joint (0.220; intervals overlap)."
    )


def test_without_intervals_nothing_beats():
    report = {
        "models": [
            model("joint", "joint", recall=0.22),
            model("popularity", "baseline", recall=0.25),
        ]
    }
    del report["models"][0]["intervals"]
    assert "popularity is ahead of joint" in headline(report)
    assert "(0.220; no intervals)" in findings(report)[0]


def test_popularity_is_named_before_a_better_baseline():
    report = {
        "models": [
            model("joint", "joint", recall=0.22),
            model("EASE", "baseline", recall=0.45),
            model("popularity", "baseline", recall=0.25),
        ]
    }
    assert headline(report).startswith("At retrieval EASE is best (recall@100 0.450)")
    assert headline(report).endswith("; popularity beats joint at retrieval.")
    # The list has both, the best first.
    assert [line.split()[3] for line in findings(report)] == ["EASE", "popularity"]


def test_another_baseline_is_named_where_popularity_is_behind():
    report = {
        "models": [
            model("joint", "joint", recall=0.35),
            model("retrieval", "retrieval", recall=0.5),
            model("popularity", "baseline", recall=0.25),
            model("EASE", "baseline", recall=0.45),
        ]
    }
    assert headline(report).endswith("; EASE beats joint at retrieval.")


def test_all_beaten_reads_as_every_model():
    report = {
        "models": [
            model("joint", "joint", recall=0.2),
            model("retrieval", "retrieval", recall=0.21),
            model("popularity", "baseline", recall=0.25),
        ]
    }
    assert headline(report).endswith("; popularity beats every model trained for retrieval.")


def test_a_model_counts_only_at_what_it_was_trained_for():
    # The rating model retrieves at random and the retrieval model rates at random.
    report = {
        "models": [
            model("stars", "rating", recall=0.02, rmse=0.90),
            model("towers", "retrieval", recall=0.40, rmse=3.6),
            model("popularity", "baseline", recall=0.25),
            model("bias", "baseline", rmse=0.95),
        ]
    }
    assert headline(report).endswith(
        "no baseline is ahead of a model at a task it was trained for."
    )


def test_joint_against_specialised():
    report = {
        "models": [
            model("stars", "rating", rmse=0.90),
            model("towers", "retrieval", recall=0.40),
            model("both", "joint", recall=0.40, rmse=0.95),
        ]
    }
    retrieval, rating = findings(report)
    assert retrieval == (
        "At retrieval, both (recall@100 0.400) is level with towers (0.400; intervals overlap), "
        "trained for this task alone."
    )
    assert rating == (
        "At rating, both (RMSE 0.950) is worse than stars (0.900), trained for this task alone."
    )
    assert headline(report) == (
        "At retrieval towers and both are best (recall@100 0.400), at rating stars is best "
        "(RMSE 0.900); no baseline stands beside the models."
    )


def test_figures_of_a_task_that_was_not_learnt_are_named(report):
    lines = [line for line in findings(report) if "did not learn" in line]
    assert lines == [
        "rating-specialised did not learn retrieval: its figures of rankings mean nothing.",
        "retrieval-specialised did not learn ratings: its figures of ratings mean nothing.",
    ]


def test_joint_within_the_intervals_is_ahead_not_better():
    report = {"models": [model("towers", "retrieval", 0.40), model("both", "joint", 0.41)]}
    assert (
        "both (recall@100 0.410) is ahead of towers (0.400; intervals overlap)"
        in (findings(report)[0])
    )
    report["models"][1] = model("both", "joint", 0.39)
    assert "both (recall@100 0.390) is behind towers" in findings(report)[0]


def test_of_several_joint_models_the_best_stands_against_the_specialised():
    report = {
        "models": [
            model("towers", "retrieval", recall=0.40),
            model("small", "joint", recall=0.30),
            model("large", "joint", recall=0.45),
        ]
    }
    (line,) = findings(report)
    assert line.startswith("At retrieval, large (recall@100 0.450) is better than towers (0.400)")


def test_measures_that_disagree_about_popularity_are_listed():
    report = {
        "models": [
            model("joint", "joint", recall=0.34),
            model("popularity", "baseline", recall=0.29),
        ]
    }
    assert not any("disagree" in line for line in findings(report))
    for row, (top_100, ndcg) in enumerate([(0.220, 0.166), (0.257, 0.234)]):
        filtered = report["models"][row]["metrics"]["filtered"]
        filtered |= {"top_k_accuracy@100": top_100, "ndcg@10": ndcg}
    # Top-100 accuracy decides: popularity is ahead by it, though not by recall.
    assert headline(report).endswith("; popularity is ahead of joint at retrieval.")
    assert findings(report)[-1] == (
        "The measures disagree: popularity is ahead of joint at filtered top-100 and ndcg@10, "
        "behind at recall@100."
    )


def test_one_task_only():
    report = {
        "models": [
            model("towers", "retrieval", recall=0.4),
            model("bias", "baseline", rmse=0.95),
        ]
    }
    assert headline(report) == (
        "At retrieval towers is best (recall@100 0.400), at rating bias is best (RMSE 0.950); "
        "no baseline has a figure to compare a trained model with."
    )


def test_a_task_without_a_baseline_is_not_called_won():
    report = {
        "models": [
            model("joint", "joint", recall=0.4, rmse=0.9),
            model("bias", "baseline", rmse=0.95),
        ]
    }
    assert headline(report).endswith(
        "; no baseline is ahead at rating and no baseline was compared at retrieval."
    )


def test_no_figures():
    assert headline({"models": []}) == "No model of this report has a figure yet."
    assert headline({"models": [model("joint", "joint")]}) == headline({"models": []})
    assert findings({"models": []}) == []


def test_a_test_part_read_twice_is_owned_up_to():
    once, twice = ({"models": [], "test_reads": reads} for reads in (1, 2))
    assert findings(once) == []
    assert findings(twice) == [
        "The test part was read 2 times: figures chosen by looking at it are too good."
    ]


def test_top_100_stands_in_where_recall_is_missing():
    raw = {"name": "a", "kind": "joint", "metrics": {"raw": {"top_k_accuracy@100": 0.158}}}
    assert headline({"models": [raw]}).startswith("At retrieval a is best (raw top-100 0.158)")


def test_what_a_gpu_trained_is_said_by_the_name_of_the_gpu():
    one, other, baseline = (model(name, "joint", rmse=1.0) for name in ("one", "other", "bias"))
    report = {"models": [one | {"device": "cuda"}, other | {"device": "cpu"}, baseline]}
    assert trained_on_cuda(report) == ["Trained on a CUDA device: one."]
    report["machine"] = {"gpu": "NVIDIA H100"}
    assert trained_on_cuda(report) == ["Trained on NVIDIA H100: one."]
    report["models"] = [other, baseline]
    assert trained_on_cuda(report) == []
