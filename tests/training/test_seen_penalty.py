"""What a user has sinks, for newcomers too, and nothing else moves."""

import numpy as np
import pytest
import torch

from maxella.model.build import build_model
from maxella.seeds import torch_generator
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.seen_penalty import _SINK, SeenPenaltyStage, _start

N_USERS, N_ITEMS = 120, 30
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def log(picks_of):
    """120 users with about half of 30 items each, more of the fifteen that their kind likes."""
    rng = np.random.default_rng(3)
    likes = np.where(np.arange(N_USERS)[:, None] % 2 == np.arange(N_ITEMS) // 15, 0.7, 0.2)
    users, items = np.nonzero(rng.random((N_USERS, N_ITEMS)) < likes)
    return picks_of(users + 1, items + 1, (N_USERS + 1, N_ITEMS + 1))


@pytest.fixture(scope="module")
def dataset(dataset_of, log):
    return dataset_of(log)


@pytest.fixture
def make_started(make_spec, dataset):
    def make(penalty_dim):
        facts = {"n_user_rows": N_USERS + 1, "n_item_rows": N_ITEMS + 1, "mean_history": 13.0}
        spec = make_spec(dim=3, history_dim=3, seen_penalty_dim=penalty_dim, **facts)
        model = build_model(spec, seed=1).eval()
        ClosedFormStart("retrieval", 2, CPU)(model, dataset)
        return model

    return make


def share_of_seen(scores, log):
    """Of the places down to the number of items a user lacks, how many seen items take."""
    has = torch.zeros(scores.shape, dtype=torch.bool)
    has[log.rows.users, log.rows.items] = True
    taken, places = 0, 0
    for user in range(1, len(scores)):
        n = int(N_ITEMS - has[user].sum())
        best = scores[user, 1:].topk(n).indices + 1
        taken, places = taken + int(has[user, best].sum()), places + n
    return taken / places


def test_more_dimensions_sink_more_of_what_users_have(make_started, log, dataset, scores_of):
    shares = []
    for dim in (2, 8, 30):
        model = make_started(dim)
        plain = share_of_seen(scores_of(model, log), log)
        stage = SeenPenaltyStage("retrieval", 1)
        stage(model, dataset)
        assert stage.facts["loss"] > 0
        shares.append(share_of_seen(scores_of(model, log, sink_seen=True), log))
    assert plain > 0.5  # a good score puts first what a user has
    assert shares == sorted(shares, reverse=True)
    assert shares[0] < plain - 0.05
    assert shares[2] < 0.01  # as many dimensions as items: as good as all of it


def test_no_other_weight_moves(make_started, dataset, changed):
    model = make_started(8)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    SeenPenaltyStage("retrieval", 1)(model, dataset)
    moved = changed(model, before)
    assert {name.split(".")[0] for name in moved} == {"seen_penalty"}
    weights = {name for name, _ in model.named_parameters() if name.startswith("seen_penalty")}
    assert moved == weights
    assert all(weight.requires_grad for weight in model.parameters())


def test_newcomers_items_sink_as_those_of_the_users_with_their_histories(
    make_started, log, dataset, scores_of
):
    model = make_started(20)
    SeenPenaltyStage("retrieval", 1)(model, dataset)
    # The same users in other rows, of whom the penalty reads what it reads of anybody.
    rows = log.rows.take(log.rows.users <= 20)
    others = log.of(type(rows)(rows.users + 40, rows.items, rows.labels))
    sunk, found = (
        scores_of(model, one, sink_seen=True) - scores_of(model, one) for one in (log, others)
    )
    torch.testing.assert_close(found[41:61], sunk[1:21], atol=1e-3, rtol=1e-4)
    assert share_of_seen((scores_of(model, log) + sunk)[:21], log.of(rows)) < 0.05


@pytest.mark.parametrize("scale", [1 / 64, 64.0])
def test_the_scale_of_the_scores_does_not_matter(make_started, log, dataset, scores_of, scale):
    found = []
    for factor in (1.0, scale):
        model = make_started(8)
        with torch.no_grad():
            model.item_encoder.table.weight *= factor
        SeenPenaltyStage("retrieval", 1)(model, dataset)
        found.append(scores_of(model, log, sink_seen=True)[1:] / factor)
    torch.testing.assert_close(*found, atol=1e-2, rtol=1e-2)


def test_a_penalty_as_wide_as_the_catalogue_starts_at_what_a_user_has(make_spec, log):
    spec = make_spec(
        n_user_rows=N_USERS + 1, n_item_rows=N_ITEMS + 1, mean_history=13.0, seen_penalty_dim=31
    )
    penalty, history = build_model(spec, seed=1).seen_penalty, log.history()
    _start(penalty, history, torch_generator(2, "start"))
    everyone = torch.arange(N_USERS + 1)
    users, items = penalty.embeddings(history.bags(everyone))
    torch.testing.assert_close(
        users @ items.T, -_SINK * history.matrix(everyone), atol=1e-3, rtol=0
    )
