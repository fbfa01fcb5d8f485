"""What the picks of a user say in the order in which they came."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from maxella.data.history import History
from maxella.data.log import Log
from maxella.data.windows import Windows
from maxella.features.id import UNKNOWN_ROW

LATEST = 30  # picks of which each age has a weight of its own
LATE, OLDEST = 20.0, 100  # picks after which the late ones count 1/e, and nothing
_USERS, _PAIRS = 256, 2**14  # asked at once


class OrderPart(nn.Module):
    """What a score gets added: x · v_i + b_i, x what the picks j of a user say of the next one.

    x = [γ n^−p Σ_j L_j ; Σ_j k(a_j) N_j + κ Σ_j e^(−a_j / 20) M_j], n the number of picks and a_j
    the age of a pick, in places from the last one back: what all say, whenever they came, and what
    the latest and the late ones say. L, N and M are tables of the items, and so is v; k is a number
    for each age up to 29. All are zero until `training.order` finds them. A user who was not there
    in training is read like any other.
    """

    def __init__(self, n_item_rows: int, dim: int) -> None:
        super().__init__()
        self.of_all, self.of_latest, self.of_late = (_zeros(n_item_rows, dim) for _ in range(3))
        self.items = _zeros(n_item_rows, 2 * dim)
        self.biases = nn.Parameter(torch.zeros(n_item_rows))
        self.log_gain = nn.Parameter(torch.zeros(()))
        self.power = nn.Parameter(torch.tensor(0.5))
        self.kernel = nn.Parameter(torch.zeros(LATEST))
        self.late_gain = nn.Parameter(torch.zeros(()))

    def forward(self, windows: Windows) -> torch.Tensor:
        """(places, 2 dim) what was picked before each place, the places of a window in turn."""
        items, length = windows.items(OLDEST), windows.length
        ages = torch.arange(length)[:, None] + OLDEST - 1 - torch.arange(OLDEST + length)
        is_read = (ages >= 0) & (ages < OLDEST)
        by_age = self.late_gain * (-torch.arange(OLDEST) / LATE).exp()
        kernel = functional.pad(self.kernel, (0, OLDEST - LATEST))[ages.where(is_read, 0)] * is_read
        decay = by_age[ages.where(is_read, 0)] * is_read
        latest = kernel @ self.of_latest(items) + decay @ self.of_late(items)  # (W, length, dim)
        earlier = windows.earlier()
        before = functional.embedding_bag(
            earlier.items, self.of_all.weight, earlier.begins, mode="sum"
        )
        so_far = torch.ones(length, length).tril(-1) @ self.of_all(items[:, OLDEST:])
        counts = (windows.firsts[:, None] + torch.arange(length)).clamp(min=1)
        factors = (self.log_gain - self.power * counts.log()).exp()
        taken = (so_far + before[:, None]) * factors[:, :, None]
        return torch.cat([taken, latest], dim=2)[windows.is_place]

    @property
    def readings(self) -> tuple[nn.Embedding, nn.Embedding, nn.Embedding]:
        """L, N and M."""
        return self.of_all, self.of_latest, self.of_late

    def told(self, task: str, log: Log) -> "PicksInOrder":
        """Ready to be asked for the users of a log."""
        return PicksInOrder(self, task, log.picks(task, in_time_order=True))


@dataclass(frozen=True)
class PicksInOrder:
    """Such a part, and what some users have picked."""

    part: OrderPart
    task: str
    history: History  # in the order of time

    def told(self, log: Log) -> "PicksInOrder":
        """The same for other users."""
        return self.part.told(self.task, log)

    @torch.no_grad()
    def scores(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) what their scores get added."""
        return torch.addmm(self.part.biases, self._states(users), self.part.items.weight.T)

    @torch.no_grad()
    def of_pairs(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) the same of these pairs."""
        found = [torch.empty(0)]
        for pairs in torch.split(torch.arange(len(users)), _PAIRS):
            distinct, positions = users[pairs].unique(return_inverse=True)  # type: ignore[no-untyped-call]
            of_users, of_items = self._states(distinct)[positions], items[pairs]
            products = (of_users * self.part.items(of_items)).sum(dim=1)
            found.append(products + self.part.biases[of_items])
        return torch.cat(found)

    def _states(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, 2 dim)."""
        blocks = torch.split(users, _USERS) if len(users) else ()
        nobody = torch.empty(0, self.part.items.embedding_dim)
        places = [self.part(Windows.next_places(self.history, block)) for block in blocks]
        return torch.cat([nobody, *places])


def _zeros(n_rows: int, dim: int) -> nn.Embedding:
    table = nn.Embedding(n_rows, dim, padding_idx=UNKNOWN_ROW)
    nn.init.zeros_(table.weight)
    return table
