"""Choices that do not go together, from what the tables say of losses and heads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maxella.model.heads import HEADS
from maxella.tasks.losses import LOSSES, Loss

PARTS_BESIDE = ("neighbours", "followers", "order")  # of a task, beside its dot product


def clashes(model: Any, tasks: Sequence[Any], training: Any) -> Iterator[str]:
    """What is wanted instead of each such choice that is made.

    The sections of a config (`experiment.config`), and its tasks that have a weight.
    """
    losses = {task.name: LOSSES[task.loss_name] for task in tasks if task.loss_name}
    is_started = model.start == "closed_form"
    if not model.dim and not model.history_dim:
        yield "model.dim or model.history_dim above 0"
    yield from _of_batches(model, tasks, training, losses)
    if tasks and is_started and not losses:
        yield "a retrieval task with model.start = 'closed_form': it starts from what users pick"
    if tasks and all(task.every > 1 for task in tasks):
        yield "every = 1 for one of the tasks"
    if not training.epochs and not is_started:
        yield "model.start = 'closed_form' with epochs = 0"
    if tasks and not is_started and not any(task.shapes_encoders for task in tasks):
        yield (
            "something to make the encoders: shapes_encoders for one of the tasks, or "
            "model.start = 'closed_form'"
        )
    for task in tasks:
        yield from _of_task(
            task, losses.get(task.name), model, may_distil=task.name in [*losses][:1]
        )


def _of_batches(
    model: Any, tasks: Sequence[Any], training: Any, losses: Mapping[str, Loss]
) -> Iterator[str]:
    """What batches are made of: rows or whole users, and which items."""
    of_rows = [task for task, loss in losses.items() if not loss.whole_users]
    if training.batches == "rows":
        of_rows = of_rows or [task.name for task in tasks]
    wants_users = any(loss.whole_users for loss in losses.values()) or any(
        HEADS[task.head_name].whole_users for task in tasks
    )
    blind = [task for task, loss in losses.items() if not loss.corrects_itself]
    if of_rows and (wants_users or model.history_dim):
        yield (
            f"tasks that all learn from batches of rows, and no history, for {', '.join(of_rows)}; "
            f"these go with no {_losses('whole_users')}, no head that wants whole users and no "
            "model.history_dim"
        )
    if model.history_dim and blind:
        yield (
            f"one of {_losses('corrects_itself')} for {', '.join(blind)} with model.history_dim "
            "above 0 (else an interaction sees itself)"
        )
    if len({loss.negatives for loss in losses.values()}) > 1:
        yield "losses of all retrieval tasks over the same items, as a batch has one set of them"
    if training.uniform_negatives is not None and not all(one.samples for one in losses.values()):
        yield f"one of {_losses('samples')} with training.uniform_negatives"


def _of_task(task: Any, loss: Loss | None, model: Any, *, may_distil: bool) -> Iterator[str]:
    """What one task wants of the model; `may_distil`: whether it is the first retrieval task."""
    is_started = model.start == "closed_form"
    if task.members > 1 and not HEADS[task.head_name].averages:
        yield f"another head than {task.head_name} with members above 1 ({task.name})"
    for part in PARTS_BESIDE:
        if getattr(task, part) and model.seen_penalty_dim:
            yield f"{part} = 0 with model.seen_penalty_dim, which is of dot products ({task.name})"
    if loss and not loss.any_scale and is_started:
        yield (
            f"model.start = 'random' with {task.loss_name} for {task.name} (its scores are near 0 "
            "and 1, those of the closed forms ten times that)"
        )
    if task.distillation > 0 and not (loss and loss.distils and is_started and may_distil):
        yield (
            f"model.start = 'closed_form', one of {_losses('distils')}, and the first retrieval "
            f"task with distillation ({task.name})"
        )
    if task.uses_time and loss and not model.history_dim:
        yield f"model.history_dim above 0 with uses_time for {task.name}"


def _losses(fact: str) -> str:
    """The names of the losses of which a fact is true."""
    return ", ".join(name for name, loss in LOSSES.items() if getattr(loss, fact))
