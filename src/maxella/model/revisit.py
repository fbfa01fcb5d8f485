"""What it says for an item that the user has met it already, by another event."""

import torch
from torch import nn


class RevisitPart(nn.Module):
    """The score of a visited item: of whoever put it in the cart, viewed it, or both.

    table[i, pattern of u's events with i] + taste · s(u, i) takes the place of the score s, which
    speaks of items that are new to u. A pattern is the set of events, as bits. All is zero until
    `training.revisits` finds it.
    """

    patterns: torch.Tensor  # (patterns,) int64 ascending

    def __init__(self, patterns: tuple[int, ...], n_item_rows: int) -> None:
        super().__init__()
        self.register_buffer("patterns", torch.tensor(patterns), persistent=False)
        # Rows are items, so that new ones get rows of zeros.
        self.table = nn.Parameter(torch.zeros(n_item_rows, len(patterns)))
        self.taste = nn.Parameter(torch.zeros(()))

    def scores(self, items: torch.Tensor, patterns: torch.Tensor) -> torch.Tensor:
        """(n,) item rows and patterns → (n,) of the table, by the nearest pattern that it has."""
        return self.table[items, self.places(patterns)]

    def places(self, patterns: torch.Tensor) -> torch.Tensor:
        """(n,) patterns → (n,) columns of the table: that with most events in common."""
        distinct, positions = torch.unique(patterns, return_inverse=True)
        bits = 1 << torch.arange(62)
        both = (distinct[:, None] & self.patterns)[..., None] & bits
        either = (distinct[:, None] | self.patterns)[..., None] & bits
        alike = (both != 0).sum(dim=2) / (either != 0).sum(dim=2).clamp(min=1)
        nearest: torch.Tensor = alike.argmax(dim=1)[positions]
        return nearest
