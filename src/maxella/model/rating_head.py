"""Embeddings of users and items → the ratings of pairs of them."""

import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, Self

import torch
from torch import nn

from maxella.data.entity_features import EntityFeatures
from maxella.features.id import UNKNOWN_ROW
from maxella.model.reading import Reading


@dataclass(frozen=True)
class HeadShape:
    """What a rating head is built from."""

    n_user_rows: int
    n_item_rows: int
    dim: int  # of the embeddings it reads
    rating_dim: int  # of the subspace in which it multiplies
    members: int  # factorisations that are averaged
    levels: tuple[float, ...]  # the ratings that can be given, ascending; none: not known
    mean_rating: float  # of the training log
    generator: torch.Generator
    user_features: EntityFeatures | None = None
    item_features: EntityFeatures | None = None


class PairSide:
    """The users of some pairs, or the items: U rows, and which of them each of n pairs names."""

    def __init__(
        self, embeddings: torch.Tensor, rows: torch.Tensor, positions: torch.Tensor
    ) -> None:
        self.embeddings = embeddings  # (U, dim)
        self.rows = rows  # (U,) int64
        self._positions = Reading(positions)

    def of_pairs(self, values: torch.Tensor) -> torch.Tensor:
        """(U, ...) values of this side → (n, ...) those of the pairs."""
        return self._positions.of(values)

    def read(self, table: nn.Embedding) -> torch.Tensor:
        """(U, ...) what a table holds of this side."""
        if not table.embedding_dim:  # CUDA's gradient of no columns reads memory that is not there
            return self.embeddings.new_zeros(len(self.rows), 0)
        return table(self.rows)  # type: ignore[no-any-return]

    @cached_property
    def is_unknown(self) -> torch.Tensor:
        """(U,) bool."""
        return self.rows == UNKNOWN_ROW

    @cached_property
    def norm(self) -> torch.Tensor:
        """The root mean square norm of the embeddings, a scalar without a gradient."""
        return self.embeddings.detach().square().sum(dim=1).mean().sqrt()


@dataclass(frozen=True)
class RatedPairs:
    """n pairs of U users and I items, each user and item given once."""

    user_embeddings: torch.Tensor  # (U, dim)
    item_embeddings: torch.Tensor  # (I, dim)
    users: torch.Tensor  # (U,) int64 user rows
    items: torch.Tensor  # (I,) int64 item rows
    user_positions: torch.Tensor  # (n,) int64 into the users
    item_positions: torch.Tensor  # (n,) int64 into the items
    drifts: torch.Tensor | None = None  # (n,) how far above themselves users rate at the time

    @cached_property
    def user_side(self) -> PairSide:
        """The users."""
        return PairSide(self.user_embeddings, self.users, self.user_positions)

    @cached_property
    def item_side(self) -> PairSide:
        """The items."""
        return PairSide(self.item_embeddings, self.items, self.item_positions)

    def of_users(self, values: torch.Tensor) -> torch.Tensor:
        """(U, ...) values of the users → (n, ...) those of the pairs."""
        return self.user_side.of_pairs(values)

    def of_items(self, values: torch.Tensor) -> torch.Tensor:
        """(I, ...) values of the items → (n, ...) those of the pairs."""
        return self.item_side.of_pairs(values)

    def drifted(self, ratings: torch.Tensor) -> torch.Tensor:
        """(n, ...) ratings or tastes → the same at the time asked about, if one is."""
        if self.drifts is None:
            return ratings
        return ratings + self.drifts.view(-1, *[1] * (ratings.dim() - 1))


class RatingHead(nn.Module):
    """What every rating head can do beside rating pairs."""

    user_tables: ClassVar[tuple[str, ...]] = ()  # its embedding tables with a row for each user
    levels: torch.Tensor  # (K,) ascending ratings that it has a distribution over, if it has one

    def __init__(self, levels: tuple[float, ...] = ()) -> None:
        super().__init__()
        # A fact of the model, no weight.
        self.register_buffer("levels", torch.tensor(levels), persistent=False)

    def distribution(self, pairs: RatedPairs) -> torch.Tensor:
        """Pairs → (n, K) probabilities of the levels; of a head without, none of none."""
        return pairs.user_embeddings.new_zeros(len(pairs.user_positions), 0)

    def of_users(self, rows: torch.Tensor) -> Self:
        """The same head for other users: (U,) rows of its user tables, which become 0 to U - 1."""
        other = copy.copy(self)
        other._modules = dict(self._modules)  # noqa: SLF001 - or the tables would be put into both
        for name in self.user_tables:
            weight = getattr(self, name).weight[rows]
            table = nn.Embedding(*weight.shape)
            table.weight = nn.Parameter(weight)
            setattr(other, name, table)
        return other


class MlpHead(RatingHead):
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

    def forward(self, pairs: RatedPairs) -> torch.Tensor:
        """Pairs → (n,) ratings."""
        u, v = pairs.of_users(pairs.user_embeddings), pairs.of_items(pairs.item_embeddings)
        return pairs.drifted(self.layers(torch.cat([u, v], dim=1)).squeeze(1))


class DotHead(RatingHead):
    """μ + b_u + b_i + (A u)·(B v): biases and a dot product in a subspace of the embeddings.

    Koren, Bell and Volinsky 2009 ("Matrix factorization techniques for recommender
    systems"), with the factors read off the retrieval embeddings u and v through the
    linear links A and B. An unknown user or item has no bias and a zero embedding: the
    prediction falls back to what is known of the other side.
    """

    user_tables = ("user_biases",)

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

    def forward(self, pairs: RatedPairs) -> torch.Tensor:
        """Pairs → (n,) ratings."""
        u = pairs.of_users(self.user_link(pairs.user_embeddings))
        v = pairs.of_items(self.item_link(pairs.item_embeddings))
        biases = pairs.of_users(pairs.user_side.read(self.user_biases))
        biases = biases + pairs.of_items(pairs.item_side.read(self.item_biases))  # (n, 1)
        return pairs.drifted(self.mean + biases.squeeze(1) + (u * v).sum(dim=1))
