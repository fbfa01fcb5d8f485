"""What the nearest items of an item say for it: a sparse part of a score."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from maxella.data.history import History

_PAIRS = 2**14  # looked up at once


class NeighbourPart(nn.Module):
    """What a score gets added: Σ w_ij over those of the k neighbours j of item i that u has picked.

    No dot product of a few hundred dimensions holds what each item says of each other: here the
    nearest items of each speak for it with weights of their own. All are zero until
    `training.neighbours` finds them, and a new item has none.
    """

    items: torch.Tensor  # (item rows, k) int32 neighbours; the unknown row where there are fewer

    def __init__(self, n_item_rows: int, k: int) -> None:
        super().__init__()
        self.register_buffer("items", torch.zeros(n_item_rows, k, dtype=torch.int32))
        self.weights = nn.Parameter(torch.zeros(n_item_rows, k))

    def of(self, picks: History) -> "PickedNeighbours":
        """Ready to be asked for users of whom this is known."""
        n_item_rows, k = self.items.shape
        near, weights = self.items.numpy(), self.weights.detach().numpy()
        of_items = np.repeat(np.arange(n_item_rows), k).reshape(near.shape)
        is_any = weights != 0
        cells = weights[is_any], (near[is_any], of_items[is_any])
        says = sp.csr_matrix(cells, shape=(n_item_rows, n_item_rows))
        return PickedNeighbours(near, weights, says, picks.sparse())


@dataclass(frozen=True)
class PickedNeighbours:
    """A neighbour part and what some users have picked."""

    near: np.ndarray  # (item rows, k) int32 the neighbours of each item
    weights: np.ndarray  # (item rows, k) float32
    says: sp.csr_matrix  # (item rows, item rows) row j: what j says for the items it is near to
    picks: sp.csr_matrix  # (user rows, item rows) 1 where a user has picked an item

    def told(self, picks: History) -> "PickedNeighbours":
        """The same for other users."""
        return PickedNeighbours(self.near, self.weights, self.says, picks.sparse())

    def scores(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) what their scores get added."""
        return torch.from_numpy((self.picks[users.numpy()] @ self.says).toarray())

    def of_pairs(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) the same of these pairs."""
        added = np.zeros(len(users), dtype=np.float32)
        for start in range(0, len(users), _PAIRS):
            pairs = slice(start, start + _PAIRS)
            of_items = items[pairs].numpy()
            near = self.near[of_items]  # (m, k)
            owners = users[pairs].numpy().repeat(near.shape[1]).reshape(near.shape)
            is_picked = self.picks[owners, near].toarray()
            added[pairs] = (self.weights[of_items] * is_picked).sum(axis=1)
        return torch.from_numpy(added)
