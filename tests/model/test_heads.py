"""What holds for every head of the table."""

from dataclasses import fields

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional

from maxella.data.entity_features import EntityFeatures, Features
from maxella.features.feature_set import FeatureSpec
from maxella.features.id import Vocabulary
from maxella.model.build import build_model
from maxella.model.head import EmbeddedPairs, PairHead, Targets
from maxella.model.heads import HEADS
from maxella.seeds import torch_generator

N_USERS, N_ITEMS, DIM = 6, 8, 3
RANKING = [name for name, choice in HEADS.items() if "retrieval" in choice.kinds]
OF_PAIRS = [name for name in HEADS if name not in RANKING]
EVERY = pytest.mark.parametrize("name", HEADS)
PAIRS = pytest.mark.parametrize("name", OF_PAIRS)


@pytest.fixture(scope="module")
def features():
    sides = []
    for n_rows, prefix in ((N_USERS, "u"), (N_ITEMS, "i")):
        table = pl.DataFrame(
            {
                "id": [f"{prefix}{n}" for n in range(1, n_rows)],
                "kind": [str(n % 3) for n in range(1, n_rows)],
            }
        )
        ids = Vocabulary.fit(table["id"])
        specs = [FeatureSpec("kind", "category")]
        sides.append(EntityFeatures.fit(table, "id", ids, specs, np.ones(n_rows, dtype=bool)))
    return Features(*sides)


@pytest.fixture
def make(make_spec, scramble):
    def build(name, features=None, **changes):
        levels = (0.0, 1.0) if "binary" in HEADS[name].kinds else (1.0, 2.0, 3.0, 4.0, 5.0)
        facts = {"n_user_rows": N_USERS, "n_item_rows": N_ITEMS, "projects": True, "levels": levels}
        spec = make_spec(heads={"task": name}, mean=0.6, **facts | changes)
        head = scramble(build_model(spec, 1, features).heads["task"].double(), scale=0.5)
        for key, buffer in head.named_buffers():
            if key.endswith("_norm"):
                buffer.fill_(1.5)
        return head.eval()

    return build


def pairs_of(users, items, offsets=None):
    """These pairs, with embeddings that depend on the rows alone; those of row 0 are zeros."""
    u, v = (torch.randn(9, DIM, generator=torch_generator(j, "test")).double() for j in (4, 5))
    u[0] = v[0] = 0
    users, user_positions = torch.tensor(users).unique(return_inverse=True)
    items, item_positions = torch.tensor(items).unique(return_inverse=True)
    return EmbeddedPairs(u[users], v[items], users, items, user_positions, item_positions, offsets)


def labels_for(name, n):
    highest = 2 if "binary" in HEADS[name].kinds else 5
    drawn = torch.randint(highest, (n,), generator=torch_generator(1, "labels")).double()
    return drawn if highest == 2 else drawn + 1


@EVERY
def test_every_table_by_row_is_named_with_its_side(make, name):
    head = make(name)
    tables = head.row_tables()
    for one in tables.values():
        assert one.table.num_embeddings == {"user": N_USERS, "item": N_ITEMS}[one.side]
        assert one.cold is None or one.cold.shape == (one.table.embedding_dim,)
    parts = [part for part in head.modules() if isinstance(part, torch.nn.Embedding)]
    assert sorted(id(one.table) for one in tables.values()) == sorted(map(id, parts))


@pytest.mark.parametrize("name", RANKING)
def test_a_ranking_head_makes_queries_biases_and_items_met(make, name):
    head = make(name)
    queries = torch.randn(4, DIM, generator=torch_generator(2, "test")).double()
    items = torch.randn(5, DIM, generator=torch_generator(3, "test")).double()
    assert head.queries(queries).shape == (4, DIM)
    torch.testing.assert_close(head.queries(queries) @ items.T, queries @ head.items_met(items).T)
    assert not head.queries(torch.zeros(1, DIM).double()).any()  # of whom nothing is known
    biases = head.biases(torch.arange(5))
    assert biases is None or biases.shape == (5,)


@PAIRS
@pytest.mark.parametrize(
    ("users", "items"),
    [([1, 1, 3, 5], [2, 7, 2, 1]), ([2], [3]), ([0, 1, 0], [2, 0, 0])],
    ids=["several", "one", "unknown"],
)
def test_answers_are_finite_and_the_same_alone_as_among_others(make, name, users, items):
    head = make(name)
    with torch.no_grad():
        together = head(pairs_of(users, items))
        alone = torch.cat([head(pairs_of([u], [i])) for u, i in zip(users, items, strict=True)])
    assert together.shape == (len(users),)
    assert together.isfinite().all()
    torch.testing.assert_close(together, alone)
    if HEADS[name].kinds == ("binary",):
        assert ((together > 0) & (together < 1)).all()


@PAIRS
def test_of_no_pairs_there_are_no_answers_and_a_finite_loss(make, name):
    head, pairs = make(name), pairs_of([1, 2], [3, 4])
    none = torch.empty(0, dtype=torch.int64)
    empty = EmbeddedPairs(
        pairs.user_embeddings, pairs.item_embeddings, pairs.users, pairs.items, none, none
    )
    assert head(empty).shape == (0,)
    loss = head.loss(empty, Targets(torch.empty(0).double(), expected=0.5))
    loss.backward()
    assert loss.isfinite()


@PAIRS
def test_what_is_added_to_a_pair_moves_its_answer_alone_and_upwards(make, name):
    head = make(name)
    added = torch.tensor([0.0, 0.5, 0.0]).double()
    with torch.no_grad():
        plain = head(pairs_of([1, 1, 3], [2, 7, 2]))
        moved = head(pairs_of([1, 1, 3], [2, 7, 2], added))
    assert (moved > plain).tolist() == [False, True, False]
    torch.testing.assert_close(moved[[0, 2]], plain[[0, 2]])


