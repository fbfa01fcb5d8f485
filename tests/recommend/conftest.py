import json

import numpy as np
import polars as pl
import pytest
import torch

import maxella
from maxella.data.entity_features import Features
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.features.id import Vocabulary
from maxella.model.build import ModelSpec, build_model
from maxella.model.head import HeadSpec
from maxella.recommend.engine import Engine
from maxella.recommend.recommender import Recommender
from maxella.tasks.task import Task

RETRIEVAL, RATING = Task("retrieval", "retrieval"), Task("rating", "rating")


@pytest.fixture(scope="session")
def toy_engine():
    """Scores are dot products, ratings 3 plus these; all items are known to all heads.

    (user rows, 2) and (item rows, 2) embeddings; (user row, item row) of each pair that is a
    label, and the event of each.
    """

    def make(users, items, pairs, *, head="dot", events=(), **facts):
        heads = (
            HeadSpec("retrieval", "dot_product"),
            HeadSpec("rating", head, 2, mean=3.0, levels=(1.0, 2.0, 4.0)),
        )
        spec = ModelSpec(len(users), len(items), "sum", 2, 0, (), 1.0, 1.0, heads, **facts)
        model = build_model(spec, 0).eval()
        with torch.no_grad():
            model.user_encoder.ids.table.weight.copy_(torch.tensor(users))
            model.item_encoder.table.weight.copy_(torch.tensor(items))
            if head == "dot":
                for link in (model.heads["rating"].user_link, model.heads["rating"].item_link):
                    link.weight.copy_(torch.eye(2))
        of_users, of_items = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        labels = np.ones(len(pairs), dtype=np.float32)
        names = tuple(dict.fromkeys(events))
        codes = np.array([names.index(event) for event in events]) if events else None
        none = np.full(len(pairs), np.nan, dtype=np.float32)
        rows = Interactions(of_users, of_items, {"retrieval": labels, "rating": none}, None, codes)
        log = Log(rows, len(users), len(items), names)
        return Engine.of(model, log, torch.arange(len(users)) > 0)

    return make


@pytest.fixture
def toy(toy_engine):
    """Ann likes the first dimension, Bob the second.

    Scores of w, x, y, z: Ann 3, 2, 1, 0; Bob 0, 1, 2, 3. Picked: by Ann w; by Bob z and y.
    """

    def make(tasks=(RETRIEVAL, RATING), **facts):
        engine = toy_engine(
            [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
            [[0.0, 0.0], [3.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 3.0]],
            [(2, 4), (1, 1), (2, 3)],
            **facts,
        )
        users = Vocabulary.fit(pl.Series(["Ann", "Bob"]))
        items = Vocabulary.fit(pl.Series(["w", "x", "y", "z"]))
        return Recommender(engine, users, items, tasks, Features())

    return make


LOSS = "leave_one_out_softmax"
TASKS = [
    {"name": "buy", "kind": "retrieval", "rows": "buy", "loss": LOSS, "neighbours": 3},
    {"name": "view", "kind": "retrieval", "rows": "view", "loss": LOSS},
    {"name": "stars", "kind": "rating", "head": "ordinal", "dim": 2, "uses_time": "around"},
    {"name": "liked", "kind": "binary", "rows": "rating >= 4"},
    {"name": "cart", "kind": "retrieval", "rows": "cart", "weight": 0.0, "loss": LOSS},
]


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """The run folder of a model of several events, tasks, features and a context."""
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(1)
    n = 900
    users, items = rng.integers(0, 30, n), rng.integers(0, 15, n)
    events = rng.choice(["view", "cart", "buy"], n, p=[0.5, 0.2, 0.3])
    rating = np.where(events == "buy", 1 + (users + items + rng.integers(0, 2, n)) % 5, None)
    log = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in users],
            "item_id": [f"i{i}" for i in items],
            "event": events,
            "rating": pl.Series(rating.tolist(), dtype=pl.Int64),
            "timestamp": 1_000_000_000 + 1000 * rng.permutation(n),
            "device": np.where(items % 2 == (rng.random(n) < 0.1), "phone", "desk"),
        }
    )
    log.write_csv(folder / "log.csv")
    side = pl.DataFrame({"user_id": [f"u{u}" for u in range(30)], "group": list("abc") * 10})
    side.write_csv(folder / "users.csv")
    side = pl.DataFrame({"item_id": [f"i{i}" for i in range(15)], "genre": list("xyz") * 5})
    side.write_csv(folder / "items.csv")
    options = {
        "data": {name: str(folder / f"{file}.csv") for name, file in FILES},
        "split": {"kind": "none"},
        "features": {
            "user": {"group": "category"},
            "item": {"genre": "category"},
            "context": {"device": "category"},
        },
        "model": {"dim": 4, "history_dim": 4},
        "training": {"epochs": 2},
        "tasks": TASKS,
    }
    maxella.run(json.loads(json.dumps(options)), folder / "run")
    return folder / "run"


FILES = (("path", "log"), ("users", "users"), ("items", "items"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run folder of a small model of retrieval and ratings."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    options = {
        "data": {"kind": "synthetic"},
        "model": {"dim": 4},
        "training": {"epochs": 1},
        "evaluation": {"resamples": 0},
        "compare": {"baselines": []},
    }
    maxella.run(options, folder)
    return folder
