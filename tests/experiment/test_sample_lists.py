import numpy as np
import polars as pl
import pytest

import maxella
from maxella.experiment.sample_lists import sample_lists
from maxella.recommend.bundle import load_bundle

# Two tastes: most users pick of the first nine items, some of the last nine.
USERS, MAJORITY = 30, 24


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tastes")
    rng = np.random.default_rng(0)
    rows = []
    for user in range(USERS):
        first = 0 if user < MAJORITY else 9
        for item in rng.permutation(9)[:6]:
            rows.append((f"u{user}", f"i{first + item}", 1 + int(item) % 5, 1000 * len(rows)))
    log = pl.DataFrame(rows, ["user_id", "item_id", "rating", "timestamp"], orient="row")
    log.write_csv(folder / "log.csv")
    items = [(f"i{i}", f"Item {i}") for i in range(18)]
    pl.DataFrame(items, ["item_id", "name"], orient="row").write_csv(folder / "items.csv")
    return {
        "data": {"path": str(folder / "log.csv"), "items": str(folder / "items.csv")},
        "split": {"kind": "random", "test": 0.15},
        "model": {"dim": 4, "history_dim": 4, "start": "closed_form"},
        "tasks": [
            {"name": "retrieval", "kind": "retrieval", "loss": "leave_one_out_softmax"},
            {"name": "rating", "kind": "rating"},
        ],
        "training": {"epochs": 2, "learning_rate": 0.001},
        "evaluation": {"resamples": 0},
        "compare": {"baselines": []},
    }


@pytest.fixture(scope="module")
def run(options, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    return maxella.run(options, folder), folder


def test_the_lists_least_like_popularity_come_first(run):
    report, _ = run
    (model,) = report["models"]
    first, *_ = model["lists"]
    assert all(int(one["item_id"][1:]) >= 9 for one in [*first["liked"], first["recommended"][0]])
    medians = [np.median([one["share"] for one in of["recommended"]]) for of in model["lists"]]
    assert medians == sorted(medians)
    shown = [one["item_id"] for of in model["lists"] for one in of["recommended"]]
    assert len(set(shown)) == len(shown)
    assert first["recommended"][0]["name"] == f"Item {first['recommended'][0]['item_id'][1:]}"


def test_nobody_is_named_and_nothing_of_the_test_is_looked_at(run):
    report, folder = run
    bundle = load_bundle(folder)
    known = bundle.known.pairs("retrieval")
    for of in report["models"][0]["lists"]:
        assert of.keys() == {"picks", "rated_by", "liked", "recommended"}
        liked = bundle.items.rows_of([one["item_id"] for one in of["liked"]])
        owners = [{*known.users[known.items == item].tolist()} for item in liked]
        assert set.intersection(*owners)  # one user has picked them all before the test
        ratings = [one["rating"] for one in of["liked"]]
        assert ratings == sorted(ratings, reverse=True)
    assert report["test_reads"] == 1


def test_the_page_shows_them_and_an_option_leaves_them_out(run, options, tmp_path):
    page = (run[1] / "report.html").read_text()
    first = run[0]["models"][0]["lists"][0]
    assert "Lists for a few users" in page
    assert first["recommended"][0]["name"] in page
    assert "u29" not in page
    none = maxella.run(options | {"evaluation": {"resamples": 0, "lists": 0}}, tmp_path / "none")
    assert none["models"][0]["lists"] == []
    assert "Lists for a few users" not in (tmp_path / "none" / "report.html").read_text()


def test_the_same_model_has_the_same_lists(run):
    report, folder = run
    bundle = load_bundle(folder)
    assert sample_lists(bundle, 3, 42) == report["models"][0]["lists"]
    assert sample_lists(bundle, 1, 42) == report["models"][0]["lists"][:1]
