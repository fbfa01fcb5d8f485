"""`maxella init`: what it takes each column for, and the config that it writes."""

import json
import random
import shutil
import tomllib

import polars as pl
import pytest

from maxella.experiment.read_config import load_config
from maxella.features.kinds import FEATURE_KINDS

N_USERS, N_ITEMS = 14, 12


def pairs():
    """Users of one half mostly take items of the same half, in a drawn order."""
    draw = random.Random(1)
    both = [(user, item) for user in range(N_USERS) for item in range(N_ITEMS)]
    taken = [p for p in both if draw.random() < (0.7 if p[0] % 2 == p[1] % 2 else 0.2)]
    draw.shuffle(taken)
    return taken


def ratings():
    lines = ["customer,product,stars,ts"]
    for row, (user, item) in enumerate(pairs()):
        stars = 1 + (user + item) % 5
        lines.append(f"{user:05},p {item},{stars},{1_600_000_000_000 + row * 86_400_000}")
    return "\n".join(lines)


def picks():
    return "\n".join(["visitor;page", *(f"{user:05};p{item}" for user, item in pairs())])


def shop():
    events = ["view", "view", "cart", "purchase", "view", "remove_from_cart"]
    lines = ["event_time,event_type,product_id,brand,price,user_id,user_session"]
    for row, (user, item) in enumerate(pairs() * 3):
        time = f"2020-01-{1 + row // 24 % 28:02} {row % 24:02}:00:00 UTC"
        event = events[row % 6] if row % 7 else "purchase"
        facts = f"b{item % 3},{item}.99"
        lines.append(f"{time},{event},{item:04},{facts},{user},{row:08x}-0000")
    return "\n".join(lines)


@pytest.fixture
def init(cli, tmp_path):
    """Runs `init`, checks what it wrote, and gives the JSON and the config."""

    def run(path, *more):
        out = tmp_path / "maxella.toml"
        done = cli("init", path, "--out", out, "--json", *more)
        assert (done.code, done.err) == (0, "")
        load_config(out)
        config = tomllib.loads(out.read_text("utf-8"))
        for side in config.get("features", {}).values():
            for kind in side.values():
                assert (kind if isinstance(kind, str) else kind["kind"]) in FEATURE_KINDS
        return json.loads(done.out), config

    return run


@pytest.fixture
def train(cli, tmp_path):
    """Trains on what `init` wrote, for one epoch and in one pass; gives the report."""

    def run(*more):
        quick = ("training.epochs=1", "evaluation.resamples=0", "compare.baselines=[]")
        given = (*quick, "training.refit=false", *more)
        changes = [part for change in given for part in ("--set", change)]
        out = tmp_path / "run"
        done = cli("train", tmp_path / "maxella.toml", "--out", out, "--json", *changes)
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    return run


def tasks(config):
    return {task["name"]: task["kind"] for task in config["tasks"]}


def roles(facts):
    return {column["column"]: column["role"] for column in facts["columns"]}


def test_ratings_with_files_of_users_and_items(init, train, tmp_path):
    (tmp_path / "log.csv").write_text(ratings())
    users = [f"{user:05},{20 + user},{'fm'[user % 2]}" for user in range(N_USERS)]
    (tmp_path / "people.csv").write_text("\n".join(["customer,age,gender", *users]))
    items = [f"p {item},Thing {item} of many,{'a|b' if item % 2 else 'b'}" for item in range(12)]
    (tmp_path / "things.csv").write_text("\n".join(["id,name,tags", *items]))
    files = ("--users", tmp_path / "people.csv", "--items", tmp_path / "things.csv")
    facts, config = init(tmp_path / "log.csv", *files)
    assert roles(facts) == {
        "customer": "user_id",
        "product": "item_id",
        "stars": "rating",
        "ts": "timestamp",
        "age": "number",
        "gender": "category",
        "name": "text",
        "tags": "labels",
    }
    assert config["data"]["time_unit"] == "ms"
    assert config["features"]["item"] == {"name": "text", "tags": "labels"}
    assert tasks(config) == {"retrieval": "retrieval", "rating": "rating"}
    retrieval, rating = config["tasks"]
    assert retrieval["loss"] == "leave_one_out_softmax"
    assert (rating["head"], rating["shapes_encoders"]) == ("mixed", False)
    # A head wants 600 steps or 120 epochs, retrieval four or a few more of these.
    assert (config["training"]["epochs"], retrieval["every"]) == (120, 32)
    assert "rows" not in retrieval
    assert config["model"] == {"dim": 128, "history_dim": 128, "start": "closed_form"}
    assert config["training"]["encoder_learning_rate"] == 0.0005
    report = train()
    assert report["models"][0]["metrics"].keys() == {"retrieval", "rating"}
    assert report["dataset"]["interactions"] == len(pairs())


