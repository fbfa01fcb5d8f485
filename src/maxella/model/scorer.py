"""A trained model as a pair of embedding matrices, ready to answer."""

import torch

from maxella.model.joint import JointModel


class Scorer:
    """Scores and ratings of a finished model; evaluation and serving both ask here.

    Every row is embedded once. The item bias of the retrieval score is folded in as one
    more dimension, (u, 1)·(v, b) = u·v + b, so a score is one plain dot product.
    """

    @torch.inference_mode()
    def __init__(self, model: JointModel) -> None:
        self._model = model
        self.user_tower_embeddings: torch.Tensor = model.user_tower(
            torch.arange(model.user_tower.n_rows)
        )
        item_rows = torch.arange(model.item_tower.n_rows)
        self.item_tower_embeddings: torch.Tensor = model.item_tower(item_rows)
        biases = model.retrieval_biases(item_rows)
        self.user_embeddings: torch.Tensor = (
            self.user_tower_embeddings
        )  # (user rows, dim), or one more with biases
        self.item_embeddings: torch.Tensor = (
            self.item_tower_embeddings
        )  # (item rows, dim), or one more with biases
        if biases is not None:
            ones = self.user_tower_embeddings.new_ones(len(self.user_tower_embeddings), 1)
            self.user_embeddings = torch.cat([self.user_tower_embeddings, ones], dim=1)
            self.item_embeddings = torch.cat(
                [self.item_tower_embeddings, biases.unsqueeze(1)], dim=1
            )

    @torch.inference_mode()
    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) retrieval scores."""
        return self.user_embeddings[users] @ self.item_embeddings.T

    @torch.inference_mode()
    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) ratings, clipped where the model has a range."""
        ratings = self._model.rate(
            self.user_tower_embeddings[users], self.item_tower_embeddings[items], users, items
        )
        low, high = self._model.rating_range
        return ratings.clamp(low, high)
