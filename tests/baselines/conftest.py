import numpy as np
import pytest

from maxella.baselines.table import BASELINES
from maxella.data.labelled import LabelledPairs, TaskData


def pairs_of(users, items, labels=None, times=None):
    users, items = np.asarray(users, dtype=np.int64), np.asarray(items, dtype=np.int64)
    labels = np.ones(len(users)) if labels is None else labels
    return LabelledPairs(users, items, np.asarray(labels, dtype=np.float32), times)


def task_of(pairs, n_user_rows, n_item_rows, kind="retrieval", **events):
    """A task; with events, its own pairs are the event "take"."""
    if events:
        events = {**events, "take": pairs}
    return TaskData("task", kind, pairs, events, n_user_rows, n_item_rows)


class Checkerboard:
    """Even users like every even item, odd users every odd one; one pair a user is withheld.

    Rows 1 to 200 are users and 1 to 40 items. Withheld is the pair (u, (u - 1) % 40 + 1), of
    equal parity since 40 is even: the diagonal, five times over. So the one item of their
    parity that a user lacks is the answer. Every user has viewed all items of their parity, and
    takes them in ascending order, item 1 after item 40, from the one after the answer on.
    User row 201 and item row 41 exist without interactions.
    """

    n_user_rows, n_item_rows = 202, 42
    answer = (np.arange(200) % 40) + 1

    def __init__(self):
        users, items = np.divmod(np.arange(200 * 40), 40)
        users, items = users + 1, items + 1
        liked = (users - items) % 2 == 0
        self.views = pairs_of(users[liked], items[liked])
        self.kept = liked & (items != self.answer[users - 1])
        # Half stars by item and by user, so that ratings are additive.
        self.ratings = 2.0 + 0.5 * (users % 4 == 0) + 0.5 * (items % 4 == 1)
        self.users, self.items = users, items

    def task(self, kind):
        if kind == "retrieval":
            users, items = self.users[self.kept], self.items[self.kept]
            pairs = pairs_of(users, items, times=(items - self.answer[users - 1]) % 40)
            return task_of(pairs, self.n_user_rows, self.n_item_rows, view=self.views)
        labels = self.ratings > 2 if kind == "binary" else self.ratings
        pairs = pairs_of(self.users[self.kept], self.items[self.kept], labels[self.kept])
        return task_of(pairs, self.n_user_rows, self.n_item_rows, kind)


@pytest.fixture(scope="session")
def checkerboard():
    return Checkerboard()


@pytest.fixture(scope="session")
def fitted(checkerboard):
    """Every baseline, fitted to the checkerboard once."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = BASELINES[name].fit(checkerboard.task(BASELINES[name].kind), None)
        return made[name]

    return of


@pytest.fixture(scope="session")
def make():
    """Pairs and tasks by hand."""
    return pairs_of, task_of
