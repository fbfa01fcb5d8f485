"""Damaged bundles, and bundles that somebody sealed anew after changing them: only named errors."""

import hashlib
import json
import random
import re
import shutil
import tomllib

import numpy as np
import polars as pl
import pytest
import tomli_w
import torch
from safetensors.torch import load_file, save_file

import maxella
from maxella.errors import BundleError
from maxella.recommend.bundle import load_bundle, save_bundle
from maxella.seal import KEY, opened, sealed

STRANGE = [
    None, True, -1, 0, 1, 2, 7, 10**9, 10**30, 0.5, -1e300, "", "x", "sum", "dot_product",
    "ordinal", [], [1], [2.0, 1.0], ["x", "x"], {}, {"x": 1}, [[[]]],
]  # fmt: skip


@pytest.fixture
def bundle(shop, tmp_path):
    """A copy to damage: several tasks and events, features of both sides, a context."""
    return shutil.copytree(shop / "bundle", tmp_path / "bundle")


def read(folder):
    return opened(json.loads((folder / "manifest.json").read_text()))


def seal(folder, facts):
    (folder / "manifest.json").write_text(json.dumps(sealed(facts)))


def rehash(folder, name):
    """The hash of a changed file, as who can write the folder could set it."""
    facts = read(folder)
    facts["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    seal(folder, facts)


def places(facts, path=()):
    """Every place in nested facts."""
    if path:
        yield path
    inner = facts.items() if isinstance(facts, dict) else enumerate(facts)
    for key, value in inner:
        yield from (
            places(value, (*path, key)) if isinstance(value, dict | list) else [(*path, key)]
        )


def changed(facts, path, how):
    """A copy with one place changed, removed or with something beside it."""
    facts = json.loads(json.dumps(facts))
    inner = facts
    for key in path[:-1]:
        inner = inner[key]
    if how == "remove":
        del inner[path[-1]]
    elif how == "add":
        if isinstance(inner, list):
            inner.append(inner[path[-1]])
        else:
            inner[f"{path[-1]}x"] = inner[path[-1]]
    else:
        inner[path[-1]] = how
    return facts


def ask(folder):
    """Load a bundle and let it answer all that it can."""
    recommender = load_bundle(folder).recommender()
    users = ["u1", "u2", "nobody"]
    recommender.recommend(users, 3)
    recommender.predict(pl.DataFrame({"user_id": users, "item_id": ["i1", "i2", "none"]}))


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2, 3))])
def test_a_manifest_sealed_anew_is_refused_by_name_or_answers(bundle, seed):
    facts, rng = read(bundle), random.Random(seed)
    of_model = [path for path in places(facts) if path[0] != "sha256"]
    refused = answered = 0
    for _ in range(150):
        path = rng.choice(of_model)
        seal(bundle, changed(facts, path, rng.choice([*STRANGE, "remove", "add"])))
        try:
            ask(bundle)
        except BundleError as error:  # and no other
            refused += bool(re.search("is damaged: |bundle of format", str(error)))
        else:
            answered += 1
    assert refused + answered == 150
    assert refused > 100


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("model", "dim"), 10**9, "weights or more, the file"),
        (("model", "dim"), 5, r"manifest\.json|weights\.safetensors"),
        (("model", "n_user_rows"), 10**9, "it has rows for"),
        (("model", "n_item_rows"), 3, "it has rows for"),
        (("model", "encoder"), "x", "knows no encoder 'x'"),
        (("model", "feature_layers"), "x", "knows no feature_layers 'x'"),
        (("model", "events"), ["view", "view"], "are not those of the log"),
        (("model", "heads", 1, "levels"), [1.0, 3.0, 2.0, 4.0, 5.0], "do not ascend"),
        (("model", "heads", 1, "uses_time"), None, "uses_time is None, in config.toml 'around'"),
        (("model", "heads", 1, "unit"), 0.0, "its unit is not above 0"),
        (("model", "heads", 0, "uses_tmie"), True, "no model has"),
        (("model", "heads", 1, "factors"), 10**9, "factors is"),
        (("model", "heads", 1, "head"), "variational", "head is 'variational', in config"),
        (("model", "heads", 1, "head"), "x", "none of"),
        (("model", "heads", 0, "neighbours"), 10**9, "weights or more, the file"),
        (("model", "mean_history"), "2", "valid number"),
        (("model", "mean_history"), 1e999, "not JSON|not JSON compliant"),
        (("model", "embedding_scale"), -1, "embedding_scale"),
        (("log", "events"), ["view"], "known.parquet is damaged"),
        (("log", "keeps"), {"buy": 3}, "valid string"),
        (("sha256", "known.parquet"), "0" * 64, "known.parquet is damaged: it has changed"),
        (("sha256", "known.parquet"), "x", "should match pattern"),
        (("extra",), 1, "Extra inputs"),
    ],
)
def test_facts_that_do_not_go_together_are_named(bundle, path, value, reason):
    facts = read(bundle)
    heads = {head["task"]: head for head in facts["model"]["heads"]}
    facts["model"]["heads"] = [heads["buy"], heads["stars"], *facts["model"]["heads"]]
    inner = facts
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    del facts["model"]["heads"][:2]
    text = json.dumps(facts | {"seal": {}}) if value == 1e999 else json.dumps(sealed(facts))
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=reason):
        load_bundle(bundle)


