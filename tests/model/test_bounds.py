"""The bounds of the Gaussian heads against draws of the factors, and what they teach."""

import dataclasses

import pytest
import torch

from maxella.model import gaussian_factors
from maxella.model.head import EmbeddedPairs, Targets
from maxella.seeds import torch_generator

USERS, ITEMS = torch.tensor([1, 2, 3]), torch.tensor([1, 2, 3, 4])
USER_POSITIONS, ITEM_POSITIONS = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 3, 1, 0, 1, 2])
TARGETS = Targets(torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0, 3.0]), expected=6.0, share=0.5)


@pytest.fixture
def make_head(draw_head):
    """A head of two members, with every weight drawn anew."""
    return lambda name: draw_head(name, seed=3, members=2)


@pytest.fixture
def head(make_head):
    return make_head("variational")


@pytest.fixture
def pairs():
    """The pairs, with embeddings of three dimensions."""
    generator = torch_generator(4, "test")
    u, v = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (3, 4))
    return EmbeddedPairs(u, v, USERS, ITEMS, USER_POSITIONS, ITEM_POSITIONS)


def bound_by_draws(head, pairs, n_draws, loss_of):
    """The bound with its expectation over the factors taken as a mean over draws.

    `loss_of`: (draws, interactions) sums and the member → what each of them costs, in nats.
    """
    generator = torch_generator(5, "draws")
    # 1.0 and 2.0: the norms of `draw_head`.
    s, t = (
        table(rows).exp() + (embeddings / norm).square() @ link.exp().T
        for table, rows, embeddings, norm, link in (
            (
                head.user_log_variances,
                USERS,
                pairs.user_embeddings,
                1.0,
                head.user_link_log_variances,
            ),
            (
                head.item_log_variances,
                ITEMS,
                pairs.item_embeddings,
                2.0,
                head.item_link_log_variances,
            ),
        )
    )
    means = [side.means for side in head.factors(pairs)]
    total = 0.0
    for member in range(2):
        of = slice(2 * member, 2 * member + 2)
        m, n = (
            mean[:, of]
            + variance[:, of].sqrt()
            * torch.randn(n_draws, *mean[:, of].shape, generator=generator, dtype=torch.float64)
            for mean, variance in zip(means, (s, t), strict=True)
        )
        match = (m[:, USER_POSITIONS] * n[:, ITEM_POSITIONS]).sum(dim=2)
        of_users, of_items = (
            table(rows)[:, member]
            + (logs(rows)[:, member] / 2).exp()
            * torch.randn(n_draws, len(rows), generator=generator, dtype=torch.float64)
            for table, logs, rows in (
                (head.user_biases, head.user_bias_log_variances, USERS),
                (head.item_biases, head.item_bias_log_variances, ITEMS),
            )
        )
        sums = head.mean + of_users[:, USER_POSITIONS] + of_items[:, ITEM_POSITIONS] + match
        total = total + loss_of(sums, member).mean(dim=0).sum()
    for side, rows, share in (("user", USERS, 1.0), ("item", ITEMS, TARGETS.share)):
        for of_means, of_logs, log_prior in (
            ("factors", "log_variances", "log_prior"),
            ("biases", "bias_log_variances", "bias_log_prior"),
        ):
            means, logs = (getattr(head, f"{side}_{name}")(rows) for name in (of_means, of_logs))
            deviations = (getattr(head, f"{side}_{log_prior}") / 2).exp()
            posterior = torch.distributions.Normal(means, (logs / 2).exp())
            prior = torch.distributions.Normal(torch.zeros_like(deviations), deviations)
            divergence = torch.distributions.kl_divergence(posterior, prior)
            total = total + share * divergence.sum()
    for side in ("user", "item"):
        logs = getattr(head, f"{side}_link_log_variances")
        posterior = torch.distributions.Normal(
            getattr(head, f"{side}_link").weight, (logs / 2).exp()
        )
        prior = torch.distributions.Normal(0.0, gaussian_factors._LINK_PRIOR**0.5)
        divergence = torch.distributions.kl_divergence(posterior, prior)
        total = total + TARGETS.share * divergence.sum()
    return total / (2 * len(TARGETS.labels))


