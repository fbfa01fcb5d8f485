"""Files as people have them: `init`, `train` and `recommend` untouched, on each of them.

All of one small log with planted taste: users of one half pick and like items of the same half.
"""

import datetime as dt
import gzip
import json
import random
import re
import tomllib

import polars as pl
import pytest

N_USERS, N_ITEMS = 40, 24
START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)


def log():
    """(user, item, rating, count, moment, liked), in order of time."""
    draw = random.Random(7)
    both = [(user, item) for user in range(N_USERS) for item in range(N_ITEMS)]
    taken = [pair for pair in both if draw.random() < (0.7 if sum(pair) % 2 == 0 else 0.2)]
    draw.shuffle(taken)
    rows = []
    for n, (user, item) in enumerate(taken):
        is_own = (user + item) % 2 == 0
        rating = draw.choice([4, 5, 5] if is_own else [1, 2, 3])
        count = draw.choice([3, 8, 20, 60] if is_own else [1, 1, 2])
        moment = START + dt.timedelta(hours=13 * n, minutes=draw.randrange(60))
        rows.append((f"u{user:02}", f"thing {item}", rating, count, moment, rating >= 4))
    return rows


def lines(header, form, separator=","):
    rows = [separator.join(map(str, form(*row))) for row in log()]
    return "\n".join([*([separator.join(header)] if header else []), *rows]) + "\n"


def spaces(user, item, rating, count, moment, liked):
    return user, item.replace(" ", ""), rating, int(moment.timestamp())


def whitespace():
    rows = [f"{u:<8}{i:>10}   {r} {t}" for u, i, r, t in (spaces(*row) for row in log())]
    return "user     item  rating  time\n" + "\n".join(rows) + "\n"


def of_r():
    """As R's write.table: quotes, row numbers, and no name for these."""
    rows = [f'"{n}" "{row[0]}" "{row[1]}" {row[2]}' for n, row in enumerate(log(), 1)]
    return '"user" "item" "rating"\n' + "\n".join(rows) + "\n"


def json_lines():
    return "".join(
        json.dumps(
            {"reviewerID": u, "asin": i, "overall": float(r), "unixReviewTime": int(t.timestamp())}
        )
        + "\n"
        for u, i, r, _, t, _ in log()
    )


def frame():
    names = ["user_id", "item_id", "rating", "plays", "when", "liked"]
    return pl.DataFrame(log(), schema=names, orient="row").drop("plays", "liked")


def excel(path):
    pl.DataFrame(
        [("Export", None, None, None), (None,) * 4, ("customer", "product", "rating", "date")]
        + [(u, i, str(r), f"{t:%Y-%m-%d}") for u, i, r, _, t, _ in log()],
        orient="row",
    ).write_excel(path, include_header=False)


def title(user, item, rating, count, moment, liked):
    odd = {"thing 3": '"Weird Al" 3', "thing 4": '"Heroes 4'}
    return user, odd.get(item, item), rating


def with_gaps():
    rows = [(u, i, "n/a" if n % 97 == 0 else r) for n, (u, i, r, *_) in enumerate(log())]
    return "user_id,item_id,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows)


