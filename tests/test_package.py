"""What a user of the package sees of it: names, types, weight."""

import subprocess
import sys
from pathlib import Path

import pytest

import maxella
from maxella.experiment.fit import fit
from maxella.experiment.run import compare, run
from maxella.recommend.bundle import load
from maxella.recommend.recommender import Recommender

SNIPPET = """\
from pathlib import Path

import polars as pl

import maxella

log = pl.DataFrame({"user_id": ["a"], "item_id": ["b"]})
recommender = maxella.fit(log, training={"epochs": 1}, out=Path("run"))
reveal_type(recommender)
reveal_type(recommender.recommend(["a"], k=3))
reveal_type(recommender.predict(log))
reveal_type(maxella.fit("ratings.csv", "users.csv"))
reveal_type(maxella.load("run"))
reveal_type(maxella.load("run", frames="pandas"))
reveal_type(maxella.run("shop.toml"))
reveal_type(maxella.compare({"data": {"name": "ml-100k"}}))
reveal_type(maxella.__version__)


def best(of: maxella.Recommender) -> pl.DataFrame:
    return of.similar(["b"])


maxella.rnu
maxella.fit(log, trainng={})
"""
# What is inside need not be looked at: that takes most of the time.
CONFIG = """\
[mypy]
strict = true
[mypy-torch.*,numpy.*,scipy.*,matplotlib.*,pydantic.*,rich.*,jinja2.*,pooch.*,safetensors.*]
follow_imports = skip
"""
REVEALED = [
    "Recommender[DataFrame]",
    "DataFrame",
    "DataFrame",
    "Recommender[DataFrame]",
    "Recommender[DataFrame]",
    "Recommender[Any]",
    "dict[str, Any]",
    "dict[str, Any]",
    "str",
]


def test_names_are_what_they_say_and_seen_by_dir():
    names = {"Recommender": Recommender, "compare": compare, "fit": fit, "load": load, "run": run}
    assert dir(maxella) == sorted([*names, "__version__"])
    assert {name: getattr(maxella, name) for name in names} == names
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        _ = maxella.rnu


@pytest.mark.slow
def test_a_type_checker_sees_real_types(tmp_path):
    (tmp_path / "snippet.py").write_text(SNIPPET)
    (tmp_path / "mypy.ini").write_text(CONFIG)
    source = Path(maxella.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-color-output", "snippet.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(source), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("snippet.py")]
    told = [line.split('"')[1] for line in lines if "Revealed type" in line]
    assert [_short(one) for one in told] == REVEALED, done.stdout + done.stderr
    errors = [line for line in lines if " error: " in line]
    assert 'Module has no attribute "rnu"' in errors[0]
    assert 'Unexpected keyword argument "trainng"' in errors[1]
    assert {line.split(":")[1] for line in errors} == {"24", "25"}, errors


def _short(kind):
    """Without the modules: `a.b.C[d.E]` → `C[E]`."""
    of = "".join(letter if letter.isalnum() or letter in "._" else f" {letter} " for letter in kind)
    words = "".join(part.rsplit(".", 1)[-1] for part in of.split())
    return words.replace(",", ", ")
