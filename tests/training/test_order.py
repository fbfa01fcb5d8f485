"""The order of picks is learnt where it tells what comes next."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.data.windows import Windows
from maxella.model.build import build_model
from maxella.model.head import HeadSpec
from maxella.model.order import OrderPart
from maxella.recommend.engine import Engine
from maxella.training import order
from maxella.training.order import DEFAULT_SHARE, Competitors, Descent, Order, start

USERS, ITEMS = 120, 24
SHAPE = USERS + 1, ITEMS + 1


@pytest.fixture
def log_of(buys_of):
    return partial(buys_of, shape=SHAPE)


@pytest.fixture
def model(buyer):
    return buyer(SHAPE, order=8)


@pytest.fixture
def two_later(dataset_of, log_of):
    """Users pick a, b, a + 12, b + 12, c, d, c + 12 and, held out, d + 12; a to d are drawn."""
    rng = np.random.default_rng(4)
    rows, held_out = [], []
    for user in range(1, USERS + 1):
        a, b, c, d = rng.permutation(12)[:4] + 1
        path = [a, b, a + 12, b + 12, c, d, c + 12, d + 12]
        rows += [(user, item, 100 * user + place) for place, item in enumerate(path[:7])]
        held_out.append((user, path[7], 100 * user + 7))
    return dataset_of(log_of(rng.permutation(rows))), log_of(held_out)


@pytest.fixture(params=["all items", "drawn items"])
def competitors(request, monkeypatch):
    if request.param == "drawn items":
        monkeypatch.setattr(order, "ALL_ITEMS", 10)
        monkeypatch.setattr(order, "DRAWN", 12)


@pytest.mark.usefixtures("competitors")
def test_what_comes_two_places_later_is_learnt(model, two_later):
    dataset, validation = two_later
    stage = Order("buy", 1)
    stage(model, replace(dataset, validation=validation))
    assert stage.facts["share"] >= 1.0
    users = torch.arange(1, USERS + 1)
    lists = Engine.of(model, dataset.train).recommend("buy", users, 1)
    wanted = torch.from_numpy(validation.rows.items)
    assert (lists.items == wanted).float().mean() > 0.8
    # A dot product of a sum knows what goes together, not what is due.
    with torch.no_grad():
        start(model.order["buy"], dataset.train.picks("buy"), torch.Generator().manual_seed(1))
    lists = Engine.of(model, dataset.train).recommend("buy", users, 1)
    assert (lists.items == wanted).float().mean() < 0.6


def test_the_loss_is_of_items_that_had_not_come(scramble, log_of):
    """And so are its gradients: autograd's, of one softmax at a time."""
    histories = [[3, 1, 4, 2], [5, 9, 2, 6, 8, 7], [1]]
    log = log_of([(u, item, at) for u, of in enumerate(histories, 1) for at, item in enumerate(of)])
    history = log.picks("buy", in_time_order=True)
    windows = Windows.cut(history, 4)
    part = OrderPart(ITEMS + 1, 3)
    scramble(part)
    found = Competitors.of(history).loss(part, windows, np.random.default_rng(1))
    gradients = torch.autograd.grad(found, [*part.parameters()])
    states, losses = part(windows), []
    places = [of[:n] for of in histories for n in range(1, len(of) + 1)]
    for state, (*before, item) in zip(states, places, strict=True):
        scores = part.items.weight @ state + part.biases
        competes = [one for one in range(1, ITEMS + 1) if one not in before]
        losses.append(scores[competes].logsumexp(0) - scores[item])
    wanted = torch.stack(losses).mean()
    torch.testing.assert_close(found, wanted)
    for one, other in zip(
        gradients, torch.autograd.grad(wanted, [*part.parameters()]), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_mean_of_the_weights_is_of_the_latest_most(scramble, two_later):
    part = OrderPart(ITEMS + 1, 3)
    scramble(part)
    history = two_later[0].train.picks("buy", in_time_order=True)
    descent, windows = Descent.of(part, history), Windows.cut(history, 7)
    passed = []
    for _ in range(40):
        descent.step(windows, np.random.default_rng(1))
        passed.append(part.biases.detach().clone())
    with descent.mean():
        found = part.biases.detach().clone()
    assert torch.equal(part.biases, passed[-1])
    weights = torch.arange(40.0) ** 8
    wanted = (weights @ torch.stack(passed)) / weights.sum()
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.01)


def test_the_best_pass_is_kept_and_the_first_that_brings_nothing_is_the_last(model, two_later):
    values, tried = iter([0.1, 0.2, 0.3, 0.25, 0.9]), []

    def value():
        tried.append({name: of.clone() for name, of in model.order["buy"].state_dict().items()})
        return next(values)

    history = two_later[0].train.picks("buy", in_time_order=True)
    assert Order("buy", 1)._fit(model.order["buy"], history, value) == 2
    assert len(tried) == 4
    found = model.order["buy"].state_dict()
    assert all(torch.equal(found[name], of) for name, of in tried[2].items())
    assert not torch.equal(found["biases"], tried[3]["biases"])


