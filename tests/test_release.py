"""What is released: a wheel and an sdist that hold what they should, and run."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import maxella

ROOT = Path(__file__).resolve().parents[1]
TINY = """\
[data]
kind = "synthetic"
[model]
dim = 4
[training]
epochs = 1
[evaluation]
resamples = 0
[compare]
baselines = ["popularity"]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel, made of the sdist, and the sdist; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.mark.slow
def test_the_wheel_holds_the_package_with_all_that_is_no_code(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    source = ROOT / "src"
    wanted = {
        str(path.relative_to(source))
        for path in (source / "maxella").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"maxella/py.typed", "maxella/cli/main.py"} <= wanted
    assert any(Path(name).suffix not in {".py", ".typed"} for name in wanted)  # templates of pages
    assert {name for name in names if ".dist-info/" not in name} == wanted
    assert built[0].name == f"maxella-{maxella.__version__}-py3-none-any.whl"


@pytest.mark.slow
def test_the_sdist_holds_what_it_is_made_from_and_nothing_else(built):
    with tarfile.open(built[1]) as archive:
        members = [member for member in archive if member.isfile()]
    tops = {Path(member.name).parts[1] for member in members}
    files = {".gitignore", "CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "PKG-INFO"}
    files |= {"README.md", "constraints.txt", "pyproject.toml", "requirements.lock"}
    assert tops == {"src", "tests", "docs", "configs", *files}
    assert not [m.name for m in members if "runs" in Path(m.name).parts or ".venv" in m.name]
    assert max(member.size for member in members) < 2**20


@pytest.mark.slow
def test_the_wheel_runs_where_it_is_installed(built, tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", site, built[0]], check=True)
    (tmp_path / "tiny.toml").write_text(TINY)

    def run(*command):
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(site)},  # before what is installed for the tests
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run(sys.executable, "-c", "import maxella; print(maxella.__file__)")
    assert Path(where.strip()).is_relative_to(site)
    command = site / "bin" / "maxella"
    assert run(command, "--version").strip() == maxella.__version__
    assert "## `[training]`" in run(command, "options", "training")
    run(command, "train", "tiny.toml", "--out", "run")
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
    assert "i" in run(command, "recommend", "run", "--user", "u1", "-k", "3", "--json")


def test_what_is_cited_is_this_version():
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {maxella.__version__}\n" in cited
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {maxella.__version__}" in changes


def test_the_lock_has_all_that_the_package_wants():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    wanted = {name_of(one) for one in project["dependencies"]} - {"torch"}
    assert wanted <= pinned
    entries = lock.replace("\\\n", "").splitlines()
    assert all("--hash=sha256:" in line for line in entries if "==" in line)
    assert "://" not in lock


def name_of(requirement):
    return requirement.partition(">")[0].partition("=")[0].strip()
