"""Every stage of training changes what it says and nothing else, and twice gives the same bytes."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from maxella.data.batches import UserBatches
from maxella.data.columns import WholeCatalogue
from maxella.data.dataset import build_dataset
from maxella.data.entity_features import EntityFeatures, Features
from maxella.data.split import Split
from maxella.features.feature_set import FeatureSpec
from maxella.model.build import build_model
from maxella.model.head import HeadSpec
from maxella.tasks.kinds import KINDS
from maxella.tasks.losses import LOSSES
from maxella.tasks.objective import Objective
from maxella.tasks.task import Task
from maxella.training import context_part
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.cold_start import ColdStart
from maxella.training.context_part import ContextStage
from maxella.training.followers import Followers
from maxella.training.gradient_steps import GradientSteps, Plan
from maxella.training.mixture import Mixture
from maxella.training.neighbours import Neighbours
from maxella.training.order import Order
from maxella.training.revisits import Revisits
from maxella.training.seen_penalty import SeenPenaltyStage

USERS, ITEMS = 60, 14
CPU = torch.device("cpu")
LOSS = LOSSES["leave_one_out_softmax"]
TASKS = [
    Task("buy", "retrieval", rows="buy", loss=LOSS),
    Task("visit", "retrieval", rows="view", loss=LOSS),
    Task("stars", "rating"),
    Task("liked", "binary", rows="rating >= 4"),
]
ENCODERS = {
    "user_encoder.ids.table.weight",
    "user_encoder.history.readings.weight",
    "item_encoder.table.weight",
}
GAINS = {"user_encoder.history.log_gain", "user_encoder.history.event_weights"}


@pytest.fixture(scope="module")
def shop():
    """60 users who view 6 of 12 items, buy 5 of what they viewed and rate it; by phone or by TV.

    The first six items are bought by phone, the others by TV. Two more are in the test alone.
    """
    rng = np.random.default_rng(2)
    rows = []
    for user in range(USERS):
        viewed = [*rng.choice(6, 3, replace=False), *rng.choice(6, 3, replace=False) + 6]
        viewed = rng.permutation(viewed).tolist()
        rows += [(user, item, "view", None, "tv") for item in viewed]
        rows += [
            (
                user,
                item,
                "buy",
                1 + (item + user) % 3 + 2.0 * (item < 6),
                ["phone", "tv"][item // 6],
            )
            for item in viewed[1:]
        ]
    rows += [(0, 12, "buy", 5.0, "tv"), (1, 13, "buy", 4.0, "phone")]
    names = ["user_id", "item_id", "event", "rating", "device"]
    table = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("user_id", "item_id").cast(pl.String), timestamp=pl.int_range(pl.len())
    )
    n, none = len(table), np.array([], dtype=np.int64)
    split = Split(np.arange(n - 2), none, np.arange(n - 2, n), none)
    labels = {task.name: KINDS[task.kind].labels(table, task) for task in TASKS}
    dataset = build_dataset(table, split, labels, [FeatureSpec("device", "category")])
    sides = []
    for ids, key in ((dataset.users, "user_id"), (dataset.items, "item_id")):
        of_rows = pl.DataFrame({key: ids.ids, "kind": [str(int(one) // 6 % 2) for one in ids.ids]})
        specs = [FeatureSpec("kind", "category")]
        sides.append(EntityFeatures.fit(of_rows, key, ids, specs, np.ones(ids.n_rows, dtype=bool)))
    return dataset, Features(*sides, dataset.context_features)


@pytest.fixture
def make(make_spec, shop):
    dataset, features = shop
    heads = (
        HeadSpec(
            "buy",
            "dot_product",
            item_biases=True,
            reads_context=True,
            patterns=(2,),
            neighbours=3,
            followers=3,
            order=2,
        ),
        HeadSpec("visit", "dot_product", item_biases=True, projects=True),
        HeadSpec("stars", "dot", factors=2, mean=3.0, reads_context=True),
        HeadSpec("liked", "ordinal", factors=2, levels=(0.0, 1.0)),
    )
    facts = {"n_user_rows": dataset.users.n_rows, "n_item_rows": dataset.items.n_rows}
    facts |= {"dim": 2, "history_dim": 4, "events": ("view", "buy"), "mean_history": 8.0}
    spec = replace(make_spec(**facts, seen_penalty_dim=3), heads=heads)
    return lambda: build_model(spec, 1, features).eval()


def gradient_steps(dataset):
    batches = UserBatches(dataset.train, 20, WholeCatalogue(ITEMS + 1), ("view", "buy"))
    plan = Plan("adam", 0.05, 0.02, "constant", epochs=2, seed=1)
    return GradientSteps(Objective(TASKS, 0.01), batches, plan, CPU)


STAGES = {
    "closed form": lambda dataset: ClosedFormStart("buy", 1, CPU),
    "gradient steps": gradient_steps,
    "seen-item penalty": lambda dataset: SeenPenaltyStage("buy", 1),
    "mixture": lambda dataset: Mixture("buy"),
    "neighbours": lambda dataset: Neighbours("buy", 1),
    "followers": lambda dataset: Followers("buy"),
    "order": lambda dataset: Order("buy", 1),
    "revisits": lambda dataset: Revisits("buy", 1),
    "cold-start mapping": lambda dataset: ColdStart(1),
    "context": lambda dataset: ContextStage(1),
}
# What each of them may change: names, or where they begin.
CHANGES = {
    "closed form": [*ENCODERS, *GAINS],
    "gradient steps": ["user_encoder.", "item_encoder.", "heads."],
    "seen-item penalty": ["seen_penalty."],
    "mixture": ["heads.buy.gains"],
    "neighbours": ["neighbours.buy."],
    "followers": ["followers.buy."],
    "order": ["order.buy."],
    "revisits": ["revisits.buy."],
    "cold-start mapping": ["cold_users.", "cold_items.", "item_encoder.table.weight", "heads."],
    "context": ["contexts."],
}
EVERY = pytest.mark.parametrize("name", STAGES)


@pytest.fixture
def trained(make, shop):
    """A model after its gradient steps, which most stages want."""

    def train(name):
        model = make()
        if name not in ("closed form", "gradient steps"):
            gradient_steps(shop[0])(model, shop[0])
        return model

    return train


def data_of(name, shop):
    """The shop; where a validation part is wanted, some users buy other items there."""
    dataset = shop[0]
    if name != "mixture":
        return dataset
    rows = dataset.train.rows
    bought = rows.take((rows.users > USERS // 2) & ~np.isnan(rows.labels["stars"]))
    later = replace(bought, items=(bought.items + 4) % 12 + 1)
    return replace(dataset, validation=dataset.train.of(later))


def state_of(model):
    return {name: weight.clone() for name, weight in model.state_dict().items()}


@EVERY
def test_a_stage_changes_what_it_says_and_nothing_else(trained, shop, changed, name):
    model, dataset = trained(name), data_of(name, shop)
    before, stage = state_of(model), STAGES[name](dataset)
    known = state_of_data(dataset)
    assert stage.name == name
    stage(model, dataset)
    moved = changed(model, before)
    for weight in moved:
        assert any(weight.startswith(may) for may in CHANGES[name]), weight
    for may in CHANGES[name]:
        assert any(weight.startswith(may) for weight in moved), may
    assert not model.training
    assert all(weight.requires_grad for weight in model.parameters())
    assert isinstance(stage.facts, dict)
    np.testing.assert_equal(state_of_data(dataset), known)


def state_of_data(dataset):
    rows = dataset.train.rows
    return [rows.users.copy(), rows.items.copy(), *(of.copy() for of in rows.labels.values())]


@EVERY
def test_a_stage_twice_gives_the_same_bytes(trained, shop, name):
    states = []
    for _ in range(2):
        model, dataset = trained(name), data_of(name, shop)
        STAGES[name](dataset)(model, dataset)
        states.append(state_of(model))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_cold_start_fills_the_rows_that_no_training_row_names_and_moves_no_other(trained, shop):
    model, dataset = trained("cold-start mapping"), shop[0]
    before = state_of(model)
    ColdStart(1)(model, dataset)
    features = model.item_encoder.features.bags
    cold = torch.from_numpy(dataset.items.rows_of(["12", "13"]))
    is_cold = torch.zeros(ITEMS + 1, dtype=torch.bool)
    is_cold[cold] = True
    found = model.item_encoder(torch.arange(ITEMS + 1)).detach()
    torch.testing.assert_close(found[cold], model.cold_items["encoder"](features, cold).detach())
    assert not found[0].any()
    for name, one in model.head_tables("item").items():
        weight = one.table.weight.detach()
        says = one.cold
        if says is None:
            says = model.cold_items[name](features, cold).detach()
        torch.testing.assert_close(weight[cold], says.detach().expand(len(cold), -1))
    item_rows = [key for key, weight in before.items() if len(weight.shape) == 2]
    for key in item_rows:
        weight = model.state_dict()[key]
        if len(weight) == ITEMS + 1 and not key.startswith(
            ("cold_", "seen_", "contexts", "neighbours", "followers", "order", "revisits")
        ):
            assert torch.equal(weight[~is_cold], before[key][~is_cold]), key


def test_a_map_gives_what_items_of_a_kind_have_on_average(trained, shop):
    """With one feature of two values the map is the mean over each kind, but for its penalty."""
    model, dataset = trained("cold-start mapping"), shop[0]
    learnt = model.item_encoder(torch.arange(ITEMS + 1)).detach()
    ColdStart(1)(model, dataset)
    features = model.item_encoder.features.bags
    means = [
        learnt[torch.from_numpy(dataset.items.rows_of([str(one) for one in kind]))].mean(dim=0)
        for kind in (range(6), range(6, 12))
    ]
    for cold, mean, other in (("12", *means), ("6", *means[::-1])):
        row = torch.from_numpy(dataset.items.rows_of([cold]))
        says = model.cold_items["encoder"](features, row)[0].detach()
        assert (says - mean).norm() < (says - other).norm()


def test_a_context_raises_what_is_picked_in_it(trained, shop):
    model, dataset = trained("context"), shop[0]
    ContextStage(1)(model, dataset)
    columns = dataset.context_features.column_names
    phone, tv = (columns.index(f"device={name}") for name in ("phone", "tv"))
    part = model.contexts["buy"]
    is_phone = dataset.train.pairs("buy").items
    is_phone = np.isin(is_phone, dataset.items.rows_of([str(one) for one in range(6)]))
    wanted = torch.tensor([is_phone.mean(), 1 - is_phone.mean()]).float()
    torch.testing.assert_close(part.column_means[[phone, tv]], wanted)
    table = part.table.detach()
    for item in range(12):
        (row,) = dataset.items.rows_of([str(item)])
        assert (table[row, phone] > table[row, tv]) == (item < 6)
    assert not table[0].any()


def test_what_neighbours_say_is_known_where_contexts_are_counted(trained, shop, monkeypatch):
    model, dataset = trained("context"), shop[0]
    exams = []
    find = context_part._Exam.of.__func__

    def of(cls, *asked):
        exams.append((asked[2], find(cls, *asked)))
        return exams[-1][1]

    monkeypatch.setattr(context_part._Exam, "of", classmethod(of))
    ContextStage(1)(model, dataset)
    Neighbours("buy", 1)(model, dataset)
    ContextStage(1)(model, dataset)
    (_, without), (_, beside) = exams
    parts = model.beside("buy", dataset.train).parts
    (near,) = (one for one in parts if one.part is model.neighbours["buy"])
    users = torch.arange(1, USERS + 1)
    said = near.scores(users)[:, without.columns]
    added = beside.scores - without.scores
    is_finite = without.scores.isfinite()
    assert torch.equal(is_finite, beside.scores.isfinite())
    for row in range(len(added)):  # each query is of some user
        kept = is_finite[row]
        gaps = (said[:, kept] - added[row, kept]).abs().amax(dim=1)
        assert gaps.min() < 1e-4
    assert (beside.pick_scores - without.pick_scores).abs().max() > 0.01
