import json
from typing import get_args

import pytest

from maxella.data.split import SPLITS
from maxella.experiment.config import FeatureOptions, SplitOptions, TrainingOptions
from maxella.experiment.read_config import load_config
from maxella.model.feature_part import LAYERS
from maxella.training.row_optimisers import OPTIMISERS
from maxella.training.schedule import SCHEDULES


@pytest.mark.parametrize(
    ("section", "option", "table"),
    [
        (SplitOptions, "kind", SPLITS),
        (TrainingOptions, "optimiser", OPTIMISERS),
        (TrainingOptions, "schedule", SCHEDULES),
        (FeatureOptions, "layers", {"sum", *LAYERS}),
    ],
)
def test_an_option_takes_all_that_its_table_holds(section, option, table):
    assert set(get_args(section.model_fields[option].annotation)) == set(table)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("nonsense", ["wants section.key=value", "got 'nonsense'"]),
        ("=3", ["wants section.key=value"]),
        (".=3", ["wants section.key=value"]),
        ("model.=3", ["wants section.key=value"]),
        ("a=b", ["No section is called 'a'"]),
        ("trainin.epochs=1", ["No section is called 'trainin'", "Did you mean 'training'?"]),
        ("model.dimm=3", ["No option in [model] is called 'dimm'", "Did you mean 'dim'?"]),
        ("model.dim.x=3", ["'dim' is an option, not a section"]),
        ("model=3", ["model:", "got 3"]),
        ("data=3", ["data:", "got 3"]),
        ("title=3", ["title:", "got 3"]),
        ("model.dim=abc", ["model.dim:", "got 'abc'"]),
        ("model.dim=-1", ["model.dim:", "greater than or equal to 0", "got -1"]),
        ("model.dim=0", ["wanted model.dim or model.history_dim above 0"]),
        ("model.encoder=sun", ["No encoder is called 'sun'", "Did you mean 'sum'?"]),
        ("training.uniform_negatives=-1", ["training.uniform_negatives:", "got -1"]),
        ("training.uniform_negatives=9", ["wanted one of leave_one_out_softmax, gramian with"]),
        ("tasks.buy.loss=bpr2", ["No loss is called 'bpr2'", "Did you mean 'bpr'?"]),
        ("tasks.bye.loss=bpr", ["No table is called 'bye'", "Did you mean 'buy'?"]),
        ("tasks.buy=3", ["--set tasks.buy=3 wants an option of 'buy': tasks.buy.option=value"]),
        ("tasks.buy.head=dot", ["No head of retrieval is called 'dot'"]),
        ("tasks.buy.distillation=0.5", ["wanted model.start = 'closed_form'", "(buy)"]),
        ("tasks.stars.members=2", ["wanted another head than dot with members above 1 (stars)"]),
        ('compare.baselines=["popularty"]', ["No baseline is called 'popularty'", "'popularity'"]),
        ("training.seed=-1", ["training.seed:", "got -1"]),
        ("split.seed=-1", ["split.seed:", "got -1"]),
        ("split.kind=xyz", ["split.kind:", "'temporal'", "got 'xyz'"]),
        ("split.test=1", ["split.test:", "got 1"]),
        ("tasks.stars.weight=inf", ["tasks.1.weight:", "finite", "got inf"]),
        ("training.learning_rate=nan", ["training.learning_rate:", "got nan"]),
        ("data.rating_range=[5,1]", ["data.rating_range:", "wanted [lowest, highest]", "[5.0, 1"]),
        ("data.encoding=utf-99", ["data.encoding:", "no encoding is called 'utf-99'"]),
        ("data.kind=blah", ["No source is called 'blah'"]),
        ("training.monitor=stars.rmse", ["training.monitor wants split.validation above 0"]),
    ],
)
def test_a_change_that_makes_no_sense(cli, config, write_log, change, parts):
    write_log()
    tasks = (
        '[[tasks]]\nname = "buy"\nkind = "retrieval"\n[[tasks]]\nname = "stars"\nkind = "rating"\n'
    )
    config.write_text(config.read_text() + tasks)
    done = cli("train", config, "--out", config.parent / "run", "--set", change)
    assert (done.code, done.out) == (2, "")
    assert [part for part in parts if part not in done.err] == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[trainig]\n[data]\nname = 'ml-1m'\n", ["'trainig'", "Did you mean 'training'?"]),
        ("title = 'x'\n", ["data: give data.name (to download) or data.path"]),
        ("user_id,item_id\n1,2\n", ["Wanted a config in TOML", "`maxella init "]),
        ("\x00", ["Wanted a config in TOML"]),
    ],
)
def test_a_config_that_makes_no_sense(cli, tmp_path, text, parts):
    (tmp_path / "c.toml").write_text(text)
    done = cli("train", tmp_path / "c.toml", "--out", tmp_path / "run")
    assert (done.code, done.out) == (2, "")
    assert [part for part in parts if part not in done.err] == []


@pytest.mark.parametrize(("name", "reason"), [("no.toml", "No such file"), ("", "Is a directory")])
def test_a_config_that_is_not_there(cli, tmp_path, name, reason):
    done = cli("train", tmp_path / name, "--out", tmp_path / "run")
    assert done.code == 2
    assert f"can't be read: {reason}" in done.err


def test_a_change_without_a_section_and_words_without_quotes(config):
    changed = load_config(config, changes=["title=My shop", "split.kind=none", "training.l2=0.5"])
    assert (changed.title, changed.split.kind, changed.training.l2) == ("My shop", "none", 0.5)


def test_paths_in_a_config_start_at_its_folder(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "configs" / "c.toml"
    path.write_text('[data]\npath = "../log.csv"\nusers = "users.csv"\nitems = "/items.csv"\n')
    monkeypatch.chdir(tmp_path / "elsewhere")
    data = load_config(path).data
    assert str(data.path) == str(tmp_path / "log.csv")
    assert str(data.users) == str(tmp_path / "configs" / "users.csv")
    assert str(data.items) == "/items.csv"


def test_paths_on_the_command_line_start_at_the_working_directory(config, monkeypatch):
    folder = config.parent / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    by_option = load_config(config, data=config.relative_to(config.anchor))
    assert by_option.data.path == folder / config.relative_to(config.anchor)
    by_change = load_config(config, changes=["data.path=x.csv", "data.users='y.csv'"])
    assert (by_change.data.path, by_change.data.users) == (folder / "x.csv", folder / "y.csv")


def test_a_run_finds_its_data_from_another_folder(cli, config, write_log, monkeypatch):
    write_log()
    monkeypatch.chdir(config.parent)
    assert cli("train", "config.toml", "--out", "run").code == 0
    (config.parent / "elsewhere").mkdir()
    monkeypatch.chdir(config.parent / "elsewhere")
    done = cli("evaluate", "../run", "--json")
    assert done.code == 0
    assert json.loads(done.out)["test_reads"] == 2
