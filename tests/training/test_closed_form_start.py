"""What a model is right after its start in closed form, and the teacher that comes with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.closed_form.edlae import low_rank_edlae
from maxella.closed_form.edlae import usual_l2 as usual_edlae_l2
from maxella.closed_form.ials import ials, usual_l2, usual_unobserved
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.errors import ConfigError
from maxella.model.build import build_model
from maxella.model.user_encoder import UserEncoder
from maxella.seeds import torch_generator
from maxella.tasks.teacher import blend
from maxella.training import closed_form_start
from maxella.training.closed_form_start import GAIN, ID_WEIGHT, SHARPNESS, ClosedFormStart
from maxella.training.trial import best_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def log(picks_of):
    """40 users with 4 of 12 items each; even users like the first six, odd ones the rest."""
    rng = np.random.default_rng(1)
    items = [rng.choice(6, 4, replace=False) + (1 if user % 2 else 7) for user in range(1, 41)]
    return picks_of(np.repeat(np.arange(1, 41), 4), np.concatenate(items), (41, 13))


@pytest.fixture(scope="module")
def history(log):
    return log.history()


@pytest.fixture
def start(make_spec, dataset_of):
    def start(log, **changes):
        facts = {"dim": 4, "history_dim": 3, "mean_history": 4.0} | changes
        model = build_model(make_spec(n_user_rows=41, n_item_rows=13, **facts), seed=1).eval()
        stage = ClosedFormStart("retrieval", 2, CPU)
        stage(model, dataset_of(log))
        return model, stage.teacher

    return start


@pytest.fixture
def started(start, log, scores_of):
    """Scores right after the start, and the teacher."""

    def scores(**changes):
        model, teacher = start(log, **changes)
        return scores_of(model, log), teacher

    return scores


def test_a_model_of_ids_starts_at_ials(history, started):
    scores, _ = started(history_dim=0)
    users, items = ials(history, 4, torch_generator(2, "closed form"))
    torch.testing.assert_close(scores[1:], GAIN * users[1:] @ items.T)


def test_a_model_of_histories_starts_at_edlae(history, started):
    scores, _ = started(dim=0)
    readings, items = low_rank_edlae(history, 3, torch_generator(2, "closed form"))
    sums = history.matrix(torch.arange(1, 41)) @ readings
    # All histories have the mean length, so the factor of lengths is 1.
    torch.testing.assert_close(scores[1:], GAIN * sums @ items.T)


def test_readings_and_items_start_on_one_scale(start, log):
    model, _ = start(log, dim=0)
    readings, items = model.user_encoder.history.readings.weight, model.item_encoder.table.weight
    torch.testing.assert_close(readings.norm(), items.norm())


def test_the_whole_and_its_teacher_know_the_planted_tastes(started):
    found, teacher = started()
    for scores in (found, teacher.users @ teacher.items.T):
        odd, even = scores[1::2], scores[2::2]
        assert (odd[:, 1:7].min(dim=1).values > odd[:, 7:].max(dim=1).values).all()
        assert (even[:, 7:].min(dim=1).values > even[:, 1:7].max(dim=1).values).all()


def test_the_teacher_blends_both_forms_by_their_weights(history, start, log):
    _, teacher = start(log)
    generator = torch_generator(2, "closed form")
    of_ids = ials(history, 4, generator)
    readings, items = low_rank_edlae(history, 3, generator)
    of_histories = (history.matrix(torch.arange(41)) @ readings, items)
    lacks = history.matrix(torch.arange(41)) == 0
    lacks[:, 0] = False
    expected = torch.zeros(41, 13)
    for (users, items), weight in ((of_ids, ID_WEIGHT), (of_histories, 1 - ID_WEIGHT)):
        scores = users @ items.T
        spread = [scores[user][lacks[user]].std(correction=0) for user in range(1, 41)]
        expected[1:] += SHARPNESS * weight * scores[1:] / torch.stack(spread)[:, None]
    found = teacher.users @ teacher.items.T
    torch.testing.assert_close(found[1:, 1:], expected[1:, 1:], rtol=1e-3, atol=1e-3)


def test_a_blend_has_the_stated_deviation_over_what_a_user_lacks(history):
    users, items = ials(history, 4, torch_generator(2, "closed form"), l2=0.014)
    teacher = blend(history, [(users, items)], [0.5], sharpness=3.0)
    scores = teacher.users @ teacher.items.T
    lacks = history.matrix(torch.arange(41)) == 0
    lacks[:, 0] = False
    deviations = [scores[user][lacks[user]].std(correction=0) for user in range(1, 41)]
    torch.testing.assert_close(torch.stack(deviations), torch.full((40,), 1.5))
    # Users keep their order of items.
    torch.testing.assert_close(scores[1:].argsort(dim=1), (users @ items.T)[1:].argsort(dim=1))


@pytest.fixture(scope="module")
def shop(log):
    """Those picks as purchases, each after a view; each user views two more of their kind."""
    rows = log.rows
    rng = np.random.default_rng(5)
    more = np.repeat(np.arange(1, 41), 2)
    viewed = rng.integers(0, 6, 80) + np.where(more % 2, 1, 7)
    n = len(rows)
    return Log(
        Interactions(
            np.concatenate([rows.users, rows.users, more]),
            np.concatenate([rows.items, rows.items, viewed]),
            {"retrieval": np.r_[np.ones(n), np.full(n + 80, np.nan)].astype(np.float32)},
            events=np.r_[np.ones(n, dtype=np.int64), np.zeros(n + 80, dtype=np.int64)],
        ),
        41,
        13,
        ("view", "buy"),
    )


def test_of_several_events_the_history_part_starts_by_the_tasks_own(start, shop, log, scores_of):
    """Half of it is EDLAE of the task's pairs: read off the purchases, the views count nothing."""
    model, teacher = start(shop, dim=0, history_dim=4, events=("view", "buy"))
    reading = model.user_encoder.history
    assert reading.event_weights.tolist() == [0.0, 1.0]
    readings, items = low_rank_edlae(shop.picks("retrieval"), 2, torch_generator(2, "closed form"))
    half = reading.readings.weight[:, :2] @ model.item_encoder.table.weight[:, :2].T
    torch.testing.assert_close(half, readings @ items.T)
    scores = scores_of(model, shop)
    views = shop.of(shop.rows.take(shop.rows.events == 0))
    assert not scores_of(model, views).any()
    for found in (scores, teacher.users @ teacher.items.T):
        odd, even = found[1::2], found[2::2]
        assert odd[:, 1:7].mean() > odd[:, 7:].mean()
        assert even[:, 7:].mean() > even[:, 1:7].mean()