def test_picks_without_a_rating_or_time(init, train, tmp_path):
    (tmp_path / "log.csv").write_text(picks())
    facts, config = init(tmp_path / "log.csv")
    assert roles(facts) == {"visitor": "user_id", "page": "item_id"}
    assert config["split"]["kind"] == "random"
    assert tasks(config) == {"retrieval": "retrieval"}
    assert "every" not in config["tasks"][0]
    assert train()["models"][0]["metrics"].keys() == {"retrieval"}


def test_what_changes_from_row_to_row_is_proposed_as_a_feature_of_the_context(cli, init, tmp_path):
    head, *lines = picks().splitlines()
    devices = [("phone", "tv", "web")[row * row % 3] for row in range(len(lines))]
    rows = [f"{line};{device};{device[0]}" for line, device in zip(lines, devices, strict=True)]
    (tmp_path / "log.csv").write_text("\n".join([f"{head};device;letter", *rows]))
    _, config = init(tmp_path / "log.csv")
    assert "context" not in config.get("features", {})
    written = (tmp_path / "maxella.toml").read_text()
    for line in ("[features.context]", 'device = "category"'):
        assert f"# {line}\n" in written


def test_a_log_of_a_shop_keeps_its_events_and_learns_several_tasks(init, train, cli, tmp_path):
    (tmp_path / "log.csv").write_text(shop())
    facts, config = init(tmp_path / "log.csv")
    found = roles(facts)
    assert found["event_type"] == "event"
    assert (found["brand"], found["user_session"]) == ("category", "left out")
    assert config["data"]["columns"]["event"] == "event_type"
    assert config["data"]["item_columns"] == ["brand", "price"]
    assert tasks(config) == {
        "purchase": "retrieval",
        "cart": "retrieval",
        "view": "retrieval",
        "remove_from_cart": "binary",
    }
    assert config["tasks"][-1]["among"] == ["cart"]
    written = (tmp_path / "maxella.toml").read_text()
    assert "# event: what happened; rows of each: view " in written
    assert "# The goal: " in written
    report = train()
    assert report["models"][0]["tasks"].keys() == tasks(config).keys()
    # Repeats of a user, an item and an event count as one row; no event is dropped.
    log = pl.read_csv(tmp_path / "log.csv")
    distinct = log.unique(["user_id", "product_id", "event_type"])["event_type"].value_counts()
    assert report["dataset"]["events"] == dict(distinct.iter_rows())
    done = cli("recommend", tmp_path / "run", "--user", "3", "--task", "cart", "-k", 2, "--json")
    assert done.code == 0
    assert [row["rank"] for row in json.loads(done.out)] == [1, 2]


def test_a_split_that_the_files_give(init, train, tmp_path):
    lines = picks().replace(";", ",").splitlines()
    (tmp_path / "train.csv").write_text("\n".join(lines[:-9]))
    (tmp_path / "test.csv").write_text("\n".join([lines[0], *lines[-9:]]))
    facts, config = init(tmp_path)
    assert roles(facts)["part"] == "split"
    assert config["split"] == {"kind": "column", "column": "part", "validation": 0.1}
    assert train()["dataset"]["test"] == 9


def test_a_parquet_file(init, train, tmp_path):
    draw = [(user, 900 + item, 1.0 + (user * item) % 5) for user, item in pairs()]
    frame = pl.DataFrame(draw, schema=["user", "item", "rating"], orient="row")
    frame.write_parquet(tmp_path / "log [1].parquet")
    facts, config = init(tmp_path / "log [1].parquet")
    assert roles(facts) == {"user": "user_id", "item": "item_id", "rating": "rating"}
    assert config["data"]["path"] == "log [1].parquet"
    assert "rating" in train()["models"][0]["metrics"]


