"""The items that users gave labels to, as a Gaussian head holds them while users are fitted."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn import functional


@dataclass(frozen=True)
class MetItems:
    """For G users with N = n · members rows each: y = rest + design · x, with x what is fitted.

    x is (bias, private factors) of one member after another, D = members · (1 + factors). All is in
    double precision; rows past a user's own labels count nothing.
    """

    given: torch.Tensor  # (G, N) 1 at a user's own labels, else 0
    rest: torch.Tensor  # (G, N) what y has without x
    design: torch.Tensor  # (G, N, D) 1 and the means of the item's factors, in the member's place
    variances: torch.Tensor  # (G, N, D) those of the item's factors, 0 elsewhere
    rest_variances: torch.Tensor  # (G, N) of the rest: of the item's bias and the user's link
    linked: torch.Tensor  # (G, D) what the embedding says of the user's factors, 0 for biases
    precision: torch.Tensor  # (D,) 1 / prior variance

    @cached_property
    def squares(self) -> torch.Tensor:
        """(G, N, D) expected squares of the design."""
        return self.design.square() + self.variances

    def solve(self, labels: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(G, N) labels with Gaussian noise of (N,) variance → (G, D) means and (G, D) variances.

        The posterior in closed form: the expected cost is quadratic, with the items' variances on
        the diagonal.
        """
        weights = self.given / noise
        spread = (self.variances.mT @ weights.unsqueeze(2)).squeeze(2)
        grams = self.design.mT @ (weights.unsqueeze(2) * self.design)
        grams = grams + (spread + self.precision).diag_embed()
        pulls = self.design.mT @ (weights * (labels - self.rest)).unsqueeze(2)
        means = torch.linalg.solve(grams, pulls.squeeze(2) - spread * self.linked)
        return means, 1 / grams.diagonal(dim1=1, dim2=2)


def by_member(blocks: torch.Tensor) -> torch.Tensor:
    """(G, n, members, w) → (G, n · members, members · w): each in its member's place."""
    members = blocks.shape[2]
    if members > 1:
        blocks = torch.eye(members, dtype=blocks.dtype).unsqueeze(2) * blocks.unsqueeze(3)
    return blocks.flatten(3).flatten(1, 2)


def with_bias(of_factors: torch.Tensor, bias: float) -> torch.Tensor:
    """(..., factors) → (..., 1 + factors)."""
    return functional.pad(of_factors, (1, 0), value=bias)
