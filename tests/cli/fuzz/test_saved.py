"""What Maxella wrote, changed since: see conftest.py.

A file with a hash is never read once it has changed; where the hash was made to fit, too, what is
read may be nonsense, but not a crash.
"""

import hashlib
import json
import shutil
import tomllib

import pytest
import tomli_w

import maxella
from maxella.seal import sealed

pytestmark = pytest.mark.slow

ASK = ("recommend", "run", "--user", "u1", "--json")
OPTIONS = {
    "data": {"path": "log.csv"},
    "split": {"kind": "random"},
    "features": {"item": {"kind": "category"}, "user": {"age": "number"}},
    "model": {"dim": 4},
    "tasks": [
        {"name": "pick", "kind": "retrieval"},
        {"name": "stars", "kind": "rating", "dim": 2, "head": "mixed"},
        {"name": "liked", "kind": "binary", "rows": "rating >= 4"},
    ],
    "training": {"epochs": 3, "batch_size": 8},
    "evaluation": {"resamples": 0, "slices": []},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a log, a config, a whole run, and one that was interrupted."""
    folder = tmp_path_factory.mktemp("written")
    rows = [
        f"u{u},i{i},{1 + (u + i) % 5},{20 + u},{'ab'[i % 2]}"
        for u in range(9)
        for i in range(7)
        if (u + 2 * i) % 4
    ]
    log = folder / "log.csv"
    log.write_text("\n".join(["user_id,item_id,rating,age,kind", *rows]) + "\n")
    of_sides = {"user_columns": ["age"], "item_columns": ["kind"]}
    options = OPTIONS | {"data": {"path": str(log), "kind": "delimited"} | of_sides}
    (folder / "config.toml").write_text(tomli_w.dumps(options))
    maxella.run(options, folder / "run")

    def interrupt(name, done, total, *_):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maxella.run(options, folder / "half", on_step=interrupt)
    return folder


@pytest.fixture
def copied(written, tmp_path):
    """The test's own copy of that folder."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return tmp_path


def hashed(folder):
    """The files of a bundle, each of which has a hash in the manifest."""
    return sorted(p for p in (folder / "run" / "bundle").iterdir() if p.name != "manifest.json")


def test_files_of_a_bundle(attempt, fuzz, mutate, copied):
    paths = hashed(copied)

    def one(draw, number):
        path = paths[number % len(paths)]
        whole = path.read_bytes()
        path.write_bytes(mutate.bytes(whole, draw))
        has_changed = path.read_bytes() != whole
        done, amiss = attempt(*ASK)
        path.write_bytes(whole)
        if amiss or done.code == 2 or not has_changed:
            return amiss
        return f"{path.name} was read though it changed"

    fuzz("bundle", 350, one)
    assert attempt(*ASK)[0].code == 0


def test_files_of_a_bundle_whose_hashes_were_made_to_fit(attempt, fuzz, mutate, copied):
    paths = hashed(copied)
    manifest = copied / "run" / "bundle" / "manifest.json"
    signed = manifest.read_bytes()
    facts = json.loads(signed)
    del facts["seal"]

    def one(draw, number):
        path = paths[number % len(paths)]
        whole = path.read_bytes()
        path.write_bytes(_changed(path.name, whole, draw, mutate))
        hashes = facts["sha256"] | {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
        manifest.write_text(json.dumps(sealed(facts | {"sha256": hashes})))
        _, amiss = attempt(*ASK)
        path.write_bytes(whole)
        manifest.write_bytes(signed)
        return f"{path.name}: {amiss}" if amiss else None

    fuzz("rehashed", 450, one)


def _changed(name, whole, draw, mutate):
    if name.endswith(".json") and draw.random() < 0.7:
        return json.dumps(mutate.values(json.loads(whole), draw)).encode()
    if name.endswith(".toml") and draw.random() < 0.7:
        return mutate.toml(mutate.values(tomllib.loads(whole.decode()), draw))
    return mutate.bytes(whole, draw)


# What a command reads of what was written, and whether it may be read by another seal.
SEALED = {
    "manifest": ("run/bundle/manifest.json", ASK),
    "mark": ("run/maxella-run.json", ASK),
    "report": ("run/report.json", ("evaluate", "run", "--json")),
}


@pytest.mark.parametrize("name", SEALED)
def test_what_is_sealed(attempt, fuzz, mutate, copied, name):
    """A change without its seal is refused, or is none; with it, it does no harm."""
    file, ask = SEALED[name]
    path = copied / file
    whole = path.read_bytes()
    tree = json.loads(whole)

    def one(draw, number):
        fits = draw.random() < 0.4
        facts = mutate.values({key: of for key, of in tree.items() if key != "seal"}, draw)
        if fits:
            try:
                facts = sealed(facts)
            except (TypeError, ValueError):
                return None  # nothing that can be sealed
            path.write_text(json.dumps(facts))
        elif draw.random() < 0.5:
            path.write_text(json.dumps(facts | {"seal": tree["seal"]}))
        else:
            path.write_bytes(mutate.bytes(whole, draw))
        try:
            is_same = json.loads(path.read_bytes()) == tree
        except (ValueError, RecursionError):
            is_same = False
        done, amiss = attempt(*ask, writes=["run"])
        path.write_bytes(whole)
        if amiss or done.code == 2 or is_same or fits:
            return amiss
        return "it was read though it changed"

    fuzz(name, 100 if name != "manifest" else 350, one)


def test_checkpoints(attempt, fuzz, mutate, copied):
    (path,) = (copied / "half").rglob("checkpoint.safetensors")
    whole = path.read_bytes()
    resume = ("train", "config.toml", "--out", "half", "--resume", "--quiet")

    def one(draw, number):
        path.write_bytes(mutate.bytes(whole, draw))
        if path.read_bytes() == whole:
            return None
        changed = path.read_bytes()
        done, amiss = attempt(*resume, writes=["half"])
        if amiss:
            return amiss
        if done.code != 2:
            return "training went on from a checkpoint that changed"
        return None if path.read_bytes() == changed else "the checkpoint is gone"

    fuzz("checkpoint", 250, one)
    path.write_bytes(whole)
    assert attempt(*resume, writes=["half"])[0].code == 0
