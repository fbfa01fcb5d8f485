"""The model on numbers worked out by hand, and what holds for every rating head."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.features.id import UNKNOWN_ROW
from maxella.model.build import RATING_HEADS, build_model
from maxella.model.rating_head import RatedPairs
from maxella.model.tower import Tower
from maxella.recommend.scorer import Scorer
from maxella.seeds import torch_generator


@pytest.fixture
def make_model(make_spec):
    def make(seed=1, **changes):
        return build_model(make_spec(**changes), seed).eval()

    return make


def scramble(model):
    """Every weight drawn anew, so that no part is at a start of zeros."""
    generator = torch_generator(7, "test")
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    return model


LOG = Interactions(np.array([1, 1, 2, 3]), np.array([1, 2, 4, 3]))
HISTORY = History.of(LOG, n_user_rows=4, n_item_rows=5)


def rate(head, u, v, user, item):
    """The rating of one pair."""
    only = torch.tensor([0])
    return head(RatedPairs(u, v, torch.tensor([user]), torch.tensor([item]), only, only))


def test_a_tower_starts_within_its_scale_and_knows_nothing_of_the_unknown_row():
    tower = Tower(50, 8, scale=0.25, generator=torch_generator(1, "test"))
    embeddings = tower(torch.arange(50)).detach()
    assert (embeddings[UNKNOWN_ROW] == 0).all()
    assert 0.2 < embeddings[1:].abs().max() <= 0.25
    assert len(embeddings[1:].unique()) > 300  # drawn, not one value


def test_the_unknown_row_gets_no_gradient():
    tower = Tower(3, 2, scale=1.0, generator=torch_generator(1, "test"))
    tower(torch.tensor([UNKNOWN_ROW, 2])).sum().backward()
    assert tower.table.weight.grad.tolist() == [[0, 0], [0, 0], [1, 1]]


def test_the_same_seed_gives_the_same_weights(make_model):
    one, same, other = (make_model(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["item_tower.table.weight"], other["item_tower.table.weight"])


@pytest.mark.parametrize("item_biases", [True, False])
def test_a_score_is_the_dot_product_of_the_towers_and_the_item_bias(make_model, item_biases):
    model = scramble(make_model(item_biases=item_biases))
    users, items = torch.tensor([2, 3, 1]), torch.arange(5)
    expected = model.user_tower(users, HISTORY.bags(users)) @ model.item_tower(items).T
    if item_biases:
        expected = expected + model.item_biases.weight[:, 0]
    torch.testing.assert_close(Scorer(model, LOG).score(users), expected.detach())


def test_the_dot_head_adds_mean_biases_and_a_product(make_model):
    head = scramble(make_model()).rating_head
    with torch.no_grad():
        u, v = torch.tensor([[1.0, 2.0, -1.0]]), torch.tensor([[0.5, 0.0, 1.0]])
        found = rate(head, u, v, 2, 4)
        product = (head.user_link.weight @ u[0]) @ (head.item_link.weight @ v[0])
        biases = head.user_biases.weight[2, 0] + head.item_biases.weight[4, 0]
        torch.testing.assert_close(found[0], head.mean + biases + product)


def test_the_mlp_head_is_three_dense_layers_with_relu_between(make_model):
    head = scramble(make_model(rating_head="mlp")).rating_head
    u, v = torch.tensor([[1.0, 2.0, -1.0]]), torch.tensor([[0.5, 0.0, 1.0]])
    hidden = torch.cat([u, v], dim=1)
    with torch.no_grad():
        for layer in (0, 2):
            dense = head.layers[layer]
            hidden = (hidden @ dense.weight.T + dense.bias).clamp(min=0)
        expected = hidden @ head.layers[4].weight.T + head.layers[4].bias
        found = rate(head, u, v, 1, 1)
    assert [head.layers[layer].out_features for layer in (0, 2, 4)] == [256, 128, 1]
    torch.testing.assert_close(found, expected[0])


@pytest.mark.parametrize("name", RATING_HEADS)
def test_a_pair_is_rated_the_same_alone_and_among_others(make_model, name):
    scorer = Scorer(scramble(make_model(rating_head=name, history_dim=2, rating_range=None)), LOG)
    users, items = torch.tensor([1, 3, 2, 0]), torch.tensor([4, 0, 1, 2])
    together = scorer.predict(users, items)
    alone = torch.cat([scorer.predict(users[[j]], items[[j]]) for j in range(4)])
    assert together.shape == (4,)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["dot", "mlp"])
def test_every_weight_of_a_head_learns(make_model, name):
    model = scramble(make_model(rating_head=name))
    users, items, pairs = torch.tensor([1, 2, 3]), torch.tensor([1, 2, 4]), torch.arange(3)
    u, v = model.user_tower(users, HISTORY.bags(users)), model.item_tower(items)
    model.rating_head(RatedPairs(u, v, users, items, pairs, pairs)).sum().backward()
    for weight_name, weight in model.rating_head.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.abs().sum() > 0, weight_name


def test_the_history_part_is_a_scaled_sum_of_readings(make_model):
    model = scramble(make_model(dim=2, history_dim=3)).eval()
    users = torch.tensor([1, 3, 0])
    found = model.user_tower(users, HISTORY.bags(users)).detach()
    reading = model.user_tower.history
    gain, power = reading.log_gain.exp().item(), reading.power.item()
    rows = reading.readings.weight.detach()
    # User 1 has items 1 and 2, user 3 item 3, nobody has nothing; histories hold 2 on average.
    expected = [gain * (2 / 2) ** -power * (rows[1] + rows[2]), gain * 0.5**-power * rows[3]]
    torch.testing.assert_close(found[:2, 2:], torch.stack(expected))
    torch.testing.assert_close(found[:, :2], model.user_tower.ids(users).detach())
    assert (found[2, 2:] == 0).all()


def test_a_history_reads_the_same_through_its_distinct_items(make_model):
    model = scramble(make_model(dim=2, history_dim=3))
    users = torch.tensor([1, 2, 3])
    bags = HISTORY.bags(users)
    items, positions = bags.items.unique(return_inverse=True)
    readings = model.user_tower.history.readings
    of_bags = []
    for same in (bags, replace(bags, distinct=(items, positions))):
        embeddings = model.user_tower(users, same)
        (gradient,) = torch.autograd.grad(embeddings.square().sum(), readings.weight)
        of_bags.append((embeddings, gradient))
    torch.testing.assert_close(of_bags[1], of_bags[0])


def test_an_own_score_is_what_leaving_the_pair_out_of_its_history_takes_away(make_model):
    model = scramble(make_model(history_dim=3)).eval()
    users, items = torch.tensor([1, 3]), torch.arange(1, 5)
    bags = HISTORY.bags(users)  # items 1 and 2, item 3
    embeddings = model.item_tower(items)
    own = model.own_scores(bags, items, embeddings, bags.items - 1)
    with torch.no_grad():
        scores = Scorer(model, LOG).score(users)
        reading = model.user_tower.history
        for pair, (position, item) in enumerate([(0, 1), (0, 2), (1, 3)]):
            factor = reading.factors(bags.counts)[position]  # the length stays as it is
            share = factor * reading.readings.weight[item] @ model.item_tower.table.weight[item, 3:]
            torch.testing.assert_close(own[pair], share)
            # With one item less, at the same length, the score falls by just that.
            others = bags.items[: bags.counts[0]] if position == 0 else bags.items[2:]
            rest = factor * reading.readings.weight[others[others != item]].sum(dim=0)
            whole = torch.cat([model.user_tower.ids(users[position]), rest])
            without = whole @ model.item_tower.table.weight[item] + model.item_biases.weight[item]
            torch.testing.assert_close(scores[position, item] - own[pair], without[0])


def test_members_of_a_variational_head_are_averaged(make_model):
    spec = {"rating_head": "variational", "rating_members": 3, "rating_dim": 2}
    head = scramble(make_model(**spec)).rating_head
    with torch.no_grad():
        head.user_norm.fill_(2.0)
        head.item_norm.fill_(0.5)
        u, v = torch.tensor([[1.0, 2.0, -1.0]]), torch.tensor([[0.5, 0.0, 1.0]])
        m = head.user_factors.weight[2] + head.user_link.weight @ (u[0] / 2.0)
        n = head.item_factors.weight[4] + head.item_link.weight @ (v[0] / 0.5)
        members = [
            head.mean
            + head.user_biases.weight[2, j]
            + head.item_biases.weight[4, j]
            + m[2 * j : 2 * j + 2] @ n[2 * j : 2 * j + 2]
            for j in range(3)
        ]
        torch.testing.assert_close(rate(head, u, v, 2, 4)[0], torch.stack(members).mean())


def test_predictions_are_clipped_to_the_range_and_to_nothing_else(make_model):
    model = scramble(make_model(rating_range=(-4.0, -2.5)))
    free = scramble(make_model(rating_range=None))
    users, items = torch.tensor([1, 2, 3, 1, 2, 3]), torch.tensor([1, 2, 3, 4, 1, 2])
    clipped, plain = (Scorer(m, LOG).predict(users, items) for m in (model, free))
    assert plain.min() < -4  # so both ends are put to the test
    assert plain.max() > -2.5
    assert torch.equal(clipped, plain.clamp(-4, -2.5))
