"""Lists of items for users: of scores, or of several answers blended."""

from dataclasses import dataclass

import numpy as np
import torch

from maxella.topk import top_k


@dataclass(frozen=True)
class Lists:
    """n items for some users, user after user, the best of each first."""

    positions: torch.Tensor  # (n,) int64 which of the users asked for it is for
    items: torch.Tensor  # (n,) int64 item rows
    ranks: torch.Tensor  # (n,) int64 from 1
    scores: torch.Tensor  # (n,) float32
    is_known: torch.Tensor  # (n,) bool: the model knows the user; else popularity speaks

    @classmethod
    def best(
        cls,
        positions: torch.Tensor,
        items: torch.Tensor,
        scores: torch.Tensor,
        k: int,
        knows: torch.Tensor,
    ) -> "Lists":
        """The k best of each user's candidates, (n,) each; ties go to the lower item row.

        (users,) bool whom the model knows.
        """
        order = torch.from_numpy(np.lexsort((items.numpy(), -scores.numpy(), positions.numpy())))
        of_users = positions[order]
        ranks = torch.arange(1, len(order) + 1) - torch.searchsorted(of_users, of_users)
        of_users, chosen = of_users[ranks <= k], order[ranks <= k]
        return cls(of_users, items[chosen], ranks[ranks <= k], scores[chosen], knows[of_users])


def source_names(is_known: torch.Tensor) -> np.ndarray:
    """(n,) bool whether the model knows the user → (n,) of text."""
    return np.where(is_known.numpy(), "model", "popularity")


def candidates(scores: list[torch.Tensor], n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(users, item rows) scores, −inf for what is no candidate → positions of users, and items.

    Of each user the n best by any of the scores, by item.
    """
    found = []
    for one in scores:
        values, items = top_k(one, n)
        is_any = values != -torch.inf
        found.append(is_any.nonzero()[:, 0] * one.shape[1] + items[is_any])
    codes = torch.from_numpy(np.unique(torch.cat(found).numpy()))
    return codes // scores[0].shape[1], codes % scores[0].shape[1]


def standardised(answers: torch.Tensor, positions: torch.Tensor, n_users: int) -> torch.Tensor:
    """(n,) answers → the same less the mean of their user's, over the standard deviation.

    Zeros where all of a user's answers are one.
    """
    answers = answers.double()
    sums = torch.zeros(3, n_users, dtype=torch.float64)
    sums[0].index_add_(0, positions, torch.ones_like(answers))
    sums[1].index_add_(0, positions, answers)
    centred = answers - (sums[1] / sums[0])[positions]
    sums[2].index_add_(0, positions, centred.square())
    deviations = (sums[2] / sums[0]).sqrt()[positions]
    # Rounding alone is no difference.
    is_one = deviations <= 1e-9 * answers.abs()
    return torch.where(is_one, 0.0, centred / deviations)
