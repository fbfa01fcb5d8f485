"""A rating head for ratings that are numbers: the sum, and Gaussian noise around it."""

import torch
from torch import nn
from torch.nn import functional

from maxella.model.gaussian_factors import GaussianFactors
from maxella.model.rating_head import HeadShape, RatedPairs

_START_NOISE = 0.72  # variance of a rating around its prediction


class VariationalHead(GaussianFactors):
    """A rating is μ + b_u + b_i + m_u·n_i and noise, whose variance the bound finds.

    Predictions use the means alone and are averaged over the members: one dot product.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape, shape.mean_rating)
        self.log_noise = nn.Parameter(torch.full((shape.members,), _START_NOISE).log())

    def forward(self, pairs: RatedPairs) -> torch.Tensor:
        """Pairs → (n,) ratings: the mean over the members."""
        return self.member_ratings(pairs, *self.factors(pairs)).mean(dim=1)

    def distribution(self, pairs: RatedPairs) -> torch.Tensor:
        """Pairs → (n, K) probabilities of the levels, which halve the way to their neighbours."""
        factors = self.factors(pairs)
        ratings = self.member_ratings(pairs, *factors).unsqueeze(2)
        variances = self.member_variances(pairs, *factors) + self.log_noise.exp()
        edges = (self.levels[1:] + self.levels[:-1]) / 2
        below = torch.special.ndtr((edges - ratings) / variances.sqrt().unsqueeze(2))
        below = functional.pad(functional.pad(below, (1, 0)), (0, 1), value=1.0)
        return below.diff(dim=2).mean(dim=1)  # (n, members, K) before the mean
