import json
import resource
import shutil

import numpy as np
import polars as pl
import pytest
import torch

import maxella
from maxella.errors import BundleError
from maxella.model.build import build_model
from maxella.recommend.bundle import load_bundle, save_bundle, weights_hash
from maxella.seal import opened, sealed

FILES = (
    "MODEL_CARD.md",
    "config.toml",
    "features.json",
    "features.safetensors",
    "item_table.parquet",
    "items.parquet",
    "known.parquet",
    "manifest.json",
    "users.parquet",
    "weights.safetensors",
)


@pytest.fixture
def bundle(trained, tmp_path):
    """A copy to damage."""
    return shutil.copytree(trained / "bundle", tmp_path / "bundle")


def mend_manifest(bundle, **changes):
    """Other facts, sealed as if they had been written so."""
    path = bundle / "manifest.json"
    path.write_text(json.dumps(sealed(opened(json.loads(path.read_text())) | changes)))


def test_a_bundle_comes_back_bit_for_bit(trained, tmp_path):
    first = load_bundle(trained)
    save_bundle(tmp_path / "again", first, card="A card.")
    second = load_bundle(tmp_path / "again")
    assert sorted(p.name for p in (tmp_path / "again").iterdir()) == list(FILES)
    assert weights_hash(first.model) == weights_hash(second.model)
    assert (first.spec, first.config) == (second.spec, second.config)
    assert first.item_table.equals(second.item_table)
    one, other = first.recommender(), second.recommender()
    users = first.users.ids.to_list()
    assert one.recommend(users, 7).equals(other.recommend(users, 7))
    pairs = pl.DataFrame({"user_id": users, "item_id": first.items.ids[0]})
    assert one.predict(pairs).equals(other.predict(pairs))
    assert one.similar(first.items.ids.to_list(), 3).equals(
        other.similar(first.items.ids.to_list(), 3)
    )


@pytest.mark.parametrize("name", ["run [1]", "what?", "all*"])
def test_a_folder_may_be_called_as_a_pattern(trained, tmp_path, name):
    shutil.copytree(trained / "bundle", tmp_path / name / "bundle")
    assert load_bundle(tmp_path / name).items.ids.equals(load_bundle(trained).items.ids)


def test_a_model_of_several_tasks_comes_back_with_its_intervals_and_events(shop, tmp_path):
    first = load_bundle(shop)
    assert first.tasks == {
        "buy": "retrieval",
        "view": "retrieval",
        "stars": "rating",
        "liked": "binary",
    }
    assert set(first.known.events) == {"view", "cart", "buy"}
    save_bundle(tmp_path / "again", first, card="A card.")
    second = load_bundle(tmp_path / "again")
    for name, labels in first.known.rows.labels.items():
        assert np.array_equal(labels, second.known.rows.labels[name], equal_nan=True)
    assert np.array_equal(first.known.rows.timestamps, second.known.rows.timestamps)
    assert (first.known.events, first.known.keeps) == (second.known.events, second.known.keeps)
    pairs = pl.DataFrame({"user_id": first.users.ids, "item_id": first.items.ids[0]})
    one, other = (b.recommender() for b in (first, second))
    found = one.predict(pairs, intervals=0.8)
    assert found.equals(other.predict(pairs, intervals=0.8))
    assert found["predicted_stars"].n_unique() > 20


def test_saving_replaces_nothing(trained, tmp_path):
    bundle = load_bundle(trained)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        save_bundle(tmp_path / "b", bundle, card="")
    assert [p.name for p in tmp_path.rglob("*")] == ["b", "mine.txt"]


def test_a_full_disk_is_said_by_the_system_and_leaves_nothing(trained, tmp_path):
    bundle, before = load_bundle(trained), resource.getrlimit(resource.RLIMIT_FSIZE)
    for most in (100, 1000, 2000, 10_000):  # bytes of a file: as a disk that fills up
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                save_bundle(tmp_path / "b", bundle, card="")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_loaded_model_draws_nothing_anew(trained):
    bundle = load_bundle(trained)
    fresh = build_model(bundle.spec, seed=0)
    assert not torch.equal(fresh.item_encoder.table.weight, bundle.model.item_encoder.table.weight)
    assert not bundle.model.training


def test_the_run_folder_and_its_bundle_are_the_same(trained):
    users = ["u1", "u2"]
    by_run, by_bundle = maxella.load(trained), maxella.load(str(trained / "bundle"))
    assert by_run.recommend(users).equals(by_bundle.recommend(users))


@pytest.mark.parametrize("name", sorted(set(FILES) - {"manifest.json"}))
def test_a_changed_byte_is_noticed(bundle, name):
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    with pytest.raises(BundleError, match=rf"{name} is damaged: it has changed"):
        load_bundle(bundle)


@pytest.mark.parametrize("name", sorted(set(FILES) - {"manifest.json"}))
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"{name} is damaged: it is missing"):
        load_bundle(bundle)


def test_a_file_without_a_hash_is_not_trusted(bundle):
    mend_manifest(bundle, sha256={})
    with pytest.raises(BundleError, match="is damaged"):
        load_bundle(bundle)


@pytest.mark.parametrize("other", [6, 8])
def test_another_format_is_refused(bundle, other):
    mend_manifest(bundle, format=other)
    with pytest.raises(BundleError, match=f"of format {other}; this version reads format 7"):
        load_bundle(bundle)


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"format": 2}', "\x00"])
def test_a_manifest_of_another_form_is_refused(bundle, text):
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleError):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 5},
        {"dim": "x"},
        {"encoder": "x"},
        {"depth": 1},
        {"heads": 3},
        {"heads": [{"task": "retrieval", "head": "x"}]},
        {"heads": [{"task": "retrieval", "head": "dot_product", "depth": 1}]},
    ],
)
def test_a_manifest_of_another_model_is_refused(bundle, change):
    facts = json.loads((bundle / "manifest.json").read_text())["model"]
    mend_manifest(bundle, model=facts | change)
    with pytest.raises(BundleError, match="is damaged"):
        load_bundle(bundle)


def test_a_place_without_a_bundle_says_what_to_give(tmp_path):
    with pytest.raises(BundleError, match="Give the folder that `maxella train --out` wrote"):
        load_bundle(tmp_path)
    with pytest.raises(BundleError, match="Give the folder"):
        load_bundle(tmp_path / "nowhere")


def test_of_a_comparison_the_models_are_named(trained, tmp_path):
    shutil.copytree(trained / "bundle", tmp_path / "models" / "joint" / "bundle")
    with pytest.raises(BundleError, match=r"is a comparison. Give a model of it: .*models/joint\."):
        load_bundle(tmp_path)
    assert "rating" in load_bundle(tmp_path / "models" / "joint").tasks
