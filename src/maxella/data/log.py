"""Rows of a log together with what their codes mean: what users did, and what tasks learn of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.data.labelled import LabelledPairs, TaskData


@dataclass(frozen=True)
class Log:
    """Some rows of a log, of a catalogue and users of a known size."""

    rows: Interactions
    n_user_rows: int
    n_item_rows: int
    events: tuple[str, ...] = ()  # names, by code; none where the log tells no events apart
    keeps: Mapping[str, str] = field(default_factory=dict)  # task → which label of a pair counts

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, rows: Interactions) -> "Log":
        """Other rows of the same log."""
        return replace(self, rows=rows)

    def join(self, rows: Interactions) -> "Log":
        """These rows, then others of the same log."""
        return replace(self, rows=self.rows.join(rows))

    def codes(self, events: Sequence[str]) -> list[int]:
        """Names of events → their codes."""
        return [self.events.index(event) for event in events]

    def pairs(self, task: str) -> LabelledPairs:
        """The labels of a task, one for each pair."""
        return self.rows.of(task, keep=self.keeps.get(task, "last"))

    def history(self, task: str | None = None, *, in_time_order: bool = False) -> History:
        """The pairs that are labels of a task, or all."""
        rows = self.rows if task is None else self.pairs(task)
        return self._history(rows, in_time_order=in_time_order)

    def histories(
        self, channels: Sequence[str], *, in_time_order: bool = False
    ) -> tuple[History, ...]:
        """What users did, by each of some events; all together where none are named."""
        logs = [self.rows.of_event(code) for code in self.codes(channels)] or [self.rows]
        return tuple(self._history(rows, in_time_order=in_time_order) for rows in logs)

    def task_data(self, task: str, kind: str) -> TaskData:
        """What the rows say to a task: its own labels, and what its users did by every event."""
        events = {}
        for code, name in enumerate(self.events):
            rows = self.rows.of_event(code)
            ones = np.ones(len(rows), dtype=np.float32)
            events[name] = LabelledPairs(rows.users, rows.items, ones, rows.timestamps)
        pairs = self.pairs(task)
        return TaskData(task, kind, pairs, events, self.n_user_rows, self.n_item_rows)

    def _history(self, rows: Interactions | LabelledPairs, *, in_time_order: bool) -> History:
        return History.of(rows, self.n_user_rows, self.n_item_rows, in_time_order=in_time_order)
