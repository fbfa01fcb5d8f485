"""Users are read again from the validation part; nobody else moves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.closed_form.ials import fold_in, ials, usual_l2
from maxella.model.build import build_model
from maxella.recommend.engine import Engine
from maxella.seeds import torch_generator
from maxella.training.reread import Reread

USERS, ITEMS = 40, 12


def log_of(picks_of, seed, per_user, users=range(1, USERS + 1)):
    rng = np.random.default_rng(seed)
    rows = [(user, item + 1) for user in users for item in rng.choice(ITEMS, per_user, False)]
    users, items = np.array(rows).T
    ratings = (1 + (users + items) % 5).astype(np.float32)
    return picks_of(users, items, (USERS + 1, ITEMS + 1), ratings)


@pytest.fixture
def data(dataset_of, picks_of):
    train = log_of(picks_of, 1, 6)
    validation = log_of(picks_of, 2, 3, users=[3, 5])
    return replace(dataset_of(train), validation=validation)


@pytest.fixture
def model(make_spec, data):
    """iALS for the picks; a rating head that has learnt nothing."""
    facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "dim": 3}
    made = build_model(make_spec("variational", **facts), 1).eval()
    users, items = ials(data.train.picks("retrieval"), 3, torch_generator(1, "test"))
    with torch.no_grad():
        made.user_encoder.ids.table.weight.copy_(users)
        made.item_encoder.table.weight.copy_(items)
    return made


def test_who_has_more_is_read_as_training_would_have_read_them(model, data):
    before = model.user_encoder.ids.table.weight.detach().clone()
    stage = Reread()
    stage(model, data)
    found = model.user_encoder.ids.table.weight.detach()
    assert stage.facts == {"users": 2}
    moved = (found != before).any(dim=1).nonzero().squeeze(1)
    assert moved.tolist() == [3, 5]
    picks = data.known.picks("retrieval")
    items = model.item_encoder.table.weight.detach()
    wanted = fold_in(picks, items, l2=usual_l2(data.train.picks("retrieval")))
    torch.testing.assert_close(found[moved], wanted[moved], atol=0.005, rtol=0)
    assert (wanted[moved] - before[moved]).norm() > 0.03  # there was something to read


def test_ratings_of_the_validation_part_are_told(model, data):
    Reread()(model, data)
    newcomers = Engine.of(model, data.train).of_newcomers(data.known)
    users, items = (torch.from_numpy(of) for of in np.divmod(np.arange(2 * ITEMS), ITEMS))
    users, items = torch.tensor([3, 5])[users], items + 1
    told = Engine.of(model, data.known).answers("rating").predict(users, items)
    as_new = newcomers.answers("rating").predict(users, items)
    torch.testing.assert_close(told, as_new, atol=0.02, rtol=0)
    others = torch.full_like(users, 4)
    before = Engine.of(model, data.train).answers("rating").predict(others, items)
    assert torch.equal(
        before, Engine.of(model, data.known).answers("rating").predict(others, items)
    )


def test_items_that_training_had_not_say_nothing(model, data, picks_of):
    seen = data.train.rows.items != 12
    train = data.train.of(data.train.rows.take(seen))
    strange = picks_of([3], [12], (USERS + 1, ITEMS + 1), np.array([1.0], dtype=np.float32))
    before = {name: one.clone() for name, one in model.state_dict().items()}
    Reread()(model, replace(data, train=train, validation=strange))
    ids = "user_encoder.ids.table.weight"
    torch.testing.assert_close(model.state_dict()[ids], before[ids])
    assert torch.equal(
        model.state_dict()["item_encoder.table.weight"], before["item_encoder.table.weight"]
    )


def test_without_a_validation_part_nobody_moves(model, data, dataset_of, changed):
    before = {name: one.clone() for name, one in model.state_dict().items()}
    Reread()(model, dataset_of(data.train))
    assert not changed(model, before)
