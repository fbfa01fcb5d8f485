"""The variational bound against a draw of the factors, and what it learns."""

import dataclasses

import numpy as np
import pytest
import torch

from maxella.data.batches import Batch, UserBatches
from maxella.data.columns import OwnAndUniform, OwnAndUnseen, WholeCatalogue
from maxella.data.interactions import Interactions
from maxella.model.rating_head import RatedPairs
from maxella.seeds import torch_generator
from maxella.tasks.rating import (
    mean_bound,
    mean_squared_error,
    ordinal_bound,
    task_of,
    variational_bound,
)

BATCH = Batch(
    torch.tensor([1, 2, 3]),
    torch.tensor([1, 2, 3, 4]),
    torch.tensor([0, 0, 1, 2, 2, 2]),
    torch.tensor([0, 3, 1, 0, 1, 2]),
    torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0, 3.0]),
    share=0.5,
)


@pytest.fixture
def make_head(draw_head):
    """A head of two members, with every weight drawn anew."""
    return lambda name: draw_head(name, seed=3, rating_members=2)


@pytest.fixture
def head(make_head):
    return make_head("variational")


@pytest.fixture
def pairs():
    """The pairs of the batch, with embeddings of three dimensions."""
    generator = torch_generator(4, "test")
    u, v = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (3, 4))
    batch = BATCH
    return RatedPairs(u, v, batch.users, batch.items, batch.user_positions, batch.item_positions)


