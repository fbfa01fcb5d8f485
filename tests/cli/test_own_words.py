"""Items by their names, and files with the columns of the user's own log."""

import json

import polars as pl
import pytest

from maxella.recommend.bundle import Bundle, load_bundle
from maxella.recommend.recommender import Recommender
from maxella.sources.own_names import OwnNames


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A folder with a shop's log, a table of its products, and the run that `init` proposes."""
    from maxella.cli.main import main

    folder = tmp_path_factory.mktemp("own words")
    pairs = [(u, i) for u in range(40) for i in range(12) if (u + i) % 4]
    at = 1_500_000_000_000
    lines = [f"c{u},s{i},{1 + (u + i) % 5},{at + 1000 * (60 * u + i)}" for u, i in pairs]
    header = "klant,ware,grade,moment"
    (folder / "log.csv").write_text("\n".join([header, *lines]) + "\n")
    products = [
        f"s{i},{('Red', 'Blue')[i % 2]} chair {i},{('Ikea', 'Vitra')[i % 2]}" for i in range(12)
    ]
    (folder / "products.csv").write_text("\n".join(["ware,model,maker", *products]) + "\n")

    def run(monkeypatch, *arguments):
        monkeypatch.setattr("sys.argv", ["maxella", *map(str, arguments)])
        main()

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for arguments in (
            ["init", "log.csv", "--items", "products.csv"],
            ["train", "maxella.toml", "--out", "run", "--set", "training.epochs=1"],
        ):
            with pytest.raises(SystemExit) as stop:
                run(patch, *arguments)
            assert not stop.value.code
    return folder


def rows(done):
    assert done.code == 0
    return [json.loads(line) for line in done.out.splitlines()]


def test_init_finds_what_names_items(shop):
    text = (shop / "maxella.toml").read_text()
    assert '# Stands beside the ids of items in answers.\nname_column = "model"\n' in text
    assert load_bundle(shop / "run").config["data"]["name_column"] == "model"


def test_a_name_column_that_is_not_there_is_refused(cli, shop, tmp_path):
    arguments = ["--out", tmp_path / "run", "--set", "data.name_column=modle"]
    done = cli("train", shop / "maxella.toml", *arguments)
    assert (done.code, done.out) == (2, "")
    assert "data.name_column: No column of items is called 'modle'" in done.err
    assert "Did you mean 'model'?" in done.err


def test_answers_have_names(cli, shop):
    run = shop / "run"
    (found,) = rows(cli("recommend", run, "--user", "c1", "-k", 2, "--include-seen", "--json"))
    assert all("chair" in row["item_name"] for row in found)
    assert list(found[0])[:4] == ["user_id", "rank", "item_id", "item_name"]
    (found,) = rows(cli("similar", run, "red chair 4", "-k", 3, "--json"))
    assert {(row["item_id"], row["item_name"]) for row in found} == {("s4", "Red chair 4")}
    assert all("chair" in row["similar_item_name"] for row in found)
    done = cli("similar", run, "chair 1")
    assert (done.code, done.out) == (2, "")
    assert "'chair 1' fits 3 items. Give the id of one:\n  s1  Blue chair 1\n" in done.err


@pytest.mark.parametrize("header", ["klant,ware", "user_id,item_id"])
def test_pairs_have_own_names_or_ours(cli, shop, tmp_path, header):
    (tmp_path / "pairs.csv").write_text(f"{header}\nc1,s4\nc2,s5\n")
    found = rows(cli("predict", shop / "run", tmp_path / "pairs.csv", "--json"))
    user, item = header.split(",")
    assert [(row[user], row[item]) for row in found] == [("c1", "s4"), ("c2", "s5")]
    assert [row["item_name"] for row in found] == ["Red chair 4", "Blue chair 5"]
    assert [row["source"] for row in found] == ["model", "model"]


def test_predictions_are_the_same_under_both_names(shop):
    recommender = load_bundle(shop / "run").recommender()
    pairs = pl.DataFrame({"klant": ["c1", "c2"], "ware": ["s4", "s5"]})
    own = recommender.predict(pairs)
    ours = recommender.predict(pairs.rename({"klant": "user_id", "ware": "item_id"}))
    assert own.drop(pairs.columns).equals(ours.drop("user_id", "item_id"))
    assert own.columns[:2] == ["klant", "ware"]


@pytest.mark.parametrize(
    "header",
    ["klant,ware,grade,moment", "user_id,item_id,rating,timestamp", "klant,ware,grade,x"],
)
def test_a_history_has_own_names_or_ours(cli, shop, tmp_path, header):
    at = 1_500_000_000 * (1 if "timestamp" in header else 1000)
    lines = [header, f"new,s1,5,{at}", f"new,s3,5,{at}", f"other,s2,1,{at}"]
    (tmp_path / "history.csv").write_text("\n".join(lines) + "\n")
    asked = ["--history", tmp_path / "history.csv", "--user", "new", "-k", 3, "--json"]
    done = cli("recommend", shop / "run", *asked)
    (found,) = rows(done)
    assert done.err == ""
    assert {row["source"] for row in found} == {"model"}
    assert not {row["item_id"] for row in found} & {"s1", "s3"}
    history = pl.read_csv(tmp_path / "history.csv")
    newcomers = load_bundle(shop / "run").recommender().for_newcomers(history)
    same = newcomers.recommend(["new"], 3)
    assert same["item_id"].to_list() == [row["item_id"] for row in found]
    assert same["predicted_rating"].to_list() == pytest.approx(
        [row["predicted_rating"] for row in found]
    )


def test_tables_of_items_have_own_names_or_ours(cli, shop, tmp_path):
    for key in ("ware", "item_id"):
        (tmp_path / "some.csv").write_text(f"{key}\ns1\ns2\n")
        asked = ["--user", "c1", "--include-seen", "--allow", tmp_path / "some.csv", "--json"]
        (found,) = rows(cli("recommend", shop / "run", *asked))
        assert {row["item_id"] for row in found} == {"s1", "s2"}


@pytest.mark.parametrize("command", ["predict", "recommend"])
def test_both_names_are_said_where_neither_is_there(cli, shop, tmp_path, command):
    (tmp_path / "file.csv").write_text("klant,product code\nc1,s4\n")
    more = ["--all", "--json", "--history"] if command == "recommend" else []
    done = cli(command, shop / "run", *more, tmp_path / "file.csv")
    assert (done.code, done.out) == (2, "")
    assert "Wanted a column 'ware' (or 'item_id') in" in done.err
    assert "it has klant, product code." in done.err
    assert "Map it with columns" not in done.err


def test_times_of_a_history_are_converted_once(cli, shop, tmp_path, monkeypatch):
    """What reading has made seconds is not taken for the log's milliseconds again."""
    made = []
    for_newcomers = Recommender.for_newcomers

    def keep(self, *arguments):
        made.append(for_newcomers(self, *arguments))
        return made[-1]

    monkeypatch.setattr(Recommender, "for_newcomers", keep)
    monkeypatch.setattr(Bundle, "own_names", OwnNames(time_unit="ms"))
    lines = ["user_id,item_id,timestamp", "new,s1,1500000000000", "new,s3,1500000001000"]
    (tmp_path / "history.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr("maxella.sources.load.OwnNames.of", lambda _: OwnNames(time_unit="ms"))
    asked = ["--history", tmp_path / "history.csv", "--user", "new", "--json"]
    assert cli("recommend", shop / "run", *asked).code == 0
    times = made[0]._engine.known.rows.timestamps
    assert times.tolist() == [1_500_000_000, 1_500_000_001]
