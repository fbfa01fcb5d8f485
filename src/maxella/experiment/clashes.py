"""Choices that do not go together, from what the tables say of losses and heads."""

from collections.abc import Sequence
from typing import Any

from maxella.model.heads import HEADS
from maxella.tasks.losses import LOSSES


def clashes(model: Any, tasks: Sequence[Any], training: Any) -> list[tuple[bool, str]]:
    """Whether each such choice is made, and what is wanted instead.

    The sections of a config (`experiment.config`), and its tasks that have a weight.
    """
    losses = {task.name: LOSSES[task.loss_name] for task in tasks if task.loss_name}
    heads = {task.name: HEADS[task.head_name] for task in tasks}
    is_started = model.start == "closed_form"
    of_rows = [task for task, loss in losses.items() if not loss.whole_users]
    if training.batches == "rows":
        of_rows = of_rows or list(heads)
    of_users = [task for task, loss in losses.items() if loss.whole_users]
    of_users += [task for task, head in heads.items() if head.whole_users]
    blind = [task for task, loss in losses.items() if not loss.corrects_itself]
    first = next(iter(losses), None)
    found = [
        (not model.dim and not model.history_dim, "model.dim or model.history_dim above 0"),
        (
            bool(of_rows and (of_users or model.history_dim)),
            (
                "tasks that all learn from batches of rows, and no history, for "
                f"{_names(of_rows)}; these go with no {_losses(whole_users=True)}, no head that "
                "wants whole users and no model.history_dim"
            ),
        ),
        (
            bool(model.history_dim and blind),
            (
                f"one of {_losses(corrects_itself=True)} for {_names(blind)} with "
                "model.history_dim above 0 (else an interaction sees itself)"
            ),
        ),
        (
            len({loss.negatives for loss in losses.values()}) > 1,
            "losses of all retrieval tasks over the same items, as a batch has one set of them",
        ),
        (
            training.uniform_negatives is not None
            and not all(loss.samples for loss in losses.values()),
            f"one of {_losses(samples=True)} with training.uniform_negatives",
        ),
        (
            is_started and not losses,
            "a retrieval task with model.start = 'closed_form': it starts from what users pick",
        ),
        (bool(tasks) and all(task.every > 1 for task in tasks), "every = 1 for one of the tasks"),
        (not training.epochs and not is_started, "model.start = 'closed_form' with epochs = 0"),
        (
            not is_started and bool(tasks) and not any(task.shapes_encoders for task in tasks),
            (
                "something to make the encoders: shapes_encoders for one of the tasks, or "
                "model.start = 'closed_form'"
            ),
        ),
    ]
    for task in tasks:
        loss = losses.get(task.name)
        found += [
            (
                task.members > 1 and not heads[task.name].averages,
                f"another head than {task.head_name} with members above 1 ({task.name})",
            ),
            (
                loss is not None and not loss.any_scale and is_started,
                (
                    f"model.start = 'random' with {task.loss_name} for {task.name} (its scores are "
                    "near 0 and 1, those of the closed forms ten times that)"
                ),
            ),
            (
                task.distillation > 0
                and not (loss is not None and loss.distils and is_started and task.name == first),
                (
                    f"model.start = 'closed_form', one of {_losses(distils=True)}, and the first "
                    f"retrieval task with distillation ({task.name})"
                ),
            ),
            (
                task.uses_time and loss is not None and not model.history_dim,
                f"model.history_dim above 0 with uses_time for {task.name}",
            ),
        ]
    return found


def folder_name(model: str) -> str:
    """What the folder of a model of a comparison is called."""
    return "".join(letter if letter.isalnum() else "-" for letter in model.lower())


def _losses(**facts: bool) -> str:
    """The names of the losses with these facts."""
    return ", ".join(
        name
        for name, loss in LOSSES.items()
        if all(getattr(loss, fact) == value for fact, value in facts.items())
    )


def _names(tasks: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(tasks))
