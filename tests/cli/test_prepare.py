import json
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"


def prepare(cli, out, *arguments, sample="ml-1m"):
    return cli("data", "prepare", SAMPLES / sample, "--out", out, *arguments)


def test_prepare_prints_what_it_changed(cli, tmp_path):
    out = tmp_path / "out"
    done = prepare(cli, out, "--movies-dataset", SAMPLES / "movies-dataset")
    assert (done.code, done.err) == (0, "")
    words = " ".join(done.out.split())
    assert "55117-1234 55117" in words
    assert "found by title and year 1" in words
    assert (out / "ratings.csv").exists()


def test_prepare_prints_json(cli, tmp_path):
    out = tmp_path / "out"
    done = prepare(cli, out, "--people", SAMPLES / "people.csv", "--json")
    report = json.loads(done.out)
    assert report == json.loads((out / "changes.json").read_text())
    steps = {step["name"]: step for step in report["steps"]}
    assert steps["zip codes"]["counts"]["repaired"] == 1
    assert steps["titles"]["examples"] == [
        ["Café: by the Sea", "Cafe: by the Sea"],
        ["Never Rated, The", "The Never Rated"],
    ]


def test_prepare_refuses_in_one_message(cli, tmp_path):
    out = tmp_path / "out"
    wrong = prepare(cli, out, "--duplicates", "merg")
    assert (wrong.code, wrong.out) == (2, "")
    assert "Did you mean 'merge'" in wrong.err
    assert prepare(cli, out).code == 0
    again = prepare(cli, out)
    assert (again.code, again.out) == (2, "")
    assert "give --overwrite" in again.err
    assert prepare(cli, out, "--overwrite").code == 0
    assert prepare(cli, tmp_path / "no", "--movies-dataset", SAMPLES / "ml-1m").code == 2


def test_what_is_prepared_trains(cli, config, tmp_path):
    source = tmp_path / "ml-1m"
    source.mkdir()
    users, movies = range(1, 7), range(1, 6)
    lines = {
        "users.dat": [f"{u}::F::25::3::0213{u}-0001" for u in users],
        "movies.dat": [f"{m}::Film {m}, The ({1990 + m})::Children's|War" for m in movies],
        "ratings.dat": [
            f"{u}::{m}::{1 + (u + m) % 5}::{100 * u + m}" for u in users for m in movies
        ],
    }
    for name, rows in lines.items():
        (source / name).write_text("\n".join(rows) + "\n")
    out = tmp_path / "out"
    assert cli("data", "prepare", source, "--out", out).code == 0
    path = 'out/interactions.parquet"\nusers = "out/users.parquet"\nitems = "out/items.parquet'
    config.write_text(config.read_text().replace("log.csv", path))
    run = tmp_path / "run"
    assert cli("train", config, "--out", run).code == 0
    done = cli("recommend", run, "--user", "1", "-k", "1", "--include-seen", "--json")
    assert "The Film" in done.out
