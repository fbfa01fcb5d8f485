"""Whatever is wrong with a file, the message names the file, the line and what to do."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maxella.errors import DataError
from maxella.sources.load import detect, load_source

SAMPLES = Path(__file__).parents[1] / "samples"
HEADER = b"user_id,item_id,rating,timestamp\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"user_id,item,ratng\n1,2,3\n1,2\n", r"line 3 has 2"),
        (b"userr_id,item_id\n1,2\n", r"Wanted a column 'user_id' in .*Did you mean 'userr_id'"),
        (HEADER + b"1,2,3,4\n1,2,good,4\n", r"as rating; got 'good' in .*line 3. Mend"),
        (HEADER + b"1,2,3,4\n1,2,3,soon\n", r"as timestamp; got 'soon' in .*line 3. Mend"),
        (HEADER + b"1,2,3,4\n1,3,3,\n", r"Every row wants its timestamp; .*line 3 has none"),
        (HEADER + b"1,2,3,4\n,3,3,4\n", r"Every row wants its user_id; .*line 3 has none"),
        (HEADER + b'1,2,3,4\n1,"",3,4\n', r"Every row wants its item_id; .*line 3 has none"),
        (HEADER + b"1,2,3,4\n1,3,7,4\n", r"must lie in 1 to 5; .*line 3 has 7. .*rating_range"),
        (HEADER + b"1,2,3,4\n1,3,nan,4\n", r"must lie in 1 to 5; .*line 3 has nan"),
        (HEADER + b"1,2,3,4\n1,3,-inf,4\n", r"must lie in 1 to 5; .*line 3 has -inf"),
        (HEADER + b"1,2,3,4\n1,2,3\n", r"Wanted 4 fields in every row; .*line 3 has 3"),
        (HEADER + b"1,2,3,4\n1,2,3,4,5\n", r"Wanted 4 fields in every row; .*line 3 has 5"),
        (HEADER + b"1,2,3,2020-01-05\n1,3,3,May\n", r"a date .* as timestamp; got 'May' .*line 3"),
        (HEADER + b"1,2,3,2020-13-45\n", r"a date .* as timestamp; got '2020-13-45' .*line 2"),
        # Rows count as lines of the file: the third row starts on the fifth line.
        (HEADER + b'1,"2\n",3,4\n\n1,3,x,4\n', r"line 5\. Mend"),
        (HEADER + b'1,"2\n",3,4\n\n1,3,0,4\n', r"line 5 has 0"),
        (HEADER + b'1,"2\n",3,4\n\n1,3,3\n', r"line 5 has 3"),
        (HEADER + b'1,2,3,4\n1,"3,\n"\n5,6,3,4\n', r"line 3 has 2"),
        (HEADER, r"log.csv is empty"),
        (b"", r"log.csv is empty"),
        (b"\n\n", r"log.csv is empty"),
        (
            b"user_id,item_id,event\n1,2,view\n1,3,\n",
            r"Every row wants its event; .*line 3 has none",
        ),
        (b"user_id,item_id,count\n1,2,1\n1,3,1e99\n", r"counts, a number; .*line 3 has 1e\+99"),
        (b"user_id,item_id,count\n1,2,\n1,3,1\n", r"counts, a number; .*line 2 has None. .*''"),
        (b"user_id,item_id,count\n1,2,low\n", r"counts, a number; .*line 2 has low"),
        (b",item_id,column_1\n1,2,3\n", r"distinct column names .*'column_1'"),
        (b"user_id,item_id,row\n1,u,i,3\n2,u,j,4\n", r"distinct column names .*'row'"),
        (b"user_id,item_id,user_id\n1,2,3\n", r"distinct column names .*'user_id'"),
        (HEADER + "1,2,3,4\n1,é,3,4\n".encode("latin-1"), r"byte 0xe9 in .*line 3 .*iso-8859-1"),
        ((HEADER.decode() + "1,2,3,4\n").encode("utf-16"), r"zero bytes, as UTF-16"),
        ((HEADER.decode() + "1,2,3,4\n").encode("utf-16-le"), r"zero bytes, as UTF-16"),
    ],
)
def test_a_bad_file(tmp_path, content, message):
    file = tmp_path / "log.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_source("delimited", file, rating_range=(1, 5))
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("sample", "name", "old", "new", "message"),
    [
        ("ml-100k", "u.data", "\t4\t", "\t6\t", r"1 to 5; .*u.data, line 3 has 6"),
        ("ml-100k", "u.data", "\t4\t", "\tfour\t", r"got 'four' in .*u.data, line 3"),
        ("ml-100k", "u.user", "|53|", "|old|", r"as age; got 'old' in .*u.user, line 2"),
        ("ml-100k", "u.item", "14-Feb", "30-Feb", r"as release_date; got '30-Feb.*u.item, line 2"),
        ("ml-100k", "u.item", "unknown||", "unknown|", r"24 fields .*u.item, line 3 has 23"),
        ("ml-1m", "ratings.dat", "::4::", "::0.5::", r"1 to 5; .*ratings.dat, line 3 has 0.5"),
        ("ml-1m", "ratings.dat", "2::10::4::", "2::10::", r"4 fields .*ratings.dat, line 3 has 3"),
        ("ml-1m", "movies.dat", "30::", "::", r"wants its item_id; .*movies.dat, line 3"),
        ("ml-10m", "ratings.dat", "::0.5::", "::0::", r"0.5 to 5; .*ratings.dat, line 2 has 0"),
        ("ml-latest-small", "ratings.csv", "rating,", "stars,", r"'rating' in .*ratings.csv"),
        ("ml-latest-small", "ratings.csv", ",3.0,", ",5.5,", r"0.5 to 5; .*line 4 has 5.5"),
        ("notebook", "ratings.csv", ",retired,2,", ",retired,9,", r"1 to 5; .*line 2 has 9"),
    ],
)
def test_a_bad_line_of_a_layout(tmp_path, sample, name, old, new, message):
    for file in (SAMPLES / sample).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / name).read_text("iso-8859-1")
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new), "iso-8859-1")
    with pytest.raises(DataError, match=message):
        load_source(None, tmp_path)


DAMAGE = [
    b'"',
    b"\n",
    b"\t",
    b",",
    b"::",
    b"|",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b" ",
    b"9" * 30,
    b"nan",
    b"-",
]
NO_SOURCES = ("delimited",)  # it needs options
SAMPLE_FILES = sorted(f for f in SAMPLES.glob("*/*") if f.parent.name not in NO_SOURCES)


@given(
    file=st.sampled_from(SAMPLE_FILES),
    where=st.floats(0, 1),
    cut=st.integers(0, 8),
    inserted=st.sampled_from(DAMAGE) | st.binary(max_size=4),
)
@example(SAMPLES / "notebook" / "ratings.csv", 1.0, 0, b'"')  # at which Polars panics
@settings(deadline=None)  # it reads and writes files
def test_a_damaged_file_is_read_or_refused_with_its_name(file, where, cut, inserted):
    """Whatever happens to a file, no error but ours comes out."""
    whole = file.read_bytes()
    at = int(where * len(whole))
    with tempfile.TemporaryDirectory() as place:
        for other in file.parent.iterdir():
            shutil.copy(other, place)
        (Path(place) / file.name).write_bytes(whole[:at] + inserted + whole[at + cut :])
        kind = "movielens" if file.parent.name.startswith("ml-") else file.parent.name
        try:
            tables = load_source(kind, place)
        except DataError as error:
            assert place in str(error)  # noqa: PT017  # a refusal is one of two good ends
        else:
            assert tables.interactions["user_id"].null_count() == 0


def test_10m_is_utf_8_and_nothing_else(tmp_path):
    (tmp_path / "ratings.dat").write_bytes((SAMPLES / "ml-10m" / "ratings.dat").read_bytes())
    (tmp_path / "movies.dat").write_bytes("10::Café (1999)::Drama\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"byte 0xe9 in .*movies.dat, line 1"):
        load_source("movielens", tmp_path)


def test_a_wider_range_can_be_given(tmp_path):
    (tmp_path / "u.data").write_text("1\t2\t10\t0\n")
    assert load_source("movielens", tmp_path, rating_range=(0, 10)).interactions.height == 1


def test_of_repeated_pairs_the_last_in_time_stays_where_it_stands(tmp_path):
    file = tmp_path / "log.csv"
    file.write_bytes(HEADER + b"1,2,3,40\n1,3,3,41\n1,2,4,39\n2,2,1,0\n1,2,5,38\n")
    tables = load_source("delimited", file)
    assert tables.interactions.rows() == [
        ("1", "2", 3.0, 40, 3),
        ("1", "3", 3.0, 41, 1),
        ("2", "2", 1.0, 0, 1),
    ]
    [note] = tables.notes
    assert note.startswith("2 of 5 interactions repeat the user and item of another")


def test_ids_that_only_the_log_has_are_added_and_counted(tmp_path):
    (tmp_path / "log.csv").write_bytes(HEADER + b"1,2,3,4\n9,2,3,4\n")
    (tmp_path / "people.csv").write_bytes(b"user_id,age\n1,30\n1,31\n5,50\n")
    tables = load_source("delimited", tmp_path / "log.csv", users=tmp_path / "people.csv")
    assert tables.users.rows() == [("1", 31), ("5", 50), ("9", None)]
    repeated, unknown = tables.notes
    assert "1 rows of" in repeated
    assert unknown.startswith("1 of the interactions' user_ids are not in")


def test_unknown_content_lists_what_was_looked_for_and_what_is_there(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"u.data.*\.inter.*\.parquet.*There is: .*holiday.jpg"):
        detect(tmp_path)


def test_the_wrong_kind_lists_what_is_there():
    with pytest.raises(DataError, match=r"Wanted atomic: one .inter.*There is: .*u.data"):
        load_source("atomic", SAMPLES / "ml-100k")


def test_two_data_sets_in_one_folder_are_ambiguous(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "u.data").write_text("1\t2\t3\t4\n")
    with pytest.raises(DataError, match=r"there are several: .*a, .*b"):
        load_source(None, tmp_path)


def test_nothing_at_a_path(tmp_path):
    with pytest.raises(DataError, match=r"nothing at .*none"):
        load_source(None, tmp_path / "none")
    with pytest.raises(DataError, match="There is: nothing"):
        load_source(None, tmp_path)


def test_lines_of_the_old_mac_are_lines(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"user_id,item_id,rating\r1,1,3\r1,2,x\r")
    with pytest.raises(DataError, match=r"got 'x' in .*log.csv, line 3"):
        load_source("delimited", path)
    path.write_bytes(b"user_id,item_id,rating\r1,1,3\r1,2,4\r")
    assert load_source("delimited", path).interactions["rating"].to_list() == [3.0, 4.0]