def test_odd_names_of_columns_stay_as_they_are(init, tmp_path):
    header = 'customer,product,stars,ts,"a ""b"" = [1]\n# x"'
    lines = [line + f",{row % 3}" for row, line in enumerate(ratings().splitlines()[1:])]
    (tmp_path / "log.csv").write_text("\n".join([header, *lines]))
    facts, _ = init(tmp_path / "log.csv")
    assert facts["columns"][4]["column"] == 'a "b" = [1]\n# x'


def test_it_says_what_it_took_for_what(cli, tmp_path):
    (tmp_path / "log.csv").write_text(shop())
    done = cli("init", tmp_path / "log.csv", "--out", tmp_path / "maxella.toml")
    text = " ".join(done.out.split())
    for part in ("event_type event what happened; ", "taken as because"):
        assert part in text
    assert f"Next: maxella train {tmp_path / 'maxella.toml'} --out runs/first\n" in done.err


def test_a_file_that_is_found_out_wrongly_is_read_as_said(init, tmp_path):
    lines = [f"{user} {item}|{1 + item % 5}" for user, item in pairs()]
    (tmp_path / "log.odd").write_text("\n".join(["u v|w", *lines]))
    how = ("--kind", "delimited", "--separator", " ", "--no-header")
    facts, config = init(tmp_path / "log.odd", *how)
    assert config["data"]["separator"] == " "
    assert config["data"]["header"] is False
    assert roles(facts).keys() == {"column_1", "column_2"}


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--kind", "delimted"), "Did you mean 'delimited'"),
        (("--kind", "movielens"), "Wanted movielens"),
        (("--separator", ""), "one to three characters"),
        (("--separator", "abcd"), "one to three characters"),
    ],
)
def test_what_is_said_wrongly_of_a_file(cli, tmp_path, options, part):
    (tmp_path / "log.csv").write_text(ratings())
    done = cli("init", tmp_path / "log.csv", *options, "--out", tmp_path / "maxella.toml")
    assert done.code == 2
    assert part in done.err


def test_what_was_assumed_stands_on_the_console_and_in_the_config(cli, tmp_path):
    rows = [f"{u:03};p {i};{(u + i) % 5},5;{1 + u % 12}/{1 + i}/2024" for u, i in pairs()]
    (tmp_path / "log.csv").write_text("sep=;\n" + "\n".join(["user;item;stars;date", *rows]))
    done = cli("init", tmp_path / "log.csv", "--out", tmp_path / "maxella.toml")
    assert done.code == 0
    config = (tmp_path / "maxella.toml").read_text("utf-8")
    assert 'time_format = "%m/%d/%Y"' in config
    for said in (" ".join(done.out.split()), config):
        assert "decimal commas" in said
        assert "ASSUMED: no number is above 12. If the" in said
        assert 'set time_format = "%d/%m/%Y"' in said


def test_a_file_without_names_says_so_in_the_config(init, train, tmp_path):
    (tmp_path / "log.dat").write_text("\n".join(f"{user:02} {item:03}" for user, item in pairs()))
    facts, config = init(tmp_path / "log.dat")
    assert config["data"]["header"] is False
    assert "has no line of names" in facts["notes"][1]
    train()


def test_rows_that_say_no_are_no_picks(init, train, tmp_path):
    lines = [f"{user},p {item},{str((user + item) % 2 == 0).lower()}" for user, item in pairs()]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,liked", *lines]))
    _, config = init(tmp_path / "log.csv")
    assert config["tasks"][0]["rows"] == "liked == true"
    assert "# liked: yes or no of a row, and its name says of what" in (
        tmp_path / "maxella.toml"
    ).read_text("utf-8")
    train()


def test_quantities_are_how_sure_a_pick_is(init, train, tmp_path):
    lines = [f"{user},p {item},{user * item % 7 - 1}" for user, item in pairs()]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,quantity", *lines]))
    facts, config = init(tmp_path / "log.csv")
    assert config["data"]["columns"]["count"] == "quantity"
    assert config["tasks"][0]["count"] == "log"
    assert any("rows have a count of 0 or less" in note for note in facts["notes"])
    train()


