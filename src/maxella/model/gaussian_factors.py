"""Biases and Gaussian factors, which find for themselves how far to trust the data."""

from typing import ClassVar

import torch
from torch import nn

from maxella.features.id import UNKNOWN_ROW
from maxella.model.rating_head import HeadShape, RatedPairs, RatingHead

USER_BIAS_PRIOR = 0.15  # prior variances
ITEM_BIAS_PRIOR = 0.3
# Of a variance, and of what a user does to a gap, either way: what is learnt is far from it, but a
# line search tries what overflows.
LARGEST_LOG = 12.0
_START_SCALE = 0.1  # standard deviation of the first means
_START_VARIANCE = 0.024
_START_PRIOR = 0.08  # prior variance of a factor
_START_LINK = 0.02
_MOMENTUM = 0.05


class GaussianFactors(RatingHead):
    """μ + b_u + b_i + m_u·n_i with m_u = P_u + W x_u, n_i = Q_i + V x_i.

    x are the towers' embeddings, over their root mean square norm: the link through which
    ratings learn from what was picked. P and Q are private tables with a variance for each
    factor, which the bounds of `tasks.rating` train together with the prior of each
    dimension: mean-field variational Bayes for matrix factorisation (Lim and Teh 2007).

    With several members the head holds that many independent factorisations, of
    rating_dim factors each: still one table a side, of the factors laid side by side. An
    unknown user or item has no bias and no private factors, and the variance of the prior.

    A head adds what it makes of the sum: `forward` gives the ratings, `distribution` how likely
    each level is.
    """

    user_tables: ClassVar[tuple[str, ...]] = ("user_factors", "user_log_variances", "user_biases")

    mean: torch.Tensor
    user_norm: torch.Tensor
    item_norm: torch.Tensor

    def __init__(self, shape: HeadShape, mean: float) -> None:
        super().__init__(shape.levels)
        self.members, self.rating_dim = shape.members, shape.rating_dim
        width = shape.members * shape.rating_dim
        self.register_buffer("mean", torch.tensor(mean))
        self.user_factors = _drawn(shape.n_user_rows, width, shape.generator)
        self.item_factors = _drawn(shape.n_item_rows, width, shape.generator)
        self.user_log_variances = _constant(shape.n_user_rows, width, _START_VARIANCE)
        self.item_log_variances = _constant(shape.n_item_rows, width, _START_VARIANCE)
        self.user_biases = nn.Embedding(shape.n_user_rows, shape.members, padding_idx=UNKNOWN_ROW)
        self.item_biases = nn.Embedding(shape.n_item_rows, shape.members, padding_idx=UNKNOWN_ROW)
        self.user_link = nn.Linear(shape.dim, width, bias=False)
        self.item_link = nn.Linear(shape.dim, width, bias=False)
        self.user_log_prior = nn.Parameter(torch.full((width,), _START_PRIOR).log())
        self.item_log_prior = nn.Parameter(torch.full((width,), _START_PRIOR).log())
        for biases in (self.user_biases, self.item_biases):
            nn.init.zeros_(biases.weight)
        for link in (self.user_link, self.item_link):
            nn.init.normal_(link.weight, std=_START_LINK, generator=shape.generator)
        # Running root mean square norms of the embeddings; 0 until the first batch.
        self.register_buffer("user_norm", torch.zeros(()))
        self.register_buffer("item_norm", torch.zeros(()))

    def user_means(self, pairs: RatedPairs) -> torch.Tensor:
        """(U, width) means of the users' factors m."""
        _follow(self.user_norm, pairs.user_embeddings, training=self.training)
        read = self.user_link(pairs.user_embeddings / self.user_norm.clamp(min=1e-6))
        return self.user_factors(pairs.users) + read  # type: ignore[no-any-return]

    def item_means(self, pairs: RatedPairs) -> torch.Tensor:
        """(I, width) means of the items' factors n."""
        _follow(self.item_norm, pairs.item_embeddings, training=self.training)
        read = self.item_link(pairs.item_embeddings / self.item_norm.clamp(min=1e-6))
        return self.item_factors(pairs.items) + read  # type: ignore[no-any-return]

    def user_variances(self, pairs: RatedPairs) -> torch.Tensor:
        """(U, width) variances of the users' factors."""
        return _variances(self.user_log_variances, pairs.users, self.user_log_prior)

    def item_variances(self, pairs: RatedPairs) -> torch.Tensor:
        """(I, width) variances of the items' factors."""
        return _variances(self.item_log_variances, pairs.items, self.item_log_prior)

    def member_ratings(
        self, pairs: RatedPairs, user_means: torch.Tensor, item_means: torch.Tensor
    ) -> torch.Tensor:
        """The factors of users and items → (n, members) the sum that each member finds."""
        products = pairs.of_users(user_means) * pairs.of_items(item_means)
        match = products.view(len(products), self.members, self.rating_dim).sum(dim=2)
        biases = pairs.of_users(self.user_biases(pairs.users))
        biases = biases + pairs.of_items(self.item_biases(pairs.items))
        return pairs.drifted(self.mean + biases + match)

    def member_variances(
        self, pairs: RatedPairs, user_means: torch.Tensor, item_means: torch.Tensor
    ) -> torch.Tensor:
        """(n, members) variance of each sum: s·(n² + t) + m²·t, with s and t the variances.

        A bias that is not known has the variance of its prior.
        """
        s, t = self.user_variances(pairs), self.item_variances(pairs)
        of_users = pairs.of_users(torch.cat([s, user_means.square()], dim=1))
        of_items = pairs.of_items(torch.cat([item_means.square() + t, t], dim=1))
        products = of_users * of_items
        spread = products.view(len(products), 2, self.members, self.rating_dim).sum(dim=(1, 3))
        no_user = pairs.of_users(pairs.users == UNKNOWN_ROW) * USER_BIAS_PRIOR
        no_item = pairs.of_items(pairs.items == UNKNOWN_ROW) * ITEM_BIAS_PRIOR
        return spread + (no_user + no_item).unsqueeze(1)


def _drawn(n_rows: int, width: int, generator: torch.Generator) -> nn.Embedding:
    table = nn.Embedding(n_rows, width, padding_idx=UNKNOWN_ROW)
    with torch.no_grad():
        table.weight.normal_(std=_START_SCALE, generator=generator)
        table.weight[UNKNOWN_ROW] = 0
    return table


def _constant(n_rows: int, width: int, variance: float) -> nn.Embedding:
    table = nn.Embedding(n_rows, width)
    nn.init.constant_(table.weight, torch.tensor(variance).log().item())
    return table


def _variances(table: nn.Embedding, rows: torch.Tensor, log_prior: torch.Tensor) -> torch.Tensor:
    is_unknown = (rows == UNKNOWN_ROW).unsqueeze(1)
    return torch.where(is_unknown, log_prior, table(rows)).clamp(-LARGEST_LOG, LARGEST_LOG).exp()


@torch.no_grad()
def _follow(norm: torch.Tensor, embeddings: torch.Tensor, *, training: bool) -> None:
    """Move a running norm towards that of these embeddings, in training only."""
    if not training:
        return
    found = embeddings.square().sum(dim=1).mean().sqrt()
    norm.copy_(found if norm == 0 else norm.lerp(found, _MOMENTUM))
