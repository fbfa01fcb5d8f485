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
    keys, counts = [], []
    for history, count in events:
        users = torch.repeat_interleave(history.starts.diff())
        keys.append(users * first.n_item_rows + history.items)
        counts.append(torch.full((len(users),), count, device=history.device))
    pairs, positions = torch.unique(torch.cat(keys), return_inverse=True)
    confidences = torch.zeros(len(pairs), device=first.device)
    confidences.index_add_(0, positions, torch.cat(counts))
    every_user = torch.arange(first.n_user_rows + 1, device=first.device)
    starts = torch.searchsorted(pairs // first.n_item_rows, every_user)
    return History(pairs % first.n_item_rows, starts, first.n_item_rows), confidences
