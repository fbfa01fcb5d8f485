import json
import math
import random

import pytest

from maxella.errors import DataError
from maxella.report.files import read_report, write_report
from maxella.seal import opened, sealed


def test_a_report_comes_back_as_it_was(report, tmp_path):
    path = tmp_path / "run" / "report.json"
    write_report(report, path)
    assert read_report(path) == report
    assert [child.name for child in path.parent.iterdir()] == ["report.json"]


def test_what_cannot_be_written_leaves_the_old_file(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(report, path)
    before = path.read_bytes()
    report["title"] = "\ud800"  # half a character: no UTF-8
    with pytest.raises(UnicodeEncodeError):
        write_report(report, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_figure_is_null_never_nan(report, tmp_path, value):
    report["models"][1]["metrics"]["stars"]["rmse"] = value
    with pytest.raises(DataError, match=r"report\.models\[1\]\.metrics\.stars\.rmse is not finite"):
        write_report(report, tmp_path / "report.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 1, "models": []}', "format 2; its format is 1"),
        ('{"format": true, "models": []}', "its format is true"),
        ('{"models": []}', "its format is null"),
        ("[1]", "its format is null"),
        ('{"format": 2}', "it has no seal"),
        ('{"format": 2, "models": [NaN]}', "NaN is not JSON"),
        ('{"format": 2', "is damaged"),
        ("", "is damaged"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_report(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_names_the_command(tmp_path):
    with pytest.raises(DataError, match="maxella compare"):
        read_report(tmp_path / "report.json")


def test_a_file_of_other_bytes_is_refused(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"is damaged: .*utf-8"):
        read_report(path)


def test_another_format_is_not_written(report, tmp_path):
    with pytest.raises(DataError, match="format 2"):
        write_report(report | {"format": 7}, tmp_path / "report.json")


def test_the_file_is_plain_json(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(report, path)
    assert (
        json.loads(path.read_text(encoding="utf-8"))["models"][0]["metrics"]["stars"]["coverage_80"]
        is None
    )


def test_a_bit_flipped_in_a_report_is_noticed(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(report, path)
    whole = path.read_bytes()
    rng = random.Random(0)
    for _ in range(100):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        if data.split() == whole.split():
            continue  # white space
        with pytest.raises(DataError, match=r"is damaged: |should be a report of format"):
            read_report(path)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda report: report.update(models={}), "models"),
        (lambda report: report["models"][0].pop("name"), r"models\.0\.name"),
        (lambda report: report["models"][0].update(metrics=[1]), r"models\.0\.metrics"),
        (lambda report: report["models"][0].update(seconds=None), r"models\.0\.seconds"),
        (lambda report: report.update(test_reads="1"), "test_reads"),
        (lambda report: report.update(test_reads=-1), "test_reads"),
        (lambda report: report["dataset"].pop("users"), r"dataset\.users"),
        (lambda report: report["tasks"][0].update(headline=3), r"tasks\.0\.headline"),
        (lambda report: report.pop("findings"), "findings"),
    ],
)
def test_a_report_sealed_anew_that_is_none_names_the_place(report, tmp_path, change, place):
    path = tmp_path / "report.json"
    write_report(report, path)
    facts = opened(json.loads(path.read_text()))
    change(facts)
    path.write_text(json.dumps(sealed(facts)))
    with pytest.raises(DataError, match=rf"report\.json is damaged: {place}"):
        read_report(path)
