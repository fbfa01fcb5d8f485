"""Tables with a row for each user or each item."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

Side = Literal["user", "item"]
SIDES: tuple[Side, Side] = ("user", "item")


@dataclass(frozen=True)
class RowTable:
    """A table of one side, and what stands in the rows that training could not learn.

    `cold` is the value of such a row, (dim,); without one it is what the features of the row say
    (`ColdStartMap`), and zeros where there are none.
    """

    table: nn.Embedding
    side: Side
    cold: torch.Tensor | None = None
