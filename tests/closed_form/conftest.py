import numpy as np
import pytest

from maxella.data.history import History
from maxella.data.interactions import Interactions


@pytest.fixture(scope="session")
def history_of():
    """A 0/1 matrix of who took what → the history of users and items 1, 2, ..., row 0 unknown."""

    def make(taken):
        users, items = np.nonzero(taken)
        return History.of(Interactions(users + 1, items + 1), *(np.array(np.shape(taken)) + 1))

    return make
