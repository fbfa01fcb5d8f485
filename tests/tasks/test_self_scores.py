"""What a task takes off the scores of its pairs: exactly what they add to them as history."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.batches import UserBatches
from maxella.data.columns import OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.tasks.choices import Choices
from maxella.tasks.kinds import KINDS
from maxella.tasks.losses import LOSSES
from maxella.tasks.task import Step

COLUMNS = {
    "all": lambda log: WholeCatalogue(log.n_item_rows),
    "own": lambda log: OwnAndUniform(np.bincount(log.rows.items, minlength=log.n_item_rows), 2),
    "unseen": lambda log: OwnAndUnseen(np.bincount(log.rows.items, minlength=log.n_item_rows)),
}


def steps(model, log, columns="all", size=4):
    batches = UserBatches(log, size, COLUMNS[columns](log), model.events)
    for batch in batches.epoch(np.random.default_rng(2)):
        users = model.user_encoder(batch.users, batch.history)
        yield Step(model, batch, users, model.item_encoder(batch.items), 0.0)


def in_double(step):
    """The same with labels as precise as the model."""
    tasks = {
        name: replace(rows, labels=rows.labels.double()) for name, rows in step.batch.tasks.items()
    }
    return replace(step, batch=replace(step.batch, tasks=tasks))


def without(bags, position, item):
    """The same histories; in place of the item of that user the unknown one, read as nothing."""
    start = int(bags.begins[position])
    items = bags.items.clone()
    own = items[start : start + int(bags.counts[position])]
    own[own == item] = 0
    return replace(bags, items=items, distinct=None)


def lost(model, step, task):
    """(n,) what the score of each pair of a task loses when the pair is not in the history."""
    head, batch, rows = model.heads[task], step.batch, step.batch.tasks[task]
    found = []
    for position, column in zip(rows.user_positions, rows.item_positions, strict=True):
        others = without(batch.history, int(position), batch.items[column])
        left = model.user_encoder(batch.users, others)[position]
        query = head.queries(step.users[position]) - head.queries(left)
        found.append(query @ step.items[column])
    return torch.stack(found) if found else torch.empty(0).double()


@pytest.mark.parametrize("columns", ["all", "own"])
@pytest.mark.parametrize("events", [("view", "buy"), ("buy",), ("view",), ()], ids="+".join)
@pytest.mark.parametrize("task", ["view", "buy", "rating"])
def test_it_is_the_difference_to_the_score_without_the_pair(
    shop, make_model, task_of, task, events, columns
):
    model = make_model({task: "dot_product"}, events=events)
    head, found_any = model.heads[task], False
    for step in steps(model, shop, columns):
        found = step.self_scores(task_of(task), head.items_met(step.items))
        wanted = lost(model, step, task)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
        found_any = found_any or bool((wanted.abs() > 1e-3).any())
    assert found_any


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.corrects_itself])
def test_a_loss_takes_it_off_the_scores_of_its_task(shop, make_model, task_of, name):
    """Those of the task's own queries, which a projection turns."""
    model = make_model({"buy": "dot_product"})
    head, task = model.heads["buy"], task_of("buy", loss=name)
    for step in steps(model, shop, "unseen"):
        rows = step.batch.tasks["buy"]
        choices = Choices(
            head.queries(step.users),
            step.items,
            head.biases(step.batch.items),
            rows.user_positions,
            rows.item_positions,
            rows.labels.double(),
            lost(model, step, "buy"),
            item_weights=step.batch.item_weights,
            negatives=rows.negatives,
        )
        wanted = LOSSES[name].function(choices) / rows.expected
        torch.testing.assert_close(KINDS["retrieval"].loss(task, in_double(step))["fit"], wanted)


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
        total = total + sum(KINDS[task.kind].loss(task, in_double(step)).values())
    total.backward()
    for key, weight in model.named_parameters():
        of_head = key.startswith("heads.")
        reached = weight.grad is not None and bool(weight.grad.any())
        assert reached == (of_head or shapes), key
        assert weight.requires_grad, key