def test_the_bound_is_what_drawing_the_factors_finds(head, pairs):
    def loss_of(sums, member):
        noise = head.log_noise[member]
        return ((TARGETS.labels - sums).square() / noise.exp() + noise) / 2

    with torch.no_grad():
        found = head.loss(pairs, TARGETS)
        drawn = bound_by_draws(head, pairs, 200_000, loss_of)
    torch.testing.assert_close(found, drawn, rtol=5e-3, atol=0)


@pytest.mark.parametrize(("variance", "within"), [(0.02, 3e-5), (0.2, 2e-3)])
def test_the_ordinal_bound_is_what_drawing_the_factors_finds(make_head, pairs, variance, within):
    # To the second order, so for variances that are not large; those learnt are about .02.
    head = make_head("ordinal")

    def loss_of(sums, member):
        del member
        tastes = sums.T  # (interactions, draws): as if each draw were a member
        return -head.log_likelihood(pairs, tastes, TARGETS.labels)[0].T

    with torch.no_grad():
        for table in (
            head.user_log_variances,
            head.item_log_variances,
            head.user_bias_log_variances,
            head.item_bias_log_variances,
        ):
            table.weight.fill_(variance).log_()
        for logs in (head.user_link_log_variances, head.item_link_log_variances):
            logs.fill_(variance / 10).log_()
        gaps = head.user_gaps(USERS).square().sum() / (2 * 0.1)
        found = head.loss(pairs, TARGETS)
        drawn = bound_by_draws(head, pairs, 200_000, loss_of) + gaps / len(TARGETS.labels)
    torch.testing.assert_close(found, drawn, rtol=within, atol=0)


def test_the_priors_count_less_at_first(head, pairs):
    with torch.no_grad():
        early, ramped, late = (
            head.loss(pairs, dataclasses.replace(TARGETS, done=done)) for done in (0.0, 0.4, 1.0)
        )
    assert ramped == late != early


@pytest.mark.parametrize("kind", ["variational", "ordinal"])
def test_every_weight_of_the_head_gets_a_gradient(make_head, pairs, kind):
    head = make_head(kind)
    head.loss(pairs, TARGETS).backward()
    for name, weight in head.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_an_item_that_stands_for_several_has_the_prior_of_several(head, pairs):
    with torch.no_grad():
        plain, doubled, none = (
            head.loss(pairs, dataclasses.replace(TARGETS, item_weights=weights))
            for weights in (None, torch.full((4,), 2.0), torch.zeros(4))
        )
    torch.testing.assert_close(doubled - plain, plain - none)
    assert plain != none


def test_a_user_is_not_moved_by_the_rating_of_another(head, pairs):
    # The last pair is user 3's.
    found = []
    for rating in (3.0, 1.0):
        head.zero_grad()
        labels = TARGETS.labels.clone()
        labels[-1] = rating
        head.loss(pairs, dataclasses.replace(TARGETS, labels=labels)).backward()
        found.append(head.user_factors.weight.grad.clone())
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][3], found[1][3])


def test_a_mixed_head_has_the_mean_of_the_bounds_of_its_parts(make_head, pairs):
    head = make_head("mixed")
    early = dataclasses.replace(TARGETS, done=0.2)
    of_each = [part.loss(pairs, early) for part in head.heads]
    torch.testing.assert_close(head.loss(pairs, early), sum(of_each) / 4)


@pytest.mark.parametrize("name", ["variational", "ordinal", "mixed"])
@pytest.mark.parametrize("far", [-200.0, 200.0])
def test_no_row_of_a_user_however_far_out_makes_a_bound_infinite(make_head, pairs, name, far):
    # A line search tries such rows, and of one infinite loss it does not come back.
    head = make_head(name).float()
    pairs = dataclasses.replace(
        pairs,
        user_embeddings=pairs.user_embeddings.float(),
        item_embeddings=pairs.item_embeddings.float(),
    )
    for key, weight in head.named_parameters():
        if key.removesuffix(".weight").endswith(("user_log_variances", "user_gaps")):
            weight.data.fill_(far)
    loss = head.loss(pairs, TARGETS)
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad.isfinite().all() for weight in head.parameters())
