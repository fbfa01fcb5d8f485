"""How text is laid out, found out from its start."""

import pytest

from maxella.errors import DataError
from maxella.sources.dialect import find_dialect
from maxella.sources.lines import SPACES
from maxella.sources.load import load_source


def dialect(text, **known):
    return find_dialect(text, "log.txt", **known)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("user_id,item_id\n1,2\n", ","),
        ("user;item;rating\n1;2;4,5\n3;4;3,5\n", ";"),
        ("user\titem\n1\tthing, of, many\n", "\t"),
        ("1::2::3\n4::5::6\n", "::"),
        ("user item rating\nu1 i1 4,5\nu2 i1 3,5\n", " "),
        ("u1 i1 4,5\nu2 i1 3,5\n", " "),
        ("user   item\nu1   i1\nu2 i22\n", SPACES),
        ("  1 2\n 10 2\n", SPACES),
        ("u1\tthing 9\t8\nu2\tthing 7\t5\n", "\t"),  # spaces would part it too
        ('user_id,item_id\n1,"a, b, c"\n2,"d, e, f"\n', ","),
        ("user_id,item_id\n1,2\n3\n4\n5\n", ","),  # bad rows are rows
        ("u1,the long name\nu2,the other name\n", ","),
        ("name\nann lee\nbob of the hill\nann lee\n", ","),  # one column
        ("sep=|\na|b\n", "|"),
        ('"sep=;"\nu;i;x,y\n', ";"),
    ],
)
def test_the_separator(text, separator):
    assert dialect(text).separator == separator


@pytest.mark.parametrize(
    ("text", "columns", "n_skipped"),
    [
        ("user_id,item_id\n1,2\n", None, 0),
        ("customer,product\nann,tea\nbob,jam\nann,jam\n", None, 0),
        ("a,b,2020\n1,2,3\n", ("column_1", "column_2", "column_3"), 0),
        ("user_id,2019,2020\n1,2,3\n", None, 0),  # a name that is known is enough
        ("ann,tea\nbob,jam\nann,jam\n", ("column_1", "column_2"), 0),  # ann and jam come again
        ("1,2\n3,4\n", ("column_1", "column_2"), 0),
        ("u1,2024-01-31\nu2,2024-02-01\n", ("column_1", "column_2"), 0),
        ("# a graph\n# user item weight\n1 2 3\n4 5 6\n", ("user", "item", "weight"), 2),
        ("# a graph\n1 2 3\n4 5 6\n", ("column_1", "column_2", "column_3"), 1),
        ('"user" "item"\n"1" "u" "i"\n"2" "u" "j"\n', ("row", "user", "item"), 1),
        ('"who" "what"\n"1" "u" "i"\n"2" "u" "j"\n', ("row", "who", "what"), 1),
        ("sep=;\nuser;item\n1;2\n", None, 1),
        ("Export\n\nuser,item,score\n1,2,3\n4,5,6\n", None, 2),
        ("Export,,\nAll users,,\nwho,what,score\nu,i,3\nv,j,6\n", None, 2),
        ("who,what\n1,2,3\n4,5,6\n", None, 0),  # rows that are too long do not make it no header
    ],
)
def test_the_header(text, columns, n_skipped):
    found = dialect(text)
    assert (found.columns, found.n_skipped) == (columns, n_skipped)


def test_what_is_known_is_not_found_out():
    text = "1,2;3\n4,5;6\n"
    assert dialect(text, separator=";").separator == ";"
    assert dialect(text, header=True).columns is None
    assert dialect("user_id,item_id\n1,2\n", header=False).columns == ("column_1", "column_2")
    assert dialect("u  i\n1 2\n", separator=" ").separator == SPACES


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            "1,2\n3,4\n",
            "no line of names, as its first row is 1, 2: its columns are called column_1",
        ),
        ("Export\n\nuser,item,score\n1,2,3\n", "The first 2 lines of log.txt are no rows: Export"),
        ("u  i\n1 2\n", "are parted by spaces"),
        ('"u" "i"\n"1" "a" "b"\n"2" "c" "b"\n', "one name less than there are columns"),
    ],
)
def test_what_is_assumed_is_said(text, part):
    assert part in " ".join(dialect(text).notes)


def read(folder, data, name="log.txt", **options):
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return load_source("delimited", folder / name, **options)


BY_PLACE = {"user_id": "column_1", "item_id": "column_2"}


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("user  item rating\nu1  i1   3\n u2 i1 4  \r\n", {}),
        ('"user" "item" "rating"\n"1" "u1" "i1" 3\n"2" "u2" "i1" 4\n', {}),
        ("u1::i1::3\nu2::i1::4\n", {**BY_PLACE, "rating": "column_3"}),
        ("# user item rating\nu1 i1 3\nu2 i1 4\n", {}),
        ("sep=;\nuser;item;rating\nu1;i1;3\nu2;i1;4\n", {}),
        ("My export\nof today\nuser,item,rating\nu1,i1,3\nu2,i1,4\n", {}),
        ("\ufeffuser,item,rating\nu1,i1,3\nu2,i1,4\n", {}),
        (",user,item,rating\n0,u1,i1,3\n1,u2,i1,4\n", {}),  # as pandas writes its index
    ],
)
def test_rows_of_every_layout(tmp_path, text, columns):
    log = read(tmp_path, text, columns=columns).interactions
    assert log.select("user_id", "item_id", "rating").rows() == [("u1", "i1", 3), ("u2", "i1", 4)]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("a title\n\nuser,item,rating\nu1,i1,3\nu2,i1,x\n", 5),
        ("sep=;\nuser;item;rating\nu1;i1;3\nu2;i1\n", 4),
        ("u1 i1 3\nu2 i1\nu1 i2 3\n", 2),
        ('user\titem\trating\nu1\t"a\t3\nu2\tb"\tx\n', 3),
    ],
)
def test_an_error_names_the_line_of_the_file(tmp_path, data, line):
    options = {"separator": " ", "header": False} if data.startswith("u1") else {}
    with pytest.raises(DataError, match=rf"line {line}\b"):
        read(tmp_path, data, columns={}, **options)


def test_a_quote_that_is_never_closed_is_a_letter(tmp_path):
    tables = read(
        tmp_path,
        'user\titem\trating\nu1\t"Weird Al" Yankovic\t3\nu2\t"Heroes\t4\nu3\t"plain"\t5\n',
        "log.tsv",
    )
    assert tables.interactions["item_id"].to_list() == ['"Weird Al" Yankovic', '"Heroes', "plain"]
    assert any("line 2 opens a field and doesn't close it" in note for note in tables.notes)


def test_quotes_that_pair_by_chance_swallow_no_rows(tmp_path):
    text = 'user\titem\trating\nu1\t"Heroes\t3\nu2\tx\t4\nu3\tLow"\t5\n'
    log = read(tmp_path, text, "log.tsv").interactions
    assert log["item_id"].to_list() == ['"Heroes', "x", 'Low"']
    # Where quotes do their work in other rows, lines within them are no rows.
    used = 'user\titem\trating\nu0\t"a\tb"\t1\nu1\t"Heroes\t3\nu3\tLow"\t5\n'
    log = read(tmp_path, used, "log.tsv").interactions
    assert log["item_id"].to_list() == ["a\tb", "Heroes\t3\nu3\tLow"]


def test_lines_that_end_in_two_ways_are_refused(tmp_path):
    with pytest.raises(DataError, match="that all end alike"):
        read(tmp_path, b"user_id,item_id\r1,2\n3,4\n")
