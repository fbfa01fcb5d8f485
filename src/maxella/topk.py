"""The k best of a row of scores, the same on every machine."""

import torch


def top_k(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, n) scores → values and columns, each (batch, min(k, n)), best first.

    Ties go to the lower column. `torch.topk` alone leaves their order open.

    >>> top_k(torch.tensor([[1.0, 3.0, 3.0, 3.0]]), 2)[1].tolist()
    [[1, 2]]
    """
    k = min(k, scores.shape[1])
    if k == 0:
        return scores[:, :0], torch.empty((len(scores), 0), dtype=torch.int64)
    values, columns = torch.topk(scores, k, dim=1, sorted=False)
    worst = values.min(dim=1, keepdim=True).values  # (batch, 1)
    # Rows where more columns tie at the cut than were taken: take the lowest of them.
    tied = (scores == worst).sum(dim=1) > (values == worst).sum(dim=1)
    for row in tied.nonzero().squeeze(1).tolist():
        better = (scores[row] > worst[row]).nonzero().squeeze(1)
        equal = (scores[row] == worst[row]).nonzero().squeeze(1)
        columns[row] = torch.cat([better, equal[: k - len(better)]])
    columns, _ = columns.sort(dim=1)
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, order)
