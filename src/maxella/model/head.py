"""Embeddings of users and items → the answers of a task: what a head is."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import torch
from torch import nn

from maxella.data.entity_features import Features
from maxella.features.id import UNKNOWN_ROW
from maxella.model.reading import Reading
from maxella.model.row_table import RowTable

# Standard deviation that ratings are brought to: that of MovieLens 1M, with whose stars the priors
# and the learning rates were chosen.
SPREAD = 1.117
_MOST_CELLS = 2**14  # of a group of users


# What a task that looks at the order of what a user did sees: what came before, or after it too.
UsesTime = Literal["past", "around"]


@dataclass(frozen=True)
class HeadSpec:
    """All that fixes the head of one task but its weights."""

    task: str
    head: str  # of HEADS
    factors: int = 1  # of its dot product
    members: int = 1  # factorisations that it averages
    origin: float = 0.0  # what the head learns of a label is (label − origin) / unit
    unit: float = 1.0
    mean: float = 0.0  # label of the training part, so counted
    levels: tuple[float, ...] = ()  # distinct labels of training, ascending; () for too many
    range: tuple[float, float] | None = None  # answers are clipped to it; None: not clipped
    item_biases: bool = False  # whether a score has a bias for each item
    projects: bool = False  # whether a score has a projection of the queries of its own
    reads_context: bool = False  # whether it is told the context of a question
    uses_time: UsesTime | None = None  # what of the order of what a user did it looks at
    patterns: tuple[int, ...] = ()  # of events by which items are visited; () to know none
    neighbours: int = 0  # items that speak for an item beside the dot product; 0: none
    followers: int = 0  # the same of items that it comes after
    order: int = 0  # dimensions of each half of what reads the order of picks; 0: nothing does
    residual_process: bool = False  # whether what a user's ratings leave says how similar items do

    @property
    def uses_order(self) -> bool:
        """Whether it looks at the order of what a user did."""
        return self.uses_time is not None or self.followers > 0 or self.order > 0


@dataclass(frozen=True, kw_only=True)
class HeadShape(HeadSpec):
    """What a head is built from."""

    n_user_rows: int
    n_item_rows: int
    dim: int  # of the embeddings it reads
    generator: torch.Generator
    features: Features


class PairSide:
    """The users of some pairs, or the items: U rows, and which of them each of n pairs names."""

    def __init__(
        self, embeddings: torch.Tensor, rows: torch.Tensor, positions: torch.Tensor
    ) -> None:
        self.embeddings = embeddings  # (U, dim)
        self.rows = rows  # (U,) int64
        self._positions = Reading(positions)

    @property
    def n_pairs(self) -> int:
        """How many pairs there are."""
        return len(self._positions.positions)

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
        """The root mean square norm of the embeddings over the pairs, a scalar without a gradient.

        Over the pairs: where most items have one, the few with many have norms far above the rest.
        """
        squares = self.embeddings.detach().square().sum(dim=1)
        return self.of_pairs(squares).mean().sqrt()


@dataclass(frozen=True)
class UserGroup:
    """G users with about as many pairs each: n at most, and more than half of that."""

    users: torch.Tensor  # (G,) int64 positions of the users
    pairs: torch.Tensor  # (G, n) int64 positions of their pairs; past a user's own, of any
    given: torch.Tensor  # (G, n) float64: 1 at a user's own pairs, else 0


@dataclass(frozen=True)
class EmbeddedPairs:
    """n pairs of U users and I items, each user and item given once."""

    user_embeddings: torch.Tensor  # (U, dim)
    item_embeddings: torch.Tensor  # (I, dim)
    users: torch.Tensor  # (U,) int64 user rows
    items: torch.Tensor  # (I,) int64 item rows
    user_positions: torch.Tensor  # (n,) int64 into the users
    item_positions: torch.Tensor  # (n,) int64 into the items
    # (n,) what is added to each answer, in units of the head: time and context
    offsets: torch.Tensor | None = None

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

    @cached_property
    def begins(self) -> torch.Tensor:
        """(U,) where each user's pairs begin, of pairs that are sorted by user."""
        counts = torch.bincount(self.user_positions, minlength=len(self.users))
        return counts.cumsum(0) - counts

    def user_groups(self) -> Iterator[UserGroup]:
        """The users of pairs that are sorted by user, from those with the most pairs on.

        As tables of equal rows, so that all are fitted side by side.
        """
        counts = torch.bincount(self.user_positions, minlength=len(self.users))
        counts, order = counts.sort(descending=True, stable=True)
        begins, start = self.begins[order], 0
        while start < len(order):
            n = int(counts[start])
            alike = int((2 * counts[start:] > n).sum()) if n else len(order) - start
            stop = start + min(alike, max(1, _MOST_CELLS // max(1, n)))
            places = torch.arange(n).expand(stop - start, n)
            is_given = places < counts[start:stop, None]
            positions = (begins[start:stop, None] + places).where(is_given, 0)
            yield UserGroup(order[start:stop], positions, is_given.double())
            start = stop

    def with_offsets(self, answers: torch.Tensor) -> torch.Tensor:
        """(n, ...) sums → the same with the offsets added, where there are any."""
        if self.offsets is None:
            return answers
        return answers + self.offsets.view(-1, *[1] * (answers.dim() - 1))


@dataclass(frozen=True)
class Targets:
    """The labels of n pairs, and what a loss over them has to know of the batch."""

    labels: torch.Tensor  # (n,) counted in units of the head
    expected: float  # what the sum over labels is divided by; at least 1
    share: float = 1.0  # of the users that the batch holds: the share of the items' priors it bears
    done: float = 1.0  # share of the run that is done
    item_weights: torch.Tensor | None = None  # (I,) items that each item stands for; None: ones


class Head(nn.Module):
    """What makes a task's answers of embeddings, and all that it holds of users and items."""

    def row_tables(self) -> dict[str, RowTable]:
        """Its tables with a row for each user or item, by attribute."""
        return {}

    def of_users(self, rows: torch.Tensor) -> Self:
        """The same head for other users: (U,) rows of its user tables, which become 0 to U - 1."""
        other = copy.copy(self)
        other._modules = dict(self._modules)  # noqa: SLF001 - or the tables would be put into both
        for name, one in self.row_tables().items():
            if one.side == "user":
                weight = one.table.weight[rows]
                # Made from weights, it draws none.
                table = nn.Embedding.from_pretrained(weight, freeze=False)  # type: ignore[no-untyped-call]
                setattr(other, name, table)
        return other


class PairHead(Head, ABC):
    """A head that answers pairs: a rating, a probability.

    `forward` gives the answers, `terms` what training minimises, `distribution` how likely each
    level is, for a head that knows. It counts in units of its own, so that a scale of 20 to 100
    is learnt as one of 1 to 5: labels come in by `counted`, and answers go out by `answers`.
    """

    user_damping = 0.0  # L2 on the rows of a user, for a head whose loss has no priors
    origin: torch.Tensor
    unit: torch.Tensor
    levels: torch.Tensor  # (K,) ascending labels that it has a distribution over; none: it has none
    range: torch.Tensor  # (2,) lowest and highest answer that is given out

    def __init__(self, shape: HeadShape, levels: tuple[float, ...] = ()) -> None:
        super().__init__()
        # Facts of the model, no weights.
        low, high = shape.range or (-torch.inf, torch.inf)
        for name, fact in (
            ("origin", shape.origin),
            ("unit", shape.unit),
            ("levels", levels),
            ("range", [low, high]),
        ):
            self.register_buffer(name, torch.tensor(fact), persistent=False)

    def counted(self, labels: torch.Tensor) -> torch.Tensor:
        """(n,) labels → the same from the origin on, in units of the head."""
        return (labels - self.origin) / self.unit

    def answers(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) answers as labels are given, within their range where there is one."""
        low, high = self.range
        return (self.origin + self.unit * self(pairs)).clamp(low, high)  # type: ignore[no-any-return]

    @abstractmethod
    def terms(self, pairs: EmbeddedPairs, targets: Targets) -> dict[str, torch.Tensor]:
        """Pairs and their labels, counted → the terms of a label's loss, scalars.

        `fit`, how far answers are from labels, and of a head that has them `priors`.
        """

    def loss(self, pairs: EmbeddedPairs, targets: Targets) -> torch.Tensor:
        """Pairs and their labels, counted → the loss of a label, a scalar."""
        return torch.stack([*self.terms(pairs, targets).values()]).sum()

    def distribution(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n, K) probabilities of the levels; of a head without, none of none."""
        return pairs.user_embeddings.new_zeros(len(pairs.user_positions), 0)

    def tastes(self, items: torch.Tensor) -> torch.Tensor:
        """(item rows, dim) embeddings of all items → (item rows, w) how tastes tell them apart.

        The dot product of two is the covariance of what one user's taste makes of both; w is 0 for
        a head that has no tastes of its own.
        """
        return items.new_zeros(len(items), 0)

    def fit_users(self, pairs: EmbeddedPairs, labels: torch.Tensor) -> None:
        """Set the rows of the users of these pairs to the minimum of the loss for their labels.

        (n,) counted labels of pairs sorted by user. Nothing but the rows of these users moves, and
        no user moves another's; a head without tables of users stays as it is.
        """
        del pairs, labels
        if any(one.side == "user" for one in self.row_tables().values()):
            raise TypeError(f"{type(self).__name__} has tables of users: it wants a fit")
