import json

import pytest

from maxella.report.files import read_report

FILES = [".maxella.lock", "bundle", "log.jsonl", "maxella-run.json", "report.html", "report.json"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def train(cli, config, write_log):
    """Trains on `log.csv` (written where there is none) with further arguments."""

    def run(*arguments, out="run"):
        if not (config.parent / "log.csv").exists():
            write_log()
        return cli("train", config, "--out", config.parent / out, *arguments)

    return run


def test_a_run_prints_its_table_and_writes_its_folder(train, tmp_path):
    done = train()
    run = tmp_path / "run"
    assert done.code == 0
    assert "joint" in done.out
    assert done.err == f"Report: {run}/report.html\nNext: maxella recommend {run} --user u0\n"
    assert names(tmp_path / "run") == FILES


def test_json_is_the_report_and_nothing_else(train, tmp_path):
    report = json.loads(train("--json").out)
    assert report == read_report(tmp_path / "run" / "report.json")


def test_data_named_beside_the_config_are_read_in_its_place(train, write_log, tmp_path):
    other = write_log([(f"u{n}", f"i{n % 3}", 1 + n % 5, n) for n in range(9)]).rename(
        tmp_path / "o.csv"
    )
    report = json.loads(train("--data", other, "--json").out)
    assert report["dataset"]["interactions"] == 9


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("user_id,item_id,rating,timestamp", [("u", f"i{n}", 1 + n % 5, n) for n in range(20)]),
        ("user_id,item_id,rating,timestamp", [(f"u{n}", "i", 1 + n % 5, n) for n in range(20)]),
        ("user_id,item_id,rating,timestamp", [("u", "i", 3, 1), ("v", "i", 4, 2)]),
        ("userId,movieId,stars,time", [(f"u{n % 5}", f"i{n}", n % 10 / 2, n) for n in range(20)]),
        ("user_id,item_id,rating,timestamp", [(n % 5, n, 3, n) for n in range(20)]),
    ],
    ids=["one user", "one item", "two rows", "half stars", "all ratings equal"],
)
def test_a_strange_log_is_a_log(train, write_log, header, rows):
    write_log(rows, header)
    done = train("--json", "--set", "training.l2=0.1")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert report["dataset"]["interactions"] == len(rows)
    assert report["models"][0]["metrics"]["rating"]["rmse"] is not None


def test_ids_stay_as_written(cli, train, write_log, tmp_path):
    users = ["007", "7", " lead", "trail ", "ünï", "x" * 1000, '"a ""b"""', '"a\nb"']
    write_log([(u, f"i{n}", 3, n) for u in users for n in range(3)])
    assert train("--set", "split.kind=none").code == 0
    ids = ["007", "7", " lead", "trail ", "ünï", "x" * 1000, 'a "b"', "a\nb"]
    asked = [part for one in ids for part in ("--user", one)]
    done = cli("recommend", tmp_path / "run", *asked, "--include-seen", "-k", 1, "--json")
    assert [(row["user_id"], row["source"]) for row in json.loads(done.out)] == [
        (one, "model") for one in ids
    ]


@pytest.mark.parametrize("start", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_log_by_any_editor(cli, config, write_log, start, end, separator):
    path = write_log()
    text = start + path.read_text().replace("\n", end).replace(",", separator)
    path.write_bytes(text.encode())
    described = json.loads(cli("data", "describe", config, "--json").out)
    assert (described["n_users"], described["n_items"], described["n_interactions"]) == (6, 5, 30)
    assert described["mean_rating"] == 3.0


def test_a_log_without_ratings(cli, train, write_log, tmp_path):
    write_log([(f"u{n % 5}", f"i{n}", n) for n in range(20)], "user_id,item_id,timestamp")
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + '[[tasks]]\nname = "stars"\nkind = "rating"\n')
    refused = train()
    assert refused.code == 2
    assert "tasks.stars: No column is called 'rating'" in refused.err
    assert "leave the task out" in refused.err
    # What was refused left nothing in the way.
    config.write_text(config.read_text().partition("[[tasks]]")[0])
    assert train().code == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert [task["name"] for task in report["tasks"]] == ["retrieval"]


def test_a_log_without_times_wants_another_split(train, write_log):
    write_log([(f"u{n % 5}", f"i{n}", 1 + n % 5) for n in range(20)], "user_id,item_id,rating")
    refused = train()
    assert refused.code == 2
    assert "use split.kind = 'random'" in refused.err
    assert train("--set", "split.kind=random").code == 0


def test_a_log_too_small_to_split(train, write_log):
    write_log([("u", "i", 3, 1)])
    done = train()
    assert done.code == 2
    assert "no interaction to train on: 1 in all" in done.err


