"""Layers that multiply features with each other."""

import torch
from torch import nn

_DEPTH = 2  # layers
_START = 0.01  # standard deviation of the first weights beside the identity


class CrossLayers(nn.Module):
    """x_{l+1} = x_0 ⊙ (W_l x_l + b_l) + x_l, DCN-v2 (Wang et al. 2021, arXiv:2008.13535).

    Of low rank W_l = U_l V_lᵀ has a quarter of the rank, with fewer weights.
    """

    def __init__(self, width: int, generator: torch.Generator, *, low_rank: bool = False) -> None:
        super().__init__()
        self.width = width
        inner = width // 4 if low_rank else width
        self.narrow = nn.ModuleList(
            nn.Linear(width, inner, bias=False) if low_rank else nn.Identity()
            for _ in range(_DEPTH)
        )
        self.widen = nn.ModuleList(nn.Linear(inner, width) for _ in range(_DEPTH))
        for narrow in self.narrow.parameters():
            nn.init.normal_(narrow, std=width**-0.5, generator=generator)
        for wide in self.widen.parameters():
            nn.init.normal_(wide, std=_START, generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, width) → (n, width)."""
        start = x
        for narrow, widen in zip(self.narrow, self.widen, strict=True):
            x = start * widen(narrow(x)) + x
        return x

    def matrices(self) -> list[torch.Tensor]:
        """(width, width) W of each layer, multiplied out where it has a rank."""
        start = torch.eye(self.width)
        pairs = zip(self.narrow, self.widen, strict=True)
        return [(widen(narrow(start)) - widen.bias).T for narrow, widen in pairs]

    @torch.no_grad()
    def block_norms(self, widths: list[int]) -> torch.Tensor:
        """(blocks, blocks) Frobenius norms of the blocks of W, its layers' squares added up.

        Entry (a, b): how much block b is multiplied into block a.
        """
        squares = torch.stack([matrix.square() for matrix in self.matrices()]).sum(dim=0)
        strips = torch.split(squares, widths)
        sums = [[part.sum() for part in torch.split(strip, widths, dim=1)] for strip in strips]
        return torch.tensor(sums).sqrt()
