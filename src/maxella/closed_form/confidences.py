"""Several events as one matrix: each pair once, with the sum of what its events count."""

from collections.abc import Sequence

import torch

from maxella.data.history import History


def pooled(events: Sequence[tuple[History, float]]) -> tuple[History, torch.Tensor]:
    """Histories of the same users and items, and how much each counts → all pairs, confidences.

    (pairs,) float32 in the order of the history's items, as `ials` wants them: a pair that was
    viewed (counts .1) and bought (counts 1) has 1.1.
    """
    first = events[0][0]
    users = torch.cat([torch.repeat_interleave(history.starts.diff()) for history, _ in events])
    items = torch.cat([history.items for history, _ in events])
    counts = torch.cat(
        [torch.full_like(h.items, count, dtype=torch.float32) for h, count in events]
    )
    pairs, positions = torch.unique(users * first.n_item_rows + items, return_inverse=True)
    confidences = torch.zeros(len(pairs), device=first.device).index_add_(0, positions, counts)
    every_user = torch.arange(first.n_user_rows + 1, device=first.device)
    starts = torch.searchsorted(pairs // first.n_item_rows, every_user)
    return History(pairs % first.n_item_rows, starts, first.n_item_rows), confidences
