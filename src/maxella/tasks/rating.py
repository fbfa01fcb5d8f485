"""Rating tasks: how far the predicted ratings of a batch are from the given ones."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from maxella.data.batches import Batch
from maxella.model.build import RATING_HEADS
from maxella.model.gaussian_factors import (
    ITEM_BIAS_PRIOR,
    USER_BIAS_PRIOR,
    Factors,
    GaussianFactors,
)
from maxella.model.mixed_head import MixedHead
from maxella.model.ordinal_head import OrdinalHead
from maxella.model.rating_head import RatedPairs, RatingHead
from maxella.model.variational_head import VariationalHead
from maxella.tasks.losses import squared_error

_GAP_PRIOR = 0.1  # prior variance of the logarithm of a user's gap to everyone's
_RAMP = 0.4  # share of the run after which the priors count in full


def mean_squared_error(
    head: nn.Module, pairs: RatedPairs, batch: Batch, done: float
) -> torch.Tensor:
    """Mean over the interactions of (prediction − rating)²."""
    del done
    return squared_error(head(pairs), batch.known_ratings) / max(1, len(batch))


def variational_bound(
    head: VariationalHead, pairs: RatedPairs, batch: Batch, done: float
) -> torch.Tensor:
    """Negative evidence lower bound, in nats an interaction.

    For each member, with P, Q ~ N(mean, variance) and noise variance σ²:

        ½ Σ over interactions of [log σ² + E(r − prediction)² / σ²] + β · priors

    E(r − μ − b_u − b_i − m·n)² = (r − μ − b_u − b_i − m·n)² + s·(n² + t) + m²·t, with s and t
    the variances. β and the priors: `_priors`. Members are averaged.
    """
    users, items = head.factors(pairs)
    m, n = users.means, items.means
    s, t = users.variances(), items.variances()
    errors = batch.known_ratings.unsqueeze(1) - head.member_ratings(pairs, users, items)
    # Over a user's interactions the variances add up to s·Σ(n² + t) + m²·Σt.
    sums = functional.embedding_bag(
        pairs.item_positions,
        torch.cat([n.square() + t, t], dim=1),
        batch.bags.begins,
        mode="sum",
    )
    of_squares, of_variances = sums.chunk(2, dim=1)  # (U, width) each
    spread = (s * of_squares + m.square() * of_variances).view(len(s), head.members, -1)
    squares = errors.square().sum(dim=0) + spread.sum(dim=(0, 2))  # (members,)
    fit = (squares / head.log_noise.exp() + len(batch) * head.log_noise).sum()
    bound = fit + _priors(head, users, items, batch, done)
    return bound / (2 * head.members * max(1, len(batch)))


def ordinal_bound(head: OrdinalHead, pairs: RatedPairs, batch: Batch, done: float) -> torch.Tensor:
    """The same for ordered levels, with the expectation taken to the second order:

        Σ over interactions of [−log P(r | y) + ½ v · (−∂² log P(r | y) / ∂y²)]
        + β · (priors + ½ |user_gaps|² / prior)

    at the mean y of each interaction, whose variance is v. Exact for Gaussian noise; here no
    strict bound, but closer than those that are one (docs/log.md).
    """
    users, items = head.factors(pairs)
    tastes = head.member_ratings(pairs, users, items)
    found, bends = head.log_likelihood(pairs, tastes, batch.known_ratings)
    fit = (bends * head.member_variances(pairs, users, items) - 2 * found).sum()
    of_gaps = head.members * pairs.user_side.read(head.user_gaps).square().sum() / _GAP_PRIOR
    bound = fit + _priors(head, users, items, batch, done) + _ramp(done) * of_gaps
    return bound / (2 * head.members * max(1, len(batch)))


def mean_bound(head: MixedHead, pairs: RatedPairs, batch: Batch, done: float) -> torch.Tensor:
    """The mean of the bounds of a mixed head's parts."""
    bounds = [task_of(part)(part, pairs, batch, done) for part in head.heads]
    return torch.stack(bounds).mean()


def _priors(
    head: GaussianFactors, users: Factors, items: Factors, batch: Batch, done: float
) -> torch.Tensor:
    """2 β · (the factors' KL to N(0, prior) + ½ |biases|² / prior + ½ |links|²), less a constant.

    The items' part counts as the share of the users that the batch holds, each item for as
    many as it stands for.
    """
    of_users = _divergence(users) + users.biases.square().sum(dim=1) / USER_BIAS_PRIOR
    of_items = _divergence(items) + items.biases.square().sum(dim=1) / ITEM_BIAS_PRIOR
    if batch.item_weights is not None:
        of_items = batch.item_weights * of_items
    of_all = of_items.sum() + sum(
        link.weight.square().sum() for link in (head.user_link, head.item_link)
    )
    return _ramp(done) * (of_users.sum() + batch.share * of_all)


def _ramp(done: float) -> float:
    """β, from .3 to 1 over the first 40 % of the run.

    At once in full, the priors shrink the factors to nothing before these have learnt anything.
    """
    return 0.3 + 0.7 * min(1.0, done / _RAMP)


def _divergence(factors: Factors) -> torch.Tensor:
    """(U,) 2 KL(N(mean, variance) ‖ N(0, prior)) of the private factors, up to a constant."""
    variances = factors.variances()
    expected = (factors.own.square() + variances) / factors.log_prior.exp()
    return (expected + factors.log_prior - variances.log()).sum(dim=1)


# (head, pairs of a batch, the batch, share of the run that is done) → a scalar
RatingTask = Callable[[Any, RatedPairs, Batch, float], torch.Tensor]

RATING_TASKS: dict[str, RatingTask] = {  # by the rating head that they train
    "dot": mean_squared_error,
    "mlp": mean_squared_error,
    "variational": variational_bound,
    "ordinal": ordinal_bound,
    "mixed": mean_bound,
    "cross": mean_squared_error,
    "low_rank_cross": mean_squared_error,
}


def task_of(head: RatingHead) -> RatingTask:
    """The task that trains a head."""
    (name,) = (name for name, kind in RATING_HEADS.items() if type(head) is kind)
    return RATING_TASKS[name]
