"""Which tables have sparse gradients, and that training with them is training without."""

from functools import partial
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from maxella.data.batches import RowBatches, UserBatches
from maxella.data.columns import OwnAndUniform, WholeCatalogue
from maxella.model.build import build_model
from maxella.model.heads import HEADS
from maxella.training import row_tables
from maxella.training.checkpoint import Checkpoint
from maxella.training.gradient_steps import Plan
from maxella.training.row_optimisers import OPTIMISERS, RowAdam
from maxella.training.row_tables import catch_up, sparse_tables

USERS, ITEMS = 40, 60


@pytest.fixture(autouse=True)
def _toys_are_small(monkeypatch):
    """In tables of some thirty rows, few are three tenths."""
    monkeypatch.setattr(row_tables, "_FEW", 0.3)


@pytest.fixture(scope="module")
def log(picks_of):
    """40 users with 3 of 60 items each."""
    rng = np.random.default_rng(1)
    items = np.concatenate([rng.choice(ITEMS, 3, replace=False) + 1 for _ in range(USERS)])
    users = np.repeat(np.arange(1, USERS + 1), 3)
    ratings = rng.integers(1, 6, len(users)).astype(np.float32)
    return picks_of(users, items, (USERS + 1, ITEMS + 1), ratings)


@pytest.fixture
def make(make_spec):
    def make(head="variational", **changes):
        facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "history_dim": 2}
        return build_model(make_spec(head, **facts, **changes), seed=1)

    return make


def few_columns(log):
    return UserBatches(log, 4, OwnAndUniform(np.bincount(log.rows.items, minlength=ITEMS + 1), 1))


def plan(optimiser="adam", epochs=3):
    return Plan(optimiser, 0.02, 0.01, "one_cycle", epochs, seed=5)


def tables_of(model):
    return {
        side: [one.table for one in model.row_tables().values() if one.side == side]
        for side in ("user", "item")
    }


@pytest.mark.parametrize("head", HEADS)
def test_the_tables_are_all_there_and_told_by_side(make, head):
    model = make(head)
    tables = tables_of(model)
    assert {table.num_embeddings for table in tables["user"]} == {USERS + 1}
    assert {table.num_embeddings for table in tables["item"]} == {ITEMS + 1}
    found = sorted(id(table) for table in [*tables["user"], *tables["item"]])
    every = [part for part in model.modules() if isinstance(part, torch.nn.Embedding)]
    assert found == sorted(map(id, every))


def test_a_table_is_sparse_where_a_batch_names_few_of_its_rows(log, make):
    model = make()
    all_users, all_items = tables_of(model).values()
    for batches, n_of_users, n_of_items in (
        (few_columns(log), len(all_users), len(all_items)),
        (UserBatches(log, 4, WholeCatalogue(ITEMS + 1)), len(all_users), 0),
        (UserBatches(log, 30, WholeCatalogue(ITEMS + 1)), 0, 0),
        (RowBatches(log, 100), 0, 0),
    ):
        batch = next(iter(batches.epoch(np.random.default_rng(1))))
        tables = sparse_tables(model, batch)
        assert (len(tables["user"]), len(tables["item"])) == (n_of_users, n_of_items)
        sparse = [table.sparse for table in [*all_users, *all_items]]
        assert sum(sparse) == n_of_users + n_of_items


def test_the_whole_of_a_table_is_each_row_once(monkeypatch):
    monkeypatch.setattr(row_tables, "_BLOCK", 4)
    optimiser = Mock()
    catch_up(optimiser, {"user": [torch.zeros(10, 1)], "item": [torch.zeros(3, 1)]})
    rows = torch.cat([call.args[1] for call in optimiser.catch_up.call_args_list])
    assert rows.tolist() == [*range(10), *range(3)]


@pytest.mark.parametrize("optimiser", ["adagrad", "adam", "adamw"])
@pytest.mark.parametrize("few", [True, False])
def test_sparse_training_ends_where_dense_training_ends(
    log, make, fit, objective, monkeypatch, optimiser, few
):
    if optimiser != "adagrad":  # ε is of no weight here, as it is not quite the same in both
        decay = 0.01 if optimiser == "adamw" else 0.0
        of_adam = {"betas": (0.9, 0.99), "eps": 1e-15, "weight_decay": decay}
        monkeypatch.setitem(OPTIMISERS, optimiser, partial(RowAdam, **of_adam))
    batches = few_columns(log) if few else UserBatches(log, 4, WholeCatalogue(ITEMS + 1))
    sparse, dense = make().double(), make().double()
    fit(sparse, objective("variational"), batches, plan(optimiser))
    monkeypatch.setattr(row_tables, "_FEW", 0.0)
    fit(dense, objective("variational"), batches, plan(optimiser))
    start = dict(make().double().named_parameters())
    found = dict(sparse.named_parameters())
    for name, weight in dense.named_parameters():
        assert not torch.equal(weight, start[name])  # it was trained
        torch.testing.assert_close(found[name], weight, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("optimiser", ["adagrad", "adam", "adamw"])
def test_training_goes_on_from_a_checkpoint_bit_for_bit(
    log, make, fit, objective, tmp_path, optimiser
):
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "")
    whole, cut, resumed = make(), make(), make()
    further = {"batches": few_columns(log), "plan": plan(optimiser)}
    train = partial(fit, objective=objective("variational"), **further)
    train(whole)

    def stop(step, _):
        if step == 25:  # within the third epoch of ten batches
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(cut, checkpoint=checkpoint, on_step=stop)
    assert train(resumed, checkpoint=checkpoint, resume=True).epoch == 3
    for name, weight in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name
