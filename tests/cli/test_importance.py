import json

import pytest

import maxella
from maxella.report.files import read_report

OPTIONS = {
    "data": {"kind": "synthetic"},
    "features": {"user": {"group": "category"}, "item": {"year": "number"}},
    "model": {"dim": 4},
    "training": {"epochs": 1},
    "evaluation": {"resamples": 0},
    "compare": {"baselines": []},
}


@pytest.fixture(scope="module")
def with_features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("with features") / "run"
    maxella.run(OPTIONS, folder)
    return folder


def test_a_table_for_people_and_json_for_programs(cli, with_features):
    done = cli("importance", with_features, "--repeats", 1)
    assert done.code == 0
    assert f"Report: {with_features / 'report.html'}\nNext: maxella recommend" in done.err
    assert "user.group" in done.out
    assert "item.year" in done.out
    done = cli("importance", with_features, "--repeats", 1, "--json")
    assert (done.code, done.err) == (0, "")
    report = read_report(with_features / "report.json")
    assert json.loads(done.out) == report["importance"]
    assert report["test_reads"] == 3


def test_a_model_of_ids_alone_says_what_it_wants(cli, trained):
    done = cli("importance", trained)
    assert done.code == 2
    assert "Declare [features.user]" in " ".join(done.err.split())


def test_no_deal_is_no_answer(cli, with_features):
    assert cli("importance", with_features, "--repeats", 0).code == 2
