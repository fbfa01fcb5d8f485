"""A zip is read in memory, never unpacked, and refused where it is broken or a trap."""

import gzip
import json
import struct
import zipfile
from pathlib import Path

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.load import load_source

LOG = b"1\t2\t3\t4\n"


def pack(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../u.data", "a/../../u.data", "/etc/u.data", "..\\u.data", "C:\\u.data", "C:/u.data"]
)
def test_a_path_that_leads_out_is_refused(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    path = pack(inside / "x.zip", {"ml/u.data": LOG, name: LOG})
    with pytest.raises(DataError, match=r"stay inside it.*Do not use this zip"):
        load_source(None, path)
    assert [p.name for p in tmp_path.rglob("*")] == ["inside", "x.zip"]


def test_nothing_is_unpacked(tmp_path):
    path = pack(tmp_path / "x.zip", {"ml/u.data": LOG, "__MACOSX/ml/._u.data": b"\0"})
    assert load_source(None, path).name == "ml"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_zip(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"hello")
    with pytest.raises(DataError, match=r"x.zip is broken .*Get it anew"):
        load_source(None, tmp_path / "x.zip")


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.95])
def test_half_a_zip(tmp_path, kept):
    whole = pack(tmp_path / "x.zip", {"u.data": LOG * 1000}).read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match="is broken"):
        load_source(None, tmp_path / "x.zip")


def test_a_flipped_bit(tmp_path):
    path = pack(tmp_path / "x.zip", {"u.data": LOG * 3}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(b"1\t2")] = ord("9")
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"broken \(u.data: Bad CRC-32"):
        load_source(None, path)


def test_an_encrypted_member(tmp_path):
    path = pack(tmp_path / "x.zip", {"u.data": LOG})
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")  # its flags are two bytes at offset 8
    data[central + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"u.data in .* is encrypted.*Unpack it yourself"):
        load_source(None, path)


def test_absurd_expansion(tmp_path):
    path = pack(tmp_path / "x.zip", {"u.data": b"1" * 10_000_000})
    with pytest.raises(DataError, match="to 10,000,000 bytes, beyond reason"):
        load_source(None, path)


def test_a_size_that_lies_is_found_out(tmp_path):
    path = pack(tmp_path / "x.zip", {"u.data": LOG * 100})
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")  # the full size is four bytes at offset 24
    data[central + 24 : central + 28] = struct.pack("<I", len(LOG))
    path.write_bytes(data)
    with pytest.raises(DataError, match="is broken"):
        load_source(None, path)


def bomb(n_bytes):
    return gzip.compress(b"userId,movieId,rating,timestamp\n" + b"1" * n_bytes)


def test_gzip_in_a_member_is_read_and_counted(tmp_path):
    log = gzip.compress(b"user_id,item_id\nu,i\n")
    for name in ("log.csv", "log.tsv"):
        tables = load_source("delimited", pack(tmp_path / "x.zip", {name: log}))
        assert tables.interactions.rows() == [("u", "i")]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_gzip_in_a_member_grows_no_further_than_the_zip_may(tmp_path, compression):
    path = pack(tmp_path / "x.zip", {"log.csv": bomb(20_000_000)}, compression)
    with pytest.raises(DataError, match=r"x.zip/log.csv grows from .* beyond reason"):
        load_source("delimited", path)


def test_packed_in_gzip_and_in_a_zip_the_bytes_on_disk_count(tmp_path):
    # 150-fold by gzip, and as much again by the zip: each may be, both together not.
    line = b"".join(f"{n},".encode() for n in range(700))
    once = gzip.compress(b"a,b\n" + line * 2000)
    path = pack(tmp_path / "x.zip", {"log.csv": once + b"\0" * 3_000_000})
    with pytest.raises(DataError, match="beyond reason"):
        load_source("delimited", path)


def test_a_file_that_polars_would_unpack_by_itself(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(bomb(20_000_000))
    with pytest.raises(DataError, match=r"log.csv grows from .* beyond reason"):
        load_source("delimited", path)
    path.write_bytes(gzip.compress(bomb(20_000_000)))
    with pytest.raises(DataError, match="is packed"):
        load_source("delimited", path)
    path.write_bytes(bomb(10)[:-4])
    with pytest.raises(DataError, match=r"Wanted gzip; .*log.csv is broken"):
        load_source("delimited", path)
    for magic in (b"\x28\xb5\x2f\xfd", b"x\x01", b"x\x9c", b"x\xda"):
        path.write_bytes(magic + b",user_id\n1,2\n")
        with pytest.raises(DataError, match="is packed"):
            load_source("delimited", path)


@pytest.mark.parametrize("name", ["zero", "zero.csv", "zero.zip"])
def test_a_device_is_not_read(tmp_path, name):
    path = Path("/dev/zero") if name == "zero" else tmp_path / name
    if name != "zero":
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is a device"):
        load_source(None, path)


def test_a_parquet_of_more_rows_than_its_bytes_can_tell(tmp_path):
    rows = pl.select(user_id=pl.repeat(1, 20_000_000), item_id=pl.lit(2))
    rows.write_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match="20,000,000 rows of 2 columns, beyond reason"):
        load_source("delimited", tmp_path / "log.parquet")


def test_arrow_of_more_rows_than_its_bytes_can_tell(tmp_path):
    rows = pl.select(user_id=pl.repeat(1, 20_000_000), item_id=pl.lit(2))
    rows.write_ipc(tmp_path / "log.feather", compression="zstd")
    with pytest.raises(DataError, match="20,000,000 rows of 2 columns, beyond reason"):
        load_source("delimited", tmp_path / "log.feather")
    rows.head(1000).write_ipc_stream(tmp_path / "log.arrow", compression="lz4")
    with pytest.raises(DataError, match="only files of Arrow may be compressed"):
        load_source("delimited", tmp_path / "log.arrow")


@pytest.mark.parametrize("name", ["log.jsonl", "log.json"])
def test_objects_of_more_keys_than_anybody_looks_at(tmp_path, name):
    row = {"user_id": 1, "item_id": 2} | {f"k{n}": 1 for n in range(10_000)}
    (tmp_path / name).write_text(json.dumps([row] if name == "log.json" else row))
    with pytest.raises(DataError, match=r"at most 10,000 columns; .* has 10,002"):
        load_source("delimited", tmp_path / name)