def test_order_that_tells_nothing_leaves_the_scores_as_they_were(model, two_later):
    # All users hold out one item, whose vector all queries meet: the dot product is perfect.
    dataset, validation = two_later
    with torch.no_grad():
        model.user_encoder.ids.table.weight.fill_(1.0)
        model.item_encoder.table.weight.zero_()
        model.item_encoder.table.weight[ITEMS] = 5.0
    train = dataset.train.of(dataset.train.rows.take(dataset.train.rows.items != ITEMS))
    held_out = replace(validation.rows, items=np.full(USERS, ITEMS))
    users = torch.arange(USERS + 1)
    before = Engine.of(model, train).answers("buy").score(users)
    stage = Order("buy", 1)
    stage(model, replace(dataset, train=train, validation=validation.of(held_out)))
    assert stage.facts["share"] == 0.0
    assert torch.equal(Engine.of(model, train).answers("buy").score(users), before)


def test_where_only_visited_items_are_picked_there_is_nothing_to_choose_by(dataset_of, make_spec):
    """They have scores of their own: what order says of new items would be a guess."""
    rng = np.random.default_rng(1)
    rows = [
        (user, item, place)
        for user in range(1, 31)
        for place, item in enumerate(rng.permutation(9)[:4] + 1)
    ]
    users, items, times = np.repeat(np.array(rows), 2, axis=0).T
    is_buy = np.tile([False, True], len(rows))
    events = is_buy.astype(np.int64)
    labels = {"buy": np.where(is_buy, 1.0, np.nan).astype(np.float32)}
    log = Log(
        Interactions(users, items, labels, times, events), USERS + 1, ITEMS + 1, ("view", "buy")
    )
    is_held_out = is_buy & (times == 3)
    train, held_out = (log.of(log.rows.take(of)) for of in (~is_held_out, is_held_out))
    facts = {"n_user_rows": USERS + 1, "n_item_rows": ITEMS + 1, "dim": 3, "history_dim": 0}
    heads = (HeadSpec("buy", "dot_product", order=8),)
    spec = replace(make_spec(**facts), heads=heads, events=("view", "buy"))
    model = build_model(spec, 1).eval()
    everyone = torch.arange(31)
    before = Engine.of(model, train).answers("buy").score(everyone)
    stage = Order("buy", 1)
    stage(model, replace(dataset_of(train), validation=held_out))
    assert stage.facts == {"passes": 0, "share": 0.0}
    assert torch.equal(Engine.of(model, train).answers("buy").score(everyone), before)


def test_without_a_validation_part_it_varies_so_much_more_than_the_other_scores(model, two_later):
    dataset = two_later[0]
    stage = Order("buy", 1)
    stage(model, dataset)
    assert stage.facts["share"] == DEFAULT_SHARE
    (part,) = model.beside("buy", dataset.train).parts
    users = torch.arange(1, USERS + 1)
    with torch.no_grad():
        queries, items = model.embed(dataset.train.picks("buy"))
        products = (queries[users] @ items.T).std(dim=1)
        ratio = (part.scores(users).std(dim=1) / products).median()
    assert ratio == pytest.approx(DEFAULT_SHARE, rel=0.05)


ONE_TIME = [(user, item, 7) for user in (1, 2, 3) for item in (1, 2, 3)]


@pytest.mark.parametrize(
    ("rows", "times"),
    [
        ([(1, 1, 5)], True),
        ([(1, 1, 5), (2, 2, 6)], True),
        ([(1, 1, 5), (2, 1, 6)], True),
        (ONE_TIME, True),
        (ONE_TIME, False),
    ],
    ids=["one pick", "single picks", "one item", "one time", "no times"],
)
def test_little_to_learn_from_is_no_error(model, dataset_of, rows, times, log_of):
    log = log_of(rows, times=times)
    Order("buy", 1)(model, dataset_of(log))
    assert all(weight.isfinite().all() for weight in model.state_dict().values())
    scores = Engine.of(model, log).answers("buy").score(torch.arange(USERS + 1))
    assert scores.isfinite().all()


def test_steps_are_bounded(model, two_later, monkeypatch):
    monkeypatch.setattr(order, "MOST_STEPS", 3)
    monkeypatch.setattr(order, "MOST_WINDOWS", 4)
    told = []
    stage = Order("buy", 1, on_step=lambda done, total: told.append((done, total)))
    stage(model, two_later[0])
    assert stage.facts["passes"] == 1
    assert told == [(1, 3), (2, 3), (3, 3)]
