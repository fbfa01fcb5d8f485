"""What a run folder keeps, whatever happens: without training, by files of a few bytes."""

import json
from contextlib import suppress
from pathlib import Path

import pytest

from maxella.errors import BundleError, ConfigError
from maxella.experiment.run_folder import locked, new_run
from maxella.mark import MARK, PARTS, read_mark, where
from maxella.seal import opened, sealed


class Killed(BaseException):
    """Stands for a kill: nobody catches it to clean up in an orderly way."""


def write(root, word, parts=("bundle/weights", "report.json", "log.jsonl"), **how):
    """A run of some files that all hold a word."""
    with new_run(root, **how) as folder:
        for part in parts:
            (folder.path / part).parent.mkdir(parents=True, exist_ok=True)
            (folder.path / part).write_text(word)


def cut_off(root, **how):
    """A run that came as far as a checkpoint."""
    with suppress(Killed), new_run(root, **how) as folder:
        (folder.path / "checkpoint.safetensors").write_text("half")
        raise Killed


def files(root):
    """Path → text of all that is there but marks and locks."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in (MARK, ".maxella.lock")
    }


def of_run(word, *parts):
    return dict.fromkeys(parts or ("bundle/weights", "log.jsonl", "report.json"), word)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "run"


def test_nothing_is_there_until_the_run_is_whole(root):
    with new_run(root) as folder:
        (folder.path / "report.json").write_text("new")
        assert not (root / "report.json").exists()
    assert files(root) == {"report.json": "new"}


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}])
@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_not_ours_is_never_touched(root, tmp_path, how, name, is_link):
    mine = tmp_path / "elsewhere" if is_link else root / name
    for path in (mine / "mine.txt", root / "bundle.unfinished" / "mine.txt", root / "notes.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    if is_link:
        (root / name).symlink_to(mine)
    before = {path: path.is_file() and path.read_text() for path in tmp_path.rglob("*")}
    with pytest.raises(ConfigError, match=f"{name} is not of a run that maxella wrote"):
        write(root, "new", **how)
    after = {path: path.is_file() and path.read_text() for path in tmp_path.rglob("*")}
    assert after == before  # no lock and no mark either


def test_what_others_have_beside_a_run_stays(root):
    theirs = ("bundle.unfinished/mine.txt", "notes.txt", ".report.json.partial", "kept/mine.txt")
    for name in theirs:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("mine")
    write(root, "old")
    write(root, "new", overwrite=True)
    assert files(root) == of_run("new") | dict.fromkeys(theirs, "mine")


def test_a_folder_of_ones_own_that_the_old_run_did_not_have_is_not_replaced(root):
    write(root, "old")
    (root / "models").mkdir()
    (root / "models" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="models is not of a run"):
        write(root, "new", ("models/a/report.json",), overwrite=True)
    assert files(root) == of_run("old") | {"models/mine.txt": "mine"}


def test_one_that_appears_while_it_trains_is_not_replaced_and_the_training_is_kept(root):
    with pytest.raises(ConfigError, match="appeared while maxella trained"), new_run(root) as new:  # noqa: PT012
        for name in ("checkpoint.safetensors", "report.json"):
            (new.path / name).write_text("new")
        (root / "report.json").write_text("mine")
    assert (root / "report.json").read_text() == "mine"
    (root / "report.json").unlink()
    write(root, "new", resume=True)
    assert files(root) == of_run("new")


def test_files_of_ones_own_within_an_old_run_are_kept(root):
    write(root, "old")
    (root / "bundle" / "mine.txt").write_text("mine")
    write(root, "new", overwrite=True)
    (kept,) = root.glob("kept-*")
    assert files(kept) == {"bundle/mine.txt": "mine"}
    assert files(root / "bundle") == {"weights": "new"}


@pytest.mark.parametrize("failure", [Killed(), KeyboardInterrupt(), ValueError("a NaN")])
def test_an_old_run_stands_until_the_new_one_is_whole(root, failure):
    write(root, "old")
    with pytest.raises(type(failure)), new_run(root, overwrite=True) as folder:  # noqa: PT012
        assert files(root) == of_run("old")
        (folder.path / "report.json").write_text("new")
        raise failure
    assert files(root) == of_run("old")


def test_of_an_old_run_nothing_is_left_beside_the_new_one(root):
    write(root, "old", ("models/a/report.json", "models/a/bundle/weights", "report.json"))
    write(root, "new", overwrite=True)
    assert files(root) == of_run("new")


def test_what_was_cut_off_wants_a_word_and_can_be_resumed(root):
    cut_off(root)
    with pytest.raises(ConfigError, match="cut off"):
        write(root, "new")
    with new_run(root, resume=True) as folder:
        assert (folder.path / "checkpoint.safetensors").read_text() == "half"
        (folder.path / "report.json").write_text("new")
    assert files(root) == {"report.json": "new"}
    with pytest.raises(ConfigError, match="complete: nothing to go on with"):
        write(root, "newer", resume=True)
    cut_off(root, overwrite=True)
    with new_run(root, overwrite=True) as folder:
        assert files(folder.path) == {}
        (folder.path / "report.json").write_text("newest")
    assert files(root) == {"report.json": "newest"}


def test_what_was_cut_off_before_a_checkpoint_wants_none(root):
    with suppress(Killed), new_run(root):
        raise Killed
    write(root, "new")
    assert files(root) == of_run("new")


def test_checkpoints_of_the_models_of_a_comparison_go_when_it_is_whole(root):
    parts = ("models/a/checkpoint.safetensors", "models/a/report.json", "report.json")
    write(root, "new", parts)
    assert files(root) == of_run("new", *parts[1:])


def test_a_second_run_into_the_same_folder_fails_at_once(root):
    with new_run(root) as folder:
        (folder.path / "report.json").write_text("first")
        for how in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(ConfigError, match="Another command is writing into"):
                write(root, "second", **how)
    assert files(root) == {"report.json": "first"}


def test_a_run_that_cannot_start_leaves_no_folder(root):
    with suppress(Killed), locked(root):
        raise Killed
    assert not root.exists()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_run_that_came_to_nothing_leaves_nothing(root, is_new):
    if not is_new:
        root.mkdir()
    with pytest.raises(ValueError, match="a NaN"), new_run(root):
        raise ValueError("a NaN")
    assert (list(root.iterdir()) if root.exists() else None) == (None if is_new else [])


@pytest.mark.parametrize("parts", [("report.json",), ("models/a/report.json", "log.jsonl")])
def test_a_kill_at_any_step_of_the_swap_leaves_the_old_run_or_the_new_one(
    tmp_path, monkeypatch, parts
):
    """Whole, both for who reads at that moment and once the next command has come by."""
    steps = 0
    while True:
        root = tmp_path / str(steps)
        write(root, "old", ("bundle/weights", *parts))
        with monkeypatch.context() as patch:
            budget = [steps]
            for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
                patch.setattr(Path, name, killing(getattr(Path, name), budget))
            try:
                write(root, "new", overwrite=True)
                is_done = True
            except Killed:
                is_done = False
        names = ("bundle/weights", "report.json", "log.jsonl", "models/a/report.json")
        paths = {name: where(root / name) for name in names}
        found = {name: path.read_text() for name, path in paths.items() if path.exists()}
        old, new = of_run("old", "bundle/weights", *parts), of_run("new")
        assert found == new if is_done else any(found | one == found for one in (old, new))
        with locked(root):
            settled = {
                name: text for name, text in files(root).items() if not name.startswith("unf")
            }
        assert settled in (old, new)
        assert found | settled == found
        if is_done:
            break
        steps += 1
    assert steps > 10


def killing(call, budget):
    """A method of Path that kills once the budget is used up."""

    def counted(*arguments, **named):
        if budget[0] == 0:
            raise Killed
        budget[0] -= 1
        return call(*arguments, **named)

    return counted


@pytest.mark.parametrize(
    "name", ["../mine.txt", "/etc/passwd", "bundle/../../mine", "src/x", "", "a"]
)
def test_a_mark_that_names_what_is_no_part_of_a_run_is_refused(root, name):
    write(root, "old")
    facts = opened(json.loads((root / MARK).read_text()))
    (root / MARK).write_text(json.dumps(sealed(facts | {"files": [*facts["files"], name]})))
    with pytest.raises(BundleError, match=f"{MARK} is damaged"):
        write(root, "new", overwrite=True)
    assert files(root) == of_run("old")


@pytest.mark.parametrize("name", ["src", "unfinished-", "unfinished-../../mine000", "unfinished-x"])
def test_a_mark_of_a_folder_that_no_run_makes_is_refused(root, name):
    write(root, "old")
    facts = opened(json.loads((root / MARK).read_text()))
    (root / MARK).write_text(json.dumps(sealed(facts | {"unfinished": name})))
    with pytest.raises(BundleError, match=f"{MARK} is damaged"):
        write(root, "new", overwrite=True)


def test_a_bit_flipped_in_a_mark_is_noticed(root):
    write(root, "old")
    whole = (root / MARK).read_bytes()
    for place in range(0, len(whole), 7):
        data = bytearray(whole)
        data[place] ^= 1
        (root / MARK).write_bytes(data)
        if data.split() == whole.split():  # white space
            continue
        with pytest.raises(BundleError, match=f"{MARK} is damaged"):
            read_mark(root)
