"""Features from the config to answers about whom training never saw."""

import re

import polars as pl
import pytest

import maxella
from maxella.cli.main import app
from maxella.errors import ConfigError
from maxella.experiment.reevaluate import reevaluate
from maxella.recommend.bundle import load_bundle
from maxella.recommend.new_items import with_items

FEATURES = {"user": {"club": "category"}, "item": {"shelf": "category", "words": "text"}}


def users(numbers):
    return pl.DataFrame(
        [(f"u{n}", "ABC"[n % 3]) for n in numbers], schema=["user_id", "club"], orient="row"
    )


def items(numbers):
    facts = [(f"i{n}", f"s{n % 3}", f"book of {'ABC'[n % 3]}{n}") for n in numbers]
    return pl.DataFrame(facts, schema=["item_id", "shelf", "words"], orient="row")


@pytest.fixture(scope="module")
def run(clubs):
    """240 users of three clubs, 60 items on three shelves."""
    compare = {"baselines": ["popularity"]}
    return clubs(users(range(240)), items(range(60)), 14, features=FEATURES, compare=compare)


@pytest.fixture(scope="module")
def trained(run):
    return run(split={"kind": "none"})[1]


def figures(report, name="joint"):
    (found,) = [model["metrics"] for model in report["models"] if model["name"] == name]
    return found


def test_cold_items_are_told_apart_by_their_features(run):
    cold = {"kind": "cold_item", "test": 0.25}
    report, folder = run(split=cold)
    with_features = figures(report)
    by_chance = 5 / 15
    assert with_features["retrieval"]["filtered"]["top_k_accuracy@5"] > by_chance + 0.25
    without = figures(run(split=cold, features={})[0])
    assert without["retrieval"]["filtered"]["top_k_accuracy@5"] < by_chance + 0.1
    assert with_features["rating"]["rmse"] < without["rating"]["rmse"] - 0.2
    assert report["candidates"] == 15
    # All would score alike, and ties in the middle of 15 are among the first 10.
    assert [model["name"] for model in report["models"]] == ["joint"]
    by_luck = (
        "No baseline popularity: .* random order of the 15 candidates 0.667 are among the first"
    )
    assert any(re.match(by_luck, line) for line in report["dataset"]["notes"])
    assert figures(reevaluate(folder)) == with_features


def test_the_monitor_sees_what_features_say_of_cold_items(run):
    cold = {"kind": "cold_item", "test": 0.25, "validation": 0.25}
    training = {"encoder_learning_rate": 0.0005, "batch_size": 64, "epochs": 2}
    key = "retrieval.filtered.top_k_accuracy@5"
    report, _ = run(split=cold, training=training | {"monitor": key})
    epochs = report["models"][0]["history"]
    by_chance = 5 / 11  # of the 11 items held out for validation
    for epoch in epochs:
        assert epoch["validation"][key] > by_chance + 0.15


def test_cold_users_are_told_apart_by_their_features(run):
    cold = {"kind": "cold_user", "test": 0.2, "given": 0.0}
    report, folder = run(split=cold)
    found, popular = (
        figures(report, name)["retrieval"]["filtered"] for name in ("joint", "popularity")
    )
    assert found["ndcg@10"] > popular["ndcg@10"] + 0.2
    assert figures(reevaluate(folder)) == figures(report)


@pytest.mark.parametrize("layers", ["sum", "mlp", "cross", "low_rank_cross"])
def test_whoever_took_part_is_served_as_well_as_without(run, layers):
    plain = figures(run(features={})[0])
    report, folder = run(features=FEATURES | {"layers": layers})
    found = figures(report)
    ndcg, ndcg_plain = (of["retrieval"]["filtered"]["ndcg@10"] for of in (found, plain))
    assert ndcg > ndcg_plain - 0.02
    assert found["rating"]["rmse"] < plain["rating"]["rmse"] + 0.02
    assert figures(reevaluate(folder)) == found


