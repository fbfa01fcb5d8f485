"""Users whom training did not have, read from what they took."""

import numpy as np
import pytest
import torch
from maxella.recommend.scorer import Scorer
from maxella.training.start import start_in_closed_form

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.model.build import build_model
from maxella.seeds import torch_generator


@pytest.fixture(scope="module")
def log():
    """60 users with half of 20 items each, more of the ten that their kind likes."""
    rng = np.random.default_rng(3)
    likes = np.where(np.arange(60)[:, None] % 2 == np.arange(20) // 10, 0.8, 0.2)
    users, items = np.nonzero(rng.random((60, 20)) < likes)
    return Interactions(users + 1, items + 1)


@pytest.fixture(params=[(4, 0), (0, 3), (4, 3)], ids=["ids", "history", "both"])
def model(request, make_spec, log):
    dim, history_dim = request.param
    facts = {"n_user_rows": 61, "n_item_rows": 21, "mean_history": 10.0, "rating_range": None}
    model = build_model(make_spec(dim=dim, history_dim=history_dim, **facts), seed=1).eval()
    start_in_closed_form(model, History.of(log, 61, 21), torch_generator(2, "start"))
    return model


def as_newcomers(log, users):
    """The interactions of these users alone, who are now called 1, 2, ..."""
    parts = [log.items[log.users == user] for user in users]
    rows = np.repeat(np.arange(1, len(users) + 1), [len(part) for part in parts])
    return Interactions(rows, np.concatenate(parts))


def test_a_newcomer_is_read_like_the_user_of_training_with_that_history(model, log):
    trained = Scorer(model, log)
    new = trained.of_newcomers(as_newcomers(log, [9, 4]), n_user_rows=3)
    wanted = trained.score(torch.tensor([9, 4]))
    torch.testing.assert_close(new.score(torch.tensor([1, 2])), wanted, atol=0.05, rtol=0)
    assert wanted.std() > 0.8  # so that .05 is little
    assert new.knows.tolist() == [False, True, True]


def test_a_newcomer_is_read_alike_alone_and_among_others(model, log):
    scorer = Scorer(model, log)
    together = scorer.of_newcomers(as_newcomers(log, [9, 4, 1]), n_user_rows=4)
    alone = scorer.of_newcomers(as_newcomers(log, [4]), n_user_rows=2)
    torch.testing.assert_close(together.score(torch.tensor([2])), alone.score(torch.tensor([1])))


def test_for_whom_nothing_is_known_items_score_as_often_as_they_were_picked(model, log):
    picks = torch.bincount(torch.from_numpy(log.items), minlength=21).float()
    scorer = Scorer(model, log, torch.arange(61) < 40)
    nobody = scorer.of_newcomers(Interactions(np.array([1]), np.array([4])), n_user_rows=3)
    for asked, row in ((scorer, 0), (nobody, 0), (nobody, 2)):
        assert torch.equal(asked.score(torch.tensor([row]))[0], picks)
        assert not asked.knows[row]


def test_whom_training_lacked_is_read_from_what_is_known(model, log):
    # Whatever stands in the row of user 9 was not learnt.
    if model.user_tower.ids is not None:
        with torch.no_grad():
            model.user_tower.ids.table.weight[9] = 100.0
    trained = torch.arange(61) != 9
    scorer = Scorer(model, log, trained)
    newcomer = scorer.of_newcomers(as_newcomers(log, [9]), n_user_rows=2)
    torch.testing.assert_close(scorer.score(torch.tensor([9])), newcomer.score(torch.tensor([1])))
    assert scorer.knows[1:].all()
    unheard_of = Scorer(model, log.take(log.users != 9), trained)
    assert unheard_of.knows.logical_not().nonzero().squeeze(1).tolist() == [0, 9]


def test_a_newcomer_is_rated_by_the_ratings_they_gave(model, log):
    with torch.no_grad():
        model.rating_head.user_link.weight.zero_()
    given = as_newcomers(log, [9, 9, 9])
    wanted = np.array([np.nan, 1.0, 5.0], dtype=np.float32)[given.users - 1]
    rated = Interactions(given.users, given.items, wanted)
    scorer = Scorer(model, log).of_newcomers(rated, n_user_rows=4)
    without = Scorer(model, log).of_newcomers(given, n_user_rows=4)
    users, items = torch.tensor([1, 2, 3]), torch.tensor([20, 20, 20])
    found, plain = scorer.predict(users, items), without.predict(users, items)
    # The first gave no rating, so nothing is known but what they took.
    assert found[0] == plain[0]
    assert found[1] < plain[1] - 0.5
    assert found[2] > plain[2] + 0.5


def test_a_newcomer_s_rating_leans_on_no_row_of_training(model, log):
    with torch.no_grad():
        model.rating_head.user_biases.weight[1] = 2.0  # of user 1, not of newcomer 1
    scorer = Scorer(model, log)
    new = scorer.of_newcomers(as_newcomers(log, [1]), n_user_rows=2)
    gap = scorer.predict(torch.tensor([1]), torch.tensor([5]))
    gap = gap - new.predict(torch.tensor([1]), torch.tensor([5]))
    assert gap.item() == pytest.approx(2.0, abs=0.1)


def test_a_demoted_scorer_adds_the_demotion_and_the_plain_one_knows_nothing_of_it(make_spec, log):
    facts = {"n_user_rows": 61, "n_item_rows": 21, "mean_history": 10.0, "history_dim": 3}
    without, with_part = (build_model(make_spec(demotion_dim=d, **facts), seed=1) for d in (0, 5))
    plain, scorer, everyone = Scorer(without, log), Scorer(with_part, log), torch.arange(61)
    assert plain.demoted() is None
    assert torch.equal(scorer.score(everyone), plain.score(everyone))
    history = History.of(log, 61, 21)
    part = with_part.demotion
    added = part.users(history.bags(everyone)) @ part.items.table.weight.T
    demoted = scorer.demoted()
    torch.testing.assert_close(demoted.score(everyone) - plain.score(everyone), added)
    assert demoted.item_embeddings.shape == (21, 3 + 3 + 1 + 5)
    pairs = torch.tensor([3, 8]), torch.tensor([2, 20])
    assert torch.equal(demoted.predict(*pairs), plain.predict(*pairs))
