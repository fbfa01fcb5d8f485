import json

import polars as pl
import pytest


def rows(done):
    assert done.code == 0
    return json.loads(done.out)


def test_recommend_prints_a_table(cli, trained):
    done = cli("recommend", trained, "--user", "u1", "-k", 3)
    assert (done.code, done.err) == (0, "")
    assert [name for name in ("user id", "item id", "title") if name not in done.out] == []


def test_recommend_for_several_users_in_the_order_asked(cli, trained):
    done = cli("recommend", trained, "--user", "u2", "--user", "u1", "-k", 2, "--json")
    assert [(row["user_id"], row["rank"]) for row in rows(done)] == [
        ("u2", 1),
        ("u2", 2),
        ("u1", 1),
        ("u1", 2),
    ]
    assert all(row["title"].startswith("Item ") for row in rows(done))


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
    assert (done.code, done.out) == (0, f"800 rows: {tmp_path / name}\n")
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
        (["--all"], "--all wants --out"),
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
    assert found.drop("predicted_rating", "score").rows() == [
        ("i5", "007", "u2"),
        ("i1", None, "u1"),
        ("i5", "x", "nobody"),
    ]
    assert found["score"].is_null().to_list() == [False, False, True]
    assert found["predicted_rating"].is_between(1, 5).all()


def test_predict_reads_parquet_and_writes_csv(cli, trained, tmp_path):
    pairs = pl.DataFrame({"user_id": ["u1"], "item_id": ["i1"], "day": [3]})
    pairs.write_parquet(tmp_path / "pairs.parquet")
    done = cli("predict", trained, tmp_path / "pairs.parquet", "--out", tmp_path / "out.csv")
    assert (done.code, done.err) == (0, "")
    found = pl.read_csv(tmp_path / "out.csv")
    assert found.columns == ["user_id", "item_id", "day", "predicted_rating", "score"]


def test_predict_with_intervals(cli, tmp_path, config, write_log):
    write_log()
    ordinal = ["--set", "model.rating_head=ordinal", "--set", "split.kind=none"]
    cli("train", config, *ordinal, "--out", tmp_path / "run")
    (tmp_path / "pairs.csv").write_text("user_id,item_id\nu1,i1\nu2,stranger\n")
    out = tmp_path / "out.csv"
    done = cli("predict", tmp_path / "run", tmp_path / "pairs.csv", "--interval", 0.8, "--out", out)
    assert done.code == 0
    found = pl.read_csv(out)
    assert (found["rating_low"] < found["rating_high"]).all()
    assert found["predicted_rating"].is_between(1, 5).all()


@pytest.mark.parametrize(
    ("interval", "message"), [(0.8, "rating_head = 'ordinal'"), (80, "between 0 and 1; got 80")]
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
        (b"user_id,item\nu1,i1\n", ["a column 'item_id'", "Did you mean 'item'?"]),
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
    assert found[0]["title"].startswith("Item ")


def test_an_unknown_item_has_none_similar(cli, trained):
    done = cli("similar", trained, "nothing")
    assert (done.code, done.out) == (2, "")
    assert "no item is called 'nothing'" in done.err


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


def test_recommend_and_predict_for_everyone_in_a_history(cli, trained, newcomers, tmp_path):
    out = tmp_path / "lists.csv"
    done = cli("recommend", trained, "--history", newcomers, "--all", "-k", 2, "--out", out)
    assert done.code == 0
    assert pl.read_csv(out)["user_id"].to_list() == ["new", "new", "other", "other"]
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("user_id,item_id\nnew,i7\nu1,i7\n")
    done = cli("predict", trained, pairs, "--history", newcomers, "--out", out)
    assert "1 of 2 pairs name a user or an item" in done.err  # u1 is not in the history
    assert pl.read_csv(out)["score"].is_null().to_list() == [False, True]
