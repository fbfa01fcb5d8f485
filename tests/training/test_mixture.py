"""The parts of the encoder count as the validation part says, and for ranking alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.model.build import build_model
from maxella.recommend.engine import Engine
from maxella.training.mixture import RATIOS, Mixture

USERS, ITEMS = 60, 20


@pytest.fixture
def data(dataset_of, picks_of):
    """Two groups of users, each with half of the items."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(1, USERS + 1):
        own = np.arange(1, ITEMS // 2 + 1) + user % 2 * ITEMS // 2
        rows += [(user, item) for item in rng.choice(own, 5, replace=False)]
    users, items = np.array(rows).T.reshape(2, USERS, 5)
    shape = USERS + 1, ITEMS + 1
    ratings = (1 + items % 5).astype(np.float32)
    train, later = (
        picks_of(*(one[:, of].ravel() for one in (users, items)), shape, ratings[:, of].ravel())
        for of in (slice(4), slice(4, 5))
    )
    return replace(dataset_of(train), validation=later)


@pytest.fixture
def model(make_spec):
    """The id part is noise; by their history users like what is in the half that they have."""
    facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "dim": 2, "history_dim": 1}
    made = build_model(make_spec(**facts), 1).eval()
    group = torch.where(torch.arange(ITEMS + 1) > ITEMS // 2, 1.0, -1.0)
    with torch.no_grad():
        made.user_encoder.ids.table.weight.mul_(20.0)
        made.item_encoder.table.weight[:, 2] = group
        made.user_encoder.history.readings.weight[:, 0] = group
    return made


def test_the_part_that_knows_counts_more(model, data):
    stage = Mixture("retrieval")
    stage(model, data)
    assert stage.facts["ratio"] >= 3.0
    with torch.no_grad():  # now the history says the opposite
        model.user_encoder.history.readings.weight.neg_()
    stage(model, data)
    assert stage.facts["ratio"] == min(RATIOS)


def test_a_score_is_that_of_its_weighed_parts(model, data):
    with torch.no_grad():
        model.user_encoder.history.readings.weight.neg_()
    Mixture("retrieval")(model, data)
    users, items = model.embed(data.train.picks("retrieval"))
    ratio = min(RATIOS)
    of_ids, of_history = users[:, :2] @ items[:, :2].T, users[:, 2:] @ items[:, 2:].T
    wanted = (2 * of_ids + 2 * ratio * of_history) / (1 + ratio)
    found = Engine.of(model, data.train).answers("retrieval").score(torch.arange(1, USERS + 1))
    torch.testing.assert_close(found, wanted[1:].detach())


def test_ratings_stay(model, data):
    users, items = torch.arange(1, ITEMS + 1), torch.arange(1, ITEMS + 1)
    before = Engine.of(model, data.train).answers("rating").predict(users, items)
    Mixture("retrieval")(model, data)
    assert torch.equal(before, Engine.of(model, data.train).answers("rating").predict(users, items))


def test_without_a_validation_part_both_count_alike(model, data):
    stage = Mixture("retrieval")
    stage(model, replace(data, validation=data.test))
    assert stage.facts == {"ratio": 1.0}
    assert (model.heads["retrieval"].gains == 1).all()
