"""What a model is right after its start in closed form, and the teacher that comes with it."""

import numpy as np
import pytest
import torch
from maxella.recommend.scorer import Scorer
from maxella.training.start import GAIN, SINK, start_demotion, start_in_closed_form

from maxella.closed_form.edlae import low_rank_edlae
from maxella.closed_form.ials import ials
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.model.build import build_model
from maxella.seeds import torch_generator
from maxella.tasks.teacher import blend


@pytest.fixture(scope="module")
def log():
    """40 users with 4 of 12 items each; even users like the first six, odd ones the rest."""
    rng = np.random.default_rng(1)
    items = [rng.choice(6, 4, replace=False) + (1 if user % 2 else 7) for user in range(1, 41)]
    return Interactions(np.repeat(np.arange(1, 41), 4), np.concatenate(items))


@pytest.fixture(scope="module")
def history(log):
    return History.of(log, 41, 13)


@pytest.fixture
def started(make_spec, log, history):
    def start(**changes):
        facts = {"dim": 4, "history_dim": 3, "mean_history": 4.0} | changes
        model = build_model(make_spec(n_user_rows=41, n_item_rows=13, **facts), seed=1).eval()
        teacher = start_in_closed_form(model, history, torch_generator(2, "start"))
        return Scorer(model, log), teacher

    return start


def test_a_model_of_ids_starts_at_ials(history, started):
    scorer, _ = started(history_dim=0)
    users, items = ials(history, 4, torch_generator(2, "start"))
    torch.testing.assert_close(scorer.score(torch.arange(1, 41)), GAIN * users[1:] @ items.T)


def test_a_model_of_histories_starts_at_edlae(history, started):
    scorer, _ = started(dim=0)
    readings, items = low_rank_edlae(history, 3, torch_generator(2, "start"))
    sums = history.matrix(torch.arange(1, 41)) @ readings
    # All histories have the mean length, so the factor of lengths is 1.
    torch.testing.assert_close(scorer.score(torch.arange(1, 41)), GAIN * sums @ items.T)


def test_the_whole_and_its_teacher_know_the_planted_tastes(started):
    scorer, teacher = started()
    for scores in (scorer.score(torch.arange(41)), teacher.users @ teacher.items.T):
        odd, even = scores[1::2], scores[2::2]
        assert (odd[:, 1:7].min(dim=1).values > odd[:, 7:].max(dim=1).values).all()
        assert (even[:, 7:].min(dim=1).values > even[:, 1:7].max(dim=1).values).all()


def test_a_blend_has_the_stated_deviation_over_what_a_user_lacks(history):
    users, items = ials(history, 4, torch_generator(2, "start"), l2=0.014)
    teacher = blend(history, [(users, items)], [0.5], sharpness=3.0)
    scores = teacher.users @ teacher.items.T
    lacks = history.matrix(torch.arange(41)) == 0
    lacks[:, 0] = False
    deviations = [scores[user][lacks[user]].std(correction=0) for user in range(1, 41)]
    torch.testing.assert_close(torch.stack(deviations), torch.full((40,), 1.5))
    # Users keep their order of items.
    torch.testing.assert_close(scores[1:].argsort(dim=1), (users @ items.T)[1:].argsort(dim=1))


def test_a_demotion_part_as_wide_as_the_catalogue_starts_at_what_a_user_has(
    make_spec, log, history
):
    spec = make_spec(n_user_rows=41, n_item_rows=13, mean_history=4.0, demotion_dim=13)
    demotion = build_model(spec, seed=1).demotion
    start_demotion(demotion, history, torch_generator(2, "start"))
    everyone = torch.arange(41)
    found = demotion.users(history.bags(everyone)) @ demotion.items.table.weight.T
    torch.testing.assert_close(found, -SINK * history.matrix(everyone), atol=1e-4, rtol=0)
