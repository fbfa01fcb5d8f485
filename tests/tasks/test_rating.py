"""The variational bound against a draw of the factors, and what it learns."""

import dataclasses

import pytest
import torch

from maxella.data.batches import Batch
from maxella.errors import ConfigError
from maxella.model.build import ModelSpec, build_model
from maxella.seeds import torch_generator
from maxella.tasks.rating import mean_squared_error, variational

SPEC = ModelSpec(
    n_user_rows=4,
    n_item_rows=5,
    dim=3,
    history_dim=0,
    mean_history=2.0,
    rating_head="variational",
    rating_dim=2,
    rating_members=2,
    item_biases=True,
    embedding_scale=0.5,
    mean_rating=3.0,
    rating_range=None,
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
def model():
    """In double precision, with every weight of the head drawn anew."""
    model = build_model(SPEC, seed=1).double()
    generator = torch_generator(3, "test")
    with torch.no_grad():
        for weight in model.rating_head.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)
        model.rating_head.user_norm.fill_(1.0)
        model.rating_head.item_norm.fill_(2.0)
    return model.eval()


def towers(model):
    return model.user_tower(BATCH.users, BATCH.bags), model.item_tower(BATCH.items)


def bound_by_draws(model, users, items, n_draws):
    """The bound with its expectation over the factors taken as a mean over draws."""
    head = model.rating_head
    generator = torch_generator(5, "draws")
    s, t = (
        table(rows).exp()
        for table, rows in (
            (head.user_log_variances, BATCH.users),
            (head.item_log_variances, BATCH.items),
        )
    )
    means = head.user_means(users, BATCH.users), head.item_means(items, BATCH.items)
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
        errors = BATCH.ratings - head.mean - user_biases - item_biases - match
        noise = head.log_noise[member]
        total = total + (errors.square().mean(dim=0) / noise.exp() + noise).sum() / 2
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


def test_the_bound_is_what_drawing_the_factors_finds(model):
    with torch.no_grad():
        users, items = towers(model)
        found = variational(model, BATCH, users, items, 1.0)
        drawn = bound_by_draws(model, users, items, 200_000)
    torch.testing.assert_close(found, drawn, rtol=5e-3, atol=0)


def test_the_priors_count_less_at_first(model):
    with torch.no_grad():
        early, ramped, late = (
            variational(model, BATCH, *towers(model), done) for done in (0.0, 0.4, 1.0)
        )
    assert ramped == late != early


def test_every_weight_of_the_head_gets_a_gradient(model):
    variational(model, BATCH, *towers(model), 1.0).backward()
    for name, weight in model.rating_head.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_no_weight_of_the_head_is_moved_by_what_no_pair_names(model):
    # Another rating of a pair of user 3 leaves the gradient of user 1 as it is.
    found = []
    for rating in (3.0, 1.0):
        model.zero_grad()
        ratings = BATCH.ratings.clone()
        ratings[-1] = rating
        batch = dataclasses.replace(BATCH, ratings=ratings)
        variational(model, batch, *towers(model), 1.0).backward()
        found.append(model.rating_head.user_factors.weight.grad.clone())
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][3], found[1][3])


def test_another_head_is_refused_with_both_options():
    model = build_model(dataclasses.replace(SPEC, rating_head="dot", rating_members=1), seed=1)
    with pytest.raises(ConfigError, match=r"rating_loss.*rating_head"):
        variational(model, BATCH, *towers(model), 1.0)


def test_the_mean_squared_error_is_one():
    model = build_model(dataclasses.replace(SPEC, rating_head="dot", rating_members=1), seed=1)
    with torch.no_grad():
        for weight in model.rating_head.parameters():
            weight.zero_()
        # Predictions are all 0: the mean of 25, 1, 16, 4, 9 and 9.
        found = mean_squared_error(model, BATCH, *towers(model), 0.0)
    assert found.item() == pytest.approx(64 / 6)