def test_an_older_run_is_kept_unless_told(train, tmp_path):
    train()
    before = (tmp_path / "run" / "report.json").read_bytes()
    refused = train()
    assert refused.code == 2
    assert "is there already" in refused.err
    complete = train("--resume")
    assert complete.code == 2
    assert "is complete: nothing to go on with" in complete.err
    both = train("--resume", "--overwrite")
    assert both.code == 2
    assert "give one" in both.err
    assert (tmp_path / "run" / "report.json").read_bytes() == before
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert train("--overwrite", "--set", "title=Anew").code == 0
    assert json.loads((tmp_path / "run" / "report.json").read_text())["title"] == "Anew"
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_where_files_of_ones_own_were_kept_is_said(train, tmp_path):
    train()
    (tmp_path / "run" / "bundle" / "mine.txt").write_text("mine")
    told = train("--overwrite").err
    (kept,) = (tmp_path / "run").glob("kept-*")
    assert (kept / "bundle" / "mine.txt").read_text() == "mine"
    assert f"What somebody else had put into the old run is in {kept}.\n" in told
    assert "kept-" not in train("--overwrite").err


@pytest.mark.parametrize("out", ["log.csv", "log.csv/run"])
def test_a_file_is_no_folder_to_write_into(train, out):
    done = train(out=out)
    assert done.code == 2
    assert "Wanted a folder to write the run into" in done.err


def test_a_folder_that_may_not_be_written(train, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    # File modes do not bind the superuser, as which tests may run.
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    done = train()
    assert done.code == 2
    assert "is none: Permission denied. Choose another --out." in done.err


def test_a_run_cut_off_goes_on_to_the_same_weights(train, cli, tmp_path, monkeypatch):
    from maxella.training.checkpoint import Checkpoint

    epochs = ("--set", "training.epochs=3")
    whole = json.loads(train(*epochs, "--json", out="whole").out)
    save = Checkpoint.save

    def interrupt(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", interrupt)
        done = train(*epochs)
    assert done.code == 130
    assert "The same command with --resume goes on from the last whole epoch." in done.err
    (kept,) = (tmp_path / "run").glob("unfinished-*")
    assert "checkpoint.safetensors" in names(kept)
    without = train(*epochs)
    assert without.code == 2
    assert "holds a run that was cut off. Go on with it (--resume)" in without.err
    unfinished = cli("recommend", tmp_path / "run", "--user", "u1")
    assert unfinished.code == 2
    assert "a bundle only after --resume" in unfinished.err
    other = train("--resume", "--set", "training.epochs=4")
    assert other.code == 2
    assert "belongs to a run with other options" in other.err
    resumed = json.loads(train(*epochs, "--resume", "--json").out)
    assert resumed["models"][0]["checkpoint"] == whole["models"][0]["checkpoint"]
    assert names(tmp_path / "run") == FILES


def test_a_comparison_has_a_bundle_for_each_model(cli, config, write_log, tmp_path):
    write_log()
    more = '\n[[compare.models]]\nname = "a"\n[[compare.models]]\nname = "b [/x]"\n'
    config.write_text(config.read_text() + more)
    done = cli("compare", config, "--out", tmp_path / "run", "--json")
    models = json.loads(done.out)["models"]
    assert [model["name"] for model in models] == ["a", "b [/x]", "popularity"]
    refused = cli("recommend", tmp_path / "run", "--user", "u1")
    assert refused.code == 2
    assert "is a comparison. Give a model of it" in refused.err
    found = cli("recommend", tmp_path / "run" / "models" / "a", "--user", "u1", "--json")
    assert found.code == 0


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_the_next_command_asks_the_best_of_a_comparison(cli, config, tmp_path, names):
    config.write_text(config.read_text().replace('path = "log.csv"', 'kind = "synthetic"'))
    for name in names:
        changes = {"a": "", "b": "training = { epochs = 30, learning_rate = 0.1 }\n"}[name]
        with config.open("a") as file:
            file.write(f'[[compare.models]]\nname = "{name}"\n{changes}')
    done = cli("compare", config, "--out", tmp_path / "run")
    report = read_report(tmp_path / "run" / "report.json")
    protocol, metric = report["tasks"][0]["headline"][0].split(".")
    of_task = {one["name"]: one["metrics"]["retrieval"] for one in report["models"]}
    figures = {name: found[protocol][metric] for name, found in of_task.items()}
    best = max("ab", key=figures.get)
    assert figures["a"] != figures["b"]
    assert f"Next: maxella recommend {tmp_path}/run/models/{best} --user " in done.err


def test_evaluating_again_counts_the_reading_and_finds_the_same(cli, train, tmp_path):
    first = json.loads(train("--json").out)
    again = json.loads(cli("evaluate", tmp_path / "run", "--json").out)
    assert (first["test_reads"], again["test_reads"]) == (1, 2)
    assert again["models"][0]["metrics"] == first["models"][0]["metrics"]
    assert "joint" in cli("evaluate", tmp_path / "run").out


def test_other_data_are_no_test_of_a_run(cli, train, write_log, tmp_path):
    train()
    other = write_log([(f"u{n}", f"i{n % 3}", 1 + n % 5, n) for n in range(9)]).rename(
        tmp_path / "o.csv"
    )
    done = cli("evaluate", tmp_path / "run", "--data", other)
    assert done.code == 2
    assert "are not those that" in done.err