def test_newcomers_without_a_history_are_read_from_their_features(trained):
    recommender = maxella.load(trained)
    newcomers = users([900, 901, 902, 904])  # clubs A, B, C, B
    lists = recommender.for_newcomers(users=newcomers).recommend(newcomers["user_id"], 5)
    assert lists["source"].unique().to_list() == ["model"]
    shelves = lists["item_id"].str.slice(1).cast(pl.Int64) % 3
    wanted = lists["user_id"].str.slice(1).cast(pl.Int64) % 3
    assert (shelves == wanted).mean() > 0.9
    # Who has a history is read from it, whatever the club.
    history = pl.DataFrame(
        {"user_id": ["u900"] * 6, "item_id": [f"i{1 + 3 * n}" for n in range(6)]}
    )
    by_history = recommender.for_newcomers(history, newcomers).recommend(["u900"], 5)
    assert (by_history["item_id"].str.slice(1).cast(pl.Int64) % 3 == 1).all()


def test_new_items_are_recommended_and_rated_by_their_features(trained):
    bundle = with_items(load_bundle(trained), items([3, 100, 101, 102]))
    assert bundle.items.ids.to_list()[-3:] == ["i100", "i101", "i102"]
    recommender, old = bundle.recommender(), maxella.load(trained)
    own = pl.DataFrame({"user_id": ["u0", "u1", "u2"], "item_id": ["i102", "i100", "i101"]})
    other = own.with_columns(item_id=pl.Series(["i100", "i101", "i102"]))
    liked, disliked = recommender.predict(own), recommender.predict(other)
    assert (liked["predicted_rating"] - disliked["predicted_rating"]).min() > 1
    assert (liked["score"] > disliked["score"]).all()
    # What was known is as it was.
    pairs = pl.DataFrame({"user_id": ["u0", "u7"], "item_id": ["i3", "i59"]})
    assert recommender.predict(pairs).equals(old.predict(pairs))
    everything = recommender.recommend(["u0"], 63)
    assert {"i100", "i101", "i102"} < set(everything["item_id"])


def test_new_users_and_items_on_the_command_line(trained, tmp_path, capsys):
    users([900, 901]).write_csv(tmp_path / "users.csv")
    items(range(100, 109)).rename({"item_id": "itemId"}).write_csv(tmp_path / "items.csv")
    tables = ["--new-users", str(tmp_path / "users.csv")]
    tables += ["--new-items", str(tmp_path / "items.csv")]
    command = ["recommend", str(trained), "--all", "-k", "3", "--out", str(tmp_path / "o.parquet")]
    app([*command, *tables], standalone_mode=False)
    lists = pl.read_parquet(tmp_path / "o.parquet")
    assert lists["user_id"].to_list() == ["u900"] * 3 + ["u901"] * 3
    shelves = lists["item_id"].str.slice(1).cast(pl.Int64) % 3
    assert shelves.to_list() == [0] * 3 + [1] * 3
    pairs = pl.DataFrame({"user_id": ["u900", "u900"], "item_id": ["i102", "i101"]})
    pairs.write_csv(tmp_path / "pairs.csv")
    command = ["predict", str(trained), str(tmp_path / "pairs.csv")]
    app([*command, "--out", str(tmp_path / "p.csv"), *tables], standalone_mode=False)
    predicted = pl.read_csv(tmp_path / "p.csv")
    assert predicted["score"].null_count() == 0
    assert "not know" not in capsys.readouterr().err


def test_a_model_without_features_says_what_it_wants(run):
    _, folder = run(split={"kind": "none"}, features={})
    bundle = load_bundle(folder)
    with pytest.raises(ConfigError, match=r"Declare \[features\.item\]"):
        with_items(bundle, items([100]))
    with pytest.raises(ConfigError, match=r"Declare \[features\.user\]"):
        bundle.recommender().for_newcomers(users=users([900]))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"item": {"shelve": "category"}}, "No column of the table.*'shelf'"),
        ({"item": {"shelf": "categories"}}, "No kind of feature.*'category'"),
        ({"item": {"shelf": {"min_count": 2}}}, "wants a kind"),
        ({"item": {"shelf": {"kind": "category", "min": 2}}}, "min_count"),
    ],
)
def test_a_wrong_declaration_is_named(run, declared, message):
    with pytest.raises(ConfigError, match=message):
        run(features=declared)
