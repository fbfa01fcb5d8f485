"""What users did besides the pairs of a task."""

from collections.abc import Mapping, Sequence

import numpy as np

from maxella.data.history import History
from maxella.data.interactions import pair_keys
from maxella.data.labelled import LabelledPairs, TaskData


def other_events(data: TaskData) -> dict[str, LabelledPairs]:
    """The events that say more than the task: not all of their pairs are pairs of the task."""
    own = pair_keys(data.pairs, data.n_item_rows)
    return {
        name: pairs
        for name, pairs in data.events.items()
        if not np.isin(pair_keys(pairs, data.n_item_rows), own).all()
    }


def history_of(data: TaskData, pairs: LabelledPairs) -> History:
    """Some pairs as a history of the task's users and items."""
    return History.of(pairs, data.n_user_rows, data.n_item_rows)


def visits(data: TaskData) -> History:
    """The pairs of other events that are no pairs of the task."""
    of_all = _joined(data.pairs, list(other_events(data).values()))
    own = pair_keys(data.pairs, data.n_item_rows)
    return history_of(data, of_all.take(~np.isin(pair_keys(of_all, data.n_item_rows), own)))


def best_known(data: TaskData, events: Mapping[str, LabelledPairs]) -> History:
    """What says most of each user: the task's pairs, or those of some events where there are none.

    Of who has viewed and bought nothing yet, the views.
    """
    has_pairs = np.zeros(data.n_user_rows, dtype=bool)
    has_pairs[data.pairs.users] = True
    rest = [pairs.take(~has_pairs[pairs.users]) for pairs in events.values()]
    return history_of(data, _joined(data.pairs, rest))


def _joined(pairs: LabelledPairs, others: Sequence[LabelledPairs]) -> LabelledPairs:
    """Users, items and labels of all."""
    logs = [pairs, *others]
    columns = zip(*((of.users, of.items, of.labels) for of in logs), strict=True)
    return LabelledPairs(*(np.concatenate(column) for column in columns))
