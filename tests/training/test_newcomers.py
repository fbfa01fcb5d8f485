"""What a rating head finds out about users from their ratings alone."""

import pytest
import torch

from maxella.model.build import RATING_HEADS, build_model
from maxella.model.rating_head import RatedPairs
from maxella.seeds import torch_generator
from maxella.training.newcomers import read_ratings

# User rows 1 and 3 of the head; row 2 has no ratings here.
USERS, ITEMS = torch.tensor([1, 3]), torch.tensor([1, 2, 3, 4])
OF_USERS, OF_ITEMS = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 3, 2])
RATINGS = torch.tensor([5.0, 4.0, 1.0, 2.0])


@pytest.fixture
def make_head(make_spec):
    def make(name, **changes):
        facts = {"rating_head": name, "rating_levels": (1.0, 2.0, 3.0, 4.0, 5.0), "dim": 3}
        head = build_model(make_spec(**facts | changes), seed=1).rating_head
        generator = torch_generator(3, "test")
        with torch.no_grad():
            for weight in head.parameters():
                weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
            for name_of_buffer, buffer in head.named_buffers():
                if name_of_buffer.endswith("norm"):
                    buffer.fill_(1.0)
        return head.eval()

    return make


def pairs_of(users=USERS, of_users=OF_USERS, of_items=OF_ITEMS):
    generator = torch_generator(4, "test")
    u, v = (torch.randn(n, 3, generator=generator) for n in (4, 4))
    return RatedPairs(u[users], v, users, ITEMS, of_users, of_items)


def tables_of(head):
    """The names of the tables with a row for each user, those of its parts too."""
    parts = dict(head.named_modules()).values()
    return {name for part in parts for name in getattr(part, "user_tables", ())}


@pytest.mark.parametrize("name", RATING_HEADS)
def test_only_the_rows_of_the_users_move_and_none_moves_another_s(make_head, name):
    head, alone = make_head(name), make_head(name)
    before = {key: weight.clone() for key, weight in head.state_dict().items()}
    read_ratings(head, pairs_of(), RATINGS)
    read_ratings(alone, pairs_of(USERS[1:], OF_USERS[3:] - 1, OF_ITEMS[3:]), RATINGS[3:])
    for key, weight in head.state_dict().items():
        if key.removesuffix(".weight").split(".")[-1] in tables_of(head):
            assert torch.equal(weight[[0, 2]], before[key][[0, 2]])
            assert not torch.equal(weight[[1, 3]], before[key][[1, 3]])
            torch.testing.assert_close(weight[3], alone.state_dict()[key][3], atol=2e-3, rtol=2e-3)
        else:
            assert torch.equal(weight, before[key])


@pytest.mark.parametrize("name", sorted(set(RATING_HEADS) - {"mlp"}))
def test_what_was_held_of_them_before_does_not_matter(make_head, name):
    one, other = make_head(name), make_head(name)
    with torch.no_grad():
        for key, weight in other.named_parameters():
            if key.removesuffix(".weight").split(".")[-1] in tables_of(other):
                weight[1] = 7.0
    for head in (one, other):
        read_ratings(head, pairs_of(), RATINGS)
    with torch.inference_mode():
        torch.testing.assert_close(one(pairs_of()), other(pairs_of()), atol=2e-3, rtol=0)


def test_a_dot_head_finds_damped_means(make_head):
    head = make_head("dot")
    with torch.inference_mode():
        head.user_biases.weight[USERS] = 0.0
        left = RATINGS - head(pairs_of())
        read_ratings(head, pairs_of(), RATINGS)
        wanted = torch.stack([left[:3].sum() / (3 + 5), left[3] / (1 + 5)])
        torch.testing.assert_close(head.user_biases.weight[USERS, 0], wanted, atol=1e-3, rtol=0)


def test_a_variational_head_finds_the_posterior(make_head):
    # For given items the bound of one user and member is quadratic in x = (bias, factors).
    head = make_head("variational", rating_members=1)
    pairs = pairs_of()
    read_ratings(head, pairs, RATINGS)
    with torch.inference_mode():
        items = head.factors(pairs)[1]
        n, t = items.means[OF_ITEMS[:3]], items.variances()[OF_ITEMS[:3]]
        w = head.user_link(pairs.user_embeddings)[0]
        precision = (-head.log_noise).exp()
        f, spread = (torch.nn.functional.pad(x, (1, 0), value=v) for x, v in ((n, 1.0), (t, 0.0)))
        prior = torch.cat([torch.tensor([1 / 0.15]), (-head.user_log_prior).exp()])
        bend = precision * (f.T @ f + spread.sum(dim=0).diag()) + prior.diag()
        item_biases = head.item_biases.weight[pairs.items[OF_ITEMS[:3]], 0]
        left = RATINGS[:3] - head.mean - item_biases - n @ w
        pull = f.T @ left - spread.sum(dim=0) * torch.cat([torch.zeros(1), w])
        wanted = torch.linalg.solve(bend, precision * pull)
        found = torch.cat([head.user_biases.weight[1], head.user_factors.weight[1]])
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)
        variances = head.user_log_variances.weight[1].exp()
        torch.testing.assert_close(variances, 1 / bend.diagonal()[1:], atol=0, rtol=0.02)


@pytest.mark.parametrize("name", ["variational", "ordinal"])
def test_who_rates_high_is_taken_to_rate_high(make_head, name):
    head = make_head(name)
    of_users, of_items = torch.arange(2).repeat_interleave(4), torch.arange(4).repeat(2)
    pairs = pairs_of(of_users=of_users, of_items=of_items)
    read_ratings(head, pairs, torch.tensor([5.0] * 4 + [1.0] * 4))
    with torch.inference_mode():
        high, low = head(pairs).view(2, 4)
    assert (high > low + 0.5).all()
