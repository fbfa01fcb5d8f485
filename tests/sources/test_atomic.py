from pathlib import Path

import pytest

from maxella.errors import DataError
from maxella.sources.load import load_source

SAMPLES = Path(__file__).parents[1] / "samples"
HEADER = "user_id:token\titem_id:token\n"


def test_types_of_the_header_hold():
    tables = load_source("atomic", SAMPLES / "atomic")
    assert tables.interactions.rows() == [
        ("01", "a", 4.0, 881250949, "home"),
        ("01", "b", 3.5, 881250950, "work"),
        ("2", "a", 1.0, 881250951, "home"),
    ]
    assert tables.users.rows() == [("01", 24, "M"), ("2", 53, "F")]
    assert tables.items.columns == ["item_id", "title", "year", "genres", "vector"]
    assert tables.items.rows() == [
        ("a", "Paper Moons", 1995, ["Animation", "Comedy"], [0.5, 1.0]),
        ("b", '"Loud" Night', None, [], []),
    ]


def test_ratings_called_tokens_are_numbers_all_the_same(tmp_path):
    (tmp_path / "x.inter").write_text("user_id:token\titem_id:token\trating:token\n1\t2\t4\n")
    assert load_source("atomic", tmp_path).interactions["rating"].to_list() == [4.0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"x.inter": "user_id\titem_id\n1\t2\n"}, r"'user_id' in .*x.inter, line 1"),
        ({"x.inter": "user_id:word\titem_id:token\n1\t2\n"}, r"'user_id:word' in .*line 1"),
        ({"x.inter": "uid:token\titem_id:token\n1\t2\n"}, r"'user_id' in .*it has uid, item_id"),
        ({"x.inter": HEADER + "1\t2\n", "x.user": "id:token\n1\n"}, r"'user_id' in .*x.user"),
        ({"x.inter": HEADER + "1\t2\n", "y.inter": HEADER}, r"there are 2: x.inter, y.inter"),
        ({"x.inter": HEADER + "1\t2\n1\t2\t3\n"}, r"2 fields .*x.inter, line 3 has 3"),
        ({"x.inter": "user_id:token\tv:float_seq\n1\t2 x\n"}, r"float_seq as v; .*x.inter, line 2"),
        ({"x.inter": "a:float\n" + "1\nx\n"}, r"'x' in .*x.inter, line 3"),
    ],
)
def test_bad_files(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        load_source("atomic", tmp_path)


def test_columns_may_have_names_beyond_ascii(tmp_path):
    (tmp_path / "x.inter").write_text(
        "user_id:token\titem_id:token\tétoiles:float\n1\t2\t4\n", "utf-8"
    )
    assert load_source("atomic", tmp_path).interactions["étoiles"].to_list() == [4.0]
