import json
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
import tomli_w

import maxella
from maxella.errors import BundleError, ConfigError, DataError, MaxellaError, TrainingError
from maxella.experiment.read_config import parse_config
from maxella.experiment.reevaluate import reevaluate, reopen
from maxella.experiment.run import compare
from maxella.experiment.run_folder import locked
from maxella.report.files import read_report


def figures(report):
    return [model["metrics"] for model in report["models"]]


def test_a_run_learns_the_planted_tastes_and_writes_its_folder(options, tmp_path):
    options["compare"] = {"baselines": ["popularity"]}
    report = compare(parse_config(options, where="the test"), tmp_path / "run")
    joint, popularity = (model["metrics"]["retrieval"]["filtered"] for model in report["models"])
    # Users pick within their group: a model that found the groups beats popularity.
    assert joint["ndcg@10"] > 1.2 * popularity["ndcg@10"]
    assert read_report(tmp_path / "run" / "report.json") == report
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "run" / "models" / "joint" / "bundle" / "manifest.json").is_file()


def test_two_runs_are_equal_and_a_loaded_bundle_answers_bit_for_bit(options, tmp_path, device):
    options["training"]["device"] = device.type
    first = maxella.run(options, tmp_path / "a")
    second = maxella.run(options, tmp_path / "b")
    assert figures(first) == figures(second)
    assert first["models"][0]["checkpoint"] == second["models"][0]["checkpoint"]
    one, other = maxella.load(tmp_path / "a"), maxella.load(tmp_path / "b")
    users = one.users.ids.to_list()
    assert one.recommend(users, 5).equals(other.recommend(users, 5))
    manifest = json.loads((tmp_path / "a" / "bundle" / "manifest.json").read_text())
    assert manifest["sha256"]["weights.safetensors"] == first["models"][0]["checkpoint"]


def test_without_resamples_a_report_has_differences_but_claims_nothing(options):
    options["evaluation"] = {"resamples": 0}
    options["training"] = {"epochs": 1}
    # A task called like a baseline: the model of it is called otherwise.
    options["tasks"] = [{"name": "popularity", "kind": "retrieval"}]
    options["compare"] = {"baselines": ["popularity"]}
    report = maxella.run(options)
    model, popularity = report["models"]
    assert (model["name"], popularity["name"]) == ("two-tower", "popularity")
    assert model["intervals"] == {"popularity": {}}
    found = model["paired"]["popularity"]
    assert found.keys() >= {*report["tasks"][0]["headline"]}
    assert all(of.keys() == {"against", "difference"} for of in found.values())
    assert " has the best figure" in report["findings"][0]
    assert any(line.startswith("No interval says how surely") for line in report["findings"])
    # Its lists hold half of the candidates at most.
    lengths = [int(key.partition("@")[2]) for key in report["tasks"][0]["headline"] if "@" in key]
    assert lengths
    assert max(lengths) <= report["candidates"] / 2


def test_a_run_says_what_trained_it(options, tmp_path, device):
    options["training"] |= {"device": device.type, "epochs": 1}
    options["compare"] = {"baselines": ["popularity"]}
    report = maxella.run(options, tmp_path / "run")
    joint, popularity = report["models"]
    assert joint["device"] == device.type
    assert "device" not in popularity
    config = (tmp_path / "run" / "bundle" / "config.toml").read_text()
    assert f'device = "{device.type}"' in config


