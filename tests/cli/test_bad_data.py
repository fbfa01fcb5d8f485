"""Whatever is wrong with the data is one message that names the place and the remedy."""

import io
import sys
import zipfile

import polars as pl
import pytest

GOOD = ["u1,i1,4,10", "u1,i2,5,11", "u2,i1,3,12"]
HEADER = "user_id,item_id,rating,timestamp"


def text(*rows, header=HEADER):
    return ("\n".join([header, *rows]) + "\n").encode()


def zipped(path, name, data):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, data)


BAD_FILES = {
    "missing column": (
        text(*GOOD, header="user,thing,rating,timestamp"),
        ["Wanted a column 'item_id' in", "it has user, thing", "Map it with columns"],
    ),
    "unreadable number": (
        text(*GOOD, "u3,i1,five,13"),
        ["Wanted a number as rating; got 'five'", "log.csv, line 5", "Mend or remove"],
    ),
    "rating that is no number": (
        text(*GOOD, "u3,i1,NaN,13"),
        ["Ratings must lie in 1 to 5", "log.csv, line 5 has nan", "Mend the row"],
    ),
    "rating outside the range": (
        text(*GOOD, "u3,i1,9,13"),
        ["Ratings must lie in 1 to 5", "log.csv, line 5 has 9", "Mend the row"],
    ),
    "missing time": (text(*GOOD, "u3,i1,3,"), ["wants its timestamp", "line 5", "Fill it in"]),
    "missing id": (text(*GOOD, ",i1,3,13"), ["wants its user_id", "line 5", "Fill it in"]),
    "long row": (text(*GOOD, "u3,i1,3,13,9"), ["Wanted 4 fields", "line 5 has 5", "Mend"]),
    "short row": (text(*GOOD, "u3,i1"), ["Wanted 4 fields", "line 5 has 2", "Mend"]),
    "empty file": (b"", ["Wanted rows of data", "log.csv is empty", "Get the file anew"]),
    "header alone": (text(), ["Wanted rows of data", "log.csv is empty"]),
    "UTF-16": (text(*GOOD).decode().encode("utf-16"), ["Wanted text in UTF-8", "name its"]),
    "ISO-8859-1": (
        text(*GOOD, "\u00fc,i1,3,13").decode().encode("latin-1"),
        ["Wanted text in UTF-8", "0xfc in", "log.csv, line 5", "iso-8859-1"],
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file(cli, config, case):
    data, parts = BAD_FILES[case]
    (config.parent / "log.csv").write_bytes(data)
    config.write_text(config.read_text().replace("[model]", "rating_range = [1, 5]\n[model]"))
    done = cli("data", "describe", config)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: ")
    assert [part for part in parts if part not in done.err] == []
    assert cli("train", config, "--out", config.parent / "run").err == done.err


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nowhere.csv", ["nothing at", "Give another path"]),
        ("folder", ["Cannot tell what", "Looked for", "There is: nothing"]),
        ("broken.zip", ["Wanted a zip", "is broken", "Get it anew"]),
        ("empty.zip", ["Wanted a zip", "is broken", "Get it anew"]),
        ("leads-out.zip", ["stay inside it", "'../log.csv'", "Do not use this zip"]),
        ("broken.parquet", ["as Parquet", "Write it anew"]),
        ("float-ids.parquet", ["ids that are text or whole numbers", "Float64"]),
        ("notes.pdf", ["Cannot tell what", "notes.pdf"]),
    ],
)
def test_a_bad_place(cli, tmp_path, name, parts):
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "empty.zip").write_bytes(b"")
    zipped(tmp_path / "leads-out.zip", "../log.csv", text(*GOOD))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    pl.DataFrame({"user_id": [1.5], "item_id": [2]}).write_parquet(tmp_path / "float-ids.parquet")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    done = cli("data", "describe", tmp_path / name)
    assert (done.code, done.out) == (2, "")
    assert [part for part in parts if part not in done.err] == []


def test_another_kind_than_named(cli, config, write_log):
    write_log()
    done = cli("train", config, "--out", config.parent / "run", "--set", "data.kind=movielens")
    assert done.code == 2
    assert "Wanted movielens: u.data" in done.err


def test_repeated_pairs_are_counted_and_the_last_kept(cli, config, write_log):
    write_log([("u1", "i1", 1, 1), ("u2", "i1", 2, 2), ("u1", "i1", 5, 3)])
    done = cli("data", "describe", config)
    assert done.code == 0
    assert "1 of 3 interactions repeat the user and item of another" in " ".join(done.out.split())


@pytest.mark.parametrize("encoding", ["zlib", "punycode", "undefined", "a\0b", "latin-9000"])
def test_a_codec_that_is_no_encoding_of_texts(cli, write_log, tmp_path, encoding):
    done = cli("init", write_log(), "--encoding", encoding, "--out", tmp_path / "made.toml")
    assert (done.code, "Wanted the name of an encoding" in done.err) == (2, True)


def test_more_columns_than_anybody_looks_at(cli, tmp_path):
    names = ["user_id", "item_id", *(f"c{n}" for n in range(10_000))]
    (tmp_path / "log.csv").write_text(",".join(names) + "\n" + ",".join(["1"] * 10_002) + "\n")
    pl.DataFrame({name: [1] for name in names}).write_parquet(tmp_path / "log.parquet")
    for file in ("log.csv", "log.parquet"):
        done = cli("data", "describe", tmp_path / file)
        assert done.code == 2
        assert f"at most 10,000 columns; {tmp_path / file} has 10,002" in done.err


def test_letters_that_the_console_lacks(cli, write_log, tmp_path, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write_log([(f"u{n}", "i1", "x") for n in range(3)], header="user_id,item_id,\u6620\u753b")
    monkeypatch.setattr(sys, "stdout", out)
    assert cli("data", "describe", tmp_path / "log.csv").code == 0
    out.flush()
    assert b"\\u6620\\u753b" in out.buffer.getvalue()


def test_a_rating_that_each_item_has_one_of(cli, write_log, tmp_path):
    rows = [(f"u{u}", f"i{i}", 1 + i % 5) for u in range(20) for i in range(9) if (u + i) % 3]
    write_log(rows, header="user_id,item_id,rating")
    done = cli("init", tmp_path / "log.csv", "--out", tmp_path / "made.toml")
    assert (done.code, "column of items" in done.out) == (0, True)
    assert cli("data", "check", tmp_path / "made.toml").code == 0
