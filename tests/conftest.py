from pathlib import Path

import pytest
import torch

from maxella.data.dataset import build_dataset
from maxella.data.split import split_interactions
from maxella.model.build import ModelSpec, build_model
from maxella.seeds import torch_generator
from maxella.sources.load import load_source
from maxella.topk import top_k


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout, where there is any."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("there is no folder of real data beside this checkout")
    return folder


@pytest.fixture(
    scope="session",
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=pytest.mark.skipif(
                not torch.cuda.is_available(), reason="torch sees no CUDA device here"
            ),
        ),
    ],
)
def device(request):
    """Each device that can train."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def ml_1m(shared_data):
    """MovieLens 1M, random 75/25 with seed 42."""
    log = load_source("movielens", shared_data / "ml-1m.zip").interactions
    split = split_interactions(log, kind="random", test=0.25, validation=0.0, seed=42)
    return build_dataset(log, split)


@pytest.fixture(scope="session")
def share_in_best_100():
    """The share of test interactions whose item is among the user's 100 best, by one lookup."""

    def measure(score, dataset, *, leave_out_seen):
        """`score`: (batch,) user rows → (batch, item rows)."""
        shape = (dataset.users.n_rows, dataset.items.n_rows)
        excluded, wanted = (torch.zeros(shape, dtype=torch.bool) for _ in range(2))
        excluded[:, 0] = True  # the unknown item
        if leave_out_seen:
            excluded[dataset.train.users, dataset.train.items] = True
        wanted[dataset.test.users, dataset.test.items] = True
        hits = 0
        for users in torch.split(torch.arange(shape[0]), 512):
            scores = score(users).masked_fill(excluded[users], -torch.inf)
            hits += int(wanted[users].gather(1, top_k(scores, 100)[1]).sum())
        return hits / len(dataset.test)

    return measure


@pytest.fixture(scope="session")
def make_spec():
    """The facts of a small model: 3 users and 4 items but for the changes given."""

    def make(**changes):
        facts = {
            "n_user_rows": 4,
            "n_item_rows": 5,
            "dim": 3,
            "history_dim": 0,
            "mean_history": 2.0,
            "rating_head": "dot",
            "rating_dim": 2,
            "rating_members": 1,
            "item_biases": True,
            "embedding_scale": 0.5,
            "mean_rating": 3.0,
            "rating_range": (1.0, 5.0),
            "rating_levels": (1.0, 2.0, 3.0, 4.0, 5.0),
        }
        return ModelSpec(**facts | changes)

    return make


@pytest.fixture(scope="session")
def draw_head(make_spec):
    """A rating head with Gaussian factors, in double precision, with every weight drawn anew."""

    def draw(name, *, seed, **changes):
        head = build_model(make_spec(rating_head=name, **changes), 1).rating_head.double()
        generator = torch_generator(seed, "test")
        with torch.no_grad():
            for weight in head.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)
            for part in getattr(head, "heads", [head]):
                part.user_norm.fill_(1.0)
                part.item_norm.fill_(2.0)
        return head.eval()

    return draw
