"""The ordinal head, and the distribution of both Gaussian heads, on numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch

from maxella.model.build import build_model
from maxella.model.head import EmbeddedPairs
from maxella.seeds import torch_generator

SCALE = math.sqrt(0.72 * 3) / math.pi


@pytest.fixture
def make_head(draw_head):
    """A head that nothing trains, with every weight drawn anew."""

    def make(name="ordinal", **changes):
        return draw_head(name, seed=7, **changes).requires_grad_(requires_grad=False)

    return make


def pairs_of(users, items):
    """These pairs, with embeddings of three dimensions that depend on the rows alone."""
    u, v = (torch.randn(9, 3, generator=torch_generator(j, "test")).double() for j in (4, 5))
    users, items, each = torch.tensor(users), torch.tensor(items), torch.arange(len(users))
    return EmbeddedPairs(u[users], v[items], users, items, each, each)


def logistic(x):
    return 1 / (1 + math.exp(-x))


def test_the_distribution_is_a_logistic_around_the_sum_cut_at_the_users_thresholds(make_head):
    head = make_head(members=2)
    pairs = pairs_of([2], [4])
    factors = head.factors(pairs)
    tastes = head.member_ratings(pairs, *factors)[0].tolist()
    variances = head.member_variances(pairs, *factors)[0].tolist()
    gaps = (head.log_gaps + head.user_gaps.weight[2]).exp().tolist()
    steps = [0.0, gaps[0], gaps[0] + gaps[1], sum(gaps)]
    thresholds = [head.centre.item() + step - sum(steps) / 4 for step in steps]
    expected = np.zeros(5)
    for y, v in zip(tastes, variances, strict=True):
        scale = math.sqrt(SCALE**2 + v * 3 / math.pi**2)
        below = [0.0, *(logistic((theta - y) / scale) for theta in thresholds), 1.0]
        expected += np.diff(below) / 2
    found = head.distribution(pairs)[0]
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-9)
    assert head(pairs).item() == pytest.approx((expected * [1, 2, 3, 4, 5]).sum())


def test_the_normal_is_cut_half_way_between_the_levels(make_head):
    head = make_head("variational", levels=(1.0, 2.0, 4.0))
    pairs = pairs_of([2], [4])
    factors = head.factors(pairs)
    variance = head.member_variances(pairs, *factors) + head.log_noise.exp()
    normal = torch.distributions.Normal(head(pairs).item(), variance.item() ** 0.5)
    below, up_to = (normal.cdf(torch.tensor(edge)).item() for edge in (1.5, 3.0))
    expected = [below, up_to - below, 1 - up_to]
    assert head.distribution(pairs)[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_start_without_knowledge_gives_every_level_about_the_same(make_spec):
    head = build_model(make_spec("ordinal"), 1).heads["rating"].double().eval()
    nothing, only = torch.zeros(1, 3).double(), torch.tensor([0])
    found = head.distribution(EmbeddedPairs(nothing, nothing, only, only, only, only))
    assert found[0].tolist() == pytest.approx([0.2] * 5, abs=0.02)


@pytest.mark.parametrize("name", ["ordinal", "variational"])
def test_the_variance_of_a_sum_is_that_of_draws(make_head, name):
    head = make_head(name, members=2)
    pairs = pairs_of([1, 2, 0, 0], [3, 0, 4, 0])
    users, items = head.factors(pairs)
    m, n, s, t = users.means, items.means, users.variances(), items.variances()
    generator = torch_generator(3, "draws")

    def drawn(means, variances):
        noise = torch.randn(100_000, *means.shape, generator=generator, dtype=torch.float64)
        return means + variances.sqrt() * noise

    match = (drawn(m, s) * drawn(n, t)).view(-1, 4, 2, 2).sum(dim=3)
    # Of a bias that is not known it is that of its prior.
    of_users, of_items = head.user_bias_log_variances.weight, head.item_bias_log_variances.weight
    of_users, of_items = of_users[[1, 2, 0, 0]], of_items[[3, 0, 4, 0]]
    of_users[2:], of_items[[1, 3]] = head.user_bias_log_prior, head.item_bias_log_prior
    found = head.member_variances(pairs, users, items)
    wanted = match.var(dim=0) + of_users.exp() + of_items.exp()
    torch.testing.assert_close(found, wanted, rtol=0.03, atol=0.0)


def test_an_unknown_user_has_the_variances_of_the_prior(make_head):
    head = make_head()
    pairs = pairs_of([0, 1], [0, 1])
    users = head.factors(pairs)[0]
    found = users.variances() - users.linked_variances
    torch.testing.assert_close(found[0], head.user_log_prior.exp())
    torch.testing.assert_close(found[1], head.user_log_variances.weight[1].exp())


def test_the_log_likelihood_and_its_bend(make_head):
    head = make_head(members=2)
    pairs = pairs_of([1, 2, 3, 1], [1, 2, 3, 4])
    ratings = torch.tensor([1.0, 3.0, 5.0, 4.0]).double()
    tastes = torch.randn(4, 2, generator=torch_generator(1, "test"), dtype=torch.float64)
    found, bends = head.log_likelihood(pairs, tastes, ratings)
    for row in range(4):
        gaps = (head.log_gaps + head.user_gaps.weight[pairs.users[row]]).exp().tolist()
        steps = torch.tensor([0.0, gaps[0], gaps[0] + gaps[1], sum(gaps)])
        edges = [-math.inf, *(head.centre + steps - steps.mean()).tolist(), math.inf]
        level = int(ratings[row]) - 1

        def log_probability(y, low=edges[level], high=edges[level + 1]):
            return (torch.sigmoid((high - y) / SCALE) - torch.sigmoid((low - y) / SCALE)).log()

        for member in range(2):
            y = tastes[row, member]
            assert found[row, member].item() == pytest.approx(log_probability(y).item())
            bend = -torch.autograd.functional.hessian(log_probability, y).item()
            assert bends[row, member].item() == pytest.approx(bend)


@pytest.mark.parametrize("far", [-200.0, 200.0])
def test_far_out_the_log_likelihood_and_its_gradient_stay_numbers(make_head, far):
    head = make_head().float()
    pairs = pairs_of([1, 1, 1], [1, 2, 3])
    tastes = torch.full((3, 1), far, requires_grad=True)
    found, bends = head.log_likelihood(pairs, tastes, torch.tensor([1.0, 3.0, 5.0]))
    (found.sum() + bends.sum()).backward()
    assert all(part.isfinite().all() for part in (found, bends, tastes.grad))
    assert found.min() < -100


def test_a_level_that_is_hardly_ever_given_keeps_its_digits(make_head):
    head = make_head().float()
    head.log_gaps.fill_(math.log(1e-9))
    head.user_gaps.weight.zero_()
    head.centre.zero_()
    pairs = pairs_of([1], [1])
    found, _ = head.log_likelihood(pairs, torch.zeros(1, 1), torch.tensor([3.0]))
    # A gap of 10⁻⁹ at the steepest place of the logistic function.
    assert found.item() == pytest.approx(math.log(1e-9 / SCALE / 4), rel=1e-5)


@pytest.mark.parametrize("levels", [(3.0,), (1.0, 5.0), (0.5, 1.0, 4.0), tuple(range(101))])
def test_any_number_of_levels(make_spec, levels):
    levels = tuple(map(float, levels))
    head = build_model(make_spec("ordinal", levels=levels), 1).heads["rating"].double().eval()
    head.user_norm.fill_(1.0)
    head.item_norm.fill_(1.0)
    found = head.distribution(pairs_of([0, 1, 3], [0, 1, 3]))
    assert found.shape == (3, len(levels))
    assert found.min() > 0
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3).double())
    assert head.levels.tolist() == list(levels)


def test_of_ratings_that_are_all_equal_there_is_one_level_and_it_is_certain(make_head):
    head = make_head(levels=(3.0,))
    pairs = pairs_of([0, 1], [2, 0])
    assert head(pairs).tolist() == [3.0, 3.0]
    found, bends = head.log_likelihood(pairs, torch.zeros(2, 1), torch.tensor([3.0, 3.0]))
    assert (found.abs().max(), bends.abs().max()) == (0, 0)


@pytest.mark.parametrize(("name", "levels"), [("dot", (1.0, 2.0)), ("mlp", (1.0,))])
def test_a_head_without_levels_has_a_distribution_over_none(make_spec, name, levels):
    head = build_model(make_spec(name, levels=levels), 1).heads["rating"].double().eval()
    assert len(head.levels) == 0
    assert head.distribution(pairs_of([1, 2], [1, 2])).shape == (2, 0)


def test_a_mixed_head_is_the_mean_of_two_likelihoods_at_two_ranks(make_head):
    head = make_head("mixed", factors=3)
    assert [(type(part).__name__, part.n_factors) for part in head.heads] == [
        ("VariationalHead", 3),
        ("OrdinalHead", 3),
        ("VariationalHead", 6),
        ("OrdinalHead", 6),
    ]
    pairs = pairs_of([2, 1], [4, 1])
    ratings = sum(part(pairs) for part in head.heads) / 4
    probabilities = sum(part.distribution(pairs) for part in head.heads) / 4
    torch.testing.assert_close(head(pairs), ratings)
    torch.testing.assert_close(head.distribution(pairs), probabilities)
    others = head.of_users(torch.tensor([0, 2]))
    torch.testing.assert_close(others(pairs_of_row(1, pairs)), ratings[:1])


def pairs_of_row(row, pairs):
    """The first pair, of a user who has this row now."""
    only = torch.tensor([0])
    return EmbeddedPairs(
        pairs.user_embeddings[:1],
        pairs.item_embeddings[:1],
        torch.tensor([row]),
        pairs.items[:1],
        only,
        only,
    )
