"""Steps that led astray are taken back, as far as the validation part says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.model.build import build_model
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.shrunk_steps import ShrunkSteps

USERS, ITEMS = 60, 20
CPU = torch.device("cpu")


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
    train, later = (
        picks_of(users[:, of].ravel(), items[:, of].ravel(), shape)
        for of in (slice(4), slice(4, 5))
    )
    return replace(dataset_of(train), validation=later)


@pytest.fixture
def started(make_spec, data):
    facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "dim": 4, "history_dim": 4}
    model = build_model(make_spec(heads={"retrieval": "dot_product"}, **facts), 1).eval()
    start = ClosedFormStart("retrieval", 1, CPU)
    start(model, data)
    return model, start


def test_steps_that_led_astray_are_taken_back(started, data):
    model, start = started
    with torch.no_grad():  # the wrong group's items
        model.item_encoder.table.weight.mul_(-1.0)
    stage = ShrunkSteps("retrieval", start)
    stage(model, data)
    assert stage.facts == {"share": 0.0}
    for name, weight in model.ranking_weights().items():
        torch.testing.assert_close(weight, start.weights[name])


def test_steps_that_led_somewhere_stay(started, data):
    model, start = started
    right = {name: one.clone() for name, one in start.weights.items()}
    start.weights["item_encoder.table.weight"].mul_(-1.0)
    stage = ShrunkSteps("retrieval", start)
    stage(model, data)
    assert stage.facts == {"share": 1.0}
    assert all(torch.equal(one, right[name]) for name, one in model.ranking_weights().items())


def test_without_a_validation_part_steps_stay(started, data, changed):
    model, start = started
    with torch.no_grad():
        model.item_encoder.table.weight.mul_(-1.0)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    stage = ShrunkSteps("retrieval", start)
    stage(model, replace(data, validation=data.test))
    assert stage.facts == {}
    assert not changed(model, before)


def test_a_head_that_answers_pairs_keeps_what_it_learnt(make_spec, data, changed):
    facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "dim": 4}
    model = build_model(make_spec(**facts), 1)
    assert not any(name.startswith("heads.rating") for name in model.ranking_weights())
    assert any(name.startswith("heads.retrieval") for name in model.ranking_weights())
