"""Low-rank EDLAE: a user as the sum of their items' readings, in closed form."""

import torch

from maxella.closed_form.gram import Gram, ItemWeights, gram, item_weights
from maxella.closed_form.low_rank import leading_eigenvectors
from maxella.data.history import History

_L2 = 28.0  # times the root of the mean pairs of an item: 400 on MovieLens 1M
DENSE_ITEM_ROWS = 5000  # up to here matrices of items by items are quicker


def low_rank_edlae(
    history: History,
    dim: int,
    generator: torch.Generator,
    *,
    l2: float | None = None,
    dropout: float = 0.33,
    user_exponent: float = -0.5,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Readings H and items V: a user is the sum of H over their history, u·V_i their score.

    Both (item rows, dim) float32. X is the 0/1 matrix of who took what, W the diagonal matrix
    of (n_u / n̄)^`user_exponent` for the n_u items of user u, G = XᵀWX, and B the best weights
    from items to items with a zero diagonal under the penalty l2 + `dropout` · G_jj on row j
    (EDLAE: Steck 2020, "Autoencoders that don't overfit towards the identity"; where items are
    left out of the input with probability p, `dropout` is p / (1 - p)). The columns of V are
    the first right singular vectors of W^½XB, orthonormal, and H = BV: of that rank nothing
    comes nearer to the predictions of B (Jin et al. 2021, "Towards a better understanding of
    linear models for recommendation").

    Not given, l2 is the usual one. Columns beyond the rank of W^½XB are zero, and so are the rows
    of items that no one took.

    G and B are matrices up to 5,000 item rows. Beyond, they are products alone
    (`gram.ItemWeights`), exact to a few percent, and the cost is linear in the pairs.
    """
    if l2 is None:
        l2 = usual_l2(history)
    of_users = user_weights(history, user_exponent)
    together: torch.Tensor | Gram
    weights: torch.Tensor | ItemWeights
    if history.n_item_rows <= DENSE_ITEM_ROWS:
        together = gram(history, of_users)
        weights = item_weights(together.clone(), l2 + dropout * together.diagonal())
    else:
        together = Gram(history, of_users)
        weights = ItemWeights.of(together, l2 + dropout * together.diagonal(), generator)
    items = leading_eigenvectors(  # of BᵀGB: the right singular vectors of W^½XB
        lambda basis: weights.T @ (together @ (weights @ basis)),
        together.diagonal() > 0,
        dim,
        generator,
    )
    return weights @ items, items


def usual_l2(history: History) -> float:
    """The penalty of a log by how many pairs c̄ an item has that somebody took.

    By chance products of items vary by the root of their pairs, so a penalty is in roots of c̄.
    """
    counts = torch.bincount(history.items, minlength=1)
    return _L2 * float(counts[counts > 0].float().mean()) ** 0.5 if counts.any() else _L2


def user_weights(history: History, exponent: float) -> torch.Tensor:
    """(user rows,) float32: (n_u / n̄)^exponent, n̄ over users with history; 0 without."""
    counts = history.starts.diff()
    has_history = counts > 0
    weights = torch.zeros(history.n_user_rows, device=history.device)
    weights[has_history] = (counts[has_history] / counts[has_history].float().mean()) ** exponent
    return weights
