"""Logs of planted shapes, trained as `maxella init` proposes: no baseline is ahead."""

from contextvars import ContextVar

import numpy as np
import polars as pl
import pytest

from maxella.experiment.read_config import load_config
from maxella.experiment.run import run
from maxella.experiment.suggest import suggest
from maxella.experiment.write_config import write_config

pytestmark = pytest.mark.slow
DAY = 86_400
DRAW = ContextVar("DRAW", default=0)  # which draw of a world


def drawn(seed):
    return np.random.default_rng(seed + 1000 * DRAW.get())


def picks(n_users, n_items, per_user, *, taste=2.0, groups=0, tail=1.0, seed=0):
    """(n,) users and items, each user's in the order of their choices, none twice.

    Users choose by softmax of popularity, falling as rank^−tail, plus the dot product of eight
    drawn factors of spread `taste`; or, with `groups`, plus `taste` for items of their own group.
    `per_user`: items of each, or the lowest and the highest number. Gives (n, 3): user, item and
    how well they match, of variance about 1.
    """
    draw = drawn(seed)
    if groups:
        own = np.arange(n_users)[:, None] % groups == np.arange(n_items) % groups
        match = 2.0 * own - 1
    else:
        match = draw.normal(size=(n_users, 8)) @ draw.normal(size=(8, n_items)) / 8**0.5
    popularity = -tail * np.log(draw.permutation(n_items) + 5.0)
    # The largest of logit + Gumbel noise are a draw without repeats by softmax.
    keys = popularity + taste * match + draw.gumbel(size=(n_users, n_items))
    low, high = per_user if isinstance(per_user, tuple) else (per_user, per_user)
    lengths = np.exp(draw.uniform(np.log(low), np.log(high + 1), n_users)).astype(int)
    rows = [
        (user, item, match[user, item])
        for user, order in enumerate(np.argsort(-keys, axis=1))
        for item in draw.permutation(order[: lengths[user]])
    ]
    return np.array(rows)


def log(rows, *, stars=None, times=False, seed=1):
    """A table of picks; `stars`: the values that ratings may have, evenly spread over wishes."""
    draw = drawn(seed)
    users, items = rows[:, 0].astype(int), rows[:, 1].astype(int)
    table = pl.DataFrame({"user_id": users, "item_id": items})
    table = table.with_columns(user_id="u" + pl.col("user_id").cast(pl.String))
    table = table.with_columns(item_id="i" + pl.col("item_id").cast(pl.String))
    if stars is not None:
        biases = draw.normal(size=(2, items.max() + users.max() + 1)) * 0.7
        wish = rows[:, 2] + biases[0, users] + biases[1, items] + draw.normal(size=len(rows))
        levels = np.asarray(stars)
        places = np.clip(np.rint((wish + 3) / 6 * (len(levels) - 1)), 0, len(levels) - 1)
        table = table.with_columns(rating=pl.Series(levels[places.astype(int)]))
    if times:  # each user's rows in the order in which they chose
        starts = draw.integers(0, 300, users.max() + 1)
        place = np.arange(len(users)) - np.searchsorted(users, users)
        table = table.with_columns(timestamp=10**9 + DAY * (starts[users] + place))
    return table


FIVE = (1.0, 2.0, 3.0, 4.0, 5.0)


def repeated():
    """Who likes an item comes back to it."""
    rows = picks(300, 200, 10, seed=11)
    again = drawn(2).poisson(np.exp(0.7 * rows[:, 2]))
    return log(np.repeat(rows, 1 + again, axis=0))


def events():
    """Twelve views a user, the better half of them put into the cart, the best three bought."""
    rows = picks(500, 300, 12, seed=12)
    table = log(rows, times=True)
    rank = np.array([12 - np.argsort(np.argsort(of)) for of in rows[:, 2].reshape(-1, 12)])
    parts = [
        table.filter(rank.ravel() <= n).with_columns(event=pl.lit(event))
        for event, n in (("view", 12), ("add_to_cart", 6), ("purchase", 3))
    ]
    return pl.concat([part.with_columns(pl.col("timestamp") + at) for at, part in enumerate(parts)])


def drift():
    """In each of ten months other items are in season; users are there for three of them."""
    draw = drawn(13)
    rows = []
    for user in range(400):
        first = draw.integers(0, 8)
        for month in range(first, first + 3):
            season = month * 30 + np.arange(60)  # half of a season is that of the next month
            liked = season[(season + user) % 3 > 0]
            rows += [(user, item, 0.0, month) for item in draw.choice(liked, 5, replace=False)]
    rows = np.array(rows)
    times = 30 * DAY * rows[:, 3] + draw.integers(0, 30 * DAY, len(rows))
    return log(rows).with_columns(timestamp=pl.Series(10**9 + times).cast(pl.Int64))


def ring():
    """Users go round a ring of 150 items, one to three further each time."""
    draw = drawn(14)
    steps = draw.integers(1, 4, (400, 12)).cumsum(axis=1) + draw.integers(0, 150, (400, 1))
    rows = [(user, item, 0.0) for user, path in enumerate(steps % 150) for item in path]
    return log(np.array(rows), times=True)


