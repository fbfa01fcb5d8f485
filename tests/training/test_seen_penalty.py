"""What a user has sinks, for newcomers too, and nothing else moves."""

import numpy as np
import pytest
import torch
from maxella.recommend.scorer import Scorer
from maxella.training.demotion import train_demotion
from maxella.training.start import start_demotion, start_in_closed_form

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.model.build import build_model
from maxella.seeds import torch_generator

N_USERS, N_ITEMS = 120, 30


@pytest.fixture(scope="module")
def log():
    """120 users with about half of 30 items each, more of the fifteen that their kind likes."""
    rng = np.random.default_rng(3)
    likes = np.where(np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS) // 15, 0.7, 0.2)
    users, items = np.nonzero(rng.random((N_USERS, N_ITEMS)) < likes)
    return Interactions(users + 1, items + 1)


@pytest.fixture
def make_started(make_spec, log):
    def make(demotion_dim):
        facts = {"n_user_rows": N_USERS + 1, "n_item_rows": N_ITEMS + 1, "mean_history": 13.0}
        spec = make_spec(dim=3, history_dim=3, demotion_dim=demotion_dim, **facts)
        model = build_model(spec, seed=1).eval()
        history = History.of(log, N_USERS + 1, N_ITEMS + 1)
        start_in_closed_form(model, history, torch_generator(2, "start"))
        start_demotion(model.demotion, history, torch_generator(2, "demotion"))
        return model

    return make


def share_of_seen(scores, log):
    """Of the places down to the number of items a user lacks, how many seen items take."""
    has = torch.zeros(scores.shape, dtype=torch.bool)
    has[log.users, log.items] = True
    taken, places = 0, 0
    for user in range(1, len(scores)):
        n = int(N_ITEMS - has[user].sum())
        best = scores[user, 1:].topk(n).indices + 1
        taken, places = taken + int(has[user, best].sum()), places + n
    return taken / places


def test_more_dimensions_sink_more_of_what_users_have(make_started, log):
    shares = []
    for dim in (2, 8, 30):
        model = make_started(dim)
        scorer = Scorer(model, log)
        plain = share_of_seen(scorer.score(torch.arange(N_USERS + 1)), log)
        train_demotion(model, log, seed=1)
        scores = Scorer(model, log).demoted().score(torch.arange(N_USERS + 1))
        shares.append(share_of_seen(scores, log))
    assert plain > 0.5  # a good score puts first what a user has
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < plain - 0.05
    assert shares[2] < 0.01  # as many dimensions as items: as good as all of it


def test_no_other_weight_moves_and_the_score_without_the_part_is_what_it_was(make_started, log):
    model = make_started(8)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    scores = Scorer(model, log).score(torch.arange(N_USERS + 1))
    train_demotion(model, log, seed=1)
    for name, weight in model.state_dict().items():
        may_move = name.startswith("demotion.")
        assert may_move or torch.equal(weight, before[name]), name
    assert torch.equal(Scorer(model, log).score(torch.arange(N_USERS + 1)), scores)


def test_newcomers_items_sink_as_those_of_the_users_with_their_histories(make_started, log):
    model = make_started(20)
    train_demotion(model, log, seed=1)
    scorer = Scorer(model, log)
    first = log.take(log.users <= 20)  # read as if nobody knew them
    rows = torch.arange(21)
    newcomers = scorer.of_newcomers(first, 21)
    plain, sunk = newcomers.score(rows), newcomers.demoted().score(rows)
    assert share_of_seen(plain, first) > 0.5
    assert share_of_seen(sunk, first) < 0.05
    of_users = scorer.demoted().score(rows) - scorer.score(rows)
    torch.testing.assert_close(sunk - plain, of_users, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("scale", [1 / 64, 64.0])
def test_the_scale_of_the_scores_does_not_matter(make_started, log, scale):
    found = []
    for factor in (1.0, scale):
        model = make_started(8)
        with torch.no_grad():
            model.item_tower.table.weight *= factor
        train_demotion(model, log, seed=1)
        found.append(Scorer(model, log).demoted().score(torch.arange(1, N_USERS + 1)) / factor)
    torch.testing.assert_close(*found, atol=1e-2, rtol=1e-2)
