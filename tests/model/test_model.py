"""The model on numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.errors import ConfigError
from maxella.features.id import UNKNOWN_ROW
from maxella.model.build import build_model
from maxella.model.head import EmbeddedPairs, HeadSpec
from maxella.model.row_encoder import RowEncoder
from maxella.seeds import torch_generator


@pytest.fixture
def make_model(make_spec):
    def make(rating="dot", seed=1, **changes):
        return build_model(make_spec(rating, **changes), seed).eval()

    return make


LOG = Interactions(np.array([1, 1, 2, 3]), np.array([1, 2, 4, 3]))
HISTORY = History.of(LOG, n_user_rows=4, n_item_rows=5)


def scores_of(model, users, task="retrieval", history=HISTORY):
    """(n,) user rows → (n, item rows) scores of a task."""
    head, items = model.heads[task], torch.arange(5)
    with torch.no_grad():
        queries = head.queries(model.user_encoder(users, history.bags(users)))
        scores = queries @ model.item_encoder(items).T
        biases = head.biases(items)
        return scores if biases is None else scores + biases


def rate(head, u, v, user, item):
    """The rating of one pair."""
    only = torch.tensor([0])
    return head(EmbeddedPairs(u, v, torch.tensor([user]), torch.tensor([item]), only, only))


def test_an_encoder_starts_within_its_scale_and_knows_nothing_of_the_unknown_row():
    encoder = RowEncoder(50, 8, scale=0.25, generator=torch_generator(1, "test"))
    embeddings = encoder(torch.arange(50)).detach()
    assert (embeddings[UNKNOWN_ROW] == 0).all()
    assert 0.2 < embeddings[1:].abs().max() <= 0.25
    assert len(embeddings[1:].unique()) > 300  # drawn, not one value


def test_the_unknown_row_gets_no_gradient():
    encoder = RowEncoder(3, 2, scale=1.0, generator=torch_generator(1, "test"))
    encoder(torch.tensor([UNKNOWN_ROW, 2])).sum().backward()
    assert encoder.table.weight.grad.tolist() == [[0, 0], [0, 0], [1, 1]]


def test_the_same_seed_gives_the_same_weights(make_model):
    one, same, other = (make_model(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["item_encoder.table.weight"], other["item_encoder.table.weight"])


@pytest.mark.parametrize("item_biases", [True, False])
@pytest.mark.parametrize("projects", [True, False])
def test_a_score_is_a_dot_product_and_the_item_bias(make_model, scramble, item_biases, projects):
    model = scramble(make_model(item_biases=item_biases, projects=projects))
    users = torch.tensor([2, 3, 1])
    with torch.no_grad():
        queries = model.user_encoder(users, HISTORY.bags(users))
        if projects:
            queries = queries @ (torch.eye(3) + model.heads["retrieval"].projection.weight.T)
        expected = queries @ model.item_encoder(torch.arange(5)).T
        if item_biases:
            expected = expected + model.heads["retrieval"].item_biases.weight[:, 0]
    torch.testing.assert_close(scores_of(model, users), expected)


def test_items_met_give_with_the_encoders_query_the_score(make_model, scramble):
    model = scramble(make_model(projects=True, item_biases=False))
    users = torch.tensor([2, 3, 1])
    with torch.no_grad():
        queries = model.user_encoder(users, HISTORY.bags(users))
        met = model.heads["retrieval"].items_met(model.item_encoder(torch.arange(5)))
    torch.testing.assert_close(queries @ met.T, scores_of(model, users))


def test_tasks_share_the_encoders_and_differ_by_projection_and_bias(make_spec, scramble):
    heads = (
        HeadSpec("view", "dot_product", item_biases=True),
        HeadSpec("buy", "dot_product", item_biases=True, projects=True),
    )
    model = build_model(replace(make_spec(), heads=heads), 1)
    users = torch.tensor([1, 2, 3])
    # A projection starts at zero, so both start as one.
    assert torch.equal(scores_of(model, users, "view"), scores_of(model, users, "buy"))
    names = {name for name, _ in model.named_parameters()}
    assert {name for name in names if name.startswith("heads.")} == {
        "heads.view.item_biases.weight",
        "heads.buy.item_biases.weight",
        "heads.buy.projection.weight",
    }
    scramble(model)
    assert not torch.equal(scores_of(model, users, "view"), scores_of(model, users, "buy"))


@pytest.mark.parametrize("task", ["a.b", "keys", "forward"])
def test_a_task_that_torch_can_hold_no_head_for_is_refused(make_spec, task):
    spec = replace(make_spec(), heads=(HeadSpec(task, "dot_product"),))
    with pytest.raises(ConfigError, match=rf"called '{task}'.*\[\[tasks\]\]"):
        build_model(spec, 1)


def test_the_dot_head_adds_mean_biases_and_a_product(make_model, scramble):
    head = scramble(make_model()).heads["rating"]
    with torch.no_grad():
        u, v = torch.tensor([[1.0, 2.0, -1.0]]), torch.tensor([[0.5, 0.0, 1.0]])
        found = rate(head, u, v, 2, 4)
        product = (head.user_link.weight @ u[0]) @ (head.item_link.weight @ v[0])
        biases = head.user_biases.weight[2, 0] + head.item_biases.weight[4, 0]
        torch.testing.assert_close(found[0], head.mean + biases + product)


def test_members_of_a_variational_head_are_averaged(make_model, scramble):
    head = scramble(make_model("variational", members=3, factors=2)).heads["rating"]
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