@pytest.mark.parametrize("taste", [True, False])
def test_penalties_and_their_blend_are_those_that_rank_the_validation_part_best(
    taste, make_spec, dataset_of, picks_of, scores_of
):
    """Where popularity alone chose, a strong penalty lets in the least of chance."""
    rng = np.random.default_rng(3)
    popular = 1 / np.arange(1, 61)
    taken = []
    for user in range(200):
        liked = np.arange(60) % 2 == user % 2 if taste else np.ones(60)
        chances = liked * (1 if taste else popular)
        taken.append(rng.choice(60, 9, replace=False, p=chances / chances.sum()) + 1)
    train, held = (
        picks_of(
            np.repeat(np.arange(1, 201), n), np.concatenate([of[part] for of in taken]), (201, 61)
        )
        for part, n in ((slice(7), 7), (slice(7, 9), 2))
    )
    dataset = replace(dataset_of(train), validation=held)
    facts = {"n_user_rows": 201, "n_item_rows": 61, "mean_history": 7.0}
    stage = ClosedFormStart("retrieval", 2, CPU)
    stage(build_model(make_spec(dim=8, history_dim=8, **facts), 1).eval(), dataset)
    chosen = stage.facts["chosen"]
    assert chosen.keys() == {"iALS, unobserved", "iALS", "EDLAE"}
    alone = build_model(make_spec(dim=8, history_dim=0, **facts), 1).eval()
    stage = ClosedFormStart("retrieval", 2, CPU)
    stage(alone, dataset)
    penalty = stage.facts["chosen"]["iALS"]
    assert penalty == chosen["iALS"]
    assert max(penalty, chosen["EDLAE"]) <= 1 if taste else chosen["EDLAE"] >= 2
    own = train.history()
    unobserved = chosen["iALS, unobserved"] * usual_unobserved(own)
    options = {"unobserved": unobserved, "l2": penalty * usual_l2(own, unobserved)}
    users, items = ials(own, 8, torch_generator(2, "closed form"), **options)
    torch.testing.assert_close(scores_of(alone, train)[1:], GAIN * users[1:] @ items.T)


