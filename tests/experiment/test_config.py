import inspect
import re
from pathlib import Path

import pytest

import maxella.experiment
from maxella.data.split import split_interactions
from maxella.errors import ConfigError
from maxella.experiment.config import Config
from maxella.experiment.read_config import config_of_model, load_config, parse_config
from maxella.experiment.task_options import TaskOptions
from maxella.sources.load import SOURCES
from maxella.tasks.task import Task

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
BUY = {"name": "buy", "kind": "retrieval"}
STARS = {"name": "stars", "kind": "rating"}
LEAVE_ONE_OUT = BUY | {"loss": "leave_one_out_softmax"}


def parse(tasks, **sections):
    return parse_config({"data": {"name": "x"}, "tasks": tasks, **sections}, where="here")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_loads_with_each_of_its_models(path):
    config = load_config(path)
    assert config.tasks
    for entry in config.compare.models:
        assert config_of_model(config, entry).data == config.data


def test_unknown_keys_are_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'dim'"):
        parse([BUY], model={"dims": 3})


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ({"kind": "retrieval"}, r"tasks\.0\.name: Field required"),
        ({"name": "a", "kind": "rankin"}, "No kind of task is called 'rankin'.*'ranking'|'rating'"),
        (STARS | {"head": "dott"}, "No head of rating is called 'dott'.*mean 'dot'"),
        (STARS | {"head": "logistic"}, "No head of rating is called 'logistic'"),
        (BUY | {"loss": "full_sofmax"}, "No loss is called 'full_sofmax'.*mean 'full_softmax'"),
        (BUY | {"wieght": 2.0}, r"No option in \[tasks.*\] is called 'wieght'.*mean 'weight'"),
        (BUY | {"name": ""}, r"tasks\.0\.name: .*at least 1 character"),
        (BUY | {"weight": -1}, r"tasks\.0\.weight: .*got -1"),
        (STARS | {"loss": "bpr"}, "loss is for tasks of the kind retrieval, not rating"),
        (STARS | {"among": "view"}, "among is for tasks of the kind binary, not rating"),
        (STARS | {"distillation": 0.5}, "distillation is for tasks of the kind retrieval"),
        (STARS | {"event_weights": {"a": 2}}, "event_weights is for tasks of the kind retrieval"),
    ],
)
def test_a_task_that_makes_no_sense_is_named(task, wanted):
    with pytest.raises(ConfigError, match=wanted):
        parse([task])


def test_tasks_may_be_left_to_the_log():
    assert not parse([], model={"start": "closed_form"}).tasks


@pytest.mark.parametrize(
    ("tasks", "wanted"),
    [
        ([BUY, STARS, BUY], "a name of its own for each task; got buy, stars, buy"),
        ([BUY | {"weight": 0}, STARS | {"weight": 0}], "every task has the weight 0"),
        ([BUY | {"every": 2}, STARS | {"every": 3}], "every = 1 for one of the tasks"),
        ([LEAVE_ONE_OUT, BUY | {"name": "view", "loss": "bpr"}], "over the same items"),
        ([STARS | {"shapes_encoders": False}], "something to make the encoders"),
        ([STARS | {"members": 2}], "another head than dot with members above 1"),
        ([BUY | {"loss": "in_batch_softmax"}, STARS | {"head": "ordinal"}], "batches of rows"),
        ([BUY | {"uses_time": "past"}], r"model\.history_dim above 0 with uses_time for buy"),
        ([STARS | {"neighbours": 5}], "neighbours is for tasks of the kind retrieval, not rating"),
    ],
)
def test_tasks_that_do_not_go_together(tasks, wanted):
    with pytest.raises(ConfigError, match=wanted):
        parse(tasks)


def test_of_a_task_without_a_weight_nothing_is_wanted():
    ignored = STARS | {"weight": 0, "members": 2}
    assert [task.name for task in parse([BUY, ignored]).learnt] == ["buy"]


@pytest.mark.parametrize(
    ("loss", "sections", "wanted"),
    [
        ("full_softmax", {"model": {"history_dim": 8}}, "leave_one_out_softmax, gramian, bpr"),
        ("in_batch_softmax", {"model": {"history_dim": 8}}, "gramian, bpr"),
        ("bpr", {"training": {"uniform_negatives": 5}}, "with training.uniform_negatives"),
        ("gramian", {"model": {"start": "closed_form"}}, "model.start = 'random' with gramian"),
    ],
)
def test_a_loss_that_does_not_go_with_the_rest(loss, sections, wanted):
    with pytest.raises(ConfigError, match=wanted):
        parse([BUY | {"loss": loss}], **sections)


def test_the_seen_penalty_is_of_dot_products():
    with pytest.raises(ConfigError, match=r"neighbours = 0 with model\.seen_penalty_dim.*\(buy\)"):
        parse([BUY | {"neighbours": 5}], model={"seen_penalty_dim": 8})


