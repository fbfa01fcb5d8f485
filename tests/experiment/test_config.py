import re
from pathlib import Path

import pytest

import maxella.experiment
from maxella.errors import ConfigError
from maxella.experiment.config import Config
from maxella.experiment.read_config import config_of_model, load_config, parse_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_loads_with_each_of_its_models(path):
    config = load_config(path)
    for entry in config.compare.models:
        assert config_of_model(config, entry).data == config.data


def test_unknown_keys_are_refused_with_the_nearest_name():
    options = {"data": {"name": "ml-100k"}, "model": {"dims": 3}}
    with pytest.raises(ConfigError, match="Did you mean 'dim'"):
        parse_config(options, where="here")


@pytest.mark.parametrize(
    ("model", "tasks", "wanted"),
    [
        ({"history_dim": 8}, {"retrieval_loss": "full_softmax"}, "'gramian' or 'bpr' with"),
        ({"history_dim": 8}, {"retrieval_loss": "in_batch_softmax"}, "'gramian' or 'bpr' with"),
        ({}, {"retrieval_loss": "bpr", "uniform_negatives": 5}, "with tasks.uniform_negatives"),
        ({"start": "closed_form"}, {"retrieval_loss": "gramian"}, "model.start = 'random'"),
    ],
)
def test_choices_that_do_not_go_together(model, tasks, wanted):
    options = {"data": {"name": "ml-100k"}, "model": model, "tasks": tasks}
    with pytest.raises(ConfigError, match=wanted):
        parse_config(options, where="here")


def test_changes_on_the_command_line_are_typed(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('[data]\nname = "ml-100k"\n')
    config = load_config(path, changes=["model.dim=7", "split.kind=random", "tasks.l2=0.5"])
    assert (config.model.dim, config.split.kind, config.tasks.l2) == (7, "random", 0.5)
    with pytest.raises(ConfigError, match="wants section"):
        load_config(path, changes=["dim"])


def test_every_option_is_read_outside_the_page_that_declares_it():
    folder = Path(maxella.experiment.__file__).parent
    code = "\n".join(p.read_text() for p in folder.glob("*.py") if p.name != "config.py")
    for section, field in Config.model_fields.items():
        options = getattr(field.annotation, "model_fields", {})
        for option in options:
            assert re.search(rf"(options|config\.{section})\.{option}\b", code), (section, option)
