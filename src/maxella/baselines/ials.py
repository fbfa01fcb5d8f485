"""iALS: a dot product of factors, fitted to all cells by alternating least squares."""

from dataclasses import dataclass, replace

import torch

from maxella.baselines.popularity import Popularity
from maxella.closed_form.ials import least_squares
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.errors import MissingExtraError
from maxella.seeds import numpy_generator


@dataclass(frozen=True)
class ImplicitALS:
    """Weighted matrix factorisation of who took what (Hu, Koren and Volinsky 2008).

    Minimises Σ c_ui (x_ui - u·v)² + λ (‖U‖² + ‖V‖²) over all cells, with c = α where
    x = 1 and c = 1 where x = 0, by the `implicit` package. The unknown user and a user
    without history get popularity as their scores.
    """

    user_factors: torch.Tensor  # (user rows, factors) float32
    item_factors: torch.Tensor  # (item rows, factors) float32
    has_history: torch.Tensor  # (user rows,) bool
    popularity: Popularity
    l2: float
    alpha: float

    @classmethod
    def fit(
        cls,
        train: Interactions,
        n_user_rows: int,
        n_item_rows: int,
        *,
        factors: int = 64,
        l2: float = 50.0,
        alpha: float = 4.0,
        sweeps: int = 14,
        seed: int = 42,
    ) -> "ImplicitALS":
        """The factors after `sweeps` passes over users and items from a start drawn by `seed`.

        `alpha` must be above 1: what was taken counts more than what was not.

        MissingExtraError where `implicit` is not installed.
        """
        try:
            from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415 an extra
            from scipy.sparse import csr_matrix  # noqa: PLC0415 an extra
            from threadpoolctl import threadpool_limits  # noqa: PLC0415 an extra
        except ModuleNotFoundError as error:
            raise MissingExtraError("implicit", "baselines") from error

        history = History.of(train, n_user_rows, n_item_rows)
        taken = csr_matrix(
            (torch.ones(len(history.items)).numpy(), history.items.numpy(), history.starts.numpy()),
            shape=(n_user_rows, n_item_rows),
        )
        # implicit has threads of its own, which those of BLAS would get in the way of.
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=factors,
                regularization=l2,
                alpha=alpha,
                iterations=sweeps,
                random_state=numpy_generator(seed, "ials"),
            )
            model.fit(taken, show_progress=False)
        return cls(
            torch.from_numpy(model.user_factors),
            torch.from_numpy(model.item_factors),
            history.counts(torch.arange(n_user_rows)) > 0,
            Popularity.fit(train, n_user_rows, n_item_rows),
            l2,
            alpha,
        )

    def told(self, known: Interactions) -> "ImplicitALS":
        """The same items, and users at the minimum of the loss for what is `known` by now."""
        history = History.of(known, len(self.user_factors), len(self.item_factors))
        # The loss, divided by α - 1, is that of `least_squares` but for a target of α / (α - 1).
        share = 1 / (self.alpha - 1)
        l2 = torch.full((len(self.user_factors),), self.l2 * share)
        users = least_squares(history, self.item_factors, l2, unobserved=share)
        return replace(
            self,
            user_factors=users * (self.alpha * share),
            has_history=history.counts(torch.arange(history.n_user_rows)) > 0,
        )

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        scores = self.user_factors[users] @ self.item_factors.T
        return torch.where(self.has_history[users][:, None], scores, self.popularity.score(users))
