from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from maxella.data.dataset import TaskLabels, build_dataset
from maxella.data.split import split_interactions
from maxella.model.build import ModelSpec, build_model
from maxella.model.head import HeadSpec
from maxella.seeds import torch_generator
from maxella.sources.load import load_source
from maxella.topk import top_k

# How long an example takes says more of the machine than of the code.
settings.register_profile("maxella", deadline=None)
settings.load_profile("maxella")


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
    """MovieLens 1M, random 75/25 with seed 42: who rated what, and how."""
    log = load_source("movielens", shared_data / "ml-1m.zip").interactions
    split = split_interactions(log, kind="random", test=0.25, validation=0.0, seed=42)
    tasks = {
        "retrieval": TaskLabels(np.ones(len(log), dtype=np.float32)),
        "rating": TaskLabels(log["rating"].to_numpy().astype(np.float32)),
    }
    return build_dataset(log, split, tasks)


@pytest.fixture(scope="session")
def share_in_best_100():
    """The share of test interactions whose item is among the user's 100 best, by one lookup."""

    def measure(score, dataset, *, leave_out_seen):
        """`score`: (batch,) user rows → (batch, item rows)."""
        shape = (dataset.users.n_rows, dataset.items.n_rows)
        excluded, wanted = (torch.zeros(shape, dtype=torch.bool) for _ in range(2))
        excluded[:, 0] = True  # the unknown item
        if leave_out_seen:
            excluded[dataset.train.rows.users, dataset.train.rows.items] = True
        wanted[dataset.test.rows.users, dataset.test.rows.items] = True
        hits = 0
        for users in torch.split(torch.arange(shape[0]), 512):
            scores = score(users).masked_fill(excluded[users], -torch.inf)
            hits += int(wanted[users].gather(1, top_k(scores, 100)[1]).sum())
        return hits / len(dataset.test)

    return measure


@pytest.fixture(scope="session")
def make_spec():
    """The facts of a small model: 3 users, 4 items, and the tasks retrieval and rating.

    `heads`: task → head; further facts are those of the model, or of every head.
    """
    of_heads = {field.name for field in fields(HeadSpec)}

    def make(rating="dot", heads=None, **changes):
        named = heads or {"retrieval": "dot_product", "rating": rating}
        of_head = {
            "factors": 2,
            "mean": 3.0,
            "levels": (1.0, 2.0, 3.0, 4.0, 5.0),
            "range": (1.0, 5.0),
            "item_biases": True,
        }
        of_head |= {name: changes.pop(name) for name in list(changes) if name in of_heads}
        facts = {
            "n_user_rows": 4,
            "n_item_rows": 5,
            "encoder": "sum",
            "dim": 3,
            "history_dim": 0,
            "events": (),
            "mean_history": 2.0,
            "embedding_scale": 0.5,
            "heads": tuple(HeadSpec(task, head, **of_head) for task, head in named.items()),
        }
        return ModelSpec(**facts | changes)

    return make


@pytest.fixture(scope="session")
def scramble():
    """Draws every weight of a module anew, but for unknown rows: no part is at a start of zeros."""

    def draw(module, seed=7, scale=1.0):
        generator = torch_generator(seed, "test")
        with torch.no_grad():
            for weight in module.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) * scale)
            for part in module.modules():
                if isinstance(part, torch.nn.Embedding) and part.padding_idx is not None:
                    part.weight[part.padding_idx] = 0
        return module

    return draw


@pytest.fixture(scope="session")
def draw_head(make_spec, scramble):
    """A head with Gaussian factors, in double precision, with every weight drawn anew."""

    def draw(name, *, seed, **changes):
        head = build_model(make_spec(name, **changes), 1).heads["rating"].double()
        scramble(head, seed, 0.5)
        with torch.no_grad():
            for part in getattr(head, "heads", [head]):
                part.user_norm.fill_(1.0)
                part.item_norm.fill_(2.0)
        return head.eval()

    return draw
