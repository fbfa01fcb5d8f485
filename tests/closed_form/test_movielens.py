"""What the closed forms reach on MovieLens 1M, random 75/25."""

import pytest
import torch
from torch.nn import functional

from maxella.closed_form.edlae import low_rank_edlae
from maxella.closed_form.ials import ials
from maxella.data.dataset import build_dataset
from maxella.data.history import History
from maxella.data.split import split_interactions
from maxella.seeds import torch_generator
from maxella.sources.load import load_source
from maxella.topk import top_k

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ml_1m(shared_data):
    log = load_source("movielens", shared_data / "ml-1m.zip").interactions
    split = split_interactions(log, kind="random", test=0.25, validation=0.0, seed=42)
    return build_dataset(log, split)


@pytest.fixture(scope="module")
def history(ml_1m):
    return History.of(ml_1m.train, ml_1m.users.n_rows, ml_1m.items.n_rows)


def filtered_top_100(dataset, users, items):
    """The share of test interactions whose item is among the user's 100 best unseen ones."""
    scores = users @ items.T  # (user rows, item rows)
    scores[:, 0] = -torch.inf
    scores[dataset.train.users, dataset.train.items] = -torch.inf
    wanted = torch.zeros(scores.shape, dtype=torch.bool)
    wanted[dataset.test.users, dataset.test.items] = True
    return int(wanted.gather(1, top_k(scores, 100)[1]).sum()) / len(dataset.test)


def test_edlae_at_128_dimensions(ml_1m, history):
    readings, items = low_rank_edlae(history, 128, torch_generator(42, "start"))
    users = functional.embedding_bag(history.items, readings, history.starts[:-1], mode="sum")
    assert filtered_top_100(ml_1m, users, items) >= 0.470  # EASE: .462


def test_ials_at_128_dimensions(ml_1m, history):
    users, items = ials(history, 128, torch_generator(42, "start"))
    assert filtered_top_100(ml_1m, users, items) >= 0.470  # iALS without frequency scaling: .467
