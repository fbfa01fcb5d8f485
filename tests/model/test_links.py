"""What links learn of embeddings: of noise nothing, and what there is to tell."""

import numpy as np
import pytest
import torch

from maxella.data.entity_features import Features
from maxella.model.head import EmbeddedPairs, HeadShape, Targets
from maxella.model.heads import HEADS
from maxella.seeds import torch_generator

N_USERS, N_ITEMS, DIM, PER_USER = 40, 60, 64, 20
STARS = (1.0, 2.0, 3.0, 4.0, 5.0)
STEPS = 300


def world(telling):
    """Users and items with drawn embeddings, and ratings that these tell of by `telling`.

    Half of a user's pairs are for training.
    """
    draw = np.random.default_rng(3)
    u, v = (draw.normal(size=(n, DIM)) / DIM**0.5 for n in (N_USERS, N_ITEMS))
    users = np.repeat(np.arange(N_USERS), 2 * PER_USER)
    items = np.concatenate([draw.permutation(N_ITEMS)[: 2 * PER_USER] for _ in range(N_USERS)])
    biases = [0.5 * draw.normal(size=n) for n in (N_USERS, N_ITEMS)]
    match = DIM * (u[users, :2] * v[items, :2]).sum(axis=1)
    wish = (
        biases[0][users] + biases[1][items] + telling * match + 0.8 * draw.normal(size=len(users))
    )
    ratings = np.clip(np.rint(3 + wish), 1, 5)
    embeddings = [torch.from_numpy(x).float() for x in (u, v)]

    def part(of):
        at = np.flatnonzero((np.arange(len(users)) // PER_USER) % 2 == of)
        rows = torch.from_numpy(users[at]), torch.from_numpy(items[at])
        # Row 0 is the unknown user or item.
        known = torch.arange(N_USERS) + 1, torch.arange(N_ITEMS) + 1
        return EmbeddedPairs(*embeddings, *known, *rows), torch.from_numpy(ratings[at]).float()

    return part(0), part(1)


def bias_rmse(train, test):
    """Of damped means, ten times in turn."""
    (pairs, labels), (asked, wanted) = train, test
    found = [torch.zeros(N_USERS), torch.zeros(N_ITEMS)]
    rows = [pairs.user_positions, pairs.item_positions]
    for side in [1, 0] * 10:
        left = labels - labels.mean() - found[1 - side][rows[1 - side]]
        sums = torch.zeros(len(found[side])).index_add(0, rows[side], left)
        found[side] = sums / (torch.bincount(rows[side], minlength=len(sums)) + 4)
    answers = labels.mean() + found[0][asked.user_positions] + found[1][asked.item_positions]
    return (answers - wanted).square().mean().sqrt()


def head_rmse(name, train, test):
    """Of a head that was trained on all pairs at once."""
    (pairs, labels), (asked, wanted) = train, test
    shape = HeadShape(
        task="task",
        head=name,
        factors=4,
        levels=STARS,
        mean=float(labels.mean()),
        n_user_rows=N_USERS + 1,
        n_item_rows=N_ITEMS + 1,
        dim=DIM,
        generator=torch_generator(1, "test"),
        features=Features(),
    )
    head = HEADS[name].make(shape)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.03)
    for step in range(STEPS):
        optimiser.zero_grad()
        targets = Targets(labels, expected=float(len(labels)), done=step / STEPS)
        head.loss(pairs, targets).backward()
        optimiser.step()
    head.eval()
    with torch.no_grad():
        return (head(asked) - wanted).square().mean().sqrt()


@pytest.mark.parametrize("name", ["variational", "ordinal"])
def test_links_to_noise_leave_a_head_level_with_its_biases(name):
    train, test = world(telling=0.0)
    assert head_rmse(name, train, test) < bias_rmse(train, test) + 0.01


@pytest.mark.parametrize("name", ["variational", "ordinal"])
def test_what_embeddings_tell_of_ratings_is_learnt(name):
    train, test = world(telling=1.0)
    assert head_rmse(name, train, test) < 0.9 * bias_rmse(train, test)
