import numpy as np
import pytest
import torch

from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.model.build import build_model
from maxella.model.heads import HEADS
from maxella.tasks.losses import LOSSES
from maxella.tasks.task import Task

N_USERS, N_ITEMS = 9, 7
EVENTS = ("view", "buy")


@pytest.fixture(scope="session")
def shop():
    """9 users who viewed 3 to 5 of 7 items; few bought or rated, some what they had not viewed.

    Tasks: view (1 each), buy (weights), rating (few), stars (the same at every view), liked (0 and
    1, few).
    """
    rng = np.random.default_rng(4)
    rows = []
    for user in range(1, N_USERS + 1):
        viewed = rng.choice(N_ITEMS, 3 + user % 3, replace=False) + 1
        rows += [(user, item, 0) for item in viewed]
    rows += [(1, 2, 1), (1, 5, 1), (4, 3, 1), (8, 7, 1)]
    users, items, events = np.array(rows, dtype=np.int64)[rng.permutation(len(rows))].T
    n = len(rows)
    labels = {
        "view": np.where(events == 0, 1, np.nan),
        "buy": np.where(events == 1, rng.integers(1, 4, n), np.nan),
        "rating": np.where((users == 2) | (events == 1), rng.integers(1, 6, n), np.nan),
        "stars": np.where(events == 0, rng.integers(1, 6, n), np.nan),
        "liked": np.where((users == 2) | (events == 1), rng.integers(0, 2, n), np.nan),
    }
    labels = {name: of.astype(np.float32) for name, of in labels.items()}
    log = Interactions(users, items, labels, np.arange(n), events)
    return Log(log, N_USERS + 1, N_ITEMS + 1, EVENTS)


@pytest.fixture(scope="session")
def make_model(make_spec, scramble):
    """task → head; a model of the shop with every weight drawn anew, in double precision."""

    def make(heads, **changes):
        facts = {
            "n_user_rows": N_USERS + 1,
            "n_item_rows": N_ITEMS + 1,
            "dim": 2,
            "history_dim": 3,
            "events": EVENTS,
            "mean_history": 5.0,
            "projects": True,
        }
        if all("binary" in HEADS[head].kinds for head in heads.values()):
            facts |= {"levels": (0.0, 1.0), "mean": 0.5}
        model = scramble(build_model(make_spec(heads=heads, **facts | changes), 1), scale=0.5)
        for name, buffer in model.named_buffers():
            if name.endswith("_norm"):
                buffer.fill_(1.5)
        return model.double().eval()

    return make


@pytest.fixture(scope="session")
def task_of():
    """A task by the kind that a head is for."""

    def make(name, head="dot_product", loss=None, **changes):
        kind = "binary" if name == "liked" else HEADS[head].kinds[0]
        facts = {"counts_repeats": name == "buy"} if kind == "retrieval" else {}
        if kind == "retrieval":
            facts["loss"] = LOSSES[loss or "leave_one_out_softmax"]
        return Task(name, kind, **facts | changes)

    return make


@pytest.fixture(scope="session")
def assert_same():
    """Value and gradients agree, of losses that are scaled so that the factor must be carried."""

    def check(loss, plain, parameters):
        found = torch.autograd.grad(3 * loss, parameters, materialize_grads=True)
        wanted = torch.autograd.grad(3 * plain, parameters, materialize_grads=True)
        torch.testing.assert_close(loss, plain, rtol=1e-6, atol=1e-9)
        for ours, theirs in zip(found, wanted, strict=True):
            # Relative to the gradient's own size: single entries may cancel to nothing.
            assert (ours - theirs).norm() <= 1e-6 * theirs.norm() + 1e-9

    return check
