"""A trained model as a pair of embedding matrices, ready to answer."""

import torch

from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.errors import ConfigError
from maxella.model.gaussian_factors import GaussianFactors
from maxella.model.joint import JointModel
from maxella.model.rating_head import RatedPairs


class Scorer:
    """Scores and ratings of a finished model; evaluation and serving both ask here.

    Every row is embedded once. The item bias of the retrieval score is folded in as one
    more dimension, (u, 1)·(v, b) = u·v + b, so a score is one plain dot product.
    """

    user_embeddings: torch.Tensor  # (user rows, dim), or one more with biases
    item_embeddings: torch.Tensor  # (item rows, dim), or one more with biases
    tower_items: torch.Tensor  # (item rows, dim), never with biases

    @torch.inference_mode()
    def __init__(self, model: JointModel, known: Interactions) -> None:
        """`known`: what the users have by now; the history part of their tower reads it."""
        self._model = model
        users, items = torch.arange(model.user_tower.n_rows), torch.arange(model.item_tower.n_rows)
        bags = None
        if model.user_tower.history is not None:
            bags = History.of(known, len(users), len(items)).bags(users)
        self._tower_users = model.user_tower(users, bags)
        self.tower_items = model.item_tower(items)
        self.user_embeddings, self.item_embeddings = self._tower_users, self.tower_items
        biases = model.retrieval_biases(items)
        if biases is not None:
            ones = self._tower_users.new_ones(len(users), 1)
            self.user_embeddings = torch.cat([self._tower_users, ones], dim=1)
            self.item_embeddings = torch.cat([self.tower_items, biases.unsqueeze(1)], dim=1)

    @torch.inference_mode()
    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) retrieval scores."""
        return self.user_embeddings[users] @ self.item_embeddings.T

    @torch.inference_mode()
    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) ratings, clipped where the model has a range."""
        ratings = self._model.rating_head(self._pairs(users, items))
        low, high = self._model.rating_range
        return ratings.clamp(low, high)  # type: ignore[no-any-return]

    @property
    def rating_levels(self) -> torch.Tensor:
        """(K,) the ratings that `distribution` is over; none where the model has no such thing."""
        head = self._model.rating_head
        return head.levels if isinstance(head, GaussianFactors) else torch.empty(0)

    @torch.inference_mode()
    def distribution(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n, K) probabilities of the rating levels.

        Raises ConfigError where the model has none.
        """
        head = self._model.rating_head
        if not isinstance(head, GaussianFactors) or not len(head.levels):
            raise ConfigError(
                "Wanted a distribution over ratings; this model has none. "
                "Train with model.rating_head = 'ordinal'."
            )
        return head.distribution(self._pairs(users, items))

    def _pairs(self, users: torch.Tensor, items: torch.Tensor) -> RatedPairs:
        each = torch.arange(len(users))
        u, v = self._tower_users[users], self.tower_items[items]
        return RatedPairs(u, v, users, items, each, each)
