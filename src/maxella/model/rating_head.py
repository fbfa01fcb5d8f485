"""Embeddings of a user and an item → the rating that the user gives."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class HeadShape:
    """What a rating head is built from."""

    n_user_rows: int
    n_item_rows: int
    dim: int  # of the embeddings it reads
    mean_rating: float  # of the training log
    generator: torch.Generator


class MlpHead(nn.Module):
    """Dense layers of 256, 128 and 1 on [user embedding, item embedding], as in the notebook.

    Starts as Keras does: Glorot uniform weights, zero biases.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        widths = [2 * shape.dim, 256, 128, 1]
        layers: list[nn.Module] = []
        for width, next_width in pairwise(widths):
            dense = nn.Linear(width, next_width)
            nn.init.xavier_uniform_(dense.weight, generator=shape.generator)
            nn.init.zeros_(dense.bias)
            layers += [dense, nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(
        self,
        user_embeddings: torch.Tensor,
        item_embeddings: torch.Tensor,
        users: torch.Tensor,
        items: torch.Tensor,
    ) -> torch.Tensor:
        """(n, dim) embeddings and (n,) rows of n pairs → (n,) ratings."""
        del users, items
        pairs = torch.cat([user_embeddings, item_embeddings], dim=1)  # (n, 2 · dim)
        return self.layers(pairs).squeeze(1)  # type: ignore[no-any-return]


class DotHead(nn.Module):
    """μ + b_u + b_i + (A u)·(B v): biases and a dot product in a subspace of the embeddings.

    Koren, Bell and Volinsky 2009 ("Matrix factorization techniques for recommender
    systems"), with the factors read off the retrieval embeddings u and v through the
    linear links A and B. An unknown user or item has no bias and a zero embedding: the
    prediction falls back to what is known of the other side.
    """

    RANK = 32

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor(shape.mean_rating))
        self.user_biases = nn.Embedding(shape.n_user_rows, 1, padding_idx=UNKNOWN_ROW)
        self.item_biases = nn.Embedding(shape.n_item_rows, 1, padding_idx=UNKNOWN_ROW)
        self.user_link = nn.Linear(shape.dim, self.RANK, bias=False)
        self.item_link = nn.Linear(shape.dim, self.RANK, bias=False)
        for biases in (self.user_biases, self.item_biases):
            nn.init.zeros_(biases.weight)
        for link in (self.user_link, self.item_link):
            nn.init.orthogonal_(link.weight, generator=shape.generator)

    def forward(
        self,
        user_embeddings: torch.Tensor,
        item_embeddings: torch.Tensor,
        users: torch.Tensor,
        items: torch.Tensor,
    ) -> torch.Tensor:
        """(n, dim) embeddings and (n,) rows of n pairs → (n,) ratings."""
        match = (self.user_link(user_embeddings) * self.item_link(item_embeddings)).sum(dim=1)
        biases = self.user_biases(users) + self.item_biases(items)  # (n, 1)
        return self.mean + biases.squeeze(1) + match  # type: ignore[no-any-return]


RATING_HEADS: dict[str, Callable[[HeadShape], nn.Module]] = {"dot": DotHead, "mlp": MlpHead}
