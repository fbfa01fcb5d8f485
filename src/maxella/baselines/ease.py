"""EASE: one weight from every item to every other, in closed form."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from maxella.baselines.popularity import Popularity
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.errors import ConfigError

MAX_ITEM_ROWS = 20_000
_USERS_AT_ONCE = 1024


@dataclass(frozen=True)
class Ease:
    """A linear item-to-item model without self-weights (Steck 2019, arXiv:1905.03375).

    With X the 0/1 matrix of who took what, minimises ‖X - XB‖² + λ‖B‖² under
    diag(B) = 0. A user's scores are their row of X times B. The unknown user and a user
    without history, whose row is empty, get popularity as their scores.
    """

    history: History
    weights: torch.Tensor  # (item rows, item rows) float32, zero diagonal
    popularity: Popularity

    @classmethod
    def fit(
        cls, train: Interactions, n_user_rows: int, n_item_rows: int, l2: float = 1000.0
    ) -> "Ease":
        """The exact minimum, computed with two (item rows)² matrices of float32 at most.

        ConfigError above 20,000 item rows, with the memory it would need.
        """
        if n_item_rows > MAX_ITEM_ROWS:
            raise ConfigError(
                f"EASE wants at most {MAX_ITEM_ROWS:,} items; got {n_item_rows:,}, for which it "
                f"needs {2 * 4 * n_item_rows**2 / 1e9:.1f} GB of memory. Leave 'ease' out of the "
                "baselines."
            )
        history = History.of(train, n_user_rows, n_item_rows)
        popularity = Popularity.fit(train, n_user_rows, n_item_rows)
        return cls(history, _weights(history, l2), popularity)

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        items, begins = self.history.items_of(users)
        scores = functional.embedding_bag(items, self.weights, begins, mode="sum")
        has_history = self.history.counts(users) > 0
        return torch.where(has_history[:, None], scores, self.popularity.score(users))


def _weights(history: History, l2: float) -> torch.Tensor:
    """B = I - P diag(P)⁻¹ with P = (XᵀX + λI)⁻¹, that is B_ij = -P_ij / P_jj off the diagonal."""
    gram = torch.zeros(history.n_item_rows, history.n_item_rows)
    for users in torch.split(torch.arange(history.n_user_rows), _USERS_AT_ONCE):
        taken = history.matrix(users)  # (chunk, item rows)
        gram.addmm_(taken.T.to_sparse(), taken)
    gram.diagonal().add_(l2)
    torch.linalg.cholesky(gram, out=gram)
    inverse = torch.cholesky_inverse(gram).T  # symmetric; transposed, its rows lie in sequence
    del gram
    weights = inverse.div_(-inverse.diagonal().clone())  # column j by -P_jj
    weights.fill_diagonal_(0.0)
    return weights
