"""Logs of several behaviours and logs in parts."""

from pathlib import Path

import pytest

from maxella.errors import DataError
from maxella.sources.load import detect, load_source

SAMPLE = Path(__file__).parents[1] / "samples" / "behaviours"


def test_a_file_of_pairs_for_each_behaviour():
    tables = load_source(None, SAMPLE)
    assert tables.interactions.columns == ["user_id", "item_id", "event", "part"]
    assert tables.interactions.rows() == [
        ("1", "a", "view", "train"),
        ("1", "b", "view", "train"),
        ("2", "a", "view", "train"),
        ("2", "c", "view", "train"),
        ("1", "b", "cart", "train"),
        ("1", "b", "buy", "train"),
        ("1", "d", "buy", "train"),  # 2 c is the validation's
        ("2", "c", "buy", "validation"),
        ("1", "a", "buy", "test"),  # its view stays
    ]
    [note] = tables.notes
    assert note.startswith("1 of 3 rows of ")
    assert "buy.txt are pairs of the validation or the test" in note


def test_a_bad_line_is_named_in_its_own_file(tmp_path):
    (tmp_path / "purchase.txt").write_text("1\ta\n1\tb\n")
    (tmp_path / "test.txt").write_text("2\ta\n2\n")
    with pytest.raises(DataError, match=r"2 fields in every row; .*test.txt, line 2 has 1"):
        load_source(None, tmp_path)
    (tmp_path / "test.txt").write_text("2\ta\n\tb\n")
    with pytest.raises(DataError, match=r"wants its user_id; .*test.txt, line 2 has none"):
        load_source(None, tmp_path)


def test_taobao_has_the_published_sizes(shared_data):
    tables = load_source(None, shared_data / "taobao-mb.zip")
    counts = dict(tables.interactions["event"].value_counts().iter_rows())
    assert counts == {"view": 873_954, "cart": 195_476, "buy": 92_180 + 15_449}
    parts = dict(tables.interactions["part"].value_counts().iter_rows())
    assert (parts["validation"], parts["test"]) == (15_449, 15_449)
    assert tables.notes[0].startswith("15,449 of 92,180 rows of ")


def write_parts(folder, test="user_id,item_id,stars\n2,b,4\n3,a,5\n"):
    (folder / "train.csv").write_text("user_id,item_id,stars\n1,a,3\n1,b,4\n2,a,1\n")
    (folder / "test.csv").write_text(test)
    (folder / "users.csv").write_text("user_id,age\n1,30\n")


def test_files_of_parts_are_one_log(tmp_path):
    write_parts(tmp_path)
    assert detect(tmp_path) == "delimited"
    tables = load_source(None, tmp_path, columns={"rating": "stars"})
    assert tables.interactions.rows() == [
        ("1", "a", 3.0, "train"),
        ("1", "b", 4.0, "train"),
        ("2", "a", 1.0, "train"),
        ("2", "b", 4.0, "test"),
        ("3", "a", 5.0, "test"),
    ]
    assert tables.users.rows() == [("1", 30), ("2", None), ("3", None)]
    # One of the files itself is a log of its own.
    assert load_source(None, tmp_path / "train.csv").interactions.height == 3


def test_a_bad_line_is_named_in_the_file_of_its_part(tmp_path):
    write_parts(tmp_path, "user_id,item_id,stars\n2,b,4\n3,a,x\n")
    with pytest.raises(DataError, match=r"got 'x' in .*test.csv, line 3"):
        load_source(None, tmp_path)


def test_gowalla_has_the_published_sizes(shared_data):
    log = load_source(None, shared_data / "gowalla.zip").interactions
    assert dict(log["part"].value_counts().iter_rows()) == {"train": 810_128, "test": 217_242}
