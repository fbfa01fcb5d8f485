"""The loss of an ordinal head as a function of what it holds of some users, for fixed items."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn import functional

from maxella.model.met_items import MetItems
from maxella.model.newton import Point

_LEAST_WIDTH = 1e-9  # of a level, in noise scales


@dataclass(frozen=True)
class OrdinalBound:
    """2 · members · the loss of G users, each at (x of `MetItems`, log gaps).

    The variances s are at their best for each x, 1 / s = Σ bends (n² + t) + 1 / prior, so the
    second derivatives are less by what s makes up for.
    """

    met: MetItems
    levels: torch.Tensor  # (G, N) int64 position of each label
    centre: torch.Tensor  # middle of the thresholds
    log_gaps: torch.Tensor  # (K - 2,) between neighbouring thresholds
    gap_hold: float  # what multiplies the squares of a user's log gaps
    scale: float  # of the logistic noise

    @property
    def start(self) -> torch.Tensor:
        """(G, D + K - 2) zeros."""
        return self._hold.new_zeros(len(self.levels), len(self._hold))

    def split(self, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where it is asked → (G, D) x and (G, K - 2) log gaps."""
        width = len(self.met.precision)
        return at[:, :width], at[:, width:]

    def variances(self, at: torch.Tensor) -> torch.Tensor:
        """Where it is asked → (G, D) the best variances."""
        x, gaps = self.split(at)
        shares = self._distances(x, self._edges(gaps)[0]).sigmoid()
        return 1 / self._precision((shares * (1 - shares)).sum(dim=1))

    def __call__(self, at: torch.Tensor) -> Point:
        """The losses and their derivatives."""
        met, (x, gaps) = self.met, self.split(at)
        given, n_gaps = met.given.unsqueeze(1), gaps.shape[1]
        edges, slopes = self._edges(gaps)
        z = self._distances(x, edges)  # (G, 2, N): below, above
        width = (edges[:, 1:] - edges[:, :1]).clamp(min=_LEAST_WIDTH)  # (G, 1, N)
        # P = S(above) · S(−below) · (1 − e^(−width)), with S and its derivatives:
        shares, narrow = z.sigmoid(), 1 / torch.expm1(width)
        s1 = shares * (1 - shares)
        s2, s3 = s1 * (1 - 2 * shares), s1 * (1 - 6 * s1)
        found = functional.logsigmoid(z * self._sides).sum(dim=1, keepdim=True)
        found = found + (-torch.expm1(-width)).log()
        bends = s1.sum(dim=1)  # in noise scales, as v is
        precision, means = self._precision(bends), met.linked + x
        s = 1 / precision
        v = _times(met.squares, s) + _times(met.variances, means.square())
        v = v + met.rest_variances
        v = (v / self.scale**2).unsqueeze(1)
        of_s = (precision.log() + met.precision / precision).sum(dim=1)
        fit = (given * (v * bends.unsqueeze(1) - 2 * found)).sum(dim=(1, 2))
        values = fit + of_s + (self._hold * at.square()).sum(dim=1)

        # By z below, z above and the width, then by x, which moves them so:
        moves = torch.cat([self._own, slopes], dim=3)  # (G, 2, N, D + K - 2)
        apart = functional.pad(slopes[:, 1] - slopes[:, 0], (x.shape[1], 0))
        rows = torch.cat([moves.flatten(1, 2), apart], dim=1)
        first = torch.cat([v * s2 + 2 * (shares - self._offsets), -2 * narrow], dim=1)
        convex = 2 * torch.cat([s1, narrow * (1 + narrow)], dim=1)
        second = convex + functional.pad(v * s3, (0, 0, 0, 1))
        first, second, convex = ((given * one).flatten(1) for one in (first, second, convex))
        gradients = _times(rows.mT, first)
        curvatures = rows.mT @ (second.unsqueeze(2) * rows)
        convex = rows.mT @ (convex.unsqueeze(2) * rows)
        # A gap's second derivative is its first. x moves v, too, and the bends that multiply it.
        opened = functional.pad(gradients[:, x.shape[1] :], (x.shape[1], 0))
        weights = 2 * met.given * bends / self.scale**2
        bends_by_x = ((given * s2).unsqueeze(3) * moves).sum(dim=1) / self.scale**2
        v_by_x = functional.pad(2 * met.variances * means.unsqueeze(1), (0, n_gaps))
        of_v = functional.pad(_times(met.variances.mT, weights), (0, n_gaps))
        gradients = gradients + _times(v_by_x.mT, weights / 2) + 2 * self._hold * at
        crossed = bends_by_x.mT @ v_by_x
        made_up = bends_by_x.mT @ met.squares
        curvatures = (
            curvatures + crossed + crossed.mT - made_up @ (s.square().unsqueeze(2) * made_up.mT)
        )
        positive = 2 * self._hold + of_v
        return Point(
            values,
            gradients,
            curvatures + (positive + opened).diag_embed(),
            convex + positive.diag_embed(),
        )

    def _edges(self, gaps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(G, K - 2) log gaps → the thresholds below and above each label, and their slopes.

        (G, 2, N) in noise scales, and (G, 2, N, K - 2) by each log gap.
        """
        slopes = self._below * (self.log_gaps + gaps).exp().unsqueeze(1)  # (G, K - 1, K - 2)
        edges = (self.centre + slopes.sum(dim=2)) / self.scale
        edges = functional.pad(edges, (1, 0), value=-torch.inf)
        edges = functional.pad(edges, (0, 1), value=torch.inf)
        slopes = functional.pad(slopes / self.scale, (0, 0, 1, 1))
        return edges[self._places], slopes[self._places]

    def _distances(self, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        return edges - ((self.met.rest + _times(self.met.design, x)) / self.scale).unsqueeze(1)

    def _precision(self, bends: torch.Tensor) -> torch.Tensor:
        of_labels = _times(self.met.squares.mT, self.met.given * bends) / self.scale**2
        return of_labels + self.met.precision

    @cached_property
    def _hold(self) -> torch.Tensor:
        """(D + K - 2,) what the priors multiply each square by."""
        return functional.pad(self.met.precision, (0, len(self.log_gaps)), value=self.gap_hold)

    @cached_property
    def _below(self) -> torch.Tensor:
        """(K - 1, K - 2) 1 where a gap is below a threshold, less the mean over the thresholds."""
        n = len(self.log_gaps)
        ones = self.log_gaps.new_ones(n + 1, n).tril(-1)
        return ones - ones.mean(dim=0)

    @cached_property
    def _places(self) -> tuple[torch.Tensor, torch.Tensor]:
        users = torch.arange(len(self.levels)).view(-1, 1, 1)
        return users, torch.stack([self.levels, self.levels + 1], dim=1)

    @cached_property
    def _own(self) -> torch.Tensor:
        """(G, 2, N, D) how z moves with x."""
        design = self.met.design.unsqueeze(1) / -self.scale
        return design.expand(-1, 2, -1, -1)

    @cached_property
    def _offsets(self) -> torch.Tensor:
        """(2, 1) of S: −log S(−below) has the slope S, −log S(above) the slope S − 1."""
        return self.log_gaps.new_tensor([[0.0], [1.0]])

    @cached_property
    def _sides(self) -> torch.Tensor:
        return self.log_gaps.new_tensor([[-1.0], [1.0]])


def _times(matrices: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """(G, a, b) and (G, b) → (G, a)."""
    return (matrices @ vectors.unsqueeze(2)).squeeze(2)
