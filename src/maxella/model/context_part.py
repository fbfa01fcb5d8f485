"""What the context of a question adds to scores and answers."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn
from torch.nn import functional

from maxella.data.contexts import ContextFeatures, Contexts
from maxella.errors import ConfigError
from maxella.features.age import UNKNOWN_AGE
from maxella.features.id import UNKNOWN_ROW

_MOST_CELLS = 100_000_000  # 400 MB


class ContextPart(nn.Module):
    """What one task is told of a context with columns c of weights w_c, for item i of age bucket a:

        a ranking adds to its score   Σ_c w_c k_ci + s_a − s̄_i
        an answer of pairs gets       Σ_c (w_c − w̄_c) β_c + s_a − s̄_i

    k_ci and s_a say how much more the item is picked than in the average context, for which the
    rest of the model is made; w̄_c is the mean over the training rows, s̄_i what the item's ages come
    to over them. Context-dependent biases (Baltrunas et al. 2011, CAMF). All is zero until
    `training.context_part` finds it; the unknown context adds nothing.
    """

    column_means: torch.Tensor  # (columns,) w̄
    age_probabilities: torch.Tensor  # (item rows, buckets) the item's age at training's rows
    item_days: torch.Tensor  # (item rows,) float64, NaN where not known; (0,) without ages
    edges: torch.Tensor  # (edges,) float64 days: those of the age buckets

    def __init__(self, features: ContextFeatures, n_item_rows: int, *, ranks: bool) -> None:
        super().__init__()
        ages = features.ages
        n_columns = features.features.n_columns
        if ranks and n_item_rows * n_columns > _MOST_CELLS:
            raise ConfigError(
                f"Features of the context want at most {_MOST_CELLS:,} weights; {n_columns:,} "
                f"columns by {n_item_rows:,} items are more. Raise a feature's min_count, or leave "
                "one out."
            )
        n_buckets = 0 if ages is None else ages.encoder.n_buckets
        self.ranks = ranks
        # Rows are items, so that new ones get rows of zeros; β is one row for all.
        self.table = nn.Parameter(torch.zeros(n_item_rows if ranks else 1, n_columns))  # k or β
        self.ages = nn.Parameter(torch.zeros(n_buckets))  # s
        self.age_means = nn.Parameter(torch.zeros(n_item_rows))  # s̄
        self.register_buffer("column_means", torch.zeros(n_columns))
        self.register_buffer("age_probabilities", torch.zeros(n_item_rows, n_buckets))
        # Facts of the data, no weights, so no part of a state.
        days = torch.empty(0, dtype=torch.float64) if ages is None else torch.from_numpy(ages.days)
        edges = () if ages is None else ages.encoder.edges
        self.register_buffer("item_days", days, persistent=False)
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float64), persistent=False)

    @property
    def has_ages(self) -> bool:
        """Whether the age of items counts."""
        return len(self.ages) > 0


@dataclass(frozen=True)
class InContext:
    """A context part, asked about contexts by their rows."""

    part: ContextPart
    contexts: Contexts

    def scores(self, rows: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """(n,) context rows, (k,) item rows (all, if not given) → (n, k) what scores get added."""
        if items is None:
            every = torch.arange(len(self.part.table))
            return self._with_ages(self._sum(self._by_column, rows), rows.unsqueeze(1), every)
        added = self._sum(self.part.table[items].T.contiguous(), rows)
        return self._with_ages(added, rows.unsqueeze(1), items)

    def of_pairs(self, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) context rows, (n,) item rows → (n,) what scores, or answers, get added."""
        if not self.part.ranks:
            table = self.part.table
            added = self._sum(table.T.contiguous(), rows).squeeze(1)
            added = added - (self.part.column_means @ table[0]) * (rows != UNKNOWN_ROW)
            return self._with_ages(added, rows, items)
        bags = self.contexts.bags.take(rows.numpy())
        owners = torch.arange(len(rows)).repeat_interleave(torch.from_numpy(bags.counts))
        cells = self.part.table[items[owners], torch.from_numpy(bags.columns)]
        added = torch.zeros(len(rows)).index_add_(0, owners, cells * torch.from_numpy(bags.weights))
        return self._with_ages(added, rows, items)

    def age_buckets(self, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Request rows and item rows that broadcast → int64 the bucket that each age is in."""
        ages = torch.from_numpy(self.contexts.days)[rows] - self.part.item_days[items]
        buckets = 1 + torch.bucketize(ages, self.part.edges, right=True)  # as `features.age.Age`
        return buckets.masked_fill(ages.isnan(), UNKNOWN_AGE)

    @cached_property
    def _by_column(self) -> torch.Tensor:
        """(columns, item rows) the table, so laid out that one column is in one piece."""
        return self.part.table.T.contiguous()

    def _with_ages(
        self, added: torch.Tensor, rows: torch.Tensor, items: torch.Tensor
    ) -> torch.Tensor:
        if not self.part.has_ages:
            return added
        of_ages = self.part.ages[self.age_buckets(rows, items)]
        return added + (of_ages - self.part.age_means[items]) * (rows != UNKNOWN_ROW)

    def _sum(self, table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        bags = self.contexts.bags.take(rows.numpy())
        columns, begins, weights = map(torch.from_numpy, (bags.columns, bags.begins, bags.weights))
        found: torch.Tensor = functional.embedding_bag(
            columns, table, begins, mode="sum", per_sample_weights=weights
        )
        return found
