"""Which columns a batch has follows from the loss and its uniform negatives."""

import numpy as np
import polars as pl
import pytest

from maxella.data.dataset import build_dataset
from maxella.data.split import split_interactions
from maxella.experiment.build import build_batches
from maxella.experiment.read_config import parse_config


@pytest.fixture
def first_batch():
    """The first batch, of one user who took two of 40 items, for these options of [tasks]."""
    rows = [(f"u{user}", f"i{2 * user + side}") for user in range(20) for side in range(2)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    split = split_interactions(log, kind="none", test=0, validation=0, seed=1)

    def make(**tasks):
        options = {"data": {"name": "x"}, "training": {"batch_size": 1}, "tasks": tasks}
        batches = build_batches(parse_config(options, where="here"), build_dataset(log, split))
        return next(iter(batches.epoch(np.random.default_rng(0))))

    return make


@pytest.mark.parametrize("loss", ["full_softmax", "leave_one_out_softmax", "gramian"])
def test_the_whole_catalogue_by_default(first_batch, loss):
    batch = first_batch(retrieval_loss=loss)
    assert len(batch.items) == 40
    assert batch.item_weights is None


@pytest.mark.parametrize("loss", ["leave_one_out_softmax", "gramian"])
def test_a_sample_where_it_is_asked_for(first_batch, loss):
    own = first_batch(retrieval_loss=loss, uniform_negatives=0)
    mixed = first_batch(retrieval_loss=loss, uniform_negatives=200)
    assert own.item_weights.tolist() == [20, 20]  # one user of 20: each is the only one to come
    assert len(mixed.items) > 30  # 40 less those that 200 draws miss, about none
    assert mixed.item_weights.mean().item() == pytest.approx(1, abs=0.2)


def test_a_negative_for_each_pair_of_bpr(first_batch):
    batch = first_batch(retrieval_loss="bpr")
    assert len(batch.items) in {3, 4}
    assert not set(batch.negatives.tolist()) & set(batch.item_positions.tolist())


def test_rows_for_the_notebook(first_batch):
    assert len(first_batch(retrieval_loss="in_batch_softmax")) == 1
