"""What the closed forms reach on MovieLens 1M, random 75/25."""

import pytest
from torch.nn import functional

from maxella.closed_form.edlae import low_rank_edlae
from maxella.closed_form.ials import ials
from maxella.seeds import torch_generator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def history(ml_1m):
    return ml_1m.train.picks("retrieval")


def test_edlae_at_128_dimensions(ml_1m, history, share_in_best_100):
    readings, items = low_rank_edlae(history, 128, torch_generator(42, "start"))
    users = functional.embedding_bag(history.items, readings, history.starts[:-1], mode="sum")
    found = share_in_best_100(lambda rows: users[rows] @ items.T, ml_1m, leave_out_seen=True)
    assert found >= 0.470  # EASE: .462


def test_ials_at_128_dimensions(ml_1m, history, share_in_best_100):
    users, items = ials(history, 128, torch_generator(42, "start"))
    found = share_in_best_100(lambda rows: users[rows] @ items.T, ml_1m, leave_out_seen=True)
    assert found >= 0.470  # iALS without frequency scaling: .467
