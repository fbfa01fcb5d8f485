"""A batch's scores in blocks of users, of a size that suits the device."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from maxella.tasks.choices import Choices

# Scores are made, used and dropped in blocks of about this many, which stay in the
# cache: the passes over them then cost little beside the products.
BLOCK_SCORES = 1 << 20
# A CUDA device wants few large operations: here as many as leave room for half a dozen such
# matrices in a small one's memory.
CUDA_BLOCK_SCORES = 1 << 25


@dataclass(frozen=True)
class Block:
    """Some users of a batch, one after another, and their pairs."""

    users: slice
    pairs: slice
    cells: torch.Tensor  # (pairs of the block,) their places in the block's scores, laid flat


def blocks(choices: Choices) -> Iterator[Block]:
    """Blocks of users in turn."""
    n_users, n_items = len(choices.users), len(choices.items)
    ends = torch.bincount(choices.user_positions, minlength=n_users).cumsum(0).tolist()
    # Into the (users, items) scores.
    flat = choices.user_positions * n_items + choices.item_positions
    n_scores = CUDA_BLOCK_SCORES if flat.is_cuda else BLOCK_SCORES
    size = max(1, n_scores // max(1, n_items))
    first = 0
    for start in range(0, n_users, size):
        stop = min(start + size, n_users)
        pairs = slice(first, ends[stop - 1])
        yield Block(slice(start, stop), pairs, flat[pairs] - start * n_items)
        first = pairs.stop
