"""A kill at the file events of every command that writes: nothing half-written is taken as whole.

Run as a program (`python tests/test_kills.py FOLDER [STRIDE]`) it kills at every event, or at each
STRIDE-th, and prints how many kills each command stood. A child is forked for each: from a parent
that has imported all, and has started no thread.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

KILLED = 9
CONFIG = """
[data]
path = "log.csv"
items = "items.csv"
[features.item]
genre = "category"
[model]
dim = 4
[training]
epochs = 2
seed = {seed}
[evaluation]
resamples = 0
slices = []
[compare]
baselines = ["popularity"]
[[compare.models]]
name = "one"
[[compare.models]]
name = "two"
training = {{ seed = 9 }}
"""
THEIRS = ("run/notes.txt", "run/bundle.unfinished/mine.txt", ".lists.csv.unfinished", "mine.txt")


@dataclass(frozen=True)
class Knock:
    """A command that is killed, what stood there before it, and how it is judged after it."""

    command: list[str]
    before: list[list[str]]  # commands
    check: Callable[[], object]  # of what is there now: one of two states, old or new
    again: list[str]  # what a user gives then; it ends with the new state


@pytest.mark.slow
def test_a_kill_at_a_file_event_of_any_command_loses_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path / "world"), "10"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    stood = json.loads(done.stdout.splitlines()[-1])
    assert len(stood) == len(KNOCKS)
    assert all(kills >= 1 for kills in stood.values())
    assert sum(stood.values()) > 40


def maxella(*arguments):
    """The command in this process; its exit code."""
    from maxella.cli.main import main

    sys.argv = ["maxella", *arguments]
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    return 0


def state_of_run(run="run"):
    """The weights of the run that is there; its bundle and its report are of one run, and whole."""
    from maxella.errors import MaxellaError
    from maxella.recommend.bundle import load_bundle, weights_hash
    from maxella.report.files import read_report

    if not Path(run, "maxella-run.json").exists() or not marked(run).files:
        with pytest.raises(MaxellaError, match="is none"):
            load_bundle(Path(run))
        return None
    found = weights_hash(load_bundle(Path(run)).model)
    assert read_report(Path(run, "report.json"))["models"][0]["checkpoint"] == found
    return found


def marked(run):
    from maxella.mark import read_mark

    return read_mark(Path(run))


def state_of_comparison():
    """The weights of both models, of one comparison."""
    from maxella.report.files import read_report

    models = [state_of_model(f"run/models/{name}") for name in ("one", "two")]
    rows = read_report(Path("run/report.json"))["models"]
    assert [row["checkpoint"] for row in rows if row["kind"] == "model"] == models
    return models


def state_of_model(folder):
    from maxella.recommend.bundle import load_bundle, weights_hash
    from maxella.report.files import read_report

    found = weights_hash(load_bundle(Path(folder)).model)
    assert read_report(Path(folder, "report.json"))["models"][0]["checkpoint"] == found
    return found


def reads():
    """How often the test was read, and whether features were permuted: of a whole report."""
    from maxella.report.files import read_report

    state_of_run()
    report = read_report(Path("run/report.json"))
    return report["test_reads"], "importance" in report


def text_of(name):
    return lambda: Path(name).read_text() if Path(name).exists() else None


TRAIN = ["train", "config.toml", "--out", "run"]
COMPARE = ["compare", "config.toml", "--out", "run"]
OTHER = ["--set", "training.seed=2"]
REPLACE = [*OTHER, "--overwrite"]
LISTS = ["recommend", "run", "--all", "--out", "lists.csv"]
PAIRS = ["predict", "run", "pairs.csv", "--out", "pairs.parquet"]
KNOCKS = {
    "train": Knock(TRAIN, [], state_of_run, [*TRAIN, "--overwrite"]),
    "train, then --resume": Knock(TRAIN, [], state_of_run, [*TRAIN, "--resume"]),
    "train --overwrite": Knock([*TRAIN, *REPLACE], [TRAIN], state_of_run, [*TRAIN, *REPLACE]),
    "compare --overwrite": Knock(
        [*COMPARE, *REPLACE], [COMPARE], state_of_comparison, [*COMPARE, *REPLACE]
    ),
    "evaluate": Knock(["evaluate", "run"], [TRAIN], reads, ["evaluate", "run"]),
    "importance": Knock(
        ["importance", "run", "--repeats", "1"], [TRAIN], reads, ["importance", "run"]
    ),
    "recommend": Knock(LISTS, [TRAIN, [*LISTS, "-k", "1"]], text_of("lists.csv"), LISTS),
    "predict": Knock(PAIRS, [TRAIN], lambda: Path("pairs.parquet").exists(), PAIRS),
    "init": Knock(
        ["init", "log.csv", "--out", "new.toml"],
        [],
        text_of("new.toml"),
        ["init", "log.csv", "--out", "new2.toml"],
    ),
    "data check": Knock(
        ["data", "check", "config.toml", "--html", "page.html"],
        [],
        lambda: Path("page.html").exists(),
        ["data", "check", "config.toml", "--html", "page.html"],
    ),
}


def in_child(function):
    """A forked child's exit code; 1 and a traceback where it raises."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            out = os.open(os.devnull, os.O_WRONLY)
            os.dup2(out, 1)
            code = function()
        except BaseException:  # noqa: BLE001 - told by the exit code
            import traceback

            traceback.print_exc()
            code = 1
        os._exit(code or 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(n, world):
    """Kill this process at the n-th event that changes a file of the world."""
    left = [n]

    def look(event, arguments):
        if event == "open":
            path, _, flags = arguments
            changes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            path, changes = arguments[0] if arguments else "", event in EVENTS
        if changes and isinstance(path, str | bytes | os.PathLike):
            path = os.fsdecode(path)
            if path.startswith(world) or not path.startswith("/"):
                left[0] -= 1
                if left[0] < 0:
                    os._exit(KILLED)

    sys.addaudithook(look)


EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")


def build(world):
    """A log, a config, and files of somebody's own."""
    world.mkdir()
    lines = [f"u{u},i{i},{1 + (u + i) % 5},{1000 * u + i}" for u in range(8) for i in range(6)]
    (world / "log.csv").write_text("\n".join(["user_id,item_id,rating,timestamp", *lines]))
    lines = [f"i{i},{'ab'[i % 2]}" for i in range(6)]
    (world / "items.csv").write_text("\n".join(["item_id,genre", *lines]))
    (world / "pairs.csv").write_text("user_id,item_id\nu1,i1\nu2,i2\n")
    (world / "config.toml").write_text(CONFIG.format(seed=1))
    for name in THEIRS:
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        (world / name).write_text("mine")


def again_from(start, world):
    """The world as it was at the start."""
    os.chdir(start)
    shutil.rmtree(world, ignore_errors=True)
    shutil.copytree(start, world)
    os.chdir(world)


def stands(place, knock, stride):
    """How many kills a command stood; the events of one whole run of it are counted by dying."""
    start, found = place / "start", place / "state.json"
    build(start)
    os.chdir(start)
    for command in knock.before:
        assert in_child(lambda command=command: maxella(*command)) == 0, command

    def look(states):
        """One of these states is there, and what is not ours is; else 1."""

        def check():
            state = json.loads(json.dumps(knock.check()))
            assert states is None or state in states, (state, states)
            assert all(Path(name).read_text() == "mine" for name in THEIRS)
            found.write_text(json.dumps(state))

        code = in_child(check)
        assert code == 0, f"killed at event {kills * stride}"
        return json.loads(found.read_text())

    kills = 0
    old = look(None) if knock.check is not state_of_comparison or knock.before else None
    world, new = place / "world", None
    while True:
        again_from(start, world)

        def die(n=kills * stride):
            killed_at(n, str(world))
            return maxella(*knock.command)

        if kills == 0:  # one whole run, to know the new state
            assert in_child(lambda: maxella(*knock.command)) == 0
            new = look(None)
            assert new != old
            again_from(start, world)
        code = in_child(die)
        if code == 0:
            look([new])
            return kills
        assert code == KILLED, code
        then = look([old, new])
        again = knock.again
        is_complete = "--resume" in again and then == new
        code = in_child(lambda again=again: maxella(*again))
        assert code == (2 if is_complete else 0), (again, code)
        if knock.again[0] == knock.command[0] and knock.check is not reads and "init" not in again:
            look([new])
        left = [path.name for path in world.rglob("*") if path.name.startswith("unfinished-")]
        assert not left, left
        kills += 1


def main():
    """Knock at each command."""
    import importlib

    place, stride = Path(sys.argv[1]).absolute(), int((*sys.argv[2:], 1)[0])
    for module in ("cli.main", "experiment.run", "experiment.importance", "report.console"):
        importlib.import_module(f"maxella.{module}")
    importlib.import_module("torch._dynamo")  # which the first optimiser would import
    pages = {"experiment.run_folder": "html_page", "report.quality_page": "quality_page"}
    for module, name in pages.items():  # drawing takes seconds
        setattr(importlib.import_module(f"maxella.{module}"), name, lambda _: "<p>A page.</p>")
    names = sys.argv[3:] or [*KNOCKS]
    stood = {}
    for name in names:
        folder = place / name.replace(" ", "-").replace(",", "")
        folder.mkdir(parents=True)
        trains = KNOCKS[name].command[0] in ("train", "compare")
        stood[name] = stands(folder, KNOCKS[name], stride if trains else max(1, stride // 5))
        print(name, stood[name], flush=True)  # noqa: T201
    print(json.dumps(stood))  # noqa: T201


if __name__ == "__main__":
    main()