def test_a_device_that_is_not_there_removes_nothing(options, tmp_path, monkeypatch):
    maxella.run(options, tmp_path / "run")
    before = sorted((tmp_path / "run").rglob("*"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    options["training"]["device"] = "cuda"
    config = parse_config(options, where="the test")
    for start in (maxella.run, compare):
        with pytest.raises(ConfigError, match=r"Set training\.device = 'cpu'"):
            start(config, tmp_path / "run", overwrite=True)
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_seen_items_are_left_out_and_unknown_users_are_told(options, tmp_path):
    maxella.run(options, tmp_path / "run")
    recommender = maxella.load(tmp_path / "run")
    bundle = tmp_path / "run" / "bundle"
    ids = {name: pl.read_parquet(bundle / f"{name}.parquet")["id"] for name in ("users", "items")}
    known = pl.read_parquet(bundle / "known.parquet")
    seen = known.select(
        user_id=ids["users"].gather(known["user"] - 1),
        item_id=ids["items"].gather(known["item"] - 1),
    )
    assert len(seen) > 1000
    lists = recommender.recommend(ids["users"].to_list(), 20)
    assert lists.join(seen, on=["user_id", "item_id"], how="semi").is_empty()
    assert set(lists["source"]) == {"model"}
    assert set(recommender.recommend(["nobody"], 3)["source"]) == {"popularity"}


def test_a_damaged_bundle_is_refused(options, tmp_path):
    maxella.run(options, tmp_path / "run")
    weights = tmp_path / "run" / "bundle" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleError, match="has changed"):
        maxella.load(tmp_path / "run")


def test_the_best_epoch_by_validation_is_kept(options, tmp_path):
    report = maxella.run(options, tmp_path / "run")
    model = report["models"][0]
    values = [epoch["validation"]["retrieval.filtered.ndcg@100"] for epoch in model["history"]]
    assert values[model["best_epoch"] - 1] == max(values)


def test_a_folder_that_holds_a_run_is_not_written_into(options, tmp_path):
    maxella.run(options, tmp_path / "run")
    with pytest.raises(ConfigError, match="is there already"):
        maxella.run(options, tmp_path / "run")


def test_a_rate_that_diverges_stops_with_a_clear_error(options):
    options["training"] = {"learning_rate": 1e30, "epochs": 2, "batch_size": 32}
    with pytest.raises(TrainingError, match="learning_rate"):
        maxella.run(options)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_figures_of_an_undisturbed_one(options, tmp_path):
    options["training"]["epochs"] = 60
    undisturbed = maxella.run(options, tmp_path / "undisturbed")
    config = tmp_path / "config.toml"
    config.write_text(tomli_w.dumps(options))
    cut = tmp_path / "cut"
    command = [sys.executable, "-m", "maxella", "train", str(config), "--out", str(cut)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(cut.glob("unfinished-*/checkpoint.safetensors")) and child.poll() is None:
        assert time.monotonic() < deadline
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL  # cut off, not finished
    assert not (cut / "report.json").exists()
    resumed = maxella.run(options, cut, resume=True)
    assert figures(resumed) == figures(undisturbed)
    assert resumed["models"][0]["checkpoint"] == undisturbed["models"][0]["checkpoint"]


def test_a_run_that_cannot_start_removes_nothing(options, tmp_path):
    maxella.run(options, tmp_path / "run")
    before = sorted((tmp_path / "run").rglob("*"))
    options["data"] = {"path": str(tmp_path / "nowhere.csv")}
    with pytest.raises(MaxellaError, match="nowhere"):
        maxella.run(options, tmp_path / "run", overwrite=True)
    assert sorted((tmp_path / "run").rglob("*")) == before


def test_a_log_without_ratings_is_compared_without_the_raters(tmp_path):
    lines = [f"u{user},i{(user * step) % 7}" for user in range(12) for step in range(1, 5)]
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item_id", *lines]))
    config = parse_config(
        {
            "data": {"path": str(tmp_path / "log.csv")},
            "split": {"kind": "random"},
            "training": {"epochs": 1},
            "compare": {"baselines": ["popularity", "bias"]},
        },
        where="the test",
    )
    report = compare(config)
    assert [model["name"] for model in report["models"]] == ["two-tower", "popularity"]
    assert [task["name"] for task in report["tasks"]] == ["retrieval"]


def test_a_second_evaluation_finds_the_same_and_is_counted(options, tmp_path):
    first = maxella.run(options, tmp_path / "run")
    page = tmp_path / "run" / "report.html"
    page.unlink()
    second = reevaluate(tmp_path / "run")
    assert page.is_file()  # and not the page of the first reading
    assert figures(second) == figures(first)
    assert (first["test_reads"], second["test_reads"]) == (1, 2)
    assert json.loads((tmp_path / "run" / "report.json").read_text())["test_reads"] == 2


def test_evaluations_count_one_after_the_other(options, tmp_path, monkeypatch):
    monkeypatch.setattr("maxella.experiment.reevaluate._PATIENCE", 0.0)
    maxella.run(options, tmp_path / "run")
    one, other = (reopen(tmp_path / "run") for _ in range(2))  # both before either has written
    assert [one.reported()["test_reads"], other.reported()["test_reads"]] == [2, 3]
    with locked(tmp_path / "run"), pytest.raises(ConfigError, match="Another command is writing"):
        one.reported()
    late = reopen(tmp_path / "run")
    options["training"]["seed"] = 9
    maxella.run(options, tmp_path / "run", overwrite=True)
    with pytest.raises(DataError, match="was trained anew meanwhile"):
        late.reported()
    assert read_report(tmp_path / "run" / "report.json")["test_reads"] == 1


def test_a_model_of_a_comparison_can_be_judged_again(options, tmp_path):
    options["compare"] = {"models": [{"name": "one"}, {"name": "two"}], "baselines": ["bias"]}
    report = compare(parse_config(options, where="the test"), tmp_path / "run")
    again = reevaluate(tmp_path / "run" / "models" / "two")
    assert [model["name"] for model in again["models"]] == ["two"]
    assert again["models"][0]["metrics"] == report["models"][1]["metrics"]
    assert again["test_reads"] == report["test_reads"] + 1


@pytest.mark.parametrize(
    ("monitor", "wanted"),
    [
        ("retrieval.filtered.ndgc@100", "Did you mean 'ndcg'"),
        ("retreival.filtered.ndcg@100", "Did you mean 'retrieval'"),
        ("filtered.ndcg@100", "such as retrieval.filtered.top_k.*No task is called 'filtered'"),
        ("rating.rsme", "Did you mean 'rmse'"),
    ],
)
def test_a_misspelt_monitor_is_refused_before_training(options, monitor, wanted):
    steps = []
    options["training"]["monitor"] = monitor
    with pytest.raises(ConfigError, match=wanted):
        maxella.run(options, on_step=lambda *step: steps.append(step))
    assert steps == []


def test_a_run_has_the_baselines_beside_it_and_says_which_it_lacks(options, monkeypatch):
    monkeypatch.setattr("maxella.closed_form.gram.MAX_ITEM_ROWS", 50)  # too few for EASE
    report = maxella.run(options)
    names = [model["name"] for model in report["models"]]
    assert names == ["joint", "popularity", "ials", "item_knn", "bias"]
    (note,) = [note for note in report["dataset"]["notes"] if "ease" in note]
    assert "Leave 'ease' out" in note


@pytest.mark.parametrize("head", ["dot", "ordinal"])
def test_users_held_out_wholly_are_served_from_what_they_are_given(tmp_path, options, head):
    options["split"] = {"kind": "cold_user", "test": 0.3}
    options["training"] = {"batch_size": 32, "epochs": 10}
    options["tasks"] = [
        {"name": "retrieval", "kind": "retrieval"},
        {"name": "rating", "kind": "rating", "head": head, "dim": 4},
    ]
    report = maxella.run(options, tmp_path / "run")
    found = {model["name"]: model["metrics"] for model in report["models"]}
    joint, popular = found["joint"], found["popularity"]
    ndcg, of_popular = (of["retrieval"]["filtered"]["ndcg@10"] for of in (joint, popular))
    assert ndcg > of_popular + 0.1
    assert joint["rating"]["rmse"] - 0.02 < found["bias"]["rating"]["rmse"] < 1
    # What was given lies in the bundle, with its ratings: read again, it says the same.
    again = reevaluate(tmp_path / "run")
    assert again["models"][0]["metrics"] == report["models"][0]["metrics"]


def test_a_catalogue_too_large_for_a_seen_penalty_is_refused_before_training(
    options, tmp_path, monkeypatch
):
    monkeypatch.setattr("maxella.closed_form.gram.MAX_ITEM_ROWS", 50)
    options["model"] |= {"seen_penalty_dim": 4}
    with pytest.raises(ConfigError, match=r"Set model\.seen_penalty_dim = 0"):
        maxella.run(options, tmp_path / "run")
    assert not (tmp_path / "run" / "log.jsonl").exists()


@pytest.mark.parametrize(("kind", "given"), [("cold_user", 0.0), ("cold_user", 0.5), ("random", 0)])
def test_the_share_of_users_of_whom_nothing_is_known_is_told(options, kind, given):
    options["split"] = {"kind": kind, "test": 0.25, "given": given}
    options["training"] = {"batch_size": 32, "epochs": 1}
    options["compare"] = {"baselines": []}
    notes = maxella.run(options)["dataset"]["notes"]
    told = [note.split()[0] for note in notes if "users without any that is known" in note]
    assert told == (["100.0"] if (kind, given) == ("cold_user", 0.0) else [])
