"""What is alike in the ratings of one user: the covariance of a task's residual process."""

import torch
from torch.nn import functional

from maxella.closed_form.residual_process import Covariance
from maxella.features.id import UNKNOWN_ROW
from maxella.model.feature_part import FeatureBags
from maxella.model.head import PairHead
from maxella.model.model import Model
from maxella.model.residual_part import ResidualPart
from maxella.seeds import torch_generator

_WIDTH = 256  # of the features' projection


def covariance_of(model: Model, task: str, items: torch.Tensor, *, with_times: bool) -> Covariance:
    """κ of a task, for the (item rows, dim) embeddings of all items."""
    part: ResidualPart = model.residuals[task]  # type: ignore[assignment]
    head: PairHead = model.heads[task]  # type: ignore[assignment]
    n_ids, features = model.user_encoder.id_dim, model.item_encoder.features
    parts = items[:, :n_ids], items[:, n_ids:]
    picks = [_directions(of - of[UNKNOWN_ROW + 1 :].mean(dim=0)) for of in parts]
    *of_items, of_time = part.amplitudes.tolist()
    return Covariance(
        _directions(torch.cat(picks, dim=1)),
        _directions(head.tastes(items)),
        items.new_zeros(len(items), 0) if features is None else _projected(features.bags),
        (*of_items, of_time if with_times else 0.0),
    )


def _projected(bags: FeatureBags) -> torch.Tensor:
    """(item rows, 256): each feature of length 1, side by side, over the root of their number.

    Drawn directions stand for the columns, which may be many: dot products stay as they are but for
    1/16 at most times (Johnson and Lindenstrauss 1984).
    """
    rows = torch.arange(len(bags.begins))
    columns, weights, counts = bags.take(rows)
    of_features = torch.arange(len(bags.widths)).repeat_interleave(torch.tensor(bags.widths))
    owners = rows.repeat_interleave(counts) * len(bags.widths) + of_features[columns]
    squares = torch.zeros(len(rows) * len(bags.widths)).index_add_(0, owners, weights.square())
    norms = (squares[owners] * len(bags.widths)).sqrt().clamp(min=1e-12)
    directions = torch.randn(bags.n_columns, _WIDTH, generator=torch_generator(0, "features"))
    return functional.embedding_bag(
        columns,
        directions / _WIDTH**0.5,
        counts.cumsum(0) - counts,
        mode="sum",
        per_sample_weights=weights / norms,
    )


def _directions(vectors: torch.Tensor) -> torch.Tensor:
    """(item rows, d) → the same of length 1, or 0; the unknown item is like no other."""
    found = functional.normalize(vectors, dim=1)
    found[UNKNOWN_ROW] = 0.0
    return found
