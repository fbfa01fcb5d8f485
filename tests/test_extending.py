"""The additions that docs/extending.md shows, taken from there, put in place, and trained."""

import importlib
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
import torch

import maxella
from maxella.data.history import Bags
from maxella.model.user_encoder import EncoderShape, Pairs
from maxella.seeds import torch_generator

DOC = Path(__file__).parents[1] / "docs" / "extending.md"
MOST_FILES, MOST_LINES = 2, 10
OPTIONS = {
    "split": {"kind": "random", "test": 0.25},
    "model": {"dim": 8},
    "training": {"epochs": 6, "batch_size": 16, "learning_rate": 0.05, "l2": 0.01},
    "evaluation": {"resamples": 100},
}
SECTIONS = {
    title: re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    for title, text in re.findall(r"\n## (.*?)\n(.*?)(?=\n## |\Z)", DOC.read_text(), re.DOTALL)
}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """150 users of two camps; who is in an item's camp takes it more, stays and likes it."""
    rng = np.random.default_rng(2)
    rows = []
    for user in range(150):
        chances = np.where(np.arange(30) % 2 == user % 2, 5.0, 1.0)
        for time, item in enumerate(rng.choice(30, 10, replace=False, p=chances / chances.sum())):
            likes = item % 2 == user % 2
            stars, seconds = 1 + 3 * likes + rng.integers(2), rng.integers(1, 5) * 100**likes
            rows.append((f"u{user}", f"i{item}", float(stars), int(seconds), time))
    columns = ["user_id", "item_id", "rating", "seconds", "timestamp"]
    path = tmp_path_factory.mktemp("world") / "log.csv"
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(path)
    return path


@pytest.fixture
def train(log, monkeypatch, tmp_path):
    """Adds what a section of the page shows; the report of a model with it."""

    def run(title):
        names, options = {}, {}
        for language, code in SECTIONS[title]:
            where = code.partition("\n")[0].removeprefix("# ")
            if language == "toml":
                options = tomllib.loads(code)
            elif where.startswith("src/"):
                name = where.removeprefix("src/").removesuffix(".py").replace("/", ".")
                module = ModuleType(name)
                monkeypatch.setitem(sys.modules, name, module)
                exec(compile(code, where, "exec"), vars(module))  # noqa: S102 - our own page
                names |= vars(module)
            else:
                table, path = where.split(", src/")
                home = importlib.import_module(path.removesuffix(".py").replace("/", "."))
                added = eval(f"{{{code}}}", vars(home) | names)  # noqa: S307 - our own page
                for key, value in added.items():
                    monkeypatch.setitem(getattr(home, table), key, value)
        options["model"] = OPTIONS["model"] | options.get("model", {})
        report = maxella.run(OPTIONS | options | {"data": {"path": str(log)}}, tmp_path / "run")
        again = maxella.load(tmp_path / "run").predict(pl.read_csv(log).head(5))
        assert len(again) == 5
        return report

    return run


@pytest.mark.parametrize("title", SECTIONS)
def test_an_addition_is_two_new_files_and_ten_lines_at_most(title):
    python = [code for language, code in SECTIONS[title] if language == "python"]
    files = [code for code in python if code.startswith("# src/")]
    lines = [code.strip().splitlines()[1:] for code in python if not code.startswith("# src/")]
    assert 1 <= len(files) <= MOST_FILES
    # Each line of a table wants one of import.
    assert 1 <= sum(map(len, lines)) + len(files) <= MOST_LINES


def test_a_kind_of_task(train):
    report = train("A kind of task")
    (task,) = report["tasks"]
    assert (task["kind"], task["headline"]) == ("duration", ["rmse"])
    (model,) = report["models"]
    # Logarithms of 2 to 5 and of 101 to 401: without the camps they deviate by 1.9.
    assert model["metrics"]["stay"]["rmse"] < 1.2


def test_a_loss_with_its_own_negatives(train):
    model, popularity, *_ = train("A loss of retrieval")["models"]
    own, other = (of["metrics"]["watch"]["filtered"]["ndcg@10"] for of in (model, popularity))
    assert own > other + 0.05


def test_a_metric_of_which_less_is_better(train):
    report = train("A metric")
    facts = report["metrics"]["stars"]["far_off"]
    assert (facts["direction"], facts["label"]) == ("lower", "far off")
    model, bias = report["models"]
    own, other = (of["metrics"]["stars"]["far_off"] for of in (model, bias))
    assert 0 <= own < other
    paired = model["paired"]["stars"]["far_off"]
    assert (paired["against"], paired["difference"]) == ("bias", pytest.approx(own - other))
    assert model["intervals"]["stars"]["far_off"][0] <= own


def test_a_baseline(train):
    report = train("A baseline")
    found = {of["name"]: of["metrics"]["stars"]["rmse"] for of in report["models"]}
    assert found.keys() == {"two-tower", "bias", "item_mean"}
    assert found["two-tower"] < found["item_mean"] < 2


def own_part_is_left_out(encoder_class):
    """Of each pair that is read, what its item's reading adds is the self-score."""
    shape = EncoderShape(3, 9, 4, 4, 3.0, 0, 1.0, torch_generator(1, "test"), lambda width: None)
    encoder = encoder_class(shape)
    history = Bags(torch.tensor([1, 2, 3, 4, 5, 6, 7, 8]), torch.tensor([6, 2]))
    pairs = Pairs(torch.tensor([0, 0, 1]), torch.tensor([0, 5, 6]))
    items, embeddings = torch.arange(1, 9), torch.eye(4).repeat(2, 1)

    def scores():
        queries = encoder(torch.tensor([1, 2]), history)[pairs.user_positions]
        return (queries * embeddings[pairs.item_positions]).sum(dim=1)

    with torch.no_grad():
        before, found = scores(), encoder.self_scores(history, pairs, items, embeddings)
        for n, item in enumerate((1, 6, 7)):
            reading = encoder.readings.weight[item].clone()
            encoder.readings.weight[item] = 0.0
            assert torch.isclose(before[n] - found[n], scores()[n])
            encoder.readings.weight[item] = reading
    assert found[0] == 0  # not among the latest five
    assert found[1:].abs().min() > 0


def test_a_user_encoder_that_reads_the_order(train):
    model, popularity, *_ = train("A user encoder")["models"]
    own_part_is_left_out(sys.modules["maxella.model.latest_encoder"].LatestEncoder)
    own, other = (of["metrics"]["watch"]["filtered"]["ndcg@10"] for of in (model, popularity))
    assert own > other + 0.05
