"""Low-rank EDLAE: a user as the sum of their items' readings, in closed form."""

from collections.abc import Sequence

import torch

from maxella.closed_form.gram import Gram, ItemWeights, gram, item_weights
from maxella.closed_form.low_rank import leading_eigenvectors
from maxella.data.history import History

DENSE_ITEM_ROWS = 5000  # up to here matrices of items by items are quicker


def low_rank_edlae(
    history: History,
    dim: int,
    generator: torch.Generator,
    *,
    l2: float = 400.0,
    dropout: float = 0.33,
    user_exponent: float = -0.5,
    others: Sequence[tuple[History, float]] = (),
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

    Each of `others`, what the same users did besides and how much it counts, stands below X as
    further rows, with user weights by its own counts: G is the sum over all, so that views say
    which items are alike and a user is still read from what they took. The zero diagonal keeps
    every event of a pair from speaking for the pair.

    Columns beyond the rank of W^½XB are zero, and so are the rows of items that no one took.

    G and B are matrices up to 5,000 item rows. Beyond, they are products alone
    (`gram.ItemWeights`), exact to a few percent, and the cost is linear in the pairs.
    """
    blocks = [(history, user_weights(history, user_exponent))]
    blocks += [(other, count * user_weights(other, user_exponent)) for other, count in others]
    is_small = history.n_item_rows <= DENSE_ITEM_ROWS
    together: torch.Tensor | Gram = Gram(*blocks)
    if is_small:
        together = gram(*blocks[0])
        for other, weights_of_users in blocks[1:]:
            together = gram(other, weights_of_users, together)
    penalty = l2 + dropout * together.diagonal()
    weights = (
        item_weights(together.clone(), penalty)
        if isinstance(together, torch.Tensor)
        else ItemWeights.of(together, penalty, generator)
    )
    taken = together.diagonal() > 0
    vectors = leading_eigenvectors(
        lambda basis: weights.T @ (together @ (weights @ basis)),
        len(taken),
        dim,
        generator,
        history.device,
    )  # of BᵀGB: the right singular vectors of W^½XB
    items = torch.zeros(history.n_item_rows, dim, device=history.device)
    items[taken, : vectors.shape[1]] = vectors[taken]
    return weights @ items, items


def user_weights(history: History, exponent: float) -> torch.Tensor:
    """(user rows,) float32: (n_u / n̄)^exponent, n̄ over users with history; 0 without."""
    counts = history.starts.diff()
    has_history = counts > 0
    weights = torch.zeros(history.n_user_rows, device=history.device)
    weights[has_history] = (counts[has_history] / counts[has_history].float().mean()) ** exponent
    return weights