def test_a_rating_that_cannot_be_read_is_named(cli, tmp_path):
    rows = ratings().splitlines()
    rows[7] = rows[7].replace(f",{rows[7].split(',')[2]},", ",soso,")
    (tmp_path / "log.csv").write_text("\n".join(rows))
    done = cli("init", tmp_path / "log.csv", "--out", tmp_path / "maxella.toml")
    assert done.code == 2
    assert "as rating; got 'soso'" in done.err
    assert "log.csv, line 8" in done.err


def test_nothing_is_written_over(cli, tmp_path):
    (tmp_path / "log.csv").write_text(picks())
    (tmp_path / "maxella.toml").write_text("mine")
    done = cli("init", tmp_path / "log.csv", "--out", tmp_path / "maxella.toml")
    assert done.code == 2
    assert "is there already" in done.err
    assert (tmp_path / "maxella.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"1\t2\t3\t4\n2\t3\t4\t5\n", "Add a first line with the names of the columns"),
        (b"user_id,item_id\n1,2\n1\n", "line 3 has 1"),
        (b"user_id,item_id\n1,\xe9\n", "such as iso-8859-1 (--encoding of init,"),
        (b"item\n1\n2\n1\n", "two columns, of users and of items; there is item alone"),
        (b"user_id,item_id\n1,2\n,3\n", "wants its user_id"),
        (b"", "is empty"),
    ],
)
def test_a_bad_file_is_refused(cli, tmp_path, content, part):
    (tmp_path / "log.csv").write_bytes(content)
    done = cli("init", tmp_path / "log.csv", "--out", tmp_path / "maxella.toml")
    assert done.code == 2
    assert part in done.err
    assert not (tmp_path / "maxella.toml").exists()


def test_a_layout_reads_its_own_users(cli, tmp_path, shared_data):
    shutil.unpack_archive(shared_data / "ml-100k.zip", tmp_path)
    (tmp_path / "mine.csv").write_text("user_id\n1\n")
    data = tmp_path / "ml-100k"
    files = ("--users", tmp_path / "mine.csv", "--out", tmp_path / "maxella.toml")
    done = cli("init", data / "u.data", *files)
    assert done.code == 2
    assert "leave --users out" in done.err
    (tmp_path / "maxella.toml").unlink(missing_ok=True)
    own = ("--users", data / "u.user", "--items", data / "u.item")
    assert cli("init", data / "u.data", *own, "--out", tmp_path / "maxella.toml").code == 0


REAL = [
    ("ml-100k.zip", "ml-100k/u.data", "ml-100k/u.item", "ml-100k/u.user"),
    ("ml-100k.zip", None, None, None),
    ("ml-latest-small.zip", "ml-latest-small/ratings.csv", "ml-latest-small/movies.csv", None),
    ("notebook-tables.zip", None, None, None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("archive", "log", "items", "users"), REAL)
def test_real_data(init, train, tmp_path, shared_data, archive, log, items, users):
    folder = tmp_path / "data"
    if log is not None:
        shutil.unpack_archive(shared_data / archive, folder)
    more = [
        x
        for name, file in (("--items", items), ("--users", users))
        if file
        for x in (name, folder / file)
    ]
    facts, config = init(folder / log if log else shared_data / archive, *more)
    assert {"rating", "timestamp", "text", "labels"} <= set(roles(facts).values())
    assert tasks(config) == {"retrieval": "retrieval", "rating": "rating"}
    # What reads order takes minutes here, and is trained on logs of every shape elsewhere.
    report = train("tasks.retrieval.order=0", "tasks.retrieval.followers=0")
    assert report["models"][0]["metrics"].keys() == {"retrieval", "rating"}


@pytest.mark.slow
def test_taobao(init, shared_data):
    _, config = init(shared_data / "taobao-mb.zip")
    assert tasks(config) == dict.fromkeys(["buy", "cart", "view"], "retrieval")
    assert config["split"] == {"kind": "column", "column": "part", "validation": 0.1}
