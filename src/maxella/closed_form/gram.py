"""How often two items were taken together, and the regression of each item on the others."""

import torch

from maxella.data.history import History
from maxella.errors import ConfigError

MAX_ITEM_ROWS = 20_000
_USERS_AT_ONCE = 1024


def refuse_large(name: str, n_item_rows: int, matrices: int, advice: str) -> None:
    """ConfigError above 20,000 item rows, with what so many (item rows)² matrices would take."""
    if n_item_rows > MAX_ITEM_ROWS:
        raise ConfigError(
            f"{name} wants at most {MAX_ITEM_ROWS:,} items; got {n_item_rows:,}, for which it "
            f"needs {matrices * 4 * n_item_rows**2 / 1e9:.1f} GB of memory. {advice}"
        )


def gram(history: History, weights: torch.Tensor | None = None) -> torch.Tensor:
    """XᵀWX, with X the 0/1 matrix of who took what and W = diag(weights), the identity if none.

    (user rows,) float32 → (item rows, item rows) float32.
    """
    together = torch.zeros(history.n_item_rows, history.n_item_rows, device=history.device)
    everyone = torch.arange(history.n_user_rows, device=history.device)
    for users in torch.split(everyone, _USERS_AT_ONCE):
        taken = history.matrix(users)  # (chunk, item rows)
        # A GPU multiplies the zeros too in less time than it takes to leave them out.
        transposed = taken.T if taken.is_cuda else taken.T.to_sparse()
        weighted = taken if weights is None else taken * weights[users, None]
        together.addmm_(transposed, weighted)
    return together


def item_weights(together: torch.Tensor, l2: torch.Tensor | float) -> torch.Tensor:
    """B with a zero diagonal that minimises ‖X - XB‖² + Σ_ij l2_i B_ij², from XᵀX.

    (item rows, item rows) and one l2 > 0 for all items, or (item rows,) of them →
    (item rows, item rows). B = I - P diag(P)⁻¹ with P = (XᵀX + diag(l2))⁻¹, that is
    B_ij = -P_ij / P_jj off the diagonal (Steck 2019, arXiv:1905.03375). Overwrites
    `together`, so that there are two such matrices at most.
    """
    together.diagonal().add_(l2)
    torch.linalg.cholesky(together, out=together)
    inverse = torch.cholesky_inverse(together).T  # symmetric; transposed, its rows are in sequence
    weights = inverse.div_(-inverse.diagonal().clone())  # column j by -P_jj
    weights.fill_diagonal_(0.0)
    return weights
