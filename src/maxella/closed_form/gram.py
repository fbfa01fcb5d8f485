"""How often two items were taken together, and the regression of each item on the others."""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from maxella.closed_form.conjugate_gradients import conjugate_gradients
from maxella.data.history import History
from maxella.errors import ConfigError

MAX_ITEM_ROWS = 20_000
_USERS_AT_ONCE = 1024
_PROBES = 128  # drawn vectors that a diagonal is found from
_TOLERANCE = 0.01
_AT_ONCE = 64  # systems solved side by side


def refuse_large(name: str, n_item_rows: int, matrices: int, advice: str) -> None:
    """ConfigError above 20,000 item rows, with what so many (item rows)² matrices would take."""
    if n_item_rows > MAX_ITEM_ROWS:
        raise ConfigError(
            f"{name} wants at most {MAX_ITEM_ROWS:,} items; got {n_item_rows:,}, for which it "
            f"needs {matrices * 4 * n_item_rows**2 / 1e9:.1f} GB of memory. {advice}"
        )


def gram(
    history: History, weights: torch.Tensor | None = None, together: torch.Tensor | None = None
) -> torch.Tensor:
    """XᵀWX, with X the 0/1 matrix of who took what and W = diag(weights), the identity if none.

    (user rows,) float32 → (item rows, item rows) float32, added to `together` where that is given:
    the product of matrices that stand one below another.
    """
    if together is None:
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
    torch.cholesky_inverse(together, out=together)
    inverse = together.T  # symmetric; transposed, its rows are in sequence
    weights = inverse.div_(-inverse.diagonal().clone())  # column j by -P_jj
    weights.fill_diagonal_(0.0)
    return weights


def sums(history: History, rows: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """(item rows, m) → (user rows, m): the sum over what each user took; (pairs,) `weights`."""
    found: torch.Tensor = functional.embedding_bag(
        history.items, rows, history.starts[:-1], per_sample_weights=weights, mode="sum"
    )
    return found


class Gram:
    """`gram` as products with it, which walk over the pairs: no matrix."""

    def __init__(self, history: History, weights: torch.Tensor) -> None:
        self._taken, self._taken_by = history, history.transposed()
        self._weights = weights[:, None]

    def __matmul__(self, matrix: torch.Tensor) -> torch.Tensor:
        """(item rows, m) → (item rows, m)."""
        return sums(self._taken_by, sums(self._taken, matrix).mul_(self._weights))

    def diagonal(self) -> torch.Tensor:
        """(item rows,)."""
        return sums(self._taken_by, self._weights).squeeze(1)


@dataclass(frozen=True)
class ItemWeights:
    """`item_weights` as products with it, B M = M - P diag(P)⁻¹ M and BᵀM = M - diag(P)⁻¹ P M.

    P M is a system solved by conjugate gradients, so that time and memory grow with the pairs
    and the items, not with the square of the items.
    """

    together: Gram
    l2: torch.Tensor  # (item rows, 1)
    diagonal: torch.Tensor  # (item rows, 1): diag(P)
    is_transposed: bool = False

    @classmethod
    def of(cls, together: Gram, l2: torch.Tensor, generator: torch.Generator) -> "ItemWeights":
        """From (item rows,) l2 > 0.

        diag(P) is the mean of z ∘ Pz over 128 draws of z from ±1 (Bekas, Kokiopoulou and Saad
        2007). Its relative error at item j is |B_·j| / √128, which is a few percent.
        """
        draws = torch.randint(2, (len(l2), _PROBES), generator=generator).to(l2) * 2 - 1
        weights = cls(together, l2[:, None], l2.new_ones(len(l2), 1))
        found = (draws * weights._solve(draws)).mean(dim=1)
        # No inverse has less on its diagonal than the inverse of the diagonal.
        least = 1 / (together.diagonal() + l2)
        return cls(together, l2[:, None], found.maximum(least)[:, None])

    @property
    def T(self) -> "ItemWeights":  # noqa: N802 - as of a tensor
        """The transposed matrix."""
        return replace(self, is_transposed=not self.is_transposed)

    def __matmul__(self, matrix: torch.Tensor) -> torch.Tensor:
        """(item rows, m) → (item rows, m)."""
        if self.is_transposed:
            return matrix - self._solve(matrix) / self.diagonal
        return matrix - self._solve(matrix / self.diagonal)

    def _solve(self, right: torch.Tensor) -> torch.Tensor:
        """P times (item rows, m)."""
        diagonal = self.together.diagonal()[:, None] + self.l2
        blocks = [
            conjugate_gradients(
                lambda x: self.together @ x + self.l2 * x,
                block.contiguous(),
                diagonal,
                dim=0,
                tolerance=_TOLERANCE,
            )
            for block in torch.split(right, _AT_ONCE, dim=1)
        ]
        return torch.cat(blocks, dim=1)
