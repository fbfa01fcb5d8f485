import subprocess
import sys

import pytest

HEAVY = {"torch", "polars", "pydantic", "matplotlib", "numpy", "pooch"}


def loaded_by(code):
    """The heavy packages that a new process holds after some code."""
    code += f"\nimport sys; print(*sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.split()


def test_import_loads_nothing_heavy():
    assert loaded_by("import maxella") == []


@pytest.mark.slow
def test_answers_load_no_more_than_they_need():
    found = loaded_by("import maxella.recommend.bundle")
    assert found == ["numpy", "polars", "pydantic", "torch"]  # pydantic reads the manifest


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys, contextlib, maxella.cli.main as cli\n"
        f"sys.argv[1:] = {arguments}\n"
        "with contextlib.suppress(SystemExit): cli.main()"
    )
    # Typer itself turns to pydantic where a command has parameters.
    assert set(loaded_by(code)) <= ({"pydantic"} if arguments[0] == "train" else set())


def test_an_error_is_one_message_and_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "maxella", "train", "no.toml", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_command(cli):
    done = cli("--help")
    assert done.code == 0
    for name in (
        "data",
        "train",
        "compare",
        "evaluate",
        "importance",
        "recommend",
        "predict",
        "similar",
    ):
        assert name in done.out


def test_what_the_system_refuses_is_one_message(cli, monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device", "report.json")

    monkeypatch.setattr("maxella.experiment.run.run", refuse)
    (tmp_path / "c.toml").write_text('[data]\nkind = "synthetic"\n')
    done = cli("train", tmp_path / "c.toml", "--out", tmp_path / "run")
    assert done.code == 2
    assert done.err == "Error: the system refused: report.json: No space left on device.\n"
