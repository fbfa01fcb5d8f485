"""Nearest vectors by looking at all of them."""

from dataclasses import dataclass

import torch

from maxella.topk import top_k


@dataclass(frozen=True)
class ExactIndex:
    """Largest dot products with a fixed set of vectors."""

    vectors: torch.Tensor  # (n, dim)

    def search(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, dim) → dot products and positions, (batch, min(k, n)) each, best first.

        >>> index = ExactIndex(torch.eye(3))
        >>> index.search(torch.tensor([[0.0, 2.0, 1.0]]), 2)[1].tolist()
        [[1, 2]]
        """
        return top_k(queries @ self.vectors.T, k)