# Name of the file → its content, the roles that its columns must have, and tasks by kind.
SHAPES = {
    "spaces.txt": (whitespace, {"rating", "timestamp"}, {"retrieval", "rating"}),
    "of_r.txt": (of_r, {"rating"}, {"retrieval", "rating"}),
    "ratings.dat": (
        lambda: lines(None, lambda u, i, r, c, t, k: (u[1:], i[6:], r, int(t.timestamp())), "::"),
        {"rating", "timestamp"},
        {"retrieval", "rating"},
    ),
    "plays.dat": (
        lambda: lines(None, lambda u, i, r, c, t, k: (u, i, c), "\t"),
        {"count"},
        {"retrieval"},
    ),
    "reviews.jsonl": (json_lines, {"rating", "timestamp"}, {"retrieval", "rating"}),
    "log.csv.gz": (
        lambda: lines(["user", "item", "stars"], lambda u, i, r, c, t, k: (u, i, f"{r} stars")),
        {"rating"},
        {"retrieval", "rating"},
    ),
    "log.tsv.gz": (
        lambda: lines(
            ["user", "song", "ms_played"], lambda u, i, r, c, t, k: (u, i, 997 * c), "\t"
        ),
        {"count"},
        {"retrieval"},
    ),
    "log.feather": (
        lambda: frame().write_ipc,
        {"rating", "timestamp"},
        {"retrieval", "rating"},
    ),
    "log.parquet": (
        lambda: frame().write_parquet,
        {"rating", "timestamp"},
        {"retrieval", "rating"},
    ),
    "log.xlsx": (lambda: excel, {"rating", "timestamp"}, {"retrieval", "rating"}),
    "german.csv": (
        lambda: (
            "sep=;\n"
            + lines(
                ["customer", "product", "rating", "date"],
                lambda u, i, r, c, t, k: (u, i, f"{r},5", f"{t:%d.%m.%Y %H:%M}"),
                ";",
            )
        ),
        {"rating", "timestamp"},
        {"retrieval", "rating"},
    ),
    "american.csv": (
        lambda: lines(
            ["user", "item", "quantity", "date"],
            lambda u, i, r, c, t, k: (u, i, c, f"{t:%m/%d/%Y %I:%M %p}"),
        ),
        {"count", "timestamp"},
        {"retrieval"},
    ),
    "stray lines.csv": (
        lambda: (
            "Export of 1 May\nAll shops, all users\n\n"
            + lines(["user_id", "item_id", "score"], lambda u, i, r, c, t, k: (u, i, r))
        ),
        {"rating"},
        {"retrieval", "rating"},
    ),
    "no header.csv": (
        lambda: lines(None, lambda u, i, r, c, t, k: (u, i, r, f"{t:%Y-%m-%dT%H:%M:%SZ}")),
        {"rating", "timestamp"},
        {"retrieval", "rating"},
    ),
    "quotes.tsv": (
        lambda: lines(["user", "artist", "rating"], title, "\t"),
        {"rating"},
        {"retrieval", "rating"},
    ),
    "gaps.csv": (with_gaps, {"rating"}, {"retrieval", "rating"}),
    "stars.csv": (
        lambda: lines(
            ["user", "item", "rating"], lambda u, i, r, c, t, k: (u, i, "★" * r + "☆" * (5 - r))
        ),
        {"rating"},
        {"retrieval", "rating"},
    ),
    "liked.csv": (
        lambda: lines(["user", "item", "liked"], lambda u, i, r, c, t, k: (u, i, k)),
        {"label"},
        {"retrieval", "binary"},
    ),
}


def write(path, content):
    if callable(content):
        content(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(content.encode(), mtime=0))
    else:
        path.write_text(content, "utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("name", SHAPES)
def test_init_train_and_recommend_untouched(cli, tmp_path, name):
    content, roles, kinds = SHAPES[name]
    write(tmp_path / name, content())
    config, run = tmp_path / "maxella.toml", tmp_path / "run"
    done = cli("init", tmp_path / name, "--out", config, "--json")
    assert (done.code, done.err) == (0, "")
    found = {column["role"]: column["column"] for column in json.loads(done.out)["columns"]}
    assert {"user_id", "item_id"} | roles <= found.keys()
    tasks = tomllib.loads(config.read_text("utf-8"))["tasks"]
    assert {task["kind"] for task in tasks} == kinds
    assert cli("train", config, "--out", run, "--json").code == 0
    user = "4" if name == "ratings.dat" else "u04"
    done = cli("recommend", run, "--user", user, "-k", 5, "--json")
    assert done.code == 0, done.err
    # Taste was planted: what is new of the user's own half comes before the other's.
    numbers = [int(re.search(r"\d+$", answer["item_id"])[0]) for answer in json.loads(done.out)]
    assert len(numbers) == 5
    assert numbers[0] % 2 == 0
