"""A rating head for ratings that are ordered levels: a distribution over them."""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from maxella.features.id import UNKNOWN_ROW
from maxella.model.gaussian_factors import LARGEST_LOG, GaussianFactors, prior_weight
from maxella.model.head import EmbeddedPairs, HeadShape, Targets
from maxella.model.met_items import MetItems
from maxella.model.newton import minimise
from maxella.model.ordinal_bound import OrdinalBound
from maxella.model.reading import Reading
from maxella.model.row_table import RowTable

_NOISE = 0.72  # variance of the taste that a rating shows around y; the gaps are in its units
_LOGISTIC = torch.pi**2 / 3  # variance of the logistic distribution
_GAP_PRIOR = 0.1  # prior variance of the logarithm of a user's gap to everyone's
_SCALE = (_NOISE / _LOGISTIC) ** 0.5


class OrdinalHead(GaussianFactors):
    """P(r ≤ r_k | u, i) = S((θ_k(u) − y_ui) / scale), with y = b_u + b_i + m_u·n_i, S logistic.

    The cumulative link model of McCullagh 1980 on Gaussian factors (as in Matchbox: Stern,
    Herbrich and Graepel 2009), with gaps between the K − 1 thresholds that each user may
    stretch (OrdRec: Koren and Sill 2011): θ(u) has its middle at a learnt centre, and gaps
    exp(log_gaps_k + user_gaps_uk) > 0, so that the order holds. Only the order of the levels
    matters in training, not their values. The scale is fixed, as the gaps set it.

    In a prediction the logistic distribution takes in the variance v of y: scale²
    becomes scale² + v / (π²/3). Distributions of members are averaged. The rating is the mean
    of the distribution, which has the least expected squared error.
    """

    def __init__(self, shape: HeadShape) -> None:
        levels = shape.levels or (shape.origin,)  # a log without ratings has no levels
        super().__init__(replace(shape, levels=levels), mean=0.0)
        n_levels = len(levels)
        shares = torch.arange(1, n_levels) / n_levels  # as if each were given as often
        gaps = shares.logit().diff() * (_SCALE**2 + 0.5 / _LOGISTIC) ** 0.5
        self.centre = nn.Parameter(torch.zeros(()))
        self.log_gaps = nn.Parameter(gaps.log())
        self.user_gaps = nn.Embedding(shape.n_user_rows, len(gaps), padding_idx=UNKNOWN_ROW)
        nn.init.zeros_(self.user_gaps.weight)

    def row_tables(self) -> dict[str, RowTable]:
        """Those of the factors, and how each user stretches the gaps."""
        return super().row_tables() | {"user_gaps": RowTable(self.user_gaps, "user")}

    def forward(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) ratings: the means of their distributions."""
        return self.distribution(pairs) @ self.counted(self.levels)

    def distribution(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n, K) probabilities of the levels."""
        factors = self.factors(pairs)
        tastes = self.member_ratings(pairs, *factors).unsqueeze(2)
        variances = self.member_variances(pairs, *factors).unsqueeze(2)
        scales = (_SCALE**2 + variances / _LOGISTIC).sqrt()
        edges = pairs.of_users(self._edges(pairs)).unsqueeze(1)  # (n, 1, K + 1)
        below = torch.sigmoid((edges - tastes) / scales)
        return below.diff(dim=2).mean(dim=1)  # (n, members, K) before the mean

    def terms(self, pairs: EmbeddedPairs, targets: Targets) -> dict[str, torch.Tensor]:
        """As of `VariationalHead`, with the expectation taken to the second order:

            Σ over labels of [−log P(r | y) + ½ v · (−∂² log P(r | y) / ∂y²)]
            + β · (priors + ½ |user_gaps|² / prior)

        at the mean y of each label, whose variance is v. Exact for Gaussian noise; here no
        strict bound, but closer than those that are one (docs/log.md).
        """
        users, items = self.factors(pairs)
        tastes = self.member_ratings(pairs, users, items)
        found, bends = self.log_likelihood(pairs, tastes, targets.labels)
        fit = (bends * self.member_variances(pairs, users, items) - 2 * found).sum()
        of_gaps = self.members * pairs.user_side.read(self.user_gaps).square().sum() / _GAP_PRIOR
        priors = self.priors(users, items, targets) + prior_weight(targets.done) * of_gaps
        count = 2 * self.members * targets.expected
        return {"fit": fit / count, "priors": priors / count}

    def posterior(
        self, rows: torch.Tensor, met: MetItems, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """By Newton's method from zeros, with the users' gaps."""
        bound = OrdinalBound(
            met,
            self._level_of(labels.to(self.levels.dtype)),
            self.centre.double(),
            self.log_gaps.double(),
            self.members / _GAP_PRIOR,
            _SCALE,
        )
        found = minimise(bound, bound.start)
        means, gaps = bound.split(found)
        self.user_gaps.weight[rows] = gaps.to(self.user_gaps.weight.dtype)
        return means, bound.variances(found)

    def log_likelihood(
        self, pairs: EmbeddedPairs, tastes: torch.Tensor, ratings: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(n,) ratings, (n, members) y → (n, members) log P(r | y), and minus its ∂² by y."""
        edges = self._edges(pairs)  # (U, K + 1)
        levels = self._level_of(ratings)
        both = torch.stack([edges[:, :-1], edges[:, 1:]], dim=2).flatten(end_dim=1)  # (U · K, 2)
        places = pairs.user_positions * len(self.levels) + levels
        low, high = (Reading(places).of(both) / _SCALE).split(1, dim=1)  # (n, 1) each
        below, above = low - tastes / _SCALE, high - tastes / _SCALE
        # S(b) − S(a) = S(b) S(−a) (1 − e^(a−b)) keeps its digits far out, where both round to 1.
        found = functional.logsigmoid(above) + functional.logsigmoid(-below)
        # Two thresholds may round to one: a level that is next to never given, not never.
        least = torch.finfo(tastes.dtype).tiny
        found = found + (-torch.expm1(low - high)).clamp(min=least).log()
        bends = _slope(above) + _slope(below)
        return found, bends / _SCALE**2

    def _level_of(self, ratings: torch.Tensor) -> torch.Tensor:
        """(...) positions of the nearest levels: a newcomer's rating may lie between two."""
        levels = self.counted(self.levels)
        return torch.searchsorted((levels[1:] + levels[:-1]) / 2, ratings)

    def _edges(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """(U, K + 1) thresholds of the users between −inf and inf."""
        stretch = pairs.user_side.read(self.user_gaps).clamp(-LARGEST_LOG, LARGEST_LOG)
        gaps = (self.log_gaps + stretch).exp()
        steps = functional.pad(_running_sums(gaps), (1, 0))[:, : len(self.levels) - 1]
        thresholds = self.centre + steps - steps.mean(dim=1, keepdim=True)
        thresholds = functional.pad(thresholds, (1, 0), value=-torch.inf)
        return functional.pad(thresholds, (0, 1), value=torch.inf)


def _running_sums(x: torch.Tensor) -> torch.Tensor:
    """`x.cumsum(dim=1)`, which is not the same in each run on CUDA, in double precision."""
    ones = torch.ones(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    return (x.double() @ ones.triu()).to(x.dtype)


def _slope(x: torch.Tensor) -> torch.Tensor:
    """The derivative of the logistic function."""
    share = torch.sigmoid(x)
    return share * (1 - share)
