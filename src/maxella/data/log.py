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

    def places_of_events(self, events: Sequence[str]) -> np.ndarray:
        """(n,) the place of each row's event among some events; −1 where it is none of them."""
        assert self.rows.events is not None  # noqa: S101 - who names events has looked
        places = np.full(len(self.events), -1)
        places[self.codes(events)] = np.arange(len(events))
        found: np.ndarray = places[self.rows.events]
        return found

    def pairs(self, task: str) -> LabelledPairs:
        """The labels of a task, one for each pair."""
        return self.rows.of(task, keep=self.keeps.get(task, "last"))

    def events_of(self, task: str) -> list[str]:
        """The events that have labels of a task."""
        assert self.rows.events is not None  # noqa: S101 - a log of several events
        codes = np.unique(self.rows.events[~np.isnan(self.rows.labels[task])])
        return [self.events[code] for code in codes]

    def picks(self, task: str, *, in_time_order: bool = False) -> History:
        """The pairs that are labels of a task.

        `in_time_order` sorts those of a user, and keeps places in time as their times: 0, 1, ...
        Rows of one time, and of a log without times, are in the order of the log.
        """
        pairs = self.pairs(task)
        if in_time_order:
            places = np.arange(len(pairs))
            if pairs.timestamps is not None:
                places[np.argsort(pairs.timestamps, kind="stable")] = np.arange(len(pairs))
            pairs = replace(pairs, timestamps=places)
        return History.of(pairs, self.n_user_rows, self.n_item_rows, in_time_order=in_time_order)

    def history(
        self, events: Sequence[str] = (), *, with_times: bool = False, in_time_order: bool = False
    ) -> History:
        """What users did by some events, told apart by their place in the list; by all, if none."""
        rows, codes = self.rows, None
        if events:
            codes = self.places_of_events(events)
            rows, codes = rows.take(codes >= 0), codes[codes >= 0]
        return History.of(
            rows,
            self.n_user_rows,
            self.n_item_rows,
            events=codes,
            with_times=with_times,
            in_time_order=in_time_order,
        )

    def task_data(self, task: str, kind: str) -> TaskData:
        """What the rows say to a task: its own labels, and what its users did by every event."""
        events = {}
        for code, name in enumerate(self.events):
            rows = self.rows.of_event(code)
            ones = np.ones(len(rows), dtype=np.float32)
            events[name] = LabelledPairs(rows.users, rows.items, ones, rows.timestamps)
        pairs = self.pairs(task)
        return TaskData(task, kind, pairs, events, self.n_user_rows, self.n_item_rows)
