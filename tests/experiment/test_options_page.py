from pathlib import Path

import pytest

from maxella.errors import ConfigError
from maxella.experiment.config import Config, ModelEntry, Section, TaskOptions
from maxella.experiment.options_page import options_page
from maxella.model.heads import HEADS
from maxella.tasks.losses import LOSSES

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
SECTIONS = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
} | {"tasks": TaskOptions, "compare.models": ModelEntry}


def test_the_page_is_up_to_date():
    written = PAGE.read_text(encoding="utf-8").rstrip("\n")
    assert written == options_page().rstrip("\n"), "run: maxella options > docs/options.md"


@pytest.mark.parametrize("name", SECTIONS)
def test_every_option_stands_on_it_with_its_sentence(name):
    lines = options_page(name).splitlines()
    for option, field in SECTIONS[name].model_fields.items():
        if (name, option) == ("compare", "models"):  # a section of its own
            continue
        assert field.description, f"{name}.{option} has no sentence"
        words = " ".join(field.description.split())
        assert any(one.startswith(f"- `{option}` (") and one.endswith(words) for one in lines)


def one_of(names):
    return "one of " + ", ".join(f'`"{name}"`' for name in names)


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (
            "training",
            f'- `schedule` ({one_of(["constant", "one_cycle"])}; default `"one_cycle"`). ',
        ),
        ("training", "- `epochs` (whole number from 0 to 1,000,000; default `8`). "),
        ("split", "- `test` (number from 0 below 1; default `0.25`). "),
        ("tasks", f"- `kind` ({one_of(['retrieval', 'rating', 'binary'])}; wanted). "),
        ("tasks", f"- `loss` ({one_of(LOSSES)}; default none). "),
        ("tasks", f"- `head` ({one_of(HEADS)}; default none). "),
        ("data", "- `rating_range` (pair of numbers; default none). "),
        ("data", "- `path` (path; default none). "),
        ("evaluation", '- `slices` (list of texts; default `["activity", "popularity"]`). '),
    ],
)
def test_an_option_has_its_type_and_default(section, line):
    assert line in options_page(section)


def test_a_section_that_is_none_is_named():
    with pytest.raises(ConfigError, match=r"'trainng'.*Did you mean 'training'"):
        options_page("trainng")
