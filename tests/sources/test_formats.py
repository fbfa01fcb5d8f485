"""Files of every format hold the same table."""

import gzip
import io
import json
import sys
import zipfile

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.load import detect, load_source

ROWS = [("u1", "007", 3.0, 1_700_000_000), ("u2", "007", 4.5, 1_700_000_001)]
NAMES = ["user_id", "item_id", "rating", "timestamp"]
FRAME = pl.DataFrame(ROWS, schema=NAMES, orient="row")


def as_bytes(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def excel(frame=FRAME):
    return as_bytes(frame.write_excel)


CSV = as_bytes(FRAME.write_csv)
LINES = as_bytes(FRAME.write_ndjson)
FILES = {
    "log.csv": CSV,
    "log.CSV.gz": gzip.compress(CSV),
    "log.csv packed": gzip.compress(CSV),  # whatever it is called, by --kind
    "log.tsv.gz": gzip.compress(CSV.replace(b",", b"\t")),
    "log.parquet": as_bytes(FRAME.write_parquet),
    "log.parquet.gz": gzip.compress(as_bytes(FRAME.write_parquet)),
    "log.feather": as_bytes(FRAME.write_ipc),
    "log.arrow": as_bytes(FRAME.write_ipc_stream),
    "log.jsonl": LINES,
    "log.ndjson.gz": gzip.compress(LINES),
    "log.json": json.dumps(FRAME.to_dicts()).encode(),
    "log.xlsx": excel(),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    if "packed" not in name:
        assert detect(tmp_path / name) == "delimited"
    assert load_source("delimited", tmp_path / name).interactions.rows() == ROWS


@pytest.mark.parametrize("name", ["log.csv.gz", "log.xlsx", "log.jsonl", "log.feather"])
def test_within_a_zip(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(f"data/{name}", FILES[name.replace("csv", "CSV")])
        archive.writestr("data/README.txt", "Words, and no table.")
    assert load_source("delimited", tmp_path / "data.zip").interactions.rows() == ROWS


@pytest.mark.parametrize(
    ("name", "data", "part"),
    [
        ("log.jsonl", b'{"user_id": 1}\n[3]\n', r"log.jsonl, line 2 has '\[3\]'"),
        ("log.jsonl", b'{"user_id": 1}\n' + b"[" * 5000, r"log.jsonl, line 2 has"),
        ("log.json", b'[{"user_id": 1}, 3', "Cannot read .*log.json as JSON"),
        ("log.json", b"[]", "is empty"),
        ("log.feather", b"ARROW1 and no more", "Cannot read .*log.feather as Arrow"),
        ("log.feather", b"FEA1", "first version of Feather"),
        ("log.xlsx", b"PK and no more", "Cannot read .*log.xlsx as Excel"),
        ("log.csv.gz", gzip.compress(b"x", mtime=0)[:-3], "log.csv.gz is broken"),
        ("log.csv.gz", gzip.compress(b"1,2\n" * 2**21), "grows from"),
    ],
)
def test_a_bad_file(tmp_path, name, data, part):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=part):
        load_source("delimited", tmp_path / name)


def test_objects_within_an_object_are_columns(tmp_path):
    line = {"user_id": 1, "item_id": 2, "by": {"device": "tv", "where": {"city": "Bonn"}}}
    (tmp_path / "log.jsonl").write_text(json.dumps(line))
    log = load_source("delimited", tmp_path / "log.jsonl").interactions
    assert log.rows(named=True) == [
        {"user_id": "1", "item_id": "2", "by.device": "tv", "by.where.city": "Bonn"}
    ]


def test_the_sheet_that_is_called_as_logs_are(tmp_path):
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "log.xlsx") as book:
        pl.DataFrame({"a": [1]}).write_excel(book, "About")
        FRAME.write_excel(book, "Ratings")
    tables = load_source("delimited", tmp_path / "log.xlsx")
    assert tables.interactions.rows() == ROWS
    assert "'Ratings' is read, not About" in tables.notes[0]


def test_a_cell_far_out_takes_no_memory(tmp_path):
    data = excel(FRAME)
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = {name: old.read(name) for name in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    members[sheet] = members[sheet].replace(b'r="D3"', b'r="NTP1048576"')
    with zipfile.ZipFile(tmp_path / "log.xlsx", "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
    with pytest.raises(DataError, match="1,048,576 rows of 10,000 columns, beyond reason"):
        load_source("delimited", tmp_path / "log.xlsx")


def test_a_missing_extra_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    (tmp_path / "log.xlsx").write_bytes(FILES["log.xlsx"])
    with pytest.raises(DataError, match=r"pip install 'maxella\[excel\]'"):
        load_source("delimited", tmp_path / "log.xlsx")


def test_a_file_of_a_layouts_name_is_read_by_what_it_holds(tmp_path):
    (tmp_path / "ratings.dat").write_text("user item rating\nu1 i1 3\n")
    (tmp_path / "other.dat").write_text("u1 i1 3\nu1 i2 3\n")
    assert detect(tmp_path / "ratings.dat") == "delimited"
    assert load_source("delimited", tmp_path / "ratings.dat").interactions.height == 1
    columns = {"user_id": "column_1", "item_id": "column_2"}
    assert load_source("delimited", tmp_path / "other.dat", columns=columns).items.height == 2
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n")
    assert detect(tmp_path / "ratings.dat") == "movielens"
    assert detect(tmp_path / "other.dat") == "delimited"
