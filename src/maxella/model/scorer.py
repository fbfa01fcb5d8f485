"""A trained model as a pair of embedding matrices, ready to answer."""

import torch

from maxella.data.history import Bags, History
from maxella.features.id import UNKNOWN_ROW
from maxella.model.joint import JointModel


class Scorer:
    """Scores and ratings of a finished model; evaluation and serving both ask here.

    Every row is embedded once. The item bias of the retrieval score is folded in as one
    more dimension, (u, 1)·(v, b) = u·v + b, so a score is one plain dot product.
    """

    user_embeddings: torch.Tensor  # (user rows, dim), or one more with biases
    item_embeddings: torch.Tensor  # (item rows, dim), or one more with biases
    tower_items: torch.Tensor  # (item rows, dim), never with biases

    @torch.inference_mode()
    def __init__(self, model: JointModel, history: History) -> None:
        """`history`: what the users have by now; the history part of their tower reads it."""
        self._model = model
        users, items = torch.arange(history.n_user_rows), torch.arange(model.item_tower.n_rows)
        self.tower_items = model.item_tower(items)
        self._biases = model.retrieval_biases(items)
        self._tower_users = model.user_tower(users, history.bags(users))
        self.user_embeddings = self._with_ones(self._tower_users)
        self.item_embeddings = self.tower_items
        if self._biases is not None:
            self.item_embeddings = torch.cat([self.tower_items, self._biases.unsqueeze(1)], dim=1)

    @torch.inference_mode()
    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) retrieval scores."""
        return self.user_embeddings[users] @ self.item_embeddings.T

    @torch.inference_mode()
    def score_bags(self, bags: Bags) -> torch.Tensor:
        """Histories of users who were not there in training → (batch, item rows) scores."""
        nobody = torch.full((len(bags.counts),), UNKNOWN_ROW)
        return self._with_ones(self._model.user_tower(nobody, bags)) @ self.item_embeddings.T

    @torch.inference_mode()
    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) ratings, clipped where the model has a range."""
        pairs = torch.arange(len(users))
        ratings = self._model.rating_head(
            self._tower_users[users], self.tower_items[items], users, items, pairs, pairs
        )
        low, high = self._model.rating_range
        return ratings.clamp(low, high)

    def _with_ones(self, users: torch.Tensor) -> torch.Tensor:
        if self._biases is None:
            return users
        return torch.cat([users, users.new_ones(len(users), 1)], dim=1)
