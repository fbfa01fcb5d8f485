import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from maxella.writing import new_file, new_folder, sweep, write_text


def test_a_file_takes_its_place_whole(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_text("ü\n", path)
    assert path.read_bytes() == "ü\n".encode()
    write_text("other", path)
    assert path.read_text() == "other"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_readable_as_any_other(tmp_path):
    # A temporary file of the `tempfile` module would be readable by its owner alone.
    plain, path = tmp_path / "plain", tmp_path / "page.html"
    plain.write_text("")
    write_text("", path)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_what_could_not_be_written_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    path = tmp_path / "page.html"
    write_text("old", path)
    with pytest.raises(type(failure)), new_file(path) as file:  # noqa: PT012
        file.write(b"half")
        raise failure
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_at_the_last_moment_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    write_text("old", path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text("new", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_until_the_end_the_old_file_stands(tmp_path):
    path = tmp_path / "page.html"
    write_text("old", path)
    with new_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_link_is_replaced_not_followed(tmp_path):
    mine, path = tmp_path / "mine.txt", tmp_path / "page.html"
    mine.write_text("mine")
    path.symlink_to(mine)
    write_text("page", path)
    assert (mine.read_text(), path.read_text()) == ("mine", "page")
    assert not path.is_symlink()


def test_a_device_is_written_to_as_it_is():
    path = Path(os.devnull)
    write_text("page", path)
    assert stat.S_ISCHR(path.stat().st_mode)


def test_no_name_that_could_be_planted_is_written_to(tmp_path, monkeypatch):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    token = "0" * 32
    monkeypatch.setattr("secrets.token_hex", lambda _: token)
    (tmp_path / f".maxella-{token}.partial").symlink_to(mine)
    for write in (lambda: write_text("page", tmp_path / "page"), lambda: fill(tmp_path / "page")):
        with pytest.raises(FileExistsError):
            write()
    assert mine.read_text() == "mine"


def fill(path, text="whole"):
    with new_folder(path) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text(text)
        assert not path.exists()


def test_a_folder_takes_its_place_whole(tmp_path):
    fill(tmp_path / "new" / "bundle")
    assert (tmp_path / "new" / "bundle" / "inner" / "file").read_text() == "whole"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["bundle"]


def test_a_folder_never_replaces_another(tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        fill(tmp_path / "bundle")
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "mine.txt"]


def test_a_folder_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "bundle"
    with pytest.raises(OSError, match="not empty"), new_folder(path) as folder:  # noqa: PT012
        (folder / "file").write_text("ours")
        path.mkdir()
        (path / "mine.txt").write_text("mine")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["bundle", "mine.txt"]


def test_a_folder_half_filled_leaves_nothing(tmp_path):
    with suppress(KeyboardInterrupt), new_folder(tmp_path / "bundle") as folder:
        (folder / "file").write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    names = [f".maxella-{letter * 32}.partial" for letter in "abcd"]
    (tmp_path / names[0]).write_text("killed")
    (tmp_path / names[1]).mkdir()
    (tmp_path / names[1] / "file").write_text("killed")
    (tmp_path / names[2]).symlink_to(mine)
    (tmp_path / names[3]).write_text("being written")
    others = [".maxella-notes.partial", ".page.partial", "old.unfinished"]
    for name in others:
        (tmp_path / name).write_text("mine")
    for name in (*names[:2], *others, "mine.txt"):
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / names[2], (0, 0), follow_symlinks=False)
    write_text("page", tmp_path / "page.html")  # sweeps what is old
    left = sorted([names[3], "mine.txt", "page.html", *others])
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    sweep(tmp_path, older_than=0)
    assert not (tmp_path / names[3]).exists()
    assert mine.read_text() == "mine"
