import numpy as np
import pytest

from maxella.data.interactions import Interactions


class Checkerboard:
    """Even users like every even item, odd users every odd one; one pair a user is withheld.

    Rows 1 to 200 are users and 1 to 40 items. Withheld is the pair (u, (u - 1) % 40 + 1), of
    equal parity since 40 is even: the diagonal, five times over. So the one item of their
    parity that a user lacks is the answer. User row 201 and item row 41 exist without
    interactions.
    """

    n_user_rows, n_item_rows = 202, 42
    answer = (np.arange(200) % 40) + 1

    def __init__(self):
        users, items = np.divmod(np.arange(200 * 40), 40)
        users, items = users + 1, items + 1
        kept = ((users - items) % 2 == 0) & (items != self.answer[users - 1])
        # Half stars by item and by user, so that ratings are additive.
        ratings = (2.0 + 0.5 * (users % 4 == 0) + 0.5 * (items % 4 == 1)).astype(np.float32)
        self.train = Interactions(users[kept], items[kept], ratings[kept])


@pytest.fixture(scope="session")
def checkerboard():
    return Checkerboard()
