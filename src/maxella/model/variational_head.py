"""A rating head for ratings that are numbers: the sum, and Gaussian noise around it."""

import torch
from torch import nn
from torch.nn import functional

from maxella.model.gaussian_factors import GaussianFactors
from maxella.model.head import EmbeddedPairs, HeadShape, Targets
from maxella.model.met_items import MetItems

_START_NOISE = 0.72  # variance of a rating around its prediction


class VariationalHead(GaussianFactors):
    """A rating is μ + b_u + b_i + m_u·n_i and noise, whose variance the bound finds.

    Predictions use the means alone and are averaged over the members: one dot product.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape, shape.mean)
        self.log_noise = nn.Parameter(torch.full((shape.members,), _START_NOISE).log())

    def forward(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) ratings: the mean over the members."""
        return self.member_ratings(pairs, *self.factors(pairs)).mean(dim=1)

    def terms(self, pairs: EmbeddedPairs, targets: Targets) -> dict[str, torch.Tensor]:
        """Negative evidence lower bound, in nats a label.

        For each member, with P, Q ~ N(mean, variance) and noise variance σ²:

            ½ Σ over labels of [log σ² + E(r − prediction)² / σ²] + β · priors

        E(r − μ − b_u − b_i − m·n)² = (r − μ − b_u − b_i − m·n)² + s·(n² + t) + m²·t, with s and
        t the variances, and those of the biases. Members are averaged.
        """
        users, items = self.factors(pairs)
        m, n = users.means, items.means
        s, t = users.variances(), items.variances()
        errors = targets.labels.unsqueeze(1) - self.member_ratings(pairs, users, items)
        # Over a user's labels the variances add up to s·Σ(n² + t) + m²·Σt.
        sums = functional.embedding_bag(
            pairs.item_positions, torch.cat([n.square() + t, t], dim=1), pairs.begins, mode="sum"
        )
        of_squares, of_variances = sums.chunk(2, dim=1)  # (U, width) each
        spread = (s * of_squares + m.square() * of_variances).view(len(s), self.members, -1)
        squares = errors.square() + self.bias_variances(pairs, users, items)
        squares = squares.sum(dim=0) + spread.sum(dim=(0, 2))  # (members,)
        fit = (squares / self.log_noise.exp() + len(errors) * self.log_noise).sum()
        count = 2 * self.members * targets.expected
        return {"fit": fit / count, "priors": self.priors(users, items, targets) / count}

    def posterior(
        self, rows: torch.Tensor, met: MetItems, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """In closed form."""
        del rows
        n_labels = labels.shape[1] // self.members
        return met.solve(labels, self.log_noise.double().exp().repeat(n_labels))

    def distribution(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n, K) probabilities of the levels, which halve the way to their neighbours."""
        factors = self.factors(pairs)
        ratings = self.member_ratings(pairs, *factors).unsqueeze(2)
        variances = self.member_variances(pairs, *factors) + self.log_noise.exp()
        levels = self.counted(self.levels)
        edges = (levels[1:] + levels[:-1]) / 2
        below = torch.special.ndtr((edges - ratings) / variances.sqrt().unsqueeze(2))
        below = functional.pad(functional.pad(below, (1, 0)), (0, 1), value=1.0)
        return below.diff(dim=2).mean(dim=1)  # (n, members, K) before the mean