def test_a_bit_flipped_in_any_file_is_noticed(bundle):
    rng = random.Random(0)
    for path in sorted(bundle.iterdir()):
        whole = path.read_bytes()
        for _ in range(8):
            data = bytearray(whole)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
            if path.name == "manifest.json" and data.split() == whole.split():
                continue  # white space
            with pytest.raises(BundleError, match=r"is damaged|bundle of format"):
                load_bundle(bundle)
        path.write_bytes(whole)
    load_bundle(bundle)


def nan_weights(path):
    weights = load_file(path)
    next(iter(weights.values())).view(-1)[0] = torch.nan
    save_file(weights, path)


def fewer_weights(path):
    weights = load_file(path)
    weights.pop(next(iter(weights)))
    save_file(weights, path)


def shorter_bags(path):
    columns = load_file(path)
    columns["items.begins"] = columns["items.begins"][:-1].clone()
    save_file(columns, path)


def columns_beyond(path):
    columns = load_file(path)
    columns["users.columns"] += 1000
    save_file(columns, path)


def table(change):
    return lambda path: change(pl.read_parquet(path, glob=False)).write_parquet(path)


def options(change):
    def apply(path):
        config = tomllib.loads(path.read_text())
        change(config)
        path.write_text(tomli_w.dumps(config))

    return apply


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("weights.safetensors", nan_weights),
        ("weights.safetensors", fewer_weights),
        ("weights.safetensors", lambda path: path.write_bytes(b"")),
        ("weights.safetensors", lambda path: path.write_bytes(b"\xff" * 64)),
        ("features.safetensors", shorter_bags),
        ("features.safetensors", columns_beyond),
        ("features.json", lambda path: path.write_text("[" * 100_000)),
        ("features.json", lambda path: path.write_text("null")),
        ("features.json", lambda path: path.write_text('{"users": {"features": [{"kind": "x"}]}}')),
        ("config.toml", lambda path: path.write_text("a = " + "[" * 100_000)),
        ("config.toml", lambda path: path.write_bytes(b"\xff")),
        ("config.toml", lambda path: path.write_text("tasks = 3")),
        ("config.toml", options(lambda config: config["tasks"][0].update(weight="x"))),
        ("config.toml", options(lambda config: config["tasks"][0].pop("kind"))),
        ("users.parquet", table(lambda of: of.rename({"trained": "x"}))),
        ("users.parquet", table(lambda of: of.with_columns(trained=pl.lit(3)))),
        ("users.parquet", table(lambda of: of.with_columns(id=pl.lit("u")))),
        ("items.parquet", table(lambda of: of.with_columns(id=pl.lit(1)))),
        ("items.parquet", lambda path: path.write_bytes(b"PAR1")),
        ("item_table.parquet", table(lambda of: of.drop("item_id"))),
        ("known.parquet", table(lambda of: of.with_columns(user=pl.col("user") + 1000))),
        ("known.parquet", table(lambda of: of.with_columns(item=pl.lit(0)))),
        ("known.parquet", table(lambda of: of.with_columns(pl.lit(9).alias("event")))),
        ("known.parquet", table(lambda of: of.drop("event"))),
        ("known.parquet", table(lambda of: of.drop("user"))),
        ("known.parquet", table(lambda of: of.with_columns(pl.lit("x").alias("label stars")))),
        ("known.parquet", table(lambda of: of.with_columns(pl.lit(np.inf).alias("label stars")))),
        ("known.parquet", table(lambda of: of.with_columns(timestamp=pl.lit("now")))),
    ],
)
def test_a_file_of_nonsense_with_its_hash_is_named(bundle, name, change):
    change(bundle / name)
    rehash(bundle, name)
    with pytest.raises(BundleError, match=rf"{name} is damaged|manifest\.json is damaged"):
        load_bundle(bundle)


def test_with_a_key_only_who_has_it_can_load(trained, tmp_path, monkeypatch):
    plain = load_bundle(trained)
    save_bundle(tmp_path / "signed", plain, "", key="secret")
    signed = maxella.load(tmp_path / "signed", key="secret")
    assert signed.recommend(["u1"]).equals(plain.recommender().recommend(["u1"]))
    with pytest.raises(BundleError, match=f"is signed, and no key is given here .{KEY}"):
        load_bundle(tmp_path / "signed")
    for folder in (tmp_path / "signed", trained):
        with pytest.raises(BundleError, match="not signed with the key that is given here"):
            load_bundle(folder, key="other")
    facts = opened(json.loads((tmp_path / "signed" / "manifest.json").read_text()), "secret")
    facts["model"]["mean_history"] = 9.0
    seal(tmp_path / "signed", facts)  # by somebody without the key
    with pytest.raises(BundleError, match="not signed with the key"):
        load_bundle(tmp_path / "signed", key="secret")
    monkeypatch.setenv(KEY, "from outside")
    save_bundle(tmp_path / "again", plain, "")
    load_bundle(tmp_path / "again")
    monkeypatch.setenv(KEY, "another")
    with pytest.raises(BundleError, match="not signed with the key"):
        load_bundle(tmp_path / "again")
