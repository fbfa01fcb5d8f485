"""Embeddings of users and items → the ratings of pairs of them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import nn

from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class HeadShape:
    """What a rating head is built from."""

    n_user_rows: int
    n_item_rows: int
    dim: int  # of the embeddings it reads
    rating_dim: int  # of the subspace in which it multiplies
    members: int  # factorisations that are averaged
    mean_rating: float  # of the training log
    generator: torch.Generator


class RatingHead(Protocol):
    """Rates pairs of the users and items that it is given once each."""

    def __call__(
        self,
        user_embeddings: torch.Tensor,
        item_embeddings: torch.Tensor,
        users: torch.Tensor,
        items: torch.Tensor,
        user_positions: torch.Tensor,
        item_positions: torch.Tensor,
    ) -> torch.Tensor:
        """(U, dim) and (I, dim) embeddings of (U,) and (I,) rows → (n,) ratings of n pairs.

        The pairs are positions into both, (n,) each.
        """
        ...


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
        user_positions: torch.Tensor,
        item_positions: torch.Tensor,
    ) -> torch.Tensor:
        """As `RatingHead` says."""
        del users, items
        # index_select: the gradient of u[...] adds up in an order that threads race for.
        u = user_embeddings.index_select(0, user_positions)
        v = item_embeddings.index_select(0, item_positions)
        return self.layers(torch.cat([u, v], dim=1)).squeeze(1)  # type: ignore[no-any-return]


class DotHead(nn.Module):
    """μ + b_u + b_i + (A u)·(B v): biases and a dot product in a subspace of the embeddings.

    Koren, Bell and Volinsky 2009 ("Matrix factorization techniques for recommender
    systems"), with the factors read off the retrieval embeddings u and v through the
    linear links A and B. An unknown user or item has no bias and a zero embedding: the
    prediction falls back to what is known of the other side.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor(shape.mean_rating))
        self.user_biases = nn.Embedding(shape.n_user_rows, 1, padding_idx=UNKNOWN_ROW)
        self.item_biases = nn.Embedding(shape.n_item_rows, 1, padding_idx=UNKNOWN_ROW)
        self.user_link = nn.Linear(shape.dim, shape.rating_dim, bias=False)
        self.item_link = nn.Linear(shape.dim, shape.rating_dim, bias=False)
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
        user_positions: torch.Tensor,
        item_positions: torch.Tensor,
    ) -> torch.Tensor:
        """As `RatingHead` says."""
        u = self.user_link(user_embeddings).index_select(0, user_positions)
        v = self.item_link(item_embeddings).index_select(0, item_positions)
        user_biases = self.user_biases(users).squeeze(1).index_select(0, user_positions)
        item_biases = self.item_biases(items).squeeze(1).index_select(0, item_positions)
        return self.mean + user_biases + item_biases + (u * v).sum(dim=1)  # type: ignore[no-any-return]
