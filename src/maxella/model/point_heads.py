"""Heads that answer a pair by one sum: a number, or a probability."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from maxella.features.id import UNKNOWN_ROW
from maxella.model.head import EmbeddedPairs, HeadShape, PairHead, Targets
from maxella.model.newton import Point, minimise
from maxella.model.row_table import RowTable

_LEAST = 1e-3  # probability that a logit starts from


class MlpHead(PairHead):
    """Dense layers of 256, 128 and 1 on [user embedding, item embedding], as in the notebook.

    Starts as Keras does: Glorot uniform weights, zero biases.
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        widths = [2 * shape.dim, 256, 128, 1]
        layers: list[nn.Module] = []
        for width, next_width in pairwise(widths):
            dense = nn.Linear(width, next_width)
            nn.init.xavier_uniform_(dense.weight, generator=shape.generator)
            nn.init.zeros_(dense.bias)
            layers += [dense, nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) answers."""
        u, v = pairs.of_users(pairs.user_embeddings), pairs.of_items(pairs.item_embeddings)
        return pairs.with_offsets(self.layers(torch.cat([u, v], dim=1)).squeeze(1))

    def terms(self, pairs: EmbeddedPairs, targets: Targets) -> dict[str, torch.Tensor]:
        """Σ (answer − label)² by the number of labels."""
        return {"fit": squared_error(self(pairs), targets.labels) / targets.expected}


class DotHead(PairHead):
    """μ + b_u + b_i + (A u)·(B v): biases and a dot product in a subspace of the embeddings.

    Koren, Bell and Volinsky 2009 ("Matrix factorization techniques for recommender
    systems"), with the factors read off the retrieval embeddings u and v through the
    linear links A and B. An unknown user or item has no bias and a zero embedding: the
    prediction falls back to what is known of the other side.
    """

    user_damping = 5.0  # labels that hold a bias at 0, as in the bias model

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        self.mean = nn.Parameter(torch.tensor(shape.mean))
        self.user_biases = nn.Embedding(shape.n_user_rows, 1, padding_idx=UNKNOWN_ROW)
        self.item_biases = nn.Embedding(shape.n_item_rows, 1, padding_idx=UNKNOWN_ROW)
        self.user_link = nn.Linear(shape.dim, shape.factors, bias=False)
        self.item_link = nn.Linear(shape.dim, shape.factors, bias=False)
        for biases in (self.user_biases, self.item_biases):
            nn.init.zeros_(biases.weight)
        for link in (self.user_link, self.item_link):
            nn.init.orthogonal_(link.weight, generator=shape.generator)

    def row_tables(self) -> dict[str, RowTable]:
        """The biases."""
        return {
            "user_biases": RowTable(self.user_biases, "user"),
            "item_biases": RowTable(self.item_biases, "item"),
        }

    def forward(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) answers."""
        return self.sums(pairs)

    def sums(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) sums."""
        u = pairs.of_users(self.user_link(pairs.user_embeddings))
        v = pairs.of_items(self.item_link(pairs.item_embeddings))
        biases = pairs.of_users(pairs.user_side.read(self.user_biases))
        biases = biases + pairs.of_items(pairs.item_side.read(self.item_biases))  # (n, 1)
        return pairs.with_offsets(self.mean + biases.squeeze(1) + (u * v).sum(dim=1))

    def terms(self, pairs: EmbeddedPairs, targets: Targets) -> dict[str, torch.Tensor]:
        """Σ (answer − label)² by the number of labels."""
        return {"fit": squared_error(self(pairs), targets.labels) / targets.expected}

    @torch.no_grad()
    def fit_users(self, pairs: EmbeddedPairs, labels: torch.Tensor) -> None:
        """As of any head, with the biases held by `user_damping` · their squares."""
        self.user_biases.weight[pairs.users] = 0.0
        sums = self.sums(pairs).double()
        for group in pairs.user_groups():
            found = self.best_bias(sums[group.pairs], labels[group.pairs].double(), group.given)
            weight = self.user_biases.weight
            weight[pairs.users[group.users]] = found.to(weight.dtype)

    def best_bias(
        self, sums: torch.Tensor, labels: torch.Tensor, given: torch.Tensor
    ) -> torch.Tensor:
        """(G, n) sums without the biases, labels, and which count → (G, 1) damped mean errors."""
        errors = (given * (labels - sums)).sum(dim=1, keepdim=True)
        return errors / (given.sum(dim=1, keepdim=True) + self.user_damping)


class LogisticHead(DotHead):
    """The probability of a 1: σ of the sum that `DotHead` makes."""

    user_damping = 1.0

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        with torch.no_grad():
            self.mean.copy_(self.mean.clamp(_LEAST, 1 - _LEAST).logit())

    def forward(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) probabilities."""
        return self.sums(pairs).sigmoid()

    def terms(self, pairs: EmbeddedPairs, targets: Targets) -> dict[str, torch.Tensor]:
        """Binary cross-entropy, in nats, by the number of labels."""
        logits = self.sums(pairs)
        total = functional.binary_cross_entropy_with_logits(logits, targets.labels, reduction="sum")
        return {"fit": total / targets.expected}

    def best_bias(
        self, sums: torch.Tensor, labels: torch.Tensor, given: torch.Tensor
    ) -> torch.Tensor:
        """As of the base, by Newton's method."""

        def at(biases: torch.Tensor) -> Point:
            logits = sums + biases
            chances = logits.sigmoid()
            costs = functional.softplus(logits) - labels * logits
            values = (given * costs).sum(dim=1) + self.user_damping * biases.square().sum(dim=1)
            slopes = (given * (chances - labels)).sum(dim=1, keepdim=True)
            bends = (given * chances * (1 - chances)).sum(dim=1, keepdim=True)
            bends = (bends + 2 * self.user_damping).unsqueeze(2)
            return Point(values, slopes + 2 * self.user_damping * biases, bends, bends)

        return minimise(at, sums.new_zeros(len(sums), 1))


def squared_error(predictions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Σ (prediction − label)², (n,) each.

    >>> squared_error(torch.tensor([3.0, 4.0]), torch.tensor([4.0, 2.0])).item()
    5.0
    """
    return (predictions - labels).square().sum()
