"""What newcomers did, with the labels that the tasks learn of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from maxella.data.dataset import encode
from maxella.data.log import Log
from maxella.data.rows import EVENT
from maxella.errors import ConfigError, DataError
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.tasks.kinds import KINDS
from maxella.tasks.task import Task


def newcomers_log(
    history: pl.DataFrame, users: Vocabulary, items: Vocabulary, tasks: Sequence[Task], like: Log
) -> Log:
    """A history table as a log of the model's events and tasks; rows of unknown items left out.

    A task whose columns the table lacks has no labels in it. Raises DataError where the model tells
    events apart and the table does not.
    """
    if like.events and len(history) and EVENT not in history.columns:
        raise DataError(
            f"Wanted a column event ({', '.join(like.events)}): what each row of the history says "
            f"happened; the table has {', '.join(history.columns)}. Add it."
        )
    history = history[[column.name for column in history if column.null_count() < len(column)]]
    if like.events:
        is_known = pl.col(EVENT).cast(pl.String).is_in(like.events)
        history = history.filter(is_known) if len(history) else history
    labels = _labels(history, tasks, like.events)
    rows = replace(encode(history, users, items), labels=labels)
    if like.events:
        codes = pl.Series(history[EVENT], dtype=pl.Enum(like.events)).to_physical()
        rows = replace(rows, events=codes.to_numpy().astype(np.int64))
    rows = rows.take((rows.items != UNKNOWN_ROW) & (rows.users != UNKNOWN_ROW))
    return Log(rows, users.n_rows, items.n_rows, like.events, like.keeps)


def _labels(
    history: pl.DataFrame, tasks: Sequence[Task], events: Sequence[str]
) -> dict[str, np.ndarray]:
    """By task, (n,) the labels that training would find."""
    # Behind the table a row of each event, so that a task may look for one that nobody did.
    if events:
        every = pl.DataFrame({EVENT: events}, schema={EVENT: pl.String})
        table = pl.concat([history, every], how="diagonal_relaxed")
    else:
        table = history
    found = {}
    for task in tasks:
        try:
            labels = KINDS[task.kind].labels(table, task).labels[: len(history)]
        except ConfigError:  # a column that training had is not here
            labels = np.full(len(history), np.nan, dtype=np.float32)
        if np.isinf(labels).any():
            row = int(np.isinf(labels).argmax())
            raise DataError(
                f"Wanted finite numbers as {task.column}; row {row + 1} of the history has "
                f"{labels[row]}. Mend or remove it."
            )
        found[task.name] = labels
    return found
