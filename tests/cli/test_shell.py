import json
import os
import shutil
import subprocess
import sys

import polars as pl
import pytest

from maxella.cli import show
from maxella.cli.main import COMMANDS, main
from maxella.cli.progress import Lines

NAMES = [*COMMANDS, "data", "data get", "data describe", "data check"]
MAIN = [sys.executable, "-m", "maxella"]


@pytest.mark.parametrize("command", ["", *NAMES])
def test_h_is_help_everywhere(cli, command):
    assert cli(*command.split(), "-h").out == cli(*command.split(), "--help").out
    assert "Usage" in cli(*command.split(), "-h").out


def test_help_lists_the_exit_codes(cli):
    told = " ".join(cli("-h").out.split())
    assert "Exit codes: 0 done; 1 a fault" in told
    assert "130 interrupted" in told


@pytest.mark.parametrize("command", ["recommend", "predict", "similar"])
def test_quiet_leaves_nothing_but_what_is_found(cli, trained, tmp_path, command):
    (tmp_path / "pairs.csv").write_text("user_id,item_id\nu1,i1\nnobody,i1\n")
    asked = {
        "recommend": ["--user", "nobody"],
        "predict": [tmp_path / "pairs.csv"],
        "similar": ["i1"],
    }[command]
    loud, quiet = cli(command, trained, *asked), cli(command, trained, *asked, "--quiet")
    assert (quiet.code, quiet.err) == (0, "")
    assert loud.err.splitlines()[-1].startswith("Next: maxella ")
    assert loud.out == quiet.out != ""
    assert cli(command, trained / "nowhere", *asked, "-q").err.startswith(
        "Error: Wanted the folder"
    )


def test_what_is_found_is_on_standard_output_and_words_are_not(cli, config, write_log):
    log = write_log()
    run = config.parent / "run"
    for arguments in (
        ["data", "describe", log],
        ["data", "check", log, "--html", config.parent / "check.html"],
        ["init", log, "--out", config.parent / "new.toml"],
        ["train", config, "--out", run],
        ["evaluate", run],
        ["recommend", run, "--user", "u1"],
        ["recommend", run, "--all", "--out", config.parent / "lists.csv"],
        ["similar", run, "i1"],
    ):
        done = cli(*arguments)
        assert done.code == 0
        words = [line for line in ("Next: ", "Report: ", "Wrote ", "page: ") if line in done.out]
        assert words == []
        assert done.err.splitlines()[-1].startswith("Next: maxella ")


def test_the_next_command_can_be_run(cli, config, write_log):
    """From a log to predictions by what each command names."""
    pairs = [(u, i) for u in range(6) for i in range(9) if u % 3 != i % 3]
    write_log([(f"user {u}", f"i{i}", 1 + (u + i) % 5, 1000 * u + i) for u, i in pairs])
    done = cli("train", config, "--out", config.parent / "run")
    names = []
    for _ in range(3):
        *_, last = done.err.splitlines()
        names.append(last.split()[2])
        done = cli(*show.shlex.split(last)[2:])
        assert done.code == 0
    assert names == ["recommend", "similar", "recommend"]