@pytest.mark.parametrize("text", ["", "[[tasks]]\nname = 'buy'\nkind = 'retrieval'\n"])
def test_changes_on_the_command_line_are_typed(tmp_path, text):
    path = tmp_path / "c.toml"
    path.write_text(text + '[data]\nname = "ml-100k"\n')
    config = load_config(path, changes=["model.dim=7", "split.kind=random", "training.l2=0.5"])
    assert (config.model.dim, config.split.kind, config.training.l2) == (7, "random", 0.5)
    with pytest.raises(ConfigError, match="wants section"):
        load_config(path, changes=["dim"])


def test_changes_reach_a_task_by_its_name(tmp_path):
    path = tmp_path / "c.toml"
    tasks = "[[tasks]]\nname = 'buy'\nkind = 'retrieval'\n[[tasks]]\nname='stars'\nkind='rating'\n"
    path.write_text(tasks + '[data]\nname = "ml-100k"\n')
    config = load_config(path, changes=["tasks.stars.weight=0.5", "tasks.buy.loss=bpr"])
    assert [task.weight for task in config.tasks] == [1, 0.5]
    assert config.tasks[0].loss == "bpr"
    with pytest.raises(ConfigError, match=r"'star'.*Did you mean 'stars'"):
        load_config(path, changes=["tasks.star.weight=0.5"])


def test_a_model_of_a_comparison_changes_tasks_by_their_names():
    compare = {"models": [{"name": "alone", "tasks": {"stars": {"weight": 0}}}]}
    config = parse([BUY, STARS], compare=compare)
    (entry,) = config.compare.models
    alone = config_of_model(config, entry)
    assert [(task.name, task.weight) for task in alone.tasks] == [("buy", 1), ("stars", 0)]
    misspelt = entry.model_copy(update={"tasks": {"star": {"weight": 0}}})
    with pytest.raises(ConfigError, match=r"'alone': No task is called 'star'.*mean 'stars'"):
        config_of_model(config, misspelt)


@pytest.mark.parametrize("name", ["popularity", "EASE"])
def test_a_model_called_like_a_baseline_is_refused(name):
    with pytest.raises(ConfigError, match=f"'{name}' is the name of a baseline.*another name"):
        parse([BUY], compare={"models": [{"name": name}]})


@pytest.mark.parametrize("other", ["a b", "A-b"])
def test_each_model_of_a_comparison_has_a_folder_of_its_own(other):
    with pytest.raises(ConfigError, match=r"a folder of its own for each; got \['a b', "):
        parse([BUY], compare={"models": [{"name": "a b"}, {"name": other}]})


def test_every_option_is_read_outside_the_page_that_declares_it():
    folder = Path(maxella.experiment.__file__).parent
    declared = ("config.py", "task_options.py")
    code = "\n".join(p.read_text() for p in folder.glob("*.py") if p.name not in declared)
    handed_over = {  # whole sections, whose options are arguments of the same names
        "split": set(inspect.signature(split_interactions).parameters),
        "data": {
            name for one in SOURCES.values() for name in inspect.signature(one.read).parameters
        },
    }
    for section, field in Config.model_fields.items():
        options = getattr(field.annotation, "model_fields", {})
        for option in options:
            is_read = re.search(rf"(options|config\.{section}|{section})\.{option}\b", code)
            assert is_read or option in handed_over.get(section, ()), (section, option)
    derived = inspect.getsource(TaskOptions.head_name.fget)
    derived += inspect.getsource(TaskOptions.loss_name.fget)
    by_name = inspect.getsource(Task.of)
    for option in TaskOptions.model_fields:
        is_read = re.search(rf"(task|options)\.{option}\b", code) or f"self.{option}" in derived
        assert is_read or option in Task.__dataclass_fields__ or f'"{option}"' in by_name, option


@pytest.mark.parametrize(
    ("section", "option"),
    [
        ("model", "dim"),
        ("model", "history_dim"),
        ("model", "seen_penalty_dim"),
        ("training", "epochs"),
        ("training", "uniform_negatives"),
        ("evaluation", "resamples"),
    ],
)
@pytest.mark.parametrize("size", [10**9, 10**30])
def test_an_absurd_size_is_refused(section, option, size):
    with pytest.raises(ConfigError, match=f"{section}.{option}: .*less than or equal to 1000000"):
        parse([BUY], **{section: {option: size}})


def test_brackets_without_end_are_named(tmp_path):
    path = tmp_path / "deep.toml"
    path.write_text("a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match=r"deep\.toml is none: it is nested too deeply"):
        load_config(path)


@pytest.mark.parametrize("names", [("a a", "A-A"), ("é", "e\u0301"), ("a/b", "a?b")])
def test_models_that_would_share_a_folder_are_refused(names):
    models = [{"name": name} for name in names]
    with pytest.raises(ConfigError, match="a folder of its own"):
        parse([BUY], compare={"models": models})


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_a_name_that_no_folder_can_have_is_refused(name):
    with pytest.raises(ConfigError, match=r"compare\.models\.0\.name"):
        parse([BUY], compare={"models": [{"name": name}]})


def test_a_log_in_place_of_a_config_is_told_how_to_get_one(tmp_path):
    log = tmp_path / "my log.csv"
    log.write_text("user,item\n1,2\n")
    with pytest.raises(ConfigError, match=r"`maxella init '.*my log.csv'` makes one"):
        load_config(log)
