"""Logs, lines of JSON, configs and pairs of hostile bytes: see conftest.py.

What is read is what another reader finds there.
"""

import csv
import io
import json
import tomllib
from contextlib import suppress

import pytest
import tomli_w

import maxella

pytestmark = pytest.mark.slow

LOG = "user_id,item_id,rating,timestamp,event,note\n" + "".join(
    f'u{u},i{i},{1 + (u + i) % 5},{10**9 + 977 * (u * 7 + i)},{("view", "buy")[i % 2]},"a, {i}"\n'
    for u in range(9)
    for i in range(7)
    if (u + 2 * i) % 4
)
ROWS = list(csv.DictReader(io.StringIO(LOG)))
LINES = "".join(json.dumps(row | {"rating": int(row["rating"])}) + "\n" for row in ROWS)
CONFIG = {
    "title": "shop",
    "data": {
        "path": "log.csv",
        "kind": "delimited",
        "columns": {"user_id": "user_id", "item_id": "item_id"},
        "time_unit": "s",
        "rating_range": [1.0, 5.0],
        "encoding": "utf-8",
    },
    "split": {"kind": "temporal", "test": 0.25, "validation": 0.1, "seed": 1},
    "features": {"context": {"event": "category"}, "user": {}, "item": {}},
    "model": {"dim": 4, "encoder": "sum"},
    "tasks": [
        {"name": "buy", "kind": "retrieval", "rows": "buy", "weight": 1.0},
        {"name": "stars", "kind": "rating", "column": "rating", "dim": 2},
        {"name": "liked", "kind": "binary", "rows": "rating >= 4"},
    ],
    "training": {"epochs": 1, "batch_size": 8, "learning_rate": 0.05},
    "evaluation": {"resamples": 0, "slices": []},
    "compare": {"models": [{"name": "a", "model": {"dim": 2}}], "baselines": ["popularity"]},
}
PAIRS = "user_id,item_id,note\n" + "".join(f"u{n % 9},i{n % 7},{n}.5\n" for n in range(12))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run of a tiny model of two tasks, with a feature."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "log.csv").write_text(LOG)
    options = CONFIG | {"tasks": CONFIG["tasks"][:2], "split": {"kind": "none"}}
    options["features"] = {"user": {}, "item": {}, "context": {}}
    options["data"] = CONFIG["data"] | {"path": str(folder / "log.csv")}
    maxella.run(options, folder / "run")
    return folder / "run"


def _read_otherwise(data):
    """Pairs, users and items of a log by Python's csv; None where it does not vouch for them."""
    with suppress(ValueError, csv.Error):
        text = data.decode("utf-8-sig")
        plain = text.replace('"a, ', "").replace('"\n', "").replace("\r\n", "")
        if not text.startswith("user_id,item_id,") or '"' in plain or "\r" in plain:
            return None
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        keys = ("user_id", "item_id", "event")
        if not rows or not set(keys) <= set(rows[0]):
            return None
        return {
            "n_interactions": len({tuple(row[key] for key in keys) for row in rows}),
            "n_users": len({row["user_id"] for row in rows}),
            "n_items": len({row["item_id"] for row in rows}),
        }
    return None


@pytest.mark.parametrize("part", range(3))
def test_logs(attempt, fuzz, mutate, tmp_path, part):
    vouched = 0

    def one(draw, number):
        nonlocal vouched
        data = mutate.text(LOG.encode(), draw)
        (tmp_path / "log.csv").write_bytes(data)
        done, amiss = attempt("data", "describe", "log.csv", "--json")
        if amiss or done.code:
            return amiss
        wanted = _read_otherwise(data)
        if wanted is None:
            return None
        vouched += 1
        found = {key: json.loads(done.out)[key] for key in wanted}
        return None if found == wanted else f"read {found}, there is {wanted}: {data!r}"

    fuzz(f"log {part}", 400, one)
    assert vouched > 50


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_what_init_looks_at(attempt, fuzz, mutate, tmp_path, suffix):
    def one(draw, number):
        data = mutate.text((LINES if suffix == "jsonl" else LOG).encode(), draw)
        (tmp_path / f"log.{suffix}").write_bytes(data)
        (tmp_path / "made.toml").unlink(missing_ok=True)
        done, amiss = attempt("init", f"log.{suffix}", "--out", "made.toml", writes=["made.toml"])
        if amiss or done.code:
            return amiss
        tomllib.loads((tmp_path / "made.toml").read_text("utf-8"))
        return attempt("data", "check", "made.toml", "--json")[1]

    fuzz(f"init {suffix}", 200, one)


def test_lines_of_json(attempt, fuzz, mutate, tmp_path):
    def one(draw, number):
        if draw.random() < 0.5:
            data = mutate.text(LINES.encode(), draw)
        else:
            rows = mutate.values([dict(row) for row in ROWS], draw)
            data = "\n".join(map(json.dumps, rows)).encode()
        (tmp_path / "log.jsonl").write_bytes(data)
        return attempt("data", "describe", "log.jsonl", "--json")[1]

    fuzz("jsonl", 400, one)


@pytest.mark.parametrize("command", ["describe", "check"])
def test_configs(attempt, fuzz, mutate, tmp_path, command):
    (tmp_path / "log.csv").write_text(LOG)

    def one(draw, number):
        if draw.random() < 0.4:
            text = mutate.text(tomli_w.dumps(CONFIG).encode(), draw)
        else:
            text = mutate.toml(mutate.values(CONFIG, draw))
        (tmp_path / "config.toml").write_bytes(text)
        return attempt("data", command, "config.toml", "--json")[1]

    fuzz(f"config {command}", 450, one)


def test_pairs(attempt, fuzz, mutate, run_folder, tmp_path):
    def one(draw, number):
        (tmp_path / "pairs.csv").write_bytes(mutate.text(PAIRS.encode(), draw))
        out = tmp_path / "out.csv"
        out.unlink(missing_ok=True)
        done, amiss = attempt(
            "predict", run_folder, "pairs.csv", "--out", "out.csv", writes=["out.csv"]
        )
        if amiss or done.code:
            return amiss
        return None if out.exists() else "no answer"

    fuzz("pairs", 500, one)
