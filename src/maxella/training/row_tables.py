"""The tables of which a batch names few rows, and which rows these are."""

import torch

from maxella.data.batches import Batch
from maxella.model.model import Model
from maxella.model.row_table import Side
from maxella.training.row_optimisers import RowAdagrad, RowAdam

# Share of a table's rows; above it a fused dense step costs no more. A CUDA device runs over a
# whole table in the time that a few dozen operations take to begin.
_FEW = 0.02
_FEW_ON_CUDA = 0.0005
_BLOCK = 8192  # rows

SparseTables = dict[Side, list[torch.Tensor]]  # (rows, dim) each


def sparse_tables(model: Model, batch: Batch) -> SparseTables:
    """Those of which a batch names few rows; makes their gradients sparse, and others dense."""
    n_named = {"user": len(batch.users), "item": len(batch.items)}
    found: SparseTables = {"user": [], "item": []}
    for one in model.row_tables().values():
        few = _FEW_ON_CUDA if one.table.weight.is_cuda else _FEW
        one.table.sparse = n_named[one.side] < few * one.table.num_embeddings
        if one.table.sparse:
            found[one.side].append(one.table.weight)
    return found


def catch_up(
    optimiser: RowAdagrad | RowAdam, tables: SparseTables, batch: Batch | None = None
) -> None:
    """Bring the rows that a batch names, or all, to where the optimiser has them by now."""
    for side, of_side in tables.items():
        for table in of_side:
            if batch is not None:
                optimiser.catch_up(table, batch.users if side == "user" else batch.items)
                continue
            for rows in torch.split(torch.arange(len(table), device=table.device), _BLOCK):
                optimiser.catch_up(table, rows)
