import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import maxella
from maxella.errors import ConfigError, DataError
from maxella.experiment.reevaluate import reevaluate
from maxella.experiment.suggest import suggest
from maxella.sources.synthetic import read_synthetic

QUICK = {
    "training": {"epochs": 1},
    "evaluation": {"resamples": 0},
    "compare": {"baselines": ["popularity"]},
}


@pytest.fixture(scope="module")
def world():
    return read_synthetic(n_users=40, n_items=30, n_interactions=500)


@pytest.fixture(scope="module")
def as_pandas(world):
    """The log as people have it: names of their own, categories, times with a zone, nulls."""
    log = world.interactions.to_pandas()
    return pd.DataFrame(
        {
            "customer": log["user_id"].str[1:].astype("int64"),
            "product": log["item_id"].astype("category"),
            "stars": log["rating"].astype("Int64").mask(log.index % 10 == 0),
            "when": pd.to_datetime(log["timestamp"], unit="s", utc=True).dt.tz_convert(
                "Asia/Tokyo"
            ),
            "channel": pd.Categorical((["web", "shop"] * len(log))[: len(log)]),
        }
    )


@pytest.fixture(scope="module")
def fitted(world, as_pandas, tmp_path_factory):
    """A recommender, and the folder of its run."""
    out = tmp_path_factory.mktemp("fit") / "run"
    items = world.items.to_pandas().rename(columns={"item_id": "product"})
    return maxella.fit(as_pandas, items=items, out=out, title="Shop", **QUICK), out


def test_roles_are_inferred_and_options_changed(fitted):
    recommender, _ = fitted
    report = recommender.report
    assert report["title"] == "Shop"
    assert [task["kind"] for task in report["tasks"]] == ["retrieval", "rating"]
    assert report["dataset"]["interactions"] == 495
    assert any(
        "50 of 495 interactions have no rating" in note for note in report["dataset"]["notes"]
    )
    assert [model["name"] for model in report["models"]] == ["joint", "popularity"]
    assert set(recommender.users.ids) == set(map(str, range(40)))  # whole numbers, as text


def test_answers_are_frames_of_the_kind_that_came_in(fitted, as_pandas):
    recommender, out = fitted
    lists = recommender.recommend(as_pandas["customer"].unique()[:2], 3)
    assert isinstance(lists, pd.DataFrame)
    assert lists["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert isinstance(recommender.similar(["i1"], 2), pd.DataFrame)
    loaded = maxella.load(out)
    assert isinstance(loaded.recommend(["1"], 3), pl.DataFrame)
    arrow = maxella.load(out, frames="pyarrow").recommend(["1"], 3)
    assert isinstance(arrow, pa.Table)
    assert loaded.recommend(["1"], 3).equals(pl.DataFrame(arrow))
    pairs = pd.DataFrame({"item_id": ["i1", "i2"], "user_id": [0, 1]}, index=[4, 4])
    assert loaded.predict(pairs).index.tolist() == [4, 4]
    assert recommender.predict(pl.DataFrame(pairs)).columns[:2] == ["item_id", "user_id"]
    history = pa.table({"user_id": ["new"], "item_id": ["i1"]})
    assert isinstance(loaded.for_newcomers(history).recommend(["new"], 2), pa.Table)


def test_every_kind_of_frame_and_a_file_learn_the_same(world, tmp_path):
    """Bit by bit: what comes in does not count, but what it says."""
    file = tmp_path / "ratings.parquet"
    world.interactions.write_parquet(file)
    frames = [world.interactions, world.interactions.to_pandas(), world.interactions.to_arrow()]
    answers = [maxella.fit(log, **QUICK).recommend(["u1"], 5) for log in [*frames, str(file)]]
    assert [type(one).__module__.partition(".")[0] for one in answers] == [
        "polars",
        "pandas",
        "pyarrow",
        "polars",
    ]
    polars = [pl.DataFrame(one) for one in answers]
    assert all(one.equals(polars[0]) for one in polars)
    assert suggest(file).options["data"]["columns"]  # the file had its roles inferred, too


def test_a_run_can_be_judged_again_from_files(fitted, world, as_pandas, tmp_path):
    recommender, out = fitted
    with pytest.raises(ConfigError, match=r"frames in memory.*interactions.parquet.*--data"):
        reevaluate(out)
    as_pandas.to_parquet(tmp_path / "interactions.parquet")
    items = world.items.rename({"item_id": "product"})
    items.write_parquet(tmp_path / "items.parquet")
    again = reevaluate(out, data=tmp_path)
    assert again["models"][0]["metrics"] == recommender.report["models"][0]["metrics"]


def test_columns_that_names_do_not_tell_are_given(world):
    log = world.interactions.rename({"user_id": "a", "item_id": "b", "rating": "c"})
    log = log.drop("timestamp")
    found = maxella.fit(
        log, data={"columns": {"user_id": "b", "item_id": "a", "rating": ""}}, **QUICK
    )
    assert found.users.ids[0].startswith("i")
    assert [task["kind"] for task in found.report["tasks"]] == ["retrieval"]


@pytest.mark.parametrize(
    ("log", "options", "error", "message"),
    [
        ({"note": ["a", "b"]}, {}, DataError, "at least two columns.*there is note alone"),
        (
            {"user_id": [1.5, 2.5], "item_id": ["a", "b"]},
            {},
            DataError,
            "user_id in interactions is of type Float64",
        ),
        (
            {"user_id": ["a", None], "item_id": ["a", "b"]},
            {},
            DataError,
            "wants its user_id; interactions, row 1 from 0 has none",
        ),
        ({"user_id": [], "item_id": []}, {}, DataError, "Wanted rows in interactions"),
        (
            {"user_id": ["a"], "item_id": ["x"]},
            {"trainin": {}},
            ConfigError,
            "No section is called",
        ),
        (
            {"user_id": ["a", "b"], "item_id": ["x", "y"]},
            {"training": {"epoch": 4}},
            ConfigError,
            r"training.*'epoch'.*'epochs'",
        ),
        ({"user_id": ["a"], "item_id": ["x"]}, {"data": "ratings.csv"}, ConfigError, "data: "),
        ({"user_id": ["a"], "item_id": ["x"]}, {"items": "items.csv"}, ConfigError, "all as paths"),
    ],
)
def test_what_is_wrong_is_named(log, options, error, message):
    with pytest.raises(error, match=message):
        maxella.fit(pd.DataFrame(log), **options)


def test_what_is_given_of_the_columns_leaves_the_others_inferred(world):
    log = world.interactions.rename({"user_id": "customer_code", "item_id": "product_code"})
    found = maxella.fit(log, data={"columns": {"rating": ""}}, **QUICK)
    assert found.users.ids[0].startswith("u")
    assert [task["kind"] for task in found.report["tasks"]] == ["retrieval"]


def test_a_split_with_a_kind_is_taken_whole(world):
    log = world.interactions.with_columns(
        part=pl.Series(["train", "train", "test"]).sample(
            world.interactions.height, with_replacement=True, seed=1
        )
    )
    proposed = maxella.fit(log, **QUICK).report["split"]
    assert (proposed["kind"], proposed["column"]) == ("column", "part")
    found = maxella.fit(log, split={"kind": "random", "test": 0.4}, **QUICK)
    assert found.report["split"]["column"] is None
    assert found.report["dataset"]["test"] == round(0.4 * log.height)


def test_another_split_takes_the_place_of_the_one_proposed(world):
    found = maxella.fit(world.interactions, split={"kind": "none"}, **QUICK)
    assert found.report["dataset"]["test"] == 0
    assert "on the test part" not in repr(found)
