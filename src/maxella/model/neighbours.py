"""What the items that a user has picked say for others: sparse parts of a score."""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

from maxella.data.log import Log
from maxella.data.recency import ages

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

    def picks(self, log: Log, task: str) -> sp.csr_matrix:
        """(user rows, item rows) how much each pick of a user counts."""
        return log.picks(task).sparse()

    def told(self, task: str, log: Log) -> "PickedNeighbours":
        """Ready to be asked for the users of a log."""
        return PickedNeighbours.of(self, task, log)


class FollowerPart(NeighbourPart):
    """The same with w_ij how surely i comes after j, and e^(−age / reach) as what a pick counts.

    The age of a pick is its place from the user's last one on. `training.followers` finds both.
    """

    reach: torch.Tensor

    def __init__(self, n_item_rows: int, k: int) -> None:
        super().__init__(n_item_rows, k)
        self.register_buffer("reach", torch.tensor(1.0))

    def picks(self, log: Log, task: str) -> sp.csr_matrix:
        """As of neighbours; older picks than eight reaches count nothing."""
        history = log.picks(task, in_time_order=True)
        found, old = history.sparse(), ages(history) / float(self.reach)
        found.data = np.where(old < 8, np.exp(-old), 0).astype(np.float32)
        found.eliminate_zeros()
        return found


@dataclass(frozen=True)
class PickedNeighbours:
    """One such part, and what some users have picked."""

    part: NeighbourPart
    task: str
    near: np.ndarray  # (item rows, k) int32 the neighbours of each item
    weights: np.ndarray  # (item rows, k) float32
    says: sp.csr_matrix  # (item rows, item rows) row j: what j says for the items it is near to
    picks: sp.csr_matrix  # (user rows, item rows) how much each pick of a user counts

    @classmethod
    def of(cls, part: NeighbourPart, task: str, log: Log) -> "PickedNeighbours":
        """Ready to be asked for the users of a log."""
        n_item_rows, k = part.items.shape
        near, weights = part.items.numpy(), part.weights.detach().numpy()
        of_items = np.repeat(np.arange(n_item_rows), k).reshape(near.shape)
        is_any = weights != 0
        cells = weights[is_any], (near[is_any], of_items[is_any])
        says = sp.csr_matrix(cells, shape=(n_item_rows, n_item_rows))
        return cls(part, task, near, weights, says, part.picks(log, task))

    def told(self, log: Log) -> "PickedNeighbours":
        """The same for other users."""
        return replace(self, picks=self.part.picks(log, self.task))

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
            counts = self.picks[owners, near].toarray()
            added[pairs] = (self.weights[of_items] * counts).sum(axis=1)
        return torch.from_numpy(added)