def test_what_was_chosen_is_what_the_model_starts_from(
    make_spec, dataset_of, log, history, scores_of, monkeypatch
):
    """Twice the usual penalties, and three times the usual weight of empty cells."""
    monkeypatch.setattr(closed_form_start, "best_of", lambda values, quality: values[1])
    facts = {"n_user_rows": 41, "n_item_rows": 13, "mean_history": 4.0}
    model = build_model(make_spec(dim=4, history_dim=3, **facts), 1).eval()
    ClosedFormStart("retrieval", 2, CPU)(model, replace(dataset_of(log), validation=log))
    generator = torch_generator(2, "closed form")
    unobserved = 3 * usual_unobserved(history)
    options = {"unobserved": unobserved, "l2": 2 * usual_l2(history, unobserved)}
    users, items = ials(history, 4, generator, **options)
    readings, read_items = low_rank_edlae(history, 3, generator, l2=2 * usual_edlae_l2(history))
    sums = history.matrix(torch.arange(1, 41)) @ readings
    wanted = users[1:] @ items.T + sums @ read_items.T
    torch.testing.assert_close(scores_of(model, log)[1:], GAIN * wanted)


def test_without_a_validation_part_nothing_is_tried(make_spec, dataset_of, log):
    stage = ClosedFormStart("retrieval", 2, CPU)
    stage(build_model(make_spec(n_user_rows=41, n_item_rows=13), 1), dataset_of(log))
    assert stage.facts == {}


def test_what_an_earlier_pass_chose_holds(make_spec, dataset_of, log, history, scores_of):
    chosen = {"iALS, unobserved": 3.0, "iALS": 2.0, "EDLAE": 2.0}
    facts = {"n_user_rows": 41, "n_item_rows": 13, "mean_history": 4.0}
    model = build_model(make_spec(dim=4, history_dim=0, **facts), 1).eval()
    stage = ClosedFormStart("retrieval", 2, CPU, chosen)
    stage(model, dataset_of(log))
    unobserved = 3 * usual_unobserved(history)
    options = {"unobserved": unobserved, "l2": 2 * usual_l2(history, unobserved)}
    users, items = ials(history, 4, torch_generator(2, "closed form"), **options)
    torch.testing.assert_close(scores_of(model, log)[1:], GAIN * users[1:] @ items.T)
    assert stage.facts == {"chosen": chosen}


def test_the_plain_value_stays_unless_another_is_surely_better():
    rng = np.random.default_rng(1)
    noise = {value: rng.normal(size=400) for value in (1.0, 2.0, 3.0)}
    assert best_of([1.0, 2.0, 3.0], lambda value: noise[1.0] + 0.01 * value * noise[value]) == 1.0
    better = {1.0: noise[1.0], 2.0: noise[1.0] + 0.1 + 0.1 * noise[2.0], 3.0: noise[3.0]}
    assert best_of([1.0, 2.0, 3.0], better.get) == 2.0


def test_an_encoder_that_has_no_such_parts_is_refused(make_spec, dataset_of, log):
    class Other(UserEncoder):
        def forward(self, rows, history):
            return rows

    model = build_model(make_spec(n_user_rows=41, n_item_rows=13), 1)
    model.user_encoder = Other()
    with pytest.raises(ConfigError, match=r"wants model\.encoder = 'sum'.*model\.start = 'random'"):
        ClosedFormStart("retrieval", 2, CPU)(model, dataset_of(log))
