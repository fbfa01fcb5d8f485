"""What a task takes off the scores of its pairs: exactly what they add to them as history."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.batches import UserBatches
from maxella.data.columns import OwnAndUniform, WholeCatalogue
from maxella.tasks.kinds import KINDS
from maxella.tasks.task import Step

COLUMNS = {
    "all": lambda log: WholeCatalogue(log.n_item_rows),
    "own": lambda log: OwnAndUniform(np.bincount(log.rows.items, minlength=log.n_item_rows), 2),
}


def steps(model, log, columns="all", size=4):
    batches = UserBatches(log, size, COLUMNS[columns](log), model.events)
    for batch in batches.epoch(np.random.default_rng(2)):
        users = model.user_encoder(batch.users, batch.history)
        yield Step(model, batch, users, model.item_encoder(batch.items), 0.0)


def without(bags, position, item):
    """The same histories; in place of the item of that user the unknown one, read as nothing."""
    start = int(bags.begins[position])
    items = bags.items.clone()
    own = items[start : start + int(bags.counts[position])]
    own[own == item] = 0
    return replace(bags, items=items, distinct=None)


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("events", [("view", "buy"), ("buy",), ("view",), ()], ids="+".join)
@pytest.mark.parametrize("task", ["view", "buy", "rating"])
def test_it_is_the_difference_to_the_score_without_the_pair(
    shop, make_model, task_of, task, events, columns
):
    model = make_model({task: "dot_product"}, events=events)
    head, found_any = model.heads[task], False
    for step in steps(model, shop, columns):
        rows, batch = step.batch.tasks[task], step.batch
        found = step.self_scores(task_of(task), head.items_met(step.items))
        assert found.shape == (len(rows),)
        for pair, (position, column) in enumerate(
            zip(rows.user_positions.tolist(), rows.item_positions.tolist(), strict=True)
        ):
            others = without(batch.history, position, batch.items[column])
            users = model.user_encoder(batch.users, others)
            query, left = (head.queries(side[position]) for side in (step.users, users))
            lost = (query - left) @ step.items[column]
            torch.testing.assert_close(found[pair], lost, rtol=1e-9, atol=1e-9)
            found_any = found_any or bool(lost.abs() > 1e-3)
    # A viewed item that nobody bought is in no history of what was bought.
    assert found_any


def test_an_encoder_without_histories_takes_off_nothing(shop, make_model, task_of):
    model = make_model({"view": "dot_product"}, history_dim=0, dim=3)
    for step in steps(model, shop):
        assert step.self_scores(task_of("view"), step.items) is None


@pytest.mark.parametrize("shapes", [True, False])
@pytest.mark.parametrize(
    ("name", "head", "loss"),
    [
        ("buy", "dot_product", "full_softmax"),
        ("buy", "dot_product", "leave_one_out_softmax"),
        ("buy", "dot_product", "gramian"),
        ("rating", "dot", None),
        ("liked", "logistic", None),
    ],
)
def test_a_task_reaches_the_encoders_only_where_it_may(
    shop, make_model, task_of, name, head, loss, shapes
):
    model = make_model({name: head})
    task = task_of(name, head, loss, shapes_encoders=shapes)
    total = 0.0
    for step in steps(model, shop):
        labels = step.batch.tasks[name]
        batch = replace(step.batch, tasks={name: replace(labels, labels=labels.labels.double())})
        total = total + KINDS[task.kind].loss(task, replace(step, batch=batch))
    total.backward()
    for key, weight in model.named_parameters():
        of_head = key.startswith("heads.")
        reached = weight.grad is not None and bool(weight.grad.any())
        assert reached == (of_head or shapes), key
        assert weight.requires_grad, key
