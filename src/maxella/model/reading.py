"""Rows read by position, whose gradients add up in the same order in each run, on CUDA too.

There the gradient of `index_select` adds up as threads come. What torch does instead, where asked
for the same each time, sorts the positions at each call; here one sort serves a batch.
"""

from typing import Any

import torch


class Reading:
    """(m,) positions of rows, to read tensors of n rows with."""

    def __init__(self, positions: torch.Tensor) -> None:
        self.positions = positions
        self._by_row: tuple[torch.Tensor, torch.Tensor] | None = None

    def of(self, values: torch.Tensor) -> torch.Tensor:
        """(n, ...) → (m, ...)."""
        if not (values.is_cuda and values.requires_grad):
            return values.index_select(0, self.positions)
        if self._by_row is None:
            ordered, indices = self.positions.sort(stable=True)
            rows = torch.arange(len(values), device=values.device)
            self._by_row = indices, torch.searchsorted(ordered, rows)
        read: torch.Tensor = _Read.apply(values, self.positions, *self._by_row)  # type: ignore[no-untyped-call]
        return read


class _Read(torch.autograd.Function):
    """Sums over the indices of a row, (m,) row by row, which begin where the (n,) `begins` say."""

    @staticmethod
    def forward(
        ctx: Any,
        values: torch.Tensor,
        positions: torch.Tensor,
        indices: torch.Tensor,
        begins: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(indices, begins)
        ctx.shape = values.shape
        return values.index_select(0, positions)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        indices, begins = ctx.saved_tensors
        gradient = gradients[0].reshape(len(gradients[0]), ctx.shape[1:].numel())
        summed = torch.embedding_bag(gradient, indices, begins)[0]  # sums, its default
        return summed.view(ctx.shape), None, None, None
