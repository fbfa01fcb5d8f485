"""A task's weight means the same at any batch size, however few rows have a label of it.

Over an epoch the losses of the batches, each by the share of the data that the batch holds, add up
to the loss of all at once: in value and in every gradient.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.batches import RowBatches, UserBatches
from maxella.data.columns import OwnAndUniform, WholeCatalogue
from maxella.model.heads import HEADS
from maxella.seeds import torch_generator
from maxella.tasks.losses import LOSSES
from maxella.tasks.objective import Objective
from maxella.tasks.teacher import Teacher


def catalogue(log):
    """All items; the negative of a pair is the first item that its user lacks."""

    def columns(user_positions, items, share, rng):
        found = WholeCatalogue(log.n_item_rows)(user_positions, items, share, rng)
        lacking = []
        for user in user_positions:
            taken = set(items[user_positions == user])
            lacking.append(min(set(range(1, log.n_item_rows)) - taken) - 1)
        return replace(found, negatives=np.array(lacking))

    return columns


def epoch(model, objective, batches):
    """Σ over batches of share · loss, and its gradients."""
    total, shares = 0.0, 0.0
    for batch in batches.epoch(np.random.default_rng(3)):
        tasks = {name: doubled(rows) for name, rows in batch.tasks.items()}
        loss, _ = objective(model, replace(batch, tasks=tasks), 0, 1)
        total, shares = total + batch.share * loss, shares + batch.share
    assert shares == pytest.approx(1)
    weights = list(model.parameters())
    gradients = torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True)
    return [total.detach(), *gradients]


def doubled(rows):
    return replace(rows, labels=rows.labels.double())


def assert_same_at_any_size(model, objective, make_batches):
    whole = epoch(model, objective, make_batches(10**6))
    assert whole[0].abs() > 1e-3
    for size in (1, 4):
        found = epoch(model, objective, make_batches(size))
        for ours, theirs in zip(found, whole, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-7)


OVER_ALL = [name for name, loss in LOSSES.items() if loss.negatives != "batch"]


@pytest.mark.parametrize("loss", OVER_ALL)
@pytest.mark.parametrize("name", ["view", "buy"])
def test_retrieval(shop, make_model, task_of, name, loss):
    model = make_model({name: "dot_product"})
    assert_same_at_any_size(
        model,
        Objective([task_of(name, loss=loss)], 0.0),
        lambda size: UserBatches(shop, size, catalogue(shop), ("view", "buy")),
    )


def test_retrieval_with_a_teacher(shop, make_model, task_of):
    generator = torch_generator(1, "test")
    sides = (torch.randn(n, 2, generator=generator).double() for n in (10, 8))
    objective = Objective([task_of("buy", distillation=0.4)], 0.0, Teacher(*sides))
    assert_same_at_any_size(
        make_model({"buy": "dot_product"}),
        objective,
        lambda size: UserBatches(shop, size, catalogue(shop), ("view", "buy")),
    )


OF_PAIRS = [("stars", "variational")] + [
    (name, head)
    for head, choice in HEADS.items()
    for name, kind in (("rating", "rating"), ("liked", "binary"))
    if kind in choice.kinds
]


@pytest.mark.parametrize("columns", ["all", "own"])
@pytest.mark.parametrize(("name", "head"), OF_PAIRS)
def test_pairs_priors_included(shop, make_model, task_of, name, head, columns):
    counts = np.bincount(shop.rows.items, minlength=shop.n_item_rows)
    made = catalogue(shop) if columns == "all" else OwnAndUniform(counts, 0)
    assert_same_at_any_size(
        make_model({name: head}, members=2 if HEADS[head].averages else 1),
        Objective([task_of(name, head)], 0.0),
        lambda size: UserBatches(shop, size, made, ("view", "buy")),
    )


@pytest.mark.parametrize(
    ("name", "head"), [(name, head) for name, head in OF_PAIRS if not HEADS[head].whole_users]
)
def test_pairs_in_batches_of_rows(shop, make_model, task_of, name, head):
    assert_same_at_any_size(
        make_model({name: head}, dim=3, history_dim=0, events=()),
        Objective([task_of(name, head)], 0.0),
        lambda size: RowBatches(shop, size),
    )


def test_several_tasks_by_their_weights(shop, make_model, task_of):
    heads = {"view": "dot_product", "buy": "dot_product", "rating": "variational"}
    tasks = [
        task_of(name, head, weight=w)
        for (name, head), w in zip(heads.items(), (1, 5, 0.3), strict=True)
    ]
    model = make_model(heads)

    def batches(size):
        return UserBatches(shop, size, catalogue(shop), ("view", "buy"))

    assert_same_at_any_size(model, Objective(tasks, 0.0), batches)
    whole = epoch(model, Objective(tasks, 0.0), batches(100))
    alone = [epoch(model, Objective([task], 0.0), batches(100)) for task in tasks]
    for total, *parts in zip(whole, *alone, strict=True):
        torch.testing.assert_close(total, sum(parts))