def bound_by_draws(head, pairs, n_draws, loss_of):
    """The bound with its expectation over the factors taken as a mean over draws.

    `loss_of`: (draws, interactions) sums and the member → what each of them costs, in nats.
    """
    generator = torch_generator(5, "draws")
    s, t = (
        table(rows).exp()
        for table, rows in (
            (head.user_log_variances, BATCH.users),
            (head.item_log_variances, BATCH.items),
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
        match = (m[:, BATCH.user_positions] * n[:, BATCH.item_positions]).sum(dim=2)
        user_biases = head.user_biases(BATCH.users)[BATCH.user_positions, member]
        item_biases = head.item_biases(BATCH.items)[BATCH.item_positions, member]
        sums = head.mean + user_biases + item_biases + match
        total = total + loss_of(sums, member).mean(dim=0).sum()
    for table, rows, variances, log_prior, share in (
        (head.user_factors, BATCH.users, s, head.user_log_prior, 1.0),
        (head.item_factors, BATCH.items, t, head.item_log_prior, BATCH.share),
    ):
        posterior = torch.distributions.Normal(table(rows), variances.sqrt())
        prior = torch.distributions.Normal(torch.zeros(4).double(), (log_prior / 2).exp())
        divergence = torch.distributions.kl_divergence(posterior, prior).sum()
        # The bound leaves a constant of ½ a factor out.
        total = total + share * (divergence + variances.numel() / 2)
    total = total + head.user_biases(BATCH.users).square().sum() / (2 * 0.15)
    total = total + BATCH.share * head.item_biases(BATCH.items).square().sum() / (2 * 0.3)
    for link in (head.user_link, head.item_link):
        total = total + BATCH.share * link.weight.square().sum() / 2
    return total / (2 * len(BATCH))


def test_the_bound_is_what_drawing_the_factors_finds(head, pairs):
    def loss_of(sums, member):
        noise = head.log_noise[member]
        return ((BATCH.ratings - sums).square() / noise.exp() + noise) / 2

    with torch.no_grad():
        found = variational_bound(head, pairs, BATCH, 1.0)
        drawn = bound_by_draws(head, pairs, 200_000, loss_of)
    torch.testing.assert_close(found, drawn, rtol=5e-3, atol=0)


@pytest.mark.parametrize("columns", [OwnAndUniform, OwnAndUnseen])
def test_the_bounds_of_an_epoch_add_up_to_that_of_all(head, columns):
    """Batches that name their own items only, and each by weight, lose nothing of the priors."""
    users, items = BATCH.users[BATCH.user_positions], BATCH.items[BATCH.item_positions]
    log = Interactions(users.numpy(), items.numpy(), BATCH.ratings.numpy())
    counts = np.bincount(log.items)
    columns = columns(counts, 0) if columns is OwnAndUniform else columns(counts)

    def bound(batches):
        total = 0.0
        for batch in batches.epoch(np.random.default_rng(0)):
            u, v = (torch.full((len(rows), 3), 0.5).double() for rows in (batch.users, batch.items))
            pairs = RatedPairs(
                u, v, batch.users, batch.items, batch.user_positions, batch.item_positions
            )
            total = total + len(batch) * variational_bound(head, pairs, batch, 1.0).detach()
        return total

    whole = bound(UserBatches(log, 3, WholeCatalogue(len(counts))))
    torch.testing.assert_close(bound(UserBatches(log, 1, columns)), whole, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("variance", "within"), [(0.02, 3e-5), (0.2, 2e-3)])
def test_the_ordinal_bound_is_what_drawing_the_factors_finds(make_head, pairs, variance, within):
    # To the second order, so for variances that are not large; those learnt are about .02.
    head = make_head("ordinal")

    def loss_of(sums, member):
        del member
        tastes = sums.T  # (interactions, draws): as if each draw were a member
        return -head.log_likelihood(pairs, tastes, BATCH.ratings)[0].T

    with torch.no_grad():
        for table in (head.user_log_variances, head.item_log_variances):
            table.weight.fill_(variance).log_()
        gaps = head.user_gaps(BATCH.users).square().sum() / (2 * 0.1)
        found = ordinal_bound(head, pairs, BATCH, 1.0)
        drawn = bound_by_draws(head, pairs, 200_000, loss_of) + gaps / len(BATCH)
    torch.testing.assert_close(found, drawn, rtol=within, atol=0)


def test_the_priors_count_less_at_first(head, pairs):
    with torch.no_grad():
        early, ramped, late = (
            variational_bound(head, pairs, BATCH, done) for done in (0.0, 0.4, 1.0)
        )
    assert ramped == late != early


@pytest.mark.parametrize(
    ("kind", "bound"), [("variational", variational_bound), ("ordinal", ordinal_bound)]
)
def test_every_weight_of_the_head_gets_a_gradient(make_head, pairs, kind, bound):
    head = make_head(kind)
    bound(head, pairs, BATCH, 1.0).backward()
    for name, weight in head.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_a_user_is_not_moved_by_the_rating_of_another(head, pairs):
    # The last pair is user 3's.
    found = []
    for rating in (3.0, 1.0):
        head.zero_grad()
        ratings = BATCH.ratings.clone()
        ratings[-1] = rating
        variational_bound(head, pairs, dataclasses.replace(BATCH, ratings=ratings), 1.0).backward()
        found.append(head.user_factors.weight.grad.clone())
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][3], found[1][3])


def test_the_mean_squared_error_is_one(pairs):
    # Predictions are all 0: the mean of 25, 1, 16, 4, 9 and 9.
    def nothing(pairs):
        return torch.zeros(len(pairs.user_positions))

    assert mean_squared_error(nothing, pairs, BATCH, 0.0).item() == pytest.approx(64 / 6)


def test_a_mixed_head_has_the_mean_of_the_bounds_of_its_parts(make_head, pairs):
    head = make_head("mixed")
    of_each = [
        task(part, pairs, BATCH, 0.2)
        for part, task in zip(head.heads, [variational_bound, ordinal_bound] * 2, strict=True)
    ]
    torch.testing.assert_close(mean_bound(head, pairs, BATCH, 0.2), sum(of_each) / 4)


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
    task = task_of(head)
    for key, weight in head.named_parameters():
        if key.removesuffix(".weight").endswith(("user_log_variances", "user_gaps")):
            weight.data.fill_(far)
    loss = task(head, pairs, BATCH, 1.0)
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad.isfinite().all() for weight in head.parameters())
