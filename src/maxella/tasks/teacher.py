"""A teacher to distil from: several dot products, blended into one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from maxella.data.history import History
from maxella.features.id import UNKNOWN_ROW

_BLOCK = 512  # users scored at once


@dataclass(frozen=True)
class Teacher:
    """Fixed embeddings of every row; its scores are their dot products."""

    users: torch.Tensor  # (user rows, t)
    items: torch.Tensor  # (item rows, t)

    def of(self, users: torch.Tensor, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(U,) user rows and (I,) item rows → (U, t) and (I, t)."""
        return self.users[users], self.items[items]


def blend(
    history: History,
    factors: Sequence[tuple[torch.Tensor, torch.Tensor]],
    weights: Sequence[float],
    sharpness: float,
) -> Teacher:
    """Scores sharpness · Σ_k weight_k · z_k, with z_k the k-th factors' scores, standardised.

    Each of the factors is a pair of embeddings, (user rows, d) and (item rows, d). Their
    scores are standardised for each user over the items that the user does not have. A
    softmax does not see the mean, so dividing the user's embedding by the standard
    deviation is enough, and the blend is one dot product of embeddings laid side by side.
    """
    users = [
        user_factors * (sharpness * weight / _deviations(history, user_factors, item_factors))
        for (user_factors, item_factors), weight in zip(factors, weights, strict=True)
    ]
    return Teacher(torch.cat(users, dim=1), torch.cat([items for _, items in factors], dim=1))


def _deviations(
    history: History, user_factors: torch.Tensor, item_factors: torch.Tensor
) -> torch.Tensor:
    """(user rows, 1) standard deviations of the scores of what each user does not have.

    Sums over all items come from Σ v and Σ v vᵀ, and those over the user's own are taken off,
    so that the cost is linear in users, items and pairs.
    """
    items = item_factors.to(torch.float64, copy=True)  # differences of large sums
    items[UNKNOWN_ROW] = 0
    total, squares = items.sum(dim=0), items.T @ items
    found = []
    for block in torch.split(torch.arange(history.n_user_rows, device=history.device), _BLOCK):
        bags, users = history.bags(block), user_factors[block]
        owners = torch.repeat_interleave(bags.counts)
        own = torch.linalg.vecdot(users[owners], item_factors[bags.items]).double()
        users = users.double()
        n = (len(items) - 1 - bags.counts).clamp(min=1)
        mean = (users @ total).index_add(0, owners, own, alpha=-1) / n
        of_all = ((users @ squares) * users).sum(dim=1)
        mean_square = of_all.index_add(0, owners, own.square(), alpha=-1) / n
        found.append((mean_square - mean.square()).clamp(min=0).sqrt())
    # A user whose scores are all alike learns nothing from them, whatever the divisor.
    return torch.cat(found).float().clamp(min=1e-6).unsqueeze(1)
