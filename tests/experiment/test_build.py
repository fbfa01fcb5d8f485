"""Which columns a batch has follows from the loss and its uniform negatives."""

import numpy as np
import polars as pl
import pytest

from maxella.errors import ConfigError
from maxella.experiment.build import build_batches, build_data, build_spec
from maxella.experiment.read_config import parse_config
from maxella.model.build import build_model
from maxella.sources.tables import Tables

STARS = {"name": "stars", "kind": "rating", "head": "ordinal", "dim": 2}


@pytest.fixture
def first_batch():
    """The first batch, of a user who took two of 40 items, for a loss and options of [training]."""
    rows = [(f"u{user}", f"i{2 * user + side}") for user in range(20) for side in range(2)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    tables = Tables("toy", log, log.select("user_id").unique(), log.select("item_id").unique())

    def make(loss, **training):
        options = {
            "data": {"name": "x"},
            "split": {"kind": "none"},
            "tasks": [{"name": "buy", "kind": "retrieval", "loss": loss}],
            "training": {"batch_size": 1} | training,
        }
        config = parse_config(options, where="here")
        dataset = build_data(config, tables)
        batches = build_batches(config, dataset, build_model(build_spec(config, dataset), seed=1))
        return next(iter(batches.epoch(np.random.default_rng(0))))

    return make


@pytest.mark.parametrize("loss", ["full_softmax", "leave_one_out_softmax", "gramian"])
def test_the_whole_catalogue_by_default(first_batch, loss):
    batch = first_batch(loss)
    assert len(batch.items) == 40
    assert batch.item_weights is None


@pytest.mark.parametrize("loss", ["leave_one_out_softmax", "gramian"])
def test_a_sample_where_it_is_asked_for(first_batch, loss):
    own = first_batch(loss, uniform_negatives=0)
    mixed = first_batch(loss, uniform_negatives=200)
    assert own.item_weights.tolist() == [20, 20]  # one user of 20: each is the only one to come
    assert len(mixed.items) > 30  # 40 less those that 200 draws miss, about none
    assert mixed.item_weights.mean().item() == pytest.approx(1, abs=0.2)


def test_a_negative_for_each_pair_of_bpr(first_batch):
    batch = first_batch("bpr")
    assert len(batch.items) in {3, 4}
    rows = batch.tasks["buy"]
    assert not set(rows.negatives.tolist()) & set(rows.item_positions.tolist())


def test_rows_for_the_notebook(first_batch):
    assert len(first_batch("in_batch_softmax")) == 1


@pytest.mark.parametrize("change", [{"model": {"dim": 10**6}}, {"tasks": [STARS | {"dim": 10**6}]}])
def test_more_weights_than_the_memory_holds_are_refused_before_they_are_made(monkeypatch, change):
    monkeypatch.setattr("maxella.experiment.build.memory_bytes", lambda: 10**9)
    rows = [(f"u{n}", f"i{n}", 1.0 + n % 5) for n in range(100)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    tables = Tables("toy", log, log.select("user_id"), log.select("item_id"))
    options = {"data": {"name": "x"}, "split": {"kind": "none"}, "tasks": [STARS]} | change
    config = parse_config(options, where="here")
    with pytest.raises(ConfigError, match=r"Training wants .* GB or more: .* machine has 1\.0 GB"):
        build_spec(config, build_data(config, tables))
