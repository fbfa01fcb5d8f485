"""`recommend` and `predict` in a context, with a model that reads it."""

import json

import polars as pl
import pytest

import maxella

HOUR = 3600
NIGHT, DAY = "2026-03-02T02:00", "2026-03-02T14:00"


@pytest.fixture(scope="module")
def shifts(tmp_path_factory):
    """A run on a log of people who take low numbers by night and high ones by day."""
    folder = tmp_path_factory.mktemp("shifts")
    rows = [
        (f"u{user}", f"i{10 * by_day + (user + step) % 10}", (2 + 12 * by_day) * HOUR)
        for user in range(120)
        for by_day in (0, 1)
        for step in range(6)
    ]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    log.write_csv(folder / "log.csv")
    options = {
        "data": {"path": str(folder / "log.csv")},
        "split": {"kind": "random", "test": 0.2},
        "features": {
            "context": {"hour": {"kind": "time", "column": "timestamp", "parts": ["hour"]}}
        },
        "model": {"dim": 4},
        "training": {"epochs": 2, "batch_size": 32},
        "evaluation": {"resamples": 0},
        "compare": {"baselines": []},
    }
    maxella.run(options, folder / "run")
    return folder / "run"


@pytest.mark.parametrize(("at", "tens"), [(NIGHT, 0), (DAY, 1)])
def test_lists_are_for_the_time_named(cli, shifts, at, tens):
    done = cli("recommend", shifts, "--user", "u1", "--user", "new", "-k", 4, "--at", at, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert {row["source"] for row in found} == {"model", "popularity"}
    assert {int(row["item_id"][1:]) // 10 for row in found} == {tens}


def test_pairs_are_asked_about_at_the_time_beside_them(cli, shifts, tmp_path):
    pairs = pl.DataFrame(
        {"user_id": ["u1", "u1"], "item_id": ["i1", "i1"], "timestamp": [2 * HOUR, 14 * HOUR]}
    )
    pairs.write_csv(tmp_path / "pairs.csv")
    assert cli("predict", shifts, tmp_path / "pairs.csv", "--out", tmp_path / "out.csv").code == 0
    night, day = pl.read_csv(tmp_path / "out.csv")["score"]
    assert night > day + 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--context", "device=phone"], "features of contexts (timestamp: "),
        (["--context", "device"], "--context wants column=value, such as device=phone"),
        (["--context", "timestamp=noon"], "Wanted numbers in column 'timestamp'"),
        (["--at", "noon"], "'noon' does not match"),
    ],
)
def test_a_context_that_cannot_be_read_is_named(cli, shifts, given, message):
    done = cli("recommend", shifts, "--user", "u1", *given)
    assert done.code == 2
    assert message in " ".join(done.err.split())