def test_interrupted_is_130_and_no_traceback(cli, trained, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("maxella.recommend.bundle.load_bundle", interrupt)
    done = cli("similar", trained, "i1")
    assert (done.code, done.out, done.err) == (130, "", "Interrupted.\n")


def test_interrupted_before_a_command_begins(monkeypatch):
    def interrupt(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr("maxella.cli.main.app", interrupt)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130


@pytest.mark.parametrize(("given", "code"), [("", "\x1b[31m"), ("1", "Error: ")])
def test_colours_only_where_they_are_wanted(monkeypatch, given, code):
    """`isatty` is what click looks at."""
    written = []
    monkeypatch.setenv("NO_COLOR", given)
    monkeypatch.setattr(show.typer, "echo", lambda text, **_: written.append(text))
    monkeypatch.setattr("typer.secho", lambda text, fg=None, **_: written.append((text, fg)))
    show.say_error("no")
    assert written == [("Error: no", None if given else "red")]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("maxella rec", "recommend"),
        ("maxella data de", "describe"),
        ("maxella train --ov", "--overwrite"),
    ],
)
def test_bash_completes_commands_and_options(tmp_path, words, wanted):
    command = tmp_path / "maxella"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m maxella "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SHELL": "/bin/bash"}
    script = (
        'eval "$(maxella --show-completion)"\n'
        f"COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "name=$(complete -p maxella | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
        '$name maxella; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        [shutil.which("bash"), "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert wanted in done.stdout.split()


def test_lines_tell_how_far_things_are_and_what_is_left(monkeypatch):
    said, now = [], [100.0]
    monkeypatch.setattr("maxella.cli.progress.say", said.append)
    lines = Lines(lambda: now[0])
    lines.say()
    lines.on_step("joint", 1, 4, "gradient steps")
    lines.on_step("joint: steps", 0, 3000)
    now[0] += 60
    lines.on_step("joint: steps", 1000, 3000)
    lines.say()
    now[0] += 3600
    lines.on_step("joint: steps", 3000, 3000)
    lines.on_step("joint", 4, 4)
    lines.on_step("baselines", 3, 12, "ials")
    lines.say()
    lines.on_step("baselines", 12, 12)
    lines.say()
    assert said == [
        "0:00: reading the data",
        "1:00: joint 1/4 (gradient steps); joint: steps 1,000/3,000, 2:00 left",
        "1:01:00: baselines 3/12 (ials)",
        "1:01:00: finishing",
    ]


def test_a_run_tells_of_its_stages_its_baselines_and_its_evaluation(config, write_log):
    import maxella

    write_log()
    told = []
    maxella.run(config, on_step=lambda *step: told.append(step))
    assert [step for step in told if step[0] == "joint"] == [
        ("joint", 0, 2, "gradient steps"),
        ("joint", 1, 2, "evaluation"),
        ("joint", 2, 2),
    ]
    assert [step for step in told if step[0] == "joint: steps"][-1][1:] == (1, 1)
    assert [step[1:] for step in told if step[0] == "baselines"] == [
        (0, 1, "popularity"),
        (1, 1, ""),
    ]


def test_bars_are_torn_by_no_line(monkeypatch, capsys):
    """What is said while bars are shown stands on lines of its own."""
    from io import StringIO

    from rich.console import Console

    from maxella.cli.progress import _bars

    screen = StringIO()
    with _bars(Console(file=screen, force_terminal=True, width=80)) as on_step:
        on_step("joint", 1, 4, "closed form")
        show.say("a word")
        on_step("[/b] odd", 2, 4)
    text = screen.getvalue()
    assert "joint: closed form" in text
    assert "[/b] odd" in text
    (line,) = [line for line in text.splitlines() if "a word" in line]
    assert line.removeprefix("\r").replace("\x1b[2K", "").replace("\x1b[1A", "") == "a word"


def test_predict_prints_and_reads_standard_input(trained, tmp_path):
    done = subprocess.run(
        [*MAIN, "predict", str(trained), "-", "--json"],
        input="user_id\titem_id\nu1\ti1\nu1\ti2\n",
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["item_id"] for row in found] == ["i1", "i2"]
    assert found[0]["item_name"].startswith("Item ")
    assert {"predicted_rating", "score", "source"} <= found[0].keys()


def test_predict_prints_a_table(cli, trained, tmp_path):
    (tmp_path / "pairs.csv").write_text("user_id,item_id\nu1,i1\n")
    done = cli("predict", trained, tmp_path / "pairs.csv")
    assert "predicted rating" in done.out
    assert "item name" in done.out


def test_lists_of_all_users_stream_as_lines_of_json(cli, trained, monkeypatch):
    monkeypatch.setattr("maxella.cli.answers._USERS", 150)
    done = cli("recommend", trained, "--all", "--json", "-k", 2)
    found = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, len(found)) == (0, 800)
    assert [row["rank"] for row in found] == [1, 2] * 400
    alone = json.loads(cli("recommend", trained, "--user", "u7", "-k", 2, "--json").out)
    assert [row for row in found if row["user_id"] == "u7"] == alone


def test_a_long_table_is_cut_and_said(monkeypatch, capsys):
    monkeypatch.setattr(show, "MOST_ROWS", 3)
    show.show_frame(pl.DataFrame({"item_id": ["a", "b", "c", "last"]}))
    written = capsys.readouterr()
    assert "last" not in written.out
    assert written.err == "The first 3 of 4 rows; --json gives all.\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 7 TiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_too_little_memory_is_one_message(cli, trained, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("maxella.recommend.bundle.load_bundle", fail)
    done = cli("similar", trained, "i1")
    assert done.code == 2
    assert done.err.startswith(f"Error: the memory does not suffice ({error})")


def test_a_fault_of_the_code_is_no_message(cli, trained, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a fault")

    monkeypatch.setattr("maxella.recommend.bundle.load_bundle", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        cli("similar", trained, "i1")