@PAIRS
@pytest.mark.parametrize("n", [1, 4])
def test_a_loss_is_finite_and_every_weight_gets_a_gradient(make, name, n):
    # A row that no pair names has a gradient too, where the loss has priors; here none is wanted.
    head = make(name)
    pairs = pairs_of([1, 1, 3, 5][:n], [2, 7, 2, 1][:n])
    loss = head.loss(pairs, Targets(labels_for(name, n), expected=float(n)))
    loss.backward()
    assert loss.shape == ()
    assert loss.isfinite()
    for key, weight in head.named_parameters():
        if not weight.numel():  # of two levels there is no gap to stretch
            continue
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key
        assert weight.grad.any() or n == 1, key


@PAIRS
def test_a_loss_is_by_the_labels_that_were_expected(make, name):
    head, pairs, labels = make(name), pairs_of([1, 1, 3, 5], [2, 7, 2, 1]), labels_for(name, 4)
    with torch.no_grad():
        one, other = (head.loss(pairs, Targets(labels, expected=n)) for n in (4.0, 1.0))
    torch.testing.assert_close(4 * one, other)


@PAIRS
def test_better_answers_cost_less(make, name):
    head, pairs = make(name), pairs_of([1, 2, 3, 5], [2, 7, 4, 1])
    with torch.no_grad():
        order = head(pairs).argsort()
        low, high = (0.0, 1.0) if "binary" in HEADS[name].kinds else (1.0, 5.0)
        good = torch.full((4,), low).double()
        good[order[2:]] = high
        bad = low + high - good
        of_good, of_bad = (
            head.loss(pairs, Targets(labels, expected=4.0)) for labels in (good, bad)
        )
    assert of_good < of_bad


@PAIRS
def test_probabilities_of_levels_add_up_to_one(make, name):
    head = make(name)
    found = head.distribution(pairs_of([1, 0, 3], [2, 7, 0]))
    assert found.shape == (3, len(head.levels))
    if len(head.levels):
        torch.testing.assert_close(found.sum(dim=1), torch.ones(3).double())
        assert (found > 0).all()


@pytest.mark.parametrize("with_features", [False, True])
@PAIRS
def test_a_head_of_other_users_has_their_rows_and_leaves_the_first_alone(
    make, features, name, with_features
):
    head = make(name, features if with_features else None)
    state = {key: value.clone() for key, value in head.state_dict().items()}
    rows = torch.tensor([0, 5, 2])
    other = head.of_users(rows)
    given = pairs_of([5, 0, 2, 5], [2, 7, 2, 1])
    held = {row: place for place, row in enumerate(rows.tolist())}
    renamed = torch.tensor([held[row] for row in given.users.tolist()])
    asked = EmbeddedPairs(
        **{field.name: getattr(given, field.name) for field in fields(given)} | {"users": renamed}
    )
    with torch.no_grad():
        torch.testing.assert_close(other(asked), head(given))
        for one in other.row_tables().values():
            if one.side == "user":
                one.table.weight.zero_()
    for key, value in head.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize("name", [name for name, one in HEADS.items() if one.few_levels])
def test_a_head_of_levels_has_a_distribution(make, name):
    assert len(make(name).levels) == (2 if "binary" in HEADS[name].kinds else 5)


@pytest.mark.parametrize("name", [name for name, one in HEADS.items() if one.averages])
def test_a_head_that_averages_takes_members(make, name):
    widths = [
        {key: weight.numel() for key, weight in make(name, members=members).named_parameters()}
        for members in (1, 3)
    ]
    keys = [key for key in widths[0] if key.endswith("user_factors.weight")]
    assert keys
    assert all(widths[1][key] == 3 * widths[0][key] for key in keys)


def test_the_logistic_head_starts_at_the_mean_and_has_the_loss_of_its_probabilities(
    make, make_spec
):
    nothing, only = torch.zeros(1, DIM).double(), torch.tensor([0])
    nobody = EmbeddedPairs(nothing, nothing, only, only, only, only)
    for mean, start in ((0.3, 0.3), (0.0, 0.001), (1.0, 0.999)):
        spec = make_spec(heads={"task": "logistic"}, mean=mean)
        assert build_model(spec, 1).heads["task"].double()(nobody).item() == pytest.approx(
            start, rel=1e-4
        )
    head, pairs = make("logistic"), pairs_of([1, 1, 3, 5], [2, 7, 2, 1])
    labels = torch.tensor([1.0, 0.0, 0.0, 1.0]).double()
    wanted = functional.binary_cross_entropy(head(pairs), labels)
    torch.testing.assert_close(head.loss(pairs, Targets(labels, expected=4.0)), wanted)


def test_a_head_of_pairs_says_what_it_may_answer(make):
    for name in OF_PAIRS:
        head = make(name, range=(1.0, 5.0))
        assert isinstance(head, PairHead)
        assert head.range.tolist() == [1.0, 5.0]
        assert make(name, range=None).range.tolist() == [-np.inf, np.inf]


def test_the_mlp_head_is_three_dense_layers_with_relu_between(make):
    head = make("mlp")
    pairs = pairs_of([2], [4])
    hidden = torch.cat([pairs.user_embeddings[0], pairs.item_embeddings[0]])
    with torch.no_grad():
        for layer in (0, 2):
            dense = head.layers[layer]
            hidden = (hidden @ dense.weight.T + dense.bias).clamp(min=0)
        expected = hidden @ head.layers[4].weight.T + head.layers[4].bias
        torch.testing.assert_close(head(pairs), expected)
    assert [head.layers[layer].out_features for layer in (0, 2, 4)] == [256, 128, 1]