def crawl(lean):
    """Most users and items once or twice, a few often, and ratings that lean to the highest."""
    draw = drawn(21)
    chances = 1 / np.arange(1, 1800) ** 0.9
    rows = draw.choice(len(chances), (5000, 2), p=chances / chances.sum())
    rows = draw.permutation(np.unique(rows, axis=0))
    biases = 0.35 * draw.normal(size=(2, len(chances)))
    wish = 4.2 + lean * (biases[0, rows[:, 0]] + biases[1, rows[:, 1]])
    stars = np.clip(np.rint(wish + 0.8 * draw.normal(size=len(rows))), 1, 5)
    table = log(np.column_stack([rows, stars]))
    return table.with_columns(rating=pl.Series(stars))


WORLDS = {
    "dense": lambda: log(picks(150, 120, 40, seed=1), stars=FIVE),
    "sparse": lambda: log(picks(60, 3000, 25, groups=5, taste=1.4, seed=2), stars=FIVE),
    "long tail": lambda: log(picks(600, 1200, (5, 60), tail=1.5, seed=3), stars=FIVE),
    "few users": lambda: log(picks(55, 300, 40, seed=4), stars=FIVE),
    "many users": lambda: log(picks(3000, 150, 6, seed=5)),
    "few items": lambda: log(picks(400, 14, 5, taste=1.0, seed=6), stars=FIVE),
    "0 to 1": lambda: log(picks(250, 200, 20, seed=7), stars=np.linspace(0, 1, 11)),
    "0 to 100": lambda: log(picks(250, 200, 20, seed=8), stars=np.arange(101.0)),
    "-10 to 10": lambda: log(picks(250, 200, 20, seed=9), stars=np.arange(-10.0, 11)),
    "implicit": lambda: log(picks(500, 400, 15, seed=10)),
    "repeated": repeated,
    "events": events,
    "one level": lambda: log(picks(250, 200, 20, seed=15), stars=(5.0,)),
    "blocks": lambda: log(picks(300, 240, 20, groups=6, taste=3.0, tail=0.3, seed=16)),
    "popularity alone": lambda: log(picks(400, 200, 20, taste=0.0, seed=17), stars=FIVE),
    "drift": drift,
    "ring": ring,
    "noise": lambda: log(picks(300, 200, 12, taste=0.0, tail=0.0, seed=18), stars=FIVE),
    "very active and hardly there": lambda: log(picks(400, 500, (3, 150), seed=19), stars=FIVE),
    "two levels and times": lambda: log(picks(300, 250, 20, seed=20), stars=(0.0, 1.0), times=True),
    "crawl": lambda: crawl(1.0),
    "crawl without a lean": lambda: crawl(0.0),
}


def trained(world, folder, draw=0):
    """What came of training as `init` proposes."""
    token = DRAW.set(draw)
    table = WORLDS[world]()
    DRAW.reset(token)
    log = folder / f"{draw}.csv"
    table.write_csv(log)
    config = folder / f"{draw}.toml"
    config.write_text(write_config(suggest(log), config), encoding="utf-8")
    return run(load_config(config))


# One of each cause for which a baseline has been ahead: sparse, few users, order, visits, a scale.
ALWAYS = ("sparse", "few users", "ring", "events", "-10 to 10")
PARAMS = [
    world if world in ALWAYS else pytest.param(world, marks=pytest.mark.study) for world in WORLDS
]


@pytest.fixture(scope="module", params=PARAMS)
def world(request):
    return request.param


@pytest.fixture(scope="module")
def report(world, tmp_path_factory):
    """Made once for all tests of a world."""
    return trained(world, tmp_path_factory.mktemp("world"))


def paired(report, task):
    """(metric, baseline) → the paired difference, where enough users were asked for an interval."""
    (model,) = (row for row in report["models"] if row["kind"] == "model")
    found = model["paired_models"][task["name"]]
    baselines = [row["name"] for row in report["models"] if row["kind"] == "baseline"]
    return {
        (key, name): found[key][name]
        for key in task["headline"]
        for name in baselines
        if "low" in found.get(key, {}).get(name, {})
    }


def lost(report):
    """The metrics and baselines that the model is behind at, beyond the interval, at the goal."""
    goal = next(task for task in report["tasks"] if task["kind"] == "retrieval")
    differences = paired(report, goal)
    assert differences
    return {of for of, found in differences.items() if found["high"] < 0}


def test_no_baseline_is_ahead_at_retrieval(world, report, tmp_path):
    """Not twice: of some 200 comparisons a few are lost by luck.

    Intervals resample users, so they do not know that other items might have been drawn: where
    nobody has a taste, differences of two draws are .03 to either side.
    """
    behind = lost(report)
    if behind:
        behind &= lost(trained(world, tmp_path, draw=1))
    assert not behind


def test_the_bias_model_is_not_ahead_at_ratings(report):
    (model,) = (row for row in report["models"] if row["kind"] == "model")
    for task in report["tasks"]:
        if task["kind"] != "rating":
            continue
        found = paired(report, task)["rmse", "bias"]
        assert found["low"] <= 0, found
        # The priors count more and more over the first epochs, so the bound climbs a little; one
        # that climbs to a multiple of where it began tells a reader nothing.
        for name in ("loss", "fit"):
            values = [epoch[f"{task['name']}_{name}"] for epoch in model["history"]]
            assert max(values) <= 1.3 * values[0], (name, values)
