import json

import polars as pl
import pytest

import maxella


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A run folder of a model that ranks purchases and views, has learnt ratings, but not carts."""
    folder = tmp_path_factory.mktemp("shop")
    lines = ["user_id,item_id,event,rating,device"]
    for user in range(60):
        for item in range(8):
            event = ("view", "buy", "cart", "buy")[(user + item) % 4]
            if (user + 2 * item) % 5:
                stars = 1 + (user + item) % 5 if event == "buy" else ""
                lines.append(f"u{user},i{item},{event},{stars},{('phone', 'desk')[item % 2]}")
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    tasks = [
        {"name": "buy", "kind": "retrieval", "rows": "buy"},
        {"name": "view", "kind": "retrieval", "rows": "view"},
        {"name": "stars", "kind": "rating", "head": "ordinal", "dim": 2},
        {"name": "cart", "kind": "retrieval", "rows": "cart", "weight": 0.0},
    ]
    options = {
        "data": {"path": str(folder / "log.csv")},
        "split": {"kind": "none"},
        "features": {"context": {"device": "category"}},
        "model": {"dim": 4},
        "tasks": tasks,
        "training": {"epochs": 1},
    }
    maxella.run(options, folder / "run")
    return folder / "run"


def rows(done):
    assert done.code == 0
    return json.loads(done.out)


def test_recommend_prints_a_table(cli, trained):
    done = cli("recommend", trained, "--user", "u1", "-k", 3)
    first = done.out.splitlines()[2].split()
    assert (done.code, done.err) == (0, f"Next: maxella similar {trained} {first[2]}\n")
    assert [name for name in ("user id", "item id", "item name") if name not in done.out] == []


def test_recommend_for_several_users_in_the_order_asked(cli, trained):
    done = cli("recommend", trained, "--user", "u2", "--user", "u1", "-k", 2, "--json")
    assert [(row["user_id"], row["rank"]) for row in rows(done)] == [
        ("u2", 1),
        ("u2", 2),
        ("u1", 1),
        ("u1", 2),
    ]
    assert all(row["item_name"].startswith("Item ") for row in rows(done))


def test_an_unknown_user_is_told_on_standard_error(cli, trained):
    done = cli("recommend", trained, "--user", "nobody", "-k", 2, "--json")
    assert [row["source"] for row in rows(done)] == ["popularity"] * 2
    assert "User 'nobody' is not known" in done.err


def test_more_than_the_catalogue_is_all_of_it_and_said(cli, trained):
    done = cli("recommend", trained, "--user", "u1", "-k", 10**9, "--include-seen", "--json")
    assert len(rows(done)) == 200
    assert "1 of 1 users get fewer than 1,000,000,000 items: the model knows 200" in done.err


@pytest.mark.parametrize("name", ["lists.parquet", "new/lists.csv"])
def test_recommend_all_writes_every_user(cli, trained, tmp_path, name):
    done = cli("recommend", trained, "--all", "-k", 2, "--out", tmp_path / name)
    assert (done.code, done.out) == (0, "")
    assert f"800 rows: {tmp_path / name}\n" in done.err
    read = pl.read_parquet if name.endswith("parquet") else pl.read_csv
    lists = read(tmp_path / name)
    assert lists.columns[:5] == ["user_id", "rank", "item_id", "score", "predicted_rating"]
    assert lists["user_id"].n_unique() == 400
    assert [p.name for p in (tmp_path / name).parent.iterdir()] == [name.split("/")[-1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give either --user ID"),
        (["--user", "u1", "--all"], "Give either --user ID"),
        (["--all"], "--all wants either --out"),
        (["--all", "--out", "lists.txt"], "ends in .parquet or .csv; got lists.txt"),
    ],
)
def test_recommend_says_what_it_wants(cli, trained, arguments, message):
    done = cli("recommend", trained, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize("k", [0, -1, "ten"])
def test_a_list_has_a_length(cli, trained, k):
    done = cli("recommend", trained, "--user", "u1", "-k", k)
    assert done.code == 2
    assert "Invalid value for '-k'" in done.err


@pytest.mark.parametrize(
    "arguments", [["recommend", "--user", "u1"], ["similar", "i1"], ["predict"]]
)
def test_a_place_without_a_model(cli, tmp_path, arguments):
    command, *rest = arguments
    if command == "predict":
        rest = [tmp_path / "pairs.csv", "--out", tmp_path / "out.csv"]
    done = cli(command, tmp_path / "nowhere", *rest)
    assert (done.code, done.out) == (2, "")
    assert "Wanted the folder of a run or bundle" in done.err


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_predict_keeps_order_and_columns(cli, trained, tmp_path, separator):
    lines = ["item_id,note,user_id", "i5,007,u2", "i1,,u1", "i5,x,nobody"]
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("\n".join(lines).replace(",", separator))
    done = cli("predict", trained, pairs, "--out", tmp_path / "out.parquet")
    assert done.code == 0
    assert "1 of 3 pairs name a user or an item that the model does not know" in done.err
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found.drop("predicted_rating", "score", "source").rows() == [
        ("i5", "007", "u2"),
        ("i1", None, "u1"),
        ("i5", "x", "nobody"),
    ]
    assert found["source"].to_list() == ["model", "model", "popularity"]
    assert found["predicted_rating"].is_between(1, 5).all()


def test_predict_reads_parquet_and_writes_csv(cli, trained, tmp_path):
    pairs = pl.DataFrame({"user_id": ["u1"], "item_id": ["i1"], "day": [3]})
    pairs.write_parquet(tmp_path / "pairs.parquet")
    out = tmp_path / "out.csv"
    done = cli("predict", trained, tmp_path / "pairs.parquet", "--out", out, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    found = pl.read_csv(tmp_path / "out.csv")
    assert found.columns == ["user_id", "item_id", "day", "predicted_rating", "score", "source"]


def test_predict_with_intervals_and_every_task(cli, shop, tmp_path):
    (tmp_path / "pairs.csv").write_text("user_id,item_id\nu1,i1\nu2,stranger\n")
    out = tmp_path / "out.csv"
    done = cli("predict", shop, tmp_path / "pairs.csv", "--interval", 0.8, "--out", out)
    assert done.code == 0
    assert "trained without the task cart" in done.err
    found = pl.read_csv(out)
    stars = ["predicted_stars", "stars_low", "stars_high"]
    assert found.columns == ["user_id", "item_id", *stars, "score", "score_view", "source"]
    assert (found["stars_low"] < found["stars_high"]).all()
    assert found["predicted_stars"].is_between(1, 5).all()
    assert found["score_view"].is_null().to_list() == [False, True]


def test_recommend_for_a_task(cli, shop):
    asked = ["--user", "u1", "-k", 8, "--include-seen", "--json"]
    buy, view = (rows(cli("recommend", shop, *asked, "--task", task)) for task in ("buy", "view"))
    first = rows(cli("recommend", shop, *asked))
    assert first == buy
    assert [row["score"] for row in view] != [row["score"] for row in buy]
    assert "predicted_stars" in buy[0]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("cart", "has not learnt task 'cart'"),
        ("stars", "'stars' answers pairs and ranks nothing"),
        ("bye", "No task is called 'bye'"),
    ],
)
def test_a_task_that_cannot_be_ranked_for(cli, shop, task, message):
    done = cli("recommend", shop, "--user", "u1", "--task", task)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_what_is_left_out(cli, shop, tmp_path):
    def items(*arguments):
        done = cli("recommend", shop, "--user", "u1", "-k", 8, "--json", *arguments)
        return {row["item_id"] for row in rows(done)}

    # u1 has viewed, bought or put into the cart all but i2 and i7.
    every = {f"i{i}" for i in range(8)}
    assert items("--exclude-visited") == {"i2", "i7"}
    assert items() == every - {"i0", "i4", "i6"}  # bought
    assert items("--include-seen") == every
    (tmp_path / "some.csv").write_text("item_id\ni2\ni1\nunheard-of\n")
    assert items("--allow", tmp_path / "some.csv") == {"i2", "i1"}
    assert items("--deny", tmp_path / "some.csv") == items() - {"i2", "i1"}


def test_a_context_is_a_column_and_its_value(cli, shop):
    asked = ["recommend", shop, "--user", "u1", "-k", 8, "--include-seen", "--json"]
    phone, desk = (rows(cli(*asked, "--context", f"device={one}")) for one in ("phone", "desk"))
    by_item = [{row["item_id"]: row["score"] for row in found} for found in (phone, desk)]
    assert by_item[0] != by_item[1]
    done = cli(*asked, "--context", "phone")
    assert (done.code, done.out) == (2, "")
    assert "--context wants column=value, such as device=phone; got 'phone'" in done.err
    assert "got colour. Leave it out" in cli(*asked, "--context", "colour=red").err


def test_a_model_that_has_not_learnt_to_retrieve_refuses(cli, tmp_path):
    options = {
        "data": {"kind": "synthetic"},
        "split": {"kind": "none"},
        "model": {"dim": 4},
        "training": {"epochs": 1},
        "tasks": [
            {"name": "retrieval", "kind": "retrieval", "weight": 0.0},
            {"name": "rating", "kind": "rating"},
        ],
    }
    maxella.run(options, tmp_path / "run")
    for asked in (["recommend", "--user", "u1"], ["similar", "i1"]):
        done = cli(asked[0], tmp_path / "run", *asked[1:])
        assert (done.code, done.out) == (2, "")
        assert "Wanted a model that has learnt to retrieve" in done.err


@pytest.mark.parametrize(
    ("interval", "message"), [(0.8, "head = 'ordinal'"), (80, "between 0 and 1; got 80")]
)
def test_intervals_that_cannot_be_had(cli, trained, tmp_path, interval, message):
    (tmp_path / "pairs.csv").write_text("user_id,item_id\nu1,i1\n")
    arguments = [tmp_path / "pairs.csv", "--interval", interval, "--out", tmp_path / "out.csv"]
    done = cli("predict", trained, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"user_id,itemm\nu1,i1\n", ["a column 'item_id' in", "Is it 'itemm'? Rename"]),
        (b"user_id,item_id\nu1,i1,3\n", ["Wanted 2 fields", "line 2 has 3"]),
        (b"", ["is empty"]),
        ("user_id,item_id\nu1,i1\n".encode("utf-16"), ["Wanted text in UTF-8"]),
        (b"user_id,item_id\n\xfc,i1\n", ["Wanted text in UTF-8", "line 2"]),
    ],
)
def test_predict_says_what_is_wrong_with_the_pairs(cli, trained, tmp_path, data, parts):
    (tmp_path / "pairs.csv").write_bytes(data)
    done = cli("predict", trained, tmp_path / "pairs.csv", "--out", tmp_path / "out.csv")
    assert (done.code, done.out) == (2, "")
    assert [part for part in parts if part not in done.err] == []
    assert not (tmp_path / "out.csv").exists()


def test_what_cannot_be_written_is_said_before_anything_else_is_lost(cli, trained, tmp_path):
    (tmp_path / "pairs.csv").write_text("user_id,item_id\nu1,i1\n")
    out = tmp_path / "pairs.csv" / "out.csv"
    done = cli("predict", trained, tmp_path / "pairs.csv", "--out", out)
    assert done.code == 2
    assert f"Wanted to write {out}" in done.err


def test_similar_items_with_their_titles(cli, trained):
    found = rows(cli("similar", trained, "i3", "-k", 4, "--json"))
    assert [row["rank"] for row in found] == [1, 2, 3, 4]
    assert "i3" not in {row["similar_item_id"] for row in found}
    assert found[0]["similar_item_name"].startswith("Item ")


def test_an_unknown_item_has_none_similar(cli, trained):
    done = cli("similar", trained, "nothing")
    assert (done.code, done.out) == (2, "")
    assert "none is called 'nothing'" in done.err


def test_titles_are_no_markup(cli, tmp_path, config):
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / "movies.csv").write_text(
        "movieId,title,genres\n1,[REC] (2007),Horror\n2,[/b] oops,Drama\n"
    )
    (tmp_path / "ml" / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,1,3,1\n2,2,4,2\n"
    )
    run = tmp_path / "run"
    cli("train", config, "--data", tmp_path / "ml", "--set", "split.kind=none", "--out", run)
    done = cli("recommend", run, "--user", "1", "--include-seen")
    assert done.code == 0
    assert "[REC] (2007)" in done.out
    assert "[/b] oops" in done.out


@pytest.fixture
def newcomers(tmp_path):
    path = tmp_path / "newcomers.csv"
    path.write_text("userId,itemId,rating\nnew,i1,4\nnew,i2,5\nnew,i-none,3\nother,i3,2\n")
    return path


def test_recommend_for_the_users_of_a_history(cli, trained, newcomers):
    done = cli("recommend", trained, "--history", newcomers, "--user", "new", "-k", 2, "--json")
    found = rows(done)
    assert [(row["user_id"], row["source"]) for row in found] == [("new", "model")] * 2
    assert not {row["item_id"] for row in found} & {"i1", "i2"}
    assert "1 of the 4 interactions" in done.err


def test_the_one_user_of_a_history_need_not_be_named(cli, trained, newcomers):
    several = cli("recommend", trained, "--history", newcomers)
    assert several.code == 2
    assert "Give either --user ID (once or more) or --all: there are 2 users." in several.err
    newcomers.write_text("userId,itemId\nnew,i1\nnew,i2\n")
    of_one = cli("recommend", trained, "--history", newcomers)
    assert of_one == cli("recommend", trained, "--history", newcomers, "--user", "new")
    assert of_one.code == 0
    neither = cli("recommend", trained)
    assert neither.err == "Error: Give either --user ID (once or more) or --all.\n"


def test_recommend_and_predict_for_everyone_in_a_history(cli, trained, newcomers, tmp_path):
    out = tmp_path / "lists.csv"
    done = cli("recommend", trained, "--history", newcomers, "--all", "-k", 2, "--out", out)
    assert done.code == 0
    assert pl.read_csv(out)["user_id"].to_list() == ["new", "new", "other", "other"]
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("user_id,item_id\nnew,i7\nu1,i7\n")
    done = cli("predict", trained, pairs, "--history", newcomers, "--out", out)
    assert "1 of 2 pairs name a user or an item" in done.err  # u1 is not in the history
    assert pl.read_csv(out)["source"].to_list() == ["model", "popularity"]
