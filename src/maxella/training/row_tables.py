"""The tables of which a batch names few rows, and which rows these are."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from maxella.data.batches import Batch
from maxella.model.model import Model
from maxella.model.row_table import SIDES

# Share of a table's rows; above it a fused dense step costs no more. A CUDA device runs over a
# whole table in the time that a few dozen operations take to begin.
_FEW = 0.02
_FEW_ON_CUDA = 0.0005
_BLOCK = 8192  # rows


@dataclass(frozen=True)
class RowTables:
    """Tables whose gradients are sparse, because they name few of the rows."""

    of_users: list[torch.Tensor]  # (user rows, dim) each
    of_items: list[torch.Tensor]  # (item rows, dim) each

    @classmethod
    def of(cls, model: Model, batch: Batch) -> "RowTables":
        """Those of a model, judged by one batch; makes their gradients sparse, others dense."""
        tables = model.row_tables().values()
        users, items = ([one.table for one in tables if one.side == side] for side in SIDES)
        return cls(_sparse(users, len(batch.users)), _sparse(items, len(batch.items)))

    def read_by(self, batch: Batch) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Each table with the rows that a batch names, distinct ones."""
        for tables, rows in ((self.of_users, batch.users), (self.of_items, batch.items)):
            for table in tables:
                yield table, rows

    def whole(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Each table with all of its rows, in blocks."""
        for table in [*self.of_users, *self.of_items]:
            for rows in torch.split(torch.arange(len(table), device=table.device), _BLOCK):
                yield table, rows


def _sparse(tables: list[nn.Embedding], n_named: int) -> list[torch.Tensor]:
    for table in tables:
        few = _FEW_ON_CUDA if table.weight.is_cuda else _FEW
        table.sparse = n_named < few * table.num_embeddings
    return [table.weight for table in tables if table.sparse]
