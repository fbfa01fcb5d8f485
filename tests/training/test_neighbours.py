"""Neighbours and visited items count as much as the validation part says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.closed_form.neighbours import L2, item_neighbours
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.model.build import build_model
from maxella.model.head import HeadSpec
from maxella.recommend.engine import Engine
from maxella.training.neighbours import DEFAULT_SHARE, Neighbours
from maxella.training.revisits import TEMPERATURES, Revisits
from maxella.training.trial import Trial

USERS, PAIRS = 80, 10  # items 2 n + 1 and 2 n + 2 go together
SEED = 1


def log_of(pairs, events=(), codes=None):
    users, items = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    codes = None if codes is None else np.array(codes, dtype=np.int64)
    # Of a log with events buy, the first, is the task's own.
    labels = np.ones(len(users), dtype=np.float32)
    if codes is not None:
        labels[codes != 0] = np.nan
    rows = Interactions(users, items, {"buy": labels}, None, codes)
    return Log(rows, USERS + 1, 2 * PAIRS + 1, events)


@pytest.fixture
def couples(dataset_of):
    """Who has one of two items that go together has the other, but for one that is held out."""
    rng = np.random.default_rng(2)
    train, held_out = [], []
    for user in range(1, USERS + 1):
        first, *others = rng.choice(PAIRS, 4, replace=False)
        train += [(user, 2 * first + 1)]
        held_out += [(user, 2 * first + 2)]
        train += [(user, 2 * other + side) for other in others for side in (1, 2)]
    dataset = dataset_of(log_of(train))
    return dataset, log_of(held_out), log_of(rng.permutation(held_out))


@pytest.fixture
def make(make_spec):
    def build(patterns=()):
        facts = {"n_user_rows": USERS + 1, "n_item_rows": 2 * PAIRS + 1, "dim": 3, "history_dim": 0}
        heads = (HeadSpec("buy", "dot_product", patterns=patterns, neighbours=4),)
        return build_model(replace(make_spec(**facts), heads=heads), 1).eval()

    return build


@pytest.fixture
def model(make):
    return make()


def test_neighbours_count_much_where_they_rank_the_validation_part_well(model, couples):
    dataset, validation, _ = couples
    stage = Neighbours("buy", SEED)
    stage(model, replace(dataset, validation=validation))
    assert stage.facts["share"] >= 1.0
    part = model.neighbours["buy"]
    best = part.items[torch.arange(2 * PAIRS + 1), part.weights.argmax(dim=1)].long()
    items = torch.arange(1, 2 * PAIRS + 1)
    assert torch.equal(best[1:], items + 1 - 2 * ((items - 1) % 2))  # the other of the two


def test_neighbours_count_nothing_where_others_rank_it_as_well(model, couples):
    # All users hold out one item, whose vector all queries meet: the dot product is perfect.
    dataset, validation, _ = couples
    users = validation.rows.users
    with torch.no_grad():
        model.user_encoder.ids.table.weight.fill_(1.0)
        model.item_encoder.table.weight.zero_()
        model.item_encoder.table.weight[20] = 5.0
    rows = [(user, 20) for user in users]
    train = dataset.train.rows
    log = log_of([(u, i) for u, i in zip(train.users, train.items, strict=True) if i != 20])
    stage = Neighbours("buy", SEED)
    stage(model, replace(dataset, train=log, given=log_of([]), validation=log_of(rows)))
    assert stage.facts == {"share": 0.0}
    assert not model.neighbours["buy"].weights.any()


def test_without_a_validation_part_they_vary_as_the_dot_products_do(model, couples):
    dataset = couples[0]
    stage = Neighbours("buy", SEED)
    stage(model, dataset)
    assert stage.facts == {"share": DEFAULT_SHARE, "l2": L2, "popularity": -0.25}
    picks = dataset.train.picks("buy")
    (part,) = model.beside("buy", dataset.train).parts
    added = part.scores(torch.arange(1, USERS + 1)).std(dim=1)
    users, items = model.embed(picks)
    products = (users @ items.T)[1:].detach().std(dim=1)
    assert (products / added).median() == pytest.approx(DEFAULT_SHARE, rel=1e-5)


def test_what_an_earlier_pass_chose_holds(make, couples):
    """Twice the share gives twice the weights; the penalty and the power are as they were."""
    dataset = couples[0]
    chosen = {"share": 2.0, "l2": 60.0, "popularity": -0.25}
    stage, model = Neighbours("buy", SEED, chosen), make()
    stage(model, dataset)
    assert stage.facts == chosen
    found = item_neighbours([(dataset.train.picks("buy"), 1.0)], 4, None, l2s=(60.0,))
    wanted, part = found.weighted(60.0, -0.25), model.neighbours["buy"]
    assert torch.equal(part.items, found.items)
    kept = wanted != 0
    ratios = part.weights.detach()[kept] / wanted[kept]
    torch.testing.assert_close(ratios, ratios[:1].expand(len(ratios)))
    half = make()
    Neighbours("buy", SEED, chosen | {"share": 1.0})(half, dataset)
    torch.testing.assert_close(part.weights, 2 * half.neighbours["buy"].weights)


def test_neighbours_speak_alone_where_the_dot_products_say_nothing(model, couples):
    torch.nn.init.zeros_(model.item_encoder.table.weight)
    Neighbours("buy", SEED)(model, couples[0])
    assert model.neighbours["buy"].weights.abs().max() > 0.1


def test_a_log_that_says_nothing_leaves_no_neighbours(model, dataset_of):
    Neighbours("buy", SEED)(model, dataset_of(log_of([(1, 1), (2, 2)])))
    assert not model.neighbours["buy"].weights.any()
    assert model.neighbours["buy"].weights.isfinite().all()


def test_a_trial_takes_the_first_of_the_best_and_asks_only_who_can_answer(model, couples):
    dataset, validation, _ = couples
    trial = Trial.of(model, replace(dataset, validation=validation), "buy")
    tried = []
    table = model.item_encoder.table.weight

    def put(value):
        tried.append(value)
        with torch.no_grad():
            model.user_encoder.ids.table.weight.fill_(1.0)
            table.zero_()
            # The held-out item of user 1 at the top, at the bottom, at the top.
            table[validation.rows.items[0]] = value

    assert trial.best([-1.0, 1.0, 2.0], put) == 1.0
    assert tried == [-1.0, 1.0, 2.0]
    nobody = log_of([])
    assert Trial.of(model, replace(dataset, validation=nobody), "buy").best([1.0], put) is None
    only_first = log_of([(1, 2), (2, 2)])
    without = replace(dataset, train=log_of([(1, 1)]), validation=only_first)
    assert Trial.of(model, without, "buy").exam.test.users.tolist() == [1]


def test_of_several_events_a_trial_can_ask_for_what_is_new_alone(model, dataset_of):
    train = log_of([(1, 1), (1, 2), (2, 3)], ("buy", "view"), [0, 1, 0])
    validation = log_of([(1, 2), (1, 4), (2, 5)], ("buy", "view"), [0, 0, 0])
    dataset = replace(dataset_of(train), validation=validation)
    new = Trial.of(model, dataset, "buy", only_new=True).exam
    assert new.test.items.tolist() == [4, 5]
    assert list(new.protocols) == ["new"]
    whole = Trial.of(model, dataset, "buy").exam
    assert whole.test.items.tolist() == [2, 4, 5]
    assert list(whole.protocols) == ["filtered"]


@pytest.fixture
def shop(dataset_of):
    """Everybody views four items and buys two of them and one that they have not viewed."""
    rng = np.random.default_rng(3)
    rows, codes, held_out = [], [], []
    for user in range(1, USERS + 1):
        items = (rng.permutation(2 * PAIRS) + 1).tolist()
        rows += [(user, item) for item in items[:4]] + [(user, item) for item in items[3:6]]
        codes += [1] * 4 + [0] * 3
        held_out.append((user, items[0] if user % 4 else items[6]))  # three in four viewed
    events = ("buy", "view")
    validation = log_of(held_out, events, [0] * USERS)
    return dataset_of(log_of(rows, events, codes)), validation


def test_visited_items_stand_as_often_above_new_ones_as_on_the_validation_part(make, shop):
    model, (dataset, validation) = make(patterns=(2,)), shop
    told, untold = Revisits("buy", SEED), Revisits("buy", SEED)
    untold(model, dataset)
    told(model, replace(dataset, validation=validation))
    assert told.facts["visited"] == pytest.approx(0.75)
    assert untold.facts["visited"] == pytest.approx(1 / 3, abs=0.15)  # of training's purchases
    assert untold.facts["lift"] == 0.0


def test_visited_items_are_lifted_where_that_ranks_the_validation_part_better(make, shop):
    model, (dataset, validation) = make(patterns=(2,)), shop
    stage = Revisits("buy", SEED)
    dataset = replace(dataset, validation=validation)
    stage(model, dataset)
    part, lifted = model.revisits["buy"], stage.facts["lift"]
    chosen = part.table.detach().clone()
    values = {}
    for lift in (0.0, 1.0, 2.0, 3.0, 4.0, 6.0):
        with torch.no_grad():
            part.table.copy_(chosen + (lift - lifted) / stage.facts["temperature"])
        values[lift] = Trial.of(model, dataset, "buy")._ndcgs().mean()
    assert max(values.values()) == pytest.approx(values[lifted])


def test_neighbours_are_chosen_by_new_items_alone(make, dataset_of):
    # The validation part holds nothing new, and the dot product is perfect for what it holds.
    model, events = make(), ("buy", "view")
    with torch.no_grad():
        model.user_encoder.ids.table.weight.fill_(1.0)
        model.item_encoder.table.weight[20] = 5.0
    rows = [(user, item) for user in range(1, USERS + 1) for item in (20, user % 9 + 1, 3, 5)]
    log = log_of(rows, events, [1, 0, 0, 0] * USERS)
    validation = log_of([(user, 20) for user in range(1, USERS + 1)], events, [0] * USERS)
    stage = Neighbours("buy", SEED)
    stage(model, replace(dataset_of(log), validation=validation))
    assert stage.facts == {"share": DEFAULT_SHARE, "l2": L2, "popularity": -0.25}


def test_what_goes_together_is_learnt_from_all_events_that_histories_are_made_of(make, dataset_of):
    # Nobody buys two items; items 1 and 2 are viewed together.
    rows = [(user, item) for user in range(1, USERS + 1) for item in (3 + user % 15, 1, 2)]
    dataset = dataset_of(log_of(rows, ("buy", "view"), [0, 1, 1] * USERS))
    for events, is_any in (((), False), (("buy", "view"), True)):
        model = make()
        model.events = events
        Neighbours("buy", SEED)(model, dataset)
        part = model.neighbours["buy"]
        assert bool(part.weights[1].any()) == is_any
    assert part.items[1, part.weights[1].argmax()] == 2


def test_the_temperature_of_new_items_is_found_with_what_their_neighbours_say(make, couples):
    # Products are zero: neighbours alone tell the held-out item of a couple from the others.
    dataset, validation, _ = couples
    events, train, asked = ("buy", "view"), dataset.train.rows, validation.rows
    views = [(user, user % 20 + 1) for user in range(1, USERS + 1)]
    rows = [*zip(train.users, train.items, strict=True), *views]
    log = log_of(rows, events, [0] * len(train) + [1] * USERS)
    held_out = list(zip(asked.users, asked.items, strict=True))
    anything = np.random.default_rng(4).integers(1, 2 * PAIRS + 1, USERS)
    held_out[::2] = [(user, anything[user - 1]) for user, _ in held_out[::2]]  # or nobody errs
    held_out[::10] = views[::10]  # some choose what they viewed, or there is nothing to fit
    dataset = replace(dataset, train=log, given=log.of(log.rows.take(np.array([], dtype=np.int64))))
    dataset = replace(dataset, validation=log_of(held_out, events, [0] * USERS))
    found = []
    for has_neighbours in (True, False):
        model = make(patterns=(2,))
        torch.nn.init.zeros_(model.item_encoder.table.weight)
        if has_neighbours:
            Neighbours("buy", SEED)(model, dataset)
            with torch.no_grad():  # no spread of products to be measured by
                near = item_neighbours([(log.picks("buy"), 1.0)], 4, None)
                items, weights = near.items, near.weighted(L2, 0.0)
                model.neighbours["buy"].items.copy_(items)
                model.neighbours["buy"].weights.copy_(weights)
        stage = Revisits("buy", SEED)
        stage(model, dataset)
        found.append(stage.facts["temperature"])
    assert found[1] == min(TEMPERATURES)
    assert min(TEMPERATURES) < found[0] < max(TEMPERATURES)


def test_a_lift_is_so_many_nats_for_every_visited_item(make, shop, monkeypatch):
    dataset, validation = shop
    tables = []
    for lift in (0.0, 2.0):
        monkeypatch.setattr(Trial, "best", lambda self, values, put, lift=lift: lift)
        model, stage = make(patterns=(2,)), Revisits("buy", SEED)
        stage(model, replace(dataset, validation=validation))
        tables.append(model.revisits["buy"].table.detach() * stage.facts["temperature"])
        assert stage.facts["lift"] == lift
    torch.testing.assert_close(tables[1], tables[0] + 2.0)


def test_newcomers_are_told_what_the_neighbours_of_their_picks_say(make, couples):
    dataset, (model, log) = couples[0], (make(), couples[0].train)
    Neighbours("buy", SEED)(model, dataset)
    torch.nn.init.zeros_(model.item_encoder.table.weight)  # nothing but neighbours is left
    engine = Engine.of(model, log)
    of_nine = log.rows.users == 9
    rows = replace(log.rows.take(of_nine), users=np.ones(of_nine.sum(), dtype=np.int64))
    newcomer = engine.of_newcomers(replace(log.of(rows), n_user_rows=2))
    scores = newcomer.answers("buy").score(torch.tensor([1]))
    torch.testing.assert_close(scores, engine.answers("buy").score(torch.tensor([9])))
    assert scores.any()
    pairs = torch.full((2 * PAIRS,), 1), torch.arange(1, 2 * PAIRS + 1)
    torch.testing.assert_close(newcomer.answers("buy").score_pairs(*pairs), scores[0, 1:])


@pytest.fixture
def tasteful(dataset_of):
    """Half of the users buy two items that go together, the others buy one and view the other.

    They view more, and choose mostly what goes with what they have.
    """
    rng = np.random.default_rng(6)
    rows, codes, held_out = [], [], []
    for user in range(1, USERS + 1):
        first, *others = rng.choice(PAIRS, 4, replace=False)
        rows.append((user, 2 * first + 1))
        codes.append(0)
        if user % 2:
            rows += [(user, 2 * first + 2)] * 2 + [(user, 2 * other + 1) for other in others]
            codes += [0] + [1] * 4  # bought one of the four that were viewed
            continue
        viewed = [2 * first + 2, *(2 * other + 2 for other in others)]
        rows += [(user, item) for item in viewed]
        codes += [1] * 4
        held_out.append((user, 2 * first + 2 if user % 10 else viewed[1]))
    events = ("buy", "view")
    return dataset_of(log_of(rows, events, codes)), log_of(held_out, events, [0] * len(held_out))


def test_taste_tells_visited_items_apart_where_a_validation_part_shows_it(make, tasteful):
    dataset, validation = tasteful
    found = []
    for told in (dataset, replace(dataset, validation=validation)):
        model, stage = make(patterns=(2,)), Revisits("buy", SEED)
        torch.nn.init.zeros_(model.item_encoder.table.weight)
        near = item_neighbours([(dataset.train.picks("buy"), 1.0)], 4, None)
        items, weights = near.items, near.weighted(L2, 0.0)
        with torch.no_grad():
            model.neighbours["buy"].items.copy_(items)
            model.neighbours["buy"].weights.copy_(weights)
        stage(model, told)
        assert stage.facts.get("taste", 0.0) == pytest.approx(model.revisits["buy"].taste.item())
        found.append(model.revisits["buy"].taste.item())
    assert found[0] == 0.0
    assert found[1] > 0.1


def test_a_visited_item_scores_by_its_table_and_the_taste(make, tasteful):
    dataset, model = tasteful[0], make(patterns=(2,))
    users = torch.arange(1, USERS + 1)
    part = model.revisits["buy"]
    with torch.no_grad():
        part.table.copy_(torch.arange(2.0 * PAIRS + 1)[:, None])
        part.taste.fill_(0.5)
    rows, log = dataset.train.rows, dataset.train
    viewed = log.of(rows.take(rows.events == 1)).history().matrix(users) > 0
    viewed &= log.picks("buy").matrix(users) == 0  # what is bought is no longer visited alone
    queries, items = model.embed(log.history())
    products = (queries[users] @ items.T).detach()
    wanted = products.where(~viewed, torch.arange(2.0 * PAIRS + 1) + 0.5 * products)
    answers = Engine.of(model, dataset.train).answers("buy")
    torch.testing.assert_close(answers.score(users), wanted)
    owners, places = viewed.nonzero().T
    pairs = answers.score_pairs(users[owners], places)
    torch.testing.assert_close(pairs, wanted[owners, places])
